"""`coverage` at the command line: who was watched, when."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from vonggac.cli import run
from vonggac.connected import HEARTBEAT
from vonggac.coverage import CoverageLog
from vonggac.domain.times import format_instant
from vonggac.stores.sqlite import open_sqlite

#: 2025-06-30T00:00 in Vietnam, the last day of the old units.
DAY = datetime(2025, 6, 29, 17, tzinfo=UTC)
PERIOD = ("--period", "2025-06-30/2025-07-02")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Sensors in Vĩnh Phúc (26, which was merged into Phú Thọ) and in a district of Hanoi."""
    store = open_sqlite(tmp_path / "kho")
    for sensor, agency in (("vp", "26"), ("hn-1", "001"), ("hn-2", "01"), ("nowhere", None)):
        store.records.put(HEARTBEAT, sensor, {"agency": agency, "at": format_instant(DAY)})
    log = CoverageLog(store.records)
    for sensor, first, hours in (("vp", 0, 48), ("hn-1", 0, 12), ("hn-2", 10, 10), ("nowhere", 0, 48)):
        instants = (DAY + timedelta(hours=first + at) for at in range(hours))
        log.note(({"@timestamp": format_instant(at), "observer": {"name": sensor}} for at in instants), 812)
    store.close()
    return tmp_path / "kho"


def told(capfd: pytest.CaptureFixture[str], folder: Path, *words: str, code: int = 0) -> list[dict[str, Any]]:
    assert run(["--data-dir", str(folder), "--lang", "en", "coverage", *words]) == code
    return [json.loads(line) for line in capfd.readouterr().out.splitlines()]


def test_a_unit_counts_with_those_below_it_and_its_gaps_are_named(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [hanoi] = told(capfd, folder, "01", *PERIOD)
    assert (hanoi["sensors"], hanoi["hours"], hanoi["watched"]) == (2, 48, 20)
    assert hanoi["coverage"] == pytest.approx(22 / 96)
    assert hanoi["parts"]["rules_loaded"] == 812
    assert hanoi["gaps"] == [
        {"start": format_instant(DAY + timedelta(hours=20)), "end": format_instant(DAY + timedelta(hours=48))}
    ]


def test_a_unit_that_ended_is_asked_for_the_hours_in_which_it_was_there(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [old] = told(capfd, folder, "26", *PERIOD)
    assert (old["name"], old["hours"], old["watched"], old["coverage"], old["gaps"]) == ("Vĩnh Phúc", 24, 24, 1, [])


def test_a_sensor_that_went_dark_before_the_period_is_missed_for_ninety_days(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    [hanoi] = told(capfd, folder, "01", "--period", "2025-08-01/2025-08-02")
    assert (hanoi["sensors"], hanoi["watched"], hanoi["coverage"]) == (2, 0, 0)
    [later] = told(capfd, folder, "01", "--period", "2025-11-01/2025-11-02")
    assert (later["sensors"], later["coverage"]) == (0, None)


def test_every_ministry_and_province_is_listed_also_where_nobody_watched(
    folder: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    found = told(capfd, folder, *PERIOD)
    assert {unit["level"] for unit in found} == {"ministry", "province"}
    assert sum(unit["level"] == "province" for unit in found) == 63 + 34 - 11  # eleven went on as they were
    [hue] = [unit for unit in found if unit["code"] == "46"]
    assert (hue["sensors"], hue["watched"], hue["coverage"], len(hue["gaps"])) == (0, 0, None, 1)


@pytest.mark.parametrize(
    ("words", "code"),
    [
        (("no-such-unit",), 3),
        (("--period", "2025-13"), 2),
        (("--period", "2999"), 2),
        (("--level", "hamlet"), 2),
    ],
)
def test_what_cannot_be_meant_is_refused(
    folder: Path, capfd: pytest.CaptureFixture[str], words: tuple[str, ...], code: int
) -> None:
    assert told(capfd, folder, *words, code=code) == []
