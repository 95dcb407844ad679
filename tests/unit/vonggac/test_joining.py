"""Incidents in a real store: closed and opened again, merged, replayed, in any cut and order."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.engine import Correlator
from correlator.rule import Rule
from tests.unit.correlator.samples import START, load_text, rule_text
from tests.unit.vonggac.test_pipeline import NOWHERE, batch, event, hits, only_incident
from vonggac.casework import Casework, incident_data
from vonggac.domain.access import OPERATOR
from vonggac.domain.agency import Agency, Directory, Level, System
from vonggac.domain.detection import Severity
from vonggac.domain.event import Document
from vonggac.domain.incident import Entry, EntryKind, Incident, Status
from vonggac.domain.lifecycle import TRANSITIONS
from vonggac.errors import StoreUnavailable, TransitionNotAllowed
from vonggac.pipeline import Pipeline
from vonggac.ports import Clock, EventQuery, IncidentQuery, Store
from vonggac.stores.sqlite import open_sqlite

HOUR = 3600.0
#: Each alerts on single events; two of them tell of one kind of incident.
RULES = "---\n".join(
    rule_text(f"  s:\n    f: {f}\n  condition: s", title=title).replace("level: medium", f"level: {level}")
    + f"vonggac: {{category: {category}, rsit: {rsit}, kind: {kind}, entity: source.ip}}\n"
    for f, title, level, category, rsit, kind in (
        (1, "Try", "medium", "unauthorized-access", "intrusion-attempts", "web"),
        (2, "Shell", "high", "malware", "malicious-code", "web"),
        (3, "Flood", "medium", "dos", "availability", "flood"),
    )
)
Make = Callable[..., Pipeline]


def pipeline(store: Any, rules: Sequence[Rule], clock: Clock, directory: Directory = NOWHERE) -> Pipeline:
    day = timedelta(hours=24)
    return Pipeline(store, Correlator(rules), lambda: directory, clock, incident_window=day, origin="n")


@pytest.fixture
def make(store: Store, clock: Clock, tmp_path: Path) -> Make:
    rules = load_text(tmp_path, RULES).rules
    return lambda directory=NOWHERE: pipeline(store, rules, clock, directory)


def work(store: Store, hours: float) -> Casework:
    """An analyst's acts, at an instant so many hours after the first event."""
    return Casework(store.incidents, lambda: START + timedelta(hours=hours), OPERATOR)


def histories(store: Store) -> dict[str, list[tuple[Any, ...]]]:
    """Every history but for when we learned it and the number that this gave it."""
    found = store.incidents.find(IncidentQuery(limit=1_000)).items
    return {
        incident.id: [
            (entry.id, entry.kind, entry.happened_at, entry.actor, repr({**entry.data, "number": ""}))
            for entry in store.incidents.history(incident.id)
        ]
        for incident in found
    }


def test_new_evidence_opens_a_closed_incident_again_and_late_evidence_does_not(store: Store, make: Make) -> None:
    watching = make()
    watching.take(batch(hits(1)))
    first = only_incident(store)
    work(store, 2).transition(first.id, Status.CLOSED, "done")
    late = watching.take(batch([event("late", HOUR, source__ip="192.0.2.1", f=1)]))
    assert (late.incidents_new, only_incident(store).status) == (0, Status.CLOSED)
    assert watching.take(batch([event("new", 3 * HOUR, source__ip="192.0.2.1", f=1)])).incidents_new == 0
    again = only_incident(store)
    assert (again.status, len(again.evidence), again.counted) == (Status.REOPENED, 3, True)


def test_further_evidence_of_a_merged_incident_goes_to_the_whole(store: Store, make: Make) -> None:
    watching = make()
    watching.take(batch([*hits(1), *hits(1, f=3)]))
    by_kind = {incident.kind: incident.id for incident in store.incidents.find(IncidentQuery()).items}
    work(store, 1).merge(by_kind["web"], by_kind["flood"])
    more = watching.take(batch([event("more", HOUR, source__ip="192.0.2.1", f=1)]))
    assert (more.incidents_new, more.incidents_updated) == (0, 1)
    assert len(store.incidents.get(by_kind["flood"]).evidence) == 3
    work(store, 2).undo(by_kind["web"])
    before = histories(store)
    make().take(batch([*hits(1), event("more", HOUR, source__ip="192.0.2.1", f=1)]))
    assert histories(store) == before


PLACES = Directory(
    (Agency("A", "A", Level.PROVINCE, networks=(ip_network("10.1.0.0/16"),)),),
    (System("s", "Portal", 4, "A", networks=(ip_network("10.1.0.80"),)),),
)


def test_a_system_of_level_4_raises_the_severity_and_makes_it_a_question(store: Store, make: Make) -> None:
    attack = {"source__ip": "192.0.2.1", "f": 1}
    make(PLACES).take(batch([event("a", 0, destination__ip="10.1.0.5", **attack)]))
    before = only_incident(store)
    assert (before.severity, incident_data(before)["question"]) == (Severity.MEDIUM, "")
    make(PLACES).take(batch([event("b", 60, destination__ip="10.1.0.80", **attack)]))
    after = incident_data(only_incident(store))
    assert (after["severity"], after["rating"]["system"], after["rating"]["system_level"]) == ("high", "Portal", 4)
    assert after["question"] == "QĐ 05/2017/QĐ-TTg, Điều 9"
    assert (after["systems"], after["machines"], after["triad"]) == (["Portal"], 2, None)
    assert incident_data(work(store, 1).categorise(after["id"], "malware"))["triad"] == "malware"


def test_what_happened_when_an_address_was_anothers_is_the_others(store: Store, make: Make) -> None:
    """2026-03-02T17:00Z is the first instant of the third of March in Vietnam."""
    change = (START + timedelta(days=1)).date()
    places = Directory(
        (
            Agency("OLD", "O", Level.PROVINCE, networks=(ip_network("10.1.0.0/16"),), valid_to=change),
            Agency("NEW", "N", Level.PROVINCE, networks=(ip_network("10.1.0.0/16"),), valid_from=change),
        )
    )
    midnight = (datetime(2026, 3, 2, 17, tzinfo=START.tzinfo) - START).total_seconds()
    attack = {"source__ip": "192.0.2.1", "destination__ip": "10.1.0.5", "f": 1}
    make(places).take(batch([event("a", midnight - 1, **attack), event("b", midnight, **attack)]))
    found = store.incidents.find(IncidentQuery()).items
    assert {tuple(incident.agencies): incident.evidence[0].events for incident in found} == {
        ("OLD",): ("a",),
        ("NEW",): ("b",),
    }


# --- whatever the cuts, the acts, the replays and the order


EVENTS = st.lists(
    st.tuples(st.integers(0, 60), st.integers(1, 3), st.integers(0, 1), st.integers(0, 12)), min_size=1, max_size=25
).map(
    lambda rows: [
        event(
            f"e{number}",
            hours * HOUR,
            f=f,
            source__ip=f"192.0.2.{source}",
            destination__ip=f"10.0.0.{host}",
            organization__id="A",
        )
        for number, (hours, f, source, host) in enumerate(rows)
    ]
)
CUTS = st.lists(st.integers(1, 8), min_size=1, max_size=25)
ACTS = st.lists(
    st.tuples(st.sampled_from(["close", "mistake", "merge", "part", "rate", "categorise"]), st.integers(0, 9)),
    min_size=10,
    max_size=20,
)


def cut(events: Sequence[Document], sizes: Sequence[int]) -> Iterator[Sequence[Document]]:
    """The events in batches of these sizes, over and over."""
    at = number = 0
    while at < len(events):
        size = sizes[number % len(sizes)]
        yield events[at : at + size]
        at, number = at + size, number + 1


@contextmanager
def fresh(tmp: pytest.TempPathFactory) -> Iterator[tuple[Store, Sequence[Rule]]]:
    folder = tmp.mktemp("store")
    store = open_sqlite(folder / "kho")
    try:
        yield store, load_text(folder, RULES).rules
    finally:
        store.close()


def act(store: Store, what: str, which: int) -> None:
    """An analyst does something to the incidents, where casework allows it."""
    found = store.incidents.find(IncidentQuery(limit=1_000)).items
    parts = [incident for incident in found if incident.merged_into]
    some = [incident for incident in found if not incident.merged_into]
    hands = work(store, 30)
    if what == "part" and parts:
        with suppress(TransitionNotAllowed):
            hands.undo(parts[which % len(parts)].id)
    if not some:
        return
    chosen, beside = some[which % len(some)], some[(which + 1) % len(some)]
    one, other, allowed = chosen.id, beside.id, TRANSITIONS[chosen.status]
    if what == "close" and Status.CLOSED in allowed:
        hands.transition(one, Status.CLOSED, "done")
    elif what == "mistake" and Status.FALSE_POSITIVE in allowed:
        hands.transition(one, Status.FALSE_POSITIVE, "no")
    elif what == "merge" and one != other and chosen.counted == beside.counted:
        hands.merge(one, other)
    elif what == "rate":
        hands.rate(one, Severity.LOW)
    elif what == "categorise":
        hands.categorise(one, "combined")


@given(EVENTS, CUTS, CUTS)
@settings(max_examples=20, deadline=None)
def test_the_same_events_in_other_batches_make_the_same_histories(
    tmp_path_factory: pytest.TempPathFactory, events: list[Document], one: list[int], other: list[int]
) -> None:
    made = []
    for sizes in (one, other):
        with fresh(tmp_path_factory) as (store, rules):
            taking = pipeline(store, rules, lambda: START)
            for part in cut(events, sizes):
                taking.take(batch(part))
            made.append({identity: sorted(entries, key=repr) for identity, entries in histories(store).items()})
    assert made[0] == made[1]


@given(EVENTS, ACTS)
@settings(max_examples=20, deadline=None)
def test_whatever_analysts_did_meanwhile_five_replays_add_nothing(
    tmp_path_factory: pytest.TempPathFactory, events: list[Document], acts: list[tuple[str, int]]
) -> None:
    with fresh(tmp_path_factory) as (store, rules):
        taking = pipeline(store, rules, lambda: START)
        for number, part in enumerate(cut(events, [2])):
            taking.take(batch(part))
            act(store, *acts[number % len(acts)])
        before = histories(store)
        detections = store.events.search_detections(EventQuery(limit=1_000)).items
        for _ in range(5):
            again = pipeline(store, rules, lambda: START)
            again.take(batch(events))
            again.detected(detections)
        assert histories(store) == before
        held = [part.detection for incident in _counted(store) for part in incident.evidence]
        assert sorted(held) == sorted({found.id for found in detections})


def _counted(store: Store) -> list[Incident]:
    return [each for each in store.incidents.find(IncidentQuery(limit=1_000)).items if each.merged_into is None]


@given(EVENTS.flatmap(lambda events: st.tuples(st.just(events), st.permutations(events))), CUTS)
@settings(max_examples=20, deadline=None)
def test_in_whatever_order_events_come_within_one_window_the_incidents_say_the_same(
    tmp_path_factory: pytest.TempPathFactory, both: tuple[list[Document], list[Document]], sizes: list[int]
) -> None:
    said = []
    for events in both:
        with fresh(tmp_path_factory) as (store, rules):
            taking = pipeline(store, rules, lambda: START)
            for part in cut([_same_day(each) for each in events], sizes):
                taking.take(batch(part))
            said.append({found.key: _said(found) for found in _counted(store)})
            assert len(said[-1]) == len(_counted(store))
    assert said[0] == said[1]


def _same_day(document: Document) -> Document:
    return {**document, "@timestamp": document["@timestamp"].replace("03-03T", "03-02T").replace("03-04T", "03-02T")}


def _said(found: Incident) -> tuple[Any, ...]:
    evidence = {part.detection for part in found.evidence}
    return found.category, found.rsit, found.severity, found.title, evidence, found.involvements, found.first_at


class Dying:
    """A real store whose incidents cannot be written any more from the numbered call on."""

    def __init__(self, store: Store, after: int) -> None:
        self._store, self._left = store, after

    def __getattr__(self, name: str) -> Any:
        return self if name == "incidents" else getattr(self._store, name, None) or getattr(self._store.incidents, name)

    def append(self, identity: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        if self._left == 0:
            raise StoreUnavailable("store_busy", where="here")
        self._left -= 1
        return self._store.incidents.append(identity, entries, expected_version=expected_version)


@given(EVENTS, CUTS, st.lists(st.integers(0, 3), max_size=6))
@settings(max_examples=20, deadline=None)
def test_a_process_that_dies_between_two_incidents_leaves_nothing_out_and_nothing_twice(
    tmp_path_factory: pytest.TempPathFactory, events: list[Document], sizes: list[int], deaths: list[int]
) -> None:
    made = []
    for lives in ([], deaths):
        with fresh(tmp_path_factory) as (store, rules):
            left = list(lives)
            for part in cut(events, sizes):
                while left:
                    with suppress(StoreUnavailable):
                        pipeline(Dying(store, left.pop()), rules, lambda: START).take(batch(part))
                pipeline(store, rules, lambda: START).take(batch(part))
            made.append({identity: {entry[0] for entry in told} for identity, told in histories(store).items()})
    assert made[0] == made[1]


def test_every_entry_of_the_correlator_is_named_by_what_it_says(store: Store, make: Make) -> None:
    make(PLACES).take(batch([*hits(1), *hits(1, f=2)]))
    told = store.incidents.history(only_incident(store).id)
    assert [entry.kind for entry in told] == [
        EntryKind.OPENED,
        EntryKind.DETECTED,
        EntryKind.DETECTED,
        EntryKind.CATEGORISED,
        EntryKind.RATED,
    ]
    assert len({entry.id for entry in told}) == len(told)
