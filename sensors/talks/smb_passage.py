"""The content of a file as reads or writes bring it: put in the order of its offsets, within bounds.

Clients ask ahead and servers answer as their disks do, so a piece may come before the one it follows.
"""

from __future__ import annotations

from heapq import heappop, heappush
from typing import Protocol

from sensors.streams import Moment
from sensors.talks.body import Body

#: Bytes of one content that may wait for those before them, and of all contents in this process together; past either
#: the hole is given up and counted as missing.
MAX_AHEAD = 2 << 20
MAX_AHEAD_TOTAL = 32 << 20
#: What one waiting piece costs beyond its bytes.
_PIECE_COST = 100


class Sink(Protocol):
    """Where the rest of a message's bulk data goes."""

    def add(self, data: bytes) -> None: ...

    def lose(self, size: int) -> None: ...


class Held:
    """The cost of the pieces that wait."""

    __slots__ = ("used",)

    def __init__(self) -> None:
        self.used = 0


_EVERYWHERE = Held()


class Passage:
    """What of a file's content goes by in one direction. `finish` before it is told."""

    __slots__ = ("_held", "_total", "_waiting", "begun", "body", "next", "ordinal")

    def __init__(self, begun: Moment, ordinal: int, total: Held = _EVERYWHERE) -> None:
        self.begun = begun
        self.ordinal = ordinal
        self.body = Body()
        self.next = 0  # the offset wanted next
        self._waiting: list[tuple[int, bytes]] = []  # a heap, by offset
        self._held = 0
        self._total = total

    def __del__(self) -> None:
        """A content that is dropped unfinished (its file was never opened after all) gives back what it held."""
        self._total.used -= self._held

    def at(self, offset: int) -> Stretch:
        return Stretch(self, offset)

    def add(self, offset: int, data: bytes) -> None:
        """The bytes at `offset`; those that went by before are not counted again."""
        if offset > self.next:
            self._wait(offset, data)
            return
        fresh = data[self.next - offset :]
        if fresh:
            self.body.add(fresh)
            self.next += len(fresh)
            self._go_on()

    def lose(self, offset: int, size: int) -> None:
        """So many bytes at `offset` were not captured."""
        if offset <= self.next < offset + size:
            self._skip_to(offset + size)

    def finish(self) -> None:
        """Nothing more comes: what waits is taken, and what it waited for is missing."""
        while self._waiting:
            self._skip_to(self._waiting[0][0])

    def _wait(self, offset: int, data: bytes) -> None:
        cost = len(data) + _PIECE_COST
        if self._held + cost > MAX_AHEAD or self._total.used + cost > MAX_AHEAD_TOTAL:
            self._skip_to(min(offset, self._waiting[0][0]) if self._waiting else offset)
            self.add(offset, data)
            return
        heappush(self._waiting, (offset, data))
        self._held += cost
        self._total.used += cost

    def _skip_to(self, offset: int) -> None:
        self.body.lose(offset - self.next)
        self.next = offset
        self._go_on()

    def _go_on(self) -> None:
        """Take what waited for the bytes that are here now."""
        while self._waiting and self._waiting[0][0] <= self.next:
            offset, data = heappop(self._waiting)
            self._held -= len(data) + _PIECE_COST
            self._total.used -= len(data) + _PIECE_COST
            fresh = data[self.next - offset :]
            self.body.add(fresh)
            self.next += len(fresh)


class Stretch:
    """A Sink: the bytes of one READ or WRITE."""

    __slots__ = ("_offset", "_passage")

    def __init__(self, passage: Passage, offset: int) -> None:
        self._passage = passage
        self._offset = offset

    def add(self, data: bytes) -> None:
        self._passage.add(self._offset, data)
        self._offset += len(data)

    def lose(self, size: int) -> None:
        self._passage.lose(self._offset, size)
        self._offset += size
