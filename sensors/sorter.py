"""Packets in, flows and what they carry out: the half of the native sensor that knows packets.

A sorter keeps the flow table and gives tellings, in packet order; the engine makes events of them. It asks nothing of
the engine, which may be some segments behind, in another thread.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sensors import kernel
from sensors.chunk import Chunk
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Fragment, Frame, Segment, decode_datagram, decode_frame
from sensors.document import Scribe
from sensors.flows import FRAGMENTS, FlowTable, Row, mark_of
from sensors.fragments import Datagram, Reassembly
from sensors.listener import Listener, Slot
from sensors.loops.octets import Ints
from sensors.loops.slots import ENGINE, ENGINE_ALL, UNKNOWN
from sensors.streams import Moment

#: Ordinal of an anomaly that is told when a datagram is given up, at the packet where it began.
_INCOMPLETE = 1 << 21
_NO_TIMES = np.zeros(0, np.int64)


class Rows(NamedTuple):
    """What the kernel or, where there is text, the listener told of some packets."""

    rows: list[Row]
    text: bytes | None
    data: bytes | memoryview  # in which the payloads lie
    first: int  # position of packet 0 of the rows
    times: list[int]


class Met(NamedTuple):
    """A segment that the frame decoder found, and its flow; `talk` is who heard it before (`sensors.loops.slots`)."""

    flow: int
    side: int
    segment: Segment
    vlans: tuple[int, ...]
    first_byte: int
    talk: int
    begun: Moment
    at: Moment


class Arp(NamedTuple):
    """A frame without flow."""

    packet: bytes
    vlans: tuple[int, ...]
    at: Moment


class Fault(NamedTuple):
    """Bytes that cannot be decoded."""

    fault: Undecodable
    at: Moment
    ordinal: int | None = None


class Count(NamedTuple):
    """Something for the closing summary."""

    reason: str
    number: int


Telling = Rows | Met | Arp | Fault | Count


class Sorter:
    """`feed` chunks in order, `finish` once. `loops` are plain or compiled and may be changed between two chunks."""

    def __init__(self, scribe: Scribe, loops: Any = kernel) -> None:
        self._marked = scribe.origin.ring is not None
        self.table = FlowTable(loops=loops, marked=self._marked)
        self.listener: Listener | None = None  # with compiled loops
        self.scribe = scribe
        self._fragments = Reassembly()
        self._odd_marks: set[int] = set()
        self._evicted = 0
        self._released: deque[int] = deque()  # rows, slots and flows that the engine is done with
        self._left: deque[int] = deque()
        self._unwanted: deque[int] = deque()
        self.use(loops)

    def use(self, loops: Any) -> None:
        """Go on with these loops. With compiled ones, common talks of flows that begin from now on are heard there."""
        self.table.loops = loops
        if self.listener is None and hasattr(loops, "listen"):
            self.listener = Listener(self.table, self.scribe, loops)
            if len(self.table):
                self.table.flows[:, kernel.TALK] = ENGINE_ALL

    def enter_segment(self, first: int, sha256: str) -> None:
        """What begins from this position on begins in this segment, for what the listener writes."""
        if self.listener is not None:
            self.listener.enter_segment(first, sha256)

    def feed(self, chunk: Chunk) -> Iterator[Telling]:
        self._settle()
        self._odd_marks.clear()
        moments: list[int] = chunk.times.tolist()
        at = 0
        while at < chunk.packets:
            stop = self.table.run(chunk, at)
            yield from self._told(chunk.data, chunk.first, chunk.times, moments)
            at = -stop - 1 if stop < 0 else stop
            if 0 <= stop < chunk.packets:
                yield from self._odd(chunk, at, Moment(chunk.first + at, moments[at]))
                at += 1
        yield from self._counted()

    def pass_time(self, ns: int) -> Iterator[Telling]:
        """It is (at least) this late: what has idled for too long by now ends."""
        self._settle()
        self.table.pass_time(ns)
        yield from self._told(b"", 0, np.array([ns]), [ns])
        yield from self._expire_fragments(ns)
        yield from self._counted()

    def finish(self) -> Iterator[Telling]:
        """The input has ended: every open flow and datagram is told as it is."""
        for datagram in self._fragments.finish():
            yield from self._incomplete(datagram)
        for _ in self.table.finish():
            yield from self._told(b"", 0, _NO_TIMES, [])

    @property
    def marks(self) -> set[int]:
        """The marks of the flows and of the fragmented datagrams of the last chunk; none where no packets are kept."""
        return {*self.table.marks.tolist(), *self._odd_marks} - {0}

    def slot(self, number: int) -> Slot:
        """What the listener kept of a talk that the engine takes over; it stays there until the engine leaves it."""
        if self.listener is None:
            raise LookupError(number)
        return self.listener.slot(number)

    # --- what the engine says, whenever it is so far

    def release(self, flow: int) -> None:
        """The row of a flow that ended may be used again."""
        self._released.append(flow)

    def leave(self, slot: int) -> None:
        """The engine has taken over what was in this slot of the listener."""
        self._left.append(slot)

    def unwanted(self, flow: int) -> None:
        """The flow's payloads tell nothing more."""
        self._unwanted.append(flow)

    def _settle(self) -> None:
        """What the engine said is done. Flows first: a row that is used again is another flow's."""
        while self._unwanted:
            self.table.unwanted(self._unwanted.popleft())
        while self._left and self.listener is not None:
            self.listener.free(self._left.popleft())
        released = [self._released.popleft() for _ in range(len(self._released))]
        self.table.release(released)

    # --- packets

    def _told(self, data: bytes | memoryview, first: int, times: Ints, moments: list[int]) -> Iterator[Rows]:
        """What the table was told since the last call, some thousand rows at a time; `moments` are `times`."""
        if self.listener is None:
            for rows in self.table.told():
                yield Rows(rows, None, data, first, moments)
            return
        for rows, text in self.listener.hear(np.frombuffer(data, np.int8), first, times):
            yield Rows(rows, text, data, first, moments)

    def _odd(self, chunk: Chunk, packet: int, at: Moment) -> Iterator[Telling]:
        """A packet that the kernel left: tunnels, fragments, rare links, faults."""
        yield from self._expire_fragments(at.ns)
        frame = decode_frame(chunk.linktype, chunk.packet(packet), int(chunk.wires[packet]))
        yield from self._frame(frame, frame.vlans, 1, at)
        if frame.skipped:
            yield Count(frame.skipped, 1)
        if frame.arp is not None:
            yield Arp(frame.arp, frame.vlans, at)

    def _frame(self, frame: Frame, vlans: tuple[int, ...], packets: int, at: Moment) -> Iterator[Telling]:
        for segment in frame.segments:
            yield from self._segment(segment, vlans, packets, at)
        for fragment in frame.fragments:
            yield from self._fragment(fragment, vlans, at)
        if frame.fault is not None:
            yield Fault(frame.fault, at)

    def _segment(self, segment: Segment, vlans: tuple[int, ...], packets: int, at: Moment) -> Iterator[Telling]:
        if self._marked:
            self._odd_marks.add(mark_of(*segment[:5]))
        flow, side = self.table.enter(segment, vlans, packets, at)
        if self.table.heads[kernel.TOLD]:
            yield from self._told(b"", at.position, np.array([at.ns]), [at.ns])
        row = self.table.row(flow)
        begun, talk = Moment(row[kernel.BEGUN], row[kernel.BEGUN_NS]), row[kernel.TALK]
        if talk > 0 or talk == UNKNOWN:
            self.table.flows[flow, kernel.TALK] = ENGINE_ALL if begun == at else ENGINE
        yield Met(flow, side, segment, vlans, row[kernel.FIRST_BYTE + side], talk, begun, at)

    def _fragment(self, fragment: Fragment, vlans: tuple[int, ...], at: Moment) -> Iterator[Telling]:
        if self._marked:
            self._odd_marks.add(mark_of(*fragment.key[:2], FRAGMENTS, 0, 0))
        complete = self._fragments.add(fragment, at)
        if complete is not None:
            datagram, payload = complete
            if datagram.overlap:
                yield Fault(Undecodable("ip", fragment.offset, "fragments_overlap"), at)
            frame = decode_datagram(datagram.first, payload, datagram.wire_bytes)
            yield from self._frame(frame, vlans, datagram.packets, at)

    def _incomplete(self, datagram: Datagram) -> Iterator[Telling]:
        yield Count("fragments_incomplete", datagram.packets)
        fault = Undecodable("ip", datagram.first.offset, "fragments_incomplete")
        yield Fault(fault, datagram.begun, _INCOMPLETE + datagram.first.depth)

    def _expire_fragments(self, ns: int) -> Iterator[Telling]:
        for datagram in self._fragments.expired(ns):
            yield from self._incomplete(datagram)

    def _counted(self) -> Iterator[Count]:
        evicted, self._evicted = self.table.evicted - self._evicted, self.table.evicted
        if evicted:
            yield Count("flows_evicted", evicted)
