from __future__ import annotations

import struct

from sensors.talks.dhcp import read_dhcp
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import MACS, of, scapy, sense, udp

s = scapy()
MAC = bytes.fromhex("0011321749f0")


def bootp(op: int = 1, options: bytes = b"\x35\1\1\xff", **addresses: bytes) -> bytes:
    head = struct.pack("!BBBBIHH", op, 1, 6, 0, 0xEF640EC4, 3, 0x8000)
    packed = b"".join(addresses.get(name, bytes(4)) for name in ("ciaddr", "yiaddr", "siaddr", "giaddr"))
    return head + packed + MAC.ljust(16, b"\0") + bytes(192) + b"\x63\x82\x53\x63" + options


REQUEST = bootp(
    options=b"\x35\1\3" + b"\x3d\7\1" + MAC + b"\x32\4\x0a\x10\1\4" + b"\x0c\5nas1\0" + b"\x3c\x08MSFT 5.0"
    b"\x37\5\1\3\x0f\6\xe0" + b"\x51\7\1\0\0nas1" + b"\x52\x0a\1\4eth7\2\2\0\1" + b"\xff"
)  # fmt: skip
ACK = bootp(
    2,
    b"\x35\1\5\x36\4\x0a\x10\1\1\x33\4\0\0\x0e\x10\1\4\xff\xff\0\0\3\4\x0a\x10\1\1\6\x08\x0a\x10\1\1\1\1\1\1"
    b"\x79\x06\x08\x0a\x0a\0\0\1\xff",
    yiaddr=b"\x0a\x10\1\4",
)


def test_a_request_tells_who_asks_for_what():
    (event,) = of(sense([udp(REQUEST, sport=68, dport=67)]), "dhcp")
    assert event["vonggac"]["dhcp"] == {
        "version": 4, "type": "request", "dhcp_type": "request", "id": 0xEF640EC4, "client_ip": "0.0.0.0",
        "assigned_ip": "0.0.0.0", "next_server_ip": "0.0.0.0", "relay_ip": "0.0.0.0", "hops": 0, "seconds": 3,
        "broadcast": True, "client_mac": "00:11:32:17:49:f0", "client_id": "00:11:32:17:49:f0",
        "requested_ip": "10.16.1.4", "hostname": "nas1", "vendor_class_identifier": "MSFT 5.0",
        "params": ["subnet_mask", "router", "domain", "dns_server", "option_224"], "fqdn": "nas1",
        "circuit_id": "eth7", "remote_id": "00:01",
    }  # fmt: skip
    assert event["client"] == {"mac": "00-11-32-17-49-F0"}
    assert event["related"]["hosts"] == ["nas1"]
    assert event["network"]["protocol"] == "dhcp"


def test_an_acknowledgement_tells_what_the_client_was_given():
    events = sense([udp(REQUEST, sport=68, dport=67), udp(ACK, sport=68, dport=67, back=True)])
    _, event = of(events, "dhcp")
    dhcp = event["vonggac"]["dhcp"]
    assert (dhcp["type"], dhcp["dhcp_type"], dhcp["assigned_ip"], dhcp["lease_time"]) == (
        "reply",
        "ack",
        "10.16.1.4",
        3600,
    )
    assert (dhcp["routers"], dhcp["dns_servers"], dhcp["subnet_mask"]) == (
        ["10.16.1.1"], ["10.16.1.1", "1.1.1.1"], "255.255.0.0",
    )  # fmt: skip
    assert dhcp["classless_routes"] == [{"destination": "10.0.0.0/8", "gateway": "10.0.0.1"}]
    assert (event["client"]["ip"], event["server"]["ip"]) == ("10.16.1.4", "10.16.1.1")
    assert (event["event"]["action"], event["event"]["outcome"]) == ("ack", "success")
    assert "1.1.1.1" in event["related"]["ip"]


def test_a_refusal_is_a_failure_and_an_answer_alone_is_told():
    (event,) = of(sense([udp(bootp(2, b"\x35\1\6\xff"), sport=68, dport=67, back=True)]), "dhcp")
    assert (event["vonggac"]["dhcp"]["dhcp_type"], event["event"]["outcome"]) == ("nak", "failure")


def test_dhcp_is_recognised_on_any_port_and_two_messages_are_two_events():
    events = of(sense([udp(REQUEST, dport=6767), udp(REQUEST, dport=6767)]), "dhcp")
    assert len({event["event"]["id"] for event in events}) == 2


def test_options_that_do_not_hold_together_are_an_anomaly():
    (event,) = of(sense([udp(bootp(options=b"\x35\7\1"), sport=68, dport=67)]), "anomaly")
    assert event["vonggac"]["anomaly"] == {"layer": "dhcp", "reason": "option_length", "offset": 240, "packet": 0}


def test_scapys_message_is_read_as_scapy_built_it():
    packet = s.Ether(**MACS) / s.IP(src="0.0.0.0", dst="255.255.255.255") / s.UDP(sport=68, dport=67)
    packet /= s.BOOTP(chaddr=MAC, xid=7) / s.DHCP(options=[("message-type", "discover"), ("hostname", b"may1"), "end"])
    (event,) = of(sense([packet]), "dhcp")
    assert (event["vonggac"]["dhcp"]["dhcp_type"], event["vonggac"]["dhcp"]["hostname"]) == ("discover", "may1")
    assert event["source"]["ip"] == "0.0.0.0"


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(read_dhcp, REQUEST, ACK)
