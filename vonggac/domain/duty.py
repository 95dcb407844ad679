"""Duties that the law lays on agencies, and what is owed: by whom, for what, until when, and whether it was met.

A duty is dated: the version in force when its clock began holds. No clock runs in here; the instant is passed in.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta
from enum import StrEnum

from vonggac.domain.agency import Agency, Level
from vonggac.domain.incident import NOT_COUNTED, Incident, Role
from vonggac.domain.times import VIETNAM, day_in_vietnam

_DURATION = re.compile(r"P(?:(\d+)D)?(?:T(\d+)H)?")


class Trigger(StrEnum):
    """What begins a duty's clock."""

    INCIDENT_DETECTED = "incident-detected"
    INCIDENT_CLOSED = "incident-closed"
    PERSONAL_DATA_BREACH = "personal-data-breach"
    HALF_YEAR = "half-year"
    YEAR = "year"
    MONITORING_HALF_YEAR = "monitoring-half-year"


#: Begun by the calendar; the others by an incident.
PERIODIC = frozenset({Trigger.HALF_YEAR, Trigger.YEAR, Trigger.MONITORING_HALF_YEAR})
#: Begun only where a person says so, since no incident shows it by itself.
MARKED = frozenset({Trigger.PERSONAL_DATA_BREACH})


class Certainty(StrEnum):
    """How well we know what stands in the file."""

    SEEN = "seen"
    KNOWN = "known"
    TO_CHECK = "to-check"


@dataclass(frozen=True, slots=True)
class Duration:
    """Of days or of hours (ISO 8601-1:2019, 5.5.2.2: `P5D`, `PT72H`)."""

    days: int
    hours: int

    @property
    def delta(self) -> timedelta:
        return timedelta(days=self.days, hours=self.hours)

    def after(self, instant: datetime) -> datetime:
        """The last moment of a time limit that begins at the instant.

        Days are Vietnam's and the first is not counted; the last ends at 24:00 (Bộ luật Dân sự 2015, Điều 147, 148).
        Hours run from the instant. Days off do not prolong it.
        """
        if not self.days:
            return instant + self.delta
        return midnight(day_in_vietnam(instant) + timedelta(days=self.days + 1)) + timedelta(hours=self.hours)


def parse_duration(text: str) -> Duration:
    """Raises ValueError for anything but days, hours or both, of which one is more than nothing."""
    match = _DURATION.fullmatch(text)
    days, hours = (int(part or 0) for part in match.groups()) if match else (0, 0)
    if not days and not hours:
        raise ValueError(f"not a duration: {text!r}")
    return Duration(days, hours)


def midnight(day: date) -> datetime:
    """The instant at which that day begins in Vietnam."""
    return datetime.combine(day, time(), VIETNAM).astimezone(UTC)


@dataclass(frozen=True, slots=True)
class Round:
    """One of the periods that a duty asks a report for each year. `start` and `end`: years after the named one, month,
    day; the report is due when the period ends."""

    name: str
    start: tuple[int, int, int]
    end: tuple[int, int, int]

    def of(self, year: int) -> Span:
        first, last = (midnight(date(year + after, month, day)) for after, month, day in (self.start, self.end))
        return Span(f"{year}-{self.name}" if self.name else str(year), first, last)


@dataclass(frozen=True, slots=True)
class Span:
    """A reporting period `[start, end)`, named `2026-H1` or `2026`."""

    name: str
    start: datetime
    end: datetime

    @property
    def last_day(self) -> datetime:
        """The instant at which its last day begins."""
        return self.end - timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Duty:
    """One version of a duty. `roles` owe it in an incident, units of `levels` for each of `rounds`.

    Without a `deadline` and `rounds` no clock runs: the law asks for the report, but in no number of days.
    `valid_to` is the first day on which it is in force no more.
    """

    id: str
    title: Mapping[str, str]
    trigger: Trigger
    roles: frozenset[Role]
    levels: frozenset[Level]
    addressee: Mapping[str, str]
    deadline: Duration | None
    rounds: tuple[Round, ...]
    warn_before: tuple[Duration, ...]
    form: str
    basis: str
    valid_from: date
    valid_to: date | None
    certainty: Certainty
    note: str = ""

    def holds_at(self, instant: datetime) -> bool:
        day = day_in_vietnam(instant)
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True, slots=True)
class Mark:
    """A person's word that an incident begins an agency's clock at an instant, or (not `standing`) that it does not."""

    id: str
    duty: str
    incident: str
    agency: str
    at: datetime
    recorded_at: datetime
    by: str
    reason: str
    standing: bool = True


@dataclass(frozen=True, slots=True)
class Filing:
    """A report that was sent at an instant. `subject` is an incident's id or a period's name; `corrects` is the id of
    the filing that this one stands for; `digest` is the SHA-256 of the form, where one was given."""

    id: str
    duty: str
    subject: str
    agency: str
    at: datetime
    recorded_at: datetime
    by: str
    digest: str = ""
    note: str = ""
    corrects: str = ""


class State(StrEnum):
    """`pending` and `warned` wait, `overdue` waits too long, `met` and `late` were filed, `void` is owed no more."""

    PENDING = "pending"
    WARNED = "warned"
    OVERDUE = "overdue"
    MET = "met"
    LATE = "late"
    VOID = "void"


#: Somebody still has to file these.
OPEN = frozenset({State.PENDING, State.WARNED, State.OVERDUE})


@dataclass(frozen=True, slots=True)
class Owed:
    """What an agency owes: a duty, for an incident or a period (`subject`), from `begun_at` until `due`."""

    duty: Duty
    agency: str
    subject: str
    begun_at: datetime
    due: datetime
    void_because: str = ""

    @property
    def key(self) -> str:
        return f"{self.duty.id}/{self.subject}/{self.agency}"

    @property
    def warn_at(self) -> tuple[datetime, ...]:
        """When to warn, earliest first; not before the clock began."""
        return tuple(sorted({max(self.begun_at, self.due - before.delta) for before in self.duty.warn_before}))


@dataclass(frozen=True, slots=True)
class Obligation:
    """What is owed and how it stands at an instant; `late_by` is more than nothing for `late` and `overdue` only."""

    owed: Owed
    state: State
    filing: Filing | None = None
    late_by: timedelta = timedelta()


@dataclass(frozen=True, slots=True)
class Known:
    """What obligations are reckoned from."""

    incidents: Sequence[Incident] = ()
    units: Sequence[Agency] = ()
    marks: Sequence[Mark] = ()
    filings: Sequence[Filing] = ()


def obligations(
    duties: Sequence[Duty], known: Known, due_from: datetime, due_until: datetime, now: datetime
) -> list[Obligation]:
    """Everything due in `[due_from, due_until)` as it stands at the instant, the next due first."""
    owed = [
        each
        for each in (*_of_incidents(duties, known), *_of_periods(duties, known.units, due_from, due_until))
        if due_from <= each.due < due_until
    ]
    filed = standing_filings(known.filings)
    found = (_stands(each, filed.get(each.key), now) for each in owed)
    return sorted(found, key=lambda each: (each.owed.due, each.owed.key))


def standing_filings(filings: Iterable[Filing]) -> dict[str, Filing]:
    """Key of what is owed -> the earliest filing of it that no later one corrects."""
    every = list(filings)
    corrected = {each.corrects for each in every}
    found: dict[str, Filing] = {}
    for each in sorted(every, key=lambda each: (each.at, each.id), reverse=True):
        if each.id not in corrected:
            found[f"{each.duty}/{each.subject}/{each.agency}"] = each
    return found


def _stands(owed: Owed, filing: Filing | None, now: datetime) -> Obligation:
    if owed.void_because:
        return Obligation(owed, State.VOID, filing)
    if filing is not None:
        # 24:00 of the last day still belongs to it.
        late = filing.at > owed.due
        return Obligation(owed, State.LATE if late else State.MET, filing, max(filing.at - owed.due, timedelta()))
    if now > owed.due:
        return Obligation(owed, State.OVERDUE, late_by=now - owed.due)
    warned = any(instant <= now for instant in owed.warn_at)
    return Obligation(owed, State.WARNED if warned else State.PENDING)


def _of_incidents(duties: Sequence[Duty], known: Known) -> Iterator[Owed]:
    marks = standing_marks(known.marks)
    for duty in duties:
        if duty.trigger in PERIODIC or duty.deadline is None:
            continue
        for incident in known.incidents:
            for agency in () if incident.test else owing((duty,), incident):
                begun = _begun(duty, incident, agency, marks)
                if begun is not None and duty.holds_at(begun):
                    yield Owed(duty, agency, incident.id, begun, duty.deadline.after(begun), _void(incident))


def owing(versions: Iterable[Duty], incident: Incident) -> list[str]:
    """The agencies that have a part in the incident for which some version of the duty makes them report, by code."""
    roles = frozenset[Role]().union(*(duty.roles for duty in versions))
    return sorted({part.agency for part in incident.involvements if part.role in roles})


def _begun(duty: Duty, incident: Incident, agency: str, marks: Mapping[tuple[str, str, str], Mark]) -> datetime | None:
    """When the agency's clock began: we learned of it, it was closed, or a person says when."""
    if duty.trigger in MARKED:
        mark = marks.get((duty.id, incident.id, agency))
        return mark.at if mark else None
    return incident.closed_at if duty.trigger is Trigger.INCIDENT_CLOSED else incident.opened_at


def standing_marks(marks: Iterable[Mark]) -> dict[tuple[str, str, str], Mark]:
    """(duty, incident, agency) -> the last word on it, where this begins a clock."""
    ordered = sorted(marks, key=lambda each: (each.recorded_at, each.id))
    last = {(each.duty, each.incident, each.agency): each for each in ordered}
    return {key: mark for key, mark in last.items() if mark.standing}


def _void(incident: Incident) -> str:
    return str(incident.status) if incident.status in NOT_COUNTED else ""


def _of_periods(
    duties: Sequence[Duty], units: Sequence[Agency], due_from: datetime, due_until: datetime
) -> Iterator[Owed]:
    years = range(day_in_vietnam(due_from).year - 1, day_in_vietnam(due_until).year + 2)
    for duty in duties:
        for year in years:
            for span in (each.of(year) for each in duty.rounds):
                if not duty.holds_at(span.last_day):
                    continue
                for unit in units:
                    if unit.level in duty.levels and unit.valid_on(day_in_vietnam(span.last_day)):
                        yield Owed(duty, unit.code, span.name, span.start, span.end)


def span_named(duty: Duty, name: str) -> Span | None:
    """The duty's period of that name (`2026-H1`); None where it asks for none, or was not in force on its last day."""
    year, _, part = name.partition("-")
    if not re.fullmatch(r"[0-9]{4}", year) or not 1900 <= int(year) <= 9000:
        return None
    spans = (each.of(int(year)) for each in duty.rounds if each.name == part)
    return next((span for span in spans if duty.holds_at(span.last_day)), None)
