"""No rule is blind and none sees anything twice: after crashes, outages, in several processes, new or changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from contextlib import closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from pysqlite3 import dbapi2

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from correlator.rule import Rule
from tests.unit.correlator.samples import load_text, rule_text
from tests.unit.vonggac.test_pipeline import NOWHERE, batch, contents, event, hits
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.errors import StoreUnavailable
from vonggac.matching import SAVE_EVENTS
from vonggac.pipeline import CATCH_UP, Pipeline
from vonggac.ports import Added, Clock, EventQuery, Store
from vonggac.stores.sqlite import connection, open_sqlite
from vonggac.watermarks import MAX_WATERMARKS, WATERMARK, WINDOWS, Watermarks

ONE = rule_text("  s:\n    f: 1\n  condition: s", title="One")
ANY = rule_text("  s:\n    f|exists: true\n  condition: s", title="Any")
BASE = rule_text("  s:\n    f: 2\n  condition: s", title="Base", name="base")
BURST = """title: {title}
correlation:
  type: event_count
  rules: base
  group-by: [source.ip]
  timespan: 1h
  condition: {{gte: {count}}}
"""
THREE, FIVE = BURST.format(title="Three", count=3), BURST.format(title="Five", count=5)
DAY = 86_400.0
Make = Callable[..., Pipeline]


def rules_of(folder: Path, *texts: str) -> Sequence[Rule]:
    loaded = load_text(folder, "---\n".join(texts))
    assert not loaded.faults
    return loaded.rules


def pipeline_of(store: Any, rules: Iterable[Rule], clock: Clock, catch_up: timedelta | None = CATCH_UP) -> Pipeline:
    """A process that has just begun."""
    window = timedelta(hours=24)
    return Pipeline(
        store, Correlator(rules), lambda: NOWHERE, clock, incident_window=window, origin="n", catch_up=catch_up
    )


@pytest.fixture
def make(store: Store, clock: Clock, tmp_path: Path) -> Make:
    def made(*texts: str, over: Any = store, catch_up: timedelta | None = CATCH_UP) -> Pipeline:
        return pipeline_of(over, rules_of(tmp_path, *texts), clock, catch_up)

    return made


def titles(store: Store) -> list[str]:
    """The rules of the detections that are stored, by event time."""
    return [found.rule.name for found in store.events.search_detections(EventQuery(limit=1_000)).items]


class Failing:
    """A real store whose detections cannot be written at the numbered calls."""

    def __init__(self, store: Store, at: Sequence[int]) -> None:
        self._store, self._at, self._calls = store, at, 0

    def __getattr__(self, name: str) -> Any:
        return self if name == "events" else getattr(self._store, name, None) or getattr(self._store.events, name)

    def add_detections(self, detections: Sequence[Detection]) -> Added:
        self._calls += 1
        if self._calls in self._at:
            raise StoreUnavailable("store_busy", where="here")
        return self._store.events.add_detections(detections)


def test_a_window_that_began_before_a_restart_closes_after_it_and_fires_once(store: Store, make: Make) -> None:
    make(BASE, THREE).take(batch(hits(2, f=2)))
    assert make(BASE, THREE).take(batch(hits(1, first=2, f=2))).detections == 1
    assert make(BASE, THREE).take(batch(hits(3, first=3, f=2))).detections == 0
    assert titles(store) == ["Three"]


def test_a_window_goes_on_from_a_saved_watermark_without_reading_its_events_again(store: Store, make: Make) -> None:
    first = make(BASE, THREE)
    first.take(batch(hits(2, f=2)))
    first.save()
    second = make(BASE, THREE).take(batch(hits(1, first=2, f=2)))
    assert second.detections == 1
    assert "catch-up" not in second.stages
    (found,) = store.events.search_detections(EventQuery()).items
    assert found.evidence == ("2-0", "2-1", "2-2")


def test_what_a_crash_kept_from_being_matched_is_matched_by_the_next_process(store: Store, make: Make) -> None:
    store.events.add_events(hits(3, f=2))
    caught_up = make(BASE, THREE).catch_up()
    assert (caught_up.detections, caught_up.incidents_new) == (1, 1)
    assert caught_up.stages["catch-up"].passed == 3
    assert all(tally.balanced for tally in caught_up.stages.values())
    again = make(BASE, THREE).catch_up()
    assert (again.detections, again.incidents_new, again.incidents_updated) == (0, 0, 0)


def test_detections_that_could_not_be_stored_are_stored_when_the_batch_is_taken_again(store: Store, make: Make) -> None:
    pipeline = make(BASE, ONE, THREE, over=Failing(store, [1, 2]))
    given = batch([*hits(2), *hits(3, f=2)])
    for _ in range(2):
        with pytest.raises(StoreUnavailable):
            pipeline.take(given)
    assert titles(store) == []
    pipeline.take(given)
    assert sorted(titles(store)) == ["One", "One", "Three"]


def test_an_outage_is_made_good_by_the_next_batch_also_when_the_lost_one_never_comes_again(
    store: Store, make: Make
) -> None:
    pipeline = make(BASE, THREE, over=Failing(store, [1]))
    with pytest.raises(StoreUnavailable):
        pipeline.take(batch(hits(3, f=2)))
    assert pipeline.take(batch([event("later", 60)])).detections == 1


@pytest.mark.parametrize("part", ["events", "detections"])
def test_a_store_that_was_locked_for_a_time_loses_nothing(
    tmp_path: Path, clock: Clock, monkeypatch: pytest.MonkeyPatch, part: str
) -> None:
    monkeypatch.setattr(connection, "BUSY_SECONDS", 0.05)
    store = open_sqlite(tmp_path / "store")
    pipeline = pipeline_of(store, rules_of(tmp_path, BASE, ONE, THREE), clock)
    pipeline.take(batch(hits(2, f=2)))
    locked = next((tmp_path / "store").rglob("2026-03.db" if part == "events" else "detections.db"))
    with closing(dbapi2.connect(str(locked), isolation_level=None)) as other:
        other.execute("BEGIN IMMEDIATE")
        for _ in range(3):
            with pytest.raises(StoreUnavailable):
                pipeline.take(batch([*hits(1, first=2, f=2), *hits(1)]))
    pipeline.take(batch([*hits(1, first=2, f=2), *hits(1)]))
    assert titles(store) == ["One", "Three"]
    store.close()


def test_two_processes_that_take_turns_detect_what_one_does(store: Store, make: Make) -> None:
    one, other = make(BASE, ONE, FIVE), make(BASE, ONE, FIVE)
    for number in range(6):
        (one, other)[number % 2].take(batch([*hits(1, number, f=2), *hits(1, number)]))
    assert sorted(titles(store)) == ["Five"] + ["One"] * 6


def test_a_late_event_counts_at_its_own_time(store: Store, make: Make) -> None:
    pipeline = make(BASE, ONE, THREE)
    pipeline.take(batch(hits(1, 400)))
    pipeline.take(batch([event("old", -3 * DAY, source__ip="192.0.2.1", f=1), *hits(3, f=2)]))
    first, *_ = store.events.search_detections(EventQuery()).items
    assert first.evidence == ("old",)
    assert titles(store).count("Three") == 1


# --- rules that are new, gone or changed


def test_a_new_rule_catches_up_by_itself_from_a_day_before_the_newest_event(store: Store, make: Make) -> None:
    older = event("older", -DAY - 1, source__ip="192.0.2.1", f=1)
    make(ANY).take(batch([older, *hits(2)]))
    assert titles(store) == ["Any"] * 3
    with_new = make(ANY, ONE)
    caught_up = with_new.catch_up()
    assert caught_up.detections == 2  # not of the older one
    assert caught_up.stages["catch-up"].passed == 2
    assert with_new.take(batch(hits(1, 2))).detections == 2
    assert make(ANY, ONE).catch_up().detections == 0


def test_a_new_rule_may_begin_with_the_first_event_there_is(store: Store, make: Make) -> None:
    make(ANY).take(batch([event("older", -90 * DAY, source__ip="192.0.2.1", f=1), *hits(2)]))
    assert make(ANY, ONE, catch_up=None).catch_up().detections == 3


def test_an_event_from_the_future_does_not_let_a_new_rule_begin_later(store: Store, make: Make, clock: Clock) -> None:
    future = (clock() - clock()).total_seconds() + 400 * DAY
    make(ANY).take(batch([*hits(2), event("future", future, source__ip="192.0.2.1", f=1)]))
    assert make(ANY, ONE).catch_up().detections == 3


def test_windows_of_a_new_rule_and_of_the_old_go_on_together(store: Store, make: Make) -> None:
    make(BASE, THREE).take(batch(hits(2, f=2)))
    both = make(BASE, THREE, FIVE)
    assert both.catch_up().detections == 0
    assert both.take(batch(hits(1, 2, f=2))).detections == 1
    assert both.take(batch(hits(2, 3, f=2))).detections == 1
    assert sorted(titles(store)) == ["Five", "Three"]


def test_a_rule_that_was_away_goes_on_from_where_it_stood(store: Store, make: Make) -> None:
    first = make(ANY, ONE)
    first.take(batch(hits(2)))
    first.save()
    without = make(ANY, catch_up=None)
    without.take(batch(hits(2, 2)))
    without.save()
    caught_up = make(ANY, ONE).catch_up()
    assert caught_up.detections == 2
    assert caught_up.stages["catch-up"].passed == 2
    assert sorted(titles(store)) == ["Any"] * 4 + ["One"] * 4


def test_a_changed_correlation_fills_its_windows_again(store: Store, make: Make) -> None:
    first = make(BASE, THREE)
    first.take(batch(hits(2, f=2)))
    first.save()
    stricter = make(BASE, BURST.format(title="Three", count=4))
    stricter.take(batch(hits(1, 2, f=2)))
    assert titles(store) == []
    assert stricter.take(batch(hits(1, 3, f=2))).detections == 1


def test_a_correlation_over_a_changed_rule_fills_its_windows_again(store: Store, make: Make) -> None:
    base = "id: 6f9b1f0e-7d0c-4d58-9d53-0d7c0f3c1a11\n" + BASE
    first = make(base, THREE)
    first.take(batch([*hits(2, f=2), *hits(1, 2, f=3)]))
    first.save()
    of_others = make(base.replace("f: 2", "f: 3"), THREE)
    assert of_others.take(batch(hits(1, 3, f=3))).detections == 0
    assert of_others.take(batch(hits(1, 4, f=3))).detections == 1


def test_windows_that_cannot_be_read_are_filled_again(store: Store, make: Make) -> None:
    first = make(BASE, THREE)
    first.take(batch(hits(2, f=2)))
    first.save()
    for record in store.records.list(WINDOWS):
        store.records.delete(WINDOWS, record.key)
    assert make(BASE, THREE).take(batch(hits(1, 2, f=2))).detections == 1


def test_a_pattern_of_indicators_that_began_before_a_restart_is_completed_after_it(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    pattern = "([ipv4-addr:value = '198.51.100.1'] FOLLOWEDBY [ipv4-addr:value = '198.51.100.2']) WITHIN 600 SECONDS"
    known = IndicatorSet([Indicator("indicator--1", IndicatorKind.PATTERN, pattern)])
    rules = rules_of(tmp_path, BASE, THREE)

    def process() -> Pipeline:
        window = timedelta(hours=24)
        correlator = Correlator(rules, known)
        return Pipeline(store, correlator, lambda: NOWHERE, clock, incident_window=window, origin="n")

    first = process()
    first.take(batch([event("a", 0, destination__ip="198.51.100.1"), *hits(2, f=2)]))
    first.save()
    assert process().take(batch([event("b", 60, destination__ip="198.51.100.2"), *hits(1, 2, f=2)])).detections == 2


# --- watermarks


def test_a_watermark_moves_only_on(store: Store, clock: Clock) -> None:
    marks = Watermarks(store.records, clock)
    marks.move({"a"}, {"p": 5}, {"a": b"five"})
    marks.move({"a"}, {"p": 3}, {"a": b"three"})
    (mark,) = marks.all()
    assert (mark.position, marks.states(mark)) == ({"p": 5}, {"a": b"five"})
    marks.move({"a"}, {"p": 5, "q": 1}, {"a": b"six"})
    (mark,) = marks.all()
    assert marks.states(mark) == {"a": b"six"}
    assert len(store.records.list(WINDOWS)) == 1


def test_large_windows_are_kept_in_several_records(store: Store, clock: Clock) -> None:
    marks = Watermarks(store.records, clock)
    states = {f"rule-{number}": b"x" * 1_500_000 for number in range(5)}
    marks.move(set(states), {"p": 1}, states)
    (mark,) = marks.all()
    assert len(mark.windows) == 3
    assert marks.states(mark) == states


def test_what_is_overtaken_or_named_by_nothing_is_tidied_away(store: Store, clock: Clock) -> None:
    marks = Watermarks(store.records, clock)
    marks.move({"a"}, {"p": 1}, {"a": b"1"})
    marks.move({"a", "b"}, {"p": 2}, {"a": b"2"})
    marks.move({"a", "c"}, {"p": 1}, {})
    store.records.put(WINDOWS, "orphan", {"states": {}})
    marks.tidy()
    assert {mark.watches for mark in marks.all()} == {frozenset("ab"), frozenset("ac")}
    assert len(store.records.list(WINDOWS)) == 1
    for number in range(MAX_WATERMARKS + 5):
        marks.move({f"rule-{number}"}, {"p": 1}, {})
    marks.tidy()
    kept = marks.all()
    assert len(kept) == MAX_WATERMARKS
    assert frozenset({f"rule-{MAX_WATERMARKS + 4}"}) in {mark.watches for mark in kept}


def test_the_watermark_moves_by_itself_after_many_events(store: Store, make: Make) -> None:
    pipeline = make(ANY)
    quiet = [event(f"e{number}", number) for number in range(SAVE_EVENTS)]
    pipeline.take(batch(quiet[:-1]))
    assert store.records.list(WATERMARK) == []
    pipeline.take(batch(quiet[-1:]))
    (mark,) = Watermarks(store.records, lambda: pytest.fail("no clock is needed")).all()
    assert mark.events == SAVE_EVENTS


# --- all of it together

STEPS = st.lists(
    st.tuples(st.integers(1, 5), st.sampled_from(["go on", "crash", "save", "fail", "store only", "other"])), max_size=8
)


@given(steps=STEPS)
@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_whatever_happens_on_the_way_detections_and_incidents_are_those_of_a_calm_run(
    tmp_path_factory: pytest.TempPathFactory, clock: Clock, steps: list[tuple[int, str]]
) -> None:
    folder = tmp_path_factory.mktemp("runs")
    rules = rules_of(folder, BASE, ONE, THREE, FIVE)
    events = [
        event(f"e{number}", number * 200, source__ip=f"192.0.2.{number % 2}", f=1 + (number % 3 > 0))
        for number in range(40)
    ]
    calm, stormy = open_sqlite(folder / "calm"), open_sqlite(folder / "stormy")
    pipeline_of(calm, rules, clock).take(batch(events))
    _storm(stormy, rules, clock, events, steps)
    assert _ids(stormy) == _ids(calm)
    calm.close()
    stormy.close()


def _storm(
    store: Store, rules: Sequence[Rule], clock: Clock, events: list[Document], steps: list[tuple[int, str]]
) -> None:
    here, there = pipeline_of(store, rules, clock), pipeline_of(store, rules, clock)
    at = 0
    for size, what in steps:
        part = batch(events[max(0, at - 2) : at + size])  # some are sent again
        at += 0 if what == "fail" else size  # the source goes on only from what was taken
        match what:
            case "go on":
                here.take(part)
            case "crash":
                here.take(part)
                here = pipeline_of(store, rules, clock)
            case "save":
                here.take(part)
                here.save()
            case "fail":
                here = pipeline_of(Failing(store, [1]), rules, clock)
                with pytest.raises(StoreUnavailable):
                    here.take(part)
            case "store only":
                store.events.add_events(part.events)
            case "other":
                there.take(part)
    here.take(batch(events))


def _ids(store: Store) -> tuple[list[str], list[str], set[str]]:
    held = contents(store)
    return sorted(held["events"]), sorted(held["detections"]), set(held["incidents"])
