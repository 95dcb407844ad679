"""QUIC packets for the tests, sealed here with the library's ciphers (RFC 9001 §5)."""

from __future__ import annotations

import ssl
import struct

from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from sensors.decode.quic import initial_keys
from tests.unit.sensors.handshake import handshake

FIRST_ID = bytes.fromhex("8394c8f03e515708")  # RFC 9001 §A.1
SERVER_ID = b"\xf0\x67\xa5\x50\x2a\x42\x62\xb5"


def varint(number: int) -> bytes:
    return bytes((number,)) if number < 64 else struct.pack("!H", 0x4000 | number)


def crypto(offset: int, piece: bytes) -> bytes:
    return b"\6" + varint(offset) + varint(len(piece)) + piece


def hellos() -> tuple[bytes, bytes]:
    """A real ClientHello and its ServerHello, with their handshake headers."""
    turns = handshake(ssl.TLSVersion.TLSv1_3)
    return tuple(data[5 : 5 + int.from_bytes(data[3:5])] for _, data in turns[:2])  # type: ignore[return-value]


def initial(
    payload: bytes,
    *,
    number: int = 0,
    version: int = 1,
    server: bool = False,
    to: bytes | None = None,
    by: bytes = FIRST_ID,
    size: int = 0,
) -> bytes:
    """An Initial packet; `by` is the connection id whose keys seal it, `size` what the payload is padded to."""
    keys = initial_keys(version, by)[server]
    destination = to if to is not None else (b"\1\2" if server else by)
    source = SERVER_ID if server else b"\1\2"
    payload = payload.ljust(size, b"\0")
    kind = 0xD0 if version == 0x6B3343CF else 0xC0
    head = bytes((kind | 1,)) + version.to_bytes(4) + bytes((len(destination),)) + destination
    head += bytes((len(source),)) + source + b"\0" + struct.pack("!H", 0x4000 | (len(payload) + 2 + 16))
    plain = head + number.to_bytes(2)
    nonce = bytes(a ^ b for a, b in zip(keys.iv, number.to_bytes(12), strict=True))
    sealed = AESGCM(keys.key).encrypt(nonce, payload, plain)
    mask = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor().update(sealed[2:18])  # noqa: S305
    first = plain[0] ^ (mask[0] & 0x0F)
    shown = bytes(a ^ b for a, b in zip(plain[-2:], mask[1:3], strict=True))
    return bytes((first,)) + plain[1:-2] + shown + sealed


SHORT = b"\x41" + bytes(40)
