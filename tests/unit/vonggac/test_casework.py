from datetime import UTC, datetime

import pytest

from vonggac.casework import Casework
from vonggac.domain.access import EVERYTHING, NOTHING, OPERATOR, Principal, UserRole
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Entry, EntryKind, Evidence, Status, entry_id, evidence_data
from vonggac.domain.marking import Tlp
from vonggac.errors import Conflict, NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, Store

START = datetime(2026, 3, 1, tzinfo=UTC)


def open_incident(store: Store, identity: str, *detections: str, agency: str = "A") -> None:
    opened = {"title": "Port scan", "title_vi": "Quét cổng", "kind": "port-scan", "key": f"{agency}|port-scan|x"}
    entries = [
        Entry(entry_id(identity, "opened"), EntryKind.OPENED, START, START, "correlator", opened),
        Entry(
            entry_id(identity, "v"),
            EntryKind.INVOLVED,
            START,
            START,
            "correlator",
            {"agency": agency, "role": "victim"},
        ),
    ]
    for name in detections:
        part = Evidence(name, "rule", "t", "t", "high", START, START, (f"event-of-{name}",))
        entries.append(Entry(entry_id(identity, name), EntryKind.DETECTED, START, START, "c", evidence_data(part)))
    store.incidents.append(identity, entries)


@pytest.fixture
def work(store: Store, clock: Clock) -> Casework:
    open_incident(store, "inc-a", "d1", "d2")
    open_incident(store, "inc-b", "d3", agency="B")
    return Casework(store.incidents, clock, OPERATOR)


def test_a_transition_outside_the_table_is_refused_and_says_what_is_allowed(work: Casework) -> None:
    with pytest.raises(TransitionNotAllowed) as refused:
        work.transition("inc-a", Status.ERADICATED)
    assert "confirmed" in str(refused.value.facts["allowed"])


def test_a_category_brings_the_class_of_the_map_in_force_unless_the_class_still_fits(work: Casework) -> None:
    incident = work.categorise("inc-a", "dos")
    assert (incident.category, incident.rsit, incident.classed_because) == ("dos", "availability/dos", "person")
    assert work.categorise("inc-a", "combined").rsit == "availability/dos"
    assert work.categorise("inc-a", "fraud").rsit == "fraud"


def test_a_merge_makes_the_whole_as_severe_as_its_part_and_undoing_it_gives_that_back(
    store: Store, work: Casework
) -> None:
    work.rate("inc-a", Severity.CRITICAL)
    assert work.merge("inc-a", "inc-b").severity is Severity.CRITICAL
    work.undo("inc-a")
    assert (store.incidents.get("inc-a").severity, store.incidents.get("inc-b").severity) == (
        Severity.CRITICAL,
        Severity.MEDIUM,
    )


def test_what_is_split_off_keeps_kind_and_severity_and_who_said_so(work: Casework) -> None:
    work.rate("inc-a", Severity.LOW)
    whole = work.categorise("inc-a", "espionage")
    new = work.split("inc-a", ["d2"])
    kept = ("category", "rsit", "severity", "rated_by", "classed_because", "classed_by", "key")
    assert [getattr(new, name) for name in kept] == [getattr(whole, name) for name in kept]


def test_closing_needs_a_reason(work: Casework) -> None:
    with pytest.raises(UsageRefused):
        work.transition("inc-a", Status.CLOSED)
    assert work.transition("inc-a", Status.CLOSED, "đã xử lý").status is Status.CLOSED


def test_closing_twice_is_refused(work: Casework) -> None:
    work.transition("inc-a", Status.CLOSED, "xong")
    with pytest.raises(TransitionNotAllowed):
        work.transition("inc-a", Status.CLOSED, "xong")


def test_an_act_on_a_version_somebody_else_changed_is_a_conflict(work: Casework) -> None:
    version = work.note("inc-a", "một").version
    work.note("inc-a", "hai")
    with pytest.raises(Conflict):
        work.assign("inc-a", "lan", version=version)


def test_merging_moves_the_evidence_and_undoing_parts_them_again(work: Casework, store: Store) -> None:
    whole = work.merge("inc-b", into="inc-a")
    assert {part.detection for part in whole.evidence} == {"d1", "d2", "d3"}
    assert whole.agencies == {"A", "B"}
    merged = store.incidents.get("inc-b")
    assert (merged.status, merged.merged_into, merged.counted) == (Status.MERGED, "inc-a", False)

    work.undo("inc-b")
    assert store.incidents.get("inc-b").status is Status.NEW
    parted = store.incidents.get("inc-a")
    assert {part.detection for part in parted.evidence} == {"d1", "d2"}
    assert parted.agencies == {"A"}


def test_a_split_makes_a_new_incident_and_undo_gives_the_evidence_back(work: Casework, store: Store) -> None:
    new = work.split("inc-a", ["d2"])
    assert {part.detection for part in new.evidence} == {"d2"}
    assert new.agencies == {"A"}
    assert {part.detection for part in store.incidents.get("inc-a").evidence} == {"d1"}
    assert {part.detection for part in work.undo("inc-a").evidence} == {"d1", "d2"}


def test_all_of_an_incident_cannot_be_split_off(work: Casework) -> None:
    with pytest.raises(UsageRefused):
        work.split("inc-a", ["d1", "d2"])


def test_undo_takes_back_one_act_after_another(work: Casework) -> None:
    work.assign("inc-a", "lan")
    work.note("inc-a", "x")
    assert work.undo("inc-a").notes == ()
    assert work.undo("inc-a").assignee is None
    with pytest.raises(NotFound):
        work.undo("inc-a")


@pytest.mark.parametrize("actor", ["correlator", "peer:trung-tam", "import:sổ"])
def test_what_the_program_or_a_peer_added_is_not_undone_by_hand(work: Casework, store: Store, actor: str) -> None:
    closed = Entry("stricter", EntryKind.MARKED, START, START, actor, {"tlp": "red"})
    store.incidents.append("inc-a", [closed])
    with pytest.raises(NotFound):
        work.undo("inc-a")
    work.note("inc-a", "x")
    assert (work.undo("inc-a").notes, store.incidents.get("inc-a").tlp) == ((), Tlp.RED)


def test_a_viewer_may_not_act(store: Store, clock: Clock, work: Casework) -> None:
    viewer = Casework(store.incidents, clock, Principal("v", UserRole.VIEWER), EVERYTHING)
    for act in (
        lambda: viewer.note("inc-a", "x"),
        lambda: viewer.merge("inc-a", "inc-b"),
        lambda: viewer.undo("inc-a"),
    ):
        with pytest.raises(SharingRefused):
            act()


def test_what_the_scope_hides_is_not_found(store: Store, clock: Clock, work: Casework) -> None:
    blind = Casework(store.incidents, clock, OPERATOR, NOTHING)
    with pytest.raises(NotFound):
        blind.note("inc-a", "x")


def test_an_empty_or_huge_note_is_refused(work: Casework) -> None:
    for text in ("  ", "x" * 20_001):
        with pytest.raises(UsageRefused):
            work.note("inc-a", text)
