from __future__ import annotations

import pytest

from sensors.decode.arp import arp_fields
from sensors.decode.fault import Undecodable
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import scapy

s = scapy()
A, B = "02:00:00:00:00:01", "02:00:00:00:00:02"


def arp(op: int, src: str, dst: str, mac: str = A, to: str = "00:00:00:00:00:00") -> bytes:
    return bytes(s.ARP(op=op, hwsrc=mac, psrc=src, hwdst=to, pdst=dst))


def test_a_question_tells_who_asks_for_whom():
    fields = arp_fields(arp(1, "192.0.2.1", "192.0.2.2") + bytes(18))
    assert fields == {
        "network": {"type": "arp", "protocol": "arp"},
        "source": {"mac": "02-00-00-00-00-01", "ip": "192.0.2.1"},
        "destination": {"ip": "192.0.2.2"},
        "vonggac": {"arp": {
            "opcode": "request", "hw_type": "ethernet", "proto_type": "ipv4", "src_mac": A, "src_ip": "192.0.2.1",
            "dest_mac": "00:00:00:00:00:00", "dest_ip": "192.0.2.2", "gratuitous": False, "probe": False,
        }},
    }  # fmt: skip


def test_an_answer_nobody_asked_for_and_a_probe_are_told():
    assert arp_fields(arp(2, "192.0.2.1", "192.0.2.1", to=B))["vonggac"]["arp"]["gratuitous"] is True
    probe = arp_fields(arp(1, "0.0.0.0", "192.0.2.9"))
    assert (probe["vonggac"]["arp"]["probe"], "ip" in probe["source"]) == (True, False)


def test_addresses_of_other_protocols_are_not_read():
    fields = arp_fields(b"\0\6\x86\xdd\6\x10\0\1" + bytes(44))
    assert fields["vonggac"]["arp"]["proto_type"] == "0x86dd"
    assert "src_ip" not in fields["vonggac"]["arp"]
    assert "source" not in fields


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"\0\1\x08\0\6", "cut"),
        (arp(1, "1.1.1.1", "1.1.1.2")[:20], "address_length"),
        (b"\0\1\x08\0\6\x10\0\1" + bytes(44), "protocol_length"),
    ],
)
def test_broken_packets_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        arp_fields(data)
    assert caught.value.reason == reason


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(arp_fields, arp(1, "192.0.2.1", "192.0.2.2"))
