"""Which incidents may be one and the same, reported by several: told with what they share, for people to decide."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import timedelta
from enum import StrEnum
from ipaddress import ip_address, ip_network
from itertools import combinations

from vonggac.domain.incident import Incident, Status

#: How far apart in time two reports of one thing may be: a false page stands for days before the second victim calls.
NEAR = timedelta(days=7)

#: Addresses that mean another machine in every network (RFC 1918, 3927, 4193, 4291, 5735).
_LOCAL = tuple(
    map(
        ip_network,
        ("10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "127.0.0.0/8", "169.254.0.0/16", "fc00::/7", "fe80::/10"),
    )
)
_DEFANGED = (("[.]", "."), ("(.)", "."), ("[dot]", "."), ("[:]", ":"), ("hxxp", "http"))
_PLACE = re.compile(r"(?:https?://)?((?:[\w-]+\.)+[^\W\d_][\w-]{1,62})\.?(?::\d+)?(/[^\s\"'<>]*)?")
#: Endings by which a name in a title is a file.
_FILES = frozenset(
    (
        *("doc", "docx", "pdf", "rar", "txt", "xls", "xlsx", "zip"),
        *(
            "bat",
            "bin",
            "conf",
            "dll",
            "exe",
            "htm",
            "html",
            "jar",
            "js",
            "log",
            "php",
            "ps1",
            "py",
            "scr",
            "sh",
            "vbs",
        ),
    )
)


class Shared(StrEnum):
    """What two incidents have in common."""

    URL = "url"
    HOST = "host"
    ADDRESS = "address"
    ENTITY = "entity"
    PEER = "peer"  # nothing but the word of a peer


@dataclass(frozen=True, slots=True, order=True)
class Sign:
    what: Shared
    value: str


@dataclass(frozen=True, slots=True)
class Candidate:
    """An incident that may be the same as another, and the signs that both bear."""

    incident: Incident
    signs: tuple[Sign, ...]


def candidates(incident: Incident, others: Iterable[Incident]) -> tuple[Candidate, ...]:
    """Those of the others that may be the same: of its category, of another origin or agency, at most NEAR apart and
    with a sign in common; and those of which a peer says so. Those with most signs first."""
    own = signs_of(incident)
    found = [Candidate(other, _common(incident, own, other)) for other in others if _comparable(incident, other)]
    return tuple(sorted((each for each in found if each.signs), key=lambda each: (-len(each.signs), each.incident.id)))


def pairs(incidents: Iterable[Incident]) -> Iterator[tuple[Incident, Candidate]]:
    """Each two that may be the same, once: the one that we learned of later, and the earlier one as its candidate."""
    alike: dict[object, list[Incident]] = defaultdict(list)
    for incident in sorted(incidents, key=lambda each: (each.opened_at, each.id)):
        for sign in signs_of(incident):
            alike[incident.category, sign].append(incident)
        for name in (incident.id, *incident.likened):
            alike[name].append(incident)
    told: set[tuple[str, str]] = set()
    for bucket in alike.values():
        for earlier, later in combinations(bucket, 2):
            if (earlier.id, later.id) not in told and (found := candidates(later, [earlier])):
                told.add((earlier.id, later.id))
                yield later, found[0]


def signs_of(incident: Incident) -> frozenset[Sign]:
    """The places and addresses that it names, written in one way; its entity where that is none."""
    named = {sign for text in (incident.title, incident.title_vi) for sign in _places(text)}
    entity = incident.entity.strip()
    of_entity = set(_places(entity)) | ({Sign(Shared.ADDRESS, entity)} if _is_address(entity) else set())
    if entity and not of_entity:
        of_entity = {Sign(Shared.ENTITY, entity.casefold())}
    addresses = {Sign(Shared.ADDRESS, machine) for machine in incident.machines}
    return frozenset(sign for sign in named | of_entity | addresses if not _is_local(sign.value))


def _common(incident: Incident, own: frozenset[Sign], other: Incident) -> tuple[Sign, ...]:
    signs = sorted(own & signs_of(other)) if _near(incident, other) else []
    if other.id in incident.likened or incident.id in other.likened:
        signs.append(Sign(Shared.PEER, ""))
    return tuple(signs)


def _comparable(one: Incident, other: Incident) -> bool:
    """Whether they could be merged at all."""
    merged = Status.MERGED in (one.status, other.status)
    return not merged and one.id != other.id and one.counted == other.counted


def _near(one: Incident, other: Incident) -> bool:
    apart = one.origin != other.origin or one.agencies != other.agencies
    in_time = one.first_at - NEAR <= other.last_at and other.first_at <= one.last_at + NEAR
    return apart and in_time and one.category == other.category


def _places(text: str) -> Iterator[Sign]:
    """Hosts and addresses of pages in a text, also such as were made harmless to click."""
    plain = text.casefold()
    for written, meant in _DEFANGED:
        plain = plain.replace(written, meant)
    for found in _PLACE.finditer(plain):
        host, path = _host(found[1]), (found[2] or "").rstrip("/.,;)")
        if host.rpartition(".")[2] in _FILES:
            continue
        yield Sign(Shared.HOST, host)
        if path:
            yield Sign(Shared.URL, host + path)


def _host(name: str) -> str:
    """As DNS has it (RFC 5890), without `www.`: the same page answers under both."""
    bare = name.removeprefix("www.")
    try:
        return bare.encode("idna").decode()
    except UnicodeError:
        return bare


def _is_address(text: str) -> bool:
    try:
        ip_address(text)
    except ValueError:
        return False
    return True


def _is_local(text: str) -> bool:
    return _is_address(text) and any(ip_address(text) in network for network in _LOCAL)
