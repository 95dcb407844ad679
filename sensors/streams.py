"""TCP byte streams: each direction in order, once, with gaps told instead of bridged.

Overlapping bytes keep the copy that came first. What waits behind a hole is bounded per direction and in total; past
the bound the hole is declared a gap and the stream goes on behind it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

#: Bytes that may wait behind a hole in one direction of one flow.
MAX_WAITING = 1 << 20
#: Bytes that may wait in all flows together.
MAX_WAITING_TOTAL = 64 << 20
#: What one waiting segment costs beyond its bytes, so that floods of tiny segments meet the bound too.
_SEGMENT_COST = 200
#: How long a hole stays open once the bytes behind it were acknowledged.
PATIENCE_NS = 10**9
#: A segment farther ahead than this (RFC 7323 §2.2, the largest window) is not of this stream.
_FARTHEST = 1 << 30


class Moment(NamedTuple):
    """When and where something was seen: the packet's index in its source, and its time in ns since 1970."""

    position: int
    ns: int


class Piece(NamedTuple):
    """The next bytes of a stream, or (where `data` is empty) how many are missing here."""

    data: bytes
    gap: int
    at: Moment


class Budget:
    """The bytes waiting in all flows of one engine, and how often a bound made a gap."""

    __slots__ = ("forced_gaps", "used")

    def __init__(self) -> None:
        self.used = 0
        self.forced_gaps = 0


_NOTHING: dict[int, tuple[bytes, int, Moment]] = {}


class Half:
    """One direction of a TCP connection."""

    __slots__ = ("_budget", "_cost", "_hole", "_next", "_waiting")

    def __init__(self, budget: Budget) -> None:
        self._budget = budget
        self._next = -1  # the sequence number wanted next; -1 before anything was seen
        self._waiting = _NOTHING  # most streams never need their own
        self._cost = 0
        self._hole = (-1, 0)  # where the last acknowledged hole begins, and since when it is

    def begin(self, seq: int) -> None:
        """The SYN was seen: the stream's first byte has this number. A later SYN changes nothing."""
        if self._next < 0:
            self._next = seq & 0xFFFFFFFF

    @property
    def waits(self) -> bool:
        """Whether there are bytes behind a hole."""
        return bool(self._waiting)

    def straight(self, seq: int, size: int) -> bool:
        """Whether these bytes are the wanted ones and nothing waits; then they count as gone on."""
        if seq != self._next or self._waiting:
            return False
        self._next = (seq + size) & 0xFFFFFFFF
        return True

    def push(self, seq: int, payload: bytes, missing: int, at: Moment) -> Iterator[Piece]:
        """What can go on now that this segment is here; `missing` bytes after it were not captured."""
        if self._next < 0:
            self._next = seq
        ahead = (seq - self._next) & 0xFFFFFFFF
        if ahead == 0 and not self._waiting:
            self._next = (seq + len(payload) + missing) & 0xFFFFFFFF
            if payload:
                yield Piece(payload, 0, at)
            if missing:
                yield Piece(b"", missing, at)
            return
        if ahead >= _FARTHEST and ahead <= 0xFFFFFFFF - _FARTHEST:
            return
        known = self._waiting.get(seq)
        if known is None or len(known[0]) < len(payload):
            self._wait(seq, payload, missing, at)
        yield from self._ready()
        while self._waiting and (self._cost > MAX_WAITING or self._budget.used > MAX_WAITING_TOTAL):
            self._budget.forced_gaps += 1
            yield from self._skip()

    def acknowledge(self, ack: int, ns: int) -> Iterator[Piece]:
        """The other side has all bytes before this one. A hole there was not captured, and will not come again; unless
        packets were captured in another order than they went by."""
        if not self._waiting:
            return
        wanted, seq = self._next, min(self._waiting, key=self._distance)
        if self._distance(seq) > self._distance(ack):
            return
        if self._hole[0] != wanted:
            self._hole = (wanted, ns)
        elif ns - self._hole[1] >= PATIENCE_NS:
            yield from self._skip()

    def finish(self) -> Iterator[Piece]:
        """Everything that still waits, with the gaps before it; nothing waits afterwards."""
        while self._waiting:
            yield from self._skip()

    def drop(self) -> None:
        """Forget what waits: nobody reads this stream any more."""
        if self._waiting:
            self._waiting = _NOTHING
            self._budget.used -= self._cost
            self._cost = 0

    def _wait(self, seq: int, payload: bytes, missing: int, at: Moment) -> None:
        if self._waiting is _NOTHING:
            self._waiting = {}
        if seq in self._waiting:
            self._take(seq)
        self._waiting[seq] = (payload, missing, at)
        self._cost += len(payload) + _SEGMENT_COST
        self._budget.used += len(payload) + _SEGMENT_COST

    def _take(self, seq: int) -> tuple[bytes, int, Moment]:
        found = self._waiting.pop(seq)
        self._cost -= len(found[0]) + _SEGMENT_COST
        self._budget.used -= len(found[0]) + _SEGMENT_COST
        return found

    def _distance(self, seq: int) -> int:
        """How far ahead of the wanted byte; negative for what (partly) went on already."""
        ahead = (seq - self._next) & 0xFFFFFFFF
        return ahead if ahead < 1 << 31 else ahead - (1 << 32)

    def _ready(self) -> Iterator[Piece]:
        """Waiting segments that touch the wanted byte, trimmed of what went on before."""
        while self._waiting:
            seq = self._next if self._next in self._waiting else min(self._waiting, key=self._distance)
            distance = self._distance(seq)
            if distance > 0:
                return
            payload, missing, at = self._take(seq)
            fresh = payload[-distance:] if distance else payload
            missing = max(0, missing + min(0, len(payload) + distance))
            self._next = (self._next + len(fresh) + missing) & 0xFFFFFFFF
            if fresh:
                yield Piece(fresh, 0, at)
            if missing:
                yield Piece(b"", missing, at)

    def _skip(self) -> Iterator[Piece]:
        """Declare the hole before the nearest waiting segment a gap."""
        seq = min(self._waiting, key=self._distance)
        distance = self._distance(seq)
        if distance > 0:
            self._next = seq
            yield Piece(b"", distance, self._waiting[seq][2])
        yield from self._ready()
