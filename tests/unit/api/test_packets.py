"""Packets go to people of the event's own agency and above it, and to nobody through a shared incident."""

from __future__ import annotations

from pathlib import Path

import pytest

from sensors import open_source
from sensors.base import Origin
from tests.unit.api.conftest import Node
from tests.unit.sensors.wire import pcap, udp
from vonggac.domain.access import UserRole
from vonggac.evidence import keeping
from vonggac.settings import Settings


@pytest.fixture
def flow(node: Node, tmp_path: Path) -> str:
    """The id of a flow of one packet at G99, kept in the ring."""
    path = tmp_path / "in.pcap"
    path.write_bytes(pcap([bytes(udp(b"bang chung", dport=7)), bytes(udp(b"khac", dport=8))]))
    origin = keeping(Settings(data_dir=tmp_path), Origin("cảm/biến", "G99"))
    events = [event for batch in open_source(str(path), origin) for event in batch.events]
    assert origin.ring is not None
    origin.ring.close()
    node.store.events.add_events(events)
    return next(event["event"]["id"] for event in events if event["destination"]["port"] == 7)


def test_the_packets_of_a_flow_and_no_others_are_given(node: Node, flow: str) -> None:
    answer = node.browser(UserRole.VIEWER).get(f"/api/v1/events/{flow}/evidence")
    assert answer.headers["content-type"] == "application/vnd.tcpdump.pcap"
    assert b"bang chung" in answer.content and b"khac" not in answer.content
    assert [answer.headers[f"x-evidence-{what}"] for what in ("packets", "segments", "verified")] == ["1", "1", "1"]
    assert f"/api/v1/events/{flow}/evidence" in node.browser(UserRole.VIEWER).get(f"/events/{flow}").text


def test_another_agency_is_not_told_that_there_are_any(node: Node, flow: str) -> None:
    assert node.browser(UserRole.VIEWER, "G99").get(f"/api/v1/events/{flow}/evidence").status_code == 200
    answer = node.browser(UserRole.VIEWER, "T98").get(f"/api/v1/events/{flow}/evidence")
    assert answer.status_code == 404
    assert "retained" in answer.json()["detail"] or "lưu" in answer.json()["detail"]
    assert "evidence" not in answer.json()["detail"]


def test_packets_that_are_gone_are_not_retained(node: Node, flow: str, tmp_path: Path) -> None:
    for path in (tmp_path / "evidence").rglob("*.*"):
        path.unlink()
    answer = node.browser(UserRole.VIEWER).get(f"/api/v1/events/{flow}/evidence")
    assert answer.status_code == 404
    assert "evidence.max_mb" in answer.json()["detail"]
