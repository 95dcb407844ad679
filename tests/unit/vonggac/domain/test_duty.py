"""When a duty's clock begins and ends, which version holds, and how what is owed stands at an instant."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.duties.made import REPORT, at, filing, incident, periodic
from vonggac.domain.agency import Agency, Level
from vonggac.domain.duty import (
    Duration,
    Duty,
    Filing,
    Known,
    Mark,
    Obligation,
    Round,
    State,
    Trigger,
    midnight,
    obligations,
    parse_duration,
    span_named,
)
from vonggac.domain.incident import Involvement, Role, Status
from vonggac.domain.lateness import Per, lateness
from vonggac.duties.law import all_duties

ALWAYS = (datetime(1970, 1, 1, tzinfo=UTC), datetime(2100, 1, 1, tzinfo=UTC))
OPENED = at("01/03/2026 09:00")
DUE = at("07/03/2026 00:00")  # 24:00 of the sixth


def stands(now: datetime, *filings: Filing, duty: Duty = REPORT, status: Status = Status.NEW) -> Obligation:
    known = Known([incident("inc-1", OPENED, "T1", status=status)], filings=filings)
    (found,) = obligations([duty], known, *ALWAYS, now)
    return found


@pytest.mark.parametrize(
    ("begun", "due"),
    [
        ("01/03/2026 00:00", "07/03/2026 00:00"),
        ("01/03/2026 23:59:59", "07/03/2026 00:00"),
        ("31/12/2026 23:59:59", "06/01/2027 00:00"),
        ("24/02/2028 10:00", "01/03/2028 00:00"),  # the fifth day is the leap day
        ("25/02/2028 10:00", "02/03/2028 00:00"),
        ("24/02/2027 10:00", "02/03/2027 00:00"),
    ],
)
def test_five_days_end_with_the_fifth_day_after_the_one_on_which_they_began(begun: str, due: str) -> None:
    assert Duration(5, 0).after(at(begun)) == at(due)


def test_the_days_are_vietnams_not_utcs() -> None:
    before, after = datetime(2026, 2, 28, 16, 59, 59, tzinfo=UTC), datetime(2026, 2, 28, 17, tzinfo=UTC)
    assert Duration(5, 0).after(after) - Duration(5, 0).after(before) == timedelta(days=1)


def test_hours_run_from_the_second() -> None:
    assert Duration(0, 72).after(at("31/12/2026 23:59:59")) == at("03/01/2027 23:59:59")


@given(st.datetimes(datetime(1990, 1, 1), datetime(2090, 1, 1)), st.integers(1, 40))
def test_a_limit_of_days_is_never_shorter_than_its_hours_and_ends_at_midnight(naive: datetime, days: int) -> None:
    begun = naive.replace(tzinfo=UTC)
    due = Duration(days, 0).after(begun)
    assert timedelta(days=days) < due - begun <= timedelta(days=days + 1)
    assert due == midnight((due + timedelta(hours=7)).date())


@pytest.mark.parametrize("text", ["", "P", "P5", "5D", "PT", "P0D", "P1W", "P-1D", "PT90M", "P5DT"])
def test_what_is_no_duration_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="not a duration"):
        parse_duration(text)


def test_a_report_waits_then_is_warned_of_then_overdue() -> None:
    assert stands(OPENED).state is State.PENDING
    assert stands(DUE - timedelta(days=2, seconds=1)).state is State.PENDING
    assert stands(DUE - timedelta(days=2)).state is State.WARNED
    assert stands(DUE).state is State.WARNED, "24:00 of the last day belongs to it"
    late = stands(DUE + timedelta(seconds=1))
    assert (late.state, late.late_by) == (State.OVERDUE, timedelta(seconds=1))


def test_a_report_filed_at_the_last_moment_is_on_time_and_one_after_it_is_late_by_so_much() -> None:
    now = DUE + timedelta(days=30)
    assert stands(now, filing("inc-1", "T1", DUE)).state is State.MET
    late = stands(now, filing("inc-1", "T1", DUE + timedelta(hours=5)))
    assert (late.state, late.late_by) == (State.LATE, timedelta(hours=5))


def test_the_earliest_filing_counts_unless_another_corrects_it() -> None:
    now = DUE + timedelta(days=30)
    early, second = filing("inc-1", "T1", DUE - timedelta(days=1)), filing("inc-1", "T1", DUE + timedelta(days=9))
    assert stands(now, second, early).filing == early
    corrected = filing("inc-1", "T1", DUE + timedelta(days=2), corrects=early.id)
    found = stands(now, early, second, corrected)
    assert (found.state, found.late_by) == (State.LATE, timedelta(days=2))


def test_a_filing_for_another_agency_subject_or_duty_meets_nothing() -> None:
    now = DUE - timedelta(days=4)
    others = [
        filing("inc-1", "T2", OPENED),
        filing("inc-2", "T1", OPENED),
        filing("inc-1", "T1", OPENED, duty="other"),
    ]
    assert stands(now, *others).state is State.PENDING


@pytest.mark.parametrize("status", [Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED])
def test_what_turned_out_to_be_no_incident_of_its_own_is_void_and_says_so(status: Status) -> None:
    found = stands(DUE + timedelta(days=1), status=status)
    assert (found.state, found.owed.void_because) == (State.VOID, str(status))


def test_a_test_owes_nothing_nor_does_an_incident_without_a_victim() -> None:
    bystander = (Involvement("T1", Role.DETECTOR), Involvement("T2", Role.HANDLER))
    known = Known([incident("a", OPENED, "T1", test=True), incident("b", OPENED, involvements=bystander)])
    assert obligations([REPORT], known, *ALWAYS, OPENED) == []


def test_each_victim_owes_its_own_report() -> None:
    known = Known([incident("inc-1", OPENED, "T2", "T1")], filings=[filing("inc-1", "T2", OPENED)])
    found = obligations([REPORT], known, *ALWAYS, OPENED)
    assert [(each.owed.agency, each.state) for each in found] == [("T1", State.PENDING), ("T2", State.MET)]


def test_of_two_versions_the_one_in_force_when_the_clock_began_holds() -> None:
    change = date(2026, 7, 1)
    old, new = replace(REPORT, valid_to=change), replace(REPORT, valid_from=change, deadline=Duration(0, 24))
    before, after = at("30/06/2026 23:59:59"), at("01/07/2026 00:00")
    known = Known([incident("a", before, "T1"), incident("b", after, "T1")])
    found = {each.owed.subject: each.owed for each in obligations([old, new], known, *ALWAYS, after)}
    assert found["a"].due == at("06/07/2026 00:00")
    assert found["b"].due == at("02/07/2026 00:00")


def test_before_20_june_ends_with_the_19th_in_vietnam() -> None:
    unit = Agency("T1", "Tỉnh", Level.PROVINCE)
    (found,) = obligations([periodic()], Known(units=[unit]), at("01/01/2026"), at("01/01/2027"), at("01/06/2026"))
    assert (found.owed.subject, found.owed.due) == ("2026-H1", at("20/06/2026 00:00"))
    assert (found.owed.begun_at, found.owed.due) == (at("15/12/2025"), datetime(2026, 6, 19, 17, tzinfo=UTC))


def test_a_round_that_ends_in_the_next_year_is_named_by_its_own() -> None:
    second = Round("H2", (0, 7, 1), (1, 1, 1))
    unit = Agency("T1", "Tỉnh", Level.PROVINCE)
    duty = periodic(second)
    found = obligations([duty], Known(units=[unit]), at("01/01/2027"), at("02/01/2027"), at("01/12/2026"))
    assert [each.owed.subject for each in found] == ["2026-H2"]
    span = span_named(duty, "2026-H2")
    assert span is not None and (span.start, span.end) == (at("01/07/2026"), at("01/01/2027"))
    assert (
        span_named(duty, "2026-H1") is None and span_named(duty, "năm") is None and span_named(duty, "0000-H2") is None
    )


def test_the_units_that_are_there_on_the_last_day_owe_a_periodic_report() -> None:
    gone = Agency("OLD", "Cũ", Level.PROVINCE, valid_to=date(2025, 7, 1))
    new = Agency("NEW", "Mới", Level.PROVINCE, valid_from=date(2025, 7, 1))
    ministry = Agency("BO", "Bộ", Level.MINISTRY)
    duty = periodic(Round("H1", (-1, 12, 15), (0, 7, 1)), Round("H2", (0, 7, 1), (0, 12, 15)))
    found = obligations(
        [duty], Known(units=[gone, new, ministry]), at("01/01/2025"), at("01/01/2026"), at("01/01/2025")
    )
    assert [(each.owed.subject, each.owed.agency) for each in found] == [("2025-H1", "OLD"), ("2025-H2", "NEW")]


def test_a_repealed_periodic_duty_asks_for_no_round_that_ends_after_it() -> None:
    unit = Agency("T1", "Tỉnh", Level.PROVINCE)
    for last, count in ((date(2026, 6, 20), 1), (date(2026, 6, 19), 0)):
        duty = periodic(valid_to=last)
        found = obligations([duty], Known(units=[unit]), at("01/01/2026"), at("01/01/2027"), at("01/01/2026"))
        assert len(found) == count


def test_a_breach_of_personal_data_is_owed_from_the_instant_that_a_person_names() -> None:
    duty = replace(REPORT, id="notice", trigger=Trigger.PERSONAL_DATA_BREACH, deadline=Duration(0, 72))
    happened = OPENED + timedelta(hours=3)
    mark = Mark("m1", "notice", "inc-1", "T1", happened, happened, "an", "lộ danh sách")
    one = incident("inc-1", OPENED, "T1", "T2")
    assert obligations([duty], Known([one]), *ALWAYS, happened) == []
    (found,) = obligations([duty], Known([one], marks=[mark]), *ALWAYS, happened)
    assert found.owed.due == happened + timedelta(hours=72)
    withdrawn = replace(mark, id="m2", recorded_at=happened + timedelta(hours=1), standing=False)
    assert obligations([duty], Known([one], marks=[withdrawn, mark]), *ALWAYS, happened) == []


def test_a_duty_without_a_number_of_days_runs_no_clock() -> None:
    duty = replace(REPORT, trigger=Trigger.INCIDENT_CLOSED, deadline=None)
    known = Known([incident("a", OPENED, "T1", closed_at=OPENED)])
    assert obligations([duty], known, *ALWAYS, DUE) == []
    (found,) = obligations([replace(duty, deadline=Duration(0, 1))], known, *ALWAYS, DUE)
    assert found.owed.due == OPENED + timedelta(hours=1)


def test_no_warning_comes_before_the_clock_began() -> None:
    duty = replace(REPORT, deadline=Duration(0, 24), warn_before=(Duration(2, 0), Duration(0, 6)))
    found = stands(OPENED, duty=duty)
    assert found.owed.warn_at == (OPENED, OPENED + timedelta(hours=18))
    assert found.state is State.WARNED


@given(st.lists(st.integers(0, 10_000), max_size=6), st.integers(0, 10_000), st.integers(0, 10_000))
def test_without_a_new_filing_a_state_only_moves_on(hours: list[int], one: int, other: int) -> None:
    order = [State.PENDING, State.WARNED, State.OVERDUE]
    first, second = sorted((one, other))
    filings = [filing("inc-1", "T1", OPENED + timedelta(hours=each)) for each in hours]
    earlier, later = (stands(OPENED + timedelta(minutes=each), *filings) for each in (first, second))
    if filings:
        assert earlier.state == later.state and earlier.late_by == later.late_by
    else:
        assert order.index(earlier.state) <= order.index(later.state)


@given(st.lists(st.integers(0, 20_000), min_size=3, max_size=3), st.lists(st.integers(0, 20_000), max_size=4))
def test_two_windows_that_meet_hold_what_the_whole_holds_and_nothing_twice(days: list[int], opened: list[int]) -> None:
    start = at("01/01/2016 00:00")
    first, middle, last = (start + timedelta(hours=6 * each) for each in sorted(days))
    incidents = [incident(f"inc-{each}", start + timedelta(hours=6 * each), "T1") for each in set(opened)]
    known = Known(incidents, [Agency("T1", "Tỉnh", Level.PROVINCE)])
    parts = [obligations(all_duties(), known, *each, middle) for each in ((first, middle), (middle, last))]
    whole = obligations(all_duties(), known, first, last, middle)
    assert [*parts[0], *parts[1]] == whole
    assert len({each.owed.key for each in whole}) == len(whole)


# --- lateness


def late(agency: str, hours: int | None, state: State = State.LATE) -> Obligation:
    (found,) = obligations([REPORT], Known([incident("inc-1", OPENED, agency)]), *ALWAYS, OPENED)
    filed = filing("inc-1", agency, DUE + timedelta(hours=hours)) if hours is not None else None
    return Obligation(found.owed, state, filed, timedelta(hours=max(hours or 0, 0)))


def test_lateness_counts_what_was_due_and_measures_what_was_late() -> None:
    found = [late("T1", hours) for hours in range(1, 11)]
    found += [late("T2", -3, State.MET), late("T2", None, State.OVERDUE), late("T2", None, State.VOID)]
    total, rows = lateness(found, DUE + timedelta(days=1), Per.AGENCY)
    assert (total.due, total.on_time, total.late, total.not_filed) == (12, 1, 10, 1)
    assert (total.median, total.p90) == (timedelta(hours=5.5), timedelta(hours=9))
    assert [(row.key, row.due, row.late) for row in rows] == [("T1", 10, 10), ("T2", 2, 0)]
    assert rows[1].median is None and rows[1].p90 is None


def test_what_is_not_due_yet_and_not_filed_does_not_count() -> None:
    waiting, early = late("T1", None, State.WARNED), late("T2", -9, State.MET)
    total, rows = lateness([waiting, early], DUE, Per.DUTY)
    assert (total.due, total.on_time) == (1, 1)
    assert [row.key for row in rows] == ["report"]


@given(st.lists(st.sampled_from([("T1", 3), ("T1", None), ("T2", -2), ("T2", 8), ("T3", 0)])))
def test_the_columns_add_up_and_so_do_the_rows(made: list[tuple[str, int | None]]) -> None:
    kinds = {None: State.OVERDUE, 3: State.LATE, 8: State.LATE, -2: State.MET, 0: State.MET}
    found = [late(agency, hours, kinds[hours]) for agency, hours in made]
    total, rows = lateness(found, DUE + timedelta(days=1), Per.AGENCY)
    for row in (total, *rows):
        assert row.due == row.on_time + row.late + row.not_filed
    assert total.due == sum(row.due for row in rows) == len(made)
