"""Real captures that nobody here wrote: none may crash the sensor, and what other engines say of them must agree."""

from __future__ import annotations

import json
import time
from functools import cache
from pathlib import Path
from typing import Any

import orjson
import pytest

from sensors import compiled, open_source
from sensors.base import Batch, Origin
from tests.unit.sensors.wire import of
from vonggac.domain.event import Document, fault, field

pytestmark = pytest.mark.shared

#: No input may take longer than this for each megabyte, plus the time to import what it needs.
SECONDS_PER_MB = 1.0
START_SECONDS = 2.0


def read(path: Path) -> list[Batch]:
    return list(open_source(str(path), Origin("sensor-1", "BTC")))


def events_of(path: Path) -> list[Document]:
    return [event for batch in read(path) for event in batch.events]


@cache
def cases(shared_data: Path) -> dict[str, dict[str, Any]]:
    manifest = json.loads((shared_data / "manifest.json").read_bytes())
    return {case["id"]: case for case in manifest["cases"]}


def captures(shared_data: Path) -> list[Path]:
    return sorted(p for p in (shared_data / "pcap").rglob("*") if p.suffix in (".pcap", ".pcapng", ".cap"))


def test_every_capture_is_read_within_its_time_and_accounts_for_every_packet(shared_data):
    for path in captures(shared_data):
        begun = time.monotonic()
        batches = read(path)
        taken = time.monotonic() - begun
        assert taken < START_SECONDS + SECONDS_PER_MB * path.stat().st_size / 1e6, path
        events = [event for batch in batches for event in batch.events]
        ids = [event["event"]["id"] for event in events]
        assert len(set(ids)) == len(ids), path
        assert all(batch.tally.balanced for batch in batches), path
        for event in events:
            assert fault(event) is None, path
            orjson.dumps(event)


def test_compiled_runs_give_the_same_lines_as_plain_ones(shared_data, monkeypatch):
    """What the loops write, and what the talks do: the same bytes, and the same accounts."""

    def told(path: Path) -> list[object]:
        return [(batch.text, batch.taken, batch.refused, batch.counts) for batch in read(path)]

    plain = {path: told(path) for path in captures(shared_data)}
    monkeypatch.setattr(compiled, "WORTH_BYTES", 0)
    for path, expected in plain.items():
        assert told(path) == expected, path


def test_the_number_of_packets_is_the_manifests(shared_data):
    for case in cases(shared_data).values():
        if not case.get("packets") or not case["input"].endswith(("pcap", "pcapng")):
            continue
        batches = read(shared_data / case["input"])
        assert sum(batch.taken for batch in batches) == case["packets"], case["id"]


ZEEK_LOGS = [
    ("zeek:wikipedia.pcap", "conn.log", "flow"),
    ("zeek:wikipedia.pcap", "dns.log", "dns"),
    ("zeek:q-in-q.pcap", "conn.log", "flow"),
    ("zeek:mixed-vlan-mpls.pcap", "http.log", "http"),
    ("zeek:mixed-vlan-mpls.pcap", "conn.log", "flow"),
    ("zeek:tunnels/gre-sample.pcap", "dns.log", "dns"),
    ("zeek:tunnels/gre-sample.pcap", "ssh.log", "ssh"),
    ("zeek:tunnels/gre-sample.pcap", "conn.log", "flow"),
    ("zeek:tunnels/vxlan.pcap", "conn.log", "flow"),
    ("zeek:erspanIII.pcap", "conn.log", "flow"),
    ("zeek:ipv6-fragmented-dns.pcap", "dns.log", "dns"),
    ("zeek:tcp/missing-syn.pcap", "conn.log", "flow"),
    ("zeek:pcapng-multi-interface.pcapng", "conn.log", "flow"),
]


@pytest.mark.parametrize(("case", "log", "dataset"), ZEEK_LOGS, ids=[f"{c}-{g}" for c, g, _ in ZEEK_LOGS])
def test_there_are_as_many_events_as_zeek_has_rows(shared_data, case, log, dataset):
    known = cases(shared_data)[case]
    rows = known["expect"]["zeek_logs"][log]["rows"]
    assert len(of(events_of(shared_data / known["input"]), dataset)) == rows


def test_dns_rows_agree_with_zeek_field_by_field(shared_data):
    case = cases(shared_data)["zeek:wikipedia.pcap"]
    mine = {
        (e["source"]["ip"], str(e["source"]["port"]), e["dns"]["id"]): e
        for e in of(events_of(shared_data / case["input"]), "dns")
    }
    compared = 0
    for row in case["expect"]["zeek_logs"]["dns.log"]["records"]:
        if row["id.resp_p"] != "53":
            continue  # multicast messages all have the id 0
        event = mine[(row["id.orig_h"], row["id.orig_p"], row["trans_id"])]
        assert field(event, "dns.question.name") == row["query"]
        assert field(event, "dns.question.type") == row["qtype_name"]
        assert field(event, "dns.response_code") == row["rcode_name"]
        if row["answers"] not in ("-", "(empty)"):
            assert [answer["data"] for answer in event["dns"]["answers"]] == row["answers"].split(",")
        compared += 1
    assert compared == 14


@pytest.mark.parametrize(
    "case",
    [
        "ndpi:synscan.pcap",
        "ndpi:dns-tunnel-iodine.pcap",
        "ndpi:trickbot.pcap",
        "ndpi:WebattackSQLinj.pcap",
        "ndpi:ftp_failed.pcap",
        "ndpi:http_ipv6.pcap",
    ],
)
def test_there_are_as_many_flows_as_ndpi_has(shared_data, case):
    known = cases(shared_data)[case]
    assert len(of(events_of(shared_data / known["input"]), "flow")) == known["expect"]["flow_count"]


def test_ja3_and_ja3s_agree_with_ndpi(shared_data):
    case = cases(shared_data)["ndpi:http_ipv6.pcap"]
    mine = {e["source"]["port"]: e["tls"] for e in of(events_of(shared_data / case["input"]), "tls")}
    compared = 0
    for flow in case["expect"]["flows"]:
        tls = mine.get(int(flow["src"].rpartition(":")[2]))
        if tls and "ja3c" in flow:
            assert (tls["client"]["ja3"], tls["server"]["ja3s"]) == (flow["ja3c"], flow["ja3s"])
            assert tls["client"]["ja4"].split("_")[1:] == flow["ja4"].split("_")[1:]
            compared += 1
    assert compared >= 6


def test_ja3_hassh_and_versions_agree_with_suricata(shared_data):
    tls = of(events_of(shared_data / cases(shared_data)["sv:tls/tls13-draft28"]["input"]), "tls")
    assert {e["tls"]["client"]["ja3"] for e in tls} == {
        "d00857e0c8e7a7f35e446508c6233460",
        "43202faa1c8c1760d6f7f4bd9adde4ab",
    }
    assert {e["tls"]["version"] for e in tls} == {"1.3 draft-28"}
    (ja3s,) = of(events_of(shared_data / cases(shared_data)["sv:tls/tls-ja3s"]["input"]), "tls")
    assert ja3s["tls"]["server"]["ja3s"] == "5d79edf64e03689ff559a54e9d9487bc"
    (ssh,) = of(events_of(shared_data / cases(shared_data)["sv:ssh-hassh"]["input"]), "ssh")
    assert ssh["ssh"]["client"]["hassh"] == "2dd6531c7e89d3c925db9214711be76a"
    assert ssh["ssh"]["server"]["hassh"] == "6832f1ce43d4397c2c0a3e2f8c94334e"


#: There Suricata counts ICMP errors about a flow's packets into the flow; and ERSPAN's header into the flow inside.
_COUNTED_OTHERWISE = ("sv:smtp-eve", "sv:decode-erspan-typeII-01")


def test_flows_agree_with_suricata_in_bytes_packets_and_ends(shared_data):
    compared = 0
    for case in cases(shared_data).values():
        if case["expect"]["type"] != "eve_filters" or case["id"] in _COUNTED_OTHERWISE:
            continue
        for check in case["expect"]["eve_filters"]:
            match = check["match"]
            if match.get("event_type") != "flow" or check["count"] != 1 or "flow.bytes_toserver" not in match:
                continue
            found = [e for e in of(events_of(shared_data / case["input"]), "flow") if _suricata_flow(e, match)]
            assert len(found) == 1, (case["id"], match)
            compared += 1
    assert compared == 5


def _suricata_flow(event: Document, match: dict[str, Any]) -> bool:
    pairs = {
        "flow.bytes_toserver": "source.bytes",
        "flow.bytes_toclient": "destination.bytes",
        "flow.pkts_toserver": "source.packets",
        "flow.pkts_toclient": "destination.packets",
        "src_port": "source.port",
        "dest_port": "destination.port",
        "app_proto": "network.protocol",
    }
    return all(field(event, ours) == match[name] for name, ours in pairs.items() if name in match)


def test_flows_agree_with_arkimes_sessions(shared_data):
    compared = 0
    for case in cases(shared_data).values():
        if case["expect"]["type"] != "arkime_sessions" or case["id"] == "arkime:dns-wiresharkrepo":
            continue  # arkime keeps UDP sessions open past our idle time there
        tunnelled = case["id"] == "arkime:gre-erspan-vxlan"  # whose bytes arkime counts with their outer headers
        flows = {field(e, "network.community_id"): e for e in of(events_of(shared_data / case["input"]), "flow")}
        for session in case["expect"]["sessions"]:
            event = flows[session["community_id"]]
            assert field(event, "source.ip") == session["source_ip"]
            assert field(event, "source.packets") == session["source_packets"]
            assert tunnelled or field(event, "network.bytes") == session["network_bytes"]
            compared += 1
    assert compared >= 6


def test_community_ids_agree_with_the_specifications_baseline(shared_data):
    folder = shared_data / "pcap" / "community-id"
    compared = 0
    for path in sorted(folder.glob("*.pcap")):
        baseline = (folder / "baseline" / "baseline_deflt.json").read_text()
        for flow in of(events_of(path), "flow"):
            assert flow["network"]["community_id"] in baseline, (path.name, flow["source"], flow["destination"])
            compared += 1
    assert compared >= 12


def test_zeek_logs_give_an_event_for_every_row(shared_data):
    counts = json.loads((shared_data / "zeek-logs" / "row-counts.json").read_bytes())
    assert counts
    for folder in ("wrccdc-tsv", "wrccdc-json"):
        batches = read(shared_data / "zeek-logs" / folder)
        assert not [refusal for batch in batches for refusal in batch.refused]
        assert sum(batch.taken for batch in batches) == sum(len(batch.events) for batch in batches) == 14_391


def test_eve_records_with_a_broken_line_among_them_are_read(shared_data):
    (batch,) = read(shared_data / "eve" / "fever" / "jsonparse_eve_broken1.json")
    assert (len(batch.events), [(r.offset, r.reason) for r in batch.refused]) == (2, [(2, "not_json")])
