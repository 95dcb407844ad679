"""One vocabulary: where Zeek or Suricata and the native sensor know the same field of the same thing, they agree.

Zeek's own baseline rows and the filters of Suricata's tests (shared/data) go through the adapters; what comes out is
held against the native events of the same capture.
"""

from __future__ import annotations

import io
import json
from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from sensors import open_source
from sensors.adapt import Adapter
from sensors.base import Origin
from sensors.eve import convert
from sensors.zeek import ZeekTsvReader
from vonggac.domain.event import Document

pytestmark = pytest.mark.shared

ORIGIN = Origin("sensor-1")
#: Who saw it, when and where in its input: each has its own.
_APART = (
    "@timestamp", "ecs", "event", "flow", "observer", "organization", "related", "vonggac.source", "vonggac.zeek",
    "vonggac.eve", "vonggac.segment",
)  # fmt: skip
#: So much must have been compared: of each dataset of Zeek's rows, and of Suricata's filters.
MIN_FIELDS = 8
MIN_FILTERS = 30
Leaves = Mapping[str, Any]
#: Where Zeek's field is not the same fact, and why.
_OTHERS_FACT = {
    "source.bytes": "Zeek counts from the IP header on, we whole frames",
    "destination.bytes": "likewise",
    "network.bytes": "likewise",
    "vonggac.anomaly.reason": "each decoder names its own findings",
    "vonggac.anomaly.layer": "likewise",
    "dns.answers": "Zeek logs the data alone, of SRV the target only; the addresses are compared as dns.resolved_ip",
    "dns.header_flags": "Zeek has four of them, and not always those of the answer",
}
#: Single cases in which the engines see different things, and why.
_CASES = {
    ("zeek:rdp/rdp-to-ssl.pcap", "network.protocol"): "Zeek's ssl.log does not say that RDP carries it",
    ("zeek:tcp/missing-syn.pcap", "vonggac.flow.state"): "Zeek's test tells it to take the missing SYN as seen",
    ("sv:community-id-ipv6", "network.community_id"): "Suricata's test has another seed",
    (
        "sv:dns/dns-tcp-www-google-com",
        "dns.type",
    ): "Suricata writes a question of its own, we one event with the answer",
    ("sv:dns/dns-tcp-www-google-com", "source.ip"): "the filter names no port, by which an answer's client is told",
    ("sv:dns/dns-tcp-www-google-com", "destination.ip"): "likewise",
    ("sv:vxlan-decoder-03", "dns.type"): "a question of its own, as above",
    **{
        ("sv:smtp-eve", path): "Suricata counts ICMP errors to the flow that they quote"
        for path in ("destination.bytes", "destination.packets", "network.bytes", "network.packets")
    },
    ("sv:http-gap-simple", "file.size"): "a body with a hole: Suricata says how long it would be",
}


def leaves(value: Any, prefix: str = "") -> Iterator[tuple[str, Any]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from leaves(inner, f"{prefix}.{name}" if prefix else name)
    else:
        yield prefix, value


def said(event: Document) -> dict[str, Any]:
    """The leaves of an event that speak of the traffic."""
    return {path: value for path, value in leaves(event) if not any(_under(path, each) for each in _APART)}


def _under(path: str, parent: str) -> bool:
    return path == parent or path.startswith(f"{parent}.")


@cache
def native(path: Path) -> dict[str, list[dict[str, Any]]]:
    """What the native sensor says, by dataset."""
    found: dict[str, list[dict[str, Any]]] = {}
    for batch in open_source(str(path), ORIGIN):
        for event in batch.events:
            found.setdefault(event["event"]["dataset"], []).append(said(event))
    return found


def disagreement(theirs: Leaves, ours: Leaves) -> dict[str, tuple[Any, Any]]:
    return {path: (value, ours[path]) for path, value in theirs.items() if path in ours and ours[path] != value}


def nearest(theirs: Leaves, candidates: list[dict[str, Any]]) -> tuple[dict[str, tuple[Any, Any]], Leaves]:
    """What keeps the event from the native one that is most like it, and that one."""

    def rank(ours: Leaves) -> tuple[int, int]:
        return len(disagreement(theirs, ours)), -sum(path in ours for path in theirs)

    best = min(candidates, key=rank)
    return disagreement(theirs, best), best


def spoken(case: str, dataset: str, told: Mapping[str, tuple[Any, Any]]) -> list[str]:
    return [f"{case} {dataset} {at}: {a!r} != {b!r}" for at, (a, b) in told.items() if (case, at) not in _CASES]


@cache
def manifest(shared_data: Path) -> list[dict[str, Any]]:
    cases: list[dict[str, Any]] = json.loads((shared_data / "manifest.json").read_bytes())["cases"]
    return cases


def test_zeeks_rows_agree_with_the_native_events(shared_data):
    faults: list[str] = []
    fields: dict[str, set[str]] = {}
    for case in manifest(shared_data):
        for log, expected in case.get("expect", {}).get("zeek_logs", {}).items():
            for row in expected["records"]:
                (theirs,) = zeek_events(log.removesuffix(".log"), row)
                dataset = theirs["event"]["dataset"]
                ours = native(shared_data / case["input"]).get(dataset)
                if ours is None:
                    continue
                seen = {path: value for path, value in said(theirs).items() if path not in _OTHERS_FACT}
                told, best = nearest(seen, ours)
                fields.setdefault(dataset, set()).update(path for path in said(theirs) if path in best)
                faults += spoken(case["id"], dataset, told)
    print("\n".join(sorted(faults)))
    assert not faults
    assert {name: len(paths) for name, paths in fields.items() if len(paths) >= MIN_FIELDS}.keys() >= {
        "dns", "http", "flow", "ssh", "ftp", "rdp", "tls", "file", "smb",
    }  # fmt: skip


def zeek_events(log: str, row: Mapping[str, Any]) -> list[Document]:
    row = {**row, "ts": "1600000000.0"}
    types = [_type(name, value) for name, value in row.items()]
    lines = (f"#path\t{log}", "\t".join(("#fields", *row)), "\t".join(("#types", *types)), "\t".join(row.values()))
    text = "#separator \\x09\n" + "\n".join(lines) + "\n"
    return [event for b in ZeekTsvReader().read(io.BytesIO(text.encode()), "x", ORIGIN) for event in b.events]


def _type(name: str, value: str) -> str:
    """The baselines do not say the columns' types."""
    if name in ("answers", "TTLs", "client_channels", "tx_hosts", "rx_hosts", "analyzers", "tunnel_parents"):
        return "vector[string]"
    if name.endswith(("_mime_types", "_fuids", "cert_chain_fps")):
        return "vector[string]"
    if value in ("T", "F") and name != "history":
        return "bool"
    return "string"


def test_suricatas_filters_agree_with_the_native_events(shared_data):
    faults: list[str] = []
    checked = 0
    for case in manifest(shared_data):
        for wanted in case.get("expect", {}).get("eve_filters", []):
            theirs = eve_event(wanted["match"])
            if theirs is None or not wanted.get("count"):
                continue
            dataset = theirs["event"]["dataset"]
            ours = native(shared_data / case["input"]).get(dataset)
            if ours is None:
                continue
            told, _ = nearest(said(theirs), ours)
            checked += 1
            faults += spoken(case["id"], dataset, told)
    print("\n".join(sorted(faults)))
    assert not faults
    assert checked >= MIN_FILTERS


def eve_event(match: Mapping[str, Any]) -> Document | None:
    record: dict[str, Any] = {"timestamp": "2026-01-02T03:04:05.000000Z"}
    for path, value in match.items():
        *parents, last = path.split(".")
        here = record
        for name in parents:
            here = here.setdefault(name, {})
            if not isinstance(here, dict):
                return None
        if "[" in path or last in ("__len", "__find", "__contains", "__startswith", "not-has-key", "has-key"):
            return None
        here[last] = value
    event = convert(Adapter(ORIGIN, "0" * 16, "suricata"), orjson.loads(orjson.dumps(record)), 1)
    return event if isinstance(event, dict) else None
