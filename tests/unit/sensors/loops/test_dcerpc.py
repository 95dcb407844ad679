"""DCERPC's loops beside their talk: the same lines, or nothing at all."""

from __future__ import annotations

import struct
from typing import Any

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import kernel
from sensors.decode import dcerpc as rpc
from sensors.decode.address import TCP
from sensors.decode.fault import Undecodable
from sensors.decode.frame import Segment
from sensors.document import Scribe
from sensors.flows import Flow, FlowTable
from sensors.inlays import Inlays
from sensors.listener import Listener
from sensors.loops import dcerpc, dcerpc_kept, kept, slots, world
from sensors.loops.documents import DCERPC, SMB
from sensors.streams import Moment
from sensors.takeover.dcerpc import restore, take_over
from sensors.takeover.entries import entries
from sensors.talks.dcerpc import DcerpcTalk, Rpc
from sensors.talks.recognise import recognise_stream
from sensors.talks.talk import Beginnings
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.loops.test_listen import the_same
from tests.unit.sensors.talks.test_dcerpc import BIND, request, response
from tests.unit.sensors.wire import ORIGIN, tcp

BEGUN_NS = 1_700_000_000_123_456_789
#: A piece of a connection: who sent it, and what.
Piece = tuple[int, bytes]
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
        numbers[[world.TELLS, world.OUT, world.FENCE]] = 0

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


def cut(data: bytes, side: int, *sizes: int) -> list[Piece]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append((side, data[at : at + size]))
        at += size
    return [piece for piece in [*pieces, (side, data[at:])] if piece[1]]


FEATURES = bytes.fromhex("2c1cb76c129840450300000000000000")
UNKNOWN = bytes(range(16))


def offers(*uuids: bytes, kind: int = rpc.BIND, call: int = 1, first: int = 0, syntaxes: int = 1) -> Piece:
    """A bind of several contexts."""
    syntax = wire.NDR + struct.pack("<I", 2)
    contexts = b"".join(
        struct.pack("<HBB", first + n, syntaxes, 0) + uuid + struct.pack("<HH", n + 1, n) + syntax * syntaxes
        for n, uuid in enumerate(uuids)
    )
    return 0, wire.rpc(kind, struct.pack("<HHIB3x", 4280, 4280, 0, len(uuids)) + contexts, call)


def accepts(*results: int, kind: int = rpc.BIND_ACK, call: int = 1, address: bytes = b"135\0") -> Piece:
    head = struct.pack("<HHIH", 4280, 4280, 1, len(address)) + address
    head += bytes(-(len(head) + 16) % 4)
    told = b"".join(struct.pack("<HH", result, n) + wire.NDR + bytes(4) for n, result in enumerate(results))
    return 1, wire.rpc(kind, head + struct.pack("<B3x", len(results)) + told, call)


def fault(status: int, call: int = 2, **options: Any) -> Piece:
    return 1, wire.rpc(rpc.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, status) + bytes(4), call, **options)


def asks(context: int, number: int, call: int, flags: int = 3, size: int = 20) -> Piece:
    return 0, wire.rpc(rpc.REQUEST, struct.pack("<IHH", 0, context, number) + bytes(size), call, flags=flags)


def named(address: bytes) -> Piece:
    return accepts(0, address=address)


def join(*pieces: Piece) -> Piece:
    return pieces[0][0], b"".join(data for _, data in pieces)


ALTERED = [offers(UNKNOWN, kind=rpc.ALTER, call=3, first=5), accepts(0, kind=rpc.ALTER_RESPONSE, call=3, address=b"")]
FRAGMENTS = [request(13, 2, 100, flags=1), request(13, 2, 50, flags=0), request(13, 2, 25, flags=2),
             response(2, 60, flags=1), response(2, 7, flags=0), response(2, 9, flags=2)]  # fmt: skip
ORDINARY: dict[str, list[Piece]] = {
    "a call": [*BIND, request(64, 2, 92), response(2, 40)],
    "several": [*BIND, request(64, 2), response(2), request(7, 3), response(3), request(1, 4), response(4)],
    "side by side": [*BIND, request(64, 2), request(7, 3), response(3), request(1, 4), response(2), response(4)],
    "one piece": [join(BIND[0], request(1, 2), request(2, 3)), join(BIND[1], response(2), response(3))],
    "fragments": [*BIND, *FRAGMENTS],
    "fragments of an answer that ends early": [*BIND, *FRAGMENTS[:-1]],
    "more is asked behind an answer": [*BIND, *FRAGMENTS[:4], request(13, 2, 3, flags=2), response(2, 1, flags=2)],
    "the last fragment first": [*BIND, request(13, 2, flags=2), response(2)],
    "in pieces": [*cut(BIND[0][1], 0, 3, 13, 8, 20), *cut(BIND[1][1], 1, 15, 20),
                  *cut(request(3, 2, 90)[1], 0, 15, 1, 2, 6, 15, 1, 10), *cut(response(2, 50)[1], 1, 24, 10, 1)],
    "both sides in pieces": [*BIND, (0, request(1, 2)[1][:20]), (1, response(2)[1][:9]), (0, request(1, 2)[1][20:]),
                             (1, response(2)[1][9:])],
    "pieces across": [BIND[0], (1, BIND[1][1] + response(2)[1][:5]), request(9, 2), (1, response(2)[1][5:] + b"\x05")],
    "faults": [*BIND, *(piece for n, status in enumerate((*rpc.FAULTS, 0x1234, 0xC0000022), 2)
                        for piece in (request(99, n), fault(status, n)))],
    "refused": [BIND[0], accepts(2)],
    "refused wholly": [BIND[0], (1, wire.rpc(rpc.BIND_NAK, bytes(8))), request(1, 2), response(2)],
    "offers": [offers(FEATURES, wire.SAMR, UNKNOWN), accepts(3, 0, 2), asks(0, 0, 2), asks(1, 0, 3), asks(2, 9, 4),
               asks(9, 9, 5), response(3), response(2), response(5), response(4)],
    "features": [offers(FEATURES), accepts(0), request(1, 2)],
    "features accepted only": [offers(FEATURES, wire.SAMR), accepts(0, 2)],
    "offered nothing": [offers(), accepts(), request(1, 2), response(2)],
    "less is answered": [offers(wire.SAMR, UNKNOWN), accepts(2)],
    "more is answered": [offers(UNKNOWN), accepts(2, 0)],
    "more transfer syntaxes": [offers(wire.SAMR, UNKNOWN, syntaxes=3), accepts(0, 0), asks(1, 3, 2), response(2)],
    "many offers": [offers(*[UNKNOWN] * 40), accepts(*[0] * 40), asks(39, 3, 2), response(2)],
    "altered": [*BIND, request(1, 2), response(2), *ALTERED, asks(5, 3, 4), response(4), asks(0, 3, 5), response(5)],
    "offered anew": [*BIND, request(1, 2), offers(UNKNOWN, kind=rpc.ALTER, call=3), request(1, 4), response(2),
                     accepts(0, kind=rpc.ALTER_RESPONSE, call=3), response(4)],
    "known later": [request(1, 2), *BIND, response(2), request(1, 3), response(3)],
    "never bound": [request(1, 2), response(2)],
    "of one id": [*BIND, request(1, 1), response(1), request(2, 1), response(1), ALTERED[0], ALTERED[1]],
    "no address": [BIND[0], named(b""), request(1, 2)],
    "an empty address": [BIND[0], named(b"\0")],
    "an address without an end": [BIND[0], named(b"\\PIPE\\\"x")],
    "an address and more": [BIND[0], named(b"1\0" + b"\xff" * 9)],
    "an object": [*BIND, (0, wire.rpc(rpc.REQUEST, wire.call(5, bytes(30)), 2, flags=0x83)), response(2)],
    "unanswered": [*BIND, request(1, 2), request(2, 3), offers(UNKNOWN, kind=rpc.ALTER, call=9)],
    "half a request": [*BIND, (0, request(1, 2, 100)[1][:70])],
    "half a header": [*BIND, (0, request(1, 2, 100)[1][:7])],
    "nothing more": [BIND[0]],
    "half a PDU before one that is told of": [*BIND, request(1, 2), (1, response(2, 50)[1][:30]), request(1, 3),
                                              (1, response(2, 50)[1][30:])],
    "half a request before one of the other side": [*BIND, (0, request(1, 2, 50)[1][:30]), (1, request(1, 3)[1])],
    "others": [*BIND, (0, wire.rpc(rpc.AUTH3, bytes(4))), (0, wire.rpc(rpc.CANCEL, b"", 2)),
               (0, wire.rpc(rpc.ORPHANED, b"", 3)), (1, wire.rpc(rpc.SHUTDOWN, b"", 4)), request(1, 5), response(5)],
    "a large call": [*BIND, *cut(request(1, 2, 60_000)[1], 0, *[1_460] * 41),
                     *cut(response(2, 65_000)[1], 1, *[9_000] * 7)],
    "version 5.1": [(0, b"\5\1" + BIND[0][1][2:]), BIND[1], (0, b"\5\1" + request(1, 2)[1][2:]), response(2)],
    "both ways": [(1 - side, data) for side, data in [*BIND, request(64, 2), response(2)]],
    "calls as many as may wait": [*BIND, *(request(1, n) for n in range(2, 66)), response(60)],
}  # fmt: skip


def secured(kind: int, token: bytes, level: int = 6, padding: int = 5) -> list[Piece]:
    """A login in three legs and two calls behind it."""

    def trailer(said: bytes) -> bytes:
        return struct.pack("<BBBBI", kind, level, padding, 0, 1) + said

    return [
        (0, wire.rpc(rpc.BIND, wire.bind(), auth=trailer(token))),
        (1, wire.rpc(rpc.BIND_ACK, wire.bind_ack(), auth=trailer(token[::-1]))),
        (0, wire.rpc(rpc.AUTH3, bytes(4), auth=trailer(token))),
        request(57, 2, 40, auth=trailer(bytes(16))),
        response(2, 40, auth=trailer(bytes(16))),
        request(58, 3, 40, auth=trailer(bytes(16))),
        fault(5, 3, auth=trailer(bytes(16))),
    ]


KERBEROS = secured(16, b"\x60\x06NTLMSSP1")
SECURED: dict[str, list[Piece]] = {
    "Kerberos": KERBEROS,
    "SPNEGO": secured(9, b"\x60" + bytes(300), 5),
    "the server": secured(68, b"NTLMSS", 2, 0),
    "TLS": secured(14, b"NTLMSSP", 3),
    "NTLM without a message": secured(10, b"x", 1),
    "unknown security": secured(77, bytes(8), 9),
    "security that changes": [*KERBEROS[:4], *[(0, wire.rpc(rpc.ALTER, wire.bind(), 7, auth=wire.trailer(b"x", 9, 5))),
                              (1, wire.rpc(rpc.ALTER_RESPONSE, wire.bind_ack(), 7))], *KERBEROS[4:], request(1, 9)],
    "security of the answer": [BIND[0], request(1, 3), KERBEROS[1], request(1, 2), response(2), response(3)],
    "security in pieces": [piece for side, data in KERBEROS for piece in cut(data, side, 9, 3, 20)],
    "no security of a refusal": [BIND[0], (1, wire.rpc(rpc.BIND_NAK, bytes(8), auth=wire.trailer(b"x"))),
                                 request(1, 2)],
    "a trailer": [*BIND, request(57, 2, auth=wire.trailer(bytes(16))), response(2)],
    "trailers of fragments": [*BIND, *(request(57, 2, auth=wire.trailer(bytes(16)), flags=n) for n in (1, 0, 2)),
                              response(2)],
}  # fmt: skip
NTLM = [
    (0, wire.rpc(rpc.BIND, wire.bind(), auth=wire.trailer(wire.NTLM_NEGOTIATE))),
    (1, wire.rpc(rpc.BIND_ACK, wire.bind_ack(), auth=wire.trailer(wire.NTLM_CHALLENGE))),
    (0, wire.rpc(rpc.AUTH3, bytes(4), auth=wire.trailer(wire.NTLM_AUTHENTICATE))),
    request(57, 2, auth=wire.trailer(bytes(16))),
    response(2, auth=wire.trailer(bytes(16))),
]
UNUSUAL: dict[str, list[Piece]] = {
    "a login": NTLM,
    "a login later": [*BIND, request(1, 8), NTLM[2], request(57, 2), response(2), response(8)],
    "NTLM in another": [(0, wire.rpc(rpc.BIND, wire.bind(), auth=wire.trailer(b"\xa1\x20" + wire.NTLM_NEGOTIATE, 9)))],
    "NTLM that is nothing else": secured(10, b"NTLMSSP\0"),
    "a trailer that is too long": [*BIND, (0, request(1, 2)[1][:10] + b"\x09" + request(1, 2)[1][11:]), response(2)],
    "too much padding": [*BIND, request(57, 2, auth=wire.trailer(bytes(16))[:2] + b"\xff" + bytes(21)), response(2)],
    "a large call with a trailer": [*BIND, *cut(request(1, 2, 20_000, auth=wire.trailer(bytes(16)))[1], 0, 9_000)],
    "big-endian": [*BIND, request(1, 5), (0, wire.rpc(rpc.REQUEST, bytes(6) + b"\0\1", 2, order=">")), response(2)],
    "an answer to nothing": [*BIND, response(2)],
    "a bind's answer to nothing": [BIND[0], BIND[1], accepts(0, call=7)],
    "an answer of another kind": [*BIND, request(1, 2), accepts(0, call=2)],
    "a response to a bind": [BIND[0], response(1)],
    "a fault of a bind": [BIND[0], fault(5, 1)],
    "a call in place of another": [*BIND, request(1, 2), request(2, 2), response(2)],
    "a call in place of a bind": [BIND[0], request(1, 1), response(1)],
    "a fragment in place of a bind": [BIND[0], request(1, 1, flags=2), response(1)],
    "a bind in place of a call": [*BIND, request(1, 2), offers(UNKNOWN, kind=rpc.ALTER, call=2), response(2)],
    "a fault behind a response": [*BIND, request(1, 2), response(2, flags=1), fault(5)],
    "a fault that goes on": [*BIND, request(1, 2), fault(5, flags=1), fault(5)],
    "another protocol": [*BIND, request(1, 2), (1, b"HTTP/1.1 200 OK\r\n")],
    "too small": [*BIND, request(1, 2), (0, wire.rpc(rpc.REQUEST, b"1234567", 3)), response(2)],
    "too small for an object": [*BIND, request(1, 2), request(1, 3, 8, flags=0x83), response(2)],
    "a small response": [*BIND, request(1, 2), (1, wire.rpc(rpc.RESPONSE, b"1234567", 2))],
    "a small fault": [*BIND, request(1, 2), (1, wire.rpc(rpc.FAULT, bytes(11), 2))],
    "no size": [*BIND, request(1, 2), (0, request(1, 3)[1][:8] + bytes(8)), response(2)],
    "offers that are cut": [*BIND, (0, wire.rpc(rpc.BIND, wire.bind()[:-9], 2)), response(2)],
    "an offer that is cut": [*BIND, (0, wire.rpc(rpc.BIND, wire.bind()[:20], 2)), response(2)],
    "no offers": [*BIND, (0, wire.rpc(rpc.BIND, wire.bind()[:8], 2)), response(2)],
    "results that are cut": [BIND[0], (1, wire.rpc(rpc.BIND_ACK, wire.bind_ack()[:-21]))],
    "an address that is cut": [BIND[0], (1, wire.rpc(rpc.BIND_ACK, wire.bind_ack()[:12]))],
    "no address at all": [BIND[0], (1, wire.rpc(rpc.BIND_ACK, bytes(9)))],
    "an odd address": [BIND[0], named("\\ống".encode())],
    "a control in an address": [BIND[0], named(b"a\nb\0")],
    "a long address": [BIND[0], named(b"a" * 1_025)],
    "too many offers": [offers(*[UNKNOWN] * 65), accepts(0), asks(64, 1, 2), asks(63, 1, 3)],
    "too many results": [BIND[0], accepts(*range(70))],
    "a bind too long": [offers(*[UNKNOWN] * 64, syntaxes=20), accepts(0), asks(63, 1, 3)],
    "more offers than are kept": [offers(*[bytes((n,)) * 16] * 60, call=n, first=60 * n) for n in range(5)],
    "too many calls": [*BIND, *(request(1, n) for n in range(2, 70)), response(60)],
    "a hole": [*BIND, request(1, 2), (0, request(2, 3, 200)[1][:100]), (0, b""), (0, bytes(24) + request(3, 4)[1]),
               response(2)],
    "a hole in an answer": [*BIND, request(1, 2), (1, response(2, 200)[1][:60]), (1, b""), (1, bytes(64)), response(2)],
    "a hole in a large call": [*BIND, request(1, 2), (0, request(2, 3, 2_000)[1][:900]), (0, b""), (0, bytes(1_024)),
                               request(3, 4), response(2)],
}  # fmt: skip


ORDINARY |= SECURED


@pytest.mark.parametrize("name", ORDINARY)
def test_the_loops_hear_what_the_talk_hears(name):
    lines, heard = same(ORDINARY[name])
    assert heard == len(ORDINARY[name])
    assert lines or name == "nothing"


@pytest.mark.parametrize("name", UNUSUAL)
def test_what_is_unusual_is_left_to_the_talk(name):
    lines, heard = same(UNUSUAL[name])
    assert heard < len(UNUSUAL[name])
    assert lines


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
        lines, heard = run(pieces, -1)
        assert (lines, heard) == (run(pieces, 0)[0], 4)


def test_no_more_is_told_than_a_flow_may_tell():
    for allowance in range(0, 5 * slots.BYTES_PER_TELLING, 40):
        ear = Connection(allowance)
        pieces = [*BIND, request(1, 2), response(2), request(1, 3), request(1, 4)]
        for n, piece in enumerate(pieces):
            ear.hear(n, *piece)
        left = len(ear.lines) if ear.talk is None else -1
        assert left == (2 if allowance >= 2 * slots.BYTES_PER_TELLING else -1)
        ear.end()
        assert (ear.talk is None) == (allowance >= 4 * slots.BYTES_PER_TELLING)
        assert len(ear.lines) == 4


class Pipes(Ear):
    """Associations on three pipes of one SMB session, heard by the loops and by `Rpc`."""

    application, label = SMB, "smb"
    names = ("", "\\srvsvc", '"ống"')
    users: tuple[dict[str, str], ...] = ({}, {"name": "nguyễn", "domain": "A\\B"}, {"name": '"'})
    column = world.S_OWN + 2

    def __init__(self) -> None:
        super().__init__()
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
            self.pipes[which].data(side, data, moment(n))
        except Undecodable as fault:
            self._told()
            self.wanted.append(repr(fault).encode())
        self._told()

    def loop(self, n: int, which: int, side: int, data: bytes) -> int:
        """What the loops tell of it; -1 where they do not know it."""
        kept.remember(W, self.slot)
        before, at, texts = self.state(), moment(n), self.texts[2 * which : 2 * which + 2]
        told = dcerpc.rpc_hears(
            W, NUMBER, self.slot, which + 1, self.column, side, octets(data), 2, 2 + len(data), *at, *texts
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
        assert dcerpc.rpc_ends(W, NUMBER, self.slot, which + 1, *self.texts[2 * which : 2 * which + 2]) == world.TAKEN
        self.read()

    def leave(self) -> None:
        """Other pipes hear what follows, and know what the loops know of these."""
        self.beginnings, row, area = Beginnings(), *self.kept()
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


ALL = [*ORDINARY.values(), *UNUSUAL.values()]


@st.composite
def connections(draw):
    """Connections one behind the other, cut anew, some bytes changed, some pieces lost."""
    stream = [piece for which in draw(st.lists(st.integers(0, len(ALL) - 1), min_size=1, max_size=3))
              for piece in ALL[which]]  # fmt: skip
    pieces: list[Piece] = []
    for side, data in stream:
        if not data or len(data) > 4_000:
            pieces.append((side, data[:600]))
            continue
        changed = bytearray(data)
        for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
            at = draw(st.integers(0, min(len(data) - 1, 30) if draw(st.booleans()) else len(data) - 1))
            changed[at] = draw(st.sampled_from(b"\0\1\2\3\5\x0b\x0c\x0d\x0e\x0f\x10\x11\x18\x1c\x80A\xff"))
        pieces += cut(bytes(changed), side, *draw(st.lists(st.integers(1, 60), max_size=4)))
    pieces = [piece for piece in pieces if piece[1] or draw(st.integers(0, 3)) == 0]
    if draw(st.integers(0, 4)) == 0:
        del pieces[draw(st.integers(0, len(pieces))) :]
    return pieces


@settings(deadline=None, max_examples=200)
@given(connections(), st.integers(0, 30))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces, leave):
    wanted, _ = run(pieces, 0)
    assert run(pieces, -1)[0] == wanted
    assert run(pieces, leave)[0] == wanted


@settings(deadline=None, max_examples=100)
@given(st.lists(connections(), min_size=3, max_size=3), st.randoms(use_true_random=False), st.integers(0, 60))
def test_whatever_comes_on_pipes_is_told_as_the_talk_tells_it(each, random, leave):
    """Three conversations in turns of their own; behind what the loops do not know the talk goes on for all."""
    each = [[piece for piece in pieces if piece[1]] for pieces in each]
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
