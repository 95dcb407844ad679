from __future__ import annotations

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.quic import (
    client_hello_tags,
    decode_frames,
    decode_long,
    initial_keys,
    negotiated,
    open_initial,
    plausible,
    version_text,
)
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.talks.quic_packets import FIRST_ID, crypto, initial


def test_keys_are_those_of_the_rfcs():
    """RFC 9001 §A.1 and RFC 9369 §A.1."""
    client, server = initial_keys(1, FIRST_ID)
    assert (client.key.hex(), client.iv.hex(), client.header.hex()) == (
        "1f369613dd76d5467730efcbe3b1a22d", "fa044b2f42a3fd3b46fb255c", "9f50449e04a0e810283a1e9933adedd2",
    )  # fmt: skip
    assert (server.key.hex(), server.iv.hex(), server.header.hex()) == (
        "cf3a5331653c364c88f0f379b6067e37", "0ac1493ca1905853b0bba03e", "c206b8d9b9f0f37644430b490eeaa314",
    )  # fmt: skip
    client, _ = initial_keys(0x6B3343CF, FIRST_ID)
    assert (client.key.hex(), client.iv.hex(), client.header.hex()) == (
        "8b1a0bc121284290a29e0971b5cd045d", "91f73e2351d8fa91660e909f", "45b95e15235d6f45a6b19cbcb0294ba9",
    )  # fmt: skip


@pytest.mark.parametrize("version", [1, 0x6B3343CF, 0xFF00001D, 0xFF00001B, 0x54303530])
def test_an_initial_packet_opens_with_its_versions_keys(version):
    data = initial(crypto(0, b"hello"), version=version, number=300, size=40)
    header = decode_long(data, 0)
    assert (header.kind, header.destination_id, header.end) == ("initial", FIRST_ID, len(data))
    opened = open_initial(data, 0, header, initial_keys(version, FIRST_ID)[0], 299)
    assert opened is not None
    assert (opened[0], decode_frames(opened[1]).crypto) == (300, ((0, b"hello"),))


def test_other_keys_open_nothing():
    data = initial(crypto(0, b"hello"), size=40)
    assert open_initial(data, 0, decode_long(data, 0), initial_keys(1, b"other")[0], 0) is None


def test_frames_of_an_initial_packet_are_read():
    payload = b"\1" + b"\3\5\0\1\4\1\1\1\2\3" + bytes(9) + crypto(70, b"a") + b"\x1c\x41\x28\6\3bad"
    frames = decode_frames(payload)
    assert (frames.crypto, frames.close_code, frames.close_reason) == (((70, b"a"),), 0x128, b"bad")


@pytest.mark.parametrize(
    ("payload", "reason"),
    [
        (b"\x08\0", "frame_type"),
        (b"\6\0\x05ab", "frame_length"),
        (b"\2\0", "frame_cut"),
        (b"\2\0\0\x44\0", "ack_ranges"),
    ],
)
def test_broken_frames_say_why(payload, reason):
    with pytest.raises(Undecodable) as caught:
        decode_frames(payload)
    assert caught.value.reason == reason


def test_versions_are_named():
    assert [version_text(n) for n in (1, 0x6B3343CF, 0xFF00001D, 0x51303433, 0xFACEB002)] == [
        "1", "2", "draft-29", "Q043", "faceb002",
    ]  # fmt: skip


def test_a_version_negotiation_lists_what_the_server_speaks():
    data = b"\x80\0\0\0\0\2ab\2cd" + bytes.fromhex("00000001ff00001d1a2a3a4a")
    assert negotiated(data, decode_long(data, 0)) == ["1", "draft-29", "1a2a3a4a"]


@pytest.mark.parametrize(
    "data",
    [
        b"\xc0\0\0\0\1" + b"\x15" + bytes(60),  # a connection id of 21 octets
        b"\xc0\0\0\0\1\0\0\0\x7f\xff" + bytes(60),  # a packet longer than the datagram
        b"\xc0\0\0\0\x63" + bytes(60),
        b"\x40" + bytes(60),
        b"\x16\xfe\xfd" + bytes(60),  # DTLS
    ],
)
def test_what_only_looks_like_quic_is_not(data):
    assert not plausible(data)


def test_googles_first_message_is_read_by_its_tags():
    values = b"www.google.vn" + b"Q043"
    chlo = b"CHLO\2\0\0\0SNI\0\x0d\0\0\0VER\0\x11\0\0\0" + values
    data = b"\x0d" + bytes(8) + b"Q043\1" + bytes(12) + b"\xa0\1\0\0" + chlo
    assert client_hello_tags(data) == {"SNI": b"www.google.vn", "VER": b"Q043"}
    assert client_hello_tags(data[:40]) == {}
    assert plausible(data)


def test_only_the_declared_fault_escapes():
    whole = initial(crypto(0, b"hello"), size=60)
    only_undecodable_escapes(lambda data: decode_long(data, 0) if data else None, whole)
    only_undecodable_escapes(decode_frames, b"\1\2\5\0\1\4\1\1" + crypto(70, b"a") + b"\x1c\x41\x28\6\3bad")
    only_undecodable_escapes(client_hello_tags, b"CHLO\2\0\0\0SNI\0\x0d\0\0\0VER\0\x11\0\0\0" + bytes(20))
    only_undecodable_escapes(plausible, whole)
