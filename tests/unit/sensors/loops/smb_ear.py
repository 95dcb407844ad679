"""What is told of a connection of SMB that is heard by the loops, and beside them by the talk."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from sensors import kernel
from sensors.decode.address import TCP
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Segment
from sensors.document import Scribe
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener
from sensors.loops import slots, smb, world
from sensors.streams import Moment
from sensors.takeover.smb import take_over
from sensors.talks.smb import SmbTalk
from sensors.talks.talk import Found
from tests.unit.sensors.loops.smb_pieces import Piece
from tests.unit.sensors.wire import ORIGIN

BEGUN_NS = 1_700_000_000_123_456_789


class Ear:
    """One connection, heard by the loops as far as they go, and by the talk from there on."""

    table = FlowTable(limit=2)
    scribe = Scribe(ORIGIN, "f" * 16)
    listener = Listener(table, scribe, None)
    inlays = Inlays()
    ends = bytes((192, 0, 2, 1)), bytes((198, 51, 100, 7))
    number = table.enter(Segment(*ends, TCP, 40_000, 445, b"", 0, 0, 0, 2, 0, (), 60), (), 1, Moment(0, BEGUN_NS))[0]

    def __init__(self) -> None:
        self.w = self.listener.world
        self.w.flows[self.number, [kernel.FLAGS, kernel.FLAGS + 1, kernel.RST_BY, kernel.NAMED]] = (2, 18, -1, 0)
        self.flow = Flow(self.table.row(self.number), self.table.key(self.number))
        self.flow.id = self.scribe.id(BEGUN_NS, 0, "flow", 0)
        self.flow.label = "smb"
        self.slot = smb.smb_slot(self.w, self.number, 0, BEGUN_NS)
        self.w.slots[self.slot, world.S_ALLOWANCE] = 1 << 40
        self.talk: SmbTalk | None = None
        self.lines: list[bytes] = []

    def hear(self, n: int, side: int, data: bytes) -> None:
        if self.talk is not None:
            self._found(self.talk.data(side, data, Moment(n // 2, BEGUN_NS + n)))
            return
        before = self.state()
        verdict = smb.smb_hears(
            self.w, self.number, self.slot, side, np.frombuffer(b"??" + data, np.int8), 2, 2 + len(data), n // 2,
            BEGUN_NS + n,
        )  # fmt: skip
        if verdict == world.UNUSUAL:
            assert self.state() == before
            self.leave()
            self.hear(n, side, data)
            return
        self.read()

    def end(self) -> None:
        if self.talk is None:
            before = self.state()
            if smb.smb_ends(self.w, self.number, self.slot) == world.TAKEN:
                self.read()
                slots.drop_slot(self.w, self.slot)
                assert len(self.inlays.bodies) == 0
                return
            assert self.state() == before
            self.leave()
        assert self.talk is not None
        self._found(self.talk.close(True))

    def leave(self) -> None:
        """What is heard next, the talk hears."""
        if self.talk is None:
            self.read()
            row = self.w.slots[self.slot].tolist()
            begin = row[world.S_AREA]
            area = self.w.pool[begin : begin + row[world.S_CAPACITY]].tobytes()
            self.talk = take_over(row, area, self.inlays.bodies)
            slots.drop_slot(self.w, self.slot)

    def state(self) -> tuple[object, ...]:
        row = self.w.slots[self.slot].tolist()
        area = self.w.pool[row[world.S_AREA] :][: row[world.S_USED]].tobytes()
        own = [number for n, number in enumerate(row) if n not in (world.S_AREA, world.S_CAPACITY)]
        return own, area, int(self.w.numbers[world.TELLS]), int(self.w.numbers[world.OUT])

    def _found(self, found: Iterable[Found]) -> None:
        """Faults are lines too; behind one the talk is closed, as the engine does."""
        try:
            for each in found:
                self.lines.append(self.scribe.found(self.flow, each))
        except Undecodable as fault:
            self.lines.append(repr(fault).encode())
            self.lines += [self.scribe.found(self.flow, each) for each in self.talk.close(False)]
            self.talk.done = True

    def read(self) -> None:
        numbers = self.w.numbers
        text = self.w.out[: numbers[world.OUT]].tobytes()
        for kind, number, begin, end, *_ in self.w.tells[: numbers[world.TELLS]].tolist():
            if kind == world.T_BODY:
                self.inlays.bodies.add(number, text[begin:end])
            else:
                assert kind == world.T_LINE
                self.lines += self.inlays.fill(text[begin:end]).split(b"\n")
        numbers[[world.TELLS, world.OUT]] = 0


def run(pieces: list[Piece], leave: int) -> tuple[list[bytes], int]:
    """The lines of a connection that is left to the talk before that piece, and how many pieces the loops heard."""
    ear, heard = Ear(), 0
    for n, (side, data) in enumerate(pieces):
        if n == leave:
            ear.leave()
        if ear.talk is not None and ear.talk.done:
            return ear.lines, heard
        ear.hear(n, side, data)
        heard += ear.talk is None
    if leave == len(pieces):
        ear.leave()
    if ear.talk is None or not ear.talk.done:
        ear.end()
    return ear.lines, heard


def same(pieces: list[Piece]) -> tuple[list[bytes], int]:
    """What the loops tell of all pieces is what the talk tells of them, wherever it takes over."""
    wanted, _ = run(pieces, 0)
    for leave in range(1, len(pieces) + 2, len(pieces) // 40 + 1):
        assert run(pieces, leave)[0] == wanted
    lines, heard = run(pieces, -1)
    assert lines == wanted
    return lines, heard
