"""An incident is the fold of its history.

`fold(entries, known_at=...)` is the incident as it was known at that instant. Corrections are entries, never edits; an
undone entry stays in the history and leaves the fold. One pass, whatever the length: scans make long histories.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import fields
from datetime import datetime
from itertools import groupby
from operator import attrgetter
from typing import Any

from vonggac.domain.detection import Severity
from vonggac.domain.incident import (
    CONTAINED,
    CORRELATOR,
    ENDED,
    PERSON,
    Cause,
    Entry,
    EntryKind,
    Evidence,
    Incident,
    Involvement,
    Note,
    Role,
    Status,
    evidence_from,
    severity_of,
)
from vonggac.domain.marking import parse_tlp
from vonggac.domain.reach import grown, reach_of
from vonggac.domain.severity import Grading, rating_from
from vonggac.domain.times import parse_instant


def fold(identity: str, entries: Sequence[Entry], *, known_at: datetime | None = None) -> Incident | None:
    """The incident that a history tells of, as known at an instant (default: now); None if not yet known then.

    The order of entries is the order in which they were appended.
    """
    known = [entry for entry in entries if known_at is None or entry.known_at <= known_at]
    undone = undone_ids(known)
    standing = [entry for entry in known if entry.id not in undone and entry.kind is not EntryKind.UNDONE]
    draft = _applied(identity, None, standing)
    if draft is None:
        return None
    draft.set(version=len(known), changed_at=max(entry.known_at for entry in known), wholes=_wholes(known))
    return draft.done()


def advance(identity: str, incident: Incident | None, entries: Sequence[Entry]) -> Incident | None:
    """What `incident` becomes by further entries of which none is an undo; the same as folding the longer history."""
    draft = _applied(identity, incident, entries)
    if draft is None:
        return None
    draft.set(
        version=(incident.version if incident else 0) + len(entries),
        changed_at=max([draft.incident.changed_at, *(entry.known_at for entry in entries)]),
        wholes=tuple(dict.fromkeys((*draft.incident.wholes, *_wholes(entries)))),
    )
    return draft.done()


def as_learned(identity: str, entries: Sequence[Entry]) -> Iterator[tuple[datetime, Incident]]:
    """Each instant at which something was learned, and the incident as it was known from then on, of entries that stand
    in that order and of which none is an undo. It is one incident that grows: look at it before the next instant."""
    draft: _Draft | None = None
    version, wholes = 0, dict[str, None]()
    for instant, group in groupby(entries, attrgetter("known_at")):
        for entry in group:
            version += 1
            draft = _with(draft, identity, entry)
            if entry.kind is EntryKind.MERGED:
                wholes[str(entry.data["into"])] = None
        if draft is not None:
            draft.set(version=version, changed_at=instant, wholes=tuple(wholes))
            yield instant, draft.done()


def _wholes(entries: Iterable[Entry]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(str(entry.data["into"]) for entry in entries if entry.kind is EntryKind.MERGED))


def undone_ids(entries: Iterable[Entry]) -> frozenset[str]:
    """Of the entries that an undo in force takes out; undoing an undo brings them back."""
    undone: set[str] = set()
    for entry in reversed(list(entries)):
        if entry.kind is EntryKind.UNDONE and entry.id not in undone:
            undone.add(str(entry.data["entry"]))
    return frozenset(undone)


class _Draft:
    """An incident while entries are applied to it, its evidence by detection. Nobody else has the incident yet, so that
    its fields can be set one by one."""

    def __init__(self, incident: Incident) -> None:
        self.incident = incident
        self.evidence = {part.detection: part for part in incident.evidence}
        self.reach = incident.reach

    def add(self, part: Evidence) -> None:
        self.evidence[part.detection] = part
        self.reach = grown(self.reach, part)

    def set(self, **fields: Any) -> None:
        for name, value in fields.items():
            object.__setattr__(self.incident, name, value)

    def drop(self, detections: Iterable[str]) -> None:
        for detection in detections:
            self.evidence.pop(detection, None)
        self.reach = reach_of(self.evidence.values())

    def done(self) -> Incident:
        self.set(evidence=tuple(self.evidence.values()), reach=self.reach)
        return self.incident


_FIELDS = tuple(each.name for each in fields(Incident))


def _copied(incident: Incident) -> Incident:
    """Another one that is equal: `copy.copy` of a frozen dataclass with slots takes ten times as long."""
    other = object.__new__(Incident)
    for name in _FIELDS:
        object.__setattr__(other, name, getattr(incident, name))
    return other


def _applied(identity: str, incident: Incident | None, entries: Iterable[Entry]) -> _Draft | None:
    """Entries before the opening say nothing."""
    draft = _Draft(_copied(incident)) if incident else None
    for entry in entries:
        draft = _with(draft, identity, entry)
    return draft


def _with(draft: _Draft | None, identity: str, entry: Entry) -> _Draft | None:
    if draft is not None:
        _APPLY[entry.kind](draft, entry)
        return draft
    return _Draft(_opened(identity, entry)) if entry.kind is EntryKind.OPENED else None


def _opened(identity: str, entry: Entry) -> Incident:
    data = entry.data
    return Incident(
        id=identity,
        version=1,
        key=data.get("key", ""),
        title=data.get("title", ""),
        title_vi=data.get("title_vi", "") or data.get("title", ""),
        kind=data.get("kind", ""),
        entity=data.get("entity", ""),
        category=data.get("category", "other"),
        rsit=data.get("rsit", ""),
        classed_because=data.get("because", ""),
        classed_by=data.get("map", ""),
        severity=Severity(data.get("severity", "medium")),
        rating=rating_from(data["rating"]) if "rating" in data else None,
        rated_by=data.get("rated_by", ""),
        status=Status(data.get("status", "new")),
        opened_at=entry.known_at,
        first_at=entry.happened_at,
        last_at=parse_instant(data["last_at"]) if "last_at" in data else entry.happened_at,
        changed_at=entry.known_at,
        tlp=parse_tlp(data.get("tlp", "amber")),
        test=bool(data.get("test", False)),
        origin=data.get("origin", ""),
        cause=Cause(data.get("cause", Cause.ATTACK)),
        found=data.get("found", entry.actor == CORRELATOR),
        number=data.get("number", ""),
        origin_number=data.get("origin_number", ""),
        ended_by=data.get("ended_by", ""),
    )


def _detected(draft: _Draft, data: Mapping[str, Any]) -> None:
    part = evidence_from(data)
    if part.detection in draft.evidence:
        return
    before = draft.reach.levels
    draft.add(part)
    incident = draft.incident
    draft.set(first_at=min(incident.first_at, part.start), last_at=max(incident.last_at, part.end))
    rank = severity_of(part.level).rank
    if incident.key and before and all(rank > severity_of(level).rank for level in before):
        # What the correlator opened is called what its strongest evidence says: a web shell, not the injection before.
        draft.set(title=part.title, title_vi=part.title_vi)


def _categorised(draft: _Draft, entry: Entry) -> None:
    """What a person says counts; what the correlator would say since then is only told."""
    data, incident = entry.data, draft.incident
    if entry.actor == CORRELATOR and incident.classed_because == PERSON:
        return
    if entry.actor == CORRELATOR:
        because, by = data["because"], data["map"]
    else:
        because, by = PERSON, entry.actor
    draft.set(category=data["category"], rsit=data.get("rsit", ""), classed_because=because, classed_by=by)


def _rated(draft: _Draft, entry: Entry) -> None:
    """What a person says counts; what the correlator reckons since then is only told."""
    severity = Severity(entry.data["severity"])
    if entry.actor != CORRELATOR:
        draft.set(severity=severity, rated_by=entry.actor)
        return
    draft.set(rating=rating_from(entry.data))
    if not draft.incident.rated_by:
        draft.set(severity=severity)


def _transitioned(draft: _Draft, entry: Entry) -> None:
    status, at = Status(entry.data["to"]), entry.happened_at
    contained = (draft.incident.contained_at or at) if status in CONTAINED else None
    draft.set(
        status=status,
        contained_at=contained,
        closed_at=at if status is Status.CLOSED else None,
        ended_by=entry.data.get("role", "") if status in ENDED else "",
    )


def _graded(draft: _Draft, entry: Entry) -> None:
    data = entry.data
    draft.set(grading=Grading(tuple(data["conditions"]), data["beyond_owner"], data["table"], entry.actor))


def _involved(draft: _Draft, data: Mapping[str, Any]) -> None:
    involvement = Involvement(data["agency"], Role(data["role"]))
    draft.set(involvements=tuple(sorted({*draft.incident.involvements, involvement})))


def _absorbed(draft: _Draft, data: Mapping[str, Any]) -> None:
    for part in data.get("evidence", ()):
        _detected(draft, part)
    for involved in data.get("involvements", ()):
        _involved(draft, involved)
    if "split" not in data:  # what comes back is no other incident
        draft.set(parts=tuple(dict.fromkeys((*draft.incident.parts, data["incident"]))))
    severity = Severity(data.get("severity", "low"))
    if not draft.incident.rated_by and severity.rank > draft.incident.severity.rank:
        draft.set(severity=severity)


def _split(draft: _Draft, data: Mapping[str, Any]) -> None:
    draft.drop(data["detections"])


def _likened(draft: _Draft, data: Mapping[str, Any]) -> None:
    draft.set(likened=tuple(dict.fromkeys((*draft.incident.likened, data["incident"]))))


def _noted(draft: _Draft, entry: Entry) -> None:
    draft.set(notes=(*draft.incident.notes, Note(entry.known_at, entry.actor, entry.data["text"])))


def _shared(draft: _Draft, data: Mapping[str, Any]) -> None:
    draft.set(shared_to=tuple(sorted({*draft.incident.shared_to, data["collection"]})))


def _retracted(draft: _Draft, data: Mapping[str, Any]) -> None:
    draft.set(shared_to=tuple(name for name in draft.incident.shared_to if name != data["collection"]))


_APPLY: Mapping[EntryKind, Callable[[_Draft, Entry], None]] = {
    EntryKind.OPENED: lambda draft, entry: draft.set(opened_at=min(draft.incident.opened_at, entry.known_at)),
    EntryKind.DETECTED: lambda draft, entry: _detected(draft, entry.data),
    EntryKind.INVOLVED: lambda draft, entry: _involved(draft, entry.data),
    EntryKind.CATEGORISED: _categorised,
    EntryKind.RATED: _rated,
    EntryKind.ATTRIBUTED: lambda draft, entry: draft.set(cause=Cause(entry.data["cause"])),
    EntryKind.GRADED: _graded,
    EntryKind.MARKED: lambda draft, entry: draft.set(tlp=parse_tlp(entry.data["tlp"])),
    EntryKind.TRANSITIONED: _transitioned,
    EntryKind.ASSIGNED: lambda draft, entry: draft.set(assignee=entry.data["to"] or None),
    EntryKind.NOTED: _noted,
    EntryKind.SHARED: lambda draft, entry: _shared(draft, entry.data),
    EntryKind.RETRACTED: lambda draft, entry: _retracted(draft, entry.data),
    EntryKind.MERGED: lambda draft, entry: draft.set(status=Status.MERGED, merged_into=entry.data["into"]),
    EntryKind.ABSORBED: lambda draft, entry: _absorbed(draft, entry.data),
    EntryKind.SPLIT: lambda draft, entry: _split(draft, entry.data),
    EntryKind.LIKENED: lambda draft, entry: _likened(draft, entry.data),
}
