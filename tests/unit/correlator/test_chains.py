"""Correlations from events on: chains, restarts, batches and what a detection shows."""

from __future__ import annotations

import random
from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.engine import Correlator
from correlator.rule import Rule
from tests.unit.correlator.samples import event, load_text
from vonggac.domain.detection import Detection, from_document, to_document
from vonggac.domain.event import Document

#: The specification's example: many failed logins of a user, then a successful one.
LOGINS = """title: Guessed
id: b180ead8-d58f-40b2-ae54-c8940995b9b6
correlation:
  type: temporal_ordered
  rules: [many_failed, success]
  group-by: [user.name]
  timespan: 10m
level: high
---
title: Many failed
id: a8418a5a-5fc4-46b5-b23b-6c73beb19d41
name: many_failed
correlation:
  type: event_count
  rules: [failed]
  group-by: [host.name]
  timespan: 1m
  condition: {gte: 3}
---
title: Failed
name: failed
logsource: {product: vonggac}
detection: {s: {event.code: 4625}, condition: s}
---
title: Success
name: success
logsource: {product: vonggac}
detection: {s: {event.code: 4624}, condition: s}
---
title: Much
correlation:
  type: value_sum
  rules: [failed]
  group-by: [host.name]
  timespan: 1m
  condition: {field: network.bytes, gte: 1000000}
---
title: Again and again
correlation:
  type: event_count
  rules: [a8418a5a-5fc4-46b5-b23b-6c73beb19d41]
  timespan: 10m
  condition: {gt: 1, lt: 4}
"""
LATE = timedelta(seconds=60)


@pytest.fixture(scope="module")
def rules(tmp_path_factory: pytest.TempPathFactory) -> tuple[Rule, ...]:
    loaded = load_text(tmp_path_factory.mktemp("rules"), LOGINS)
    assert not loaded.faults
    return loaded.rules


def login(at: float, code: int, user: str = "an", host: str = "h1", **fields: object) -> Document:
    return event(f"e{at:07.2f}{user}{host}", at, event__code=code, user__name=user, host__name=host, **fields)


def detect(rules: Sequence[Rule], events: Sequence[Document]) -> list[Detection]:
    correlator = Correlator(rules, lateness=LATE)
    return correlator.feed(events) + correlator.finish()


def of(found: Sequence[Detection], title: str) -> list[Detection]:
    return [one for one in found if one.rule.name == title]


FAILED = [login(1, 4625), login(2, 4625), login(3, 4625, "binh")]


def test_a_chain_takes_the_values_of_its_own_group_by_from_the_events_below(rules: tuple[Rule, ...]):
    found = of(detect(rules, [*FAILED, login(60, 4624, "binh"), login(70, 4624, "chi")]), "Guessed")
    (guessed,) = found
    assert guessed.group_by == {"user.name": "binh"}
    assert guessed.evidence == tuple(one["event"]["id"] for one in [*FAILED, login(60, 4624, "binh")])
    assert (guessed.evidence_count, guessed.measured, guessed.condition) == (4, 2, "temporal_ordered >= 2")
    assert (guessed.end - guessed.start).total_seconds() == 59


def test_a_success_before_the_failures_is_not_in_order(rules: tuple[Rule, ...]):
    assert not of(detect(rules, [login(0.5, 4624, "binh"), *FAILED]), "Guessed")


def test_a_correlation_below_does_not_alert_by_itself_and_its_windows_are_counted(rules: tuple[Rule, ...]):
    bursts = [login(at + second, 4625) for at in (0, 120, 240) for second in (1, 2, 3)]
    found = detect(rules, bursts)
    assert {one.rule.name for one in found} == {"Again and again"}
    assert [one.evidence_count for one in found] == [6]


def test_a_detection_shows_what_was_measured_and_against_what(rules: tuple[Rule, ...]):
    events = [login(1, 4625, network__bytes="5000000"), login(2, 4625, network__bytes=120_000.0)]
    (much,) = of(detect(rules, events), "Much")
    assert (much.measured, much.condition) == (5_000_000, "value_sum(network.bytes) >= 1000000")
    assert from_document(to_document(much)) == much


_events = st.lists(
    st.tuples(
        st.integers(0, 600),
        st.sampled_from([4624, 4625, 4625]),
        st.sampled_from(["an", "binh"]),
        st.sampled_from(["h1", "h2"]),
        st.sampled_from([1, "600000", 700_000, -5, None]),
    ),
    max_size=40,
    unique_by=lambda drawn: (drawn[0], drawn[2], drawn[3]),
)


def _made(drawn: list[tuple[int, int, str, str, object]], chance: random.Random) -> list[Document]:
    """The events as they come when each is late by less than LATE."""
    late = sorted((at + chance.random() * 60, at, rest) for at, *rest in drawn)
    return [login(at, code, user, host, network__bytes=size) for _, at, (code, user, host, size) in late]


def _ids(found: Sequence[Detection]) -> list[str]:
    return sorted(one.id for one in found)


@settings(max_examples=60, deadline=None)
@given(_events, st.randoms(use_true_random=False))
def test_any_order_within_lateness_detects_what_sorted_events_do(rules, drawn, chance):
    events = _made(drawn, chance)
    in_order = detect(rules, sorted(events, key=lambda one: one["@timestamp"]))
    assert _ids(detect(rules, events)) == _ids(in_order)
    assert len(set(_ids(in_order))) == len(in_order)
    assert set(_ids(detect(rules, [*events, *events]))) == set(_ids(in_order))


@settings(max_examples=60, deadline=None)
@given(_events, st.randoms(use_true_random=False), st.integers(0, 40))
def test_any_batches_and_a_restart_at_any_event_change_nothing(rules, drawn, chance, cut):
    events = _made(drawn, chance)
    whole = detect(rules, events)
    first = Correlator(rules, lateness=LATE)
    before = [found for one in events[:cut] for found in first.feed([one])]
    kept = first.snapshot()
    second = Correlator(rules, lateness=LATE)
    assert second.restore(kept) == ()
    assert second.snapshot() == kept
    assert before + second.feed(events[cut:]) + second.finish() == whole


def test_a_changed_rule_and_those_above_it_begin_anew(rules: tuple[Rule, ...], tmp_path: Path):
    first = Correlator(rules, lateness=LATE)
    first.feed(FAILED)
    changed = load_text(tmp_path, LOGINS.replace("condition: {gte: 3}", "condition: {gte: 4}")).rules
    second = Correlator(changed, lateness=LATE)
    anew = set(second.restore(first.snapshot()))
    titles = {rule.info.name for rule in changed if rule.info.id in anew}
    assert titles == {"Many failed", "Guessed", "Again and again"}
    assert Correlator(rules, lateness=LATE).restore({}) != ()
