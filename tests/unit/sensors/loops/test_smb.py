"""SMB's loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.windows import utf16
from sensors.loops import slots, smb, world
from sensors.loops.smb_words import smb_is_ascii, smb_is_plain, smb_put_lower, smb_put_text
from sensors.streams import Moment
from sensors.talks.recognise import recognise_stream
from sensors.talks.smb import SmbTalk
from tests.unit.sensors.loops.ear import BEGUN_NS, Ear, Speech, partly, run, same_anyway, wholly
from tests.unit.sensors.loops.pieces import Piece, changed, cut, several, whole
from tests.unit.sensors.loops.smb_pieces import MOUNT, ORDINARY, SHORT, UNUSUAL


def moment(n: int) -> Moment:
    """Two pieces come in one packet."""
    return Moment(n // 2, BEGUN_NS + n)


TELLS = world.T_LINE, world.T_BODY
SPEECH = Speech("smb", 445, smb.smb_slot, smb.smb_hears, smb.smb_ends, moment=moment, tells=TELLS, allowance=1 << 40)


@pytest.mark.parametrize("name", [*ORDINARY, *UNUSUAL])
def test_a_connection_is_claimed_only_where_it_is_sure_to_be_smb(name):
    side, first = {**ORDINARY, **UNUSUAL}[name][0]
    for size in (len(first), 12, 10, 9, 5):
        data = np.frombuffer(b"\0\0" + first[:size], np.int8)
        if smb.begins_smb(data, 2, len(data)):
            assert recognise_stream(first[:size], side).talk is SmbTalk
        else:
            assert size < 10


@pytest.mark.parametrize("begin", [b"", b"\0\0\0\x40\xfdSMB\0\0\0\0", b"\x81\0\0\x44" + b" " * 68, b"GET / HTTP/1.1"])
def test_other_connections_are_not_claimed(begin):
    assert not smb.begins_smb(np.frombuffer(begin, np.int8), 0, len(begin))


@pytest.mark.parametrize("name", ORDINARY)
def test_the_ordinary_is_heard_in_the_loops(name):
    assert wholly(SPEECH, ORDINARY[name])


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_talk(name):
    partly(SPEECH, UNUSUAL[name])


@pytest.mark.parametrize("tellings", [1, 2, 3])
def test_a_flow_that_tells_more_than_it_may_is_left_to_the_engine(tellings):
    ear = Ear(SPEECH)
    for n, piece in enumerate([*MOUNT, SHORT[0]]):
        ear.hear(n, *piece)
    ear.w.slots[ear.slot, world.S_ALLOWANCE] = tellings * slots.BYTES_PER_TELLING
    ear.hear(9, *SHORT[1])
    assert (ear.talk is None) == (tellings == 3)
    assert len(ear.lines) == 4


@pytest.mark.parametrize("tellings", [1, 3])
def test_a_flow_that_ends_with_more_than_it_may_tell_is_left_to_the_engine(tellings):
    ear = Ear(SPEECH)
    for n, piece in enumerate([*MOUNT, SHORT[0]]):
        ear.hear(n, *piece)
    ear.w.slots[ear.slot, world.S_ALLOWANCE] = tellings * slots.BYTES_PER_TELLING
    ear.end()
    assert (ear.talk is None) == (tellings == 3)
    assert len(ear.lines) == 4


def test_every_plain_character_is_told_as_the_talk_tells_it():
    out, plain = np.zeros(64, np.uint8), 0
    for code in (*range(0xD800), *range(0xE000, 0x10000)):
        raw = ("a" + chr(code) + "e").encode("utf-16-le")
        data = np.frombuffer(raw, np.int8)
        if code and smb_is_plain(data, 0, 6):
            plain += 1
            text = utf16(raw)
            assert text == raw.decode("utf-16-le")
            assert "\\IPC$" not in ("\\" + chr(code) + "PC$").upper() or code in (0x49, 0x69)
            end = smb_put_text(out, 0, data, 0, 6)
            assert out[:end].tobytes() == orjson.dumps(text)[1:-1]
            if smb_is_ascii(data, 0, 6):
                end = smb_put_lower(out, 0, data, 0, 6)
                assert out[:end].tobytes() == orjson.dumps(text.lower())[1:-1]
    assert plain > 900


ALL = [*ORDINARY.values(), *list(UNUSUAL.values())[:-1]]


@st.composite
def connections(draw):
    """Connections one behind the other, cut anew, some bytes changed, some pieces out of turn."""
    pieces: list[Piece] = []
    for side, data in several(draw, ALL):
        altered = changed(draw, data[:4_000], b"\0\1\2\3\4\x7f\xff\x80\x10a", times=(0, 0, 0, 0, 0, 0, 1, 2))
        pieces += whole(cut(altered, side, *draw(st.lists(st.integers(1, 90), max_size=2))))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        pieces.insert(draw(st.integers(0, len(pieces))), pieces.pop(draw(st.integers(0, len(pieces) - 1))))
    return pieces[: draw(st.integers(1, 40))]


@settings(deadline=None, max_examples=300)
@given(connections(), st.integers(0, 40), st.integers(1, 9))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces, leave, apart):
    same_anyway(SPEECH, pieces, leave, apart=apart)


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*ORDINARY]), st.lists(st.integers(1, 200), max_size=30))
def test_however_it_is_cut_it_is_heard_in_the_loops(name, sizes):
    pieces: list[Piece] = []
    for side, data in ORDINARY[name]:
        pieces += whole(cut(data, side, *sizes[len(pieces) % 7 :][:3]))
    assert run(SPEECH, pieces, -1) == (run(SPEECH, pieces, 0)[0], len(pieces))
