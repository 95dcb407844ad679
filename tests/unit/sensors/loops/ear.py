"""One connection, heard by a loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import cache
from typing import Any, NamedTuple

import numpy as np

from sensors import kernel
from sensors.decode.address import TCP
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Segment
from sensors.document import Scribe
from sensors.engine import BYTES_PER_TELLING
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener, Slot
from sensors.loops import slots, world
from sensors.streams import Budget, Moment
from sensors.takeover import talks
from sensors.takeover.ftp import Expected, Transfers
from sensors.takeover.http import Bodies
from sensors.talks.talk import Expect, Found
from tests.unit.sensors.loops.pieces import Piece
from tests.unit.sensors.wire import ORIGIN

BEGUN_NS = 1_700_000_000_123_456_789
TABLE = FlowTable(limit=16)
SCRIBE = Scribe(ORIGIN, "f" * 16)
LISTENER = Listener(TABLE, SCRIBE, None)
W = LISTENER.world
INLAYS = Inlays()


@cache
def opened(port: int, which: int) -> int:
    """The row of a connection to this port."""
    ends = bytes((192, 0, 2, 1)), bytes((198, 51, 100, 7))
    segment = Segment(*ends, TCP, 40_000 + which, port, b"", 0, 0, 0, 2, 0, (), 60)
    return TABLE.enter(segment, (), 1, Moment(0, BEGUN_NS))[0]


def octets(data: bytes) -> np.ndarray:
    """The bytes from 2 on, behind some that are not theirs."""
    return np.frombuffer(b"??" + data, np.int8)


def packet(n: int) -> Moment:
    """Each piece comes in a packet of its own."""
    return Moment(n, BEGUN_NS + n)


def taken_over(slot: Slot, bodies: Bodies, transfers: Transfers) -> Any:
    """The talk that goes on where the loops left."""
    stream = talks.take_over(slot, Budget(), bodies, transfers)[1]
    assert stream is not None
    return stream.talk


class Speech(NamedTuple):
    """A protocol's loop and talk."""

    name: str
    port: int
    take: Callable[[world.World, int, int, int], int]  # a slot for the flow, of the packet that begins it
    hears: Callable[..., int]
    ends: Callable[..., int]
    take_over: Callable[[Slot, Bodies, Transfers], Any] = taken_over
    moment: Callable[[int], Moment] = packet  # when a piece comes
    tells: tuple[int, ...] = (world.T_LINE,)  # kinds of rows
    allowance: int | None = None  # to begin with, where it is not what a slot has
    gains: bool = False  # whether pieces add to it, as the listener does
    apart: tuple[int, ...] = (1,)  # what was told is read once so many pieces were heard; all are tried


def slot_of(application: int) -> Callable[[world.World, int, int, int], int]:
    """How the slot of most is taken."""
    return lambda w, flow, position, ns: slots.take_slot(w, flow, application, position, ns)


class Kept:
    """A flow with a slot, and what was told of it."""

    w = W

    def __init__(self, speech: Speech, which: int = 0) -> None:
        self.speech = speech
        self.number = opened(speech.port, which)
        W.flows[self.number, [kernel.FLAGS, kernel.FLAGS + 1, kernel.RST_BY, kernel.NAMED]] = (2, 18, -1, 0)
        self.flow = Flow(TABLE.row(self.number), TABLE.key(self.number))
        self.flow.id = SCRIBE.id(BEGUN_NS, 0, "flow", 0)
        self.flow.label = speech.name
        self.slot = speech.take(W, self.number, 0, BEGUN_NS)
        if speech.allowance is not None:
            W.slots[self.slot, world.S_ALLOWANCE] = speech.allowance
        self.transfers = Transfers()
        self.expected: list[Expected] = []
        self.lines: list[bytes] = []

    def state(self) -> tuple[Any, ...]:
        """Of the slot, without where its area is: that may change; and what was told and is not read yet."""
        row, area, *_ = LISTENER.slot(self.slot)
        own = [number for n, number in enumerate(row) if n not in (world.S_AREA, world.S_CAPACITY)]
        told = W.tells[: W.numbers[world.TELLS]].tolist()
        text = [W.out[begin:end].tobytes() for _, _, begin, end, *_ in told]
        return own, area[: row[world.S_USED]], told, text, int(W.numbers[world.OUT])

    def read(self) -> int:
        """What was told is read, as the engine does; how many rows it was of bodies."""
        numbers, bodies = W.numbers, 0
        text = W.out[: numbers[world.OUT]].tobytes()
        for row in W.tells[: numbers[world.TELLS]].tolist():
            kind, number, begin, end, *_ = row
            assert kind in self.speech.tells
            if kind == world.T_LINE:
                self.lines += INLAYS.fill(text[begin:end]).split(b"\n")
            elif kind == world.T_BODY:
                INLAYS.bodies.add(number, text[begin:end])
                bodies += 1
            else:
                for expected in self.transfers.follow(row, text):
                    self.expect(*expected)
        numbers[[world.TELLS, world.OUT]] = 0
        return bodies

    def expect(self, *expected: Any) -> None:
        self.lines.append(repr(expected[:2]).encode())
        self.expected.append(expected)


class Ear(Kept):
    """Heard by the loops as far as they go, and by the talk from there on."""

    def __init__(self, speech: Speech, apart: int = 1, which: int = 0) -> None:
        super().__init__(speech, which)
        self.apart = apart
        self.talk: Any = None
        self.done = False

    def hear(self, n: int, side: int, data: bytes) -> None:
        at = self.speech.moment(n)
        if self.talk is not None:
            self._found(self.talk.data(side, data, at))
            return
        if self.speech.gains:
            W.slots[self.slot, world.S_ALLOWANCE] += max(BYTES_PER_TELLING, len(data))
        before = self.state()
        verdict = self.speech.hears(W, self.number, self.slot, side, octets(data), 2, 2 + len(data), *at)
        if verdict == world.UNUSUAL:
            assert self.state() == before
            self.leave()
            self._found(self.talk.data(side, data, at))
            return
        assert W.numbers[world.OUT] - before[-1] < 2 * world.MAX_EVENT
        assert W.slots[self.slot, world.S_ALLOWANCE] >= 0
        if verdict == world.DONE:
            self._told_all()
        elif n % self.apart == self.apart - 1:
            self.read()

    def lose(self, n: int, side: int, size: int) -> None:
        self.leave()
        self._found(self.talk.gap(side, size, self.speech.moment(n)))

    def leave(self) -> None:
        """What is heard next, the talk hears."""
        if self.talk is None and not self.done:
            self.read()
            self.talk = self.speech.take_over(LISTENER.slot(self.slot), INLAYS.bodies, self.transfers)
            self.done = self.talk.done
            slots.drop_slot(W, self.slot)

    def end(self, clean: bool = True) -> None:
        """The connection ends, cleanly or not; what was expected of others is told, as it is by then."""
        if self.talk is None and not self.done:
            W.flows[self.number, kernel.FLAGS + 1] |= int(clean)
            before = self.state()
            if self.speech.ends(W, self.number, self.slot) == world.TAKEN:
                self._told_all()
            else:
                assert self.state() == before
                self.leave()
        if not self.done:
            self._found(self.talk.close(clean))
        assert (len(INLAYS.bodies), len(self.transfers)) == (0, 0)
        for address, port, make in self.expected:
            transfer = make()._transfer
            told = (transfer.command, transfer.filename, transfer.user, transfer.offset, transfer.passive)
            self.lines.append(repr((address, port, *told)).encode())

    def _told_all(self) -> None:
        self.read()
        self.done = True
        slots.drop_slot(W, self.slot)

    def _found(self, found: Iterable[Any]) -> None:
        """Faults are lines too; behind one the talk is closed, as the engine does."""
        try:
            for each in found:
                if isinstance(each, Found):
                    self.lines.append(SCRIBE.found(self.flow, each))
                elif isinstance(each, Expect):
                    self.expect(each.address or (self.flow.dst if each.side else self.flow.src), each.port, each.talk)
                else:
                    self.lines.append(b"becomes")
                    self.done = True
        except Undecodable as fault:
            self.lines.append(repr(fault).encode())
            self.done = True
            self._found(self.talk.close(False))
        self.done = self.done or self.talk.done


def run(speech: Speech, pieces: list[Piece], leave: int, clean: bool = True, apart: int = 1) -> tuple[list[bytes], int]:
    """The lines of a connection that is left to the talk before that piece, and how many pieces the loops heard. A
    piece without bytes is a hole of a hundred."""
    ear, heard = Ear(speech, apart), 0
    for n, (side, data) in enumerate(pieces):
        if n == leave:
            ear.leave()
        if ear.done:
            break
        if data:
            ear.hear(n, side, data)
        else:
            ear.lose(n, side, 100)
        heard += ear.talk is None
    if leave == len(pieces):
        ear.leave()
    ear.end(clean)
    return ear.lines, heard


def same(speech: Speech, pieces: list[Piece], clean: bool = True, most: int = 50) -> tuple[list[bytes], int]:
    """What the loops tell of all pieces is what the talk tells of them, wherever it takes over: at every piece, or at
    about so many."""
    wanted, _ = run(speech, pieces, 0, clean)
    for leave in [*range(1, len(pieces), 1 + len(pieces) // most), len(pieces), len(pieces) + 1]:
        for apart in speech.apart:
            lines, heard = run(speech, pieces, leave, clean, apart)
            assert lines == wanted
    return lines, heard


def wholly(speech: Speech, pieces: list[Piece], clean: bool = True, most: int = 50) -> list[bytes]:
    """The lines of pieces all of which the loops hear."""
    lines, heard = same(speech, pieces, clean, most)
    assert heard == len(pieces)
    return lines


def partly(speech: Speech, pieces: list[Piece], most: int = 50) -> list[bytes]:
    """The lines of pieces some of which are left to the talk."""
    lines, heard = same(speech, pieces, most=most)
    assert heard < len(pieces)
    return lines


def same_anyway(speech: Speech, pieces: list[Piece], leave: int, clean: bool = True, apart: int = 1) -> None:
    """As the talk tells it, whether the loops are left at that piece or where they say so."""
    wanted, _ = run(speech, pieces, 0, clean)
    assert run(speech, pieces, -1, clean)[0] == wanted
    assert run(speech, pieces, leave, clean, apart)[0] == wanted
