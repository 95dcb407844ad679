from __future__ import annotations

import json
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from vonggac.cli import run
from vonggac.connected import HEARTBEAT, LIVE, Speakers, Standing, live_agencies, sensor_agencies, standings
from vonggac.dated import in_force, targets
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.event import PROBE, Document
from vonggac.domain.times import format_instant
from vonggac.ports import Store
from vonggac.units import shipped_units

NOW = datetime(2026, 3, 1, 8, tzinfo=UTC)
DIRECTORY = Directory(shipped_units())


def ago(span: timedelta) -> str:
    return format_instant(NOW - span)


def counted(live: set[str], day: date, directory: Directory = DIRECTORY) -> dict[Level, Standing]:
    found = standings(directory, frozenset(live), in_force(targets(), day), day)
    return {standing.level: standing for standing in found}


def test_a_sensor_or_feed_lives_that_was_heard_of_within_a_day(store: Store) -> None:
    store.records.put(HEARTBEAT, "a", {"at": ago(LIVE), "agency": "25"})
    store.records.put(HEARTBEAT, "b", {"at": ago(LIVE + timedelta(seconds=1)), "agency": "01"})
    store.records.put(HEARTBEAT, "c", {"at": ago(timedelta(0))})
    pulled = [("bo-xd", ago(timedelta(hours=2))), ("nhnn", ago(timedelta(days=2))), (None, ago(LIVE)), ("vpcp", "")]
    assert live_agencies(store.records, pulled, NOW) == {"25", "bo-xd"}


def test_a_unit_is_connected_by_what_is_below_it_too() -> None:
    office = Agency("25-cntt", "Trung tâm", Level.UNIT, parent="25")
    found = counted({"25-cntt", "01", "VN"}, NOW.date(), Directory((*shipped_units(), office)))
    assert found[Level.PROVINCE].connected == 2


@pytest.mark.parametrize(
    ("day", "expected"),
    [
        (date(2025, 2, 28), {Level.MINISTRY: (20, 100), Level.PROVINCE: (63, 100), Level.DISTRICT: (696, 95)}),
        (date(2025, 6, 30), {Level.MINISTRY: (15, 100), Level.PROVINCE: (63, 100), Level.DISTRICT: (696, 95)}),
        (date(2025, 7, 1), {Level.MINISTRY: (15, 100), Level.PROVINCE: (34, 100), Level.COMMUNE: (3321, 95)}),
    ],
)
def test_the_target_is_that_of_the_day_and_leaves_out_what_is_outside_the_scope(
    day: date, expected: dict[Level, tuple[int, int]]
) -> None:
    found = counted(set(), day)
    assert {level: (each.units, each.target) for level, each in found.items()} == expected


def test_communes_that_nobody_imported_count_as_not_connected() -> None:
    standing = counted(set(), NOW.date())[Level.COMMUNE]
    assert (standing.listed, standing.units, standing.percent, standing.reached) == (0, 3321, 0, False)


def test_a_target_is_reached_exactly_at_its_share() -> None:
    assert not Standing(Level.DISTRICT, 94, 100, 100, 95).reached
    assert Standing(Level.DISTRICT, 95, 100, 100, 95).reached
    assert Standing(Level.DISTRICT, 0, 0, 0, 95).percent is None


def test_the_command_counts_each_level(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    assert run(["agency", "connected", "--data-dir", str(tmp_path / "kho"), "--json"]) == 0
    told = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
    assert [(each["level"], each["connected"]) for each in told] == [("ministry", 0), ("province", 0), ("commune", 0)]


def test_an_agency_is_remembered_for_each_sensor_that_names_one_and_says_not_that_the_sensor_lives(
    store: Store,
) -> None:
    def event(sensor: str, agency: str | None, dataset: str = "flow") -> Document:
        of = {"organization": {"id": agency}} if agency else {}
        return {"observer": {"name": sensor}, "event": {"dataset": dataset}, **of}

    Speakers(store.records).note([event("a", "25"), event("a", None), event("b", None), event("node", "01", PROBE)])
    assert sensor_agencies(store.records) == {"a": "25"}
    Speakers(store.records).note([event("a", "26")])
    assert sensor_agencies(store.records) == {"a": "26"}
    assert live_agencies(store.records, [], NOW) == frozenset()
