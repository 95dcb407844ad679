"""Merges, splits and undos in any order: no detection is lost or counted twice, and the past stays as it was known."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.vonggac.test_casework import START, open_incident
from vonggac.casework import Casework
from vonggac.domain.access import OPERATOR
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Entry, EntryKind, Evidence, Incident, Status, entry_id, evidence_data
from vonggac.errors import Conflict, NotFound, TransitionNotAllowed, UsageRefused
from vonggac.ports import Clock, IncidentQuery, Store
from vonggac.stores.sqlite import open_sqlite

DETECTIONS = {"inc-a": ("d1", "d2", "d3"), "inc-b": ("d4", "d5"), "inc-c": ("d6",)}


@contextmanager
def fresh(factory: pytest.TempPathFactory) -> Iterator[tuple[Store, Casework]]:
    store = open_sqlite(factory.mktemp("kho") / "kho")
    now = START

    def clock() -> datetime:
        nonlocal now
        now += timedelta(seconds=1)
        return now

    try:
        for agency, (identity, detections) in enumerate(DETECTIONS.items()):
            open_incident(store, identity, *detections, agency=f"A{agency}")
        yield store, Casework(store.incidents, clock, OPERATOR)
    finally:
        store.close()


def standing(store: Store) -> list[Incident]:
    found = store.incidents.find(IncidentQuery(limit=1_000)).items
    return sorted((each for each in found if each.status is not Status.MERGED), key=lambda each: each.number)


def everyone(store: Store) -> list[Incident]:
    return sorted(store.incidents.find(IncidentQuery(limit=1_000)).items, key=lambda each: each.number)


def known_then(store: Store, instant: datetime) -> Iterator[str]:
    """The detections of all incidents that stood, as they were known at the instant."""
    for incident in everyone(store):
        if incident.opened_at <= instant:
            then = store.incidents.get(incident.id, known_at=instant)
            yield from (part.detection for part in then.evidence if then.status is not Status.MERGED)


def alike(incident: Incident) -> Incident:
    """Without what tells that something was done and undone."""
    return replace(incident, version=0, changed_at=START, wholes=())


WHAT = st.tuples(
    st.sampled_from(["merge", "split", "undo", "undo", "note", "rate", "attribute", "grade", "categorise"]),
    st.integers(0, 9),
    st.integers(0, 9),
)


def do(store: Store, work: Casework, act: tuple[str, int, int]) -> None:
    """The act, where it is allowed."""
    what, which, other = act
    there = everyone(store)
    one, two = there[which % len(there)], there[other % len(there)]
    doing: dict[str, Callable[[], object]] = {
        "merge": lambda: work.merge(one.id, two.number, "trùng"),
        "split": lambda: work.split(one.id, [one.evidence[other % len(one.evidence)].detection], "khác"),
        "undo": lambda: work.undo(one.id),
        "note": lambda: work.note(one.id, "x"),
        "rate": lambda: work.rate(one.id, list(Severity)[other % 4]),
        "attribute": lambda: work.attribute(one.id, one.cause),
        "grade": lambda: work.grade(one.id, ["control"], beyond_owner=bool(other % 2)),
        "categorise": lambda: work.categorise(one.id, "malware"),
    }
    with suppress(TransitionNotAllowed, UsageRefused, NotFound):
        doing[what]()


@given(st.lists(WHAT, max_size=14))
@settings(max_examples=60, deadline=None)
def test_each_detection_stays_in_exactly_one_incident_and_the_past_as_it_was_known(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]]
) -> None:
    with fresh(tmp_path_factory) as (store, work):
        known: list[Incident] = everyone(store)
        for act in acts:
            do(store, work, act)
            held = [part.detection for incident in standing(store) for part in incident.evidence]
            assert sorted(held) == ["d1", "d2", "d3", "d4", "d5", "d6"], act
            known += everyone(store)
        for instant in {each.changed_at for each in known}:
            assert sorted(known_then(store, instant)) == ["d1", "d2", "d3", "d4", "d5", "d6"]
        for then in {(each.id, each.changed_at): each for each in known}.values():
            assert store.incidents.get(then.id, known_at=then.changed_at) == then


@given(st.lists(WHAT, max_size=8), st.integers(0, 9), st.integers(0, 9))
@settings(max_examples=40, deadline=None)
def test_a_merge_or_a_split_that_is_undone_leaves_everything_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, acts: list[tuple[str, int, int]], which: int, other: int
) -> None:
    with fresh(tmp_path_factory) as (store, work):
        for act in acts:
            do(store, work, act)
        before = {each.id: alike(each) for each in everyone(store)}
        there = standing(store)
        one, two = there[which % len(there)], there[other % len(there)]
        if one.id != two.id:
            work.merge(one.id, two.id)
            work.undo(one.id)
            assert {each.id: alike(each) for each in everyone(store)} == before
        if len(one.evidence) > 1:
            new = work.split(one.id, [one.evidence[0].detection])
            work.undo(one.id)
            after = {each.id: alike(each) for each in everyone(store)}
            assert after.pop(new.id).merged_into == one.id
            assert after == before


@pytest.fixture
def work(store: Store, clock: Clock) -> Casework:
    for identity, detections in DETECTIONS.items():
        open_incident(store, identity, *detections)
    return Casework(store.incidents, clock, OPERATOR)


def held(store: Store, identity: str) -> set[str]:
    return {part.detection for part in store.incidents.get(identity).evidence}


def test_a_split_that_was_undone_is_done_again_by_undoing_on_the_part(work: Casework, store: Store) -> None:
    new = work.split("inc-a", ["d2"], "máy khác")
    work.undo("inc-a")
    assert held(store, "inc-a") == {"d1", "d2", "d3"}
    assert store.incidents.get(new.id).status is Status.MERGED
    work.undo(new.id)
    assert (held(store, "inc-a"), held(store, new.id)) == ({"d1", "d3"}, {"d2"})
    assert store.incidents.get(new.id).counted


def test_what_joined_the_part_since_comes_back_with_it(work: Casework, store: Store) -> None:
    new = work.split("inc-a", ["d2"])
    more = Evidence("d9", "rule", "t", "t", "high", START, START, ("e",))
    joined = Entry(entry_id(new.id, "d9"), EntryKind.DETECTED, START, START, "correlator", evidence_data(more))
    store.incidents.append(new.id, [joined])
    assert {part.detection for part in work.undo("inc-a").evidence} == {"d1", "d2", "d3", "d9"}


def test_the_same_detections_may_be_split_off_again(work: Casework, store: Store) -> None:
    first = work.split("inc-a", ["d2"])
    work.undo("inc-a")
    second = work.split("inc-a", ["d2"])
    assert second.id != first.id
    assert (held(store, second.id), second.status) == ({"d2"}, Status.NEW)


def test_an_undo_that_would_give_a_detection_twice_is_refused_and_says_where_to_undo_first(
    work: Casework, store: Store
) -> None:
    whole = work.merge("inc-c", "inc-b")
    new = work.split("inc-b", ["d6"])
    with pytest.raises(TransitionNotAllowed) as refused:
        work.undo("inc-c")
    assert refused.value.facts["other"] == whole.number
    work.merge(new.id, "inc-a")
    with pytest.raises(TransitionNotAllowed) as refused:
        work.undo("inc-b")
    assert refused.value.facts["other"] == new.number
    for identity in (new.id, "inc-b", "inc-c"):
        work.undo(identity)
    assert (held(store, "inc-b"), held(store, "inc-c")) == ({"d4", "d5"}, {"d6"})


def test_reasons_of_merges_and_splits_stand_in_the_histories(work: Casework, store: Store) -> None:
    work.split("inc-a", ["d2"], "máy khác")
    work.merge("inc-b", "inc-a", "cùng một trang")
    told = [entry.data.get("reason") for entry in store.incidents.history("inc-a")]
    assert told[-2:] == ["máy khác", "cùng một trang"]
    assert store.incidents.history("inc-b")[-1].data["reason"] == "cùng một trang"


@pytest.mark.parametrize("status", [Status.EXERCISE, Status.FALSE_POSITIVE])
def test_what_does_not_count_is_not_merged_with_what_does_and_its_parts_do_not_count(
    work: Casework, status: Status
) -> None:
    work.transition("inc-a", status, "diễn tập")
    for one, other in (("inc-a", "inc-b"), ("inc-b", "inc-a")):
        with pytest.raises(TransitionNotAllowed):
            work.merge(one, other)
    new = work.split("inc-a", ["d1"])
    assert (new.status, new.counted) == (status, False)


def test_a_part_is_not_split(work: Casework) -> None:
    work.merge("inc-a", "inc-b")
    with pytest.raises(TransitionNotAllowed):
        work.split("inc-a", ["d1"])


class Contended:
    """A store in which somebody changes an incident just before entries of a kind come to it."""

    def __init__(self, store: Store, kind: EntryKind) -> None:
        self._incidents = store.incidents
        self._kind = kind

    def __getattr__(self, name: str) -> object:
        return getattr(self._incidents, name)

    def append(self, identity: str, entries: list[Entry], *, expected_version: int | None = None) -> Incident:
        if expected_version is not None and any(entry.kind is self._kind for entry in entries):
            raise Conflict("incident_changed", incident=identity, expected=1, found=2)
        return self._incidents.append(identity, entries, expected_version=expected_version)


def test_a_merge_that_comes_too_late_leaves_the_whole_as_it_was(work: Casework, store: Store, clock: Clock) -> None:
    late = Casework(Contended(store, EntryKind.MERGED), clock, OPERATOR)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        late.merge("inc-c", "inc-b")
    assert held(store, "inc-b") == {"d4", "d5"}


def test_a_split_that_comes_too_late_leaves_no_detection_in_two_incidents(
    work: Casework, store: Store, clock: Clock
) -> None:
    late = Casework(Contended(store, EntryKind.SPLIT), clock, OPERATOR)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        late.split("inc-a", ["d1"])
    counted = [part.detection for incident in standing(store) for part in incident.evidence]
    assert sorted(counted) == ["d1", "d2", "d3", "d4", "d5", "d6"]
    [gone] = [each for each in everyone(store) if each.merged_into]
    with pytest.raises(TransitionNotAllowed):
        work.undo(gone.id)


def test_taking_back_a_split_too_late_leaves_it_as_it_was(work: Casework, store: Store, clock: Clock) -> None:
    new = work.split("inc-a", ["d1"])
    late = Casework(Contended(store, EntryKind.ABSORBED), clock, OPERATOR)  # type: ignore[arg-type]
    with pytest.raises(Conflict):
        late.undo("inc-a")
    assert (held(store, "inc-a"), store.incidents.get(new.id).counted) == ({"d2", "d3"}, True)
