"""An incident and the entries of its history: what they are called and what they hold.

Each entry says when it happened and when we learned it. `vonggac.domain.fold` makes the incident of them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from vonggac.domain.detection import Severity
from vonggac.domain.marking import Tlp
from vonggac.domain.reach import Reach
from vonggac.domain.severity import Grading, Rating
from vonggac.domain.times import format_instant, parse_instant

#: The actor of what no person said.
CORRELATOR = "correlator"
#: What the names of actors that are no person of this node begin with.
FOREIGN_ACTORS = ("peer:", "import")
#: `Incident.classed_because` of a category that a person, or a peer, gave.
PERSON = "person"


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


#: The work on it is over.
ENDED = frozenset({Status.CLOSED, Status.FALSE_POSITIVE, Status.EXERCISE})

#: It does no more harm.
CONTAINED = frozenset({Status.CONTAINED, Status.ERADICATED, Status.CLOSED})

#: What is not an incident is not counted.
NOT_COUNTED = frozenset({Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED})


class Role(StrEnum):
    """What an agency had to do with an incident."""

    VICTIM = "victim"
    DETECTOR = "detector"
    HANDLER = "handler"
    SOURCE = "source"


class Cause(StrEnum):
    """What brought it about: the four groups of QĐ 05/2017/QĐ-TTg."""

    ATTACK = "attack"
    FAULT = "fault"  # of a system, device, software, infrastructure, power, line or hosting
    OPERATOR = "operator"  # who administers or operates it made a mistake
    DISASTER = "disaster"


class EntryKind(StrEnum):
    OPENED = "opened"
    DETECTED = "detected"
    INVOLVED = "involved"
    CATEGORISED = "categorised"
    RATED = "rated"
    ATTRIBUTED = "attributed"  # data.cause: what brought it about
    GRADED = "graded"  # data.conditions, data.beyond_owner: what a person says to Article 9 of QĐ 05/2017/QĐ-TTg
    MARKED = "marked"
    TRANSITIONED = "transitioned"
    ASSIGNED = "assigned"
    NOTED = "noted"
    SHARED = "shared"
    RETRACTED = "retracted"
    MERGED = "merged"  # data.into: this incident is now part of that one
    ABSORBED = "absorbed"  # data.incident: that incident is now part of this one
    SPLIT = "split"  # data.detections: these left for data.into
    LIKENED = "likened"  # data.incident: a peer says that this one and that are the same
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
    """One detection's part in an incident: of which category it is and of which `class/type` of RSIT, which machines it
    says were hit, and the system that they belong to, with its level (0: none is known)."""

    detection: str
    rule: str
    title: str
    title_vi: str
    level: str
    start: datetime
    end: datetime
    events: tuple[str, ...]
    techniques: tuple[str, ...] = ()
    category: str = ""
    rsit: str = ""
    machines: tuple[str, ...] = ()
    system: str = ""
    system_level: int = 0


@dataclass(frozen=True, slots=True)
class Note:
    at: datetime
    actor: str
    text: str


@dataclass(frozen=True, slots=True)
class Incident:
    """`version` counts the history's entries; `first_at` to `last_at` is what happened; we learned at `opened_at`.

    `category` and `rsit` (`class/type`) are what counts; `classed_because` by the map `classed_by`, or by the person of
    that name. `rating` is what the correlator last reckoned; `rated_by` is the person whose word counts instead of it.
    `number` is its readable one (`VN-2026-000123`), `origin_number` that of the node it came from; `found`: the watch
    itself found it, nobody reported it. `grading` is what a person said to Article 9 of QĐ 05/2017/QĐ-TTg; `ended_by`
    the role of the person who closed it or called it a mistake or an exercise. `wholes` are the incidents that it is or
    was part of, also by merges that were undone; `parts` those that are part of it, `likened` those that peers say are
    the same. `reach` sums up its evidence.
    """

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
    rsit: str = ""
    classed_because: str = ""
    classed_by: str = ""
    rating: Rating | None = None
    rated_by: str = ""
    contained_at: datetime | None = None
    closed_at: datetime | None = None
    cause: Cause = Cause.ATTACK
    found: bool = False
    number: str = ""
    origin_number: str = ""
    grading: Grading | None = None
    ended_by: str = ""
    wholes: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    likened: tuple[str, ...] = ()
    reach: Reach = field(default_factory=Reach)

    @property
    def machines(self) -> frozenset[str]:
        """Every machine in evidence, by its address."""
        return frozenset().union(*self.reach.machines.values())

    @property
    def system_level(self) -> int:
        """Of the system of the highest level in evidence; 0 where none is known."""
        return max((level for level, _ in self.reach.systems.values()), default=0)

    @property
    def systems(self) -> tuple[str, ...]:
        """The names of the systems in evidence."""
        return tuple(sorted({part.system for part in self.evidence if part.system}))

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
        "category": part.category,
        "rsit": part.rsit,
        "machines": list(part.machines),
        "system": part.system,
        "system_level": part.system_level,
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
        category=data.get("category", ""),
        rsit=data.get("rsit", ""),
        machines=tuple(data.get("machines", ())),
        system=data.get("system", ""),
        system_level=data.get("system_level", 0),
    )
