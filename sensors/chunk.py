"""Packets by the thousand: their bytes in one piece, and where each lies in it.

A chunk is a segment of its source: 4,096 packets, or as many as fill 4 MiB, counted from the source's first. So the
same source has the same segments however it is read, and the hash of one (`Chunk.sha256`) proves what was in it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from hashlib import sha256
from struct import Struct
from typing import NamedTuple

import numpy as np

from sensors.compiled import Loops
from sensors.kernel import SEGMENT_BYTES, SEGMENT_PACKETS
from sensors.loops.octets import Ints

#: The most packets in one chunk.
CHUNK_PACKETS = SEGMENT_PACKETS

_HEAD = Struct("<IHHiIII")
_RECORD = Struct("<IIII")
#: Little-endian, nanoseconds (draft-ietf-opsawg-pcap).
_MAGIC_NS = 0xA1B23C4D


class Packet(NamedTuple):
    """One captured packet. `position` counts from 0 in its source; `ns` is its time since 1970."""

    position: int
    ns: int
    linktype: int
    data: bytes
    wire_length: int


class Chunk(NamedTuple):
    """Consecutive packets of one source and link type; arrays have one number for each."""

    first: int  # position of the first
    head: bytes  # the pcap file header (24 bytes) that fits the records
    data: bytes | memoryview
    begin: int  # where in `data` the records begin and end, with their headers
    end: int
    starts: Ints
    lengths: Ints
    wires: Ints  # lengths on the wire
    times: Ints  # ns since 1970
    linktype: int  # LINKTYPE_ number
    record: bytes  # the first packet's record as the source has it

    @property
    def packets(self) -> int:
        return len(self.starts)

    def packet(self, number: int) -> bytes:
        start = int(self.starts[number])
        return bytes(self.data[start : start + int(self.lengths[number])])

    @property
    def records(self) -> memoryview:
        return memoryview(self.data)[self.begin : self.end]

    @property
    def sha256(self) -> str:
        """Over `head` and `records`: those of a pcap file as they are, others written as a pcap with nanoseconds."""
        hashed = sha256(self.head)
        hashed.update(self.records)
        return hashed.hexdigest()

    @staticmethod
    def of(packets: Sequence[Packet], record: bytes = b"") -> Chunk:
        """A chunk of packets of one link type that came one by one."""
        parts: list[bytes] = []
        for _, ns, _, data, wire in packets:
            seconds, rest = divmod(ns, 1_000_000_000)
            parts += (_RECORD.pack(seconds & 0xFFFFFFFF, rest, len(data), wire), data)
        joined = b"".join(parts)
        lengths = _ints([len(packet.data) for packet in packets])
        sizes = lengths + _RECORD.size
        first = packets[0]
        return Chunk(
            first.position,
            pcap_head(first.linktype),
            joined,
            0,
            len(joined),
            np.cumsum(sizes) - lengths,
            lengths,
            _ints([packet.wire_length for packet in packets]),
            _ints([packet.ns for packet in packets]),
            first.linktype,
            record or first.data,
        )


class PcapWalk:
    """Finds the records of a pcap file in its bytes, with the plain or the compiled loops."""

    def __init__(self, loops: Loops, head: bytes, order: str, unit_ns: int, header: int, linktype: int) -> None:
        self._loops = loops
        self._head = head
        self._little = int(order == "<")
        self._unit_ns = unit_ns
        self._header = header
        self._linktype = linktype

    def take(self, data: bytes | memoryview, first: int, at: int) -> Chunk | None:
        """The whole records from `at` on, of one segment at most; None when there is none."""
        starts, lengths, wires, times = (np.empty(SEGMENT_PACKETS, np.int64) for _ in range(4))
        view = np.frombuffer(data, np.int8)
        count, end = self._loops.functions.walk(
            view, at, self._little, self._unit_ns, self._header, starts, lengths, wires, times
        )
        if not count:
            return None
        record = bytes(data[at : int(starts[0] + lengths[0])])
        starts, lengths, wires, times = starts[:count], lengths[:count], wires[:count], times[:count]
        return Chunk(first, self._head, data, at, int(end), starts, lengths, wires, times, self._linktype, record)


def chunked(packets: Iterator[tuple[Packet, bytes]]) -> Iterator[Chunk]:
    """The segments of packets that come one by one, each with its record; also what came before an error is raised."""
    waiting: list[Packet] = []
    size, begun = 0, b""
    try:
        for packet, record in packets:
            over = len(waiting) == SEGMENT_PACKETS or size >= SEGMENT_BYTES
            if waiting and (over or packet.linktype != waiting[0].linktype):
                yield Chunk.of(waiting, begun)
                waiting, size = [], 0
            if not waiting:
                begun = record
            waiting.append(packet)
            size += _RECORD.size + len(packet.data)
    finally:
        if waiting:
            yield Chunk.of(waiting, begun)


def is_full(chunk: Chunk) -> bool:
    """Whether its segment is complete."""
    return chunk.packets == SEGMENT_PACKETS or chunk.end - chunk.begin >= SEGMENT_BYTES


def pcap_head(linktype: int) -> bytes:
    """The file header of a little-endian pcap with nanoseconds."""
    return _HEAD.pack(_MAGIC_NS, 2, 4, 0, 0, 262_144, linktype)


def pcap_record(ns: int, data: bytes, wire_length: int) -> bytes:
    """A record that fits `pcap_head`."""
    seconds, rest = divmod(ns, 1_000_000_000)
    return _RECORD.pack(seconds & 0xFFFFFFFF, rest, len(data), wire_length) + data


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
