"""What is owed, reckoned from the store's records, and how it is told to programs."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.duty import Duty, Known, Obligation, obligations
from vonggac.domain.incident import Incident
from vonggac.domain.lateness import Lateness
from vonggac.domain.times import Period, format_instant, parse_period
from vonggac.duties.kept import NOTICE, load_filings, load_marks, watched_since
from vonggac.duties.law import all_duties, longest_limit
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import IncidentQuery, RecordStore, Store

#: How far the first look at a store goes back; what was due before it is not ours to tell.
LOOK_BACK = timedelta(days=30)
#: How far ahead a list looks, so that the next half-year's report is in it.
LOOK_AHEAD = timedelta(days=184)
#: The longest that a list looks back unless it is told to.
MOST_BACK = timedelta(days=92)
_PAGE = 500
#: No duty of ours is older, and no calendar needs to go further.
_FIRST, _LAST = datetime(2000, 1, 1, tzinfo=UTC), datetime(2200, 1, 1, tzinfo=UTC)
#: Far enough for every time limit of one incident.
_EVER = timedelta(days=3_650)


def period_asked(text: str) -> Period:
    """Raises UsageRefused for what is no period."""
    try:
        return parse_period(text)
    except (ValueError, OverflowError) as error:
        raise UsageRefused("bad_period", text=text, reason=error) from error


def since_when(store: Store, now: datetime) -> datetime:
    """Since when duties are watched here; at least LOOK_BACK ago, also where a clock was ahead at the first look."""
    return min(watched_since(store.records) or now, now - LOOK_BACK)


def usual_window(store: Store, now: datetime) -> tuple[datetime, datetime]:
    """`[from, until)` of due instants that a list shows: since duties are watched here, at most MOST_BACK."""
    return max(since_when(store, now), now - MOST_BACK), now + LOOK_AHEAD


def reckoned(
    store: Store,
    directory: Directory,
    due_from: datetime,
    due_until: datetime,
    now: datetime,
    *,
    scope: Scope = EVERYTHING,
    agency: str | None = None,
) -> list[Obligation]:
    """What is due in `[due_from, due_until)` as it stands now, of the agencies in the scope or of one of them.

    Raises UsageRefused for a window that ends before it begins.
    """
    if due_until <= due_from:
        text = "/".join(map(format_instant, (due_from, due_until)))
        raise UsageRefused("bad_period", text=text, reason="period_backwards")
    due_from, due_until = max(due_from, _FIRST), min(due_until, _LAST)
    duties = all_duties()
    marks = load_marks(store.records)
    began = due_from - timedelta(days=longest_limit(duties))
    incidents = {each.id: each for each in _changed_since(store, began, due_until, scope, agency)}
    for each in marks:
        if each.incident not in incidents and began <= each.at < due_until:
            incidents |= {found.id: found for found in _one(store, each.incident, scope)}
    units = [unit for unit in directory.agencies if _within(scope, unit.code)]
    known = Known(list(incidents.values()), units, marks, load_filings(store.records))
    found = obligations(duties, known, due_from, due_until, now)
    return [each for each in found if _within(scope, each.owed.agency) and agency in (None, each.owed.agency)]


def owed_for(store: Store, incident: Incident, now: datetime, *, scope: Scope = EVERYTHING) -> list[Obligation]:
    """What one incident makes agencies in the scope owe, whenever it was due."""
    known = Known([incident], (), load_marks(store.records), load_filings(store.records))
    found = obligations(all_duties(), known, incident.opened_at - _EVER, now + _EVER, now)
    return [each for each in found if _within(scope, each.owed.agency)]


def notices(records: RecordStore, *, scope: Scope = EVERYTHING, since: datetime | None = None) -> list[dict[str, Any]]:
    """The warnings and missed limits of agencies in the scope that were told since the instant, the oldest first."""
    told = [dict(record.body) for record in records.list(NOTICE) if _within(scope, record.body["agency"])]
    if since is not None:
        told = [each for each in told if each["given_at"] >= format_instant(since)]
    return sorted(told, key=lambda each: (each["given_at"], each["for"], each["duty"], each["subject"], each["agency"]))


def _within(scope: Scope, agency: str) -> bool:
    return scope.agencies is None or agency in scope.agencies


def _changed_since(
    store: Store, since: datetime, until: datetime, scope: Scope, agency: str | None
) -> Iterator[Incident]:
    """Whatever began a clock since then has changed since then."""
    cursor: str | None = None
    while True:
        query = IncidentQuery(
            scope=scope, agency=agency, changed_from=since, opened_until=until, limit=_PAGE, cursor=cursor
        )
        page = store.incidents.find(query)
        yield from page.items
        cursor = page.next
        if cursor is None:
            return


def _one(store: Store, identity: str, scope: Scope) -> Iterator[Incident]:
    """The incident where the scope shows it."""
    try:
        yield store.incidents.get(identity, scope=scope)
    except NotFound:
        return


# --- as JSON -------------------------------------------------------------------------------------------------------


def duty_data(duty: Duty) -> dict[str, Any]:
    """One version of a duty (`duty laws`)."""
    return {
        "id": duty.id,
        "title": duty.title["en"],
        "title_vi": duty.title["vi"],
        "trigger": str(duty.trigger),
        "owed_by": sorted(map(str, (*duty.roles, *duty.levels))),
        "addressee": duty.addressee["en"],
        "addressee_vi": duty.addressee["vi"],
        "deadline": _limit(duty),
        "warn_before_hours": [each.delta / timedelta(hours=1) for each in duty.warn_before],
        "form": duty.form or None,
        "basis": duty.basis,
        "valid_from": duty.valid_from.isoformat(),
        "valid_to": duty.valid_to.isoformat() if duty.valid_to else None,
        "certainty": str(duty.certainty),
        "note": duty.note,
    }


def _limit(duty: Duty) -> str | None:
    """`P5D`, `PT72H`, or `before 20/6`."""
    if duty.deadline is not None:
        days, hours = duty.deadline.days, duty.deadline.hours
        return "P" + (f"{days}D" if days else "") + (f"T{hours}H" if hours else "")
    ends = [f"{day}/{month}" for _, month, day in (each.end for each in duty.rounds)]
    return f"before {', '.join(ends)}" if ends else None


def obligation_data(found: Obligation) -> dict[str, Any]:
    """One line of `duty list`; times are RFC 3339, `late_by_seconds` is 0 for what is not late."""
    owed, filing = found.owed, found.filing
    return {
        "duty": owed.duty.id,
        "title": owed.duty.title["en"],
        "title_vi": owed.duty.title["vi"],
        "subject": owed.subject,
        "agency": owed.agency,
        "addressee": owed.duty.addressee["en"],
        "addressee_vi": owed.duty.addressee["vi"],
        "begun_at": format_instant(owed.begun_at),
        "due": format_instant(owed.due),
        "warn_at": [format_instant(each) for each in owed.warn_at],
        "state": str(found.state),
        "late_by_seconds": int(found.late_by.total_seconds()),
        "filing": filing.id if filing else None,
        "filed_at": format_instant(filing.at) if filing else None,
        "filed_by": filing.by if filing else None,
        "digest": filing.digest or None if filing else None,
        "void_because": owed.void_because or None,
        "form": owed.duty.form or None,
        "basis": owed.duty.basis,
        "certainty": str(owed.duty.certainty),
    }


def lateness_data(rows: Iterable[Lateness]) -> list[dict[str, Any]]:
    """Rows of `duty lateness`; median and p90 in seconds."""
    return [
        {
            "key": row.key,
            "due": row.due,
            "on_time": row.on_time,
            "late": row.late,
            "not_filed": row.not_filed,
            "median_late_seconds": row.median.total_seconds() if row.median is not None else None,
            "p90_late_seconds": row.p90.total_seconds() if row.p90 is not None else None,
        }
        for row in rows
    ]
