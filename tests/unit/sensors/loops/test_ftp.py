"""FTP's loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensors.decode.ftp import Endpoint, decode_extended, decode_host_port
from sensors.loops import ftp, ftp_lines, world
from sensors.loops.documents import FTP
from sensors.talks.known import text
from sensors.talks.recognise import recognise_stream
from tests.unit.sensors.loops.ear import Speech, partly, same_anyway, slot_of, wholly
from tests.unit.sensors.loops.pieces import Piece, changed, cut, holed, several
from tests.unit.sensors.loops.test_listen import the_same
from tests.unit.sensors.talks.test_ftp import LOGIN, PASSIVE, active
from tests.unit.sensors.wire import MACS, scapy, tcp

TELLS = world.T_LINE, world.T_EXPECT, world.T_TRANSFER
SPEECH = Speech("ftp", 21, slot_of(FTP), ftp.ftp_hears, ftp.ftp_ends, tells=TELLS, gains=True)


def lines(side: int, *texts: str) -> list[Piece]:
    return [(side, f"{text}\r\n".encode()) for text in texts]


def after(*pieces: Piece | list[Piece]) -> list[Piece]:
    return [*LOGIN, *(piece for each in pieces for piece in (each if isinstance(each, list) else [each]))]


def asked(*texts: str) -> list[Piece]:
    """Commands and replies in turn, behind a login."""
    return after([(n % 2, f"{text}\r\n".encode()) for n, text in enumerate(texts)])


def apiece(pieces: list[Piece]) -> list[Piece]:
    return [(side, bytes((byte,))) for side, data in pieces for byte in data]


GOTTEN = ["PASV", PASSIVE[1].decode().rstrip(), "RETR /pub/a.exe", "150 go\r\n226 done", "QUIT", "221 bye"]
ORDINARY: dict[str, list[Piece]] = {
    "a login": LOGIN,
    "a download": asked(*GOTTEN),
    "a refused login": [*LOGIN[:4], *lines(1, "530 no"), *lines(0, "USER b", "PASS"), *lines(1, "331 x", "230 yes")],
    "nobody": [LOGIN[0], *lines(0, "user"), *lines(1, "530 no"), *lines(0, "NOOP"), *lines(1, "200 ok")],
    "a listing": asked("EPSV", "229 Extended (|||51210|)", "LIST", "150-x\r\n150 go", "MLSD", "226 a"),
    "active": asked("PORT 192,0,2,10,200,20", "200 ok", "STOR up.exe", "150 go"),
    "extended": asked("EPRT |1|198.51.100.7|51220|", "200 ok", "appe x\\y.exe", "150 go\r\n226 \"done\""),
    "translated": asked("PASV", "227 (10,0,0,5,200,10)", "RETR x", "150 go"),
    "listening twice": asked("PASV", PASSIVE[1].decode().rstrip(), "EPSV", "229 (|||51210|)", "RETR a", "150 go"),
    "no port": asked("PORT 1,2,3,4,5", "501 no", "PORT 1,2,3,4,0,0", "501 no", "PORT 1,2,3,4,256,1", "501 no"),
    "no extended port": asked("EPRT |1|1.2.3|5|", "501 no", "EPRT |1|1.2.3.4|70000|", "501 no", "EPRT x", "501 no"),
    "a port never used": asked("PASV", PASSIVE[1].decode().rstrip()),
    "a resumed download": asked("REST 10", "350 ok", "PASV", PASSIVE[1].decode().rstrip(), "RETR a", "150 go"),
    "a listing is not resumed": asked("REST 10", "350 ok", "PASV", PASSIVE[1].decode().rstrip(), "NLST", "150 go"),
    "odd offsets": asked("REST", "350", "REST 1x", "350", "REST 9999999999999999999", "350", "PASV",
                         PASSIVE[1].decode().rstrip(), "STOU", "150 go"),
    "nothing was agreed on": asked("RETR a", "425 no"),
    "sent ahead": after((0, b"TYPE I\r\nSIZE a\r\nCWD /x\r\n"), (1, b"200 I\r\n213 9\r\n550 no\r\n")),
    "sent ahead with a port": after((0, b"PORT 192,0,2,10,200,20\r\nREST 7\r\nRETR a\r\n"),
                                    (1, b"200 ok\r\n350 ok\r\n150 go\r\n"), (1, b"226 done\r\n")),
    "unasked": [*LOGIN, *lines(1, "421-idle", " for long", "421 bye", "120 wait", "220 x")],
    "preliminary and more": asked("RETR a", "150 go\r\n125-on\r\n125 on", "ABOR", "426 no\r\n226 ok"),
    "waiting at the end": after(lines(0, "NOOP", "CWD a", "PASS secret"), (1, b"150 go\r\n226-half\r\n and"),
                                (0, b"QUI")),
    "a reply begun before its command": after((1, b"200-x\r\n1"), (0, b"NOOP\r\n"), (1, b"5\r\n200 y\r\n")),
    "a preliminary reply begun before its command": after((1, b"150 g"), (0, b"NOOP\r\n"), (1, b"o\r\n")),
    "no commands": asked("", "", "XY", "", "ABCDEFGHIJK", " ", "NO-OP", "", " NOOP", "", "NOOP  ", "200 ok"),
    "secrets": asked("ACCT a", "230 x", "ADAT b", "235 y", "PASSWORD c", "500 no", "PASS", "503 no"),
    "encryption refused": asked("AUTH TLS", "530 no", "AUTH SSL", "504-no\r\n504-234 x\r\n504 no", "NOOP", "234 x"),
    "lone LF": [(side, data.replace(b"\r\n", b"\n")) for side, data in asked(*GOTTEN)],
    "more CR": [(side, data.replace(b"\r\n", b"\r\r\n")) for side, data in asked(*GOTTEN)],
    "only codes": asked("NOOP", "200", "NOOP", "200-\r\n200", "NOOP", "200-a\r\n2001\r\n201 b\r\n\r\n200  c "),
    "escaped": asked('CWD "a\\b"  c ', '550 "a\\b"', "MKD  a", "257   \"/a\"  made  "),
    "not ASCII": [*asked("USER lạn", "331 mật khẩu", "PASS chào", "230-Tá»\x9b\r\n ạ\r\n230 được", *GOTTEN[:2],
                         "STOR báo cáo/số 1.docx", "150 được"), (0, b"MKD a\xff\xc3\"\r\n"), (1, b"257 \xff\r\n"),
                  (0, "PORT ạ1,2,3,4,5,6\r\n".encode()), (1, b"200 ok\r\n"), (0, b"CWD " + b"\xff" * 123 + b"\r\n")],
    "not ASCII and waiting": after((0, "USER lạn\r\nRETR ạ\r\n".encode()), (1, b"150-")),
    "apiece": apiece(asked(*GOTTEN)),
    "in pieces": [LOGIN[0], *(piece for side, data in asked(*GOTTEN)[1:] for piece in cut(data, side, 3, 2))],
    "the longest": asked("CWD " + '"' * 507, "550-" + "\\" * 507 + "\r\n" + f"{'x' * 511}\r\n" * 27 + "550"),
}  # fmt: skip
UNUSUAL: dict[str, list[Piece]] = {
    "a control in a reply": asked("NOOP", "200 no\x7f"),
    "a long line that is not ASCII": asked("CWD " + "ạ" * 50, "550 no"),
    "a port behind what is not ASCII": after((0, b"PASV\r\n"), (1, b"227 \xff1,2,3,4,5,6\r\n")),
    "a tab": asked("CWD a\tb", "550 no"),
    "a control": asked("CWD a\x01", "550 no"),
    "a bare CR": asked("CWD a\rb", "550 no"),
    "a Telnet signal": after((0, b"\xff\xf4\xff\xf2ABOR\r\n"), (1, b"226 ok\r\n")),
    "encrypted": asked("AUTH TLS", "234 go\r\n", "\x16\3\1"),
    "encrypted unseen": after((0, b"\x16\3\1\0\5hello"), (1, b"x")),
    "another user behind": after(lines(0, "NOOP", "USER b", "PASS c"), (1, b"200 ok\r\n331 x\r\n230 y\r\n")),
    "a user behind another": after(lines(0, "USER b", "USER c"), (1, b"331 x\r\n331 y\r\n")),
    "no reply": asked("NOOP", "hello", "NOOP", "200 x"),
    "no code": asked("NOOP", "012 x"),
    "an IPv6 address": asked("EPRT |2|2001:db8::1|51220|", "200 ok", "STOR a", "150 go"),
    "an IPv6 address told": asked("EPSV", "229 (||::1|5|)", "STOR a", "150 go"),
    "a hole": after((0, b"NOOP\r\n"), (1, b""), (1, b"200 ok\r\n"), (0, b""), (0, b"QUIT\r\n")),
    "a hole behind a port": [*asked(*GOTTEN[:2], "REST 5", "350-x"), (1, b""), *lines(0, "RETR a")],
    "a long line": asked("CWD " + "a" * 600, "550 no"),
    "a long line in pieces": [piece for side, data in asked("CWD " + "a" * 600, "550 no")
                              for piece in cut(data, side, 200, 200)],
    "a longer line": asked("CWD " + "a" * 2_000, "550 no"),
    "many lines": asked("STAT", "211-" + "x\r\n" * 40 + "211 end", "QUIT", "221 bye"),
    "many replies": asked("RETR a", "150 go\r\n" * 40 + "226 done", "QUIT", "221 bye"),
    "many waiting": after((0, b"NOOP\r\n" * 70), (1, b"200 x\r\n" * 70)),
    "many at once": after((1, b"200 x\r\n" * 200)),
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_the_ordinary_is_heard_in_the_loops(name: str) -> None:
    assert wholly(SPEECH, ORDINARY[name], most=1_000)


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_talk(name: str) -> None:
    partly(SPEECH, UNUSUAL[name], most=1_000)


@pytest.mark.parametrize(
    ("text", "known"),
    [
        (b"220 (vsFTPd 3.0.3)\r\n", True),
        (b"220-FileZilla Server 0.9.60 beta\r\n220-written by", True),
        (b"120 Ftp in a minute\n", True),
        (b"421 ftp is full", True),
        (b"220 FTP and SMTP\r\n", False),
        (b"220 FileZilla with Exim\r\n", False),
        (b"220 FTP with Exim\r\n", True),
        (b"220 ready\r\n220 FTP\r\n", False),
        (b"220 mail.vn ESMTP Postfix\r\n", False),
        (b"220_FTP\r\n", False),
        (b"22x FTP\r\n", False),
        (b"230 FTP\r\n", False),
        (b"220 ftp", True),
        (b"220 FT", False),
        (b"220 FT\rP", False),
        (b"220", False),
        (b"220 " + bytes(2_000) + b"FTP", False),
    ],
)
def test_a_connection_is_claimed_only_where_it_is_sure_to_be_ftp(text: bytes, known: bool) -> None:
    data = np.frombuffer(b"FTP " + text + b"FTP", np.int8)
    assert ftp_lines.begins_ftp(data, 4, 4 + len(text)) == known
    if known:
        assert recognise_stream(text, 1).talk is text_ftp()
        assert recognise_stream(text, 0).talk is text_ftp()


def text_ftp() -> object:
    return text._ftp


HOST_PORTS = st.text(st.sampled_from("0129,,,, ("), max_size=40) | st.lists(
    st.integers(0, 300), min_size=6, max_size=7
).map(lambda numbers: f"({','.join(map(str, numbers))})")
EXTENDED = st.text(st.sampled_from("12|||.a0:!"), max_size=30) | st.tuples(
    st.sampled_from(["", "1", "2", "3"]), st.sampled_from(["", "10.1.2.3", "1.2.3", "01.2.3.4"]), st.integers(0, 99_999)
).map(lambda parts: f"x|{'|'.join(map(str, parts))}|")


def agrees(port: int, address: int, wanted: Endpoint | None) -> None:
    """What the loops read (0: nothing, -1: no address) and the decoder."""
    assert port == (wanted.port if wanted else 0)
    assert not wanted or wanted.address == (None if address < 0 else address.to_bytes(4, "big"))


@settings(max_examples=600, deadline=None)
@given(HOST_PORTS)
@example("1,2,3,4,5,6,7")
@example("1,2,3,4,0,1234")
def test_ports_are_read_as_the_decoder_does(told: str) -> None:
    data = told.encode()
    port, address = ftp_lines.ftp_host_port(np.frombuffer(data + b"1,2", np.int8), 0, len(data))
    agrees(port, address, decode_host_port(data))


@settings(max_examples=1_000, deadline=None)
@given(EXTENDED)
@example("|||6446|")
@example("a|1|1.2.3.4|99999|")
@example("1110101")
@example("....1.")
def test_extended_ports_are_read_as_the_decoder_does(told: str) -> None:
    data = told.encode()
    port, address = ftp_lines.ftp_extended(np.frombuffer(data + b"|1|", np.int8), 0, len(data))
    if port < 0:
        assert ":" in told
    else:
        agrees(port, address, decode_extended(data))


FILE = b"MZ" + bytes(3_000)
DATA = list(tcp([(1, FILE)], sport=40_002, dport=51_210, size=700))


def with_data(control: list[Piece], data: list[Any]) -> list[bytes]:
    """The packets of a control connection, and of another one before its last piece is sent."""
    frames = list(tcp(control, dport=2121))
    return [*map(bytes, frames[:-4]), *map(bytes, data), *map(bytes, frames[-4:])]


@pytest.mark.parametrize(
    ("control", "data", "files"),
    [
        (asked(*GOTTEN[:4]), DATA, 1),
        (asked("PASV", "227 (10,0,0,5,200,10)", *GOTTEN[2:4]), DATA, 1),
        (asked("EPSV", "229 (|||51210|)", "LIST", "150 go"), DATA, 0),
        (asked("EPSV", "229 (|||51210|)", "CDUP", "150 go"), DATA, 0),
        (asked("PORT 192,0,2,10,200,20", "200 ok", "STOR up.exe", "150 go"), active([(1, FILE)], 51_220), 1),
        (asked("EPRT |1|192.0.2.10|51220|", "200 ok", "STOR up.exe", "150 go"), active([(1, FILE)], 51_220), 1),
        (asked("PORT 192,0,2,11,200,20", "200 ok", "STOR up.exe", "150 go"), active([(1, FILE)], 51_221), 0),
    ],
)
def test_data_connections_are_files(control: list[Piece], data: list[Any], files: int) -> None:
    """Whichever packet of the control connection is lost, or comes twice or late."""
    frames = with_data(control, data)
    found = the_same(frames)
    assert sum(b'"dataset":"file"' in line for line in found) == files
    assert sum(b'"dataset":"ftp_data"' in line for line in found) == files
    for n in range(3, len(frames), 2):
        the_same(frames[:n] + frames[n + 1 :])
        the_same([*frames[:n], *frames[n : n + 2][::-1], *frames[n + 1 :]])
    the_same(frames[3:])


def test_a_connection_that_is_left_begins_its_transfer() -> None:
    """The command is heard by the talk, the port was heard before."""
    told = the_same(with_data(asked("PASV", PASSIVE[1].decode().rstrip(), "RETR a\tb.exe", "150 go"), DATA))
    assert any(b"a\\\\x09b.exe" in line and b'"dataset":"ftp_data"' in line for line in told)


def test_data_connections_of_ipv6() -> None:
    s = scapy()
    frames = []
    for frame in with_data(asked("EPSV", "229 (|||51210|)", *GOTTEN[2:4]), DATA):
        old = s.Ether(frame)
        ends = [f"2001:db8::{end.replace('.', ':')}" for end in (old[s.IP].src, old[s.IP].dst)]
        frames.append(s.Ether(**MACS) / s.IPv6(src=ends[0], dst=ends[1]) / old[s.TCP])
    assert any(b'"dataset":"ftp_data"' in line for line in the_same(frames))


def test_a_flood_of_replies_is_told_as_the_talk_tells_it() -> None:
    for count in (70, 125):
        the_same(tcp([*LOGIN, (1, b"200 x\r\n" * count), (0, b"NOOP\r\n" * 60)]))


ALL = [*ORDINARY.values(), *UNUSUAL.values()]


@st.composite
def connections(draw: st.DrawFn) -> list[Piece]:
    """Connections one behind the other, cut anew, some bytes changed, some pieces lost."""
    pieces: list[Piece] = [LOGIN[0]]
    for side, data in several(draw, ALL)[:60]:
        altered = changed(draw, data[:700], b'\r\n -,|12\x00\xc3\xff"A')
        pieces += cut(altered, side, *draw(st.lists(st.integers(1, 20), max_size=3)))
    return holed(draw, pieces, 10)


@settings(deadline=None, max_examples=300)
@given(connections(), st.integers(0, 40), st.integers(1, 9))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces: list[Piece], leave: int, apart: int) -> None:
    same_anyway(SPEECH, pieces, leave, apart=apart)
