from __future__ import annotations

import json
from random import Random
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.behaviour import watch
from correlator.behaviour.parameters import Parameters, make_behaviours
from correlator.behaviour.place import Place
from correlator.behaviour.watch import Behaviours, BehaviourState
from tests.unit.correlator.behaviour.made import (
    DAY,
    HOST,
    HOUR,
    MINUTE,
    MONDAY,
    correlator,
    flow,
    found_in,
    mixed_day,
    tls,
    told,
)
from vonggac.domain.detection import Ruleset, from_document, to_document
from vonggac.domain.event import Document
from vonggac.domain.times import parse_instant

seeds = st.integers(0, 10_000)


def at_of(event: Document) -> float:
    return parse_instant(event["@timestamp"]).timestamp()


def delayed(events: list[Document], random: Random) -> list[Document]:
    """The events in an order in which none comes more than ten minutes after a newer one."""
    return sorted(events, key=lambda event: at_of(event) + random.uniform(0, 10 * MINUTE - 1))


@settings(max_examples=25, deadline=None)
@given(seeds)
def test_events_up_to_ten_minutes_out_of_order_give_what_sorted_ones_give(seed):
    random = Random(seed)
    events = mixed_day(random)
    in_order = found_in(events)
    assert set(told(in_order)) >= {"beacon", "dns_tunnel", "dga", "port_scan", "password_spray", "look_alike"}
    assert found_in(delayed(events, random)) == in_order


@settings(max_examples=15, deadline=None)
@given(seeds, st.floats(0, 1))
def test_a_run_that_goes_on_from_a_snapshot_finds_what_an_undisturbed_one_does(seed, part):
    events = mixed_day(Random(seed))
    cut = int(part * len(events))
    first, second = correlator(), correlator()
    found = first.feed(events[:cut])
    assert second.restore(first.snapshot()) == ()
    assert second.snapshot() == first.snapshot()
    assert [*found, *second.feed(events[cut:]), *second.finish()] == found_in(events)
    undisturbed = correlator()
    undisturbed.feed(events)
    undisturbed.finish()
    assert undisturbed.snapshot() == second.snapshot()


def test_a_snapshot_is_json_and_stands_apart_from_what_goes_on():
    behaviours, state = make_behaviours(Parameters(), Place()), BehaviourState()
    events = mixed_day(Random(1))
    for event in events[:100]:
        behaviours.observe(state, event, at_of(event))
    kept = json.dumps(behaviours.snapshot(state))
    resumed = behaviours.restore(json.loads(kept))
    for event in events[100:]:
        behaviours.observe(resumed, event, at_of(event))
    assert json.dumps(behaviours.snapshot(state)) == kept


def test_an_analytic_whose_memory_has_another_form_begins_anew():
    first, second = correlator(), correlator()
    first.feed(mixed_day(Random(7)))
    kept = json.loads(first.snapshot()["behaviour"])
    (_, lane), *_ = kept["lanes"]
    lane["memories"]["beacon"]["tables"]["pairs"]["fields"] = ["times"]
    second.restore({"behaviour": json.dumps(kept).encode()})
    (_, restored), *_ = json.loads(second.snapshot()["behaviour"])["lanes"]
    assert lane["memories"]["beacon"]["tables"]["pairs"]["rows"]
    assert restored["memories"]["beacon"]["tables"]["pairs"]["rows"] == []
    assert restored["memories"]["dns_tunnel"] == lane["memories"]["dns_tunnel"]


def test_the_same_input_again_finds_the_same_ids_and_in_the_same_run_nothing_more():
    events = mixed_day(Random(2))
    once = found_in(events)
    watching = correlator()
    twice = [*watching.feed([event for event in events for _ in (1, 2)]), *watching.finish(), *watching.feed(events)]
    assert twice == once
    assert watching.behaviour_counts["behaviour_repeated"] > 0
    assert len({detection.id for detection in once}) == len(once)


def test_an_event_later_than_ten_minutes_is_counted_and_left_out():
    watching = correlator()
    watching.feed([flow(MONDAY + HOUR, HOST, "10.1.0.1", 22), flow(MONDAY, HOST, "10.1.0.2", 22)])
    assert watching.behaviour_counts == {"behaviour_late": 1}


def test_one_event_from_the_far_future_makes_no_other_late():
    events = mixed_day(Random(3))
    wrong = flow(MONDAY + 30_000 * DAY, HOST, "10.1.0.1", 22)
    watching = correlator()
    found = [*watching.feed([*events[:50], wrong, *events[50:]]), *watching.finish()]
    assert "behaviour_late" not in watching.behaviour_counts
    assert found == found_in(events)


def test_the_clock_follows_when_everything_lies_in_the_future():
    watching = correlator()
    watching.feed([flow(MONDAY, HOST, "10.1.0.1", 22)])
    later = [flow(MONDAY + 9 * DAY + n * MINUTE, "198.51.100.9", "10.1.0.80", 100 + n, "REJ") for n in range(60)]
    assert told(watching.feed(later)) == ["port_scan"]


def test_a_sensor_that_ships_late_is_not_late_against_another():
    early = [{**event, "observer": {"name": "sensor-2"}} for event in mixed_day(Random(4))]
    late = [flow(MONDAY + 3 * DAY + n * MINUTE, HOST, "10.1.0.1", 22) for n in range(30)]
    assert found_in([*late, *early]) == found_in(early)


def test_lanes_and_waiting_sights_are_bounded_and_counted(monkeypatch):
    monkeypatch.setattr(watch, "MAX_LANES", 3)
    monkeypatch.setattr(watch, "MAX_WAITING", 50)
    watching = correlator()
    for number in range(5):
        watching.feed([flow(MONDAY, HOST, "10.1.0.1", 22, sensor=f"sensor-{number}")])
    watching.feed([flow(MONDAY + number / 10, HOST, "10.1.0.1", 22) for number in range(200)])
    counts = watching.behaviour_counts
    assert counts["behaviour_evicted_sensors"] == 3
    assert counts["behaviour_taken_early"] >= 100


def test_rows_over_the_limit_go_and_are_counted():
    from dataclasses import replace

    few = Parameters()
    few = replace(few, beacon=replace(few.beacon, pairs=2))
    watching = correlator(few)
    watching.feed([tls(MONDAY + number, HOST, f"n{number}.example") for number in range(5)])
    watching.finish()
    assert watching.behaviour_counts["behaviour_beacon_evicted"] == 3


def test_a_finding_explains_itself_in_both_languages_and_survives_its_document():
    for detection in found_in(mixed_day(Random(5))):
        explanation = detection.explanation
        assert detection.rule.ruleset is Ruleset.BASELINE
        assert explanation["numbers"] and explanation["baseline"] and explanation["since"]
        for lang in ("vi", "en"):
            assert "{" not in explanation[lang] and not explanation[lang].startswith("behaviour.")
        assert detection.rule.name != detection.rule.name_vi
        assert detection.evidence and detection.entity
        document: Any = json.loads(json.dumps(to_document(detection)))
        assert document["vonggac"]["detection"]["explanation"] == explanation
        assert from_document(document) == detection


@pytest.mark.parametrize("part", ["source", "destination", "event", "network", "dns", "tls", "url", "vonggac", "user"])
@pytest.mark.parametrize("value", [None, [], "text", 7, {"ip": 7, "port": "x", "name": []}])
def test_events_of_another_form_are_taken_without_a_fault(part, value):
    events = [{**event, part: value} for event in mixed_day(Random(6))[:60]]
    assert isinstance(found_in(events), list)


def test_without_analytics_nothing_is_kept():
    state = BehaviourState()
    assert Behaviours().observe(state, flow(MONDAY, HOST, "10.1.0.1", 22), MONDAY) == []
    assert not state.lanes
