"""What an incident counted as, and from when until when we knew it so: the history seen from the statistician's side.

A history is cut into states. In each the incident counts the same way, so what was counted at any instant is a question
to the states of that instant, with no history to read again.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum

from vonggac.domain.fold import as_learned, fold
from vonggac.domain.incident import Entry, EntryKind, Incident, Involvement


class Span(StrEnum):
    """How long it took, in whole seconds from when the incident first happened."""

    DETECT = "detect"  # until we knew of it
    CONTAIN = "contain"  # until it was contained, eradicated or closed
    CLOSE = "close"


@dataclass(frozen=True, slots=True)
class Facts:
    """What statistics count by, but for the agencies. `found` is whether the watch itself found it, no report from
    outside; `systems` how many information systems are known to be hit; `agencies` how many are involved."""

    category: str
    severity: str
    cause: str
    counted: bool
    found: bool = False
    systems: int = 0
    agencies: int = 0


#: Who is involved, sorted.
Parties = tuple[Involvement, ...]
#: The codes of those who are involved, in whatever role, sorted, each once: what statistics count by.
Agencies = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class State:
    """One incident as it was known from `since` on, until the next state. `spans` are those that have an end."""

    since: datetime
    occurred_at: datetime
    facts: Facts
    parties: Parties
    spans: Mapping[Span, int]

    @property
    def agencies(self) -> Agencies:
        return agencies_of(self.parties)


def agencies_of(parties: Parties) -> Agencies:
    return tuple(sorted({each.agency for each in parties}))


def state_of(incident: Incident, since: datetime) -> State:
    return State(
        since=since,
        occurred_at=incident.first_at,
        facts=Facts(
            category=incident.category,
            severity=str(incident.severity),
            cause=str(incident.cause),
            counted=incident.counted,
            found=incident.found,
            systems=len({name for _, name in incident.reach.systems.values() if name}),
            agencies=len(incident.agencies),
        ),
        parties=incident.involvements,
        spans=_spans(incident),
    )


def _spans(incident: Incident) -> dict[Span, int]:
    ends = {
        Span.DETECT: incident.opened_at,
        Span.CONTAIN: incident.contained_at,
        Span.CLOSE: incident.closed_at,  # none for an old case of which nobody says when it was
    }
    return {
        span: max(0, (end - incident.first_at) // timedelta(seconds=1)) for span, end in ends.items() if end is not None
    }


def told_by(identity: str, entries: Sequence[Entry]) -> tuple[Incident | None, tuple[State, ...]]:
    """The incident that the history is the fold of, and its states, oldest first: what was known at an instant is the
    last that began by then."""
    incident, states = None, []
    for instant, incident in _at_each_instant(identity, entries):
        states.append(state_of(incident, instant))
    return incident, _changes(states)


def _at_each_instant(identity: str, entries: Sequence[Entry]) -> Iterator[tuple[datetime, Incident]]:
    times = [entry.known_at for entry in entries]
    if times == sorted(times) and all(entry.kind is not EntryKind.UNDONE for entry in entries):
        yield from as_learned(identity, entries)
        return
    for instant in sorted(set(times)):
        incident = fold(identity, entries, known_at=instant)
        if incident is not None:
            yield instant, incident


def followed(before: Sequence[State], incident: Incident, added: Sequence[Entry]) -> tuple[State, ...] | None:
    """The states after `added` entries have made `incident` of the history with the states `before`; None if that takes
    the whole history: they were learned at several instants, or before what is there already."""
    instants = {entry.known_at for entry in added}
    if len(instants) != 1 or not before or incident.changed_at not in instants:
        return None
    (instant,) = instants
    earlier = [state for state in before if state.since < instant]
    return _changes((*earlier, state_of(incident, instant)))


def _changes(states: Iterable[State]) -> tuple[State, ...]:
    """Without those that count as the one before."""
    kept: list[State] = []
    for state in states:
        if not kept or _counts(kept[-1]) != _counts(state):
            kept.append(state)
    return tuple(kept)


def _counts(state: State) -> tuple[object, ...]:
    return state.occurred_at, state.facts, state.parties, state.spans
