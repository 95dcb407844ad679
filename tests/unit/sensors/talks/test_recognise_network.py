"""What families of datagrams and streams are told by; nothing may escape the asking."""

from __future__ import annotations

import pytest

from sensors.talks.recognise import recognise_datagram, recognise_stream
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.talks import test_dhcp, test_ike, test_snmp
from tests.unit.sensors.wire import of, sense, tcp, udp

NAMED = [
    ("stun", b"\0\1\0\x08\x21\x12\xa4\x42" + bytes(12) + bytes(8), 3478),
    ("dtls", b"\x16\xfe\xfd" + bytes(8) + b"\0\x05hello", 4433),
    ("wireguard", b"\1\0\0\0" + bytes(144), 51820),
    ("wireguard", b"\2\0\0\0" + bytes(88), 51820),
    ("ssdp", b"M-SEARCH * HTTP/1.1\r\nHost: 239.255.255.250:1900\r\n\r\n", 1900),
    ("netbios-dgm", b"\x11\x02\x00\x01\xc0\0\2\7\0\x8a" + bytes(40), 138),
    ("bacnet", b"\x81\x0b\0\x0c\1\x20\xff\xff\0\xff\x10\x08", 47808),
    ("openvpn", b"\x38" + bytes(13), 1194),
]


@pytest.mark.parametrize(("name", "data", "port"), NAMED)
def test_what_is_unmistakable_is_named(name, data, port):
    (flow,) = of(sense([udp(data, dport=port)]), "flow")
    assert flow["network"]["protocol"] == name


@pytest.mark.parametrize(("name", "data", "port"), NAMED)
def test_what_is_cut_or_longer_is_not(name, data, port):
    for other in (data[:9], data[:3], data[:1]):
        assert recognise_datagram(other, 40000, port).label == ""


def test_tls_in_its_middle_is_named_and_other_bytes_are_not():
    record = b"\x17\3\3\0\x40" + bytes(64)
    (flow,) = of(sense(tcp([(0, record), (1, record)], handshake=False)), "flow")
    assert flow["network"]["protocol"] == "tls"
    assert recognise_stream(record + b"\x99", 0).label == ""
    assert recognise_stream(b"\x17\3\3\0\x04" + bytes(4), 0).label == ""


def test_nothing_escapes_the_asking():
    whole = [data for _, data, _ in NAMED] + [test_dhcp.REQUEST, test_ike.INIT, test_snmp.GET]
    for ports in ((40000, 123), (137, 137), (161, 546), (1812, 514)):
        only_undecodable_escapes(lambda data, p=ports: data and recognise_datagram(data, *p), *whole, examples=100)
    streams = [b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", b"\0\0\6\4\0\0\0\0\0\0\3\0\0\0\x64", b"\x17\3\3\0\x40" + bytes(64)]
    for side in (0, 1):
        only_undecodable_escapes(lambda data, s=side: recognise_stream(data, s), *streams, examples=100)
