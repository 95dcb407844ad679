"""What a TLS hello says (RFC 8446 §4.1), as offsets and numbers."""

from __future__ import annotations

from sensors.loops.octets import Bytes, Ints, u8, u16, u24
from sensors.loops.tls_names import tls_grease
from sensors.loops.tls_slot import (
    TLS_ALPN,
    TLS_ALPN_END,
    TLS_BEST,
    TLS_BEST_VERSION,
    TLS_CHOSEN,
    TLS_CLIENT,
    TLS_EXTENSIONS,
    TLS_EXTENSIONS_COUNT,
    TLS_FACTS,
    TLS_FACTS_AT,
    TLS_FACTS_ROOM,
    TLS_FORMATS,
    TLS_FORMATS_COUNT,
    TLS_GROUPS,
    TLS_GROUPS_COUNT,
    TLS_NAME,
    TLS_NAME_SIZE,
    TLS_NAMED,
    TLS_RESUMES,
    TLS_SERVER,
    TLS_SESSION,
    TLS_SHARE,
    TLS_SIGNATURES,
    TLS_SIGNATURES_COUNT,
    TLS_SUITES,
    TLS_SUITES_COUNT,
    TLS_VERSION,
)
from sensors.loops.world import S_AREA, World

#: Numbers read of one list, bytes of ALPN and of a name, and a leaf certificate's: more is not for a loop.
TLS_NUMBERS, TLS_ALPN_BYTES, TLS_NAME_BYTES, TLS_LEAF_BYTES = 256, 1_024, 255, 8_192


def tls_hello(data: Bytes, begin: int, end: int, client: bool, facts: Ints) -> bool:
    """What a ClientHello's or ServerHello's body says; False where the decoder knows better."""
    for n in range(TLS_FACTS):
        facts[n] = 0
    if end - begin < 36:
        return False
    version = u16(data, begin)
    facts[TLS_VERSION] = version
    at = begin + 34
    bare = not client and 0x7F00 <= version < 0x7F16  # early drafts of TLS 1.3: neither session id nor compression
    if not bare:
        facts[TLS_SESSION] = u8(data, at)
        at += 1 + u8(data, at)
        if at + 2 > end:
            return False
    if client:
        size = u16(data, at)
        facts[TLS_SUITES] = at + 2
        facts[TLS_SUITES_COUNT] = size // 2
        at += 2 + size
        if at >= end or size // 2 > TLS_NUMBERS:
            return False
        at += 1 + u8(data, at)
    else:
        facts[TLS_CHOSEN] = u16(data, at)
        at += 2 if bare else 3
    return at <= end and tls_extensions(data, at, end, client, facts)


def tls_extensions(data: Bytes, at: int, end: int, client: bool, facts: Ints) -> bool:
    stop = at + 2 + u16(data, at) if at + 2 <= end else at
    if stop > end:
        return False
    best, count = -1, 0
    at += 2
    facts[TLS_EXTENSIONS] = at
    while at + 4 <= stop:
        kind, size = u16(data, at), u16(data, at + 2)
        at += 4
        if at + size > stop:
            return False
        count += 1
        if kind == 16 and size > 2:
            facts[TLS_ALPN] = at + 2
            facts[TLS_ALPN_END] = at + size
        elif kind == 43:
            first, numbers = (at + 1, (size - 1) // 2) if client else (at, size // 2)
            if client and not size:
                return False
            best = -1
            for n in range(numbers):
                number = u16(data, first + 2 * n)
                if number > best and not tls_grease(number):
                    best = number
        elif kind == 41:
            facts[TLS_RESUMES] = 1
        elif kind == 51 and not client and size >= 2:
            facts[TLS_SHARE] = u16(data, at)
        elif kind == 0:
            facts[TLS_NAMED] = 1
            if client and size > 5:
                facts[TLS_NAME] = at + 5
                facts[TLS_NAME_SIZE] = min(u16(data, at + 3), size - 5)
        elif client and size:
            tls_lists(kind, size, data, at, facts)
        at += size
    facts[TLS_EXTENSIONS_COUNT] = count
    facts[TLS_BEST_VERSION] = best if best >= 0 else facts[TLS_VERSION]
    if facts[TLS_ALPN_END] - facts[TLS_ALPN] > TLS_ALPN_BYTES or count > TLS_NUMBERS:
        return False
    if facts[TLS_GROUPS_COUNT] > TLS_NUMBERS or facts[TLS_SIGNATURES_COUNT] > TLS_NUMBERS:
        return False
    return is_plain_name(data, facts)


def tls_lists(kind: int, size: int, data: Bytes, at: int, facts: Ints) -> None:
    """The extensions of a ClientHello that only the fingerprints are made of."""
    if kind == 10 and size >= 2:
        facts[TLS_GROUPS] = at + 2
        facts[TLS_GROUPS_COUNT] = (size - 2) // 2
    elif kind == 11:
        facts[TLS_FORMATS] = at + 1
        facts[TLS_FORMATS_COUNT] = min(u8(data, at), size - 1)
    elif kind == 13 and size >= 2:
        facts[TLS_SIGNATURES] = at + 2
        facts[TLS_SIGNATURES_COUNT] = (size - 2) // 2


def is_plain_name(data: Bytes, facts: Ints) -> bool:
    """Whether the server's name is short, of ASCII and the same in JSON; dots at its end go."""
    at, size = int(facts[TLS_NAME]), int(facts[TLS_NAME_SIZE])
    if size > TLS_NAME_BYTES:
        return False
    while size and u8(data, at + size - 1) == 46:
        size -= 1
    facts[TLS_NAME_SIZE] = size
    for n in range(at, at + size):
        byte = u8(data, n)
        if byte < 32 or byte > 126 or byte == 34 or byte == 92:
            return False
    return True


# --- records and messages


def tls_facts(side: int) -> int:
    """Where in `scratch`, seen as numbers, there is room for what a hello says."""
    return (TLS_FACTS_AT >> 3) + TLS_FACTS_ROOM * side


def is_tls_version_done(row: Ints) -> bool:
    """Up to TLS 1.2 a sealed connection has nothing more to tell."""
    return bool(not row[TLS_SERVER] or row[TLS_BEST] < 0x0304)


def read_tls_hello(w: World, row: Ints, side: int, facts: Ints) -> None:
    """What the kept hello of a client (0) or server says; zeros where there is none."""
    at = int(row[S_AREA] + row[TLS_CLIENT + side]) - 1
    if row[TLS_CLIENT + side]:
        tls_hello(w.pool, at + 4, at + 4 + u24(w.pool, at + 1), side == 0, facts)
    else:
        for n in range(TLS_FACTS):
            facts[n] = 0


LOOPS = (
    tls_lists, is_plain_name, tls_extensions, tls_hello, tls_facts, is_tls_version_done, read_tls_hello,
)  # fmt: skip
