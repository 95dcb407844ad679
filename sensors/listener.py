"""The loops' ear: the arrays of `sensors.loops`, and what the engine reads of them after each run."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np

from sensors import kernel
from sensors.document import MAX_SEGMENTS, Scribe
from sensors.flows import FlowTable, Row
from sensors.loops import digest, documents, slots, world
from sensors.loops.octets import Bytes, Ints

#: Text and rows that one run of the loops may leave.
OUT_BYTES = 4 << 20
TELL_ROWS = 16_384
_SCRATCH = 65_536


class Slot(NamedTuple):
    """What a loop kept of a talk: columns (`S_*`), area, and the flow's application and protocol."""

    row: Row
    area: bytes
    application: int
    protocol: int


class Listener:
    """Hears what the kernel told of packets; `hear` gives rows (`sensors.loops.world`) and the text they speak of."""

    def __init__(self, table: FlowTable, scribe: Scribe, loops: Any) -> None:
        self._table = table
        self._loops = loops
        rows = len(table.flows)
        fixed = (f"{scribe.origin.sensor}\x1f{scribe.fingerprint}\x1f", scribe.seen_by, scribe.seen_in)
        texts = [text.encode("utf-8", "surrogatepass") for text in fixed]
        numbers = np.zeros(world.NUMBERS, np.int64)
        numbers[[world.FREE_SLOTS, world.FREE_LARGE]] = (world.SLOTS, world.LARGE_AREAS)
        numbers[[world.ID_END, world.OBSERVER_END, world.SOURCE_END]] = np.cumsum([len(text) for text in texts])
        self.world = world.World(
            table.flows,
            table.keys,
            table.heads,
            table.free,
            np.zeros((rows, documents.NAME_COLUMNS), np.uint8),
            np.zeros((world.SLOTS, world.SLOT_COLUMNS), np.int64),
            np.zeros(slots.POOL, np.int8),
            np.zeros(world.LARGE_AREA, np.int8),
            np.concatenate([np.arange(world.SLOTS)[::-1], np.arange(world.LARGE_AREAS)[::-1]]),
            numbers,
            np.frombuffer(b"".join(texts), np.int8).copy(),
            np.zeros(MAX_SEGMENTS + 1, np.int64),
            np.zeros((MAX_SEGMENTS + 1, 64), np.uint8),
            np.zeros(65_536, np.uint8),
            np.zeros(OUT_BYTES, np.uint8),
            np.zeros((TELL_ROWS, world.TELL_COLUMNS), np.int64),
            np.zeros(_SCRATCH, np.uint8),
            np.full(4, -1, np.int64),
            np.zeros(digest.WORK, np.int64),
        )
        for segment in scribe.segments:
            self.enter_segment(*segment)

    def enter_segment(self, first: int, sha256: str) -> None:
        """As `Scribe.enter_segment`."""
        firsts, hashes, numbers = self.world.firsts, self.world.hashes, self.world.numbers
        count = int(numbers[world.SEGMENTS])
        if count == MAX_SEGMENTS:
            kept = MAX_SEGMENTS + 1 - MAX_SEGMENTS // 2
            firsts[: kept - 1] = firsts[count - kept + 1 : count]
            hashes[: kept - 1] = hashes[count - kept + 1 : count]
            count = kept - 1
        firsts[count] = first
        hashes[count] = np.frombuffer(sha256.encode(), np.uint8)
        numbers[world.SEGMENTS] = count + 1

    def hear(self, data: Bytes, first: int, times: Ints) -> Iterator[tuple[list[Row], bytes]]:
        """What the table was told since the last call."""
        told, end = self._table.taken()
        numbers, at = self.world.numbers, 0
        while at < end:
            at = self._loops.listen(self.world, told, at, end, data, first, times)
            rows = self.world.tells[: numbers[world.TELLS]].tolist()
            text = self.world.out[: numbers[world.OUT]].tobytes()
            numbers[[world.TELLS, world.OUT]] = 0
            yield rows, text

    def slot(self, number: int) -> Slot:
        """What a slot holds, until it is freed."""
        row: Row = self.world.slots[number].tolist()
        begin = row[world.S_AREA]
        area = self.world.pool[begin : begin + row[world.S_CAPACITY]].tobytes()
        flow = self.world.flows[row[world.S_FLOW]]
        return Slot(row, area, int(flow[kernel.APPLICATION]), int(flow[kernel.PROTOCOL]))

    def free(self, slot: int) -> None:
        """The slot may be used again."""
        self._loops.drop_slot(self.world, slot)
