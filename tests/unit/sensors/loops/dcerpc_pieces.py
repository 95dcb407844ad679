"""Conversations of DCERPC: those that the loops hear, and those that they leave to the talk."""

from __future__ import annotations

import struct
from typing import Any

from hypothesis import strategies as st

from sensors.decode import dcerpc as rpc
from sensors.streams import Moment
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.loops.ear import BEGUN_NS
from tests.unit.sensors.loops.pieces import Piece, changed, cut, holed, several, whole
from tests.unit.sensors.talks.test_dcerpc import BIND, NTLM, request, response


def moment(n: int) -> Moment:
    """Some pieces come in one packet."""
    return Moment(n * 2 // 3, BEGUN_NS + 1_000 * n)


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


ALL = [*ORDINARY.values(), *UNUSUAL.values()]


@st.composite
def connections(draw):
    """Connections one behind the other, cut anew, some bytes changed, some pieces lost."""
    pieces: list[Piece] = []
    for side, data in several(draw, ALL):
        if not data or len(data) > 4_000:
            pieces.append((side, data[:600]))
        else:
            altered = changed(draw, data, b"\0\1\2\3\5\x0b\x0c\x0d\x0e\x0f\x10\x11\x18\x1c\x80A\xff", head=30)
            pieces += whole(cut(altered, side, *draw(st.lists(st.integers(1, 60), max_size=4))))
    return holed(draw, pieces, 4)
