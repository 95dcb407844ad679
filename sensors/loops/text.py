"""JSON text, written into an array of bytes: each function writes at `at` and says where it ended."""

from __future__ import annotations

import numpy as np

from sensors.loops.octets import Bytes, Ints, Out, u8, u16

_HEX = np.frombuffer(b"0123456789abcdef", np.uint8).copy()
_BASE64 = np.frombuffer(b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/", np.uint8).copy()
_NS = 1_000_000_000


def put(out: Out, at: int, text: bytes) -> int:
    to = out[at : at + len(text)]  # counted from 0, the loop becomes a copy of many bytes at once
    for n in range(len(text)):
        to[n] = text[n]
    return at + len(text)


def put_bytes(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    """Bytes as they are."""
    to, source = out[at : at + end - begin], data[begin:end]
    for n in range(end - begin):
        to[n] = u8(source, n)
    return at + end - begin


def put_int(out: Out, at: int, number: int) -> int:
    if number < 0:
        out[at] = 45
        at += 1
        number = -number
    digits = 1
    rest = number // 10
    while rest:
        digits += 1
        rest //= 10
    for n in range(digits):
        out[at + digits - 1 - n] = 48 + number % 10
        number //= 10
    return at + digits


def put_padded(out: Out, at: int, number: int, digits: int) -> int:
    for n in range(digits):
        out[at + digits - 1 - n] = 48 + number % 10
        number //= 10
    return at + digits


def put_nibbles(out: Out, at: int, number: int, digits: int) -> int:
    """A number's last digits in hexadecimal."""
    for n in range(digits):
        out[at + n] = _HEX[number >> 4 * (digits - 1 - n) & 15]
    return at + digits


def put_hex(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    for n in range(begin, end):
        at = put_nibbles(out, at, u8(data, n), 2)
    return at


def put_base64(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    """With padding (RFC 4648 §4)."""
    n = begin
    while n < end:
        left = end - n
        bits = u8(data, n) << 16
        if left > 1:
            bits |= u8(data, n + 1) << 8
        if left > 2:
            bits |= u8(data, n + 2)
        out[at] = _BASE64[bits >> 18]
        out[at + 1] = _BASE64[bits >> 12 & 63]
        out[at + 2] = _BASE64[bits >> 6 & 63] if left > 1 else 61
        out[at + 3] = _BASE64[bits & 63] if left > 2 else 61
        at += 4
        n += 3
    return at


def put_json(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    """What stands between the quotes of a JSON string: of bytes that are UTF-8, as orjson writes them."""
    for n in range(begin, end):
        byte = u8(data, n)
        if byte == 34 or byte == 92:
            out[at] = 92
            out[at + 1] = byte
            at += 2
        elif byte >= 32:
            out[at] = byte
            at += 1
        else:
            at = put_control(out, at, byte)
    return at


def put_control(out: Out, at: int, byte: int) -> int:
    out[at] = 92
    if byte == 8:
        out[at + 1] = 98
    elif byte == 9:
        out[at + 1] = 116
    elif byte == 10:
        out[at + 1] = 110
    elif byte == 12:
        out[at + 1] = 102
    elif byte == 13:
        out[at + 1] = 114
    else:
        out[at + 1] = 117
        return put_nibbles(out, at + 2, byte, 4)
    return at + 2


def put_json_lower(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    """As `put_json`, A to Z as a to z."""
    ended = put_json(out, at, data, begin, end)
    for n in range(at, ended):
        if 65 <= out[n] <= 90:
            out[n] += 32
    return ended


def put_ipv4(out: Out, at: int, data: Bytes, begin: int) -> int:
    for n in range(4):
        if n:
            out[at] = 46
            at += 1
        at = put_int(out, at, u8(data, begin + n))
    return at


def put_address(out: Out, at: int, data: Bytes, begin: int, size: int) -> int:
    """The usual text of 4 or 16 address bytes (RFC 5952 for IPv6, as inet_ntop writes it)."""
    if size == 4:
        return put_ipv4(out, at, data, begin)
    best, best_size, n = -1, 1, 0
    while n < 8:
        run = n
        while run < 8 and u16(data, begin + 2 * run) == 0:
            run += 1
        if run - n > best_size:
            best, best_size = n, run - n
        n = max(run, n + 1)
    dotted = best == 0 and (best_size == 6 or (best_size == 5 and u16(data, begin + 10) == 0xFFFF))
    n = 0
    while n < 8:
        if n == best:
            out[at] = 58
            at += 1
            n += best_size
            if n == 8:
                out[at] = 58
                at += 1
            continue
        if n:
            out[at] = 58
            at += 1
        if n == 6 and dotted:
            return put_ipv4(out, at, data, begin + 12)
        word = u16(data, begin + 2 * n)
        digits = 4 if word >= 0x1000 else 3 if word >= 0x100 else 2 if word >= 0x10 else 1
        at = put_nibbles(out, at, word, digits)
        n += 1
    return at


def put_instant(out: Out, at: int, ns: int, clock: Ints) -> int:
    """RFC 3339 with six digits. `clock` remembers the day's date: (days since 1970, year, month, day)."""
    second = ns // _NS
    days = second // 86_400
    if clock[0] != days:
        # The calendar of Gregory counted from March of the year 0 (Neri and Schneider, 2023).
        shifted = 4 * (days + 719_468) + 3
        century = shifted // 146_097
        rest = shifted % 146_097 // 4 * 4 + 3
        year = rest // 1_461
        day_of_year = rest % 1_461 // 4
        month = (5 * day_of_year + 2) // 153
        clock[0] = days
        clock[1] = 100 * century + year + (1 if month >= 10 else 0)
        clock[2] = month + 3 if month < 10 else month - 9
        clock[3] = day_of_year - (153 * month + 2) // 5 + 1
    at = put_padded(out, at, int(clock[1]), 4)
    out[at] = 45
    at = put_padded(out, at + 1, int(clock[2]), 2)
    out[at] = 45
    at = put_padded(out, at + 1, int(clock[3]), 2)
    out[at] = 84
    second -= days * 86_400
    at = put_padded(out, at + 1, second // 3_600, 2)
    out[at] = 58
    at = put_padded(out, at + 1, second // 60 % 60, 2)
    out[at] = 58
    at = put_padded(out, at + 1, second % 60, 2)
    out[at] = 46
    at = put_padded(out, at + 1, ns % _NS // 1_000, 6)
    out[at] = 90
    return at + 1


LOOPS = (
    put, put_bytes, put_int, put_padded, put_nibbles, put_hex, put_base64, put_control, put_json,
    put_json_lower, put_ipv4, put_address, put_instant,
)  # fmt: skip
