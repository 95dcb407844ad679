"""Indicators as users give them: patterns are detected and hunted, and what a warning list suppresses is told."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.e2e.program import environment, must

PATTERN = "[network-traffic:dst_port = 80 AND network-traffic:protocols[*] = 'tcp']"
VALUE = "[domain-name:value = 'x.example']"


@pytest.fixture
def events(tmp_path: Path) -> Path:
    path = tmp_path / "events.ndjson"
    flow = {
        "@timestamp": "2026-03-02T02:00:00Z",
        "event": {"id": "e1", "dataset": "flow", "kind": "event", "category": ["network"], "type": ["connection"]},
        "ecs": {"version": "9.0.0"},
        "observer": {"name": "s"},
        "source": {"ip": "192.0.2.1", "port": 40000},
        "destination": {"ip": "192.0.2.2", "port": 80},
        "network": {"transport": "tcp"},
        "url": {"domain": "x.example"},
    }
    path.write_text(json.dumps(flow) + "\n", "utf-8")
    return path


@pytest.fixture
def known(tmp_path: Path) -> Path:
    path = tmp_path / "known.json"
    objects = [
        {"type": "indicator", "id": f"indicator--{number}", "pattern": pattern, "valid_from": "2026-01-01T00:00:00Z"}
        for number, pattern in enumerate((PATTERN, VALUE))
    ]
    path.write_text(json.dumps({"type": "bundle", "objects": objects}), "utf-8")
    return path


def test_a_pattern_is_detected_and_a_hit_on_a_warning_list_is_told(events: Path, known: Path, tmp_path: Path) -> None:
    lists = tmp_path / "lists.json"
    lists.write_text(json.dumps({"name": "Harmless", "type": "hostname", "list": ["x.example"]}), "utf-8")
    call = ("--lang", "en", "detect", events, "--indicators", known)
    plain = must(*call)
    assert {found["rule"]["id"] for found in plain.items} >= {"indicator:pattern", "indicator:domain"}
    warned = must(*call, env=environment(VONGGAC_INDICATORS_WARNING_LISTS=str(lists)))
    assert "indicator:domain" not in {found["rule"]["id"] for found in warned.items}
    assert "No detection, 1 times: indicator on warning list Harmless." in warned.err


def test_patterns_are_hunted_in_the_retained_events(events: Path, known: Path, tmp_path: Path) -> None:
    node = ("--data-dir", tmp_path / "node")
    must(*node, "ingest", events)
    found = {
        item.get("pattern") or item["value"]: item["status"]
        for item in must(*node, "hunt", "--indicators", known).items
    }
    assert found == {PATTERN: "found", "x.example": "found"}
