"""`sense`, `detect` and `ingest` on captures and logs that nobody here wrote: no crash, in time, every sum kept."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from tests.e2e.program import Done, must, vonggac

pytestmark = pytest.mark.shared

CAPTURES = (".pcap", ".pcapng", ".cap", ".gz")
#: For all captures together, 4 MB; a call on one of them must not hang.
SECONDS = 60.0


@pytest.fixture(scope="module")
def captures(shared_data: Path) -> list[Path]:
    found = sorted(path for path in (shared_data / "pcap").rglob("*") if path.name.endswith(CAPTURES))
    assert len(found) >= 66
    return found


def call(*arguments: object) -> Done:
    began = time.monotonic()
    done = vonggac("--quiet", *arguments, seconds=SECONDS)
    assert done.code in (0, 1), done.err
    assert "Traceback" not in done.err, done.err
    assert time.monotonic() - began < SECONDS
    return done


def test_sense_reads_every_capture_and_names_those_that_break_off(captures: list[Path]) -> None:
    done = call("sense", *captures)
    assert len(done.items) > 3_000
    broken = {line.partition(",")[0] for line in done.err.splitlines()}
    assert broken < {str(path) for path in captures}
    assert done.code == (1 if broken else 0)


def test_detect_finds_attacks_in_them(captures: list[Path]) -> None:
    found = {item["rule"]["name"] for item in call("detect", *captures).items}
    assert len(found) >= 5


def test_ingest_accounts_for_every_packet_and_twice_is_once(captures: list[Path], tmp_path: Path) -> None:
    first = call("--data-dir", tmp_path / "kho", "ingest", *captures).item
    again = call("--data-dir", tmp_path / "kho", "ingest", *captures).item
    assert (again["events"], again["detections"], again["incidents_new"]) == (0, 0, 0)
    assert again["duplicates"] == first["events"] + first["duplicates"]
    for summary in (first, again):
        for name, stage in summary["stages"].items():
            assert stage["taken"] == stage["passed"] + stage["duplicates"] + sum(stage["refused"].values()), name
        assert summary["stages"]["intake"]["passed"] == summary["events"]
    held = must("--data-dir", tmp_path / "kho", "db", "verify").item
    assert (held["events"], held["detections"]) == (first["events"], first["detections"])


@pytest.mark.parametrize("folder", ["eve", "zeek-logs"])
def test_logs_of_other_engines_are_taken_a_folder_at_a_time(shared_data: Path, tmp_path: Path, folder: str) -> None:
    first = call("--data-dir", tmp_path / "kho", "ingest", shared_data / folder).item
    again = call("--data-dir", tmp_path / "kho", "ingest", shared_data / folder).item
    assert first["events"] > 10
    assert (again["events"], again["duplicates"]) == (0, first["events"] + first["duplicates"])
