"""Hunts answer for what was watched, and say for which hours they cannot."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from tests.unit.correlator.samples import START, load_text, rule_text
from tests.unit.vonggac.test_pipeline import NOWHERE, batch, event
from vonggac.domain.event import Document
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.times import format_instant
from vonggac.hunting import HUNT, MAX_EVENTS, Hunter, hunt_received
from vonggac.pipeline import Pipeline
from vonggac.ports import Clock, EventQuery, Store

HOUR = 3_600.0
Take = Callable[..., None]


@pytest.fixture
def pipeline(store: Store, clock: Clock) -> Pipeline:
    window = timedelta(hours=24)
    return Pipeline(store, Correlator(()), lambda: NOWHERE, clock, incident_window=window, origin="n")


def beat(hour: float, sensor: str = "s", **said: Any) -> Document:
    """A sensor's heartbeat."""
    return event(f"beat-{sensor}-{hour}", hour * HOUR, dataset="heartbeat", vonggac__heartbeat=said) | {
        "observer": {"name": sensor}
    }


def at(hours: float) -> str:
    return format_instant(START + timedelta(hours=hours))


def answer(store: Store, clock: Clock, value: str, **period: Any) -> dict[str, Any]:
    (found,) = Hunter(store, clock, **period).values([value])
    return found.data()


def test_what_is_there_is_found_and_what_is_not_in_watched_hours_is_not_found(
    store: Store, clock: Clock, pipeline: Pipeline
) -> None:
    pipeline.take(batch([event("a", 5, source__ip="192.0.2.1"), event("b", 9, source__ip="192.0.2.1"), beat(1)]))
    assert answer(store, clock, "192.0.2.1") == {"value": "192.0.2.1", "status": "found", "events": ["a", "b"]}
    assert answer(store, clock, "192.0.2.2") == {"value": "192.0.2.2", "status": "not-found", "events": []}


def test_hours_in_which_nobody_watched_are_not_covered(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(batch([event("a", 5, source__ip="192.0.2.1"), beat(1), beat(5)]))
    gap = {"start": at(2), "end": at(5), "reason": "nobody-watching"}
    assert answer(store, clock, "192.0.2.2")["status"] == "not-covered"
    assert answer(store, clock, "192.0.2.2")["not_covered"] == [gap]
    found = answer(store, clock, "192.0.2.1")
    assert (found["status"], found["not_covered"]) == ("found", [gap])
    within = answer(store, clock, "192.0.2.2", since=START, until=START + timedelta(hours=2))
    assert within["status"] == "not-found"


def test_the_time_before_the_first_event_and_after_the_last_is_not_covered_when_asked(
    store: Store, clock: Clock, pipeline: Pipeline
) -> None:
    pipeline.take(batch([beat(0)]))
    said = answer(store, clock, "x", since=START - timedelta(hours=2), until=START + timedelta(hours=3))
    assert [(gap["start"], gap["end"]) for gap in said["not_covered"]] == [(at(-2), at(0)), (at(1), at(3))]


def test_a_sensor_that_was_silent_while_others_watched_is_named(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(batch([*(beat(hour) for hour in range(5)), beat(0, "other"), beat(3, "other")]))
    gap = {"start": at(1), "end": at(3), "reason": "sensor-silent", "sensor": "other"}
    assert answer(store, clock, "x")["not_covered"] == [gap]


def test_hours_in_which_data_was_lost_are_named(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    loss = event("loss", 2.9 * HOUR, dataset="data-loss")
    loss["event"] |= {"start": at(1.5), "end": at(2.5)}
    beats = [beat(0, dropped_kernel=0), beat(1, dropped_kernel=0), beat(3, dropped_kernel=7), beat(4, dropped_kernel=7)]
    pipeline.take(batch([*beats, loss]))
    assert answer(store, clock, "x")["not_covered"] == [
        {"start": at(1), "end": at(4), "reason": "data-lost", "sensor": "s"}
    ]


def test_coverage_is_known_after_a_restart_and_ends_with_what_is_retained(
    store: Store, clock: Clock, pipeline: Pipeline
) -> None:
    pipeline.take(batch([event("old", -40 * 24 * HOUR), beat(0), beat(1)]))
    store.events.drop_events_before(START - timedelta(days=1))
    said = answer(store, clock, "x", since=START - timedelta(days=41))
    assert [gap["end"] for gap in said["not_covered"]] == [at(0)]
    assert answer(store, clock, "x")["status"] == "not-found"


def test_nothing_retained_is_not_a_negative_answer(store: Store, clock: Clock) -> None:
    said = answer(store, clock, "x", since=START, until=START + timedelta(hours=2))
    assert (said["status"], len(said["not_covered"])) == ("not-covered", 1)


@pytest.mark.parametrize(
    ("value", "found"),
    [
        ("http://evil.example/a?b=1", ["full", "split"]),
        ("https://EVIL.example/a?b=1#c", ["full", "split"]),
        ("evil.example/a?b=1", ["full", "split"]),
        ("http://evil.example/other", []),
        ("http://198.51.100.9:8080/x", ["by-address"]),
        ("evil.example", ["full", "split", "below"]),
        ("EVIL.example.", ["full", "split", "below"]),
        ("198.51.100.0/24", ["by-address"]),
        ("198.51.100.9", ["by-address"]),
        ("203.0.113.0/24", []),
    ],
)
def test_values_are_found_in_all_their_forms(
    store: Store, clock: Clock, pipeline: Pipeline, value: str, found: list[str]
) -> None:
    pipeline.take(
        batch(
            [
                event("full", 1, url__original="http://evil.example/a?b=1", url__domain="evil.example"),
                event("split", 2, url__original="/a?b=1", url__domain="evil.example"),
                event("by-address", 3, url__original="http://198.51.100.9:8080/x", destination__ip="198.51.100.9"),
                event("below", 4, dns__question={"name": "www.evil.example"}),
            ]
        )
    )
    assert answer(store, clock, value)["events"] == found


def test_negative_answers_are_on_record(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(batch([event("a", 5, source__ip="192.0.2.1")]))
    since = START - timedelta(hours=1)
    Hunter(store, clock, since).values(["192.0.2.1", "192.0.2.2"])
    Hunter(store, clock, since).values(["192.0.2.2"])
    (record,) = store.records.list(HUNT)
    assert record.body["value"] == "192.0.2.2"
    assert record.body["status"] == "not-covered"
    assert (record.body["since"], record.body["until"]) == (at(-1), None)
    assert record.body["position"] == store.events.position()
    assert record.version == 2


def test_an_answer_names_no_more_events_than_it_says(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(batch(event(f"e{number}", 1, source__ip="192.0.2.1") for number in range(MAX_EVENTS + 1)))
    said = answer(store, clock, "192.0.2.1")
    assert (len(said["events"]), said["more"]) == (MAX_EVENTS, True)


def test_rules_are_hunted_over_all_that_is_retained(
    store: Store, clock: Clock, pipeline: Pipeline, tmp_path: Path
) -> None:
    pipeline.take(batch([event("a", 5, f=1), event("b", 9, f=2)]))
    texts = [rule_text(f"  s:\n    f: {f}\n  condition: s", title=title) for f, title in ((1, "One"), (3, "Three"))]
    loaded = load_text(tmp_path, "---\n".join(texts))
    answers = [found.data() for found in Hunter(store, clock).rules(loaded.rules)]
    assert [(found["status"], found["events"]) for found in answers] == [("found", ["a"]), ("not-found", [])]


# --- indicators that are received


def test_a_received_indicator_is_hunted_once_and_what_it_names_becomes_an_incident(
    store: Store, clock: Clock, pipeline: Pipeline
) -> None:
    pipeline.take(
        batch([event("a", 5, destination__ip="198.51.100.1"), event("b", 9, dns__question={"name": "x.y.example"})])
    )
    known = [
        Indicator("indicator--1", IndicatorKind.IP, "198.51.100.1"),
        Indicator("indicator--2", IndicatorKind.DOMAIN, "y.example"),
        Indicator("indicator--3", IndicatorKind.CIDR, "203.0.113.0/24"),
        Indicator("indicator--4", IndicatorKind.IP, "198.51.100.1", valid_until=START),
    ]
    assert hunt_received(store, clock, known, pipeline.detected) == {"found": 3, "not-found": 1}
    detections = store.events.search_detections(EventQuery()).items
    assert {found.indicator_id for found in detections} == {"indicator--1", "indicator--2"}
    assert hunt_received(store, clock, known, pipeline.detected) == {}
    assert store.events.count_detections() == 2


def test_a_changed_indicator_is_hunted_again(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(batch([event("a", 5, destination__ip="198.51.100.1")]))
    first = Indicator("indicator--1", IndicatorKind.IP, "198.51.100.7")
    assert hunt_received(store, clock, [first], pipeline.detected) == {"not-found": 1}
    changed = Indicator("indicator--1", IndicatorKind.IP, "198.51.100.1")
    assert hunt_received(store, clock, [changed], pipeline.detected) == {"found": 1}


def test_a_received_pattern_is_hunted_too(store: Store, clock: Clock, pipeline: Pipeline) -> None:
    pipeline.take(
        batch([event("a", 5, destination__ip="198.51.100.1", destination__port=25, network__transport="tcp")])
    )
    pattern = "[network-traffic:dst_port = 25 AND network-traffic:protocols[*] = 'tcp']"
    known = [Indicator("indicator--1", IndicatorKind.PATTERN, pattern)]
    assert hunt_received(store, clock, known, pipeline.detected) == {"found": 1}
    assert store.events.count_detections() == 1
