"""The loops' segments of a frame are those that `sensors.decode.frame` finds; what they are not sure of they leave."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensors.decode.frame import MAX_HEADERS, Frame, decode_frame
from sensors.loops import frames
from sensors.loops.frames import segments_of

PAYLOAD = b"chao cac ban"


def ipv4(protocol: int, inner: bytes, last: int = 1) -> bytes:
    head = struct.pack("!BBHHHBBH", 0x45, 0, 20 + len(inner), 7, 0, 64, protocol, 0)
    return head + bytes((10, 0, 0, last, 10, 0, 0, 9)) + inner


def ipv6(protocol: int, inner: bytes) -> bytes:
    head = struct.pack("!IHBB", 6 << 28, len(inner), protocol, 64)
    return head + bytes.fromhex("20010db8") + bytes(11) + b"\1" + bytes.fromhex("20010db8") + bytes(11) + b"\2" + inner


def udp(dport: int, inner: bytes, sport: int = 40_000) -> bytes:
    return struct.pack("!HHHH", sport, dport, 8 + len(inner), 0) + inner


def ethernet(kind: int, inner: bytes) -> bytes:
    return bytes(12) + kind.to_bytes(2) + inner


TCP = struct.pack("!HHIIBBHHH", 40_001, 443, 1_000, 0, 0x50, 0x18, 0, 0, 0) + PAYLOAD
ENDS = [
    ipv4(6, TCP),
    ipv6(6, TCP),
    ipv4(17, udp(7, PAYLOAD)),
    ipv4(17, udp(4789, PAYLOAD)),
    ipv4(1, b"\x08\0\0\0\0\1\0\1" + PAYLOAD),
    ipv6(0, b"\x3a\0\5\2\0\0\1\0" + b"\x80\0\0\0\0\1\0\1" + PAYLOAD),
    ipv6(51, b"\x11\1" + bytes(10) + udp(7, PAYLOAD)),
    ipv4(132, struct.pack("!HHII", 5, 6, 0, 0) + PAYLOAD),
    ipv4(50, PAYLOAD),
    ipv4(47, b"\0\0\x08\0"),
]
#: What may stand around an IP packet: each makes an IP packet of one.
AROUND = [
    lambda ip: ipv4(41 if ip[0] >> 4 == 6 else 4, ip, 2),
    lambda ip: ipv6(41 if ip[0] >> 4 == 6 else 4, ip),
    lambda ip: ipv4(47, b"\xb0\0" + kind_of(ip).to_bytes(2) + bytes(12) + ip, 3),
    lambda ip: ipv4(
        47, b"\x30\x81\x88\x0b" + bytes(12) + b"\xff\x03\0" + (b"\x57" if ip[0] >> 4 == 6 else b"\x21") + ip
    ),
    lambda ip: ipv4(47, b"\0\0\x65\x58" + ethernet(kind_of(ip), ip)),
    lambda ip: ipv4(47, b"\0\0\x88\xbe" + ethernet(kind_of(ip), ip)),
    lambda ip: ipv4(47, b"\x10\0\x88\xbe\0\0\0\1\x10\x17" + bytes(6) + ethernet(kind_of(ip), ip)),
    lambda ip: ipv4(47, b"\x10\0\x22\xeb\0\0\0\1\x20\x17" + bytes(10) + ethernet(kind_of(ip), ip)),
    lambda ip: ipv4(47, b"\x10\0\x22\xeb\0\0\0\1\x20\x17" + bytes(9) + b"\1" + bytes(8) + ethernet(kind_of(ip), ip)),
    lambda ip: ipv4(17, udp(4789, b"\x08" + bytes(7) + ethernet(kind_of(ip), ip)), 4),
    lambda ip: ipv6(17, udp(4790, b"\x0c\0\0\3" + bytes(4) + ethernet(kind_of(ip), ip))),
    lambda ip: ipv4(17, udp(4790, b"\x0c\0\0\1" + bytes(4) + ip), 5),
    lambda ip: ipv4(17, udp(6081, b"\2\0\x65\x58" + bytes(12) + ethernet(kind_of(ip), ip)), 6),
    lambda ip: ipv4(17, udp(6081, b"\0\0" + kind_of(ip).to_bytes(2) + bytes(4) + ip), 7),
    lambda ip: ipv4(17, udp(2152, b"\x30\xff" + len(ip).to_bytes(2) + bytes(4) + ip), 8),
    lambda ip: ipv4(17, udp(3544, ip)),
]
#: What may stand in front of an IP packet behind Ethernet: ethertype and bytes.
BEFORE = [
    lambda kind, rest: (kind, rest),
    lambda kind, rest: (0x8100, b"\0\7" + kind.to_bytes(2) + rest),
    lambda kind, rest: (0x88A8, b"\0\7\x81\0\0\x09" + kind.to_bytes(2) + rest),
    lambda kind, rest: (0x9200, b"\0\5\x88\xa8\0\7\x81\0\0\x09" + kind.to_bytes(2) + rest),
    lambda kind, rest: (0x8847, b"\0\1\x00\x40\0\x01\x11\x40" + rest),
    lambda kind, rest: (0x8847, b"\0\1\x01\x40" + bytes(4) + ethernet(kind, rest)),
    lambda kind, rest: (0x8864, b"\x11\0\0\1\0\0\0" + (b"\x57" if kind == 0x86DD else b"\x21") + rest),
    lambda kind, rest: (8 + len(rest), b"\xaa\xaa\3\0\0\0" + kind.to_bytes(2) + rest),
]


def kind_of(ip: bytes) -> int:
    return 0x86DD if ip[0] >> 4 == 6 else 0x0800


def frame_of(end: int, around: list[int], before: int) -> bytes:
    ip = ENDS[end]
    for number in around:
        ip = AROUND[number](ip)
    return ethernet(*BEFORE[before](kind_of(ip), ip))


def walked(linktype: int, data: bytes, wire: int) -> tuple[int, list[tuple[object, ...]], list[int]]:
    """What the loop says, its segments as the decoder has them, and the frame's VLANs."""
    rows = np.zeros((frames.FRAME_SEGMENTS, frames.L_COLUMNS), np.int64)
    shift = 3  # where a frame lies in its data makes no difference
    found = segments_of(np.frombuffer(b"abc" + data + b"xyz", np.int8), linktype, shift, shift + len(data), wire, rows)
    segments = []
    for row in rows[: max(0, found)].tolist():
        src, dst, family, protocol, sport, dport, flags, seq, payload, length, missing, depth, _, size, *_ = row
        width, src, dst, payload = 4 if family == 4 else 16, src - shift, dst - shift, payload - shift
        ends = data[src : src + width], data[dst : dst + width]
        told = data[payload : payload + length]
        ack = row[frames.L_ACK] if flags & 16 else 0
        segments.append((*ends, protocol, sport, dport, told, missing, seq, ack, flags, depth, size))
    vlans = [vlan for vlan in rows[0, [frames.L_VLAN, frames.L_INNER_VLAN]].tolist() if vlan >= 0]
    return found, segments, vlans


def decoded(frame: Frame) -> list[tuple[object, ...]]:
    return [
        (*segment[:8], segment.ack if segment.flags & 16 else 0, segment.flags, segment.depth, segment.size)
        for segment in frame.segments
    ]


def check(linktype: int, data: bytes, wire: int) -> int:
    found, segments, vlans = walked(linktype, data, wire)
    frame = decode_frame(linktype, data, wire)
    if found:
        assert (frame.fault, frame.fragments, frame.skipped) == (None, [], "")
        assert segments == decoded(frame)
        assert bool(frame.arp) == (found < 0)
        if found < 0 or not segments[-1][-2]:
            assert tuple(vlans) == frame.vlans[:2]
    return found


@pytest.mark.parametrize("before", range(len(BEFORE)))
@pytest.mark.parametrize("end", range(len(ENDS)))
def test_what_stands_before_ip_is_passed(end, before):
    data = frame_of(end, [], before)
    assert check(1, data, len(data)) == (0 if end == 9 else 1)  # GRE with nothing in it is left


@pytest.mark.parametrize("around", range(len(AROUND)))
def test_tunnels_are_walked(around):
    data = frame_of(1, [around], 0)
    segments = decode_frame(1, data, len(data)).segments
    assert segments[-1].depth == 1
    gtp_or_teredo = around >= 14
    assert check(1, data, len(data)) == (0 if gtp_or_teredo else len(segments))


def test_the_most_that_is_followed_is_within_the_decoders_bound():
    level = frames.MAX_TAGS + 1 + 1 + frames.MAX_EXTENSIONS
    assert level * (frames.MAX_TUNNELS + 1) <= MAX_HEADERS


MUTATIONS = st.lists(st.tuples(st.integers(0, 160), st.binary(min_size=1, max_size=4)), max_size=3)


@settings(max_examples=1500, deadline=None)
@given(
    st.integers(0, len(ENDS) - 1),
    st.lists(st.integers(0, len(AROUND) - 1), max_size=4),
    st.integers(0, len(BEFORE) - 1),
    MUTATIONS,
    st.integers(0, 60),
    st.integers(0, 3),
)
@example(0, [3, 6], 2, [], 0, 0)
def test_broken_frames_are_left_or_read_alike(end, around, before, changes, cut, more):
    data = frame_of(end, around, before)
    wire = len(data) + more - 1
    for at, new in changes:
        data = data[:at] + new + data[at + len(new) :]
    data = data[: len(data) - cut] if cut < 40 else data
    check(1, data, max(wire, len(data)))


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([0, 1, 9, 12, 50, 101, 108, 113, 228, 276, 9999]),
    st.binary(max_size=24),
    st.sampled_from(ENDS),
    st.booleans(),
)
def test_other_links_are_left_or_read_alike(linktype, head, ip, keep):
    data = head + ip if keep else ip
    check(linktype, data, len(data))
