from __future__ import annotations

import io

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import reader_for
from sensors.zeek_map import _LOGS
from tests.unit.sensors.wire import ORIGIN
from vonggac.domain.event import Document, fault


def read(data: bytes) -> tuple[list[Document], list[tuple[int, str]]]:
    reader = reader_for(data)
    assert reader is not None
    events: list[Document] = []
    refused: list[tuple[int, str]] = []
    for batch in reader.read(io.BytesIO(data), "zeek.log", ORIGIN):
        assert batch.tally.balanced
        events += batch.events
        refused += [(refusal.offset, refusal.reason) for refusal in batch.refused]
    assert all(fault(event) is None for event in events)
    return events, refused


def tsv(path: str, types: dict[str, str], *rows: str, separator: str = "\t") -> bytes:
    head = [f"#separator \\x{ord(separator):02x}", f"#set_separator{separator},", f"#empty_field{separator}(empty)",
            f"#unset_field{separator}-", f"#path{separator}{path}",
            separator.join(("#fields", *types)), separator.join(("#types", *types.values()))]  # fmt: skip
    return "\n".join((*head, *rows, "#close\t2026")).encode()


ENDS = {
    "ts": "time",
    "uid": "string",
    "id.orig_h": "addr",
    "id.orig_p": "port",
    "id.resp_h": "addr",
    "id.resp_p": "port",
}
WHO = "1600000000.123456\tC1\t192.0.2.10\t40000\t198.51.100.20\t53"
DNS = ENDS | {"proto": "enum", "trans_id": "count", "query": "string", "qtype_name": "string", "rcode_name": "string",
              "RD": "bool", "answers": "vector[string]", "TTLs": "vector[interval]"}  # fmt: skip
CONN = ENDS | {"proto": "enum", "service": "string", "duration": "interval", "orig_bytes": "count",
               "orig_ip_bytes": "count", "orig_pkts": "count", "conn_state": "string",
               "tunnel_parents": "set[string]"}  # fmt: skip


def test_tsv_and_json_of_the_same_rows_are_the_same_events():
    from_tsv, _ = read(tsv("dns", DNS, f"{WHO}\tudp\t7\tA.gov.vn\tA\tNOERROR\tT\tb.vn,203.0.113.1\t5.0,6.0"))
    row = {"_path": "dns", "ts": 1600000000.123456, "uid": "C1", "id.orig_h": "192.0.2.10", "id.orig_p": 40000,
           "id.resp_h": "198.51.100.20", "id.resp_p": 53, "proto": "udp", "trans_id": 7, "query": "A.gov.vn",
           "qtype_name": "A", "rcode_name": "NOERROR", "RD": True, "answers": ["b.vn", "203.0.113.1"],
           "TTLs": [5.0, 6.0]}  # fmt: skip
    iso = {**row, "ts": "2020-09-13T12:26:40.123456Z"}
    bare = {name: value for name, value in row.items() if name != "_path"}
    for other in (row, iso, bare):
        (event,), _ = read(orjson.dumps(other) + b"\n")
        for name in ("@timestamp", "source", "destination", "network", "dns", "flow", "related"):
            assert event[name] == from_tsv[0][name]
    assert from_tsv[0]["dns"]["resolved_ip"] == ["203.0.113.1"]
    assert from_tsv[0]["dns"]["question"]["registered_domain"] == "a.gov.vn"


def test_a_connection_is_a_flow_that_layer_seven_points_to():
    (flow,), _ = read(tsv("conn", CONN, f"{WHO}\ttcp\tssl\t1.5\t10\t90\t3\tSF\t(empty)"))
    (dns,), _ = read(tsv("dns", DNS, f"{WHO}\tudp\t7\ta.vn\tA\t-\tT\t-\t-"))
    assert flow["event"]["dataset"] == "flow"
    assert dns["flow"]["id"] == flow["event"]["id"]
    assert flow["event"]["duration"] == 1_500_000_000
    assert flow["@timestamp"] == "2020-09-13T12:26:41.623456Z"
    assert flow["network"]["protocol"] == "tls"
    assert flow["source"]["bytes"] == 90
    assert flow["vonggac"]["flow"]["state"] == "SF"
    assert flow["vonggac"]["zeek"]["conn"] == {"uid": "C1", "orig_bytes": 10, "tunnel_parents": []}
    assert dns["dns"]["type"] == "query"


def test_unset_empty_and_escaped_cells_are_read():
    types = {"ts": "time", "uid": "string", "name": "string", "tags": "set[string]"}
    (event,), _ = read(tsv("odd", types, "1600000000.0\tC1\tC\\xe1\\xbb\\x95ng\\x09x\t(empty)"))
    assert event["vonggac"]["zeek"]["odd"] == {"uid": "C1", "name": "Cổng\tx", "tags": []}


def test_another_separator_is_obeyed():
    (event,), _ = read(tsv("odd", {"ts": "time", "name": "string"}, "1600000000.0|x", separator="|"))
    assert event["vonggac"]["zeek"]["odd"] == {"name": "x"}


def test_bad_rows_are_told_and_the_next_read():
    rows = (f"{WHO}\tudp", f"{WHO}\tudp\t7\ta.vn\tA\t-\tT\t-\t-", "-\tC1\t1.2.3.4\t1\t1.2.3.5\t2" + "\t-" * 8)
    events, refused = read(tsv("dns", DNS, *rows))
    assert len(events) == 1
    assert refused == [(8, "wrong_columns"), (10, "no_time")]


def test_files_name_the_client_as_source():
    types = {"ts": "time", "fuid": "string", "tx_hosts": "set[addr]", "rx_hosts": "set[addr]", "mime_type": "string",
             "seen_bytes": "count", "total_bytes": "count", "sha256": "string"}  # fmt: skip
    (event,), _ = read(tsv("files", types, f"1600000000.0\tF1\t198.51.100.20\t192.0.2.10\ttext/html\t5\t5\t{'a' * 64}"))
    assert event["event"]["dataset"] == "file"
    assert (event["source"]["ip"], event["file"]["size"]) == ("192.0.2.10", 5)
    assert event["related"]["hash"] == ["a" * 64]
    assert event["vonggac"]["file"]["complete"] is True


def test_a_login_over_ssh_has_its_outcome():
    row = {"_path": "ssh", "ts": 1600000000.0, "uid": "C1", "id.orig_h": "192.0.2.10", "id.orig_p": 4,
           "id.resp_h": "198.51.100.20", "id.resp_p": 22, "auth_success": False, "client": "SSH-2.0-x"}  # fmt: skip
    (event,), _ = read(orjson.dumps(row))
    assert (event["event"]["outcome"], event["ssh"]["client"]["version"]) == ("failure", "SSH-2.0-x")
    assert event["network"]["transport"] == "tcp"


def row(log: str, **columns: object) -> Document:
    who = {"id.orig_h": "192.0.2.10", "id.orig_p": 4, "id.resp_h": "198.51.100.20", "id.resp_p": 22}
    (event,), refused = read(orjson.dumps({"_path": log, "ts": 1600000000.0, "uid": "C1", **who, **columns}))
    assert refused == []
    return event


def test_rows_are_as_the_native_sensor_writes_them_and_kept_as_zeek_did():
    event = row("smb_files", action="SMB::FILE_OPEN", name="a\\b.exe", path="\\\\x\\c$", size=5)
    assert (event["event"]["dataset"], event["network"]["protocol"]) == ("smb", "smb")
    assert event["vonggac"]["smb"]["action"] == "FILE_OPEN"
    assert event["file"]["name"] == "b.exe"
    assert event["vonggac"]["zeek"]["smb_files"]["action"] == "SMB::FILE_OPEN"
    event = row("dce_rpc", endpoint="samr", operation="SamrConnect2", named_pipe="1030", rtt=0.5)
    assert event["vonggac"]["dcerpc"] == {"named_pipe": "1030", "endpoint": "samr", "operation": "SamrConnect2"}
    assert event["event"]["duration"] == 500_000_000
    event = row("kerberos", request_type="AS", client="an/BTC", service="krbtgt/BTC", success=False, error_msg="X")
    assert (event["user"], event["event"]["outcome"]) == ({"name": "an", "domain": "BTC"}, "failure")
    event = row("smtp", **{"from": "An <a@b.vn>"}, mailfrom="a@b.vn", rcptto=["c@d.vn"], last_reply="250 OK")
    assert event["email"]["from"] == {"address": ["a@b.vn"]}
    assert event["vonggac"]["smtp"]["reply_code"] == 250


def test_passwords_in_ftp_rows_are_not_kept():
    event = row("ftp", user="an", password="hunter2", command="PASS", arg="hunter2", reply_code=530)
    assert b"hunter2" not in orjson.dumps(event)
    assert event["vonggac"]["ftp"]["password"] is True
    assert event["event"]["outcome"] == "failure"


@pytest.mark.parametrize("path", sorted(_LOGS))
@given(
    value=st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63)
    | st.text(max_size=4)
    | st.lists(st.text(max_size=3), max_size=2)
)
@settings(max_examples=15)
def test_no_value_of_a_row_stops_its_mapping(path, value):
    names = (
        "version client server answers TTLs from to rcptto last_reply auth msg_types exception action name size path"
    )
    names += " password command reply_code rtt success duration service share_type result ttl facility message"
    columns = {name: value for name in names.split() if not (path == "conn" and name == "duration")}
    row(path, **columns)
