"""What packets told, made into ECS events: the half of the native sensor that knows protocols."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable

from sensors import kernel
from sensors.decode.address import ICMP, ICMPV6, TCP, UDP
from sensors.decode.arp import arp_fields
from sensors.decode.fault import Undecodable
from sensors.document import Scribe
from sensors.flows import ACK, FIN, REASONS, SYN, Flow, Row
from sensors.inlays import Inlays
from sensors.loops import world
from sensors.loops.slots import SILENT
from sensors.sorter import Arp, Fault, Met, Rows, Sorter, Telling
from sensors.streams import Budget, Moment
from sensors.takeover.ftp import Transfers
from sensors.takeover.talks import take_over
from sensors.talks.icmp import IcmpTalk
from sensors.talks.recognise import recognise_datagram
from sensors.talks.stream import Stream
from sensors.talks.talk import Expect, Found, Left, Talk
from vonggac.lines import Lines

#: UDP payloads looked at before a flow's protocol is left unknown.
MAX_UDP_TRIES = 4

#: What a flow may tell: so many things, and one more for each packet or for so many bytes of it. Past that it is a
#: flood of tiny messages: it is no longer listened to, and that is told.
FREE_TELLINGS = 64
BYTES_PER_TELLING = 96
#: Announced connections remembered at a time; the oldest is forgotten.
MAX_EXPECTED = 4_096

#: Ordinal of an anomaly that is told when a flow ends, at the packet where it began.
_AT_END = 1 << 20


#: A flow's event as the listener wrote it, in two parts: network.protocol goes between.
Line = tuple[bytes, bytes]


def _line(text: bytes, row: Row) -> Line | None:
    """The event that a row tells of, where it is written."""
    begin, hole, end = row[3:6]
    return None if begin < 0 else (text[begin:hole], text[hole:end])


class Engine:
    """Makes events of what a sorter tells: `follow` each telling in order, `take` the events.

    `counts` says what was not decoded, by reason.
    """

    def __init__(self, scribe: Scribe, sorter: Sorter) -> None:
        self._scribe = scribe
        self._sorter = sorter
        self._table = sorter.table  # rows of flows are read here, and changed by the sorter only
        self._inlays = Inlays()
        self._transfers = Transfers()
        self._flows: dict[int, Flow] = {}  # those of which more is known than their row tells
        self._budget = Budget()
        self._expected: dict[tuple[bytes, int], Callable[[], Talk]] = {}
        self._events: list[bytes] = []  # a line, or some with ends between
        self._more = 0  # lines beyond one in each
        self._anomalies = (-1, -1)  # (packet index, ordinal) of the last anomaly
        self._counts: Counter[str] = Counter()

    def enter_segment(self, first: int, sha256: str) -> None:
        """What begins from this position on begins in this segment."""
        self._scribe.enter_segment(first, sha256)

    def follow(self, telling: Telling) -> None:
        if isinstance(telling, Rows):
            if telling.text is None:
                self._follow_kernel(telling)
            else:
                self._follow_listener(telling, telling.text)
        elif isinstance(telling, Met):
            self._meet(telling)
        elif isinstance(telling, Arp):
            self._arp(telling)
        elif isinstance(telling, Fault):
            self._anomaly(telling.at, telling.fault, None, telling.ordinal)
        else:
            self._counts[telling.reason] += telling.number

    def note(self, reason: str) -> None:
        """Something to count for the closing summary."""
        self._counts[reason] += 1

    @property
    def counts(self) -> Counter[str]:
        """What was not decoded or lost since the last call, by reason."""
        counts, self._counts = self._counts, Counter()
        return counts

    @property
    def waiting(self) -> int:
        """How many events there are to take."""
        return len(self._events) + self._more

    def take(self) -> Lines:
        """The events found since the last call."""
        events = Lines(self._events, self.waiting)
        self._events, self._more = [], 0
        return events

    def _follow_listener(self, told: Rows, text: bytes) -> None:
        """Lines that are written but for their holes, and what is left to be heard here."""
        rows, _, data, first, times = told
        flows, inlays = self._flows, self._inlays
        for row in rows:
            kind, number = row[0], row[1]
            if kind == world.T_DATA:
                flow = flows.get(number) or self._open(number)
                if flow.deaf:
                    continue
                _, _, side, packet, offset, length, missing, seq, first_byte, ack = row
                payload, at = bytes(data[offset : offset + length]), Moment(first + packet, times[packet])
                self._payload(number, flow, side, payload, missing, seq, first_byte, ack, at)
            elif kind == world.T_LINE:
                self._events.append(inlays.fill(text[row[2] : row[3]]))
                self._more += row[4] - 1
            elif kind == world.T_BODY:
                inlays.bodies.add(number, text[row[2] : row[3]])
            elif kind == world.T_OPEN:
                self._open(number, Moment(row[2], row[3]))
            elif kind == world.T_LEAVE:
                self._take_over(number, row[2], Moment(row[3], row[4]))
            elif kind == world.T_END:
                self._end(number, REASONS[row[2]], _line(text, row))
            elif kind == world.T_ARP:
                _, _, vlan, inner, packet, offset, size, *_ = row
                vlans = tuple(tag for tag in (vlan, inner) if tag >= 0)
                self._arp(Arp(bytes(data[offset : offset + size]), vlans, Moment(first + packet, times[packet])))
            elif kind in (world.T_EXPECT, world.T_TRANSFER):
                for expected in self._transfers.follow(row, text):
                    self._expect(*expected)
            else:
                copy, packet = row[6], row[7]
                self._report_active(number, copy, Moment(first + packet, times[packet]), _line(text, row))

    def _follow_kernel(self, told: Rows) -> None:
        """What the plain kernel told, in packet order."""
        rows, _, data, first, times = told
        flows = self._flows
        for kind, number, detail, packet, offset, length, missing, seq, first_byte, ack in rows:
            if kind == kernel.DATA:
                flow = flows.get(number) or self._open(number)
                if flow.deaf:
                    continue
                at = Moment(first + packet, times[packet])
                payload = bytes(data[offset : offset + length])
                self._payload(number, flow, detail, payload, missing, seq, first_byte, ack, at)
            elif kind == kernel.END:
                self._end(number, REASONS[detail])
            elif kind == kernel.ARP:
                vlans = tuple(tag for tag in (missing, seq) if tag >= 0)
                self._arp(Arp(bytes(data[offset : offset + length]), vlans, Moment(first + packet, times[packet])))
            else:
                self._report_active(number, detail, Moment(first + packet, times[packet]))

    def _open(self, number: int, begun: Moment | None = None) -> Flow:
        """What is known of a flow from its row alone, from now on kept."""
        self._flows[number] = flow = self._flow(number, begun)
        return flow

    def _flow(self, number: int, begun: Moment | None = None) -> Flow:
        flow = Flow(self._table.row(number), self._table.key(number))
        if begun is not None:
            flow.begun = begun
        flow.allowance = FREE_TELLINGS * BYTES_PER_TELLING
        return flow

    def _arp(self, arp: Arp) -> None:
        try:
            fields = arp_fields(arp.packet)
        except Undecodable as fault:
            self._anomaly(arp.at, fault, None)
        else:
            self._events.append(self._scribe.packet("arp", arp.at, fields, arp.vlans))

    def _meet(self, met: Met) -> None:
        """A segment that the frame decoder found. Whoever heard its flow before, from here on it is heard here."""
        if met.talk == SILENT:
            return
        if met.talk > 0:
            self._take_over(met.flow, met.talk - 1, met.begun)
        flow, segment = self._flows.get(met.flow), met.segment
        if flow is None:
            flow = self._open(met.flow, met.begun)
            if met.begun == met.at:
                flow.vlans, flow.outer = met.vlans, segment.outer
        if not flow.deaf and (segment.payload or segment.missing):
            seq = segment.seq + 1 & 0xFFFFFFFF if segment.flags & SYN else segment.seq
            ack = segment.ack if segment.flags & ACK else -1
            self._payload(met.flow, flow, met.side, segment.payload, segment.missing, seq, met.first_byte, ack, met.at)

    def _take_over(self, number: int, slot: int, begun: Moment) -> None:
        """A talk that the listener had goes on here."""
        flow = self._open(number, begun)
        taken = take_over(self._sorter.slot(slot), self._budget, self._inlays.bodies, self._transfers)
        flow.talk, flow.stream, flow.allowance = taken
        self._sorter.leave(slot)

    def _payload(
        self,
        number: int,
        flow: Flow,
        side: int,
        payload: bytes,
        missing: int,
        seq: int,
        first_byte: int,
        ack: int,
        at: Moment,
    ) -> None:
        flow.allowance += max(BYTES_PER_TELLING, len(payload))
        try:
            if flow.protocol == TCP:
                wanted = self._tcp(flow, side, payload, missing, seq, first_byte, ack, at)
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
            self._sorter.unwanted(number)

    def _tcp(
        self, flow: Flow, side: int, payload: bytes, missing: int, seq: int, first_byte: int, ack: int, at: Moment
    ) -> bool:
        """Whether more of the stream is wanted."""
        stream = flow.stream
        if stream is None:
            flow.stream = stream = Stream(self._budget, self._expected_talk(flow))
        if stream.done:
            return False
        try:
            self._emit(flow, stream.push(side, payload, missing, seq, first_byte, ack, at))
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

    def _report_active(self, number: int, copy: int, at: Moment, line: Line | None = None) -> None:
        """A long flow so far; what follows counts as the next part of it, with an id of its own."""
        flow = self._flows.get(number)
        row = self._table.row(copy)
        self._events.append(self._flow_line(flow or self._flow(copy), row, "active", line))
        if flow is not None:
            flow.begun = at
            flow.id = ""
        self._sorter.release(copy)

    def _end(self, number: int, reason: str, line: Line | None = None) -> None:
        """The flow ended. Its event is `line`, where the listener has written it."""
        flow = self._flows.pop(number, None) or self._flow(number)
        row = self._table.row(number)
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
        self._sorter.release(number)

    def _flow_line(self, flow: Flow, row: Row, reason: str, line: Line | None) -> bytes:
        if line is None:
            return self._scribe.flow(flow, row, reason)
        application = flow.application
        return line[0] + (b',"protocol":"%b"' % application.encode() if application else b"") + line[1]

    def _expected_talk(self, flow: Flow) -> Talk | None:
        make = self._expected.pop((flow.dst, flow.dport), None)
        return make() if make else None

    def _expect(self, address: bytes, port: int, talk: Callable[[], Talk]) -> None:
        self._expected[address, port] = talk
        if len(self._expected) > MAX_EXPECTED:
            del self._expected[next(iter(self._expected))]

    def _emit(self, flow: Flow, found: Iterable[Left]) -> None:
        """Raises Undecodable when the flow tells more than it may; then it has stopped."""
        for thing in found:
            if isinstance(thing, Found):
                self._events.append(self._scribe.found(flow, thing))
                flow.allowance -= BYTES_PER_TELLING
                if flow.allowance < 0:
                    flow.hush()
                    raise Undecodable("flow", 0, "too_many_messages")
            elif isinstance(thing, Expect):
                self._expect(thing.address or (flow.dst if thing.side else flow.src), thing.port, thing.talk)
            # And nothing for a Become: a datagram flow has no rest to hand on.

    def _anomaly(self, at: Moment, fault: Undecodable, flow: Flow | None, ordinal: int | None = None) -> None:
        """Report a fault. Those told later than their packet bring an ordinal that no other anomaly there can have."""
        if ordinal is None:
            position, last = self._anomalies
            ordinal = last + 1 if position == at.position else 0
            self._anomalies = (at.position, ordinal)
        self._counts[f"{fault.layer}.{fault.reason}"] += 1
        self._events.append(self._scribe.anomaly(at, ordinal, fault.layer, fault.offset, fault.reason, flow))
