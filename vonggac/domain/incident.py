"""An incident is the fold of its history.

Each entry says when it happened and when we learned it; `fold(entries, known_at=...)` is the incident as it was known
at that instant. Corrections are entries, never edits; an undone entry stays in the history and leaves the fold.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from vonggac.domain.detection import Severity
from vonggac.domain.marking import Tlp, parse_tlp
from vonggac.domain.times import format_instant, parse_instant


class Status(StrEnum):
    NEW = "new"
    TRIAGED = "triaged"
    CONFIRMED = "confirmed"
    CONTAINED = "contained"
    ERADICATED = "eradicated"
    CLOSED = "closed"
    REOPENED = "reopened"
    FALSE_POSITIVE = "false-positive"
    EXERCISE = "exercise"
    MERGED = "merged"


_ENDED = frozenset({Status.CLOSED, Status.FALSE_POSITIVE, Status.EXERCISE})

#: From each status, where it may go. Merging and unmerging are entries of their own.
TRANSITIONS: Mapping[Status, frozenset[Status]] = {
    Status.NEW: frozenset({Status.TRIAGED, Status.CONFIRMED}) | _ENDED,
    Status.TRIAGED: frozenset({Status.CONFIRMED}) | _ENDED,
    Status.CONFIRMED: frozenset({Status.CONTAINED, Status.ERADICATED}) | _ENDED,
    Status.CONTAINED: frozenset({Status.ERADICATED, Status.CONFIRMED}) | _ENDED,
    Status.ERADICATED: frozenset({Status.CONFIRMED}) | _ENDED,
    Status.REOPENED: frozenset({Status.TRIAGED, Status.CONFIRMED}) | _ENDED,
    Status.CLOSED: frozenset({Status.REOPENED}),
    Status.FALSE_POSITIVE: frozenset({Status.REOPENED}),
    Status.EXERCISE: frozenset({Status.REOPENED}),
    Status.MERGED: frozenset(),
}

#: A reader will ask why these happened.
REASON_REQUIRED = frozenset({Status.FALSE_POSITIVE, Status.EXERCISE, Status.REOPENED, Status.CLOSED})

#: What is not an incident is not counted.
NOT_COUNTED = frozenset({Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED})


class Role(StrEnum):
    """What an agency had to do with an incident."""

    VICTIM = "victim"
    DETECTOR = "detector"
    HANDLER = "handler"
    SOURCE = "source"


class EntryKind(StrEnum):
    OPENED = "opened"
    DETECTED = "detected"
    INVOLVED = "involved"
    CATEGORISED = "categorised"
    RATED = "rated"
    MARKED = "marked"
    TRANSITIONED = "transitioned"
    ASSIGNED = "assigned"
    NOTED = "noted"
    SHARED = "shared"
    RETRACTED = "retracted"
    MERGED = "merged"  # data.into: this incident is now part of that one
    ABSORBED = "absorbed"  # data.incident: that incident is now part of this one
    SPLIT = "split"  # data.detections: these left for data.into
    UNDONE = "undone"  # data.entry: that entry no longer counts


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of an incident's history; `id` makes adding it twice add it once."""

    id: str
    kind: EntryKind
    happened_at: datetime
    known_at: datetime
    actor: str
    data: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, order=True)
class Involvement:
    agency: str
    role: Role


@dataclass(frozen=True, slots=True)
class Evidence:
    """One detection's part in an incident."""

    detection: str
    rule: str
    title: str
    title_vi: str
    level: str
    start: datetime
    end: datetime
    events: tuple[str, ...]
    techniques: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """`version` counts the history's entries; `first_at` to `last_at` is what happened; we learned at `opened_at`."""

    id: str
    version: int
    key: str
    title: str
    title_vi: str
    kind: str
    entity: str
    category: str
    severity: Severity
    status: Status
    opened_at: datetime
    first_at: datetime
    last_at: datetime
    changed_at: datetime
    tlp: Tlp = Tlp.AMBER
    test: bool = False
    origin: str = ""
    assignee: str | None = None
    involvements: tuple[Involvement, ...] = ()
    evidence: tuple[Evidence, ...] = ()
    notes: tuple[Note, ...] = ()
    shared_to: tuple[str, ...] = ()
    merged_into: str | None = None

    @property
    def agencies(self) -> frozenset[str]:
        return frozenset(involvement.agency for involvement in self.involvements)

    @property
    def techniques(self) -> tuple[str, ...]:
        return tuple(sorted({technique for part in self.evidence for technique in part.techniques}))

    @property
    def counted(self) -> bool:
        """Whether statistics count it: exercises, tests, mistakes and parts of another do not count."""
        return not self.test and self.status not in NOT_COUNTED


def entry_id(*parts: object) -> str:
    """The id that the same fact always gets, 24 hexadecimal digits."""
    return sha256("\x1f".join(str(part) for part in parts).encode()).hexdigest()[:24]


def incident_id(*parts: object) -> str:
    """The id of the incident that these parts (correlation key and opener, or origin and number) name."""
    return "inc-" + entry_id("incident", *parts)


def fold(identity: str, entries: Sequence[Entry], *, known_at: datetime | None = None) -> Incident | None:
    """The incident that a history tells of, as known at an instant (default: now); None if not yet known then.

    The order of entries is the order in which they were appended.
    """
    known = [entry for entry in entries if known_at is None or entry.known_at <= known_at]
    undone = _undone(known)
    incident: Incident | None = None
    for entry in known:
        if entry.id in undone or entry.kind is EntryKind.UNDONE:
            continue
        if incident is None:
            incident = _open(identity, entry) if entry.kind is EntryKind.OPENED else None
        else:
            incident = _APPLY[entry.kind](incident, entry)
    if incident is None:
        return None
    return replace(incident, version=len(known), changed_at=max(entry.known_at for entry in known))


def advance(identity: str, incident: Incident | None, entries: Sequence[Entry]) -> Incident | None:
    """What `incident` becomes by further entries of which none is an undo; the same as folding the longer history."""
    for entry in entries:
        if incident is None:
            incident = _open(identity, entry) if entry.kind is EntryKind.OPENED else None
        else:
            incident = _APPLY[entry.kind](incident, entry)
            changed_at = max(incident.changed_at, entry.known_at)
            incident = replace(incident, version=incident.version + 1, changed_at=changed_at)
    return incident


def _undone(entries: Iterable[Entry]) -> frozenset[str]:
    """Ids of entries that an undo in force takes out; undoing an undo brings them back."""
    undone: set[str] = set()
    for entry in reversed(list(entries)):
        if entry.kind is EntryKind.UNDONE and entry.id not in undone:
            undone.add(str(entry.data["entry"]))
    return frozenset(undone)


def _open(identity: str, entry: Entry) -> Incident:
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
        severity=Severity(data.get("severity", "medium")),
        status=Status(data.get("status", "new")),
        opened_at=entry.known_at,
        first_at=entry.happened_at,
        last_at=entry.happened_at,
        changed_at=entry.known_at,
        tlp=parse_tlp(data.get("tlp", "amber")),
        test=bool(data.get("test", False)),
        origin=data.get("origin", ""),
    )


def _detected(incident: Incident, entry: Entry) -> Incident:
    part = evidence_from(entry.data)
    if any(known.detection == part.detection for known in incident.evidence):
        return incident
    stronger = severity_of(part.level).rank > incident.severity.rank
    return replace(
        incident,
        evidence=(*incident.evidence, part),
        # An incident is called what its strongest evidence says, so a web shell outranks the injection before it.
        title=part.title if stronger else incident.title,
        title_vi=part.title_vi if stronger else incident.title_vi,
        severity=severity_of(part.level) if stronger else incident.severity,
        first_at=min(incident.first_at, part.start),
        last_at=max(incident.last_at, part.end),
    )


def _involved(incident: Incident, entry: Entry) -> Incident:
    involvement = Involvement(entry.data["agency"], Role(entry.data["role"]))
    return replace(incident, involvements=tuple(sorted({*incident.involvements, involvement})))


def _split(incident: Incident, entry: Entry) -> Incident:
    gone = frozenset(entry.data["detections"])
    return replace(incident, evidence=tuple(part for part in incident.evidence if part.detection not in gone))


def _noted(incident: Incident, entry: Entry) -> Incident:
    note = Note(entry.known_at, entry.actor, entry.data["text"])
    return replace(incident, notes=(*incident.notes, note))


def _absorbed(incident: Incident, entry: Entry) -> Incident:
    for part in entry.data.get("evidence", ()):
        incident = _detected(incident, replace(entry, data=part))
    for involved in entry.data.get("involvements", ()):
        incident = _involved(incident, replace(entry, data=involved))
    return incident


_APPLY = {
    EntryKind.OPENED: lambda incident, entry: incident,
    EntryKind.DETECTED: _detected,
    EntryKind.INVOLVED: _involved,
    EntryKind.CATEGORISED: lambda incident, entry: replace(incident, category=entry.data["category"]),
    EntryKind.RATED: lambda incident, entry: replace(incident, severity=Severity(entry.data["severity"])),
    EntryKind.MARKED: lambda incident, entry: replace(incident, tlp=parse_tlp(entry.data["tlp"])),
    EntryKind.TRANSITIONED: lambda incident, entry: replace(incident, status=Status(entry.data["to"])),
    EntryKind.ASSIGNED: lambda incident, entry: replace(incident, assignee=entry.data["to"] or None),
    EntryKind.NOTED: _noted,
    EntryKind.SHARED: lambda incident, entry: replace(
        incident, shared_to=tuple(sorted({*incident.shared_to, entry.data["collection"]}))
    ),
    EntryKind.RETRACTED: lambda incident, entry: replace(
        incident,
        shared_to=tuple(name for name in incident.shared_to if name != entry.data["collection"]),
    ),
    EntryKind.MERGED: lambda incident, entry: replace(incident, status=Status.MERGED, merged_into=entry.data["into"]),
    EntryKind.ABSORBED: _absorbed,
    EntryKind.SPLIT: _split,
}


_LEVELS: Mapping[str, Severity] = {
    "informational": Severity.LOW,
    "low": Severity.LOW,
    "medium": Severity.MEDIUM,
    "high": Severity.HIGH,
    "critical": Severity.CRITICAL,
}


def severity_of(level: str) -> Severity:
    """The severity a rule's level gives (Sigma specification 2.1, `level`); medium where none is stated."""
    return _LEVELS.get(level, Severity.MEDIUM)


def evidence_data(part: Evidence) -> dict[str, Any]:
    """The entry data that `evidence_from` reads back."""
    return {
        "detection": part.detection,
        "rule": part.rule,
        "title": part.title,
        "title_vi": part.title_vi,
        "level": part.level,
        "start": format_instant(part.start),
        "end": format_instant(part.end),
        "events": list(part.events),
        "techniques": list(part.techniques),
    }


def evidence_from(data: Mapping[str, Any]) -> Evidence:
    return Evidence(
        detection=data["detection"],
        rule=data["rule"],
        title=data["title"],
        title_vi=data["title_vi"],
        level=data["level"],
        start=parse_instant(data["start"]),
        end=parse_instant(data["end"]),
        events=tuple(data["events"]),
        techniques=tuple(data.get("techniques", ())),
    )
