"""Packets in, ECS events out: the native sensor. One engine reads one source from its first packet on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from typing import NamedTuple

from sensors.base import Origin
from sensors.decode.address import ICMP, ICMPV6, TCP, UDP
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Fragment, Frame, Segment, decode_datagram, decode_frame
from sensors.document import Scribe
from sensors.flows import ACK, ACTIVE_NS, FIN, RST, SYN, Flow, FlowTable
from sensors.fragments import Datagram, Reassembly
from sensors.streams import Budget, Moment
from sensors.talks.icmp import IcmpTalk
from sensors.talks.recognise import recognise_datagram
from sensors.talks.stream import Stream
from sensors.talks.talk import Become, Expect, Left, Talk
from vonggac.domain.event import Document

#: UDP payloads looked at before a flow's protocol is left unknown.
MAX_UDP_TRIES = 4

#: Announced connections remembered at a time; the oldest is forgotten.
MAX_EXPECTED = 4_096

#: Ordinals of anomalies that are told when a flow ends or a datagram is given up, at the packet where it began.
_AT_END = 1 << 20
_INCOMPLETE = 1 << 21


class Packet(NamedTuple):
    """One captured packet. `position` counts from 0 in its source; `ns` is its time since 1970."""

    position: int
    ns: int
    linktype: int
    data: bytes
    wire_length: int


class Engine:
    """Feed packets in order, `take` events, `finish` once. `counts` says what was not decoded, by reason."""

    def __init__(self, origin: Origin, fingerprint: str) -> None:
        self._scribe = Scribe(origin, fingerprint)
        self._flows = FlowTable()
        self._fragments = Reassembly()
        self._budget = Budget()
        self._expected: dict[tuple[bytes, int], Callable[[], Talk]] = {}
        self._events: list[Document] = []
        self._anomalies = (-1, -1)  # (packet index, ordinal) of the last anomaly
        self._second = -1
        self._now_ns = 0
        self.counts: Counter[str] = Counter()

    def feed(self, packet: Packet) -> None:
        at = Moment(packet.position, packet.ns)
        self.pass_time(packet.ns)
        frame = decode_frame(packet.linktype, packet.data, packet.wire_length)
        self._frame(frame, frame.vlans, 1, at)
        if frame.skipped:
            self.counts[frame.skipped] += 1

    def pass_time(self, ns: int) -> None:
        """It is (at least) this late: what has idled for too long by now ends. Looked at once a second."""
        self._now_ns = max(self._now_ns, ns)
        if self._now_ns // 1_000_000_000 != self._second:
            self._second = self._now_ns // 1_000_000_000
            self._expire()

    @property
    def waiting(self) -> bool:
        """Whether there are events to take."""
        return bool(self._events)

    def take(self) -> list[Document]:
        """The events found since the last call."""
        events, self._events = self._events, []
        return events

    def finish(self) -> None:
        """The input has ended: every open flow and datagram is reported as it is."""
        for datagram in self._fragments.finish():
            self._incomplete(datagram)
        for flow in self._flows.finish():
            self._end(flow, "end-of-input")

    def _frame(self, frame: Frame, vlans: tuple[int, ...], packets: int, at: Moment) -> None:
        for segment in frame.segments:
            self._segment(segment, vlans, packets, at)
        for fragment in frame.fragments:
            self._fragment(fragment, vlans, at)
        if frame.fault is not None:
            self._anomaly(at, frame.fault, None)

    def _fragment(self, fragment: Fragment, vlans: tuple[int, ...], at: Moment) -> None:
        complete = self._fragments.add(fragment, at)
        if complete is not None:
            datagram, payload = complete
            if datagram.overlap:
                self._anomaly(at, Undecodable("ip", fragment.offset, "fragments_overlap"), None)
            frame = decode_datagram(datagram.first, payload, datagram.wire_bytes)
            self._frame(frame, vlans, datagram.packets, at)

    def _incomplete(self, datagram: Datagram) -> None:
        self.counts["fragments_incomplete"] += datagram.packets
        fault = Undecodable("ip", datagram.first.offset, "fragments_incomplete")
        self._anomaly(datagram.begun, fault, None, _INCOMPLETE + datagram.first.depth)

    def _segment(self, segment: Segment, vlans: tuple[int, ...], packets: int, at: Moment) -> None:
        found = self._flows.find(segment)
        if found is not None and _starts_anew(found[0], segment):
            self._flows.remove(found[0])
            self._end(found[0], "closed")
            found = None
        if found is None:
            flow, side = self._flows.open(segment, at)
            flow.id = self._scribe.id(at.ns, at.position, "flow", segment.depth)
            flow.vlans = vlans
            for surplus in self._flows.surplus():
                self.counts["flows_evicted"] += 1
                self._end(surplus, "evicted")
        else:
            flow, side = found
            if at.ns - flow.begun.ns > ACTIVE_NS:
                self._report_active(flow, at)
        flow.packets[side] += packets
        flow.bytes[side] += segment.size
        flow.last_ns = max(flow.last_ns, at.ns)
        try:
            self._payload(flow, side, segment, at)
        except Undecodable as fault:
            self._anomaly(at, fault, flow)
        self._flows.touch(flow)

    def _payload(self, flow: Flow, side: int, segment: Segment, at: Moment) -> None:
        if segment.protocol == TCP:
            self._tcp(flow, side, segment, at)
        elif segment.protocol == UDP:
            if segment.payload and not segment.missing:
                self._udp(flow, side, segment, at)
        elif segment.protocol in (ICMP, ICMPV6):
            if flow.talk is None:
                flow.talk = IcmpTalk(4 if segment.protocol == ICMP else 6)
            self._emit(flow, flow.talk.data(side, segment.payload, at))

    def _tcp(self, flow: Flow, side: int, segment: Segment, at: Moment) -> None:
        flags, seq = segment.flags, segment.seq
        flow.flags[side] |= flags
        if flags & RST and flow.rst_by < 0:
            flow.rst_by = side
        if flow.stream is None:
            flow.stream = Stream(self._budget, self._expected_talk(flow))
        stream = flow.stream
        if stream.done:
            return
        if flags & SYN:
            stream.begin(side, seq + 1)
            seq = seq + 1 & 0xFFFFFFFF
        if segment.payload or segment.missing:
            try:
                self._emit(flow, stream.push(side, segment, seq, at))
            except Undecodable:
                self._emit(flow, stream.close(False))
                raise
            finally:
                flow.application = stream.application

    def _udp(self, flow: Flow, side: int, segment: Segment, at: Moment) -> None:
        if flow.talk is None:
            if flow.application or flow.packets[0] + flow.packets[1] > MAX_UDP_TRIES:
                return
            verdict = recognise_datagram(segment.payload, segment.sport, segment.dport)
            flow.application = verdict.label
            if verdict.talk is None:
                return
            flow.talk = verdict.talk()
        self._emit(flow, flow.talk.data(side, segment.payload, at))
        flow.application = flow.talk.name

    def _expire(self) -> None:
        for flow, reason in self._flows.idle(self._now_ns):
            self._end(flow, reason)
        for datagram in self._fragments.expired(self._now_ns):
            self._incomplete(datagram)

    def _report_active(self, flow: Flow, at: Moment) -> None:
        """A long flow so far; what follows counts as the next part of it, with an id of its own."""
        self._events.append(self._scribe.flow(flow, "active"))
        flow.begun = at
        flow.id = self._scribe.id(at.ns, at.position, "flow", flow.depth)
        flow.packets, flow.bytes = [0, 0], [0, 0]

    def _end(self, flow: Flow, reason: str) -> None:
        at = Moment(flow.begun.position, flow.last_ns)
        try:
            if flow.stream is not None and not flow.stream.done:
                self._emit(flow, flow.stream.finish(bool(flow.flags[1] & FIN)))
            elif flow.talk is not None:
                self._emit(flow, flow.talk.close(True))
        except Undecodable as fault:
            self._anomaly(at, fault, flow, _AT_END + flow.depth)
            if flow.stream is not None:
                self._emit(flow, flow.stream.close(False))
        if flow.stream is not None:
            flow.application = flow.stream.application
        self._events.append(self._scribe.flow(flow, reason))

    def _expected_talk(self, flow: Flow) -> Talk | None:
        make = self._expected.pop((flow.dst, flow.dport), None)
        return make() if make else None

    def _expect(self, flow: Flow, expect: Expect) -> None:
        address = expect.address or (flow.dst if expect.side else flow.src)
        self._expected[address, expect.port] = expect.talk
        if len(self._expected) > MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def _emit(self, flow: Flow, found: Iterable[Left]) -> None:
        for thing in found:
            if isinstance(thing, Expect):
                self._expect(flow, thing)
                continue
            if isinstance(thing, Become):
                continue  # a datagram flow has no rest to hand on
            if flow.stream is not None:
                flow.application = flow.stream.application
            elif flow.talk is not None:
                flow.application = flow.talk.name
            self._events.append(self._scribe.found(flow, thing))

    def _anomaly(self, at: Moment, fault: Undecodable, flow: Flow | None, ordinal: int | None = None) -> None:
        """Report a fault. Those told later than their packet bring an ordinal that no other anomaly there can have."""
        if ordinal is None:
            position, last = self._anomalies
            ordinal = last + 1 if position == at.position else 0
            self._anomalies = (at.position, ordinal)
        self.counts[f"{fault.layer}.{fault.reason}"] += 1
        self._events.append(self._scribe.anomaly(at, ordinal, fault.layer, fault.offset, fault.reason, flow))


def _starts_anew(flow: Flow, segment: Segment) -> bool:
    """Whether a segment of a known flow's endpoints opens the next connection between them."""
    if segment.protocol != TCP or segment.flags & (SYN | ACK | RST | FIN) != SYN:
        return False
    return flow.closed or (segment.seq != flow.first_seq and bool(flow.flags[1] & SYN))
