"""Connections of SMB in pieces: those that the loops hear, and those that they leave to the talk."""

from __future__ import annotations

import struct

from sensors.decode import smb2
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.decode.test_ntlm import answer, negotiation
from tests.unit.sensors.loops.pieces import Piece
from tests.unit.sensors.talks.test_smb import CLOSED, LOGIN, MOUNT, ask, opened, tell


def compound(*messages: bytes) -> bytes:
    padded = [message + bytes(-len(message) % 8) for message in messages[:-1]]
    return wire.nbt(
        b"".join([part[:20] + struct.pack("<I", len(part)) + part[24:] for part in padded] + [messages[-1]])
    )


def other_session(piece: Piece) -> Piece:
    side, data = piece
    return side, data[:44] + struct.pack("<Q", 0x2002) + data[52:]


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
    "two users": [*LOGIN, *map(other_session, LOGIN[2:]), *MOUNT, *UNMOUNT, *map(other_session, MOUNT), *LOGOFF],
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
    "one of two users again": [*LOGIN, *map(other_session, LOGIN[2:]), *LOGIN[2:], *MOUNT],
    "a tree without an id": [MOUNT[0], tell(smb2.TREE_CONNECT, wire.tree_response(), 3, flags=smb2.ASYNC_FLAG),
                             *opened("a"), *CLOSED],
    "a file id twice": [*MOUNT, *opened("a"), *opened("b", number=5), *CLOSED],
    "an answer before what it answers": [*PIPE[:5], *read(ACK, 6), PIPE[5]],
    "a bind and more in a piece": [*PIPE[:5], PIPE[6], (1, PIPE[5][1] + PIPE[7][1])],
    "big numbers": [ask(smb2.READ, wire.read_request(1 << 63, 9), 7), *MOUNT],
    "a long message": [*MOUNT, ask(smb2.QUERY_DIRECTORY, find("*") + bytes(40_000), 7), *CLOSED],
    "more than is kept": [ask(smb2.ECHO, bytes(200), number) for number in range(200)],
}  # fmt: skip
