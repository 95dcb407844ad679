"""SSH's loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

import struct

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.loops import ssh
from sensors.loops.documents import SSH
from sensors.talks.recognise import recognise_stream
from sensors.talks.ssh import SshTalk
from tests.unit.sensors.decode.test_ssh import kexinit
from tests.unit.sensors.loops.ear import Speech, partly, run, same_anyway, slot_of, wholly
from tests.unit.sensors.loops.pieces import Piece, changed, cut, holed
from tests.unit.sensors.loops.test_listen import the_same
from tests.unit.sensors.talks.test_ssh import NEWKEYS
from tests.unit.sensors.wire import tcp

SPEECH = Speech("ssh", 22, slot_of(SSH), lambda *heard: ssh.ssh_hears(*heard[:-2]), ssh.ssh_ends, gains=True)


def packet(payload: bytes, padding: int = 4) -> bytes:
    return struct.pack("!IB", 1 + len(payload) + padding, padding) + payload + bytes(padding)


def offer(*lists: str) -> bytes:
    """A KEXINIT packet with these name-lists and empty ones behind them."""
    texts = [text.encode() for text in [*lists, *[""] * (10 - len(lists))]]
    named = b"".join(struct.pack("!I", len(text)) + text for text in texts)
    return packet(b"\x14" + bytes(16) + named + bytes(5))


BANNERS: list[Piece] = [(1, b"SSH-2.0-OpenSSH_9.2p1 Debian-2\r\n"), (0, b"SSH-2.0-libssh_0.9\r\n")]
NAMES = ["a,b", "c", "x1,x2,x3", "y", "m1,m2", "m3", "none", "none,zlib"]
OTHER_NAMES = ["z,b", "d", "y", "x3,x1", "m", "m2", "zlib", "none"]
AGREED: list[Piece] = [*BANNERS, (0, kexinit()), (1, kexinit())]
KEYS: list[Piece] = [(0, packet(b"\x1e" + bytes(40))), (1, packet(b"\x1f" + bytes(900)) + NEWKEYS), (0, NEWKEYS)]
ORDINARY: dict[str, list[Piece]] = {
    "a connection": [*AGREED, *KEYS],
    "other offers": [*BANNERS, (0, offer(*NAMES)), (1, offer(*OTHER_NAMES)), *KEYS],
    "nothing in common": [*BANNERS, (0, offer("a", "b")), (1, offer("b", "a,,")), *KEYS],
    "empty names": [*BANNERS, (0, offer(",,a,", ",")), (1, offer("aa,a", ",,")), *KEYS],
    "no offers": [*BANNERS, *KEYS],
    "one offer": [*BANNERS, (1, offer(*NAMES)), *KEYS],
    "banners": BANNERS,
    "one banner": BANNERS[:1],
    "half a banner": [(0, b"SSH-2.0-x")],
    "the longest banner": [(0, b"SSH-2.0-" + b'"' * 245 + b"\r\n"), (1, b"SSH-1.99-\\\n")],
    "lines before": [(1, b"SSH\r\n\xff\x00\r\nSSH-2.0-x\r\n"), (0, b"\n\n"), (0, b"SSH-\n")],
    "all at once": [(0, BANNERS[1][1] + kexinit() + KEYS[0][1] + NEWKEYS + bytes(90)),
                    (0, b"more"), (1, BANNERS[0][1] + kexinit() + KEYS[1][1] + b"\x99" * 70)],
    "in pieces": [*BANNERS[:1], *(piece for side, data in [*AGREED, *KEYS][1:] for piece in cut(data, side, 5, 1, 4))],
    "the shortest packet": [*BANNERS, (0, packet(b"\x02", 0)), *KEYS],
    "a large packet": [*AGREED, (1, packet(b"\x1f" + bytes(8_100))), *KEYS],
}  # fmt: skip
UNUSUAL: dict[str, list[Piece]] = {
    "not ASCII": [BANNERS[0], (0, "SSH-2.0-ạ\r\n".encode())],
    "a control": [BANNERS[0], (0, b"SSH-2.0-\x01\r\n")],
    "a long banner": [BANNERS[0], (0, b"SSH-2.0-" + b"a" * 300 + b"\r\n")],
    "a long banner in pieces": [BANNERS[0], (0, b"SSH-2.0-" + b"a" * 200), (0, b"a" * 100 + b"\r\n")],
    "no banner": [BANNERS[0], *[(0, b"a" * 250)] * 40],
    "a name that is not ASCII": [*BANNERS, (0, offer("ạ")), (1, offer("a")), *KEYS],
    "a second offer": [*AGREED, (0, offer(*NAMES)), *KEYS],
    "a short offer": [*AGREED[:3], (1, packet(b"\x14" + bytes(30))), *KEYS],
    "a very short offer": [*AGREED[:3], (1, packet(b"\x14")), *KEYS],
    "a list that is too long": [*AGREED[:3], (1, packet(offer(*NAMES)[5:30])), *KEYS],
    "no packet": [*AGREED, (0, bytes(6)), *KEYS],
    "more padding than packet": [*AGREED, (0, b"\0\0\0\x05\x04\x15"), *KEYS],
    "a very large packet": [*AGREED, (1, packet(b"\x1f" + bytes(9_000))), *KEYS],
    "a too large packet": [*AGREED, (1, packet(b"\x1f" + bytes(70_000))), *KEYS],
    "a hole": [*AGREED, (1, b""), *KEYS],
    "a hole behind a banner": [*BANNERS[:1], (0, b""), *AGREED[1:], *KEYS],
    "no room": [*BANNERS, *((side, offer("a" * 8_000)) for side in (0, 1)), *((side, packet(bytes(8_000))[:-1])
                                                                             for side in (0, 1)), *KEYS],
}  # fmt: skip


@pytest.mark.parametrize("name", ORDINARY)
def test_the_ordinary_is_heard_in_the_loops(name: str) -> None:
    assert len(wholly(SPEECH, ORDINARY[name])) == 1


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_talk(name: str) -> None:
    partly(SPEECH, UNUSUAL[name])


@pytest.mark.parametrize("text", [b"SSH-", b"SSH-2.0-x\r\n", b"SSH", b"SSH_2", b"ssh-2.0", b"GET / HTTP/1.1\r\n"])
def test_a_connection_is_claimed_only_where_it_is_ssh(text: bytes) -> None:
    known = ssh.begins_ssh(np.frombuffer(b"SSH" + text + b"-", np.int8), 3, 3 + len(text))
    assert known == (recognise_stream(text, 0).talk is SshTalk)
    assert known == text.startswith(b"SSH-")


def test_bytes_one_by_one() -> None:
    pieces = [(side, bytes((byte,))) for side, data in [*AGREED, *KEYS] for byte in data]
    wanted, _ = run(SPEECH, pieces, 0)
    for leave in (*range(1, len(pieces), 67), -1):
        assert run(SPEECH, pieces, leave)[0] == wanted


def test_connections_in_and_out_of_order() -> None:
    frames = list(tcp([*AGREED, *KEYS, (0, b"\x88" * 500)], dport=2222, size=300))
    assert sum(b'"dataset":"ssh"' in line for line in the_same(frames)) == 1
    for n in range(3, len(frames)):
        the_same(frames[:n] + frames[n + 1 :])
        the_same([*frames[:n], *frames[n : n + 2][::-1], *frames[n + 1 :]])
        the_same(frames[:n])


ALL = [*ORDINARY.values(), *UNUSUAL.values()]


@st.composite
def connections(draw: st.DrawFn) -> list[Piece]:
    """Connections cut anew, some bytes changed, some pieces lost."""
    pieces: list[Piece] = []
    for side, data in draw(st.sampled_from(ALL))[:40]:
        altered = changed(draw, data, range(256))
        pieces += cut(altered, side, *draw(st.lists(st.integers(1, 30), max_size=3)))
    return holed(draw, pieces, 10) or [(0, b"SSH-")]


@settings(deadline=None, max_examples=300)
@given(connections(), st.integers(0, 40), st.integers(1, 9))
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces: list[Piece], leave: int, apart: int) -> None:
    same_anyway(SPEECH, pieces, leave, apart=apart)
