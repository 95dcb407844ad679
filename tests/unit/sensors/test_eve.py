from __future__ import annotations

import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.adapt import Adapter
from sensors.eve import _SECTIONS, EveReader, convert
from tests.unit.sensors.wire import ORIGIN
from vonggac.domain.event import Document, fault

BASE = {
    "timestamp": "2026-01-02T10:00:00.123456+0700",
    "flow_id": 77,
    "src_ip": "192.0.2.10",
    "src_port": 40000,
    "dest_ip": "198.51.100.20",
    "dest_port": 80,
    "proto": "TCP",
    "in_iface": "eth1",
    "vlan": [7, 9],
}


def event(kind: str, section: object = None, **more: object) -> Document:
    record = {**BASE, "event_type": kind, **({kind: section} if section is not None else {}), **more}
    found = convert(Adapter(ORIGIN, "f" * 16, "suricata"), record, 1)
    assert isinstance(found, dict), found
    assert fault(found) is None
    orjson.dumps(found)
    return found


def test_what_every_record_has_is_mapped():
    found = event("http", {"hostname": "a.gov.vn", "url": "/x?y=1", "http_method": "GET", "status": 404, "length": 9})
    assert found["@timestamp"] == "2026-01-02T03:00:00.123456Z"
    assert found["source"] == {"ip": "192.0.2.10", "port": 40000}
    assert found["network"]["vlan"] == {"id": "7"}
    assert found["network"]["inner"] == {"vlan": {"id": "9"}}
    assert found["network"]["community_id"].startswith("1:")
    assert found["observer"]["ingress"]["interface"]["name"] == "eth1"
    assert (found["url"]["domain"], found["url"]["query"]) == ("a.gov.vn", "y=1")
    assert found["http"]["response"] == {"status_code": 404, "body": {"bytes": 9}}


def test_layer_seven_and_flow_share_the_flow_id():
    flow = event("flow", {"pkts_toserver": 3, "bytes_toserver": 200, "pkts_toclient": 2, "bytes_toclient": 900,
                          "start": "2026-01-02T09:59:00.000000+0700", "end": "2026-01-02T09:59:30.000000+0700",
                          "reason": "timeout", "state": "closed"})  # fmt: skip
    http = event("http", {"url": "/"})
    assert http["flow"]["id"] == flow["event"]["id"] == flow["flow"]["id"]
    assert flow["@timestamp"] == flow["event"]["end"] == "2026-01-02T02:59:30.000000Z"
    assert flow["event"]["duration"] == 30_000_000_000
    assert flow["network"]["bytes"] == 1100
    assert flow["source"]["packets"] == 3


def test_an_alert_names_its_rule():
    section = {"action": "allowed", "gid": 1, "signature_id": 2017318, "rev": 4, "signature": "ET X", "severity": 2,
               "category": "Bad", "metadata": {"mitre_technique_id": ["T1071"]}}  # fmt: skip
    found = event("alert", section, http={"hostname": "a.vn", "url": "/"}, payload_printable="x")
    assert found["event"]["kind"] == "alert"
    assert found["rule"] == {"id": "2017318", "name": "ET X", "category": "Bad", "version": "4"}
    assert found["threat"]["technique"]["id"] == ["T1071"]
    assert found["url"]["domain"] == "a.vn"
    assert found["vonggac"]["eve"]["payload_printable"] == "x"


def test_dns_answers_have_the_client_as_source_in_every_version():
    old = {
        "type": "answer",
        "id": 9,
        "rcode": "NOERROR",
        "rrname": "A.VN",
        "rrtype": "A",
        "ttl": 5,
        "rdata": "203.0.113.1",
    }
    new = {"type": "response", "id": 9, "rcode": "NOERROR", "queries": [{"rrname": "a.vn", "rrtype": "A"}],
           "answers": [{"rrname": "a.vn", "rrtype": "A", "ttl": 5, "rdata": "203.0.113.1"}]}  # fmt: skip
    ends = {"src_ip": "198.51.100.20", "src_port": 53, "dest_ip": "192.0.2.10", "dest_port": 40000, "proto": "UDP"}
    for section in (old, new):
        found = event("dns", section, **ends)
        assert found["source"] == {"ip": "192.0.2.10", "port": 40000}
        assert found["dns"]["question"]["name"] == "a.vn"
        assert found["dns"]["answers"] == [{"name": "a.vn", "type": "A", "ttl": 5, "data": "203.0.113.1"}]
        assert (found["dns"]["type"], found["dns"]["resolved_ip"]) == ("answer", ["203.0.113.1"])


def test_tls_ssh_and_files_are_mapped():
    tls = event("tls", {"version": "TLS 1.2", "sni": "A.vn", "subject": "CN=a.vn", "issuerdn": "CN=x",
                        "fingerprint": "ab:cd", "notbefore": "2026-01-01T00:00:00"})["tls"]  # fmt: skip
    assert (tls["version"], tls["client"]["server_name"], tls["server"]["hash"]["sha1"]) == ("1.2", "a.vn", "ABCD")
    assert tls["server"]["not_before"] == "2026-01-01T00:00:00.000000Z"
    ssh = event("ssh", {"client": {"proto_version": "2.0", "software_version": "x", "hassh": {"hash": "h"}}})["ssh"]
    assert ssh["client"] == {"version": "SSH-2.0-x", "hassh": "h"}
    file = event("fileinfo", {"filename": "/a/b.exe", "size": 3, "state": "CLOSED", "md5": "m" * 32, "gaps": False})
    assert file["event"]["dataset"] == "file"
    assert file["file"] == {"name": "b.exe", "size": 3, "hash": {"md5": "m" * 32}}
    assert file["vonggac"]["file"]["complete"] is True


def test_other_types_are_kept_whole():
    found = event("dnp3", {"type": "request", "src": 1})
    assert found["event"]["dataset"] == "dnp3"
    assert found["vonggac"]["eve"] == {"dnp3": {"type": "request", "src": 1}}


def test_nulls_and_wrong_types_do_no_harm():
    for section in (None, 5, "x", [], {"url": 5, "status": "x", "hostname": None}):
        event("http", section, src_ip=None, src_port="x", dest_ip=7, vlan=None, flow_id=None)


def test_a_record_without_time_is_refused():
    adapter = Adapter(ORIGIN, "f" * 16, "suricata")
    assert convert(adapter, {"event_type": "dns"}, 1) == "no_time"
    assert convert(adapter, {"timestamp": BASE["timestamp"]}, 1) == "not_an_event"


def test_eve_is_told_from_other_records():
    assert EveReader().accepts(orjson.dumps({**BASE, "event_type": "dns"}) + b"\n")
    assert EveReader().accepts(b'{"broken\n' + orjson.dumps({**BASE, "event_type": "dns"}) + b"\n")
    assert not EveReader().accepts(b'{"@timestamp": "2026-01-01T00:00:00Z"}\n')


@pytest.mark.parametrize("kind", sorted(_SECTIONS))
@given(section=st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from(["command", "connect", "request", "response", "from", "to", "ja3", "status", "client", "code",
                         "completion_code", "framebuffer", "authentication", "exception", "responses", "sasl"]), inner),
    max_leaves=8))  # fmt: skip
@settings(max_examples=30)
def test_no_value_of_a_section_stops_its_mapping(kind, section):
    event(kind, section)
    event("alert", {"signature": "x"}, **{kind: section})


def test_messages_of_a_protocol_are_as_the_native_sensor_writes_them():
    found = event("smb", {"command": "SMB2_COMMAND_CREATE", "status": "STATUS_SUCCESS", "filename": "a\\b.exe",
                          "ntlmssp": {"user": "an", "domain": "BTC"}})  # fmt: skip
    assert found["vonggac"]["smb"]["command"] == "SMB2_COMMAND_CREATE"
    assert (found["user"], found["file"]) == ({"name": "an", "domain": "BTC"}, {"name": "b.exe"})
    assert found["event"]["outcome"] == "success"
    found = event("krb5", {"msg_type": "KRB_AS_REP", "cname": "an", "realm": "BTC", "sname": "krbtgt"})
    assert (found["event"]["dataset"], found["network"]["protocol"]) == ("kerberos", "kerberos")
    assert found["vonggac"]["kerberos"]["sname"] == "krbtgt"
    found = event("quic", {"version": "1", "sni": "A.VN", "ja4": "q13", "ja3": {"hash": "h"}})
    assert found["tls"] == {"client": {"server_name": "a.vn", "ja3": "h", "ja4": "q13"}}
    assert found["vonggac"]["quic"] == {"version": "1"}
    found = event("smtp", {"helo": "x", "mail_from": "<a@b.vn>", "rcpt_to": ["<c@d.vn>"]},
                  email={"from": "An <a@b.vn>", "to": ["c@d.vn"], "subject": "s", "attachment": ["x.zip"]})  # fmt: skip
    assert found["vonggac"]["smtp"]["rcpt_to"] == ["c@d.vn"]
    assert found["email"]["from"] == {"address": ["a@b.vn"]}
    assert found["email"]["attachments"] == [{"file": {"name": "x.zip"}}]


def test_passwords_are_told_of_and_not_kept():
    for kind, section in (
        ("ftp", {"command": "PASS", "command_data": "hunter2", "completion_code": ["230"]}),
        ("mqtt", {"connect": {"username": "an", "password": "hunter2", "flags": {"password": True}}}),
        ("pop3", {"request": {"command": "PASS", "args": ["hunter2"]}, "response": {"success": True}}),
        ("ldap", {"request": {"operation": "bind_request", "bind_request": {"simple": "hunter2", "version": 3}}}),
    ):
        for found in (event(kind, section), event("alert", {"signature": "x"}, **{kind: section})):
            assert b"hunter2" not in orjson.dumps(found)
    assert event("ftp", {"command": "PASS", "command_data": "hunter2"})["vonggac"]["ftp"]["password"] is True


def test_a_flows_flags_and_end_are_in_the_native_words():
    found = event("flow", {"pkts_toserver": 1, "reason": "timeout"}, tcp={"tcp_flags_ts": "1b", "tcp_flags_tc": "12"})
    assert found["vonggac"]["flow"] == {
        "end_reason": "idle",
        "tcp_flags": {"source": "FSPA", "destination": "SA"},
    }
