from __future__ import annotations

import struct

import pytest

from tests.unit.sensors.talks.test_dns import answer, query
from tests.unit.sensors.wire import BEGUN, batches, of, pcap, udp

FRAMES = [bytes(udp(query())), bytes(udp(answer(), back=True))]


def block(kind: int, body: bytes, order: str = "<") -> bytes:
    body += bytes(-len(body) % 4)
    size = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + size + body + size


def option(code: int, value: bytes, order: str = "<") -> bytes:
    return struct.pack(order + "HH", code, len(value)) + value + bytes(-len(value) % 4)


def section(order: str = "<") -> bytes:
    return block(0x0A0D0D0A, struct.pack(order + "IHHq", 0x1A2B3C4D, 1, 0, -1), order)


def interface(linktype: int = 1, options: bytes = b"", order: str = "<") -> bytes:
    return block(1, struct.pack(order + "HHI", linktype, 0, 0) + options, order)


def enhanced(number: int, units: int, data: bytes, order: str = "<") -> bytes:
    head = struct.pack(order + "IIIII", number, units >> 32, units & 0xFFFFFFFF, len(data), len(data))
    return block(6, head + data, order)


@pytest.mark.parametrize("order", ["<", ">"])
@pytest.mark.parametrize("nano", [False, True])
def test_both_byte_orders_and_resolutions_give_the_same_events(order, nano):
    (batch,) = batches(pcap(FRAMES, order=order, nano=nano))
    (event,) = of(batch.events, "dns")
    assert event["@timestamp"] == "2020-09-13T12:26:40.000000Z"
    assert event["event"]["duration"] == 1_000_000
    assert (batch.taken, batch.position, batch.refused) == (2, 2, ())


@pytest.mark.parametrize("order", ["<", ">"])
def test_each_interface_of_a_pcapng_has_its_own_clock_and_link(order):
    capture = (
        section(order)
        + interface(1, order=order)
        + interface(101, option(9, b"\x09", order) + option(14, struct.pack(order + "q", 100), order), order)
        + enhanced(0, BEGUN * 10**6, FRAMES[0], order)
        + enhanced(1, (BEGUN - 100) * 10**9 + 5_000_000, FRAMES[1][14:], order)
        + block(3, struct.pack(order + "I", len(FRAMES[0])) + FRAMES[0], order)
        + block(5, bytes(12), order)
    )
    (batch,) = batches(capture)
    assert batch.taken == 3
    answered, asked = of(batch.events, "dns")
    assert answered["event"]["duration"] == 5_000_000
    assert asked["@timestamp"] == "2020-09-13T12:26:40.005000Z"  # a simple packet has the time of the one before


def test_a_new_section_may_change_the_byte_order():
    parts = [section(o) + interface(order=o) + enhanced(0, BEGUN * 10**6, FRAMES[0], o) for o in "<>"]
    (batch,) = batches(b"".join(parts))
    assert (batch.taken, batch.refused) == (2, ())


def test_a_binary_resolution_and_an_old_packet_block_are_read():
    old = struct.pack("<HHIIII", 0, 0, BEGUN >> 12, BEGUN << 20 & 0xFFFFFFFF, len(FRAMES[0]), len(FRAMES[0]))
    (batch,) = batches(section() + interface(1, option(9, b"\x94")) + block(2, old + FRAMES[0]))
    assert of(batch.events, "dns")[0]["@timestamp"] == "2020-09-13T12:26:40.000000Z"


@pytest.mark.parametrize("cut", [1, 20, len(FRAMES[1]), len(FRAMES[1]) + 15])
def test_a_capture_that_breaks_off_gives_what_came_before_and_says_where(cut):
    whole = pcap(FRAMES)
    (batch,) = batches(whole[:-cut])
    assert [event["event"]["dataset"] for event in batch.events] == ["dns", "flow"]
    (refusal,) = batch.refused
    assert (refusal.location, refusal.offset, refusal.reason) == ("test.pcap", 40 + len(FRAMES[0]), "truncated_capture")
    assert batch.tally.balanced
    assert (batch.taken, batch.tally.passed) == (2, 1)


@pytest.mark.parametrize(
    ("tail", "reason"),
    [
        (struct.pack("<IIII", BEGUN, 0, 2**31, 2**31), "packet_length"),
        (b"\0" * 15, "truncated_capture"),
    ],
)
def test_an_impossible_record_ends_the_capture(tail, reason):
    (batch,) = batches(pcap(FRAMES) + tail)
    assert [refusal.reason for refusal in batch.refused] == [reason]


@pytest.mark.parametrize(
    "tail",
    [block(6, bytes(3)), enhanced(9, 0, b"x"), struct.pack("<II", 6, 4) + bytes(8), block(3, b"")],
)
def test_a_block_that_contradicts_itself_ends_the_capture(tail):
    capture = section() + interface() + enhanced(0, BEGUN * 10**6, FRAMES[0]) + tail
    (batch,) = batches(capture)
    assert [refusal.reason for refusal in batch.refused] == ["broken_block"]
    assert len(of(batch.events, "dns")) == 1


def test_a_capture_without_packets_is_an_empty_batch():
    (batch,) = batches(pcap([]))
    assert (batch.taken, batch.events, batch.refused) == (0, (), ())


def test_a_grown_capture_keeps_its_fingerprint_and_ids():
    (short,) = batches(pcap(FRAMES))
    (grown,) = batches(pcap([*FRAMES, bytes(udp(query(9, "x.example"), sport=41000))]))
    assert short.source == grown.source
    assert {e["event"]["id"] for e in short.events} < {e["event"]["id"] for e in grown.events}


def test_long_captures_come_in_several_batches_that_add_up():
    frames = [bytes(udp(query(1, f"a{n}.example"), sport=20_000 + n)) for n in range(100)] * 50
    found = batches(pcap(frames))
    assert [batch.taken for batch in found if batch.taken] == [4096, 904]
    assert found[-1].position == 5000
    assert sum(event["network"]["packets"] for b in found for event in of(b.events, "flow")) == 5000
