"""Sliding windows in event time: what is told at once, what waits, and what is let go."""

from __future__ import annotations

from dataclasses import replace

import pytest

from correlator.rule import CorrelationType
from correlator.windows import FOREVER, LATENESS, MAX_COMBINATIONS, Fired, Hit, Inner, Windows
from correlator.windows.hits import Evidence
from tests.unit.correlator.windows.naive import SECOND, T0, Group, correlation, hit, run
from vonggac.domain.times import from_epoch_us, to_epoch_us

KEY: Group = ("192.0.2.1",)


def fired(windows: Windows, hits: list[Hit], *, finish: bool = False) -> list[tuple[float, int]]:
    """(stretch's beginning, events) of each window that is told."""
    found = run(windows, [(KEY, one) for one in hits], finish=finish)
    return [(_second(one), one.evidence.total) for one in found if one.alerts]


def _second(one: Fired) -> float:
    return (to_epoch_us(one.stretch) - T0) / SECOND


def test_a_window_slides_across_the_border_of_a_minute():
    assert fired(Windows(correlation()), [hit(50), hit(55), hit(65)]) == [(60, 3)]


def test_a_hit_exactly_one_timespan_old_has_left_the_window():
    assert fired(Windows(correlation()), [hit(0), hit(30), hit(60)], finish=True) == []
    assert fired(Windows(correlation()), [hit(0.001), hit(30), hit(60)]) == [(60, 3)]


def test_a_group_fires_once_in_a_stretch_and_again_in_the_next():
    windows = Windows(correlation())
    assert fired(windows, [hit(second) for second in range(0, 60, 5)]) == [(0, 3)]
    assert fired(windows, [hit(second) for second in range(60, 120, 5)], finish=True) == [(60, 12)]


def test_what_can_only_grow_is_told_at_once_and_what_cannot_when_lateness_has_passed():
    assert fired(Windows(correlation()), [hit(1), hit(2), hit(3)]) == [(0, 3)]
    windows = Windows(correlation(CorrelationType.EVENT_COUNT, ("lte", 3)))
    late = LATENESS.total_seconds()
    assert fired(windows, [hit(1), hit(2), hit(3), hit(late)]) == []
    assert fired(windows, [hit(late + 2)]) == [(0, 1)]


def test_a_hit_that_comes_late_completes_its_window():
    windows = Windows(correlation())
    assert fired(windows, [hit(1), hit(2), hit(300), hit(3)]) == []
    assert fired(windows, [hit(LATENESS.total_seconds() + 5)]) == [(0, 3)]


def test_a_hit_that_comes_too_late_is_counted_and_left_out():
    windows = Windows(correlation())
    late = LATENESS.total_seconds() + 60
    assert fired(windows, [hit(1), hit(2), hit(late), hit(1.5)], finish=True) == []
    assert windows.counts.late == 1
    assert fired(windows, [hit(1), hit(2)], finish=True) == []
    assert windows.counts.late == 1, "hits that stand there already are not late"


def test_an_event_from_the_future_does_not_stop_the_count():
    windows = Windows(correlation())
    ten_years = 10 * 365 * 86_400
    run(windows, [(("192.0.2.9",), hit(ten_years))], finish=False)
    assert fired(windows, [hit(1), hit(2), hit(3)]) == [(0, 3)]
    assert windows.counts.late == 0


def test_values_are_counted_once_each():
    windows = Windows(correlation(CorrelationType.VALUE_COUNT))
    assert fired(windows, [hit(second, value=(("x",),)) for second in range(10)]) == []
    assert fired(windows, [hit(20, value=(("y",),)), hit(21, value=(("z",),))]) == [(0, 12)]


def test_temporal_ordered_needs_the_order_and_takes_one_instant_as_in_order():
    windows = Windows(correlation(CorrelationType.TEMPORAL_ORDERED))
    assert fired(windows, [hit(1, rule="c"), hit(2, rule="b"), hit(3, rule="a")]) == []
    assert fired(windows, [hit(4, rule="b"), hit(4, "other", rule="c")]) == [(0, 5)]


def test_a_detection_shows_what_all_of_its_hits_share_though_their_entities_are_not_kept():
    windows = Windows(correlation(CorrelationType.VALUE_SUM, ("gte", 6)))
    ports = [80, 443, 443, 443]
    hits = [hit(second, f"e{second}", value=(2,)) for second in (0, 61, 62, 63)]
    entities = {
        one.event: {"source.ip": "192.0.2.1", "destination.port": port, "source.port": one.at}
        for one, port in zip(hits, ports, strict=True)
    }
    (found,) = run(windows, [(KEY, one) for one in hits], entities)
    assert found.shared == {"source.ip": "192.0.2.1", "destination.port": 443}
    assert found.newest["source.port"] == hits[-1].at
    assert (found.measured, found.evidence.ids) == (6, ("e61", "e62", "e63"))


class Event:
    """An occurrence with these fields."""

    def __init__(self, second: float = 0, identity: str = "e", **fields: object) -> None:
        self.id = identity
        self.time = from_epoch_us(T0 + round(second * SECOND))
        self._fields = fields

    def get(self, path: str) -> list[object]:
        value = self._fields.get(path, [])
        return value if isinstance(value, list) else [value]


def _with_paths(kind: CorrelationType) -> Windows:
    rule = correlation(kind, ("gte", 1), rules=("a",))
    values = {} if kind is CorrelationType.EVENT_COUNT else {"a": (("n",),)}
    return Windows(replace(rule, group_paths={"a": (("ip", "other_ip"),)}, value_paths=values))


@pytest.mark.parametrize("value", [5, "5", "5.0", 5.0, "5e0", " 5 "])
def test_numbers_in_text_are_summed_as_numbers(value: object):
    ((key, one),) = _with_paths(CorrelationType.VALUE_SUM).hits("a", Event(ip="192.0.2.1", n=value))
    assert (key, one.value) == (("192.0.2.1",), (5,))


def test_what_is_no_number_is_counted_and_left_out():
    windows = _with_paths(CorrelationType.VALUE_SUM)
    assert list(windows.hits("a", Event(ip="192.0.2.1", n=["many", True]))) == []
    assert (windows.counts.not_a_number, windows.counts.ungrouped) == (2, 1)


def test_an_event_belongs_to_each_group_of_a_list_up_to_a_limit_that_is_counted():
    windows = _with_paths(CorrelationType.EVENT_COUNT)
    assert [key for key, _ in windows.hits("a", Event(other_ip=["x", "y", "x"]))] == [("x",), ("y",)]
    assert len(list(windows.hits("a", Event(ip=[str(n) for n in range(100)])))) == MAX_COMBINATIONS
    assert windows.counts.cut_combinations == 1
    assert list(windows.hits("a", Event())) == []
    assert windows.counts.ungrouped == 1


def test_evidence_of_inner_windows_is_that_of_their_events_each_once():
    windows = Windows(correlation(CorrelationType.EVENT_COUNT, ("gte", 2)))
    inner = [
        Hit(T0 + 10 * SECOND, "w1", evidence=Evidence(("e1", "e2"), 2, T0 + 1)),
        Hit(T0 + 20 * SECOND, "w2", evidence=Evidence(("e2", "e3"), 2, T0 + 2)),
    ]
    (found,) = run(windows, [(KEY, one) for one in inner], finish=False)
    assert found.evidence == Evidence(("e1", "e2", "e3"), 3, T0 + 1)
    assert Inner("w", found.end, {"user.name": ("x",)}, found.evidence).get("user.name") == ("x",)


def test_hits_of_one_group_are_bounded_and_what_goes_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("correlator.windows.group.MAX_HITS_PER_GROUP", 100)
    windows = Windows(correlation(CorrelationType.VALUE_COUNT, ("gte", 2)))
    assert fired(windows, [hit(number / 10, value=(("x",),)) for number in range(400)]) == []
    assert windows.counts.evicted_hits == 400 - windows._plan.held > 200
    assert fired(windows, [hit(50, value=(("y",),))])


def test_groups_are_bounded_and_what_goes_is_counted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("correlator.windows.state.MAX_GROUPS", 10)
    windows = Windows(correlation())
    run(windows, [((f"g{number}",), hit(number / 100)) for number in range(25)], finish=False)
    assert windows.counts.evicted_groups == 15
    monkeypatch.setattr("correlator.windows.state.MAX_HITS", 5)
    run(windows, [(("g24",), hit(1))], finish=False)
    assert windows._plan.held <= 5


def test_groups_that_are_over_are_forgotten():
    windows = Windows(correlation())
    run(windows, [((f"g{number}",), hit(number * 5.0)) for number in range(2_000)], finish=False)
    assert len(windows._groups) < 200
    assert windows.counts.evicted_groups == 0


def test_a_state_of_another_rule_another_form_or_no_state_is_not_taken():
    windows = Windows(correlation(), digest="one")
    fired(windows, [hit(1), hit(2)])
    data = windows.dump()
    broken = [b"", b"null", b"{}", data[:-5], data.replace(b'"version":1', b'"version":0')]
    for other in [Windows(correlation(), digest="two"), *(Windows(correlation(), digest="one") for _ in broken)]:
        assert not other.load(data if other.digest == "two" else broken.pop())
        assert fired(other, [hit(3)], finish=True) == []


def test_what_windows_could_not_keep_is_kept_with_their_state():
    windows = _with_paths(CorrelationType.VALUE_SUM)
    list(windows.hits("a", Event(ip="192.0.2.1", n="many")))
    again = _with_paths(CorrelationType.VALUE_SUM)
    assert again.load(windows.dump())
    assert again.counts == windows.counts
    assert again.next_due == FOREVER
