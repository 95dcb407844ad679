"""From an event's id to exactly its packets, and a plain answer when they are gone."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.e2e.program import explained, must, vonggac

SITE = "tinh-mau-b"


@pytest.fixture(scope="module")
def kept(made_day: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A data folder that has taken the day's capture."""
    folder = tmp_path_factory.mktemp("kept")
    must("--data-dir", folder, "ingest", made_day[SITE], "--sensor", SITE)
    return folder


@pytest.fixture(scope="module")
def events(made_day: dict[str, Path]) -> list[dict[str, Any]]:
    return must("--quiet", "sense", made_day[SITE], "--sensor", SITE).items


def sensed(path: Path) -> list[dict[str, Any]]:
    return must("--quiet", "sense", path).items


@pytest.mark.parametrize(
    ("dataset", "told_by"), [("flow", "source"), ("dns", "dns"), ("http", "http"), ("tls", "tls"), ("icmp", "source")]
)
def test_the_packets_of_an_event_tell_the_same_event_again(
    kept: Path, events: list[dict[str, Any]], tmp_path: Path, dataset: str, told_by: str
) -> None:
    wanted = [event for event in events if event["event"]["dataset"] == dataset][7]
    flow = next(event for event in events if event["event"]["id"] == wanted["flow"]["id"])
    out = tmp_path / "x.pcap"
    told = must("--data-dir", kept, "evidence", wanted["event"]["id"], "-o", out).item
    assert told["packets"] == flow["network"]["packets"]
    assert told["verified"] == told["segments"] > 0
    again = sensed(out)
    (flow_again,) = [event for event in again if event["event"]["dataset"] == "flow"]
    assert flow_again["network"] == flow["network"]
    assert wanted[told_by] in [event.get(told_by) for event in again]


def test_the_packets_of_a_detection_are_those_of_all_it_rests_on(
    kept: Path, made_day: dict[str, Path], tmp_path: Path
) -> None:
    found = must("--quiet", "detect", made_day[SITE], "--sensor", SITE).items
    detection = max(found, key=lambda each: len(each["vonggac"]["detection"]["evidence"]))
    told = must("--data-dir", kept, "evidence", detection["event"]["id"], "-o", tmp_path / "x.pcap").item
    assert told["packets"] >= len(detection["vonggac"]["detection"]["evidence"])


def test_a_shared_incident_names_the_segments_of_its_packets(kept: Path, events: list[dict[str, Any]]) -> None:
    segments = {event["event"]["id"]: event["vonggac"]["source"]["segment"] for event in events}
    incidents = must("--data-dir", kept, "--json", "incident", "list").items
    bundle = json.loads(must("--data-dir", kept, "share", "export", incidents[0]["id"]).out)
    observed = [each for each in bundle["objects"] if each["type"] == "observed-data"]
    assert observed
    for each in observed:
        (extension,) = each["extensions"].values()
        named = {capture["event"]: capture["segment_hashes"]["SHA-256"] for capture in extension["captures"]}
        assert named == {event: segments[event] for event in named}
        assert set(named) == {reference["external_id"] for reference in each["external_references"]}


def test_on_stdout_comes_the_pcap_alone(kept: Path, events: list[dict[str, Any]]) -> None:
    done = must("--data-dir", kept, "evidence", events[0]["event"]["id"])
    assert done.out[:4] == bytes.fromhex("4d3cb2a1")
    explained(done, "1")


def test_an_event_that_is_not_there_and_packets_that_are_gone_are_told_apart(
    kept: Path, made_day: dict[str, Path], events: list[dict[str, Any]], tmp_path: Path
) -> None:
    none = vonggac("--data-dir", kept, "evidence", "0" * 32, "-o", tmp_path / "x.pcap")
    assert none.code == 3
    explained(none, "0" * 32)
    bare = tmp_path / "bare"
    env = {"VONGGAC_EVIDENCE_MAX_MB": "0"}
    must("--data-dir", bare, "ingest", made_day[SITE], "--sensor", SITE, env=env)
    assert not (bare / "evidence").exists()
    identity = events[0]["event"]["id"]
    gone = vonggac("--data-dir", bare, "evidence", identity, "-o", tmp_path / "x.pcap")
    assert gone.code == 3
    explained(gone, identity, "evidence.max_mb")
    assert not (tmp_path / "x.pcap").exists()
