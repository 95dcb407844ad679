"""What is told of a connection or a pipe of DCERPC that is heard by the loops, and beside them by the talk."""

from __future__ import annotations

import numpy as np

from sensors import kernel
from sensors.decode.address import TCP
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Segment
from sensors.document import Scribe
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener
from sensors.loops import dcerpc, slots, world
from sensors.loops.documents import DCERPC
from sensors.streams import Moment
from sensors.takeover.dcerpc import take_over
from sensors.talks.dcerpc import DcerpcTalk
from tests.unit.sensors.loops.dcerpc_pieces import Piece
from tests.unit.sensors.wire import ORIGIN

BEGUN_NS = 1_700_000_000_123_456_789
TABLE = FlowTable(limit=2)
SCRIBE = Scribe(ORIGIN, "f" * 16)
W = Listener(TABLE, SCRIBE, None).world
INLAYS = Inlays()
ENDS = bytes((192, 0, 2, 1)), bytes((198, 51, 100, 7))
NUMBER = TABLE.enter(Segment(*ENDS, TCP, 40_000, 135, b"", 0, 0, 0, 2, 0, (), 60), (), 1, Moment(0, BEGUN_NS))[0]


def moment(n: int) -> Moment:
    """Some pieces come in one packet."""
    return Moment(n * 2 // 3, BEGUN_NS + 1_000 * n)


def octets(data: bytes) -> np.ndarray:
    return np.frombuffer(b"??" + data, np.int8)


class Ear:
    """One connection in a slot, and what was told of it."""

    application, label = DCERPC, "dcerpc"

    def __init__(self, allowance: int | None = None) -> None:
        W.flows[NUMBER, [kernel.FLAGS, kernel.FLAGS + 1, kernel.RST_BY, kernel.NAMED]] = (2, 18, -1, 0)
        self.flow = Flow(TABLE.row(NUMBER), TABLE.key(NUMBER))
        self.flow.id = SCRIBE.id(BEGUN_NS, 0, "flow", 0)
        self.flow.label = self.label
        self.slot = slots.take_slot(W, NUMBER, self.application, 0, BEGUN_NS)
        if allowance is not None:
            W.slots[self.slot, world.S_ALLOWANCE] = allowance
        self.lines: list[bytes] = []

    def kept(self) -> tuple[list[int], bytes]:
        row = W.slots[self.slot].tolist()
        return row, W.pool[row[world.S_AREA] :][: row[world.S_CAPACITY]].tobytes()

    def state(self) -> tuple[object, ...]:
        row, area = self.kept()
        own = [number for n, number in enumerate(row) if n not in (world.S_AREA, world.S_CAPACITY)]
        told = W.tells[: W.numbers[world.TELLS]].tolist()
        text = [W.out[begin:end].tobytes() for _, _, begin, end, *_ in told]
        return own, area[: row[world.S_USED]], told, text, int(W.numbers[world.OUT])

    def read(self) -> None:
        """What was told is read, as the engine does."""
        numbers = W.numbers
        text = W.out[: numbers[world.OUT]].tobytes()
        for kind, _, begin, end, *_ in W.tells[: numbers[world.TELLS]].tolist():
            assert kind == world.T_LINE
            self.lines += INLAYS.fill(text[begin:end]).splitlines()
        numbers[[world.TELLS, world.OUT]] = 0

    def found(self, found: object) -> None:
        self.lines += [SCRIBE.found(self.flow, each) for each in found]


class Connection(Ear):
    """Heard by the loops as far as they go, and by the talk from there on."""

    talk: DcerpcTalk | None = None

    def hear(self, n: int, side: int, data: bytes) -> None:
        if self.talk is not None:
            self._talk(self.talk.data(side, data, moment(n)))
            return
        at, before = moment(n), self.state()
        verdict = dcerpc.dcerpc_hears(W, NUMBER, self.slot, side, octets(data), 2, 2 + len(data), at.position, at.ns)
        if verdict == world.UNUSUAL:
            assert self.state() == before
            self.leave()
            self.hear(n, side, data)
            return
        assert W.slots[self.slot, world.S_ALLOWANCE] >= 0
        self.read()

    def lose(self, n: int, side: int, size: int) -> None:
        self.leave()
        self._talk(self.talk.gap(side, size, moment(n)))

    def end(self) -> None:
        if self.talk is None:
            before = self.state()
            if dcerpc.dcerpc_ends(W, NUMBER, self.slot) == world.UNUSUAL:
                assert self.state() == before
                self.leave()
            else:
                self.read()
                slots.drop_slot(W, self.slot)
        if self.talk is not None and not self.talk.done:
            self._talk(self.talk.close(True))

    def leave(self) -> None:
        """What is heard next, the talk hears."""
        if self.talk is None:
            self.talk = take_over(*self.kept())
            assert not self.talk._found
            slots.drop_slot(W, self.slot)

    def _talk(self, found: object) -> None:
        """Faults are lines too; behind one the talk is closed, as the engine does."""
        try:
            self.found(found)
        except Undecodable as fault:
            self.lines.append(repr(fault).encode())
            self.found(self.talk.close(False))
            self.talk.done = True


def run(pieces: list[Piece], leave: int) -> tuple[list[bytes], int]:
    """The lines of a connection that is left to the talk before that piece, and how many pieces the loops heard. A
    piece without bytes is a hole of a hundred."""
    ear, heard = Connection(), 0
    for n, (side, data) in enumerate(pieces):
        if n == leave:
            ear.leave()
        if ear.talk is not None and ear.talk.done:
            break
        if data:
            ear.hear(n, side, data)
        else:
            ear.lose(n, side, 100)
        heard += ear.talk is None
    if leave == len(pieces):
        ear.leave()
    ear.end()
    return ear.lines, heard


def same(pieces: list[Piece]) -> tuple[list[bytes], int]:
    """What the loops tell of all pieces is what the talk tells of them, wherever it takes over."""
    wanted, _ = run(pieces, 0)
    for leave in [*range(1, len(pieces) + 1, 1 + len(pieces) // 50), len(pieces), len(pieces) + 1]:
        lines, heard = run(pieces, leave)
        assert lines == wanted
    return lines, heard
