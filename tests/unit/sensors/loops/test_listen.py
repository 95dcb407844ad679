"""What the ear hears of whole packets is what the engine's talks hear, byte for byte; here uncompiled."""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from sensors import kernel
from sensors.chunk import PcapWalk
from sensors.compiled import Loops
from sensors.made import day
from tests.unit.sensors.wire import CLIENT, EARS, MACS, SERVER, lines, scapy, tcp, udp

QUESTION = bytes.fromhex("0c0c 0100 0001 0000 0000 0000 03777777 0663616e746d75 02766e 00 0001 0001")
ANSWER = (
    bytes.fromhex("0c0c 8180 0001 0001 0000 0000 03777777 0663616e746d75 02766e 00 0001 0001")
    + bytes.fromhex("c00c 0001 0001 0000003c 0004 c0000201")
)  # fmt: skip
#: The record's data is longer than the message.
BROKEN = ANSWER[:-6] + b"\x00\x40" + ANSWER[-4:]
GET = b"GET /a HTTP/1.1\r\nHost: mau.example\r\n\r\n"
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"
HELLO = b"\x16\x03\x01\x00\x04\x01\x00\x00\x00"


def the_same(frames: Iterable[Any], ms: int = 1) -> list[bytes]:
    """The lines of these frames, so long apart, which are the same with the ear and without."""
    given = [bytes(frame) for frame in frames]
    heard = lines(given, EARS, ms=ms)
    assert sorted(heard) == sorted(lines(given, kernel, ms=ms))
    return heard


def protocols(found: list[bytes]) -> set[bytes]:
    return {line.split(b'"protocol":"')[1].split(b'"')[0] for line in found if b'"protocol":"' in line}


def test_a_first_datagram_that_only_looks_like_dns_leaves_the_flow_without_a_protocol() -> None:
    found = the_same([udp(BROKEN, back=True)])
    assert b"dns.record_length" in found[0]
    assert protocols(found) == set()


def test_a_later_broken_datagram_is_an_anomaly_of_a_dns_flow() -> None:
    found = the_same([udp(QUESTION), udp(BROKEN, back=True), udp(ANSWER, back=True)])
    assert protocols(found) == {b"dns"}
    assert any(b"dns.record_length" in line for line in found)


def test_a_question_and_its_answer_are_one_event() -> None:
    found = the_same([udp(QUESTION), udp(ANSWER, back=True)])
    assert len([line for line in found if b'"dataset":"dns"' in line]) == 1


def test_each_part_of_a_long_flow_has_its_own_name() -> None:
    found = the_same([udp(QUESTION), udp(ANSWER, back=True)] * 40, ms=50_000)
    parts = [line for line in found if b'"end_reason":"' in line]
    assert [line.split(b'"end_reason":"')[1].split(b'"')[0] for line in parts] == [
        b"active",
        b"active",
        b"end-of-input",
    ]
    assert len({line.split(b'"id":"')[1][:32] for line in parts}) == 3


def test_a_datagram_without_bytes_opens_nothing() -> None:
    assert protocols(the_same([udp(b""), udp(QUESTION), udp(b"", back=True)])) == {b"dns"}


@pytest.mark.parametrize("turns", [[(0, GET), (1, OK)], [(0, GET + GET), (1, OK + OK)], [(0, HELLO), (1, HELLO)]])
def test_connections_in_and_out_of_order(turns: list[tuple[int, bytes]]) -> None:
    frames = list(tcp(turns, size=30))
    the_same(frames)
    the_same(frames[3:])  # picked up in the middle
    the_same([*frames[:4], *frames[5:], frames[4]])
    the_same([frame for frame in frames for _ in range(2)])  # each twice
    the_same(frames[:6])  # the end is not seen


def test_a_port_that_ftp_announced_is_the_engines() -> None:
    control = [(1, b"220 ok\r\n"), (0, b"PASV\r\n"), (1, b"227 Entering Passive Mode (198,51,100,20,31,144)\r\n")]
    frames = [*tcp(control, dport=21, fin=False), *tcp([(1, GET)], sport=40010, dport=31 << 8 | 144)]
    assert b"ftp" in protocols(the_same(frames))


def test_arp_is_told_with_its_vlan() -> None:
    s = scapy()
    asked = s.ARP(op=1, psrc=CLIENT, pdst=SERVER, hwsrc=MACS["src"])
    frames = [s.Ether(**MACS) / asked, s.Ether(**MACS) / s.Dot1Q(vlan=7) / asked]
    found = the_same(frames)
    assert [b'"vlan":{"id":"7"}' in line for line in found] == [False, True]


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.lists(st.tuples(st.integers(0, 27), st.integers(0, 255)), max_size=4), st.integers(0, 40))
def test_changed_arp(edits: list[tuple[int, int]], size: int) -> None:
    packet = bytearray(bytes(scapy().ARP(op=2, psrc=CLIENT, pdst=SERVER, hwsrc=MACS["src"])))
    for at, value in edits:
        packet[at] = value
    the_same([bytes(12) + b"\x08\x06" + bytes(packet[:size])])


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.lists(st.tuples(st.sampled_from([0, 3, 5, 8, 11, 12, 13, 14, 30]), st.integers(0, 16), st.binary(max_size=60)),
             min_size=1, max_size=5),
    st.booleans(),
)  # fmt: skip
def test_any_icmp(messages: list[tuple[int, int, bytes]], six: bool) -> None:
    s = scapy()
    frames = []
    for number, (kind, code, body) in enumerate(messages):
        if six:
            ip = s.IPv6(src="2001:db8::1", dst="2001:db8::2", nh=58)
            kind = (128, 129, 1, 2, 3, 4, 133, 135, 136)[kind % 9]
        else:
            src, dst = (CLIENT, SERVER) if number % 2 == 0 else (SERVER, CLIENT)
            ip = s.IP(src=src, dst=dst, proto=1)
        frames.append(s.Ether(**MACS) / ip / s.Raw(bytes((kind, code, 0, 0)) + body))
    the_same(frames)


def test_the_beginning_of_the_made_days() -> None:
    for site in day.SITES:
        data = io.BytesIO(day.make_capture(site)).getvalue()
        chunk = PcapWalk(Loops(), data[:24], "<", 1000, 16, 1).take(data, 0, 24)
        assert chunk is not None
        found = the_same(chunk.packet(number) for number in range(700))
        assert {b"dns", b"http", b"tls"} <= protocols(found)
