"""DCERPC's loops beside their talk: the same lines, or nothing at all."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import dcerpc as rpc
from sensors.listener import Slot
from sensors.loops import dcerpc, slots
from sensors.loops.documents import DCERPC
from sensors.takeover.ftp import Transfers
from sensors.takeover.http import Bodies
from sensors.talks.dcerpc import DcerpcTalk
from sensors.talks.recognise import recognise_stream
from tests.unit.sensors.loops.dcerpc_pieces import ORDINARY, UNUSUAL, connections, moment, secured
from tests.unit.sensors.loops.ear import Ear, Speech, octets, partly, run, same_anyway, slot_of, taken_over, wholly
from tests.unit.sensors.loops.test_listen import the_same
from tests.unit.sensors.talks.test_dcerpc import BIND, request, response
from tests.unit.sensors.wire import tcp


def silent(slot: Slot, bodies: Bodies, transfers: Transfers) -> DcerpcTalk:
    """What the loops told already, the talk does not tell again."""
    talk = taken_over(slot, bodies, transfers)
    assert not talk._found
    return talk


SPEECH = Speech("dcerpc", 135, slot_of(DCERPC), dcerpc.dcerpc_hears, dcerpc.dcerpc_ends, silent, moment)


@pytest.mark.parametrize("name", ORDINARY)
def test_the_loops_hear_what_the_talk_hears(name):
    assert wholly(SPEECH, ORDINARY[name]) or name == "nothing"


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_the_talk(name):
    assert partly(SPEECH, UNUSUAL[name])


@pytest.mark.parametrize("name", [*ORDINARY, *UNUSUAL])
def test_a_connection_begins_as_the_talk_is_recognised(name):
    pieces = (ORDINARY | UNUSUAL)[name]
    data = pieces[0][1]
    for size in (0, 1, 9, 15, 16, 23, 24, len(data)):
        begins = dcerpc.begins_dcerpc(octets(data[:size]), 2, 2 + len(data[:size]))
        verdict = recognise_stream(data[:size], 0)
        talk = verdict.talk is not None and isinstance(verdict.talk(), DcerpcTalk)
        assert begins == (talk and data[4] == 0x10 and len(data[:size]) < 1_282)


@pytest.mark.parametrize("name", ["fragments", "Kerberos", "a login", "unanswered"])
def test_segments_are_heard_in_order_and_out_of_it(name):
    frames = list(tcp([piece for piece in (ORDINARY | UNUSUAL)[name] if piece[1]], size=60))
    the_same(frames)
    the_same(frames[3:])  # picked up in the middle
    the_same([*frames[:5], *frames[6:], frames[5]])
    the_same([frame for frame in frames for _ in range(2)])  # each twice
    the_same(frames[:-4])  # the end is not seen


@pytest.mark.parametrize("kind", [*rpc._AUTH_TYPES, 0, 11, 255])
def test_security_is_told_by_its_names(kind):
    for level in range(8):
        pieces = secured(kind, b"x", level)[:4]
        lines, heard = run(SPEECH, pieces, -1)
        assert (lines, heard) == (run(SPEECH, pieces, 0)[0], 4)


def test_no_more_is_told_than_a_flow_may_tell():
    for allowance in range(0, 5 * slots.BYTES_PER_TELLING, 40):
        ear = Ear(SPEECH._replace(allowance=allowance))
        pieces = [*BIND, request(1, 2), response(2), request(1, 3), request(1, 4)]
        for n, piece in enumerate(pieces):
            ear.hear(n, *piece)
        left = len(ear.lines) if ear.talk is None else -1
        assert left == (2 if allowance >= 2 * slots.BYTES_PER_TELLING else -1)
        ear.end()
        assert (ear.talk is None) == (allowance >= 4 * slots.BYTES_PER_TELLING)
        assert len(ear.lines) == 4


@settings(deadline=None, max_examples=200)
@given(connections(), st.integers(0, 30), st.integers(1, 9))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces, leave, apart):
    same_anyway(SPEECH, pieces, leave, apart=apart)
