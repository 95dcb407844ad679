"""The suppressions' pages: what the list shows, what a form says, and what a form begins with."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime, timedelta
from typing import Any

from api.forms import Form
from api.pages.choice import offered
from api.pages.words import Words
from api.services import Services
from vonggac.as_known import instant_of
from vonggac.domain.access import Principal, Scope
from vonggac.domain.detection import Detection
from vonggac.domain.incident import Incident
from vonggac.domain.suppression import ENTITY, FIELDS, Condition, Operator, Standing
from vonggac.domain.times import VIETNAM, parse_record_time
from vonggac.errors import UsageRefused
from vonggac.suppressions.acts import Draft
from vonggac.suppressions.look import suppression_data

#: Conditions that the form has room for; programs and the command line may give more.
ROWS = 4
DEFAULT_DAYS = 30
#: The tabs of the list, and what stands in each.
TABS = {
    "current": frozenset({Standing.IN_FORCE, Standing.WAITING}),
    "over": frozenset({Standing.EXPIRED, Standing.ENDED}),
}


@dataclass(frozen=True, slots=True)
class Row:
    """One condition as it stands in the form: a value on each line."""

    field: str = ""
    operator: str = str(Operator.IS)
    values: str = ""


@dataclass(frozen=True, slots=True)
class Asked:
    """What stands in the form. `until` is the last day, `yyyy-mm-dd`; an empty `start` is now."""

    rule: str = ""
    kind: str = ""
    agency: str = ""
    rows: tuple[Row, ...] = ()
    start: str = ""
    until: str = ""
    reason: str = ""
    ticket: str = ""
    incident: str = ""

    @property
    def room(self) -> tuple[Row, ...]:
        """The rows with empty ones after them."""
        return (*self.rows, *(Row() for _ in range(max(1, ROWS - len(self.rows)))))

    def draft(self) -> Draft:
        """Raises UsageRefused for a time that is none."""
        return Draft(
            until=end_of_day(self.until),
            reason=self.reason,
            rule=self.rule or None,
            kind=self.kind or None,
            agency=self.agency or None,
            conditions=tuple(_condition(row) for row in self.rows),
            start=instant_of(self.start),
            ticket=self.ticket,
        )


def asked_by(form: Form) -> Asked:
    fields, operators, values = (form.many(name) for name in ("field", "operator", "values"))
    rows = [Row(*each) for each in zip(fields, operators, values, strict=False) if each[0].strip() or each[2].strip()]
    names = ("rule", "kind", "agency", "start", "until", "reason", "ticket", "incident")
    return Asked(rows=tuple(rows), **{name: form.one(name) for name in names})


def begun(now: datetime, principal: Principal) -> Asked:
    """An empty form."""
    last = now.astimezone(VIETNAM).date() + timedelta(days=DEFAULT_DAYS)
    return Asked(until=last.isoformat(), agency=principal.agency or "")


def from_incident(empty: Asked, incident: Incident, detections: Sequence[Detection]) -> Asked:
    """What would have kept the incident away: its rule, or its kind where several rules told of it; what it is about;
    its agency."""
    if not detections:
        return replace(empty, incident=incident.id)
    newest = max(detections, key=lambda each: each.time)
    rules = {part.rule for part in incident.evidence}
    rows = (Row(ENTITY, str(Operator.IS), newest.entity),) if newest.entity else ()
    return replace(
        empty,
        rule=newest.rule.id if len(rules) == 1 else "",
        kind=newest.rule.kind if len(rules) > 1 else "",
        rows=rows,
        agency=newest.agency or empty.agency,
        incident=incident.id,
    )


def _condition(row: Row) -> Condition:
    try:
        operator = Operator(row.operator)
    except ValueError as error:
        known = ", ".join(Operator)
        raise UsageRefused("bad_choice", value=row.operator, what="operator", known=known) from error
    return Condition(row.field.strip(), operator, tuple(filter(None, map(str.strip, row.values.splitlines()))))


def end_of_day(day: str) -> datetime:
    """The first instant after that day (`yyyy-mm-dd`) in Vietnam. Raises UsageRefused."""
    try:
        return parse_record_time(date.fromisoformat(day).isoformat()) + timedelta(days=1)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("suppression_until", text=day) from error


@dataclass(frozen=True, slots=True)
class Tab:
    key: str
    count: int
    chosen: bool


@dataclass(frozen=True, slots=True)
class Listed:
    tabs: tuple[Tab, ...]
    chosen: str
    items: tuple[dict[str, Any], ...]


def listed(services: Services, principal: Principal, chosen: str) -> Listed:
    """The suppressions that concern the principal, in one of TABS."""
    now, hits, known = services.clock(), services.store.events.suppressed(), services.told()
    every = services.suppressing(principal).all()
    chosen = chosen if chosen in TABS else "current"
    tabs = (Tab(key, sum(each.standing(now) in held for each in every), key == chosen) for key, held in TABS.items())
    shown = (each for each in every if each.standing(now) in TABS[chosen])
    return Listed(tuple(tabs), chosen, tuple(suppression_data(each, hits.get(each.id), now, known) for each in shown))


def fields(asked: Asked) -> tuple[str, ...]:
    """What may be chosen, with what stands in the form already."""
    return tuple(dict.fromkeys([*FIELDS, *(row.field for row in asked.rows if row.field)]))


def agencies(words: Words, scope: Scope, day: date, asked: Asked) -> Iterator[tuple[str, str]]:
    """(code, name) of each agency that may be chosen, by name; of what stands in the form also where the directory
    does not know it."""
    units = offered(words.directory, scope, day, asked.agency)
    for unit in units:
        yield unit.code, words.agency(unit.code)
    if asked.agency and asked.agency not in {unit.code for unit in units}:
        yield asked.agency, asked.agency
