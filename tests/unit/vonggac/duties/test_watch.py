"""Filings, marks, and the job that warns: over a real embedded store."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime, timedelta

import pytest

from tests.conftest import SteppingClock
from tests.unit.vonggac.duties.made import at
from vonggac.directory import load_directory, save_agencies
from vonggac.domain.access import OPERATOR, Principal, UserRole, visible_to
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.duty import Obligation, State
from vonggac.domain.incident import Entry, EntryKind, Status, entry_id
from vonggac.duties.acts import Reporting
from vonggac.duties.kept import NOTICE, load_filings, load_marks
from vonggac.duties.look import obligation_data, owed_for, reckoned, usual_window
from vonggac.duties.watch import watch
from vonggac.errors import NotFound, SharingRefused, UsageRefused
from vonggac.ports import Clock, Ids, Store

OPENED = at("02/11/2026 09:00")
DUE = at("08/11/2026 00:00")
UNITS = (Agency("T1", "Tỉnh Một", Level.PROVINCE), Agency("X1", "Xã", Level.COMMUNE, parent="T1"))


def add(store: Store, identity: str, opened: datetime = OPENED, victims: Sequence[str] = ("T1",)) -> str:
    entries = [Entry(f"{identity}-o", EntryKind.OPENED, opened, opened, "correlator", {"tlp": "amber"})]
    for code in victims:
        data = {"agency": code, "role": "victim"}
        entries.append(Entry(entry_id(identity, code), EntryKind.INVOLVED, opened, opened, "correlator", data))
    store.incidents.append(identity, entries)
    return identity


@pytest.fixture
def directory(store: Store) -> Directory:
    save_agencies(store.records, UNITS)
    return load_directory(store.records)


@pytest.fixture
def reporting(store: Store, clock: Clock, ids: Ids, directory: Directory) -> Reporting:
    return Reporting(store, clock, ids, directory, OPERATOR)


def of_incidents(store: Store, directory: Directory, now: datetime) -> list[Obligation]:
    found = reckoned(store, directory, *usual_window(store, now), now)
    return [each for each in found if each.owed.subject.startswith("inc")]


def notices(store: Store) -> list[str]:
    return [
        f"{record.body['subject']} {record.body['kind']}"
        for record in store.records.list(NOTICE)
        if record.body["subject"].startswith("inc")
    ]


def test_the_job_warns_once_and_tells_a_missed_limit_once(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    watch(store, directory, OPENED)
    assert notices(store) == []
    assert watch(store, directory, DUE - timedelta(days=2)).startswith("1 warnings, 0")
    assert watch(store, directory, DUE - timedelta(days=2)).startswith("0 warnings, 0")
    watch(store, directory, DUE + timedelta(minutes=1))
    watch(store, directory, DUE + timedelta(minutes=2))
    assert sorted(notices(store)) == ["inc-1 overdue", "inc-1 warning", "inc-1 warning"]


def test_a_node_that_was_down_gives_every_notice_that_fell_due_meanwhile(store: Store, directory: Directory) -> None:
    watch(store, directory, OPENED - timedelta(days=1))
    add(store, "inc-1")
    watch(store, directory, DUE + timedelta(days=40))
    assert sorted(notices(store)) == ["inc-1 overdue", "inc-1 warning", "inc-1 warning"]


def test_what_was_due_long_before_the_first_look_is_not_told(store: Store, directory: Directory) -> None:
    add(store, "inc-old", at("02/01/2019 09:00"))
    watch(store, directory, OPENED)
    assert of_incidents(store, directory, OPENED) == [] and notices(store) == []


def test_a_clock_that_was_ahead_once_hides_nothing_later(store: Store, directory: Directory) -> None:
    watch(store, directory, DUE + timedelta(days=900))
    add(store, "inc-1")
    watch(store, directory, DUE + timedelta(days=1))
    assert "inc-1 overdue" in notices(store)


def test_what_turns_up_late_is_still_told(store: Store, directory: Directory) -> None:
    watch(store, directory, DUE + timedelta(days=3))
    add(store, "inc-1")
    watch(store, directory, DUE + timedelta(days=4))
    assert "inc-1 overdue" in notices(store)


def test_a_filed_report_is_warned_of_no_more(store: Store, directory: Directory, reporting: Reporting) -> None:
    add(store, "inc-1")
    filing = reporting.file("incident-report", "inc-1", at=OPENED + timedelta(days=1), digest="0" * 64)
    assert (filing.agency, filing.by) == ("T1", "operator")
    watch(store, directory, DUE + timedelta(days=1))
    assert notices(store) == []
    (found,) = of_incidents(store, directory, DUE + timedelta(days=1))
    assert obligation_data(found)["digest"] == "0" * 64
    assert obligation_data(found)["state"] == "met"


def test_a_false_positive_is_void_and_is_not_warned_of(store: Store, directory: Directory) -> None:
    add(store, "inc-1")
    data = {"to": str(Status.FALSE_POSITIVE), "reason": "nhầm"}
    store.incidents.append("inc-1", [Entry("t", EntryKind.TRANSITIONED, OPENED, OPENED, "an", data)])
    watch(store, directory, DUE + timedelta(days=1))
    assert notices(store) == []
    assert [each.state for each in of_incidents(store, directory, DUE)] == [State.VOID]


def test_a_correction_is_another_filing_and_the_first_stays(store: Store, reporting: Reporting) -> None:
    add(store, "inc-1")
    first = reporting.file("incident-report", "inc-1", at=OPENED + timedelta(days=1))
    second = reporting.file("incident-report", "inc-1", at=DUE + timedelta(days=1), corrects=first.id, note="nhầm ngày")
    assert {each.id for each in load_filings(store.records)} == {first.id, second.id}
    (found,) = owed_for(store, store.incidents.get("inc-1"), DUE + timedelta(days=2))
    assert (found.state, found.late_by) == (State.LATE, timedelta(days=1))
    for wrong in (first.id, "none"):
        with pytest.raises(UsageRefused, match="duty_correction"):
            reporting.file("incident-report", "inc-1", corrects=wrong)


def test_a_filing_that_cannot_be_is_refused(store: Store, reporting: Reporting, clock: SteppingClock) -> None:
    add(store, "inc-1")
    add(store, "inc-2", victims=("T1", "X1"))
    add(store, "inc-3", victims=())
    for given, key in (
        ({"subject": "inc-1", "at": clock.now + timedelta(hours=1)}, "duty_future"),
        ({"subject": "inc-1", "at": OPENED - timedelta(seconds=1)}, "duty_early"),
        ({"subject": "2027-H1", "duty": "network-half-year", "agency": "T1"}, "duty_early"),
        ({"subject": "inc-1", "digest": "abc"}, "duty_digest"),
        ({"subject": "inc-1", "agency": "X1"}, "duty_agency"),
        ({"subject": "inc-2"}, "duty_agency"),
        ({"subject": "inc-3"}, "duty_agency"),
        ({"subject": "inc-1", "note": "x" * 3_000}, "text_length"),
        ({"subject": "inc-9"}, "no_such_incident"),
        ({"subject": "2026-H3", "duty": "network-half-year", "agency": "T1"}, "duty_period"),
        ({"subject": "2026-H1", "duty": "network-half-year", "agency": "T9"}, "unknown_agency"),
        ({"subject": "inc-1", "duty": "nothing"}, "unknown_duty"),
    ):
        with pytest.raises((UsageRefused, NotFound), match=key):
            reporting.file(**({"duty": "incident-report"} | given))
    assert load_filings(store.records) == []


def test_a_period_is_filed_for_its_agency(store: Store, directory: Directory, reporting: Reporting) -> None:
    reporting.file("network-half-year", "2026-H1", agency="T1", at=at("19/06/2026 23:59"), by="Nguyễn Văn A")
    found = reckoned(store, directory, at("01/06/2026"), at("01/07/2026"), at("22/11/2026"))
    told = {(each.owed.duty.id, each.owed.agency): each for each in found}
    met = told["network-half-year", "T1"]
    assert met.state is State.MET and met.filing is not None and met.filing.by == "Nguyễn Văn A"


def test_a_breach_is_opened_by_a_person_with_a_reason_and_taken_back(store: Store, reporting: Reporting) -> None:
    add(store, "inc-1")
    with pytest.raises(UsageRefused, match="duty_reason"):
        reporting.open("personal-data-notice", "inc-1", "  ")
    with pytest.raises(UsageRefused, match="duty_opens_itself"):
        reporting.open("incident-report", "inc-1", "vì thế")
    reporting.open("personal-data-notice", "inc-1", "lộ 200 hồ sơ", at=OPENED + timedelta(hours=2))
    notice = next(each.owed for each in owed_for(store, store.incidents.get("inc-1"), DUE))
    assert (notice.duty.id, notice.due) == ("personal-data-notice", OPENED + timedelta(hours=74))
    reporting.open("personal-data-notice", "inc-1", "dữ liệu giả", stands=False)
    assert len(owed_for(store, store.incidents.get("inc-1"), DUE)) == 1
    assert [each.standing for each in sorted(load_marks(store.records), key=lambda each: each.recorded_at)] == [
        True,
        False,
    ]


def test_a_breach_found_long_after_the_incident_is_in_the_list(store: Store, directory: Directory, ids: Ids) -> None:
    add(store, "inc-1", at("02/01/2026 09:00"))
    now = at("10/11/2026 09:00")
    Reporting(store, lambda: now, ids, directory, OPERATOR).open("personal-data-notice", "inc-1", "mới biết", at=now)
    assert [each.owed.duty.id for each in of_incidents(store, directory, now)] == ["personal-data-notice"]


def test_an_agency_sees_and_files_its_own_only(store: Store, clock: Clock, ids: Ids, directory: Directory) -> None:
    add(store, "inc-1", victims=("T1",))
    add(store, "inc-2", victims=("T2",))
    add(store, "inc-3", victims=("T1", "T2"))
    person = Principal("an", UserRole.ANALYST, "T1")
    scope = visible_to(person, directory)
    found = reckoned(store, directory, *usual_window(store, DUE), DUE, scope=scope)
    assert {each.owed.agency for each in found} == {"T1"}
    assert {each.owed.subject for each in found if each.owed.subject.startswith("inc")} == {"inc-1", "inc-3"}
    theirs = Reporting(store, clock, ids, directory, person, scope)
    assert theirs.file("incident-report", "inc-3", agency="T1").agency == "T1"
    with pytest.raises(SharingRefused):
        theirs.file("incident-report", "inc-3", agency="T2")
    with pytest.raises(SharingRefused):
        theirs.open("personal-data-notice", "inc-3", "lộ hồ sơ", agency="T2")
    with pytest.raises(UsageRefused):
        theirs.open("personal-data-notice", "inc-3", "lộ hồ sơ")
    theirs.open("personal-data-notice", "inc-3", "lộ hồ sơ", agency="T1")
    told = owed_for(store, store.incidents.get("inc-3"), DUE)
    assert [each.owed.agency for each in told if each.owed.duty.id == "personal-data-notice"] == ["T1"]
    with pytest.raises(NotFound):
        theirs.file("incident-report", "inc-2")
    with pytest.raises(SharingRefused):
        Reporting(store, clock, ids, directory, replace(person, role=UserRole.VIEWER), scope).file(
            "incident-report", "inc-1"
        )
