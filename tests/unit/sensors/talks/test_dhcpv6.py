from __future__ import annotations

import struct

import pytest

from sensors.decode.dhcpv6 import decode_dhcpv6
from sensors.decode.fault import Undecodable
from sensors.talks.dhcpv6 import read_dhcpv6
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import MACS, of, scapy, sense

s = scapy()
DUID = bytes.fromhex("000100011d5f3a2f001122334455")
ADDRESS = bytes.fromhex("20010db8000000000000000000000007")


def option(kind: int, value: bytes) -> bytes:
    return struct.pack("!HH", kind, len(value)) + value


SOLICIT = (
    b"\1\x12\x34\x56"
    + option(1, DUID)
    + option(6, b"\0\x17\0\x18")
    + option(39, b"\0\4may1\2vn\0")
    + option(3, bytes(12))
)
LEASE = option(5, ADDRESS + struct.pack("!II", 1800, 3600) + option(13, b"\0\0ok"))
REPLY = (
    b"\7\x12\x34\x56" + option(1, DUID) + option(2, DUID[:10]) + option(3, bytes(12) + LEASE) + option(23, ADDRESS)
    + option(25, bytes(12) + option(26, struct.pack("!IIB", 10, 20, 56) + ADDRESS)) + option(24, b"\4tinh\2vn\0")
)  # fmt: skip
RELAYED = b"\x0c\1" + ADDRESS + bytes(16) + option(18, b"ge-0/0/1") + option(9, SOLICIT)


def datagram(payload: bytes, *, back: bool = False) -> object:
    ends = ("fe80::1", "ff02::1:2") if not back else ("ff02::1:2", "fe80::1")
    ports = (546, 547) if not back else (547, 546)
    return s.Ether(**MACS) / s.IPv6(src=ends[0], dst=ends[1]) / s.UDP(sport=ports[0], dport=ports[1]) / s.Raw(payload)


def test_a_message_tells_the_clients_address_and_its_wishes():
    (event,) = of(sense([datagram(SOLICIT)]), "dhcp")
    assert event["vonggac"]["dhcp"] == {
        "version": 6, "type": "request", "dhcp_type": "solicit", "id": 0x123456, "client_id": DUID.hex(":"),
        "params": ["dns_server", "domain_search"], "fqdn": "may1.vn", "client_mac": "00:11:22:33:44:55",
    }  # fmt: skip
    assert event["client"]["mac"] == "00-11-22-33-44-55"
    assert event["network"]["protocol"] == "dhcpv6"


def test_a_reply_tells_addresses_prefixes_and_servers():
    _, event = of(sense([datagram(SOLICIT), datagram(REPLY, back=True)]), "dhcp")
    dhcp = event["vonggac"]["dhcp"]
    assert (dhcp["assigned_ip"], dhcp["lease_time"], dhcp["prefixes"]) == ("2001:db8::7", 3600, ["2001:db8::7/56"])
    assert (dhcp["dns_servers"], dhcp["domain_search"]) == (["2001:db8::7"], ["tinh.vn"])
    assert (dhcp["status"], dhcp["message"], event["event"]["outcome"]) == ("success", "ok", "success")


def test_a_relays_message_is_the_message_inside_with_the_relay_named():
    (event,) = of(sense([datagram(RELAYED)]), "dhcp")
    dhcp = event["vonggac"]["dhcp"]
    assert (dhcp["dhcp_type"], dhcp["relay_ip"], dhcp["hops"], dhcp["circuit_id"]) == (
        "solicit", "2001:db8::7", 1, "ge-0/0/1",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\1\0", "cut"),
        (b"\xf0\0\0\0", "message_type"),
        (SOLICIT[:-2], "option_length"),
        (b"\1\0\0\0" + option(8, b"") * 300, "too_many_options"),
        (b"\x0c\0" + bytes(32), "relay_without_message"),
    ],
)
def test_broken_messages_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        decode_dhcpv6(data)
    assert caught.value.reason == reason


def test_relays_around_relays_have_an_end():
    data = SOLICIT
    for _ in range(9):
        data = b"\x0c\1" + bytes(32) + option(9, data)
    with pytest.raises(Undecodable) as caught:
        decode_dhcpv6(data)
    assert caught.value.reason == "too_many_relays"


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(read_dhcpv6, SOLICIT, REPLY, RELAYED)
