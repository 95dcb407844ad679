from datetime import UTC, datetime

import pytest

from vonggac.casework import Casework, last_undoable
from vonggac.domain.access import EVERYTHING, NOTHING, OPERATOR, Principal, UserRole
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Cause, Entry, EntryKind, Evidence, Status, entry_id, evidence_data
from vonggac.domain.marking import Tlp
from vonggac.domain.severity import Grade
from vonggac.errors import Conflict, NotFound, SharingRefused, TransitionNotAllowed, UsageRefused
from vonggac.numbers import incident_named
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


def as_role(store: Store, clock: Clock, role: UserRole) -> Casework:
    return Casework(store.incidents, clock, Principal(f"chị {role}", role))


def test_what_a_lead_closed_an_analyst_neither_reopens_nor_undoes(store: Store, clock: Clock, work: Casework) -> None:
    lead, analyst = as_role(store, clock, UserRole.LEAD), as_role(store, clock, UserRole.ANALYST)
    lead.transition("inc-a", Status.CLOSED, "xong")
    for act in (lambda: analyst.transition("inc-a", Status.REOPENED, "còn"), lambda: analyst.undo("inc-a")):
        with pytest.raises(SharingRefused) as refused:
            act()
        assert refused.value.facts["roles"] == "admin, lead"
    assert lead.undo("inc-a").status is Status.NEW
    analyst.transition("inc-a", Status.CLOSED, "xong")
    assert analyst.transition("inc-a", Status.REOPENED, "còn").status is Status.REOPENED


@pytest.mark.parametrize(
    ("conditions", "beyond_owner", "grade"),
    [
        ([], False, Grade.ORDINARY),
        ([], True, Grade.ORDINARY),
        (["control"], False, Grade.ORDINARY),
        (["control"], True, Grade.SERIOUS),
        (["spread", "interrupted"], True, Grade.SERIOUS),
    ],
)
def test_serious_is_a_condition_of_a_that_its_owner_cannot_handle(
    work: Casework, conditions: list[str], beyond_owner: bool, grade: Grade
) -> None:
    grading = work.grade("inc-a", conditions, beyond_owner).grading
    assert grading is not None
    assert (grading.grade, grading.by, grading.table) == (grade, "operator", "vonggac-severity-1")
    assert set(grading.conditions) == set(conditions)
    assert work.undo("inc-a").grading is None


def test_a_condition_that_the_law_does_not_know_is_refused_with_those_it_does(work: Casework) -> None:
    with pytest.raises(UsageRefused) as refused:
        work.grade("inc-a", ["đắt"], beyond_owner=True)
    assert "interrupted" in str(refused.value.facts["known"])


def test_a_cause_is_an_entry_that_can_be_undone(work: Casework) -> None:
    assert work.attribute("inc-a", Cause.DISASTER).cause is Cause.DISASTER
    assert work.undo("inc-a").cause is Cause.ATTACK


def test_an_undo_that_was_undone_can_be_undone_no_further(work: Casework, store: Store) -> None:
    new = work.split("inc-a", ["d2"])
    work.undo("inc-a")
    work.undo(new.id)
    assert last_undoable(store.incidents.history("inc-a")) is not None
    with pytest.raises(NotFound):
        work.undo(new.id)


def test_an_incident_is_called_by_its_number_in_any_case_and_in_an_address(work: Casework, store: Store) -> None:
    number = store.incidents.get("inc-b").number
    for name in (number, number.lower(), f"https://nut.example/incidents/{number}", "inc-b"):
        assert incident_named(store.incidents, name) == "inc-b"


def test_a_number_that_the_scope_hides_is_as_unknown_as_one_that_nobody_bears(work: Casework, store: Store) -> None:
    number = store.incidents.get("inc-b").number
    for name, scope in ((number, NOTHING), ("VN-2026-999999", EVERYTHING)):
        with pytest.raises(NotFound) as refused:
            incident_named(store.incidents, name, scope)
        assert refused.value.key == "no_such_number"
