"""DCERPC's loops on the pipes of one SMB session beside their talk: the same lines, or nothing at all."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import dcerpc as rpc
from sensors.decode.fault import Undecodable
from sensors.loops import dcerpc, dcerpc_kept, kept, slots, world
from sensors.loops.documents import SMB
from sensors.takeover.dcerpc import restore
from sensors.takeover.entries import entries
from sensors.talks.dcerpc import Rpc
from sensors.talks.talk import Beginnings
from tests.unit.sensors.loops.dcerpc_pieces import ALTERED, ORDINARY, SECURED, connections, fault, moment
from tests.unit.sensors.loops.ear import INLAYS, LISTENER, SCRIBE, Kept, Speech, W, octets, slot_of
from tests.unit.sensors.loops.pieces import whole
from tests.unit.sensors.talks.test_dcerpc import BIND, request, response

#: What a pipe says is told of in the slot of its SMB session.
SPEECH = Speech("smb", 445, slot_of(SMB), dcerpc.rpc_hears, dcerpc.rpc_ends, moment=moment)


class Pipes(Kept):
    """Associations on three pipes of one SMB session, heard by the loops and by `Rpc`."""

    names = ("", "\\srvsvc", '"ống"')
    users: tuple[dict[str, str], ...] = ({}, {"name": "nguyễn", "domain": "A\\B"}, {"name": '"'})
    column = world.S_OWN + 2

    def __init__(self) -> None:
        super().__init__(SPEECH)
        W.slots[self.slot, self.column] = -1
        self.beginnings, self.events, self.wanted = Beginnings(), [], []
        self.pipes = [self._pipe(n) for n in range(3)]
        self.texts, end = [], 2_048
        for name, user in zip(self.names, self.users, strict=True):
            for text in (orjson.dumps(name)[1:-1], orjson.dumps(user) if user else b""):
                W.scratch[end : end + len(text)] = np.frombuffer(text, np.uint8)
                self.texts.append(end << 16 | end + len(text) if text else 0)
                end += len(text)

    def _pipe(self, n: int) -> Rpc:
        pipe = Rpc(self.beginnings, self.events, self.names[n])
        pipe.user = self.users[n]
        return pipe

    def talk(self, n: int, which: int, side: int, data: bytes) -> None:
        """What `Rpc` tells of it; a fault is a line too."""
        self.pipes[which].told = {}
        try:
            self.pipes[which].data(side, data, self.speech.moment(n))
        except Undecodable as fault:
            self._told()
            self.wanted.append(repr(fault).encode())
        self._told()

    def loop(self, n: int, which: int, side: int, data: bytes) -> int:
        """What the loops tell of it; -1 where they do not know it."""
        kept.remember(W, self.slot)
        before, at, texts = self.state(), self.speech.moment(n), self.texts[2 * which : 2 * which + 2]
        told = self.speech.hears(
            W, self.number, self.slot, which + 1, self.column, side, octets(data), 2, 2 + len(data), *at, *texts
        )
        if told < 0:
            kept.recall(W, self.slot)
            assert self.state() == before
        self.read()
        return told

    def hear(self, n: int, which: int, side: int, data: bytes) -> int:
        """What both say of it."""
        self.talk(n, which, side, data)
        told = self.loop(n, which, side, data)
        assert told >= 0
        assert dcerpc_kept.rpc_told_binds(told) == ("interfaces" in self.pipes[which].told)
        assert self.text(which, told) == orjson.dumps(self.pipes[which].told)
        return told

    def text(self, which: int, told: int) -> bytes:
        end = dcerpc_kept.rpc_put_told(W, 0, self.slot, which + 1, told) if told else -1
        return INLAYS.fill(W.out[:end].tobytes()) if end >= 0 else b"{}"

    def close(self, which: int) -> None:
        self.pipes[which].close()
        self._told()
        self.end(which)

    def end(self, which: int) -> None:
        texts = self.texts[2 * which : 2 * which + 2]
        assert self.speech.ends(W, self.number, self.slot, which + 1, *texts) == world.TAKEN
        self.read()

    def leave(self) -> None:
        """Other pipes hear what follows, and know what the loops know of these."""
        self.beginnings, (row, area, *_) = Beginnings(), LISTENER.slot(self.slot)
        self.pipes = [self._pipe(n) for n in range(3)]
        for n, pipe in enumerate(self.pipes):
            restore(pipe, self.events, entries(row, area), n + 1)
        assert not self.events
        if row[self.column] >= 0:
            self.beginnings._last["dcerpc"] = (row[self.column], row[self.column + 1])

    def _told(self) -> None:
        self.wanted += [SCRIBE.found(self.flow, each) for each in self.events]
        self.events.clear()


TOLD = ["altered", "fragments", "one piece", "others", "pieces across", "offers", "unanswered", "refused wholly"]


@pytest.mark.parametrize("name", [*TOLD, *SECURED])
def test_pipes_are_told_apart(name):
    """One after another, and the last one for a part only; the talk is replaced at every point."""
    conversation = ORDINARY[name]
    pieces = [(which, *piece) for piece in conversation for which in range(3)]
    for leave in range(len(pieces) + 1):
        ear = Pipes()
        for n, piece in enumerate(pieces):
            if n == leave:
                ear.leave()
            ear.hear(n, *piece)
        if leave == len(pieces):
            ear.leave()
        for which in (1, 0, 2):
            ear.close(which)
        assert ear.lines == ear.wanted
        assert W.slots[ear.slot, world.S_USED] == 0
        slots.drop_slot(W, ear.slot)


def test_what_one_command_tells_is_put_together():
    ear = Pipes()
    for pieces in (BIND, [request(64, 2), response(2)], ALTERED, [request(3, 2), fault(5)]):
        fields: dict[str, object] = {}
        together = 0
        for n, (side, data) in enumerate(pieces):
            told = ear.hear(n, 1, side, data)
            fields.update(ear.pipes[1].told)
            together = dcerpc_kept.rpc_told_more(together, told)
            assert ear.text(1, together) == orjson.dumps(fields)
            assert dcerpc_kept.rpc_told_more(together, 0) == together
    assert dcerpc_kept.rpc_told_more(told, dcerpc_kept.rpc_told(2, 3, rpc.REQUEST, -1)) == -1
    assert dcerpc_kept.rpc_told_more(dcerpc_kept.rpc_told(2, -1, rpc.AUTH3, -1), told) == -1
    assert (
        dcerpc_kept.rpc_told_more(dcerpc_kept.rpc_told(2, -1, rpc.BIND, -1), dcerpc_kept.rpc_told(3, -1, -1, 12)) == -1
    )
    ear.close(1)
    assert dcerpc_kept.rpc_put_told(W, 0, ear.slot, 2, dcerpc_kept.rpc_told(1, -1, rpc.BIND, -1)) == -1
    slots.drop_slot(W, ear.slot)


@settings(deadline=None, max_examples=100)
@given(st.lists(connections(), min_size=3, max_size=3), st.randoms(use_true_random=False), st.integers(0, 60))
def test_whatever_comes_on_pipes_is_told_as_the_talk_tells_it(each, random, leave):
    """Three conversations in turns of their own; behind what the loops do not know the talk goes on for all."""
    each = [whole(pieces) for pieces in each]
    turns = [which for which, pieces in enumerate(each) for _ in pieces]
    random.shuffle(turns)
    ear, wanted, alone = Pipes(), Pipes(), False
    for n, which in enumerate(turns):
        piece = each[which].pop(0)
        wanted.talk(n, which, *piece)
        if not alone:
            told = ear.loop(n, which, *piece)
            alone = told < 0 or n == leave
            if told >= 0:
                assert ear.text(which, told) == orjson.dumps(wanted.pipes[which].told)
            if alone:
                ear.leave()
            if told < 0:
                ear.talk(n, which, *piece)
        else:
            ear.talk(n, which, *piece)
    for which in range(3):
        if alone:
            ear.pipes[which].close()
            ear._told()
        else:
            ear.end(which)
        wanted.pipes[which].close()
        wanted._told()
    assert ear.lines + ear.wanted == wanted.wanted
    for one in (ear, wanted):
        slots.drop_slot(W, one.slot)
