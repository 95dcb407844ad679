"""How a history grows, and what of an incident stands in a summary for queries: the same for every backend."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import fields
from functools import lru_cache
from typing import Any

import orjson

from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, EntryKind, Incident, Involvement, Role
from vonggac.domain.states import Agencies, Facts, Parties, State, told_by
from vonggac.domain.times import VIETNAM, format_instant, parse_instant
from vonggac.errors import Conflict, UsageRefused


def new_entries(
    identity: str, present: Sequence[Entry], entries: Sequence[Entry], expected_version: int | None
) -> tuple[Entry, ...]:
    """The entries that are not there yet, in order, each id once.

    Raises Conflict when `expected_version` is not the length of what is present, and UsageRefused when a new history
    does not begin with `opened`.
    """
    if expected_version is not None and expected_version != len(present):
        raise Conflict("incident_changed", incident=identity, expected=expected_version, found=len(present))
    known = {entry.id for entry in present}
    fresh: dict[str, Entry] = {}
    for entry in entries:
        if entry.id not in known:
            fresh.setdefault(entry.id, entry)
    added = tuple(fresh.values())
    if not present and (not added or added[0].kind is not EntryKind.OPENED):
        raise UsageRefused("history_not_opened", incident=identity)
    return added


def folded(identity: str, entries: Sequence[Entry]) -> Incident:
    """The incident now. Raises UsageRefused when the history tells of none, or an entry cannot be read."""
    try:
        return _one(identity, fold(identity, entries))
    except (KeyError, ValueError, TypeError) as error:
        raise _unreadable(identity, error) from error


def told(identity: str, entries: Sequence[Entry]) -> tuple[Incident, tuple[State, ...]]:
    """The incident now, and its states. Raises as `folded` does."""
    try:
        incident, states = told_by(identity, entries)
        return _one(identity, incident), states
    except (KeyError, ValueError, TypeError) as error:
        raise _unreadable(identity, error) from error


def _one(identity: str, incident: Incident | None) -> Incident:
    if incident is None:
        raise UsageRefused("history_not_opened", incident=identity)
    return incident


def _unreadable(identity: str, error: Exception) -> UsageRefused:
    return UsageRefused("history_unreadable", incident=identity, reason=f"{type(error).__name__}: {error}")


def numbered(entries: Sequence[Entry], number: Callable[[int], str]) -> tuple[Entry, ...]:
    """A new history whose opening bears its readable number, which `number` gives for the year in Vietnam in which we
    learned of it."""
    opening, *rest = entries
    data = {**opening.data, "number": number(opening.known_at.astimezone(VIETNAM).year)}
    return Entry(opening.id, opening.kind, opening.happened_at, opening.known_at, opening.actor, data), *rest


def readable(year: int, count: int) -> str:
    return f"VN-{year}-{count:06d}"


_FACTS = tuple(each.name for each in fields(Facts))


def facts_text(facts: Facts) -> str:
    """The same text for the same facts, which `facts_from` reads back."""
    return orjson.dumps([getattr(facts, name) for name in _FACTS]).decode()


@lru_cache(maxsize=10_000)
def facts_from(text: str) -> Facts:
    return Facts(*orjson.loads(text))


def parties_text(parties: Parties) -> str:
    """The same text for the same parties, which `parties_from` reads back."""
    return orjson.dumps([(each.agency, each.role) for each in parties]).decode()


@lru_cache(maxsize=65_536)
def parties_from(text: str) -> Parties:
    return tuple(Involvement(agency, Role(role)) for agency, role in orjson.loads(text))


def agencies_text(agencies: Agencies) -> str:
    """The same text for the same agencies, which `agencies_from` reads back."""
    return orjson.dumps(agencies).decode()


def agencies_from(text: str) -> Agencies:
    return tuple(orjson.loads(text))


def each_agencies_from(texts: str) -> Iterator[Agencies]:
    """What `agencies_from` reads in many texts with commas between them, at once."""
    return map(tuple, orjson.loads(f"[{texts}]"))


def entry_document(entry: Entry) -> dict[str, Any]:
    return {
        "id": entry.id,
        "kind": str(entry.kind),
        "happened_at": _written(entry.happened_at),
        "known_at": _written(entry.known_at),
        "actor": entry.actor,
        "data": entry.data,
    }


#: The entries of one incident share their instants.
_written = lru_cache(maxsize=1_000)(format_instant)


def entry_from(document: Mapping[str, Any]) -> Entry:
    return Entry(
        id=document["id"],
        kind=EntryKind(document["kind"]),
        happened_at=parse_instant(document["happened_at"]),
        known_at=parse_instant(document["known_at"]),
        actor=document["actor"],
        data=document["data"],
    )
