"""The names that SMB events use for numbers, and text of Windows on the wire as JSON."""

from __future__ import annotations

import numpy as np

from sensors.decode.smb2 import (
    _FILE_CLASSES,
    _FUNCTIONS,
    _INFO_LEVELS,
    _SHARE_TYPES,
    _SYSTEM_CLASSES,
    COMMANDS,
    DISPOSITIONS,
)
from sensors.decode.windows import _STATUS
from sensors.loops.octets import Bytes, Ints, Out, little16, little32, u8
from sensors.loops.text import put, put_bytes, put_instant, put_int, put_json, put_nibbles

#: Kinds of numbers that have names.
SMB_STATUSES, SMB_COMMANDS, SMB_FUNCTIONS, SMB_DISPOSITIONS, SMB_SHARES = 0, 1, 2, 3, 4
SMB_FILE_CLASSES, SMB_SYSTEM_CLASSES, SMB_LEVELS = 5, 6, 7
_SMB_KINDS = (
    _STATUS, dict(enumerate(COMMANDS)), _FUNCTIONS, dict(enumerate(DISPOSITIONS)), _SHARE_TYPES, _FILE_CLASSES,
    _SYSTEM_CLASSES, _INFO_LEVELS,
)  # fmt: skip
_SMB_NAMES = sorted((kind << 32 | code, name) for kind, names in enumerate(_SMB_KINDS) for code, name in names.items())
_SMB_CODES = np.array([code for code, _ in _SMB_NAMES], np.int64)
_SMB_TEXT = np.frombuffer("".join(name for _, name in _SMB_NAMES).encode(), np.int8).copy()
_SMB_ENDS = np.cumsum([0, *(len(name) for _, name in _SMB_NAMES)], dtype=np.int64)

#: The longest text, in characters, that is read here.
_SMB_TEXT_MAX = 256
#: FILETIME of 1970 and of the year 10000 (MS-DTYP §2.3.3), in units of 100 ns; seconds from 1601 to 1970.
_SMB_EPOCH, _SMB_LAST = 116_444_736_000_000_000, 116_444_736_000_000_000 + 253_402_300_800 * 10_000_000
_SMB_EPOCH_S = 11_644_473_600


def smb_64(data: Bytes, at: int) -> int:
    """A little-endian number of 64 bits; those with the highest one set are negative here."""
    high = little32(data, at + 4)
    if high >= 1 << 31:
        high -= 1 << 32
    return high << 32 | little32(data, at)


def smb_put_name(out: Out, at: int, kind: int, code: int) -> int:
    """The name of a number; nothing where it has none."""
    wanted = kind << 32 | code
    low, high = 0, len(_SMB_CODES)
    while low < high:
        middle = (low + high) >> 1
        if _SMB_CODES[middle] < wanted:
            low = middle + 1
        else:
            high = middle
    if low == len(_SMB_CODES) or _SMB_CODES[low] != wanted:
        return at
    return put_bytes(out, at, _SMB_TEXT, int(_SMB_ENDS[low]), int(_SMB_ENDS[low + 1]))


def smb_put_hex(out: Out, at: int, number: int, least: int) -> int:
    """`0x…` with so many digits at least."""
    digits = 1
    while digits < 16 and number >> 4 * digits:
        digits += 1
    return put_nibbles(out, put(out, at, b"0x"), number, max(least, digits))


def smb_put_guid(out: Out, at: int, data: Bytes, begin: int) -> int:
    """`sensors.decode.windows.eve_guid`."""
    at = put_nibbles(out, at, little32(data, begin), 8)
    for n in range(4):
        out[at] = 45
        at = put_nibbles(out, at + 1, little16(data, begin + 4 + 2 * n), 4)
    return put_nibbles(out, at, little32(data, begin + 12), 8)


def smb_put_dialect(out: Out, at: int, dialect: int) -> int:
    """`sensors.decode.smb2.dialect_text`."""
    if dialect == 0x02FF:
        return put(out, at, b"2.??")
    at = put_int(out, at, dialect >> 8)
    out[at] = 46
    return put_nibbles(out, at + 1, dialect & 255, 2)


def smb_put_seconds(out: Out, at: int, filetime: int) -> int:
    return put_int(out, at, max(0, filetime // 10_000_000 - _SMB_EPOCH_S))


def smb_put_time(out: Out, at: int, name: bytes, filetime: int, clock: Ints) -> int:
    """`,"name":"…"` where the FILETIME is one."""
    if not _SMB_EPOCH < filetime < _SMB_LAST:
        return at
    at = put_instant(out, put(out, at, name), (filetime - _SMB_EPOCH) * 100, clock)
    return put(out, at, b'"')


def smb_is_plain(data: Bytes, begin: int, size: int) -> bool:
    """Whether UTF-16 text up to its NUL is of printable characters that are in NFC whatever stands beside them: Latin
    with what Vietnamese needs, without the one whose upper case is ASCII's I."""
    if size > 2 * _SMB_TEXT_MAX:
        return False
    for n in range(begin, begin + size - 1, 2):
        char = little16(data, n)
        if not char:
            return True
        if char < 0x20 or 0x7F <= char <= 0xA0 or char == 0xAD or char == 0x131:
            return False
        if 0x300 <= char < 0x1E00 or char >= 0x1F00:
            return False
    return size & 1 == 0


def smb_is_ascii(data: Bytes, begin: int, size: int) -> bool:
    """Whether plain text has a lower case without looking it up."""
    for n in range(begin, begin + size - 1, 2):
        char = little16(data, n)
        if not char:
            return True
        if char >= 0x80:
            return False
    return True


def smb_text_size(data: Bytes, begin: int, size: int) -> int:
    """How many bytes a text has before its NUL."""
    for n in range(0, size - 1, 2):
        if not little16(data, begin + n):
            return n
    return size


def smb_put_text(out: Out, at: int, data: Bytes, begin: int, size: int) -> int:
    """Plain UTF-16 text without a NUL as JSON, without quotes."""
    for n in range(begin, begin + size, 2):
        char = little16(data, n)
        if char < 0x80:
            at = put_json(out, at, data, n, n + 1)
        elif char < 0x800:
            out[at] = 0xC0 | char >> 6
            out[at + 1] = 0x80 | char & 63
            at += 2
        else:
            out[at] = 0xE0 | char >> 12
            out[at + 1] = 0x80 | char >> 6 & 63
            out[at + 2] = 0x80 | char & 63
            at += 3
    return at


def smb_put_lower(out: Out, at: int, data: Bytes, begin: int, size: int) -> int:
    """As `smb_put_text`, A to Z as a to z."""
    ended = smb_put_text(out, at, data, begin, size)
    for n in range(at, ended):
        if 65 <= out[n] <= 90:
            out[n] += 32
    return ended


def smb_same(data: Bytes, at: int, word: bytes) -> bool:
    """Whether these bytes stand there."""
    for n in range(len(word)):  # noqa: SIM110 a generator is not for the compiler
        if u8(data, at + n) != word[n]:
            return False
    return True


LOOPS = (
    smb_64, smb_put_name, smb_put_hex, smb_put_guid, smb_put_dialect, smb_put_seconds, smb_put_time, smb_is_plain,
    smb_is_ascii, smb_text_size, smb_put_text, smb_put_lower, smb_same,
)  # fmt: skip
