"""A sensor that rotates its captures: what goes on from one file to the next is seen, though each file is a call."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors.made import day
from tests.e2e.program import must

SCAN = day.EPOCH + 1.2 * day.HOUR  # sixty ports in sixty seconds; the rule wants twenty-five


def split(capture: bytes, *instants: float) -> list[bytes]:
    """The capture (pcap, microseconds) cut before the first packet at or after each instant; the rest is left out."""
    order = "little" if capture[:4] == b"\xd4\xc3\xb2\xa1" else "big"
    pieces, begin, at = [], 24, 24
    for instant in instants:
        while int.from_bytes(capture[at : at + 4], order) < instant:
            at += 16 + int.from_bytes(capture[at + 8 : at + 12], order)
        pieces.append(capture[:24] + capture[begin:at])
        begin = at
    return pieces


def scans(data: Path, *captures: Path) -> int:
    """How many incidents of scanning a store has after one `ingest` for each of these captures. The behaviour, which
    takes twenty ports for a scan, is to want more than half of it, as the rule does."""
    config = data.with_suffix(".toml")
    config.write_text("[behaviour.scan]\ntargets = 30\n", "utf-8")
    for capture in captures:
        must(
            *("--config", config, "--data-dir", data, "--quiet"),
            *("ingest", capture, "--sensor", "bo-mau", "--agency", "G99"),
        )
    found = must("--data-dir", data, "incident", "list").items
    return sum(incident["kind"] == "port-scan" for incident in found)


@pytest.fixture
def halves(made_day: dict[str, Path], tmp_path: Path) -> list[Path]:
    """Two captures with twenty-odd ports of the scan in each."""
    paths = []
    for number, piece in enumerate(split(made_day["bo-mau"].read_bytes(), SCAN + 22, SCAN + 44)):
        paths.append(tmp_path / f"{number}.pcap")
        paths[-1].write_bytes(piece)
    return paths


def test_an_attack_that_goes_on_in_the_next_capture_is_seen(halves: list[Path], tmp_path: Path) -> None:
    assert scans(tmp_path / "kho", *halves) == 1


def test_half_of_it_alone_is_too_little(halves: list[Path], tmp_path: Path) -> None:
    assert [scans(tmp_path / f"kho-{number}", half) for number, half in enumerate(halves)] == [0, 0]
