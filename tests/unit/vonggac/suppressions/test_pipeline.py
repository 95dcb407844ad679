"""What a suppression does to what is detected: held back, kept, counted, and never otherwise at a replay."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from correlator.sigma.load import LoadedRules
from tests.unit.correlator.samples import START, load_text
from tests.unit.vonggac.suppressions.made import PLACES, condition, draft, suppressing
from tests.unit.vonggac.test_pipeline import RULES, batch, contents, event, hits, only_incident
from vonggac.domain.account import Tally
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.suppression import Suppression
from vonggac.hunting import hunt_received
from vonggac.pipeline import Pipeline
from vonggac.ports import Clock, EventQuery, Ids, IncidentQuery, Store
from vonggac.suppressions.acts import Draft

SOURCE = "192.0.2.1"
Make = Callable[..., Pipeline]
Suppress = Callable[[Draft], Suppression]


@pytest.fixture
def rules(tmp_path: Path) -> LoadedRules:
    return load_text(tmp_path, RULES)


@pytest.fixture
def make(store: Store, rules: LoadedRules, clock: Clock) -> Make:
    def made(over: Store = store, directory: Directory = PLACES) -> Pipeline:
        day = timedelta(hours=24)
        return Pipeline(over, Correlator(rules.rules), lambda: directory, clock, incident_window=day, origin="n")

    return made


@pytest.fixture
def suppress(store: Store, clock: Clock, ids: Ids, make: Make) -> Suppress:
    """A suppression of what happens from START on stands in the store."""
    return lambda given: suppressing(store, clock, ids).make(replace(given, start=given.start or START), make().told)


def stored(store: Store) -> dict[str, str | None]:
    """Evidence -> the suppression, of every detection there is."""
    found = store.events.search_detections(EventQuery(limit=1_000)).items
    return {detection.evidence[0]: detection.suppressed_by for detection in found}


def incidents(store: Store) -> int:
    return store.incidents.count(IncidentQuery())


def test_what_is_held_back_is_stored_counted_and_in_no_incident(store: Store, make: Make, suppress: Suppress) -> None:
    made = suppress(draft(condition("source.ip", "is", SOURCE)))
    other = event("other", 5, source__ip="192.0.2.2", f=1)
    summary = make().take(batch([*hits(3), other]))
    assert (summary.detections, summary.incidents_new) == (4, 1)
    assert summary.stages["incident"] == Tally(4, 1, 0, {"suppressed": 3})
    assert all(tally.balanced for tally in summary.stages.values())
    assert stored(store) == {"1-0": made.id, "1-1": made.id, "1-2": made.id, "other": None}
    assert only_incident(store).entity == "192.0.2.2"
    held = store.events.suppressed()[made.id]
    assert (held.count, held.first, held.last) == (3, START, START + timedelta(seconds=2))


def test_it_joins_no_incident_that_is_open_either(store: Store, make: Make, suppress: Suppress) -> None:
    pipeline = make()
    pipeline.take(batch(hits(1)))
    suppress(draft(kind="one"))
    summary = pipeline.take(batch(hits(2, first=1)))
    assert (summary.incidents_new, summary.incidents_updated) == (0, 0)
    assert len(only_incident(store).evidence) == 1


def test_a_pipeline_that_runs_learns_of_each_change_at_once(
    store: Store, make: Make, suppress: Suppress, clock: Clock, ids: Ids
) -> None:
    pipeline = make()
    pipeline.take(batch(hits(1)))
    made = suppress(draft(kind="one"))
    pipeline.take(batch(hits(1, first=1)))
    suppressing(store, clock, ids).end(made.id, "xong")
    late = event("late", 0, f=1, source__ip=SOURCE) | {"@timestamp": "2026-11-22T12:00:00Z"}
    pipeline.take(batch([late]))
    assert stored(store) == {"1-0": None, "1-1": made.id, "late": None}


def test_what_its_detections_feed_counts_on(store: Store, make: Make, suppress: Suppress) -> None:
    """A suppression holds back what a rule tells, not the events that a correlation counts."""
    suppress(draft(kind="one"))
    assert make().take(batch(hits(3, f=2))).incidents_new == 1
    suppress(draft(kind="three"))
    assert make().take(batch(hits(3, f=2, first=3_600))).incidents_new == 0


def test_an_agencys_suppression_is_for_it_and_those_below(store: Store, make: Make, suppress: Suppress) -> None:
    made = suppress(draft(agency="G99", kind="one"))
    seen = [event(f"e-{code}", 0, f=1, source__ip=SOURCE, organization__id=code) for code in ("G99", "G99.1", "T98")]
    make().take(batch([*seen, event("e-none", 0, f=1, source__ip=SOURCE)]))
    assert stored(store) == {"e-G99": made.id, "e-G99.1": made.id, "e-T98": None, "e-none": None}


# --- replays


def test_replays_change_nothing_that_stands_whatever_was_suppressed_in_between(
    store: Store, make: Make, suppress: Suppress, clock: Clock, ids: Ids
) -> None:
    first = suppress(draft(condition("source.ip", "is", SOURCE), until=START + timedelta(days=400)))
    other = [event(f"o-{at}", at, source__ip="192.0.2.2", f=1) for at in range(3)]
    given = batch([*hits(3), *other])
    make().take(given)
    before = contents(store), stored(store), store.events.suppressed()
    acts = (
        lambda: None,
        lambda: suppress(draft(condition("source.ip", "is", "192.0.2.2"))),
        lambda: suppressing(store, clock, ids).end(first.id, "xong"),
        lambda: suppress(draft(kind="one")),
        lambda: None,
    )
    for act in acts:
        act()
        again = make().take(given)
        assert (again.detections, again.incidents_new, again.incidents_updated) == (0, 0, 0)
        assert all(tally.balanced for tally in again.stages.values())
        assert (contents(store), stored(store), store.events.suppressed()) == before


def test_validity_is_of_the_detections_time_so_a_later_reading_finds_the_same(
    store: Store, make: Make, suppress: Suppress
) -> None:
    """Read months after it has ended, what happened in it is held back, and what happened after it is not."""
    made = suppress(draft(kind="one", until=START + timedelta(seconds=2)))
    make().take(batch(hits(4)))
    assert stored(store) == {"1-0": made.id, "1-1": made.id, "1-2": None, "1-3": None}


@dataclass
class Killed:
    """A store whose incidents cannot be written to: the process dies between a detection and its incident."""

    inner: Store

    @property
    def incidents(self) -> Any:
        raise KeyboardInterrupt

    def __getattr__(self, name: str) -> Any:
        return getattr(self.inner, name)


def test_a_detection_that_stood_before_the_suppression_still_reaches_its_incident_after_a_crash(
    store: Store, make: Make, suppress: Suppress
) -> None:
    with pytest.raises(KeyboardInterrupt):
        make(over=Killed(store)).take(batch(hits(1)))
    assert (stored(store), incidents(store)) == ({"1-0": None}, 0)
    suppress(draft(kind="one"))
    make().catch_up()
    assert (stored(store), incidents(store)) == ({"1-0": None}, 1)


def test_a_detection_that_was_held_back_stays_so_when_the_suppression_was_taken_back_before_a_replay(
    store: Store, make: Make, suppress: Suppress, clock: Clock, ids: Ids
) -> None:
    made = suppress(draft(kind="one"))
    given = batch(hits(2))
    make().take(given)
    suppressing(store, clock, ids).end(made.id, "nhầm")
    make().catch_up()
    assert make().take(given).incidents_new == 0
    assert (set(stored(store).values()), incidents(store)) == ({made.id}, 0)


# --- the other ways


def test_what_is_caught_up_and_what_is_hunted_is_held_back_too(
    store: Store, make: Make, suppress: Suppress, clock: Clock
) -> None:
    seen = event("b", 5, source__ip="192.0.2.9", destination__ip="198.51.100.1", f=1)
    store.events.add_events([seen])
    made = suppress(draft(condition("related.ip", "cidr", "198.51.100.0/24")))
    pipeline = make()
    assert pipeline.catch_up().detections == 1
    received = [Indicator("indicator--1", IndicatorKind.IP, "198.51.100.1")]
    assert hunt_received(store, clock, received, pipeline.detected) == {"found": 1}
    found = store.events.search_detections(EventQuery()).items
    assert {(each.suppressed_by, each.indicator_id) for each in found} == {(made.id, None), (made.id, "indicator--1")}
    assert (len(found), incidents(store)) == (2, 0)


def test_a_store_without_suppressions_is_asked_for_one_record_only(
    store: Store, make: Make, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store.events, "detections", forbidden)
    monkeypatch.setattr(store.records, "list", lambda kind: forbidden() if kind == "suppression" else [])
    pipeline = make()
    for _ in range(2):
        pipeline.take(batch(hits(2)))


def forbidden(*_: object) -> list[Detection]:
    raise AssertionError("read without need")


def test_everything_that_is_detected_has_its_id_and_kind_among_those_there_are(make: Make, store: Store) -> None:
    pipeline = make()
    pipeline.use_indicators(IndicatorSet([Indicator("indicator--1", IndicatorKind.CIDR, "198.51.100.0/24")]))
    pipeline.take(batch([*hits(3, f=2), event("x", 9, destination__ip="198.51.100.1", f=1)]))
    found = store.events.search_detections(EventQuery()).items
    assert len(found) == 3
    for detection in found:
        assert detection.rule.kind in pipeline.told[detection.rule.id].kinds, detection.rule
