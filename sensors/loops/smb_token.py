"""Security tokens of logins: SPNEGO around NTLM as far as NTLM is in it, and what NTLM messages tell.

`sensors.decode.spnego` and `sensors.decode.ntlm` say the same, of other tokens too.
"""

from __future__ import annotations

from sensors.loops.octets import Bytes, Out, little16, little32, u8
from sensors.loops.smb_words import smb_is_ascii, smb_is_plain, smb_same, smb_text_size
from sensors.loops.text import put, put_int

_SMB_UNICODE, _SMB_WORKSTATION, _SMB_VERSION = 0x1, 0x2000, 0x02000000
#: NTLM's messages (MS-NLMP §2.2.1).
NTLM_NEGOTIATE, NTLM_CHALLENGE, NTLM_AUTHENTICATE = 1, 2, 3
#: Attributes of a CHALLENGE's target (MS-NLMP §2.2.2.1).
NTLM_COMPUTER, NTLM_DOMAIN, NTLM_DNS_COMPUTER, NTLM_DNS_DOMAIN, NTLM_TREE = 1, 2, 3, 4, 5
_SMB_PAIRS_MAX = 32


def smb_has_ntlm(data: Bytes, begin: int, end: int) -> bool:
    """Whether NTLM's signature stands anywhere in a token."""
    for n in range(begin, end - 7):  # noqa: SIM110 a generator is not for the compiler
        if data[n] == 78 and smb_same(data, n, b"NTLMSSP\0"):
            return True
    return False


def smb_der(data: Bytes, at: int, end: int) -> int:
    """Where the contents of the DER value at `at` begin << 32 | where they end; -1 where it is not whole."""
    if at + 2 > end or u8(data, at) & 31 == 31:
        return -1
    size = u8(data, at + 1)
    at += 2
    if size & 128:
        octets = size & 127
        if not 1 <= octets <= 3 or at + octets > end:
            return -1
        size = 0
        for n in range(octets):
            size = size << 8 | u8(data, at + n)
        at += octets
    if at + size > end:
        return -1
    return at << 32 | at + size


def smb_token(data: Bytes, begin: int, end: int) -> int:
    """Where the NTLM message of a token begins << 32 | where it ends; 0 where the token has none, -1 where it is not
    plainly one or the other (RFC 4178 §4.2)."""
    if begin == end:
        return 0
    if end - begin >= 8 and smb_same(data, begin, b"NTLMSSP\0"):
        return begin << 32 | end
    if u8(data, begin) == 0x60:
        value = smb_der(data, begin, end)
        begin, end = value >> 32, value & 0xFFFFFFFF
        if value < 0 or end - begin < 8 or not smb_same(data, begin, b"\x06\x06\x2b\x06\x01\x05\x05\x02"):
            return -1
        begin += 8
    if begin == end or (u8(data, begin) != 0xA0 and u8(data, begin) != 0xA1):
        return -1
    asks = u8(data, begin) == 0xA0
    for _ in range(2):  # the choice, and the sequence in it
        value = smb_der(data, begin, end)
        if value < 0:
            return -1
        begin, end = value >> 32, value & 0xFFFFFFFF
    found, seen = 0, 0
    while begin < end:
        tag, value = u8(data, begin), smb_der(data, begin, end)
        if value < 0 or tag & 0xE0 != 0xA0 or seen >> (tag & 31) & 1:
            return -1
        seen |= 1 << (tag & 31)
        begin = value & 0xFFFFFFFF
        inside = smb_der(data, value >> 32, begin)
        if inside < 0:
            return -1
        if tag == 0xA2:
            at = inside >> 32
            if (inside & 0xFFFFFFFF) - at < 8 or not smb_same(data, at, b"NTLMSSP\0"):
                return -1
            found = inside
        elif tag == 0xA0 and asks:
            at = inside >> 32
            for _ in range(16):
                if at < inside & 0xFFFFFFFF:
                    at = smb_der(data, at, inside & 0xFFFFFFFF)
                    if at < 0:
                        return -1
                    at &= 0xFFFFFFFF
    return found


def ntlm_field(data: Bytes, begin: int, end: int, at: int) -> int:
    """Where what a length and an offset at `at` point to begins << 32 | how long it is; -1 where it is not there."""
    if begin + at + 8 > end:
        return -1
    size, offset = little16(data, begin + at), little32(data, begin + at + 4)
    if not size:
        return begin << 32
    if offset + size > end - begin:
        return -1
    return (begin + offset) << 32 | size


def ntlm_text(data: Bytes, begin: int, end: int, at: int) -> int:
    """A text that is a field: where it begins << 32 | its size before a NUL."""
    value = ntlm_field(data, begin, end, at)
    return value >> 32 << 32 | smb_text_size(data, value >> 32, value & 0xFFFFFFFF)


def ntlm_flags(data: Bytes, begin: int, end: int, kind: int) -> int:
    if kind == NTLM_AUTHENTICATE:
        return little32(data, begin + 60) if end - begin >= 64 else _SMB_UNICODE
    return little32(data, begin + (20 if kind == NTLM_CHALLENGE else 12))


def ntlm_pair(data: Bytes, begin: int, end: int, wanted: int) -> int:
    """The attribute of a CHALLENGE's target: where it begins << 32 | its size before a NUL; 0 where it has none."""
    if end - begin < 48:
        return 0
    block = ntlm_field(data, begin, end, 40)
    at, stop, found = block >> 32, (block >> 32) + (block & 0xFFFFFFFF), 0
    for _ in range(_SMB_PAIRS_MAX):
        if at + 4 > stop or not little16(data, at):
            break
        size = little16(data, at + 2)
        if little16(data, at) == wanted:
            found = (at + 4) << 32 | smb_text_size(data, at + 4, size)
        at += 4 + size
    return found


def ntlm_is_plain(data: Bytes, begin: int, end: int, at: int, flags: int, ascii_only: bool) -> bool:
    """Whether a field is a text that can be told."""
    value = ntlm_field(data, begin, end, at)
    if value < 0:
        return False
    size = value & 0xFFFFFFFF
    if size and not flags & _SMB_UNICODE:
        return False
    plain = smb_is_plain(data, value >> 32, size)
    return plain and (not ascii_only or smb_is_ascii(data, value >> 32, size))


def ntlm_target_is_plain(data: Bytes, begin: int, end: int) -> bool:
    """Whether a CHALLENGE's target is whole and all its names can be told."""
    if end - begin < 48:
        return True
    block = ntlm_field(data, begin, end, 40)
    if block < 0:
        return False
    at, stop = block >> 32, (block >> 32) + (block & 0xFFFFFFFF)
    for _ in range(_SMB_PAIRS_MAX):
        if at + 4 > stop or not little16(data, at):
            break
        kind, size = little16(data, at), little16(data, at + 2)
        at += 4
        if at + size > stop:
            return False
        if kind <= NTLM_TREE:
            if not smb_text_size(data, at, size) or not smb_is_plain(data, at, size):
                return False
            if not smb_is_ascii(data, at, size):
                return False
        at += size
    return True


def ntlm_kind(data: Bytes, begin: int, end: int) -> int:
    """Which NTLM message it is; -1 where it has something that is not for the loops."""
    if end - begin < 24:
        return -1
    kind = little32(data, begin + 8)
    if kind == NTLM_NEGOTIATE:
        return kind if not ntlm_flags(data, begin, end, kind) & 0x3000 else -1
    if kind == NTLM_CHALLENGE:
        flags = ntlm_flags(data, begin, end, kind)
        if not ntlm_is_plain(data, begin, end, 12, flags, False) or not ntlm_target_is_plain(data, begin, end):
            return -1
        return kind
    if kind != NTLM_AUTHENTICATE or end - begin < 52 or ntlm_field(data, begin, end, 20) < 0:
        return -1
    flags = ntlm_flags(data, begin, end, kind)
    for n in range(3):  # domain, user, workstation
        if not ntlm_is_plain(data, begin, end, 28 + 8 * n, flags, n == 2):
            return -1
    return kind


def ntlm_put_version(out: Out, at: int, data: Bytes, begin: int, end: int, name: bytes) -> int:
    """`,"name":"…"`, `sensors.decode.ntlm._version` of a message of which that is known."""
    kind = little32(data, begin + 8)
    place = begin + (32 if kind == NTLM_NEGOTIATE else 48 if kind == NTLM_CHALLENGE else 64)
    if not ntlm_flags(data, begin, end, kind) & _SMB_VERSION or end < place + 8:
        return at
    if little32(data, place) == 0 and little32(data, place + 4) == 0:
        return at
    at = put_int(out, put(out, at, name), u8(data, place))
    out[at] = 46
    at = put_int(out, at + 1, u8(data, place + 1))
    at = put_int(out, put(out, at, b" build "), little16(data, place + 2))
    at = put_int(out, put(out, at, b" rev "), u8(data, place + 7))
    return put(out, at, b'"')


LOOPS = (
    smb_has_ntlm, smb_der, smb_token, ntlm_field, ntlm_text, ntlm_flags, ntlm_pair, ntlm_is_plain,
    ntlm_target_is_plain, ntlm_kind, ntlm_put_version,
)  # fmt: skip
