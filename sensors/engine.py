"""Packets in, ECS events out: the native sensor. One engine reads one source from its first packet on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import numpy as np

from sensors import kernel
from sensors.base import Origin
from sensors.chunk import Chunk
from sensors.decode.address import ICMP, ICMPV6, TCP, UDP
from sensors.decode.arp import arp_fields
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Fragment, Frame, Segment, decode_datagram, decode_frame
from sensors.document import Scribe
from sensors.flows import FIN, FRAGMENTS, REASONS, SYN, Flow, FlowTable, Row, mark_of
from sensors.loops import world
from sensors.loops.octets import Ints
from sensors.loops.slots import SILENT, UNKNOWN
from sensors.fragments import Datagram, Reassembly
from sensors.streams import Budget, Moment
from sensors.talks.icmp import IcmpTalk
from sensors.talks.recognise import recognise_datagram
from sensors.talks.stream import Stream
from sensors.talks.talk import Become, Expect, Left, Talk

#: Events that may wait to be taken.
MAX_EVENTS = 8_192
#: UDP payloads looked at before a flow's protocol is left unknown.
MAX_UDP_TRIES = 4

#: What a flow may tell: so many things, and one more for each packet or for so many bytes of it. Past that it is a
#: flood of tiny messages: it is no longer listened to, and that is told.
FREE_TELLINGS = 64
BYTES_PER_TELLING = 96
#: Announced connections remembered at a time; the oldest is forgotten.
MAX_EXPECTED = 4_096

#: Ordinals of anomalies that are told when a flow ends or a datagram is given up, at the packet where it began.
_AT_END = 1 << 20
_INCOMPLETE = 1 << 21
_NO_TIMES = np.zeros(0, np.int64)


#: A flow's event as the listener wrote it, in two parts: network.protocol goes between.
Line = tuple[bytes, bytes]


def _line(text: bytes, row: Row) -> Line | None:
    """The event that a row tells of, where it is written."""
    _, _, _, begin, hole, end, *_ = row
    hole = end if hole < 0 else hole
    return None if begin < 0 else (text[begin:hole], text[hole:end])


class Engine:
    """Feed chunks in order, `take` events, `finish` once. `counts` says what was not decoded, by reason.

    `feed` and `finish` are to be iterated to their end: they stop where MAX_EVENTS wait to be taken, since a hundred
    thousand flows can end in one second.

    The kernel goes through the packets; what it tells of them is followed here, in their order. `loops` are its
    functions, plain or compiled: they may be changed between two chunks.
    """

    def __init__(self, origin: Origin, fingerprint: str, loops: Any = kernel) -> None:
        self._scribe = Scribe(origin, fingerprint)
        self._table = FlowTable(loops=loops)
        self._listener: Listener | None = None  # with compiled loops
        self._parts: list[bytes] = []  # of a line that the listener has not told to its end
        self._flows: dict[int, Flow] = {}  # those of which more is known than their row tells
        self._fragments = Reassembly()
        self._budget = Budget()
        self._expected: dict[tuple[bytes, int], Callable[[], Talk]] = {}
        self.segment = ""  # hash of the chunk fed last
        self._events: list[bytes] = []
        self._odd_marks: set[int] = set()
        self._anomalies = (-1, -1)  # (packet index, ordinal) of the last anomaly
        self._counts: Counter[str] = Counter()
        self._evicted = 0
        self.use(loops)

    def use(self, loops: Any) -> None:
        """Go on with these loops. With compiled ones, common talks are heard there from now on."""
        self._table.loops = loops
        if self._listener is None and hasattr(loops, "listen"):
            from sensors.listener import Listener

            self._listener = Listener(self._table, self._scribe, loops)
            for number in self._flows:
                self._listener.is_engines(number, entirely=True)

    def feed(self, chunk: Chunk) -> Iterator[None]:
        self.segment = chunk.sha256
        self._scribe.enter_segment(chunk.first, self.segment)
        if self._listener is not None:
            self._listener.enter_segment(chunk.first, self.segment)
        self._odd_marks.clear()
        at = 0
        while at < chunk.packets:
            stop = self._table.run(chunk, at)
            for _ in self._attend(chunk.data, chunk.first, chunk.times):
                if len(self._events) >= MAX_EVENTS:
                    yield
            at = -stop - 1 if stop < 0 else stop
            if 0 <= stop < chunk.packets:
                self._odd(chunk, at, Moment(chunk.first + at, int(chunk.times[at])))
                at += 1

    def pass_time(self, ns: int) -> None:
        """It is (at least) this late: what has idled for too long by now ends."""
        self._table.pass_time(ns)
        for _ in self._attend(b"", 0, np.array([ns])):
            pass
        self._expire_fragments(ns)

    def marks(self, packets: int) -> set[int]:
        """The marks of the flows and of the fragmented datagrams of the last chunk, which had so many packets."""
        return {*self._table.marks[:packets].tolist(), *self._odd_marks} - {0}

    def note(self, reason: str) -> None:
        """Something to count for the closing summary."""
        self._counts[reason] += 1

    @property
    def counts(self) -> Counter[str]:
        """What was not decoded or lost since the last call, by reason."""
        evicted, self._evicted = self._table.evicted - self._evicted, self._table.evicted
        if evicted:
            self._counts["flows_evicted"] += evicted
        counts, self._counts = self._counts, Counter()
        return counts

    @property
    def open_flows(self) -> int:
        return len(self._table)

    @property
    def waiting(self) -> bool:
        """Whether there are events to take."""
        return bool(self._events)

    def take(self) -> list[bytes]:
        """The events found since the last call, as JSON lines."""
        events, self._events = self._events, []
        return events

    def finish(self) -> Iterator[None]:
        """The input has ended: every open flow and datagram is reported as it is."""
        for datagram in self._fragments.finish():
            self._incomplete(datagram)
        for _ in self._table.finish():
            for _ in self._attend(b"", 0, _NO_TIMES):
                if len(self._events) >= MAX_EVENTS:
                    yield

    def _attend(self, data: bytes, first: int, times: Ints) -> Iterator[None]:
        """Follow what the table was told, some of it at a time."""
        if self._listener is None:
            moments: list[int] = times.tolist()
            for rows in self._table.told():
                self._follow(rows, data, first, moments)
                yield
            return
        for rows, text in self._listener.hear(np.frombuffer(data, np.int8), first, times):
            self._follow_heard(rows, text, data, first, times)
            yield

    def _follow_heard(self, rows: list[Row], text: bytes, data: bytes, first: int, times: Ints) -> None:
        """What the listener told: lines and parts of lines that are written, and what is left to be heard here."""
        events = self._events
        for row in rows:
            kind, number = row[0], row[1]
            if kind == world.T_LINE:
                line = text[row[2] : row[3]]
                if self._parts:
                    line = b"".join((*self._parts, line))
                    self._parts.clear()
                events.append(line)
            elif kind == world.T_PART:
                _, _, what, begin, end, about, size, *_ = row
                self._parts += (text[begin:end], self._listener.fragments[what](text[about : about + size]))
            elif kind == world.T_DATA:
                _, _, side, packet, offset, length, missing, seq, first_byte = row
                payload = data[offset : offset + length]
                at = Moment(first + packet, int(times[packet]))
                self._payload(number, side, payload, missing, seq, first_byte, at)
            elif kind == world.T_END:
                self._end(number, REASONS[row[2]], _line(text, row))
                self._table.release(number)
            elif kind == world.T_ACTIVE:
                copy, packet = row[6], row[7]
                self._report_active(number, copy, Moment(first + packet, int(times[packet])), _line(text, row))
                self._table.release(copy)
            elif kind == world.T_BODY:
                _, _, handle, offset, size, *_ = row
                self._listener.bodies.add(handle, data[offset : offset + size])
            else:
                self._take_over(number, row[2])

    def _follow(self, rows: list[Row], data: bytes, first: int, times: list[int]) -> None:
        """What the kernel told, in packet order."""
        for kind, number, detail, packet, offset, length, missing, seq, first_byte in rows:
            if kind == kernel.DATA:
                at = Moment(first + packet, times[packet])
                self._payload(number, detail, data[offset : offset + length], missing, seq, first_byte, at)
            elif kind == kernel.END:
                self._end(number, REASONS[detail])
                self._table.release(number)
            else:
                self._report_active(number, detail, Moment(first + packet, times[packet]))
                self._table.release(detail)

    def _open(self, number: int) -> Flow:
        """What is known of a flow from its row alone, from now on kept."""
        self._flows[number] = flow = self._flow(self._table.row(number), number)
        return flow

    def _flow(self, row: Row, number: int) -> Flow:
        flow = Flow(row, self._table.key(number))
        flow.allowance = FREE_TELLINGS * BYTES_PER_TELLING
        flow.id = self._scribe.id(flow.begun.ns, flow.begun.position, "flow", flow.depth)
        return flow

    def _odd(self, chunk: Chunk, packet: int, at: Moment) -> None:
        """A packet that the kernel left: tunnels, fragments, rare links, faults."""
        start = int(chunk.starts[packet])
        data = chunk.data[start : start + int(chunk.lengths[packet])]
        self._expire_fragments(at.ns)
        frame = decode_frame(chunk.linktype, data, int(chunk.wires[packet]))
        self._frame(frame, frame.vlans, 1, at)
        if frame.skipped:
            self._counts[frame.skipped] += 1
        if frame.arp:
            self._arp(frame, at)

    def _frame(self, frame: Frame, vlans: tuple[int, ...], packets: int, at: Moment) -> None:
        for segment in frame.segments:
            self._segment(segment, vlans, packets, at)
        for fragment in frame.fragments:
            self._fragment(fragment, vlans, at)
        if frame.fault is not None:
            self._anomaly(at, frame.fault, None)

    def _arp(self, frame: Frame, at: Moment) -> None:
        try:
            fields = arp_fields(frame.arp)
        except Undecodable as fault:
            self._anomaly(at, fault, None)
        else:
            self._events.append(self._scribe.packet("arp", at, fields, frame.vlans))

    def _fragment(self, fragment: Fragment, vlans: tuple[int, ...], at: Moment) -> None:
        src, dst = fragment.key[:2]
        self._odd_marks.add(mark_of(src, dst, FRAGMENTS, 0, 0))
        complete = self._fragments.add(fragment, at)
        if complete is not None:
            datagram, payload = complete
            if datagram.overlap:
                self._anomaly(at, Undecodable("ip", fragment.offset, "fragments_overlap"), None)
            frame = decode_datagram(datagram.first, payload, datagram.wire_bytes)
            self._frame(frame, vlans, datagram.packets, at)

    def _incomplete(self, datagram: Datagram) -> None:
        self._counts["fragments_incomplete"] += datagram.packets
        fault = Undecodable("ip", datagram.first.offset, "fragments_incomplete")
        self._anomaly(datagram.begun, fault, None, _INCOMPLETE + datagram.first.depth)

    def _segment(self, segment: Segment, vlans: tuple[int, ...], packets: int, at: Moment) -> None:
        self._odd_marks.add(mark_of(*segment[:5]))
        number, side = self._table.enter(segment, vlans, packets, at)
        for _ in self._attend(b"", at.position, np.array([at.ns])):
            pass
        if self._listener is not None and not self._engages(number):
            return
        flow = self._flows.get(number)
        if flow is None:
            flow = self._open(number)
            if flow.begun == at:
                flow.vlans, flow.outer = vlans, segment.outer
                if self._listener is not None:
                    self._listener.is_engines(number, entirely=True)
        if segment.payload or segment.missing:
            seq = segment.seq + 1 & 0xFFFFFFFF if segment.flags & SYN else segment.seq
            first_byte = self._table.first_byte(number, side)
            self._payload(number, side, segment.payload, segment.missing, seq, first_byte, at)

    def _engages(self, number: int) -> bool:
        """From here on the flow is heard here, whoever heard it before; False where there is nothing more to hear."""
        talk = self._listener.talk_of(number)
        if talk > 0:
            self._take_over(number, talk - 1)
        elif talk == UNKNOWN:
            self._listener.is_engines(number, entirely=False)
        return talk != SILENT

    def _take_over(self, number: int, slot: int) -> None:
        """A talk that the listener had goes on here."""
        flow = self._open(number)
        talk, flow.stream, flow.allowance = self._listener.take_over(slot, self._budget)
        if flow.stream is None:
            flow.talk = talk

    def _payload(
        self, number: int, side: int, payload: bytes, missing: int, seq: int, first_byte: int, at: Moment
    ) -> None:
        flow = self._flows.get(number) or self._open(number)
        if not flow.deaf:
            flow.allowance += max(BYTES_PER_TELLING, len(payload))
            self._data(number, flow, side, payload, missing, seq, first_byte, at)

    def _data(
        self, number: int, flow: Flow, side: int, payload: bytes, missing: int, seq: int, first_byte: int, at: Moment
    ) -> None:
        try:
            if flow.protocol == TCP:
                wanted = self._tcp(flow, side, payload, missing, seq, first_byte, at)
            elif flow.protocol == UDP:
                wanted = not payload or missing > 0 or self._udp(flow, side, payload, at)
            elif flow.protocol in (ICMP, ICMPV6):
                if flow.talk is None:
                    flow.talk = IcmpTalk(4 if flow.protocol == ICMP else 6)
                self._emit(flow, flow.talk.data(side, payload, at))
                wanted = True
            else:
                wanted = False
        except Undecodable as fault:
            wanted = flow.protocol != TCP and flow.allowance >= 0
            self._anomaly(at, fault, flow)
        if not wanted:
            flow.deaf = True
            self._table.unwanted(number)

    def _tcp(self, flow: Flow, side: int, payload: bytes, missing: int, seq: int, first_byte: int, at: Moment) -> bool:
        """Whether more of the stream is wanted."""
        stream = flow.stream
        if stream is None:
            flow.stream = stream = Stream(self._budget, self._expected_talk(flow))
        if stream.done:
            return False
        if first_byte >= 0:
            stream.begin(side, first_byte)
        try:
            self._emit(flow, stream.push(side, payload, missing, seq, at))
        except Undecodable:
            if not stream.done:
                self._emit(flow, stream.close(False))
            raise
        return not stream.done

    def _udp(self, flow: Flow, side: int, payload: bytes, at: Moment) -> bool:
        """Whether more of the flow's datagrams are wanted."""
        if flow.talk is not None:
            self._emit(flow, flow.talk.data(side, payload, at))
            return not flow.talk.done
        if flow.label or flow.tries >= MAX_UDP_TRIES:
            return False
        flow.tries += 1
        verdict = recognise_datagram(payload, flow.sport, flow.dport)
        flow.label = verdict.label
        if verdict.talk is None:
            return not flow.label
        flow.talk = verdict.talk()
        try:
            self._emit(flow, flow.talk.data(side, payload, at))
        except Undecodable:
            flow.talk = None  # it only looked like it
            raise
        return not flow.talk.done

    def _expire_fragments(self, ns: int) -> None:
        for datagram in self._fragments.expired(ns):
            self._incomplete(datagram)

    def _report_active(self, number: int, copy: int, at: Moment, line: Line | None = None) -> None:
        """A long flow so far; what follows counts as the next part of it, with an id of its own."""
        flow = self._flows.get(number)
        row = self._table.row(copy)
        self._events.append(self._flow_line(flow or self._flow(row, copy), row, "active", line))
        if flow is not None:
            flow.begun = at
            flow.id = self._scribe.id(at.ns, at.position, "flow", flow.depth)

    def _end(self, number: int, reason: str, line: Line | None = None) -> None:
        """The flow ended. Its event is `line`, where the listener has written it."""
        flow = self._flows.pop(number, None)
        if flow is None and line is not None:
            self._events.append(line[0] + line[1])
            return
        row = self._table.row(number)
        flow = flow or self._flow(row, number)
        at = Moment(flow.begun.position, row[kernel.LAST_NS])
        try:
            if flow.stream is not None:
                if not flow.stream.done:
                    self._emit(flow, flow.stream.finish(bool(row[kernel.FLAGS + 1] & FIN)))
            elif flow.talk is not None:
                self._emit(flow, flow.talk.close(True))
        except Undecodable as fault:
            self._anomaly(at, fault, flow, _AT_END + flow.depth)
            if flow.stream is not None and not flow.stream.done:
                self._emit(flow, flow.stream.close(False))
        self._events.append(self._flow_line(flow, row, reason, line))

    def _flow_line(self, flow: Flow, row: Row, reason: str, line: Line | None) -> bytes:
        if line is None:
            return self._scribe.flow(flow, row, reason)
        application = flow.application
        return line[0] + (b',"protocol":"%b"' % application.encode() if application else b"") + line[1]

    def _expected_talk(self, flow: Flow) -> Talk | None:
        make = self._expected.pop((flow.dst, flow.dport), None)
        return make() if make else None

    def _expect(self, flow: Flow, expect: Expect) -> None:
        address = expect.address or (flow.dst if expect.side else flow.src)
        self._expected[address, expect.port] = expect.talk
        if len(self._expected) > MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def _emit(self, flow: Flow, found: Iterable[Left]) -> None:
        """Raises Undecodable when the flow tells more than it may; then it has stopped."""
        for thing in found:
            if isinstance(thing, Expect):
                self._expect(flow, thing)
            elif not isinstance(thing, Become):  # a datagram flow has no rest to hand on
                self._events.append(self._scribe.found(flow, thing))
                flow.allowance -= BYTES_PER_TELLING
                if flow.allowance < 0:
                    flow.hush()
                    raise Undecodable("flow", 0, "too_many_messages")

    def _anomaly(self, at: Moment, fault: Undecodable, flow: Flow | None, ordinal: int | None = None) -> None:
        """Report a fault. Those told later than their packet bring an ordinal that no other anomaly there can have."""
        if ordinal is None:
            position, last = self._anomalies
            ordinal = last + 1 if position == at.position else 0
            self._anomalies = (at.position, ordinal)
        self._counts[f"{fault.layer}.{fault.reason}"] += 1
        self._events.append(self._scribe.anomaly(at, ordinal, fault.layer, fault.offset, fault.reason, flow))
