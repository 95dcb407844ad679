"""Headers on every answer, assets, metrics."""

from __future__ import annotations

import json

import pytest
import zstandard

from tests.unit.api.conftest import Node
from vonggac.domain.access import UserRole

EVERYWHERE = ["/", "/login", "/docs", "/nothing", "/api/v1/incidents", "/api/v1/nothing", "/taxii2/", "/healthz"]


@pytest.mark.parametrize("path", [*EVERYWHERE, "/static/console.css"])
def test_every_answer_forbids_framing_sniffing_and_other_hosts(node: Node, path: str) -> None:
    headers = node.client(Accept="text/html").get(path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy and "unsafe" not in policy
    assert "http" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["x-frame-options"] == "DENY"
    assert headers["referrer-policy"] == "same-origin"


@pytest.mark.parametrize("path", EVERYWHERE)
def test_what_is_not_an_asset_is_not_kept_by_caches(node: Node, path: str) -> None:
    assert node.client().get(path).headers["cache-control"] == "no-store"


def test_assets_are_kept_for_good_and_their_address_changes_with_them(node: Node) -> None:
    page = node.client(Accept="text/html").get("/login").text
    assert f"/static/console.css?v={node.app.state.asset_version}" in page
    assert "immutable" in node.client().get("/static/console.css").headers["cache-control"]


def test_the_stages_accounts_balance_in_the_metrics(node: Node) -> None:
    text = node.client("127.0.0.1").get("/metrics").text
    counts: dict[str, dict[str, float]] = {}
    for line in text.splitlines():
        if line.startswith("vonggac_stage_total{"):
            labels, value = line.removeprefix("vonggac_stage_total{").rsplit("} ", 1)
            named = dict(part.split("=", 1) for part in labels.split(","))
            stage = counts.setdefault(named["stage"], {})
            outcome = named["outcome"].strip('"')
            stage[outcome] = stage.get(outcome, 0) + float(value)
    assert set(counts) == {'"sense"', '"detect"'}
    for stage in counts.values():
        assert stage["taken"] == stage["passed"] + stage["duplicate"] + stage.get("refused", 0)
    assert 'vonggac_matching_total{reason="late"} 3.0' in text


def test_the_description_of_the_api_names_every_operation_once(node: Node) -> None:
    described = node.client().get("/openapi.json").json()
    ids = [operation["operationId"] for path in described["paths"].values() for operation in path.values()]
    assert len(ids) == len(set(ids)) > 25


def test_a_sensor_of_an_agency_sends_that_agencys_events_only(node: Node) -> None:
    sensor = node.program(UserRole.SENSOR, "T98")
    batch = {"source": "s", "location": "x.pcap", "position": 1, "taken": 1, "refused": [], "counts": {}}
    own = {**batch, "events": [{"organization": {"id": "T98"}}]}
    other = {**batch, "events": [{"organization": {"id": "G99"}}]}
    assert sensor.post("/api/v1/intake", json=own).json() == {"events": 1}
    assert sensor.post("/api/v1/intake", json=other).status_code == 403


def test_a_compressed_batch_is_inflated_so_far_and_no_further(node: Node) -> None:
    sensor = node.program(UserRole.SENSOR)
    compress = zstandard.ZstdCompressor().compress
    batch = {"source": "s", "location": "l", "position": 0, "taken": 1, "events": [], "refused": [], "counts": {}}
    zstd = {"Content-Encoding": "zstd"}

    def send(body: bytes, **headers: str) -> int:
        return int(sensor.post("/api/v1/intake", content=body, headers={**zstd, **headers}).status_code)

    named = {"Vonggac-Batch": "0" * 32 + "/1"}
    assert send(compress(json.dumps(batch).encode()), **named) == 200
    assert send(compress(bytes(100 << 20))) == 413
    assert send(b"\x28\xb5\x2f\xfd not zstd") == 422
    assert send(compress(b"{}")) == 422
    for wrong in ("x", "0" * 32, "0" * 32 + "/-1", "/1", "0" * 32 + "/" + "9" * 30):
        assert send(compress(json.dumps(batch).encode()), **{"Vonggac-Batch": wrong}) == 422
    assert len(node.taken) == 1


@pytest.mark.parametrize("body", [b"", b"[]", b"{", b'{"events": 3}', b'{"events": [1]}'])
def test_a_batch_that_is_none_is_refused_whole(node: Node, body: bytes) -> None:
    answer = node.program(UserRole.SENSOR).post("/api/v1/intake", content=body)
    assert answer.status_code == 422
    assert not node.taken
