"""The translators write the references' own words, also for protocols that the shared captures do not show."""

from __future__ import annotations

from typing import Any

import pytest

from tests.conformance.checks import at
from tests.conformance.eve import as_eve
from tests.conformance.zeek import as_zeek


def event(dataset: str, own: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {
        "event": {"dataset": dataset, "duration": 1_000, "outcome": "success"},
        "source": {"ip": "192.0.2.1", "port": 40000},
        "destination": {"ip": "192.0.2.2", "port": 502},
        "network": {"transport": "tcp", "protocol": dataset, "type": "ipv4"},
        "vonggac": {dataset: own},
    } | more


@pytest.mark.parametrize(
    ("dataset", "own", "path", "value"),
    [
        ("modbus", {"transaction_id": 7, "unit_id": 1, "function_code": 3, "request": {"read": {"address": 9}}},
         "modbus.request.read.address", 9),
        ("modbus", {"unit_id": 1, "function_code": 3}, "modbus.response.function_code", "RdHoldRegs"),
        ("ike", {"version_major": 2, "role": "responder", "proposals": [{"alg_enc": "X"}]}, "ike.alg_enc", "X"),
        ("ike", {"version_major": 1, "role": "initiator", "vendor_ids": ["ab"]}, "ike.ikev1.vendor_ids", ["ab"]),
        ("rfb", {"security_type": "VNC", "framebuffer": {"depth": 24}}, "rfb.framebuffer.pixel_format.depth", 24),
        ("rfb", {"security_type": "VNC"}, "rfb.authentication.security_type", 2),
        ("ldap", {"operation": "bind_request", "message_id": 1, "version": 3}, "ldap.request.bind_request.version", 3),
        ("pop3", {"command": "USER", "command_data": "a", "status": "OK"}, "pop3.response.success", True),
        ("ntp", {"version": 4, "mode": 3, "ref_id": "GPS"}, "ntp.reference_id", "GPS"),
        ("snmp", {"version": 2, "pdu_type": "get_request"}, "snmp.pdu_type", "get_request"),
        ("mqtt", {"connect": {"client_id": "c"}}, "mqtt.connect.client_id", "c"),
        ("kerberos", {"msg_type": "KRB_AS_REP"}, "krb5.msg_type", "KRB_AS_REP"),
        ("dcerpc", {"request": "BIND"}, "dcerpc.request", "BIND"),
    ],
)  # fmt: skip
def test_eve_has_the_words_of_suricata(dataset: str, own: dict[str, Any], path: str, value: Any) -> None:
    (record,) = as_eve(event(dataset, own))
    assert (record["event_type"], at(record, path)) == (path.split(".")[0], value)


def test_an_smb_record_stands_for_a_call_over_a_pipe_and_not_also_for_its_write() -> None:
    write = event("smb", {"command": "SMB2_COMMAND_WRITE", "dcerpc": {"request": "BIND"}})
    call = event("dcerpc", {"request": "BIND"}, network={"transport": "tcp", "protocol": "smb"})
    assert as_eve(write) == []
    assert [record["event_type"] for record in as_eve(call)] == ["smb"]


def test_a_dns_event_is_a_request_and_a_response_in_both_of_suricatas_forms() -> None:
    dns = {"id": "7", "type": "answer", "question": {"name": "a.vn", "type": "A"}, "response_code": "NOERROR"}
    asked = event("dns", {}, dns=dns)
    assert [at(record, "dns.type") for record in as_eve(asked)] == ["request", "response"]
    query, answer = as_eve(asked, dns_version=2)
    assert (query["dns"]["type"], query["dns"]["rrname"]) == ("query", "a.vn")
    assert (answer["dns"]["type"], answer["src_ip"]) == ("answer", "192.0.2.2")


@pytest.mark.parametrize(
    ("dataset", "own", "log", "column", "value"),
    [
        ("modbus", {"function": "READ_COILS", "transaction_id": 3}, "modbus", "func", "READ_COILS"),
        ("kerberos", {"request_type": "AS", "success": True}, "kerberos", "success", "T"),
        ("ntlm", {"username": "an"}, "ntlm", "username", "an"),
        ("ntp", {"version": 4, "xmt_time": "1970-01-01T00:00:01Z"}, "ntp", "xmt_time", 1.0),
        ("rfb", {"security_result": "OK", "framebuffer": {"name": "d"}}, "rfb", "desktop_name", "d"),
        ("mqtt", {"connect": {"client_id": "c", "protocol_version": 4}}, "mqtt_connect", "proto_version", "3.1.1"),
        ("sip", {"method": "INVITE", "cseq": "1 INVITE"}, "sip", "seq", "1 INVITE"),
        ("dcerpc", {"endpoint": "samr", "operation": "SamrConnect5"}, "dce_rpc", "operation", "SamrConnect5"),
    ],
)
def test_zeek_rows_have_the_columns_of_its_logs(
    dataset: str, own: dict[str, Any], log: str, column: str, value: Any
) -> None:
    rows = [row for name, row in as_zeek(event(dataset, own)) if name == log]
    assert rows
    assert rows[0][column] == value
