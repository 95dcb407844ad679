"""Names of TLS versions, ciphers, groups and protocols, as JSON."""

from __future__ import annotations

import numpy as np

from sensors.decode.tls_names import CIPHERS, GROUPS
from sensors.loops.octets import Bytes, Ints, Out, u8
from sensors.loops.text import put, put_bytes, put_int, put_json, put_nibbles

# --- names of ciphers and, from TLS_GROUP on, of groups: cells by page (number >> 8) hold 1 + index
TLS_GROUP = 0x10000
TLS_NAMES = [*sorted(CIPHERS.items()), *((TLS_GROUP + number, name) for number, name in sorted(GROUPS.items()))]


def _tls_cells() -> tuple[Ints, Ints]:
    numbered = sorted({number >> 8 for number, _ in TLS_NAMES})
    pages = np.full(512, -1, np.int64)
    pages[numbered] = np.arange(len(numbered))
    cells = np.zeros(256 * len(numbered), np.int64)
    for index, (number, _) in enumerate(TLS_NAMES):
        cells[pages[number >> 8] << 8 | number & 255] = index + 1
    return pages, cells


TLS_PAGES, TLS_CELLS = _tls_cells()
TLS_BORDERS = np.cumsum([0, *(len(name) for _, name in TLS_NAMES)]).astype(np.int64)
TLS_LETTERS = np.frombuffer("".join(name for _, name in TLS_NAMES).encode(), np.int8).copy()


def tls_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 255


def tls_index(number: int) -> int:
    """Of a cipher's or group's name; -1 where it has none."""
    page = int(TLS_PAGES[number >> 8])
    return int(TLS_CELLS[page << 8 | number & 255]) - 1 if page >= 0 else -1


def put_tls_name(out: Out, at: int, number: int) -> int:
    index = tls_index(number)
    if index >= 0:
        return put_bytes(out, at, TLS_LETTERS, int(TLS_BORDERS[index]), int(TLS_BORDERS[index + 1]))
    out[at], out[at + 1] = 48, 120
    for n in range(4):
        digit = number >> 12 - 4 * n & 15
        out[at + 2 + n] = 48 + digit if digit < 10 else 55 + digit
    return at + 6


def put_tls_version(out: Out, at: int, version: int) -> int:
    if version >> 8 == 0x7F:
        return put_int(out, put(out, at, b"1.3 draft-"), version & 255)
    if 0x0301 <= version <= 0x0304:
        return put_int(out, put(out, at, b"1."), version - 0x0301)
    if version == 0x0300 or version == 0x0002:
        return put(out, at, b"3.0" if version == 0x0300 else b"2.0")
    return put_nibbles(out, put(out, at, b"0x"), version, 4)


def put_tls_protocol(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    """A protocol's name (ALPN), in ASCII with backslashes for what is none, as JSON."""
    for n in range(begin, end):
        byte = u8(data, n)
        at = put_json(out, at, data, n, n + 1) if byte < 128 else put_nibbles(out, put(out, at, b"\\\\x"), byte, 2)
    return at


LOOPS = (
    tls_grease, tls_index, put_tls_name, put_tls_version, put_tls_protocol,
)  # fmt: skip
