"""The loops' ear: the arrays of `sensors.loops`, and what the engine reads of them after each run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache
from importlib import import_module
from typing import Any

import numpy as np
from orjson import dumps, loads

from sensors import kernel
from sensors.decode.address import TCP
from sensors.document import MAX_SEGMENTS, Scribe
from sensors.flows import FlowTable, Row
from sensors.loops import digest, documents, listen, slots, world
from sensors.loops.octets import Bytes, Ints
from sensors.streams import Budget
from sensors.talks.dns import domain_parts
from sensors.talks.stream import Stream
from sensors.talks.talk import Talk

#: Text and rows that one run of the loops may leave.
OUT_BYTES = 4 << 20
TELL_ROWS = 16_384
_SCRATCH = 65_536

Fragment = Callable[[bytes], bytes]


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
            np.zeros((rows, documents.NAME_COLUMNS), np.uint8),
            np.zeros((world.SLOTS, world.SLOT_COLUMNS), np.int64),
            np.zeros(slots.POOL, np.int8),
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
        self.fragments: dict[int, Fragment] = {world.P_DOMAIN: _domain}
        self.bodies: Any = None
        for name in ("dns", "tls", "http"):  # to be imported plainly, once they are all here
            try:
                module = import_module(f"sensors.takeover.{name}")
            except ImportError:
                continue
            if name == "http":
                self.bodies = module.Bodies()
                self.fragments |= self.bodies.fragments()
            else:
                self.fragments |= module.FRAGMENTS

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
            numbers[world.TELLS] = numbers[world.OUT] = 0
            yield rows, text

    def take_over(self, slot: int, budget: Budget) -> tuple[Talk, Stream | None, int]:
        """The talk that a loop had, its stream if it has one, and what its flow may still tell; the slot is free."""
        row: Row = self.world.slots[slot].tolist()
        begin = row[world.S_AREA]
        area = self.world.pool[begin : begin + row[world.S_CAPACITY]].tobytes()
        flow = self.world.flows[row[world.S_FLOW]]
        talk = self._talk(int(flow[kernel.APPLICATION]), row, area)
        flow[kernel.TALK] = slots.ENGINE
        self._loops.drop_slot(self.world, slot)
        stream = None
        if flow[kernel.PROTOCOL] == TCP:
            stream = Stream(budget, talk)
            for side in (0, 1):
                if row[world.S_NEXT + side] >= 0:
                    stream.begin(side, row[world.S_NEXT + side])
        return talk, stream, row[world.S_ALLOWANCE]

    def _talk(self, application: int, row: Row, area: bytes) -> Talk:
        if application == documents.DNS:
            return import_module("sensors.takeover.dns").take_over(row, area)
        if application == documents.TLS:
            return import_module("sensors.takeover.tls").take_over(row, area)
        return import_module("sensors.takeover.http").take_over(row, area, self.bodies)

    def talk_of(self, flow: int) -> int:
        """TALK of a flow, as `sensors.loops.slots` has it."""
        return int(self.world.flows[flow, kernel.TALK])

    def is_engines(self, flow: int, *, entirely: bool) -> None:
        """The engine hears this flow, and entirely: it also writes what its packets counted."""
        self.world.flows[flow, kernel.TALK] = slots.ENGINE_ALL if entirely else slots.ENGINE


@lru_cache(maxsize=16_384)
def _domain(name: bytes) -> bytes:
    """What follows a name in an object that is about it; the name as JSON has it, in lower case."""
    parts = domain_parts(loads(b'"' + name + b'"'))
    return b"," + dumps(parts)[1:-1] if parts else b""
