"""NTLM messages in the clear (MS-NLMP §2.2.1): who asks, who answers. Challenges and responses are not read."""

from __future__ import annotations

import struct
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.windows import octets, utf16

SIGNATURE = b"NTLMSSP\0"
NEGOTIATE, CHALLENGE, AUTHENTICATE = 1, 2, 3

#: Pairs read of a target information block (MS-NLMP §2.2.2.1).
MAX_PAIRS = 32

_UNICODE, _OEM_DOMAIN, _OEM_WORKSTATION, _VERSION = 0x1, 0x1000, 0x2000, 0x02000000
_PAIR_NAMES = {1: "nb_computer", 2: "nb_domain", 3: "dns_computer", 4: "dns_domain", 5: "tree"}


class Ntlm(NamedTuple):
    """One message. Names are empty where the message does not have them."""

    type: int
    domain: str = ""  # the user's (AUTHENTICATE), the workstation's (NEGOTIATE) or the server's (CHALLENGE)
    user: str = ""
    workstation: str = ""
    version: str = ""
    target: dict[str, str] = {}  # noqa: RUF012  of a CHALLENGE, by _PAIR_NAMES; never changed
    anonymous: bool = False


def decode_ntlm(data: bytes) -> Ntlm:
    """The message that begins `data`."""
    if not data.startswith(SIGNATURE):
        raise Undecodable("ntlm", 0, "signature")
    try:
        kind = unpack_from("<I", data, 8)[0]
        if kind == NEGOTIATE:
            return _negotiate(data)
        if kind == CHALLENGE:
            return _challenge(data)
        if kind == AUTHENTICATE:
            return _authenticate(data)
    except struct.error as error:
        raise Undecodable("ntlm", len(data), "cut") from error
    raise Undecodable("ntlm", 8, "message_type")


def _negotiate(data: bytes) -> Ntlm:
    flags = unpack_from("<I", data, 12)[0]
    domain = octets(_field(data, 16)) if flags & _OEM_DOMAIN else ""
    workstation = octets(_field(data, 24)) if flags & _OEM_WORKSTATION else ""
    return Ntlm(NEGOTIATE, domain, workstation=workstation, version=_version(data, 32, flags))


def _challenge(data: bytes) -> Ntlm:
    flags = unpack_from("<I", data, 20)[0]
    target = _pairs(_field(data, 40)) if len(data) >= 48 else {}
    return Ntlm(CHALLENGE, _text(_field(data, 12), flags), version=_version(data, 48, flags), target=target)


def _authenticate(data: bytes) -> Ntlm:
    flags = unpack_from("<I", data, 60)[0] if len(data) >= 64 else _UNICODE
    user = _text(_field(data, 36), flags)
    return Ntlm(
        AUTHENTICATE,
        _text(_field(data, 28), flags),
        user,
        _text(_field(data, 44), flags),
        _version(data, 64, flags),
        anonymous=not user and not _field(data, 20),
    )


def _field(data: bytes, at: int) -> bytes:
    """What a length, maximum length and offset at `at` point to; Undecodable where it is not in the message."""
    size, _, offset = unpack_from("<HHI", data, at)
    if size and offset + size > len(data):
        raise Undecodable("ntlm", at, "field")
    return data[offset : offset + size]


def _text(data: bytes, flags: int) -> str:
    return utf16(data) if flags & _UNICODE else octets(data)


def _version(data: bytes, at: int, flags: int) -> str:
    """`6.1 build 7601 rev 15`, as Suricata writes it; empty where the message does not say."""
    if not flags & _VERSION or len(data) < at + 8 or not any(data[at : at + 8]):
        return ""
    major, minor, build = unpack_from("<BBH", data, at)
    return f"{major}.{minor} build {build} rev {data[at + 7]}"


def _pairs(data: bytes) -> dict[str, str]:
    pairs: dict[str, str] = {}
    at = 0
    for _ in range(MAX_PAIRS):
        if at + 4 > len(data):
            break
        kind, size = unpack_from("<HH", data, at)
        if kind == 0:
            break
        if at + 4 + size > len(data):
            raise Undecodable("ntlm", at, "target_info")
        if kind in _PAIR_NAMES:
            pairs[_PAIR_NAMES[kind]] = utf16(data[at + 4 : at + 4 + size])
        at += 4 + size
    return pairs
