"""Fingerprints of hellos: JA3, JA3S, JA4."""

from __future__ import annotations

import numpy as np

from sensors.loops.digest import MD5, SHA256, digest
from sensors.loops.octets import Bytes, Ints, Out, u8, u16
from sensors.loops.text import put, put_hex, put_int, put_nibbles
from sensors.loops.tls_hello import TLS_NUMBERS
from sensors.loops.tls_names import tls_grease
from sensors.loops.tls_slot import (
    TLS_ALPN,
    TLS_ALPN_END,
    TLS_BEST_VERSION,
    TLS_CHOSEN,
    TLS_CLIENT,
    TLS_DIGEST,
    TLS_EXTENSIONS,
    TLS_EXTENSIONS_COUNT,
    TLS_FORMATS,
    TLS_FORMATS_COUNT,
    TLS_GROUPS,
    TLS_GROUPS_COUNT,
    TLS_JA3_AT,
    TLS_JA4_AT,
    TLS_NAMED,
    TLS_PRINTS,
    TLS_SERVER,
    TLS_SIGNATURES,
    TLS_SIGNATURES_COUNT,
    TLS_SORTED,
    TLS_SUITES,
    TLS_SUITES_COUNT,
    TLS_TEXT,
    TLS_VERSION,
)
from sensors.loops.world import World


def put_tls_numbers(text: Out, at: int, data: Bytes, begin: int, count: int) -> int:
    """Without GREASE, between hyphens."""
    first = at
    for n in range(count):
        number = u16(data, begin + 2 * n)
        if not tls_grease(number):
            if at > first:
                text[at] = 45
                at += 1
            at = put_int(text, at, number)
    return at


def put_tls_extensions(text: Out, at: int, data: Bytes, facts: Ints, grease: bool) -> int:
    first, begin = at, int(facts[TLS_EXTENSIONS])
    for _ in range(facts[TLS_EXTENSIONS_COUNT]):
        number = u16(data, begin)
        if grease or not tls_grease(number):
            if at > first:
                text[at] = 45
                at += 1
            at = put_int(text, at, number)
        begin += 4 + u16(data, begin + 2)
    return at


def tls_ja3(w: World, facts: Ints) -> None:
    text, data = w.scratch, w.pool
    at = put_int(text, TLS_TEXT, int(facts[TLS_VERSION]))
    text[at] = 44
    at = put_tls_numbers(text, at + 1, data, int(facts[TLS_SUITES]), int(facts[TLS_SUITES_COUNT]))
    text[at] = 44
    at = put_tls_extensions(text, at + 1, data, facts, False)
    text[at] = 44
    at = put_tls_numbers(text, at + 1, data, int(facts[TLS_GROUPS]), int(facts[TLS_GROUPS_COUNT]))
    text[at] = 44
    at += 1
    for n in range(facts[TLS_FORMATS_COUNT]):
        if n:
            text[at] = 45
            at += 1
        at = put_int(text, at, u8(data, int(facts[TLS_FORMATS]) + n))
    digest(MD5, text, TLS_TEXT, at, TLS_DIGEST, w.work)


def tls_ja3s(w: World, facts: Ints) -> None:
    text = w.scratch
    at = put_int(text, TLS_TEXT, int(facts[TLS_VERSION]))
    text[at] = 44
    at = put_int(text, at + 1, int(facts[TLS_CHOSEN]))
    text[at] = 44
    at = put_tls_extensions(text, at + 1, w.pool, facts, True)
    digest(MD5, text, TLS_TEXT, at, TLS_DIGEST, w.work)


def put_tls_sorted(text: Out, at: int, numbers: Ints, count: int) -> int:
    """The first numbers in hexadecimal, in order, between commas."""
    for n in range(1, count):
        number, place = numbers[n], n
        while place and numbers[place - 1] > number:
            numbers[place] = numbers[place - 1]
            place -= 1
        numbers[place] = number
    for n in range(count):
        if n:
            text[at] = 44
            at += 1
        at = put_nibbles(text, at, int(numbers[n]), 4)
    return at


def put_tls_short(w: World, at: int, end: int) -> int:
    """The first 12 digits of the text's SHA-256; zeros of none."""
    if end == TLS_TEXT:
        return put(w.scratch, at, b"000000000000")
    digest(SHA256, w.scratch, TLS_TEXT, end, TLS_DIGEST, w.work)
    return put_hex(w.scratch, at, w.scratch.view(np.int8), TLS_DIGEST, TLS_DIGEST + 6)


def put_ja4_start(out: Out, at: int, data: Bytes, facts: Ints, suites: int, extensions: int) -> int:
    """JA4 as far as its first underscore."""
    version = int(facts[TLS_BEST_VERSION])
    at = put(out, at, b"t")
    if 0x0301 <= version <= 0x0304:
        out[at], out[at + 1] = 49, 48 + version - 0x0301
    elif version == 0x0300 or version == 0x0002:
        out[at], out[at + 1] = 115, 51 if version == 0x0300 else 50
    else:
        out[at], out[at + 1] = 48, 48
    out[at + 2] = 100 if facts[TLS_NAMED] else 105
    suites, extensions = min(suites, 99), min(extensions, 99)
    out[at + 3], out[at + 4] = 48 + suites // 10, 48 + suites % 10
    out[at + 5], out[at + 6] = 48 + extensions // 10, 48 + extensions % 10
    begin, end = int(facts[TLS_ALPN]), int(facts[TLS_ALPN_END])
    size = min(u8(data, begin), end - begin - 1) if begin else 0
    if not size:
        return put(out, at + 7, b"00_")
    first, last = u8(data, begin + 1), u8(data, begin + size)
    if is_alphanumeric(first) and is_alphanumeric(last):
        out[at + 7], out[at + 8] = first, last
    else:
        put_nibbles(out, at + 7, first >> 4, 1)
        put_nibbles(out, at + 8, last, 1)
    return put(out, at + 9, b"_")


def is_alphanumeric(byte: int) -> bool:
    return 48 <= byte <= 57 or 65 <= byte <= 90 or 97 <= byte <= 122


def put_ja4(w: World, at: int, facts: Ints) -> int:
    text, data = w.scratch, w.pool
    numbers = text[TLS_SORTED : TLS_SORTED + 8 * TLS_NUMBERS].view(np.int64)
    suites = 0
    for n in range(facts[TLS_SUITES_COUNT]):
        number = u16(data, int(facts[TLS_SUITES]) + 2 * n)
        if not tls_grease(number):
            numbers[suites] = number
            suites += 1
    ciphers_end = put_tls_sorted(text, TLS_TEXT, numbers, suites)
    extensions = rest = 0
    begin = int(facts[TLS_EXTENSIONS])
    for _ in range(facts[TLS_EXTENSIONS_COUNT]):
        number = u16(data, begin)
        begin += 4 + u16(data, begin + 2)
        if not tls_grease(number):
            extensions += 1
            if number != 0 and number != 16:
                numbers[rest] = number
                rest += 1
    at = put_ja4_start(text, at, data, facts, suites, extensions)
    at = put_tls_short(w, at, ciphers_end)
    text[at] = 95
    end = put_tls_sorted(text, TLS_TEXT, numbers, rest)
    mark = 95
    for n in range(facts[TLS_SIGNATURES_COUNT] if rest else 0):
        number = u16(data, int(facts[TLS_SIGNATURES]) + 2 * n)
        if not tls_grease(number):
            text[end] = mark
            end = put_nibbles(text, end + 1, number, 4)
            mark = 44
    return put_tls_short(w, at + 1, end)


def tls_prints(w: World, row: Ints, client: Ints, server: Ints) -> int:
    """The fingerprints as JSON strings with commas between them, in `scratch`; where they end."""
    text, digits, at = w.scratch, w.scratch.view(np.int8), TLS_PRINTS
    if row[TLS_CLIENT]:
        tls_ja3(w, client)
        client[TLS_JA3_AT] = at + 1
        at = put_hex(text, put(text, at, b'"'), digits, TLS_DIGEST, TLS_DIGEST + 16)
        at = put(text, at, b'","')
        client[TLS_JA4_AT] = at
        at = put(text, put_ja4(w, at, client), b'"')
    if row[TLS_SERVER]:
        tls_ja3s(w, server)
        at = put(text, at, b',"' if row[TLS_CLIENT] else b'"')
        server[TLS_JA3_AT] = at
        at = put(text, put_hex(text, at, digits, TLS_DIGEST, TLS_DIGEST + 16), b'"')
    return at


LOOPS = (
    put_tls_numbers, put_tls_extensions, tls_ja3, tls_ja3s, put_tls_sorted, put_tls_short, is_alphanumeric,
    put_ja4_start, put_ja4, tls_prints,
)  # fmt: skip
