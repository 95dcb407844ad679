"""What a peer says: whether it is STIX 2.1 at all, and what it makes of an incident's history here.

Pure: objects in, reasons or entries out. A version of an object says what it says once; a later one adds only what it
changes, so that what analysts here decided since stands until the peer says something new.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sharing.stix import INCIDENT_CORE, NUMBERED, OUR_EXTENSION
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Entry, EntryKind, Incident, Status, entry_id
from vonggac.domain.marking import Tlp
from vonggac.domain.text import nfc
from vonggac.domain.times import format_instant, parse_instant

#: `VN-2026-000123`; other programs may write theirs in another way.
_NUMBER = re.compile(r"[A-Za-z0-9][A-Za-z0-9./-]{0,59}")
MAX_OBJECT_DEPTH = 64
MAX_PATTERN = 16_384  # characters
#: A class of the taxonomy RSIT, with or without its type.
_RSIT = re.compile(r"[a-z-]{1,60}(?:/[a-z0-9-]{1,60})?")

#: Properties that any object may have (STIX 2.1 §3.2), and what they are lists of.
_LISTS: Mapping[str, type] = {"object_marking_refs": str, "granular_markings": Mapping, "external_references": Mapping}


def fault(obj: object) -> str | None:
    """Why this is no STIX 2.1 object that can be kept, or None (STIX 2.1 §3.1, §3.2)."""
    if not isinstance(obj, Mapping):
        return "not a JSON object"
    kind, identity = obj.get("type"), obj.get("id")
    if not isinstance(kind, str) or not isinstance(identity, str):
        return "type or id is missing"
    if not identity.startswith(f"{kind}--"):
        return "id does not begin with the type"
    if obj.get("spec_version", "2.1") != "2.1":
        return f"spec_version {obj['spec_version']} is not 2.1"
    for name in ("created", "modified"):
        if name in obj:
            try:
                parse_instant(str(obj[name]))
            except ValueError:
                return f"{name} is not a time"
    if _depth(obj) > MAX_OBJECT_DEPTH:
        return f"nested deeper than {MAX_OBJECT_DEPTH}"
    for name, inner in _LISTS.items():
        value = obj.get(name, [])
        if not isinstance(value, list) or not all(isinstance(each, inner) for each in value):
            return f"{name} is not a list of {'objects' if inner is Mapping else 'ids'}"
    extensions = obj.get("extensions", {})
    if not isinstance(extensions, Mapping) or not all(isinstance(each, Mapping) for each in extensions.values()):
        return "extensions is not an object of objects"
    if kind == "incident" and not obj.get("name"):
        return "an incident needs a name"
    if kind in ("incident", "indicator") and not ("created" in obj and "modified" in obj):
        return "created or modified is missing"
    if kind == "indicator":
        return _pattern_fault(obj.get("pattern"), obj.get("pattern_type", "stix"))
    return None


def _pattern_fault(pattern: object, language: object) -> str | None:
    """Why an indicator's pattern is none (STIX 2.1 §4.7, §9); those of other languages (Sigma, Snort) are not read."""
    if not isinstance(pattern, str) or not pattern:
        return "an indicator needs a pattern"
    if language != "stix":
        return None
    if len(pattern) > MAX_PATTERN:
        return f"a pattern longer than {MAX_PATTERN} characters"
    from stix2patterns.exceptions import ParseException
    from stix2patterns.v21.pattern import Pattern

    try:
        Pattern(pattern)
    except ParseException as error:
        return f"not a STIX pattern: {str(error)[:200]}"
    except RecursionError:
        return "a pattern nested too deeply"
    return None


def _depth(value: object) -> int:
    """How deep a JSON value is nested, counted without recursion and only as far as it matters."""
    level, here = 0, [value]
    while here and level <= MAX_OBJECT_DEPTH + 1:
        level += 1
        inner: list[object] = []
        for item in here:
            if isinstance(item, Mapping):
                inner += [each for each in item.values() if isinstance(each, (Mapping, list))]
            elif isinstance(item, list):
                inner += [each for each in item if isinstance(each, (Mapping, list))]
        here = inner
    return level


def details_of(obj: Mapping[str, Any]) -> Mapping[str, Any]:
    """Our extension of an incident; empty where there is none."""
    extension = obj.get("extensions", {}).get(OUR_EXTENSION, {})
    return extension if isinstance(extension, Mapping) else {}


def numbers_of(obj: Mapping[str, Any]) -> list[str]:
    """The readable numbers that nodes gave it, that of the node where it began first."""
    references = obj.get("external_references", ())
    named = [str(each.get("external_id", "")) for each in references if each.get("source_name") == NUMBERED]
    return [number for number in named if _NUMBER.fullmatch(number)]


@dataclass(frozen=True, slots=True)
class Word:
    """One version of an incident object, as somebody (`actor`) said it now."""

    obj: Mapping[str, Any]
    tlp: Tlp
    actor: str
    now: datetime

    @property
    def version(self) -> str:
        return str(self.obj["modified"])

    def entry(self, identity: str, kind: EntryKind, happened: datetime, data: Mapping[str, Any], *parts: str) -> Entry:
        """`parts` name the fact among those of its kind."""
        return Entry(entry_id(identity, kind, *parts), kind, happened, self.now, self.actor, data)


def opening(identity: str, word: Word) -> list[Entry]:
    """The history that begins with this object."""
    obj, details = word.obj, details_of(word.obj)
    happened = parse_instant(str(details.get("first_at") or obj["created"]))
    last = parse_instant(str(details.get("last_at") or details.get("first_at") or obj["created"]))
    opened = {
        "title": nfc(str(obj["name"])),
        "title_vi": nfc(str(obj.get("description") or obj["name"])),
        "kind": str(details.get("kind", "")),
        "entity": str(details.get("entity", "")),
        **_judgement(word),
        "test": bool(details.get("test", False)),
        "origin": str(obj["id"]),
        "origin_number": next(iter(numbers_of(obj)), ""),
        "version": word.version,
        "last_at": format_instant(last),
    }
    entries = [word.entry(identity, EntryKind.OPENED, happened, opened)]
    return [*entries, *_involved(identity, word, happened), *_status(identity, word)]


def changes(incident: Incident, history: Sequence[Entry], word: Word) -> list[Entry]:
    """What a further version of the object adds; nothing when it is not newer than the one that opened the incident."""
    changed = parse_instant(word.version)
    if changed <= parse_instant(str(history[0].data.get("version") or word.version)):
        return []
    entries = [
        word.entry(incident.id, kind, changed, said, word.version)
        for kind, said in _judgements(word)
        if any(value != _last_said(history, word.actor, kind, name) for name, value in said.items())
    ]
    status = _status(incident.id, word) or _reopened(incident, history, word)
    return [*entries, *_involved(incident.id, word, changed), *status]


def _judgements(word: Word) -> Iterator[tuple[EntryKind, dict[str, str]]]:
    said = _judgement(word)
    kinds = {EntryKind.CATEGORISED: ("category", "rsit"), EntryKind.RATED: ("severity",), EntryKind.MARKED: ("tlp",)}
    for kind, names in kinds.items():
        yield kind, {name: said[name] for name in names}


def _last_said(history: Sequence[Entry], actor: str, kind: EntryKind, name: str) -> str | None:
    """What this actor said of it last, in the opening or since; None when it never did."""
    told = (entry for entry in reversed(history) if entry.actor == actor and entry.kind in (kind, EntryKind.OPENED))
    return next((str(entry.data[name]) for entry in told if name in entry.data), None)


def _judgement(word: Word) -> dict[str, str]:
    details = details_of(word.obj)
    return {
        "category": str(details.get("category") or "other"),
        "rsit": rsit if _RSIT.fullmatch(rsit := str(details.get("rsit", ""))) else "",
        "severity": _severity(word.obj, details),
        "tlp": str(word.tlp),
    }


def _involved(identity: str, word: Word, happened: datetime) -> list[Entry]:
    return [
        word.entry(
            identity,
            EntryKind.INVOLVED,
            happened,
            {"agency": str(each["agency"]), "role": str(each["role"])},
            str(each["agency"]),
            str(each["role"]),
        )
        for each in details_of(word.obj).get("involvements", ())
    ]


def _status(identity: str, word: Word) -> list[Entry]:
    """A peer's withdrawal makes a false positive here, its end of the investigation a closed incident."""
    core = word.obj.get("extensions", {}).get(INCIDENT_CORE, {})
    if word.obj.get("revoked") or core.get("determination") == "false-positive":
        status = Status.FALSE_POSITIVE
    elif core.get("investigation_status") == "closed":
        status = Status.CLOSED
    else:
        return []
    changed = parse_instant(word.version)
    data = {"to": str(status), "reason": f"{word.actor}: {format_instant(changed)}"}
    return [word.entry(identity, EntryKind.TRANSITIONED, changed, data, word.version)]


def _reopened(incident: Incident, history: Sequence[Entry], word: Word) -> list[Entry]:
    """A peer that goes on with what it had closed opens it again here too."""
    moves = [entry for entry in history if entry.kind is EntryKind.TRANSITIONED]
    if incident.status is not Status.CLOSED or not moves or moves[-1].actor != word.actor:
        return []
    changed = parse_instant(word.version)
    data = {"to": str(Status.REOPENED), "reason": f"{word.actor}: {format_instant(changed)}"}
    return [word.entry(incident.id, EntryKind.TRANSITIONED, changed, data, word.version)]


def _severity(obj: Mapping[str, Any], details: Mapping[str, Any]) -> str:
    if details.get("severity") in list(Severity):
        return str(details["severity"])
    criticality = obj.get("extensions", {}).get(INCIDENT_CORE, {}).get("criticality")
    if not isinstance(criticality, int):
        return str(Severity.MEDIUM)
    return str(list(Severity)[min(3, max(0, (criticality - 1) // 25))])
