"""Sliding windows in event time."""

from __future__ import annotations

import random
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.rule import Correlation, CorrelationType, Place
from correlator.windows import LATENESS, Hit, Windows
from vonggac.domain.detection import RuleInfo, Ruleset

T0 = datetime(2026, 3, 2, tzinfo=UTC)
MINUTE = timedelta(minutes=1)


def correlation(
    kind: CorrelationType = CorrelationType.EVENT_COUNT,
    op: str = "gte",
    threshold: int = 3,
    timespan: timedelta = MINUTE,
) -> Correlation:
    info = RuleInfo("c", "C", "C", Ruleset.CORRELATION, "high")
    return Correlation(info, "c", kind, ("a", "b", "c"), timespan, op, threshold, Place("x.yml", 1), ("source.ip",))


def hit(second: float, event: str = "", rule: str = "", value: str = "") -> Hit:
    return Hit(T0 + timedelta(seconds=second), event or f"e{second:010.3f}", rule, (value,) if value else ())


def fired(windows: Windows, hits: list[Hit], key: tuple[str, ...] = ("192.0.2.1",)) -> list[tuple[float, int]]:
    """(stretch's beginning, hits) of each window that fired."""
    found = [window for one in hits for window in windows.add(key, one)]
    return [((window.stretch - T0).total_seconds(), len(window.hits)) for window in found]


def test_a_window_slides_across_the_border_of_a_minute():
    assert fired(Windows(correlation()), [hit(50), hit(55), hit(65)]) == [(60, 3)]


def test_a_hit_exactly_one_timespan_old_has_left_the_window():
    assert fired(Windows(correlation()), [hit(0), hit(30), hit(60)]) == []
    assert fired(Windows(correlation()), [hit(0.001), hit(30), hit(60)]) == [(60, 3)]


def test_a_group_fires_once_in_a_stretch_and_again_in_the_next():
    windows = Windows(correlation())
    assert fired(windows, [hit(second) for second in range(0, 60, 5)]) == [(0, 3)]
    assert fired(windows, [hit(second) for second in range(60, 120, 5)]) == [(60, 12)]


def test_groups_do_not_mix():
    windows = Windows(correlation())
    assert fired(windows, [hit(1), hit(2)], ("192.0.2.1",)) == []
    assert fired(windows, [hit(3)], ("192.0.2.2",)) == []
    assert fired(windows, [hit(4)], ("192.0.2.1",)) == [(0, 3)]


def test_values_are_counted_once_each():
    windows = Windows(correlation(CorrelationType.VALUE_COUNT))
    assert fired(windows, [hit(second, value="x") for second in range(10)]) == []
    assert fired(windows, [hit(20, value="y"), hit(21, value="z")]) == [(0, 12)]


def test_a_value_that_left_the_window_is_not_counted():
    windows = Windows(correlation(CorrelationType.VALUE_COUNT))
    assert fired(windows, [hit(0, value="x"), hit(30, value="y"), hit(70, value="z"), hit(80, value="x")]) == [(60, 3)]


def test_temporal_needs_every_rule_in_any_order():
    windows = Windows(correlation(CorrelationType.TEMPORAL))
    assert fired(windows, [hit(1, rule="c"), hit(2, rule="a"), hit(3, rule="a")]) == []
    assert fired(windows, [hit(4, rule="b")]) == [(0, 4)]


def test_temporal_ordered_needs_the_order():
    windows = Windows(correlation(CorrelationType.TEMPORAL_ORDERED))
    assert fired(windows, [hit(1, rule="c"), hit(2, rule="b"), hit(3, rule="a")]) == []
    assert fired(windows, [hit(4, rule="b"), hit(5, rule="c")]) == [(0, 5)]


@pytest.mark.parametrize(
    ("op", "threshold", "expected"),
    [("gt", 2, [3]), ("gte", 2, [2]), ("eq", 2, [2]), ("lt", 2, [1]), ("lte", 1, [1]), ("neq", 1, [2])],
)
def test_each_comparison_fires_at_the_first_window_of_which_it_is_true(op: str, threshold: int, expected: list[int]):
    windows = Windows(correlation(op=op, threshold=threshold))
    assert [count for _, count in fired(windows, [hit(1), hit(2), hit(3)])] == expected


def test_an_event_that_is_fed_again_counts_once():
    windows = Windows(correlation())
    assert fired(windows, [hit(1), hit(2), hit(1), hit(2), hit(2)]) == []
    assert fired(windows, [hit(3)]) == [(0, 3)]


def test_a_hit_that_comes_late_completes_its_window():
    windows = Windows(correlation())
    assert fired(windows, [hit(1), hit(2), hit(300)]) == []
    assert fired(windows, [hit(3)]) == [(0, 3)]


def test_a_hit_that_comes_too_late_is_counted_and_left_out():
    windows = Windows(correlation())
    late = LATENESS.total_seconds() + 60
    assert fired(windows, [hit(late + 5), hit(1), hit(5)]) == []
    assert windows.counts.late == 2


@settings(max_examples=200, deadline=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("xyz"), st.sampled_from("abc")), max_size=40),
    st.sampled_from([CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT, CorrelationType.TEMPORAL]),
    st.sampled_from([("gte", 3), ("gt", 1), ("gte", 1)]),
    st.randoms(use_true_random=False),
)
def test_shuffled_hits_fire_as_sorted_ones_do(
    drawn: list[tuple[int, str, str]], kind: CorrelationType, condition: tuple[str, int], order: random.Random
):
    rule = correlation(kind, *condition)
    temporal = kind is CorrelationType.TEMPORAL
    hits = [
        hit(second, f"e{number}", by if temporal else "", value) for number, (second, value, by) in enumerate(drawn)
    ]
    in_order = {stretch for stretch, _ in fired(Windows(rule), sorted(hits))}
    order.shuffle(hits)
    found = [stretch for stretch, _ in fired(Windows(rule), hits)]
    assert sorted(found) == sorted(in_order)
    assert in_order == _by_hand(rule, hits)


def _by_hand(rule: Correlation, hits: list[Hit]) -> set[float]:
    """The stretches in which a window ends whose condition is true, window by window."""
    found = set()
    for last in hits:
        held = [other for other in hits if last.time - rule.timespan < other.time <= last.time]
        match rule.type:
            case CorrelationType.EVENT_COUNT:
                count = len(held)
            case CorrelationType.VALUE_COUNT:
                count = len({other.value for other in held})
            case _:
                count = len({other.rule for other in held})
        if count > rule.threshold or (rule.op == "gte" and count == rule.threshold):
            found.add((last.time - T0).total_seconds() // 60 * 60)
    return found


def test_the_same_hits_from_the_middle_on_fire_in_the_same_stretches():
    """After a restart the state begins anew some time back; what fires then fired before, under the same name."""
    hits = [hit(second) for second in range(0, 1200, 7)]
    whole = {stretch for stretch, _ in fired(Windows(correlation()), hits)}
    again = {stretch for stretch, _ in fired(Windows(correlation()), hits[80:])}
    assert again < whole
    assert {stretch for stretch in whole if stretch >= 80 * 7 + 60} <= again


def test_hits_of_one_group_are_bounded_and_what_goes_is_counted():
    windows = Windows(correlation(CorrelationType.VALUE_COUNT, threshold=2, timespan=timedelta(days=1)))
    fired(windows, [hit(number / 10, value="x") for number in range(10_000)])
    assert windows.counts.evicted_hits > 0
    assert fired(windows, [hit(2000, value="y")])


def test_groups_are_bounded_and_what_goes_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("correlator.windows.MAX_GROUPS", 10)
    windows = Windows(correlation())
    for number in range(25):
        windows.add((f"192.0.2.{number}",), hit(number / 100))
    assert windows.counts.evicted_groups == 15


def test_groups_that_are_over_are_forgotten():
    windows = Windows(correlation())
    for number in range(2_000):
        windows.add((f"g{number}",), hit(number * 5.0))
    assert len(windows._groups) < 200
    assert windows.counts.evicted_groups == 0
