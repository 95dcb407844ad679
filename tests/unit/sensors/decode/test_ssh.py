from __future__ import annotations

import contextlib
import struct
from hashlib import md5

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.ssh import agreed, decode_offer, take_banner, take_packet

LISTS = ["curve25519-sha256", "ssh-ed25519", "aes1-c", "aes2-s", "mac-c", "mac-s", "none", "zlib", "", ""]


def kexinit(lists: list[str] = LISTS) -> bytes:
    payload = b"\x14" + bytes(16) + b"".join(struct.pack("!I", len(n)) + n.encode() for n in lists) + bytes(5)
    padding = 8 - (len(payload) + 5) % 8 + 8
    return struct.pack("!IB", len(payload) + padding + 1, padding) + payload + bytes(padding)


def test_lines_before_the_banner_are_skipped():
    buffer = bytearray(b"hello\r\nSSH-2.0-OpenSSH_9.2\r\nrest")
    assert take_banner(buffer) == "SSH-2.0-OpenSSH_9.2"
    assert buffer == b"rest"


def test_hassh_hashes_each_sides_own_offer():
    payload = take_packet(bytearray(kexinit()))
    assert payload is not None
    offer = decode_offer(payload)
    assert offer.hassh(client=True) == md5(b"curve25519-sha256;aes1-c;mac-c;none", usedforsecurity=False).hexdigest()
    assert offer.hassh(client=False) == md5(b"curve25519-sha256;aes2-s;mac-s;zlib", usedforsecurity=False).hexdigest()


def test_a_packet_that_is_not_all_there_is_waited_for():
    assert take_packet(bytearray(kexinit()[:-1])) is None


def test_an_impossible_length_is_named():
    with pytest.raises(Undecodable, match="packet_length"):
        take_packet(bytearray(b"\xff\xff\xff\xff\x04abc"))


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 150), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(keep, tail):
    buffer = bytearray(b"SSH-2.0-x\r\n" + kexinit())[:keep] + tail
    with contextlib.suppress(Undecodable):
        take_banner(buffer)
        payload = take_packet(buffer)
        if payload is not None:
            decode_offer(payload)


def test_the_clients_first_that_the_server_has_is_agreed_on():
    client = decode_offer(
        take_packet(bytearray(kexinit(["k1,k2", "h1", "c1,c2,c3", "x", "m1", "y", "none", "", "", ""])))
    )
    server = decode_offer(take_packet(bytearray(kexinit(["k2,k1", "h2", "c3,c2", "x", "m1", "y", "none", "", "", ""]))))
    assert agreed(client, server) == {
        "kex_alg": "k1", "cipher_alg": "c2", "mac_alg": "m1", "compression_alg": "none",
    }  # fmt: skip
