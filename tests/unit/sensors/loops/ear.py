"""One connection, heard by a loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

import numpy as np

from sensors import kernel
from sensors.decode.fault import Undecodable
from sensors.document import Scribe
from sensors.engine import BYTES_PER_TELLING
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener
from sensors.loops import slots, world
from sensors.streams import Moment
from sensors.takeover.ftp import Expected, Transfers
from sensors.talks.talk import Expect, Found
from tests.unit.sensors.loops.test_http import BEGUN_NS, Piece, opened
from tests.unit.sensors.wire import ORIGIN


class Speech(NamedTuple):
    """A protocol's loop and talk."""

    application: int
    name: str
    hears: Callable[..., int]
    ends: Callable[..., int]
    take_over: Callable[[list[int], bytes, int, Transfers], Any]  # of a slot's row and area, and the flow


class Ear:
    """Heard by the loops as far as they go, and by the talk from there on."""

    table = FlowTable(limit=2)
    scribe = Scribe(ORIGIN, "f" * 16)
    listener = Listener(table, scribe, None)
    inlays = Inlays()
    number = opened(table, 40_000)

    def __init__(self, speech: Speech) -> None:
        self.speech, self.w = speech, self.listener.world
        self.w.flows[self.number, [kernel.FLAGS, kernel.FLAGS + 1, kernel.RST_BY, kernel.NAMED]] = (2, 18, -1, 0)
        self.flow = Flow(self.table.row(self.number), self.table.key(self.number))
        self.flow.id = self.scribe.id(BEGUN_NS, 0, "flow", 0)
        self.flow.label = speech.name
        self.slot = slots.take_slot(self.w, self.number, speech.application, 0, BEGUN_NS)
        self.talk: Any = None
        self.done = False
        self.lines: list[bytes] = []
        self.expected: list[Expected] = []
        self.transfers = Transfers()

    def hear(self, n: int, side: int, data: bytes) -> None:
        at = Moment(n, BEGUN_NS + n)
        self.w.slots[self.slot, world.S_ALLOWANCE] += max(BYTES_PER_TELLING, len(data))
        if self.talk is not None:
            self.hear_outside(side, data, at)
            return
        before = self.state()
        octets = np.frombuffer(b"??" + data, np.int8)
        verdict = self.speech.hears(self.w, self.number, self.slot, side, octets, 2, len(octets), *at)
        if verdict == world.UNUSUAL:
            assert self.state() == before
            self.leave()
            self.hear_outside(side, data, at)
            return
        assert self.w.numbers[world.OUT] - before[-1] < 2 * world.MAX_EVENT
        self.read()
        if verdict == world.DONE:
            self.done = True
            slots.drop_slot(self.w, self.slot)

    def hear_outside(self, side: int, data: bytes, at: Moment) -> None:
        self._found(self.talk.data(side, data, at))

    def lose(self, n: int, side: int, size: int) -> None:
        self.leave()
        self._found(self.talk.gap(side, size, Moment(n, BEGUN_NS + n)))

    def end(self) -> None:
        if not self.done and self.talk is None and self.speech.ends(self.w, self.number, self.slot) == world.TAKEN:
            self.read()
            slots.drop_slot(self.w, self.slot)
        elif not self.done:
            self.leave()
            self._found(self.talk.close(True))
        assert len(self.transfers) == 0
        for address, port, make in self.expected:
            talk: Any = make()
            transfer = talk._transfer
            told = (transfer.command, transfer.filename, transfer.user, transfer.offset, transfer.passive)
            self.lines.append(repr((address, port, *told)).encode())

    def leave(self) -> None:
        """What is heard next, the talk hears."""
        if self.talk is None:
            self.read()
            row = self.w.slots[self.slot].tolist()
            area = self.w.pool[row[world.S_AREA] :][: row[world.S_CAPACITY]].tobytes()
            self.talk = self.speech.take_over(row, area, self.number, self.transfers)
            slots.drop_slot(self.w, self.slot)

    def state(self) -> tuple[Any, ...]:
        row = self.w.slots[self.slot].tolist()
        area = self.w.pool[row[world.S_AREA] :][: row[world.S_USED]].tobytes()
        own = [number for n, number in enumerate(row) if n not in (world.S_AREA, world.S_CAPACITY)]
        return own, area, int(self.w.numbers[world.TELLS]), int(self.w.numbers[world.OUT])

    def _found(self, found: Iterable[Any]) -> None:
        """Faults are lines too; behind one the talk is closed, as the engine does."""
        try:
            for each in found:
                if isinstance(each, Found):
                    self.lines.append(self.scribe.found(self.flow, each))
                elif isinstance(each, Expect):
                    address = each.address or (self.flow.dst if each.side else self.flow.src)
                    self._expect(address, each.port, each.talk)
                else:
                    self.lines.append(b"becomes")
                    self.done = True
        except Undecodable as fault:
            self.lines.append(repr(fault).encode())
            self.done = True
            self._found(self.talk.close(False))
        self.done = self.done or self.talk.done

    def _expect(self, *expected: Any) -> None:
        self.lines.append(repr(expected[:2]).encode())
        self.expected.append(expected)

    def read(self) -> None:
        """What was told is read, as the engine does."""
        numbers = self.w.numbers
        text = self.w.out[: numbers[world.OUT]].tobytes()
        for row in self.w.tells[: numbers[world.TELLS]].tolist():
            if row[0] == world.T_LINE:
                self.lines += self.inlays.fill(text[row[2] : row[3]]).splitlines()
                continue
            for expected in self.transfers.follow(row, text):
                self._expect(*expected)
        numbers[[world.TELLS, world.OUT]] = 0


def run(speech: Speech, pieces: list[Piece], leave: int) -> tuple[list[bytes], int]:
    """The lines of a connection that is left to the talk before that piece, and how many pieces the loops heard. A
    piece without bytes is a hole of a hundred."""
    ear, heard = Ear(speech), 0
    for n, (side, data) in enumerate(pieces):
        if ear.done:
            break
        if n == leave:
            ear.leave()
        if data:
            ear.hear(n, side, data)
        else:
            ear.lose(n, side, 100)
        heard += ear.talk is None
    if leave == len(pieces) and not ear.done:
        ear.leave()
    ear.end()
    return ear.lines, heard


def same(speech: Speech, pieces: list[Piece]) -> tuple[list[bytes], int]:
    """What the loops tell of all pieces is what the talk tells of them, wherever it takes over."""
    wanted, _ = run(speech, pieces, 0)
    for leave in range(1, len(pieces) + 2):
        lines, heard = run(speech, pieces, leave)
        assert lines == wanted
    return lines, heard
