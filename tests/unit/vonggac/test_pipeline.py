"""A batch's way through the node: every stage accounts for what it took, and taking it again changes nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from ipaddress import ip_network
from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from correlator.sigma.load import LoadedRules
from sensors.base import Batch
from tests.unit.correlator.samples import event as sample
from tests.unit.correlator.samples import load_text, rule_text
from vonggac.casework import Casework
from vonggac.connected import sensor_agencies
from vonggac.domain.access import OPERATOR
from vonggac.domain.account import Refusal, Tally
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.event import Document
from vonggac.domain.incident import Entry, Incident, Role, Status
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.errors import Conflict
from vonggac.pipeline import MAX_ATTEMPTS, Pipeline, Summary, accounts, keep_accounts, with_agency
from vonggac.ports import Clock, EventQuery, IncidentQuery, IncidentStore, Store

#: A single rule that alerts on f=1, and one that counts three of f=2 within an hour.
RULES = (
    rule_text("  s:\n    f: 1\n  condition: s", title="One")
    + "vonggac: {category: malware, kind: one, entity: source.ip}\n---\n"
    + rule_text("  s:\n    f: 2\n  condition: s", title="Base", name="base")
    + """---
title: Three
level: high
correlation:
  type: event_count
  rules: base
  group-by: [source.ip]
  timespan: 1h
  condition: {gte: 3}
vonggac: {category: dos, kind: three, entity: source.ip}
"""
)
NOWHERE = Directory()
Make = Callable[..., Pipeline]


@pytest.fixture
def rules(tmp_path: Path) -> LoadedRules:
    loaded = load_text(tmp_path, RULES)
    assert not loaded.faults
    return loaded


@pytest.fixture
def make(store: Store, rules: LoadedRules, clock: Clock) -> Make:
    """A pipeline over the test's store with a correlator that has seen nothing."""

    def made(over: Store = store, directory: Directory = NOWHERE) -> Pipeline:
        window = timedelta(hours=24)
        return Pipeline(over, Correlator(rules.rules), lambda: directory, clock, incident_window=window, origin="n")

    return made


def event(identity: str = "e1", at: float = 0, **fields: Any) -> Document:
    """An event as a store takes it."""
    said: dict[str, Any] = {"kind": "event", "category": ["network"], "type": ["connection"]}
    document = sample(identity, at, ecs__version="9.0.0", observer__name="s", **fields)
    return document | {"event": {**document["event"], **said}}


def batch(events: Iterable[Document], refused: Sequence[Refusal] = ()) -> Batch:
    taken = tuple(events)
    return Batch("source", "made", len(taken), len(taken) + len(refused), taken, tuple(refused))


def hits(count: int, first: int = 0, *, f: int = 1, source: str = "192.0.2.1") -> list[Document]:
    return [event(f"{f}-{number}", number, source__ip=source, f=f) for number in range(first, first + count)]


def contents(store: Store) -> dict[str, Any]:
    """Everything of the store that taking a batch again must leave as it is."""
    found = store.incidents.find(IncidentQuery(limit=1_000)).items
    return {
        "events": [each["event"]["id"] for each in store.events.search_events(EventQuery(limit=1_000)).items],
        "detections": [each.id for each in store.events.search_detections(EventQuery(limit=1_000)).items],
        "incidents": {incident.id: store.incidents.history(incident.id) for incident in found},
    }


def only_incident(store: Store) -> Incident:
    (found,) = store.incidents.find(IncidentQuery()).items
    return found


def test_the_agency_of_a_sensor_is_the_one_it_names_and_not_the_owner_of_an_address(store: Store, make: Make) -> None:
    owner = Agency("79", "Thành phố Hồ Chí Minh", Level.PROVINCE, networks=(ip_network("192.0.2.0/24"),))
    pipeline = make(directory=Directory((owner,)))
    pipeline.take(batch(hits(1)))
    assert sensor_agencies(store.records) == {}
    pipeline.take(batch([event("e2", organization__id="01")]))
    assert sensor_agencies(store.records) == {"s": "01"}


def test_what_each_stage_took_it_passed_on_had_already_or_refused(store: Store, make: Make) -> None:
    broken = event("")
    unread = Refusal("made", 7, "not_json")
    pipeline = make()
    total = Summary()
    for number in range(4):  # the last two batches repeat events of the second
        total += pipeline.take(batch([*hits(10, min(number, 1) * 10), broken], [unread]))
    stages = total.stages
    assert set(stages) == {"sensor", "intake", "correlate", "detection", "incident"}
    for name, tally in stages.items():
        assert tally.balanced, name
    assert stages["sensor"] == Tally(48, 44, 0, {"not_json": 4})
    assert stages["sensor"].passed == stages["intake"].taken
    assert stages["intake"].passed + stages["intake"].duplicates == stages["correlate"].taken == 40
    assert stages["correlate"].balanced
    assert stages["detection"].passed + stages["detection"].duplicates == stages["incident"].taken
    assert (total.events, total.duplicates) == (20, 20) == (stages["intake"].passed, stages["intake"].duplicates)
    assert store.events.count_events() == total.events
    assert store.events.count_detections() == total.detections == 20


def test_refused_events_are_counted_with_their_reasons_and_the_others_taken(store: Store, make: Make) -> None:
    no_id = event("")
    ancient = event("old") | {"@timestamp": "1066-10-14T09:00:00Z"}
    summary = make().take(batch([*hits(1), no_id, ancient], [Refusal("made", 3, "not_json")]))
    assert (summary.events, summary.rejected) == (1, 3)
    assert sum(summary.stages["intake"].refused.values()) == 2
    assert summary.refusals[0].reason == "not_json"
    assert len(summary.refusals) == 3
    assert store.events.count_events() == 1
    assert summary.data()["rejected"] == 3
    assert summary.data()["stages"]["sensor"]["refused"] == {"not_json": 1}


def test_a_batch_taken_five_times_changes_nothing(store: Store, make: Make) -> None:
    given = batch([*hits(3), *hits(5, f=2)])
    pipeline = make()
    first = pipeline.take(given)
    assert (first.events, first.detections, first.incidents_new, first.duplicates) == (8, 4, 2, 0)
    before = contents(store)
    for taker in (pipeline, pipeline, make(), make()):  # by the same correlator, and by one that has forgotten
        again = taker.take(given)
        assert (again.events, again.duplicates) == (0, 8)
        assert (again.detections, again.incidents_new, again.incidents_updated) == (0, 0, 0)
        assert all(tally.balanced for tally in again.stages.values())
    assert contents(store) == before


def test_further_evidence_joins_the_incident(store: Store, make: Make) -> None:
    pipeline = make()
    assert pipeline.take(batch(hits(1))).incidents_new == 1
    more = pipeline.take(batch(hits(2, first=1)))
    assert (more.incidents_new, more.incidents_updated) == (0, 1)
    incident = only_incident(store)
    assert len(incident.evidence) == 3
    assert incident.last_at - incident.first_at == timedelta(seconds=2)


def test_evidence_after_the_end_of_an_incident_opens_another(store: Store, make: Make, clock: Clock) -> None:
    pipeline = make()
    pipeline.take(batch(hits(1)))
    first = only_incident(store)
    Casework(store.incidents, clock, OPERATOR).transition(first.id, Status.FALSE_POSITIVE, "a test")
    assert pipeline.take(batch(hits(1, first=1))).incidents_new == 1
    assert len(store.incidents.find(IncidentQuery()).items) == 2
    # And its own evidence again opens nothing.
    assert pipeline.take(batch(hits(1))).incidents_new == 0


def test_another_source_is_another_incident(store: Store, make: Make) -> None:
    other = event("other", 1, source__ip="192.0.2.2", f=1)
    assert make().take(batch([*hits(1), other])).incidents_new == 2


def test_new_indicators_are_looked_for_from_the_next_batch_on(store: Store, make: Make) -> None:
    pipeline = make()
    quiet = [event("a", 0, source__ip="192.0.2.9", destination__ip="198.51.100.1")]
    assert pipeline.take(batch([*hits(2, f=2), *quiet])).detections == 0
    pipeline.use_indicators(IndicatorSet([Indicator("indicator--1", IndicatorKind.IP, "198.51.100.1")]))
    known = [event("b", 5, source__ip="192.0.2.9", destination__ip="198.51.100.1")]
    found = pipeline.take(batch([*known, *hits(1, first=2, f=2)]))
    assert found.detections == 2  # the address, and the window that had begun before
    pipeline.use_indicators(IndicatorSet())
    assert pipeline.take(batch([event("c", 6, destination__ip="198.51.100.1")])).detections == 0
    detections = store.events.search_detections(EventQuery()).items
    assert {detection.indicator_id for detection in detections} == {"indicator--1", None}


# --- who was it?


SUM = """
title: Much
correlation:
  type: value_sum
  rules: base
  group-by: [source.ip]
  timespan: 1h
  condition: {gte: 6, field: n}
"""


def test_an_inputs_end_tells_what_waits_and_leaves_it_waiting(store: Store, clock: Clock, tmp_path: Path) -> None:
    base = rule_text("  s:\n    f: 2\n  condition: s", title="Base", name="base")
    rules = load_text(tmp_path, f"{base}---{SUM}").rules
    window = timedelta(hours=24)
    pipeline = Pipeline(store, Correlator(rules), lambda: NOWHERE, clock, incident_window=window, origin="n")
    given = [event(f"e{at}", at, f=2, n=3, source__ip="192.0.2.1") for at in (0.0, 600.0)]
    assert pipeline.take(batch(given)).detections == 0
    assert pipeline.conclude().detections == 1
    assert pipeline.conclude().detections == 0
    earlier = [event(f"d{at}", at - 3600, f=2, n=3, source__ip="192.0.2.1") for at in (0.0, 600.0)]
    pipeline.take(batch(earlier))  # an older capture, read later
    assert pipeline.conclude().detections == 1
    assert store.events.count_detections() == 2


def agency(code: str, *networks: str, **more: Any) -> Agency:
    return Agency(code, f"Unit {code}", Level.PROVINCE, networks=tuple(map(ip_network, networks)), **more)


PLACES = Directory((agency("WIDE", "10.0.0.0/8"), agency("NARROW", "10.1.0.0/16"), agency("SIX", "2001:db8::/32")))


@pytest.mark.parametrize(
    ("source", "destination", "owner"),
    [
        ("192.0.2.1", "10.1.2.3", "NARROW"),
        ("192.0.2.1", "10.2.2.3", "WIDE"),
        ("10.2.2.3", "10.1.2.3", "NARROW"),
        ("10.1.2.3", "192.0.2.1", "NARROW"),
        ("2001:db8::1", "192.0.2.1", "SIX"),
        ("192.0.2.1", "192.0.2.2", None),
        ("not-an-address", "192.0.2.2", None),
    ],
)
def test_an_event_is_of_the_agency_with_the_longest_prefix(source: str, destination: str, owner: str | None) -> None:
    placed = with_agency(event(source__ip=source, destination__ip=destination), PLACES)
    assert placed.get("organization", {}).get("id") == owner


def test_what_the_sensor_said_stands_and_the_given_event_is_not_changed() -> None:
    said = event(destination__ip="10.1.2.3", organization__id="MINE")
    assert with_agency(said, PLACES) == said
    unsaid = event(destination__ip="10.1.2.3")
    assert with_agency(unsaid, PLACES)["organization"] == {"id": "NARROW", "name": "Unit NARROW"}
    assert "organization" not in unsaid


def test_an_incident_involves_the_agency_of_its_events(store: Store, make: Make) -> None:
    make(directory=PLACES).take(batch([event("a", source__ip="10.1.2.3", f=1)]))
    involved = {(each.agency, each.role) for each in only_incident(store).involvements}
    assert involved == {("NARROW", Role.VICTIM), ("NARROW", Role.DETECTOR)}


# --- two writers


@dataclass
class Contended:
    """The real incidents, where somebody else adds a note just before each of the next `times` appends."""

    inner: IncidentStore
    note: Callable[[str], None]
    times: int

    def append(self, identity: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        if self.times and expected_version:
            self.times -= 1
            self.note(identity)
        return self.inner.append(identity, entries, expected_version=expected_version)

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


@dataclass
class Shared:
    """The real store with contended incidents."""

    inner: Store
    incidents: Contended

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def contended(store: Store, clock: Clock, times: int) -> Any:
    def note(identity: str) -> None:
        Casework(store.incidents, clock, OPERATOR).note(identity, "meanwhile")

    return Shared(store, Contended(store.incidents, note, times))


def test_an_incident_that_somebody_else_changed_meanwhile_gets_its_evidence_all_the_same(
    store: Store, make: Make, clock: Clock
) -> None:
    make().take(batch(hits(1)))
    shared = contended(store, clock, 3)
    summary = make(over=shared).take(batch(hits(1, first=1)))
    assert summary.incidents_updated == 1
    incident = only_incident(store)
    assert (len(incident.evidence), len(incident.notes)) == (2, 3)


def test_an_incident_that_never_holds_still_is_given_up_and_nothing_is_lost(
    store: Store, make: Make, clock: Clock
) -> None:
    make().take(batch(hits(1)))
    with pytest.raises(Conflict) as raised:
        make(over=contended(store, clock, MAX_ATTEMPTS)).take(batch(hits(1, first=1)))
    assert raised.value.key == "incident_contended"
    assert make().take(batch(hits(1, first=1))).incidents_updated == 1
    assert len(only_incident(store).evidence) == 2


# --- accounts in the store


def test_accounts_add_up_over_runs(store: Store) -> None:
    one = {"intake": Tally(5, 3, 1, {"bad": 1}), "correlate": Tally(4, 4)}
    keep_accounts(store.records, one)
    keep_accounts(store.records, {"intake": replace(one["intake"], refused={"worse": 1})})
    kept = accounts(store.records)
    assert kept == {"intake": Tally(10, 6, 2, {"bad": 1, "worse": 1}), "correlate": Tally(4, 4)}
    assert all(tally.balanced for tally in kept.values())
