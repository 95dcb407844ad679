"""QUIC packets: long headers (RFC 9000 §17.2), and Initial packets opened with the keys that everyone can derive
(RFC 9001 §5, RFC 9369 §3.3). Google's older versions as far as their first message is in the clear.
"""

from __future__ import annotations

import hmac
import re
from hashlib import sha256
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable

#: RFC 9000 §17.2: the longest connection id of the versions known here.
MAX_CONNECTION_ID = 20
#: Versions read of a version negotiation packet, and tags of a Google client hello.
MAX_VERSIONS = 32
MAX_TAGS = 64
#: Where Google's client hello begins at the latest, behind public header, hash and frame header.
_CHLO_WITHIN = 80

_V1, _V2 = 0x00000001, 0x6B3343CF
_SALT_V1 = bytes.fromhex("38762cf7f55934b34d179ae6a4c80cadccbb7f0a")
_SALT_V2 = bytes.fromhex("0dede3def700a6db819381be6e269dcbf9bd2ed9")
_SALT_DRAFT_29 = bytes.fromhex("afbfec289993d24c9e9786f19c6111e04390a899")
_SALT_DRAFT_23 = bytes.fromhex("c3eef712c72ebb5a11a7d2432bb46365bef9f502")
_SALTS = (
    {_V1: _SALT_V1, _V2: _SALT_V2}
    | {0xFF000000 + draft: _SALT_V1 for draft in (33, 34)}
    | {0xFF000000 + draft: _SALT_DRAFT_29 for draft in range(29, 33)}
    | {0xFF000000 + draft: _SALT_DRAFT_23 for draft in range(23, 29)}
    | {
        0xFACEB002: _SALT_DRAFT_23,
        0x51303530: bytes.fromhex("504574efd066fe2f9d945cfcdbd3a7f0d3b56b45"),  # Q050
        0x54303530: bytes.fromhex("7ff579e5acd072915580304c43a2367c60488310"),  # T050
        0x54303531: bytes.fromhex("7a4edef4e7ccee5fa4506c19124fc8ccda6e033d"),  # T051
    }
)
_KINDS = ("initial", "0rtt", "handshake", "retry")
_KINDS_V2 = ("retry", "initial", "0rtt", "handshake")
_GOOGLE = re.compile(rb"[QT]0[2-5]\d")
_PADDING = re.compile(rb"\0*")


class Long(NamedTuple):
    """A long header. `number_at` is where the protected packet number begins, `end` where the packet ends."""

    kind: str  # initial, 0rtt, handshake, retry, negotiation; empty in a version not known here
    version: int
    destination_id: bytes
    source_id: bytes
    token: bytes
    number_at: int
    end: int


class Keys(NamedTuple):
    """What opens one side's Initial packets."""

    key: bytes
    iv: bytes
    header: bytes


class Frames(NamedTuple):
    """What an Initial packet's payload carries: pieces of the handshake, and why the connection was closed."""

    crypto: tuple[tuple[int, bytes], ...]
    close_code: int | None
    close_reason: bytes


def known(version: int) -> bool:
    return version in _SALTS


def version_text(version: int) -> str:
    """`1`, `2`, `draft-29`, `Q046`, else eight hexadecimal digits."""
    if version in (_V1, _V2):
        return "1" if version == _V1 else "2"
    if version >> 8 == 0xFF0000:
        return f"draft-{version & 0xFF}"
    name = version.to_bytes(4)
    return name.decode("ascii") if _GOOGLE.fullmatch(name) else f"{version:08x}"


def google_version(data: bytes) -> int:
    """The version in Google's public header (up to Q043) or early long header (Q044 to Q049); 0 in any other packet."""
    if len(data) > 16 and data[0] & 0xC9 == 0x09 and _GOOGLE.fullmatch(data[9:13]):
        return int.from_bytes(data[9:13])
    if len(data) > 16 and data[0] & 0x80 and _GOOGLE.fullmatch(data[1:5]) and data[1:5] < b"Q050":
        return int.from_bytes(data[1:5])
    return 0


def plausible(data: bytes) -> bool:
    """Whether a datagram of any port opens a QUIC connection, told by its version and the form of its header."""
    if google_version(data):
        return True
    if len(data) < 32 or data[0] & 0xC0 != 0xC0:
        return False
    version = int.from_bytes(data[1:5])
    if not known(version):
        return False
    try:
        header = decode_long(data, 0)
    except Undecodable:
        return False
    return header.kind in ("initial", "handshake", "0rtt", "retry")


def decode_long(data: bytes, at: int) -> Long:
    """The header at `at`, which has its first bit set. Raises Undecodable where lengths do not fit."""
    try:
        return _long(data, at)
    except IndexError as error:
        raise Undecodable("quic", len(data), "cut") from error


def _long(data: bytes, at: int) -> Long:
    first, version = data[at], int.from_bytes(data[at + 1 : at + 5])
    size = data[at + 5]
    destination = data[at + 6 : at + 6 + size]
    here = at + 6 + size
    size = data[here]
    source = data[here + 1 : here + 1 + size]
    here += 1 + size
    if here > len(data):
        raise Undecodable("quic", at + 5, "connection_id_length")
    if version == 0:
        return Long("negotiation", 0, destination, source, b"", here, len(data))
    if not known(version):
        return Long("", version, destination, source, b"", here, len(data))
    if len(destination) > MAX_CONNECTION_ID or len(source) > MAX_CONNECTION_ID:
        raise Undecodable("quic", at + 5, "connection_id_length")
    kind = (_KINDS_V2 if version == _V2 else _KINDS)[first >> 4 & 3]
    if kind == "retry":
        return Long(kind, version, destination, source, data[here : max(here, len(data) - 16)], here, len(data))
    token = b""
    if kind == "initial":
        size, here = varint(data, here)
        token = data[here : here + size]
        here += size
    size, here = varint(data, here)
    if here + size > len(data) or size < 20:
        raise Undecodable("quic", here, "packet_length")
    return Long(kind, version, destination, source, token, here, here + size)


def negotiated(data: bytes, header: Long) -> list[str]:
    """The versions that a version negotiation packet offers (RFC 9000 §17.2.1)."""
    ends = range(header.number_at + 4, min(len(data), header.number_at + 4 * MAX_VERSIONS) + 1, 4)
    return [version_text(int.from_bytes(data[end - 4 : end])) for end in ends]


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of variable length and where the next byte is (RFC 9000 §16). Raises IndexError where it is cut."""
    size = 1 << (data[at] >> 6)
    if at + size > len(data):
        raise IndexError
    return int.from_bytes(data[at : at + size]) & ((1 << (8 * size - 2)) - 1), at + size


def initial_keys(version: int, destination_id: bytes) -> tuple[Keys, Keys]:
    """The client's and the server's keys, from the connection id that the client first sent to (RFC 9001 §5.2)."""
    secret = hmac.digest(_SALTS[version], destination_id, "sha256")
    client, server = (_expand(secret, label, 32) for label in (b"client in", b"server in"))
    return _keys(version, client), _keys(version, server)


def _keys(version: int, secret: bytes) -> Keys:
    prefix = b"quicv2 " if version == _V2 else b"quic "
    return Keys(*(_expand(secret, prefix + label, size) for label, size in ((b"key", 16), (b"iv", 12), (b"hp", 16))))


def _expand(secret: bytes, label: bytes, size: int) -> bytes:
    """HKDF-Expand-Label with an empty context, up to one block of SHA-256 (RFC 8446 §7.1)."""
    info = size.to_bytes(2) + bytes((6 + len(label),)) + b"tls13 " + label + b"\0"
    return hmac.digest(secret, info + b"\1", sha256)[:size]


def open_initial(data: bytes, at: int, header: Long, keys: Keys, expected: int) -> tuple[int, bytes] | None:
    """The packet number and the payload of an Initial packet that begins at `at`; None where the keys do not fit."""
    from cryptography.exceptions import InvalidTag
    from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
    from cryptography.hazmat.primitives.ciphers.aead import AESGCM

    start = header.number_at
    # AES in ECB mode over one block is the header protection that RFC 9001 §5.4.3 asks for.
    mask = Cipher(algorithms.AES(keys.header), modes.ECB()).encryptor().update(data[start + 4 : start + 20])  # noqa: S305
    first = data[at] ^ (mask[0] & 0x0F)
    size = (first & 3) + 1
    shown = bytes(a ^ b for a, b in zip(data[start : start + size], mask[1:], strict=False))
    number = _number(int.from_bytes(shown), 8 * size, expected)
    nonce = bytes(a ^ b for a, b in zip(keys.iv, number.to_bytes(12), strict=True))
    associated = bytes((first,)) + data[at + 1 : start] + shown
    try:
        return number, AESGCM(keys.key).decrypt(nonce, data[start + size : header.end], associated)
    except InvalidTag:
        return None


def _number(shown: int, bits: int, expected: int) -> int:
    """The whole packet number (RFC 9000 §A.3)."""
    window = 1 << bits
    candidate = (expected & ~(window - 1)) | shown
    if candidate <= expected - window // 2:
        return candidate + window
    if candidate > expected + window // 2 and candidate >= window:
        return candidate - window
    return candidate


def decode_frames(payload: bytes) -> Frames:
    """The frames that an Initial packet may have (RFC 9000 §17.2.2)."""
    try:
        return _frames(payload)
    except IndexError as error:
        raise Undecodable("quic", len(payload), "frame_cut") from error


def _frames(payload: bytes) -> Frames:
    crypto: list[tuple[int, bytes]] = []
    code: int | None = None
    reason = b""
    at = 0
    while at < len(payload):
        kind = payload[at]
        at += 1
        if kind == 0:
            match = _PADDING.match(payload, at)
            at = match.end() if match else at
        elif kind == 6:
            offset, at = varint(payload, at)
            size, at = varint(payload, at)
            if at + size > len(payload):
                raise Undecodable("quic", at, "frame_length")
            crypto.append((offset, payload[at : at + size]))
            at += size
        elif kind in (2, 3):
            at = _after_ack(payload, at, ecn=kind == 3)
        elif kind in (0x1C, 0x1D):
            code, at = varint(payload, at)
            if kind == 0x1C:
                _, at = varint(payload, at)
            size, at = varint(payload, at)
            reason = payload[at : at + size]
            at += size
        elif kind != 1:
            raise Undecodable("quic", at - 1, "frame_type")
    return Frames(tuple(crypto), code, reason)


def _after_ack(payload: bytes, at: int, *, ecn: bool) -> int:
    _, at = varint(payload, at)
    _, at = varint(payload, at)
    ranges, at = varint(payload, at)
    if ranges > len(payload):
        raise Undecodable("quic", at, "ack_ranges")
    for _ in range(1 + 2 * ranges + 3 * ecn):
        _, at = varint(payload, at)
    return at


def client_hello_tags(data: bytes) -> dict[str, bytes]:
    """The tags of Google's client hello (CHLO), in order; empty where there is none in the first bytes."""
    at = data.find(b"CHLO", 0, _CHLO_WITHIN)
    if at < 0 or at + 8 > len(data):
        return {}
    count = unpack_from("<H", data, at + 4)[0]
    values = at + 8 + 8 * count
    if count > MAX_TAGS or values > len(data):
        return {}
    tags: dict[str, bytes] = {}
    begin = 0
    for index in range(count):
        name, end = data[at + 8 + 8 * index : at + 12 + 8 * index], unpack_from("<I", data, at + 12 + 8 * index)[0]
        if end < begin:
            return {}
        tags[name.rstrip(b"\0").decode("ascii", "backslashreplace")] = data[values + begin : values + end]
        begin = end
    return tags
