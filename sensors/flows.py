"""Flows: packets of both directions between two endpoints, from the first to the end or a time-out."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import AbstractContextManager, nullcontext
from typing import Any

import numpy as np

from sensors import kernel
from sensors.chunk import CHUNK_PACKETS, Chunk
from sensors.decode.address import ICMP, ICMP_PAIRS, ICMPV6, ICMPV6_PAIRS, community_id
from sensors.decode.frame import Segment
from sensors.loops.frames import FRAME_SEGMENTS, L_COLUMNS
from sensors.loops.octets import Ints
from sensors.streams import Moment
from sensors.talks.stream import Stream
from sensors.talks.talk import Talk

FIN, SYN, RST, ACK = 1, 2, 4, 16

#: In place of a protocol: the mark of two hosts' fragments, whose ports are not known.
FRAGMENTS = 255

#: Flows held at a time; past it the one longest idle ends early, and is counted.
MAX_FLOWS = 131_072
_BUCKETS = 131_072
TOLD_ROWS = 4_096
#: Segments' worth of rows beyond the limit: of flows that ended or were reported, and that the engine still reads.
AHEAD = 12
#: Reasons for which a flow ends, by the kernel's numbers.
REASONS = ("closed", "idle", "evicted", "active", "end-of-input")
ACTIVE, END_OF_INPUT = 3, 4

_UNASKED = nullcontext()

#: A flow's numbers, by the kernel's columns.
Row = list[int]


class Flow:
    """Who talks on a flow and what was understood of it; its counters are in its row of the table."""

    __slots__ = (
        "allowance", "begun", "deaf", "depth", "dport", "dst", "ends", "id", "label", "outer", "protocol", "sport",
        "src", "stream", "talk", "tries", "vlans",
    )  # fmt: skip

    def __init__(self, row: Row, key: bytes) -> None:
        size = 4 if row[kernel.FAMILY] == 4 else 16
        ends = key[:size], key[16 : 16 + size]
        turned = row[kernel.TURNED]
        self.src, self.dst = ends[turned], ends[1 - turned]
        self.protocol, self.sport, self.dport = row[kernel.PROTOCOL], row[kernel.SPORT], row[kernel.DPORT]
        self.depth = row[kernel.DEPTH]
        self.begun = Moment(row[kernel.BEGUN], row[kernel.BEGUN_NS])
        self.vlans = tuple(vlan for vlan in row[kernel.VLAN : kernel.INNER_VLAN + 1] if vlan >= 0)
        self.outer: tuple[tuple[str, bytes, bytes], ...] = ()
        self.ends: Any = None  # of `sensors.document`: what all its events say of it
        self.allowance = 0  # bytes' worth of things that it may still tell
        self.deaf = False  # no more payloads are wanted; the kernel hears of it before its next chunk
        self.tries = 0
        self.label = ""  # the protocol's name where no talk knows it
        self.stream: Stream | None = None
        self.talk: Talk | None = None
        self.id = ""  # once it was needed

    def hush(self) -> None:
        """Nothing more is read of it; its protocol stays known."""
        self.label = self.application
        self.talk = None
        if self.stream is not None:
            self.stream.stop()

    @property
    def application(self) -> str:
        """The protocol's name, once it is recognised."""
        if self.stream is not None:
            return self.stream.application
        return self.talk.name if self.talk is not None else self.label

    @property
    def community_id(self) -> str:
        paired = self.protocol not in (ICMP, ICMPV6) or self.replies_expected
        return community_id(self.src, self.dst, self.protocol, self.sport, self.dport, paired=paired)

    @property
    def replies_expected(self) -> bool:
        """For ICMP: whether the message type has an answer (then `dport` is the answer's type)."""
        return self.sport in (ICMP_PAIRS if self.protocol == ICMP else ICMPV6_PAIRS)


def mark_of(src: bytes, dst: bytes, protocol: int, sport: int, dport: int) -> int:
    """The mark of a flow between these ends, whichever sent; `kernel.mark_of` gives it to each of its packets."""
    words = np.zeros(kernel.KEY_WORDS, np.uint64)
    ends, size = np.frombuffer(src + dst, np.int8), len(src)
    kernel.fill_key(words, ends, 0, size, 4 if size == 4 else 6, protocol, sport, dport)
    with np.errstate(over="ignore"):
        return int(kernel.mark_of(words))


def tcp_state(row: Row) -> str:
    """Zeek's connection states (base/protocols/conn/main.zeek, `conn_state`), from the flags of both sides."""
    opener, other = row[kernel.FLAGS : kernel.FLAGS + 2]
    rst_by = row[kernel.RST_BY]
    # A SYN-ACK whose SYN was not seen: the opener counts as established once it answers, as in Zeek.
    opened = opener & SYN or (other & SYN and other & ACK and opener & ACK)
    answered = other & SYN
    if rst_by == 1:
        return ("RSTR" if answered else "REJ") if opened else "RSTRH"
    if rst_by == 0:
        return "RSTO" if answered else "RSTOS0"
    if opener & FIN and other & FIN:
        return "SF"
    if opener & FIN:
        return "S2" if answered else "SH"
    if other & FIN:
        return "S3" if opened else "SHR"
    if opened and answered:
        return "S1"
    return "S0" if opened and not row[kernel.PACKETS + 1] else "OTH"


class FlowTable:
    """The open flows of one engine, found from either direction, ended by idleness in packet time.

    Its methods leave in `told` what happened, in packet order; rows named there stay until they are released.
    """

    def __init__(
        self, limit: int = MAX_FLOWS, loops: Any = kernel, *, payloads: bool = True, marked: bool = False
    ) -> None:
        self.loops = loops
        rows = limit + AHEAD * CHUNK_PACKETS + 16
        self.flows = np.zeros((rows, kernel.COLUMNS), np.int64)
        self.keys = np.zeros((rows, kernel.KEY_WORDS), np.uint64)
        self._buckets = np.full(_BUCKETS, -1, np.int64)
        self.free = np.arange(rows - 1, -1, -1, dtype=np.int64)
        self.heads = np.full(kernel.HEADS, -1, np.int64)
        self.heads[[kernel.FREE, kernel.LIVE, kernel.LIMIT, kernel.TOLD]] = (rows, 0, limit, 0)
        self.heads[[kernel.NOW_NS, kernel.WANTS, kernel.LIMIT_EVICTED]] = (0, int(payloads), 0)
        self._told = np.zeros((rows + 4 * CHUNK_PACKETS, kernel.TOLD_COLUMNS), np.int64)
        self._words = np.zeros(kernel.KEY_WORDS, np.uint64)
        # Nobody who sends packets can know which of them share a bucket.
        self._seed = np.frombuffer(os.urandom(8), np.uint64).copy()
        self._segments = np.zeros((FRAME_SEGMENTS, L_COLUMNS), np.int64)
        # Of the last chunk's packets, by which the ring finds them; none where nobody keeps them.
        self.marks = np.zeros(FRAME_SEGMENTS * CHUNK_PACKETS if marked else 0, np.uint64)

    def __len__(self) -> int:
        return int(self.heads[kernel.LIVE])

    @property
    def evicted(self) -> int:
        return int(self.heads[kernel.LIMIT_EVICTED])

    def run(self, chunk: Chunk, begin: int) -> int:
        """Packets of the chunk from `begin` on; where it stopped (`kernel.run` says what that means)."""
        if begin == 0:
            self.marks[:] = 0  # what the kernel leaves has no mark of its own
        with self._wrapping():
            return int(
                self.loops.run(
                    np.frombuffer(chunk.data, np.int8), chunk.starts, chunk.lengths, chunk.wires, chunk.times,
                    chunk.linktype, chunk.first, begin, self.flows, self.keys, self._buckets, self.free, self.heads,
                    self._told, self._words, self._seed, self._segments, self.marks,
                )
            )  # fmt: skip

    def enter(self, segment: Segment, vlans: tuple[int, ...], packets: int, at: Moment) -> tuple[int, int]:
        """A segment that `sensors.decode.frame` found counts in its flow: (flow, side)."""
        src, dst, protocol, sport, dport, payload, missing, seq, _, flags, depth, _, size = segment
        ends = len(src)
        vlan, inner_vlan = (*vlans, -1, -1)[:2]
        self._segments[0] = (
            0, ends, 4 if ends == 4 else 6, protocol, sport, dport, flags, seq, 2 * ends, len(payload), missing, depth,
            packets, size, vlan, inner_vlan, -1, 0, 0, -1,
        )  # fmt: skip
        data = np.frombuffer(src + dst + payload[:4], np.int8)
        with self._wrapping():
            found = self.loops.meet(
                self.flows, self.keys, self._buckets, self.free, self.heads, self._told, self._words, self._seed, data,
                self._segments[0], at.position, at.ns,
            )  # fmt: skip
        return found >> 1, found & 1

    def _wrapping(self) -> AbstractContextManager[None]:
        """Where sums may wrap: compiled loops do not ask."""
        return np.errstate(over="ignore") if hasattr(self.loops, "mix") else _UNASKED

    def pass_time(self, ns: int) -> None:
        """It is (at least) this late: flows that have idled for too long by now end."""
        self.loops.pass_time(self.flows, self._buckets, self.heads, self._told, ns, 0)

    def told(self) -> Iterator[list[Row]]:
        """What happened since the last call, as the kernel's rows, some thousands at a time."""
        told, count = self.taken()
        for start in range(0, count, TOLD_ROWS):
            yield told[start : min(count, start + TOLD_ROWS)].tolist()

    def taken(self) -> tuple[Ints, int]:
        """The same as the kernel's array, and how many of its rows were told."""
        count = int(self.heads[kernel.TOLD])
        self.heads[kernel.TOLD] = 0
        return self._told, count

    def row(self, flow: int) -> Row:
        row: Row = self.flows[flow].tolist()
        return row

    def key(self, flow: int) -> bytes:
        key: bytes = self.keys[flow].tobytes()
        return key

    def unwanted(self, flow: int) -> None:
        """Its payloads tell nothing more."""
        self.flows[flow, kernel.WANTED] = 0

    def release(self, flows: Ints | list[int]) -> None:
        """The rows of flows that ended may be used again."""
        free = self.heads[kernel.FREE]
        self.free[free : free + len(flows)] = flows
        self.heads[kernel.FREE] = free + len(flows)

    def finish(self) -> Iterator[None]:
        """Every open flow is told to end, in the order in which they began; some thousands at a time."""
        queues = (kernel.Q_TCP, kernel.Q_CLOSED, kernel.Q_OTHER)
        found: list[int] = []
        for queue in queues:
            flow = int(self.heads[kernel.FIRST + queue])
            while flow >= 0:
                found.append(flow)
                flow = int(self.flows[flow, kernel.AFTER])
        order = self.flows[found][:, [kernel.BEGUN, kernel.DEPTH]] if found else np.zeros((0, 2), np.int64)
        numbers = np.array(found, np.int64)[np.lexsort((order[:, 1], order[:, 0]))]
        for start in range(0, len(numbers), TOLD_ROWS):
            part = numbers[start : start + TOLD_ROWS]
            self._told[: len(part)] = 0
            self._told[: len(part), 0] = kernel.END
            self._told[: len(part), 1] = part
            self._told[: len(part), 2] = END_OF_INPUT
            self.heads[kernel.TOLD] = len(part)
            yield
