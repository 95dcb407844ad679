"""Flows: packets of both directions between two endpoints, from the first to the end or a time-out."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterator
from functools import cached_property

from sensors.decode.address import ICMP, ICMP_PAIRS, ICMPV6, ICMPV6_PAIRS, TCP, UDP, community_id
from sensors.decode.frame import Segment
from sensors.streams import Moment
from sensors.talks.stream import Stream
from sensors.talks.talk import Talk

FIN, SYN, RST, ACK = 1, 2, 4, 16

#: Idle time after which a flow ends: TCP, TCP after its close, everything else.
TCP_IDLE_NS = 300 * 10**9
CLOSED_IDLE_NS = 10 * 10**9
OTHER_IDLE_NS = 60 * 10**9
#: A flow that never idles is reported at least this often.
ACTIVE_NS = 1_800 * 10**9
#: Flows held at a time; past it the one longest idle ends early, and is counted.
MAX_FLOWS = 131_072

Key = tuple[bytes, bytes, int, int, int]


class Flow:
    """One flow. Index 0 of each pair is the side that began it (`source`), 1 the other (`destination`)."""

    __dict__: dict[str, object]  # for cached_property

    def __init__(self, key: Key, segment: Segment, at: Moment) -> None:
        self.key = key
        self.src, self.dst, self.protocol, self.sport, self.dport = key
        self.depth = segment.depth
        self.outer = segment.outer
        self.begun = at
        self.last_ns = at.ns
        self.packets = [0, 0]
        self.bytes = [0, 0]
        self.flags = [0, 0]
        self.vlans: tuple[int, ...] = ()
        self.first_seq = segment.seq
        self.rst_by = -1
        self.application = ""
        self.stream: Stream | None = None
        self.talk: Talk | None = None
        self.id = ""

    @cached_property
    def community_id(self) -> str:
        paired = self.protocol not in (ICMP, ICMPV6) or self.replies_expected
        return community_id(self.src, self.dst, self.protocol, self.sport, self.dport, paired=paired)

    @property
    def replies_expected(self) -> bool:
        """For ICMP: whether the message type has an answer (then `dport` is the answer's type)."""
        return self.sport in (ICMP_PAIRS if self.protocol == ICMP else ICMPV6_PAIRS)

    @property
    def closed(self) -> bool:
        return self.rst_by >= 0 or bool(self.flags[0] & self.flags[1] & FIN)

    @property
    def tcp_state(self) -> str:
        """Zeek's connection states (conn.log `conn_state`), from the flags of both sides."""
        opener, other = self.flags
        if not opener & SYN:
            if other & SYN and other & ACK and other & RST:
                return "RSTRH"
            return "SHR" if other & SYN and other & FIN else "OTH"
        if not other & SYN:
            if self.rst_by == 1:
                return "REJ"
            if self.rst_by == 0:
                return "RSTOS0"
            return "SH" if opener & FIN else "S0" if not self.packets[1] else "OTH"
        if self.rst_by >= 0:
            return "RSTO" if self.rst_by == 0 else "RSTR"
        return {0: "S1", FIN: "S2"}.get(opener & FIN, "S2") if not other & FIN else "SF" if opener & FIN else "S3"


class FlowTable:
    """The open flows of one engine, found from either direction, ended by idleness in packet time."""

    def __init__(self, limit: int = MAX_FLOWS) -> None:
        self._limit = limit
        self._index: dict[Key, Flow] = {}
        self._tcp: OrderedDict[Key, None] = OrderedDict()
        self._closed: OrderedDict[Key, None] = OrderedDict()
        self._other: OrderedDict[Key, None] = OrderedDict()

    def __len__(self) -> int:
        return len(self._index)

    def find(self, segment: Segment) -> tuple[Flow, int] | None:
        """The open flow of this segment and which side sent it."""
        src, dst, protocol, sport, dport = segment[:5]
        flow = self._index.get((src, dst, protocol, sport, dport))
        if flow is not None:
            return flow, 0
        flow = self._index.get((dst, src, protocol, dport, sport))
        return None if flow is None else (flow, 1)

    def open(self, segment: Segment, at: Moment) -> tuple[Flow, int]:
        """A new flow that this segment begins, turned round when its sender is plainly the answering side."""
        src, dst, protocol, sport, dport = segment[:5]
        side = int(answers(segment))
        key = (dst, src, protocol, dport, sport) if side else (src, dst, protocol, sport, dport)
        flow = Flow(key, segment, at)
        self._index[key] = flow
        (self._tcp if protocol == TCP else self._other)[key] = None
        return flow, side

    def touch(self, flow: Flow) -> None:
        """The flow had a packet just now."""
        key = flow.key
        if flow.protocol != TCP:
            self._other.move_to_end(key)
        elif flow.closed:
            self._tcp.pop(key, None)
            self._closed[key] = None
            self._closed.move_to_end(key)
        else:
            self._tcp.move_to_end(key)

    def remove(self, flow: Flow) -> None:
        del self._index[flow.key]
        for queue in (self._tcp, self._closed, self._other):
            queue.pop(flow.key, None)

    def idle(self, now_ns: int) -> Iterator[tuple[Flow, str]]:
        """Flows that have ended by now, removed, with the reason."""
        queues = ((self._closed, CLOSED_IDLE_NS), (self._other, OTHER_IDLE_NS), (self._tcp, TCP_IDLE_NS))
        for queue, limit in queues:
            while queue:
                flow = self._index[next(iter(queue))]
                if now_ns - flow.last_ns < limit:
                    break
                self.remove(flow)
                yield flow, "closed" if queue is self._closed else "idle"

    def surplus(self) -> Iterator[Flow]:
        """Flows past the limit, longest idle first among the closed, then the datagram flows, then TCP; removed."""
        while len(self._index) > self._limit:
            queue = self._closed or self._other or self._tcp
            flow = self._index[next(iter(queue))]
            self.remove(flow)
            yield flow

    def finish(self) -> Iterator[Flow]:
        """Every flow, in the order in which they began; the table is empty afterwards."""
        flows = list(self._index.values())
        for queue in (self._index, self._tcp, self._closed, self._other):
            queue.clear()
        yield from flows


def answers(segment: Segment) -> bool:
    """Whether the first segment of a flow comes from the answering side (a capture that began in the middle)."""
    if segment.protocol == TCP:
        if segment.flags & SYN:
            return bool(segment.flags & ACK)
        return segment.sport < 1024 <= segment.dport
    if segment.protocol == UDP:
        return segment.sport == 53 and segment.dport != 53 and len(segment.payload) > 2 and segment.payload[2] >= 0x80
    return segment.protocol in (ICMP, ICMPV6) and segment.sport in _REPLIES[segment.protocol]


_REPLIES = {ICMP: frozenset((0, 14, 16, 18, 9)), ICMPV6: frozenset((129, 134, 136, 145, 140))}
