"""The page of duties to report, and the lines on an incident's page: who owes what, until when, and how it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from urllib.parse import urlencode

from api.pages.words import Words, when
from vonggac.domain.access import Scope
from vonggac.domain.duty import MARKED, OPEN, PERIODIC, Certainty, Duty, Obligation, State, owing
from vonggac.domain.incident import Incident
from vonggac.domain.times import VIETNAM
from vonggac.duties.law import all_duties

#: Lines that one page shows.
MOST = 200
#: The tabs of the list, and what stands in each.
TABS = {
    "open": OPEN,
    "done": frozenset({State.MET, State.LATE}),
    "void": frozenset({State.VOID}),
}


@dataclass(frozen=True, slots=True)
class Line:
    """One obligation as people read it. `incident` is empty for a period's; `form` is its form's address, if any."""

    duty: str
    title: str
    agency: str
    agency_name: str
    subject: str
    incident: str
    addressee: str
    basis: str
    unsure: bool
    due: datetime
    due_text: str
    state: State
    telling: str
    form: str


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Listed:
    tabs: tuple[Tab, ...]
    overdue: int
    lines: tuple[Line, ...]
    count: int


def listed(found: Sequence[Obligation], chosen: str, words: Words) -> Listed:
    """What is in one of TABS, at most MOST lines of it."""
    chosen = chosen if chosen in TABS else "open"
    tabs = [Tab(key, sum(each.state in held for each in found), key == chosen) for key, held in TABS.items()]
    shown = [each for each in found if each.state in TABS[chosen]]
    overdue = sum(each.state is State.OVERDUE for each in found)
    return Listed(tuple(tabs), overdue, tuple(lines(shown[:MOST], words)), len(shown))


def opened_by_hand(now: datetime) -> list[Duty]:
    """The duties in force that a person opens for an incident."""
    return [duty for duty in all_duties() if duty.trigger in MARKED and duty.holds_at(now)]


@dataclass(frozen=True, slots=True)
class Form:
    """A form that no time limit asks for, and its address."""

    title: str
    agency_name: str
    place: str


def forms_without_limit(incident: Incident, now: datetime, scope: Scope, words: Words) -> list[Form]:
    """Of each agency in the scope that the incident made a victim."""
    found = []
    for duty in all_duties():
        if duty.form and duty.trigger not in PERIODIC and duty.deadline is None and duty.holds_at(now):
            for agency in owing((duty,), incident):
                if scope.agencies is None or agency in scope.agencies:
                    place = _form(duty, incident.id, agency)
                    found.append(Form(duty.title[words.lang], words.agency(agency), place))
    return found


def _form(duty: Duty, subject: str, agency: str) -> str:
    return f"/api/v1/duties/form?{urlencode({'duty': duty.id, 'subject': subject, 'agency': agency})}"


def lines(found: Iterable[Obligation], words: Words) -> list[Line]:
    return [_line(each, words) for each in found]


def _line(found: Obligation, words: Words) -> Line:
    owed, duty = found.owed, found.owed.duty
    return Line(
        duty=duty.id,
        title=duty.title[words.lang],
        agency=owed.agency,
        agency_name=words.agency(owed.agency),
        subject=owed.subject,
        incident="" if duty.trigger in PERIODIC else owed.subject,
        addressee=duty.addressee[words.lang],
        basis=duty.basis,
        unsure=duty.certainty is Certainty.TO_CHECK,
        due=owed.due,
        due_text=_due(owed.due, words),
        state=found.state,
        telling=_telling(found, words),
        form=_form(duty, owed.subject, owed.agency) if duty.form else "",
    )


def _due(due: datetime, words: Words) -> str:
    """Midnight is the end of the day before it: that is how the law names it."""
    local = due.astimezone(VIETNAM)
    if local.time() != time():
        return when(due)
    return words.say("duties.end_of", day=(local.date() - timedelta(days=1)).strftime("%d/%m/%Y"))


def _telling(found: Obligation, words: Words) -> str:
    """What there is to say beside the state: how late, when it was sent, why it is owed no more."""
    if found.state is State.VOID:
        return words.say("duties.void", status=words.say(f"status.{found.owed.void_because}"))
    parts = []
    if found.late_by:
        parts.append(words.say("duties.late_by", time=_time(found.late_by, words)))
    if found.filing is not None:
        parts.append(words.say("duties.filed_at", time=when(found.filing.at), by=found.filing.by))
    return "; ".join(parts)


def _time(late: timedelta, words: Words) -> str:
    """In the largest whole unit."""
    if late >= timedelta(days=1):
        return words.say("duties.days", count=words.number(late.days))
    hours, rest = divmod(int(late.total_seconds()), 3_600)
    return words.say("duties.hours", count=hours) if hours else words.say("duties.minutes", count=rest // 60)
