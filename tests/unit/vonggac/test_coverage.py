from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from vonggac.coverage import COVERAGE, CoverageLog, Of, hours_since_epoch, tracks
from vonggac.domain.covered import Coverage, Pair, Part
from vonggac.domain.hours import BLOCK
from vonggac.domain.times import format_instant
from vonggac.ports import RecordStore
from vonggac.stores.sqlite import open_sqlite
from vonggac.watching import watched_in

START = datetime(2026, 3, 1, tzinfo=UTC)
THEN = datetime(2025, 3, 1, tzinfo=UTC)
DAY = timedelta(days=1)


@pytest.fixture
def records(tmp_path: Path) -> Iterator[RecordStore]:
    store = open_sqlite(tmp_path / "store")
    yield store.records
    store.close()


def told(at: datetime, sensor: str = "s", dataset: str = "flow", **more: Any) -> dict[str, Any]:
    return {"@timestamp": format_instant(at), "observer": {"name": sensor}, "event": {"dataset": dataset}, **more}


def hourly(start: datetime, hours: int, sensor: str = "s") -> list[dict[str, Any]]:
    return [told(start + timedelta(hours=at), sensor) for at in range(hours)]


def covered(records: RecordStore, **chosen: Any) -> Coverage:
    """The day of START against that of THEN."""
    return watched_in(records, (START, START + DAY), (THEN, THEN + DAY)).coverage(**chosen)


def pair(current: str | None, previous: str | None) -> Pair:
    return Pair(*(None if text is None else Fraction(text) for text in (current, previous)))


def test_nothing_on_record_is_not_known(records: RecordStore) -> None:
    assert covered(records) == Coverage()


def test_each_part_is_a_share_of_the_one_before_it(records: RecordStore) -> None:
    log = CoverageLog(records)
    loss = told(START + timedelta(hours=5), dataset="data-loss")
    loss["event"] |= {"start": format_instant(START), "end": format_instant(START + timedelta(hours=3))}
    log.note([*hourly(START, 16), loss], 812)
    log.note(hourly(START + timedelta(hours=16), 2), 0)  # no rules were loaded
    log.note(hourly(THEN, 24), 800)
    found = covered(records)
    assert found.parts == {
        Part.SENSORS: pair("18/24", "1"),
        Part.CAPTURE: pair("14/18", "1"),
        Part.RULES: pair("12/14", "1"),
        Part.RULES_LOADED: pair(f"{812 * 16}/18", "800"),
    }
    assert found.sensors == pair("12/24", "1")
    assert found.fallen == (Part.SENSORS, Part.CAPTURE, Part.RULES)


def test_a_sensor_that_is_dark_in_one_period_counts_there(records: RecordStore) -> None:
    CoverageLog(records).note([*hourly(START, 24, "a"), *hourly(THEN, 24, "a"), *hourly(THEN, 24, "b")], 5)
    assert covered(records).sensors == pair("1/2", "1")
    assert covered(records, sensors=["a"]).sensors == pair("1", "1")
    assert covered(records, sensors=["nobody"]).sensors == Pair()


def test_fewer_rules_are_less_coverage_though_every_hour_was_watched(records: RecordStore) -> None:
    log = CoverageLog(records)
    log.note(hourly(THEN, 24), 1_000)
    log.note(hourly(START, 24), 899)
    found = covered(records)
    assert found.sensors == pair("1", "1")
    assert found.fallen == (Part.RULES_LOADED,)


def test_a_feed_is_fresh_for_a_day_from_each_pull(records: RecordStore) -> None:
    log = CoverageLog(records)
    log.fresh("a", THEN - timedelta(hours=1))
    log.fresh("a", THEN + timedelta(hours=12, minutes=59))
    log.fresh("a", START - timedelta(hours=12))
    found = covered(records)
    assert found.parts == {Part.FEEDS: pair("12/24", "1")}
    assert found.fallen == (Part.FEEDS,)
    assert found.sensors == Pair()


def test_an_answer_to_a_probe_tells_of_the_service_and_not_of_the_node(records: RecordStore) -> None:
    log = CoverageLog(records)
    for start, hours in ((START, 6), (THEN, 24)):
        for at in range(hours):
            log.note([told(start + timedelta(hours=at), "node", "probe", vonggac={"probe": {"system": "cổng"}})], 9)
    unable = {"probe": {"system": "cổng", "result": "not-asked"}}
    log.note([told(START + timedelta(hours=9), "node", "probe", vonggac=unable)], 9)
    found = covered(records)
    assert found.parts == {Part.PROBES: pair("6/24", "1")}
    assert covered(records, systems=[]).parts == {}


def test_more_watching_is_no_fall_and_is_not_credited(records: RecordStore) -> None:
    log = CoverageLog(records)
    log.note(hourly(THEN, 12), 10)
    log.note(hourly(START, 24), 20)
    found = covered(records)
    assert (found.fallen, found.ratio) == ((), 1)


def test_writing_down_again_changes_nothing_and_another_log_goes_on(records: RecordStore) -> None:
    events = hourly(START, 40)
    CoverageLog(records).note(events, 7)
    before = records.list(COVERAGE)
    log = CoverageLog(records)
    log.note(events, 7)
    log.note(events, 7)
    assert records.list(COVERAGE) == before
    log.note(hourly(START + timedelta(hours=40), 1), 7)
    assert len(tracks(records)[Of.SENSOR]["s"].good) == 41


def test_hours_on_both_sides_of_a_block_are_kept_and_read_by_period(records: RecordStore) -> None:
    edge = datetime(1970, 1, 1, tzinfo=UTC) + timedelta(hours=700 * BLOCK)
    CoverageLog(records).note(hourly(edge - timedelta(hours=2), 4), 3)
    assert len(records.list(COVERAGE)) == 2
    found = watched_in(records, (edge - timedelta(hours=1), edge + timedelta(hours=1)), (edge, edge + DAY))
    assert found.coverage().sensors == pair("1", "2/24")


def test_a_part_of_an_hour_is_asked_for_whole(records: RecordStore) -> None:
    CoverageLog(records).note(hourly(START, 1), 3)
    some = START + timedelta(minutes=10), START + timedelta(minutes=20)
    assert watched_in(records, some, (THEN, THEN + DAY)).coverage().sensors == pair("1", "0")


def test_an_instant_before_1970_is_kept_too(records: RecordStore) -> None:
    old = datetime(1969, 12, 31, 22, tzinfo=UTC)
    CoverageLog(records).note(hourly(old, 4), 3)
    assert hours_since_epoch(old) == -2
    assert list(tracks(records)[Of.SENSOR]["s"].good) == [0, 1]
