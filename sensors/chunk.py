"""Packets by the thousand: their bytes in one piece, and where each lies in it."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from sensors.compiled import Loops
from sensors.kernel import Ints

#: The most packets in one chunk.
CHUNK_PACKETS = 4_096


class Packet(NamedTuple):
    """One captured packet. `position` counts from 0 in its source; `ns` is its time since 1970."""

    position: int
    ns: int
    linktype: int
    data: bytes
    wire_length: int


class Chunk(NamedTuple):
    """Consecutive packets of one source; arrays have one number for each."""

    first: int  # position of the first
    data: bytes
    starts: Ints
    lengths: Ints
    wires: Ints  # lengths on the wire
    times: Ints  # ns since 1970
    links: Ints  # LINKTYPE_ numbers
    record: bytes  # the first packet's record as the source has it

    @property
    def packets(self) -> int:
        return len(self.starts)

    @staticmethod
    def of(packets: Sequence[Packet], record: bytes = b"") -> Chunk:
        """A chunk of packets that came one by one."""
        lengths = _ints([len(packet.data) for packet in packets])
        return Chunk(
            packets[0].position,
            b"".join(packet.data for packet in packets),
            np.cumsum(lengths) - lengths,
            lengths,
            _ints([packet.wire_length for packet in packets]),
            _ints([packet.ns for packet in packets]),
            _ints([packet.linktype for packet in packets]),
            record or packets[0].data,
        )


class PcapWalk:
    """Finds the records of a pcap file in its bytes, with the plain or the compiled loops."""

    def __init__(self, loops: Loops, order: str, unit_ns: int, header: int, linktype: int) -> None:
        self._loops = loops
        self._little = int(order == "<")
        self._unit_ns = unit_ns
        self._header = header
        self._linktype = linktype

    def take(self, data: bytes, first: int, at: int = 0) -> tuple[Chunk | None, int]:
        """The whole records from `at` on as a chunk (None when there is none), and where the rest begins."""
        starts, lengths, wires, times = (np.empty(CHUNK_PACKETS, np.int64) for _ in range(4))
        view = np.frombuffer(data, np.int8)
        count, rest = self._loops.functions.walk(
            view, at, self._little, self._unit_ns, self._header, starts, lengths, wires, times
        )
        if not count:
            return None, at
        record = data[at : int(starts[0] + lengths[0])]
        links = np.full(count, self._linktype, np.int64)
        return Chunk(first, data, starts[:count], lengths[:count], wires[:count], times[:count], links, record), rest


def _ints(values: Sequence[int]) -> Ints:
    return np.array(values, np.int64)
