"""SMB's loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

import struct

import numpy as np
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors import kernel
from sensors.decode import smb2
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
from sensors.talks.recognise import recognise_stream
from sensors.talks.smb import SmbTalk
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.decode.test_ntlm import answer, negotiation
from tests.unit.sensors.talks.test_smb import CLOSED, LOGIN, MOUNT, ask, opened, tell
from tests.unit.sensors.wire import ORIGIN

BEGUN_NS = 1_700_000_000_123_456_789
#: A piece of a connection: who sent it, and what.
Piece = tuple[int, bytes]


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

    def _found(self, found: object) -> None:
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
        numbers[[world.TELLS, world.OUT, world.FENCE]] = 0


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


def cut(data: bytes, side: int, *sizes: int) -> list[Piece]:
    pieces, at = [], 0
    for size in sizes:
        pieces.append((side, data[at : at + size]))
        at += size
    return [piece for piece in (*pieces, (side, data[at:])) if piece[1]]


def compound(*messages: bytes) -> bytes:
    padded = [message + bytes(-len(message) % 8) for message in messages[:-1]]
    return wire.nbt(
        b"".join([part[:20] + struct.pack("<I", len(part)) + part[24:] for part in padded] + [messages[-1]])
    )


def pdu(kind: int, body: bytes, call: int) -> bytes:
    return wire.rpc(kind, body, call)


def wrote(data: bytes, number: int) -> list[Piece]:
    return [
        ask(smb2.WRITE, wire.write_request(0, data), number),
        tell(smb2.WRITE, wire.write_response(len(data)), number),
    ]


def wrote_at(offset: int, data: bytes, number: int) -> list[Piece]:
    asked = ask(smb2.WRITE, wire.write_request(offset, data), number)
    return [asked, tell(smb2.WRITE, wire.write_response(len(data)), number)]


def read(data: bytes, number: int, status: int = 0) -> list[Piece]:
    asked = ask(smb2.READ, wire.read_request(0, 1024), number)
    return [asked, tell(smb2.READ, wire.read_response(data), number, status)]


def transceived(call: bytes, reply: bytes, number: int) -> list[Piece]:
    code = smb2.PIPE_TRANSCEIVE
    return [
        ask(smb2.IOCTL, wire.ioctl_request(code, call), number),
        tell(smb2.IOCTL, wire.ioctl_response(code, reply), number),
    ]


def negotiated(kind: int, token: bytes) -> bytes:
    """A token in SPNEGO."""
    return negotiation(token) if kind == 1 else answer(token, 1)


NEGOTIATED = [
    (0, wire.nbt(wire.smb1(0x72, b"", b"\x02NT LM 0.12\0\x02SMB 2.002\0\x02SMB 2.???\0", 1))),
    tell(smb2.NEGOTIATE, wire.negotiate_response(0x02FF), 0),
]
KERBEROS = negotiation(b"\x6e\x05\x30\x03\x02\x01\x05")
ANONYMOUS = wire.NTLM_AUTHENTICATE[:12] + bytes(48) + struct.pack("<I", 0xE2888215) + wire.NTLM_AUTHENTICATE[64:80]
IPC = [
    ask(smb2.TREE_CONNECT, wire.tree_request("\\\\DC1\\ipc$"), 3),
    tell(smb2.TREE_CONNECT, wire.tree_response(2), 3),
]
BIND, ACK = pdu(11, wire.bind(), 1), pdu(12, wire.bind_ack(), 1)
CALL, REPLY = pdu(0, wire.call(13, bytes(8)), 2), pdu(2, wire.reply(bytes(4)), 2)
PIPE = [*IPC, *opened("samr"), *wrote(BIND, 5), *read(ACK, 6)]
UNMOUNT = [ask(smb2.TREE_DISCONNECT, b"\4\0\0\0", 80), tell(smb2.TREE_DISCONNECT, b"\4\0\0\0", 80)]
LOGOFF = [ask(smb2.LOGOFF, b"\4\0\0\0", 81), tell(smb2.LOGOFF, b"\4\0\0\0", 81)]


def info(kind: int, code: int, file: bytes = wire.FILE) -> bytes:
    return struct.pack("<HBBIHHIII16s", 41, kind, code, 1024, 0, 0, 0, 0, 0, file)


def find(pattern: str, file: bytes = wire.FILE) -> bytes:
    text = wire.wide(pattern)
    return struct.pack("<HBBI16sHHI", 33, 37, 0, 0, file, 96, len(text), 65_536) + text


def notify(number: int = 8) -> list[Piece]:
    body = struct.pack("<HHI16sII", 32, 0, 0, wire.FILE, 0, 0)
    return [
        ask(smb2.CHANGE_NOTIFY, body, number),
        tell(smb2.CHANGE_NOTIFY, wire.failure(), number, 0x103, flags=smb2.ASYNC_FLAG),
        tell(smb2.CHANGE_NOTIFY, wire.failure(), number, 0x10C, flags=smb2.ASYNC_FLAG),
    ]


def infos() -> list[Piece]:
    pieces: list[Piece] = []
    for number, (kind, code) in enumerate([(1, 5), (2, 1), (3, 0), (1, 99), (2, 99), (9, 9)], 20):
        pieces += [ask(smb2.QUERY_INFO, info(kind, code), number), tell(smb2.QUERY_INFO, bytes(8), number)]
    for number, (code, data) in enumerate([(4, bytes(40)), (13, b"\1"), (13, b"\0"), (64, b"\1\0\0\0"), (20, b"")], 30):
        pieces += [ask(smb2.SET_INFO, wire.set_info_request(code, data), number), tell(smb2.SET_INFO, b"\2\0", number)]
    return pieces


SHORT = [
    (
        0,
        compound(
            wire.smb2(smb2.CREATE, wire.create_request("a"), 4),
            wire.smb2(smb2.QUERY_INFO, info(1, 5, smb2.SAME_FILE), 5, flags=4, tree=0xFFFFFFFF),
            wire.smb2(smb2.CLOSE, wire.close_request(smb2.SAME_FILE), 6, flags=4),
        ),
    ),
    (
        1,
        compound(
            wire.smb2(smb2.CREATE, wire.create_response(), 4, status=0),
            wire.smb2(smb2.QUERY_INFO, bytes(8), 5, status=0),
            wire.smb2(smb2.CLOSE, wire.close_response(), 6, status=0),
        ),
    ),
]
PARTS = [
    tell(smb2.CREATE, wire.create_response(), 4),
    tell(smb2.QUERY_INFO, bytes(8), 5),
    tell(smb2.CLOSE, wire.close_response(), 6),
]


ORDINARY: dict[str, list[Piece]] = {
    "a login": [*LOGIN, *MOUNT],
    "begun as SMB 1": [*NEGOTIATED, *LOGIN, *LOGOFF],
    "only SMB 1's negotiation": NEGOTIATED[:1],
    "negotiations that fail": [LOGIN[0], tell(smb2.NEGOTIATE, wire.failure(), 0, 0xC00000BB), *NEGOTIATED],
    "raw tokens": [
        *LOGIN[:2],
        ask(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_NEGOTIATE), 1),
        tell(smb2.SESSION_SETUP, wire.setup_response(wire.NTLM_CHALLENGE), 1, wire.MORE),
        ask(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_AUTHENTICATE), 2),
        tell(smb2.SESSION_SETUP, wire.setup_response(flags=7), 2),
        *MOUNT,
    ],
    "anonymous": [
        *LOGIN[:4],
        ask(smb2.SESSION_SETUP, wire.setup_request(answer(ANONYMOUS, 1)), 2),
        tell(smb2.SESSION_SETUP, wire.setup_response(b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\0"), 2),
    ],
    "a refused login": [*LOGIN[:-1], tell(smb2.SESSION_SETUP, wire.failure(), 2, 0xC000006D), *MOUNT],
    "a login refused at once": [*LOGIN[:3], tell(smb2.SESSION_SETUP, wire.failure(), 1, 0xC0000022), *MOUNT],
    "a login that does not end": LOGIN[:4],
    "a login that does not begin": LOGIN[:3],
    "logged in again": [*LOGIN, *LOGIN[2:], *LOGOFF, *LOGIN[2:]],
    "Kerberos": [
        ask(smb2.SESSION_SETUP, wire.setup_request(KERBEROS), 1),
        tell(smb2.SESSION_SETUP, wire.setup_response(b"\xa1\x07\x30\x05\xa0\x03\x0a\x01\0"), 1),
        ask(smb2.SESSION_SETUP, wire.setup_request(b"\x60\x01"), 2),
        tell(smb2.SESSION_SETUP, wire.failure(), 2, 0xC000006D),
        ask(smb2.SESSION_SETUP, wire.setup_request(b""), 3),
    ],
    "a file": [*LOGIN, *MOUNT, *opened("lương\\kỳ 1.xlsx", 7), *infos(), *notify(), *CLOSED, *UNMOUNT, *LOGOFF],
    "a directory": [*MOUNT, *opened("a\\", options=1), *CLOSED, *opened("", options=1), *CLOSED],
    "files of no share": [*opened("\\a", disposition=9, options=0x1000), *CLOSED, *opened(""), *CLOSED],
    "a file that is not there": [*MOUNT, opened("x")[0], tell(smb2.CREATE, wire.failure(), 4, 0xC0000034)],
    "unanswered": [turn for turn in [LOGIN[0], *MOUNT, *opened("x"), *CLOSED] if turn[0] == 0],
    "a file that was opened before": [*notify(), *CLOSED],
    "searched": [*MOUNT, *opened("", options=1), ask(smb2.QUERY_DIRECTORY, find("*"), 7),
                 tell(smb2.QUERY_DIRECTORY, bytes(8), 7), ask(smb2.QUERY_DIRECTORY, find(""), 8),
                 tell(smb2.QUERY_DIRECTORY, wire.failure(), 8, 0x80000006)],
    "locked, flushed, cancelled": [*MOUNT, *opened("a"), ask(smb2.LOCK, wire.close_request(), 7),
                                   ask(smb2.FLUSH, wire.close_request(), 8), tell(smb2.LOCK, b"\4\0\0\0", 7),
                                   tell(smb2.FLUSH, b"\4\0\0\0", 8), notify()[0], *notify()[1:2],
                                   ask(smb2.CANCEL, b"\4\0\0\0", 8, flags=smb2.ASYNC_FLAG),
                                   tell(smb2.CHANGE_NOTIFY, wire.failure(), 8, 0xC0000120, flags=smb2.ASYNC_FLAG),
                                   ask(smb2.ECHO, b"\4\0\0\0", 9), tell(smb2.ECHO, b"\4\0\0\0", 9)],
    "controls": [*MOUNT, *opened("a"), ask(smb2.IOCTL, wire.ioctl_request(0x140078, b""), 7),
                 tell(smb2.IOCTL, wire.ioctl_response(0x140078, bytes(32)), 7),
                 ask(smb2.IOCTL, wire.ioctl_request(0xABC, b"xyz"), 8),
                 tell(smb2.IOCTL, wire.ioctl_response(0x140204, b""), 8)],
    "a read that fails": [*MOUNT, *opened("a", 9), ask(smb2.READ, wire.read_request(9, 9), 7),
                          tell(smb2.READ, wire.failure(), 7, 0xC0000011)],
    "a pipe": [*LOGIN, *PIPE, *transceived(CALL, REPLY, 7), *wrote(CALL, 8), *read(REPLY, 9), *CLOSED,
               *UNMOUNT, *LOGOFF],
    "a pipe that nobody closes": [*PIPE, *transceived(CALL, REPLY, 7), *UNMOUNT, *LOGOFF],
    "a call that is not answered": [*LOGIN, *PIPE, *wrote(CALL, 8)],
    "a call that is not answered before the end": [*LOGIN, *PIPE, *wrote(CALL, 8), *CLOSED],
    "a bind that is not answered": [*LOGIN, *PIPE[:6]],
    "a bind that is not granted": [*LOGIN, *PIPE[:5]],
    "a call in parts": [*PIPE, *wrote(CALL[:10], 8), *wrote(CALL[10:], 9), *read(REPLY[:20], 10, 0x80000005),
                        *read(REPLY[20:], 11)],
    "a pipe of two": [*IPC, *opened("samr"), opened("lsarpc", number=60)[0],
                      tell(smb2.CREATE, wire.create_response(file=bytes(range(16))), 60), *wrote(BIND, 5),
                      *read(ACK, 6)],
    "a bind by a control": [*PIPE[:4], *transceived(BIND, ACK, 7), *transceived(CALL, REPLY, 8)],
    "a content that is read": [*LOGIN, *MOUNT, *opened("a.txt", 4), *read(b"data", 5), *CLOSED],
    "a content that is read in part": [*MOUNT, *opened("a.txt", 9), *read(b"data", 5), *CLOSED],
    "a content that is written": [*LOGIN, *opened("a", 4), *wrote(b"more", 6), *wrote_at(4, b"MZ" * 900, 7), *CLOSED],
    "a content of another size": [*MOUNT, *opened("a", 4), *wrote(b"more", 6), CLOSED[0],
                                  tell(smb2.CLOSE, struct.pack("<HHIQQQQQQI", 60, 1, 0, 0, 0, 0, 0, 0, 9, 0), 90)],
    "a content that is refused": [*MOUNT, *opened("a", 4), wrote(b"more", 6)[0],
                                  tell(smb2.WRITE, wire.failure(), 6, 0xC000007F), *CLOSED],
    "contents": [*MOUNT, *opened("a", 4), *read(b"data", 5), *wrote(b"more", 6), *read(b"", 7),
                 *wrote(b"", 8), *CLOSED],
    "contents that nobody closes": [*LOGIN, *MOUNT, *opened("a", 4), *read(b"data", 5), *wrote(b"more", 6)],
    "the same file alone": [ask(smb2.CLOSE, wire.close_request(smb2.SAME_FILE), 5),
                            tell(smb2.CLOSE, wire.close_response(), 5),
                            ask(smb2.QUERY_INFO, info(1, 5, smb2.SAME_FILE), 6)],
    "answers alone": [tell(smb2.ECHO, b"\4\0\0\0", 5), tell(smb2.CLOSE, wire.failure(), 6, 0xC0000128),
                      tell(smb2.OPLOCK_BREAK, bytes(24), 0xFFFFFFFFFFFFFFFF), *MOUNT],
    "trees": [*IPC, *opened("samr"), *UNMOUNT, *MOUNT, *CLOSED, *UNMOUNT, *UNMOUNT],
    "asked ahead": [*MOUNT, *opened("a"), ask(smb2.QUERY_INFO, info(1, 5), 40), ask(smb2.QUERY_INFO, info(1, 4), 41),
                    tell(smb2.QUERY_INFO, bytes(8), 41), tell(smb2.QUERY_INFO, bytes(8), 40)],
    "compounds": [*MOUNT, *opened("a"), (0, compound(
        wire.smb2(smb2.QUERY_INFO, info(1, 5), 40),
        wire.smb2(smb2.QUERY_INFO, info(2, 1, smb2.SAME_FILE), 41, flags=4, tree=0xFFFFFFFF),
        wire.smb2(smb2.ECHO, b"\4\0\0\0", 42),
    )), (1, compound(
        wire.smb2(smb2.QUERY_INFO, bytes(8), 40, status=0),
        wire.smb2(smb2.QUERY_INFO, bytes(8), 41, status=0xC0000022),
    )), tell(smb2.ECHO, b"\4\0\0\0", 42)],
    "a file for the time of a compound": [*LOGIN, *MOUNT, *SHORT, *opened("b")],
    "that is answered in parts": [*LOGIN, *MOUNT, SHORT[0], *PARTS],
    "and not there": [*LOGIN, *MOUNT, SHORT[0], (1, compound(
        *[wire.smb2(command, wire.failure(), 4 + n, status=0xC0000034) for n, command in enumerate((5, 16, 6))],
    )), *opened("b")],
    "and not there in parts": [*MOUNT, SHORT[0], *[
        tell(command, wire.failure(), 4 + n, 0xC0000034) for n, command in enumerate((5, 16, 6))
    ], *opened("b")],
    "and open": [*MOUNT, (0, compound(
        wire.smb2(smb2.CREATE, wire.create_request("a"), 4),
        wire.smb2(smb2.READ, wire.read_request(0, 9, smb2.SAME_FILE), 5, flags=4),
    )), tell(smb2.CREATE, wire.create_response(9), 4), tell(smb2.READ, wire.read_response(b"123456789"), 5), *CLOSED],
    "and unanswered": [*MOUNT, SHORT[0]],
    "several in a piece": [(0, LOGIN[0][1]), (1, LOGIN[1][1]), (0, MOUNT[0][1] + opened("a")[0][1]),
                           (1, MOUNT[1][1] + opened("a")[1][1] + CLOSED[1][1][:9]), (1, CLOSED[1][1][9:])][:4],
}  # fmt: skip
UNUSUAL: dict[str, list[Piece]] = {
    "SMB 1": [*NEGOTIATED[:1], (1, wire.nbt(wire.smb1(0x72, bytes(34), b"", 1, status=0)))],
    "SMB 1 twice": [*NEGOTIATED[:1], *NEGOTIATED],
    "SMB 1's odd names": [(0, wire.nbt(wire.smb1(0x72, b"", b"\x02NT\x80\0", 1)))],
    "a rename": [*MOUNT, *opened("a"), ask(smb2.SET_INFO, wire.set_info_request(10, bytes(16) + b"\2\0\0\0b\0"), 5),
                 tell(smb2.SET_INFO, b"\2\0", 5), *CLOSED],
    "another answer": [ask(smb2.ECHO, b"\4\0\0\0", 5), tell(smb2.FLUSH, b"\4\0\0\0", 5), *MOUNT],
    "sealed": [*LOGIN, (0, wire.nbt(b"\xfdSMB" + bytes(48))), *MOUNT],
    "compressed": [*LOGIN, (0, wire.nbt(b"\xfcSMB" + bytes(48))), *MOUNT],
    "no SMB": [*MOUNT, (0, wire.nbt(b"GET / HTTP/1.1\r\n" * 4)), *CLOSED],
    "keep-alive": [*MOUNT, (0, wire.nbt(b"", 0x85)), *CLOSED],
    "nothing in a frame": [*MOUNT, (0, wire.nbt(b"")), *CLOSED],
    "an id twice": [ask(smb2.ECHO, b"\4\0\0\0", 5), ask(smb2.ECHO, b"\4\0\0\0", 5), *MOUNT],
    "names that are not plain": [*MOUNT, *opened("a\u0301"), *CLOSED],
    "a name that is no text": [*MOUNT, *opened("a\u200b"), *CLOSED],
    "a long name": [*MOUNT, *opened("a" * 300), *CLOSED],
    "a file written in its compound": [*MOUNT, (0, compound(
        wire.smb2(smb2.CREATE, wire.create_request("a"), 4),
        wire.smb2(smb2.WRITE, wire.write_request(0, b"data", smb2.SAME_FILE), 5, flags=4),
    ))],
    "a compound about nothing": [*MOUNT, (0, compound(
        wire.smb2(smb2.ECHO, b"\4\0\0\0", 4),
        wire.smb2(smb2.CLOSE, wire.close_request(smb2.SAME_FILE), 5, flags=4),
    ))],
    "a compound that is answered out of turn": [*MOUNT, *SHORT[:1], tell(smb2.CLOSE, wire.close_response(), 6)],
    "cut bodies": [ask(smb2.CREATE, wire.create_request("a")[:30], 4), *MOUNT],
    "cut answers": [*MOUNT, opened("a")[0], tell(smb2.CREATE, wire.create_response()[:50], 4)],
    "a pipe that was opened before": [*wrote(BIND, 5), *read(ACK, 6)],
    "broken DCERPC": [*PIPE, *wrote(b"nothing of DCERPC", 8), *read(REPLY, 9), *CLOSED],
    "a broken token": [ask(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_AUTHENTICATE[:90]), 1)],
    "an OEM name": [ask(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_NEGOTIATE[:13] + b"\xb0" +
                                                               wire.NTLM_NEGOTIATE[14:]), 1)],
    "two logins at once": [*LOGIN[:3], ask(smb2.SESSION_SETUP, wire.setup_request(KERBEROS), 7), *LOGIN[3:]],
    "a login with a file open": [*MOUNT, *opened("a"), *LOGIN, *CLOSED],
    "a logoff with a file open": [*LOGIN, *MOUNT, *opened("a"), *LOGOFF, *CLOSED],
    "a file closed while it is asked for": [*MOUNT, *opened("a"), ask(smb2.QUERY_INFO, info(1, 5), 40), *CLOSED,
                                            tell(smb2.QUERY_INFO, bytes(8), 40)],
    "a tree in the place of one that is used": [*IPC, *opened("samr"), *MOUNT, *CLOSED, *UNMOUNT, *UNMOUNT],
    "a login's answer alone": [tell(smb2.SESSION_SETUP, wire.failure(), 5, 0xC000006D), *MOUNT],
    "a tree's answer alone": [MOUNT[1], *opened("a"), *CLOSED],
    "a content with a hole": [*MOUNT, *opened("a", 9), *wrote_at(3, b"more", 6), *CLOSED],
    "a content twice": [*MOUNT, *opened("a", 9), *wrote(b"more", 6), *wrote(b"more", 7), *CLOSED],
    "a directory's content": [*MOUNT, *opened("a", options=1), *wrote(b"more", 6), *CLOSED],
    "a file id twice": [*MOUNT, *opened("a"), *opened("b", number=5), *CLOSED],
    "an answer before what it answers": [*PIPE[:5], *read(ACK, 6), PIPE[5]],
    "a bind and more in a piece": [*PIPE[:5], PIPE[6], (1, PIPE[5][1] + PIPE[7][1])],
    "big numbers": [ask(smb2.READ, wire.read_request(1 << 63, 9), 7), *MOUNT],
    "a long message": [*MOUNT, ask(smb2.QUERY_DIRECTORY, find("*") + bytes(40_000), 7), *CLOSED],
    "more than is kept": [ask(smb2.ECHO, bytes(200), number) for number in range(200)],
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_the_ordinary_is_heard_in_the_loops(name):
    lines, heard = same(ORDINARY[name])
    assert heard == len(ORDINARY[name])
    assert lines


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_talk(name):
    _, heard = same(UNUSUAL[name])
    assert heard < len(UNUSUAL[name])


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


@pytest.mark.parametrize("tellings", [1, 2, 3])
def test_a_flow_that_tells_more_than_it_may_is_left_to_the_engine(tellings):
    ear = Ear()
    for n, piece in enumerate([*MOUNT, SHORT[0]]):
        ear.hear(n, *piece)
    ear.w.slots[ear.slot, world.S_ALLOWANCE] = tellings * slots.BYTES_PER_TELLING
    ear.hear(9, *SHORT[1])
    assert (ear.talk is None) == (tellings == 3)
    assert len(ear.lines) == 4


@pytest.mark.parametrize("tellings", [1, 3])
def test_a_flow_that_ends_with_more_than_it_may_tell_is_left_to_the_engine(tellings):
    ear = Ear()
    for n, piece in enumerate([*MOUNT, SHORT[0]]):
        ear.hear(n, *piece)
    ear.w.slots[ear.slot, world.S_ALLOWANCE] = tellings * slots.BYTES_PER_TELLING
    ear.end()
    assert (ear.talk is None) == (tellings == 3)
    assert len(ear.lines) == 4


def test_every_plain_character_is_told_as_the_talk_tells_it():
    from sensors.decode.windows import utf16
    from sensors.loops.smb_words import smb_is_ascii, smb_is_plain, smb_put_lower, smb_put_text

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
    for which in draw(st.lists(st.integers(0, len(ALL) - 1), min_size=1, max_size=3)):
        for side, data in ALL[which]:
            changed = bytearray(data[:4_000])
            for _ in range(draw(st.sampled_from([0, 0, 0, 0, 0, 0, 1, 2]))):
                changed[draw(st.integers(0, len(changed) - 1))] = draw(st.sampled_from(b"\0\1\2\3\4\x7f\xff\x80\x10a"))
            pieces += cut(bytes(changed), side, *draw(st.lists(st.integers(1, 90), max_size=2)))
    for _ in range(draw(st.sampled_from([0, 0, 0, 1, 2]))):
        pieces.insert(draw(st.integers(0, len(pieces))), pieces.pop(draw(st.integers(0, len(pieces) - 1))))
    return pieces[: draw(st.integers(1, 40))]


@settings(deadline=None, max_examples=300)
@given(connections(), st.integers(0, 40))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces, leave):
    wanted, _ = run(pieces, 0)
    assert run(pieces, -1)[0] == wanted
    assert run(pieces, leave)[0] == wanted


@settings(deadline=None, max_examples=60)
@given(st.sampled_from([*ORDINARY]), st.lists(st.integers(1, 200), max_size=30))
def test_however_it_is_cut_it_is_heard_in_the_loops(name, sizes):
    pieces: list[Piece] = []
    for side, data in ORDINARY[name]:
        pieces += cut(data, side, *sizes[len(pieces) % 7 :][:3])
    assert run(pieces, -1) == (run(pieces, 0)[0], len(pieces))
