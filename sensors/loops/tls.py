"""TLS over TCP: `sensors.talks.tls` says the same of a handshake in the same bytes, and knows all faults.

A slot's area holds the messages that the event is made of, whole and in order, and behind them one side's unfinished
one. Of encrypted records only the lengths are looked at.
"""

from __future__ import annotations

import numpy as np

from sensors.decode.tls_names import CIPHERS, GROUPS
from sensors.loops.digest import MD5, SHA256, digest
from sensors.loops.documents import TLS, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.octets import Bytes, Ints, Out, u8, u16, u24
from sensors.loops.slots import BYTES_PER_TELLING, room
from sensors.loops.text import put, put_base64, put_bytes, put_hex, put_int, put_json, put_json_lower, put_nibbles
from sensors.loops.world import (
    DONE,
    HOLE_DOMAIN,
    HOLE_END,
    OUT,
    S_ALLOWANCE,
    S_AREA,
    S_BEGUN,
    S_BEGUN_NS,
    S_OWN,
    S_USED,
    SLOT_COLUMNS,
    TAKEN,
    UNUSUAL,
    World,
)

# --- columns of a slot. Pairs hold side 0, then side 1; offsets are into the area, one more, 0 is none.
TLS_HEADER, TLS_HEADED, TLS_LEFT = S_OWN, S_OWN + 2, S_OWN + 4  # a record's header so far, its size, bytes to come
TLS_SEALED, TLS_APPLIED = S_OWN + 6, S_OWN + 8
TLS_CLIENT, TLS_SERVER, TLS_CHAIN = S_OWN + 10, S_OWN + 11, S_OWN + 12  # messages: the hellos are a pair too
TLS_CHAINED = S_OWN + 14  # how many certificates
TLS_ALERT, TLS_CURVE = S_OWN + 16, S_OWN + 17
TLS_BEST, TLS_CIPHER = S_OWN + 18, S_OWN + 19  # what the server chose
TLS_KEPT, TLS_TAIL = S_OWN + 20, S_OWN + 21  # where the kept messages end, where the unfinished one begins
TLS_OPEN = S_OWN + 22  # whose that is: 1 + side

# --- what a hello says: offsets and numbers, see `tls_hello`
_TLS_VERSION, _TLS_SESSION, _TLS_CHOSEN, _TLS_SUITES, _TLS_SUITES_COUNT = 0, 1, 2, 3, 4
_TLS_EXTENSIONS, _TLS_EXTENSIONS_COUNT, _TLS_NAMED, _TLS_NAME, _TLS_NAME_SIZE = 5, 6, 7, 8, 9
_TLS_ALPN, _TLS_ALPN_END, _TLS_GROUPS, _TLS_GROUPS_COUNT, _TLS_FORMATS, _TLS_FORMATS_COUNT = 10, 11, 12, 13, 14, 15
_TLS_SIGNATURES, _TLS_SIGNATURES_COUNT, _TLS_BEST_VERSION, _TLS_SHARE, _TLS_RESUMES = 16, 17, 18, 19, 20
_TLS_JA3_AT, _TLS_JA4_AT = 21, 22  # where fingerprints stand in `scratch`
_TLS_FACTS = 23
_TLS_FACTS_ROOM = 64

# --- `scratch`: what hellos say, the server's name, fingerprints as JSON; numbers to be sorted; the text that a
# --- fingerprint is made of, and its digest
_TLS_FACTS_AT, _TLS_NAME_TEXT, _TLS_PRINTS = 4_096, 5_120, 5_632
_TLS_SORTED, _TLS_DIGEST, _TLS_TEXT = 6_144, 10_240, 11_264

#: Numbers read of one list, bytes of ALPN and of a name, and a leaf certificate's: more is not for a loop.
_TLS_NUMBERS, _TLS_ALPN_BYTES, _TLS_NAME_BYTES, _TLS_LEAF_BYTES = 256, 1_024, 255, 8_192
_TLS_SHOWN = 64  # `sensors.talks.tls_event.MAX_OFFERED`
_TLS_MAX_RECORD, _TLS_MAX_MESSAGE = 16_384 + 2_048, 262_144
_TLS_MAX_CERTIFICATES, _TLS_MAX_CHILDREN = 16, 256

# --- holes
#: `"subject":…` and so on of a certificate (its DER in base64).
HOLE_CERTIFICATE = b"\0C"
#: `,"hosts":[…],"hash":[…]`. It is about four things, on a line each: fingerprints as JSON, the server's name, the
#: client's certificate, the server's.
HOLE_RELATED = b"\0L"

# --- names of ciphers and, from _TLS_GROUP on, of groups: cells by page (number >> 8) hold 1 + index
_TLS_GROUP = 0x10000
_TLS_NAMES = [*sorted(CIPHERS.items()), *((_TLS_GROUP + number, name) for number, name in sorted(GROUPS.items()))]


def _tls_cells() -> tuple[Ints, Ints]:
    numbered = sorted({number >> 8 for number, _ in _TLS_NAMES})
    pages = np.full(512, -1, np.int64)
    pages[numbered] = np.arange(len(numbered))
    cells = np.zeros(256 * len(numbered), np.int64)
    for index, (number, _) in enumerate(_TLS_NAMES):
        cells[pages[number >> 8] << 8 | number & 255] = index + 1
    return pages, cells


_TLS_PAGES, _TLS_CELLS = _tls_cells()
_TLS_BORDERS = np.cumsum([0, *(len(name) for _, name in _TLS_NAMES)]).astype(np.int64)
_TLS_LETTERS = np.frombuffer("".join(name for _, name in _TLS_NAMES).encode(), np.int8).copy()
_TLS_ECDH = np.array(["ECDH" in name for _, name in _TLS_NAMES], np.int64)


def begins_tls(data: Bytes, at: int, end: int) -> bool:
    """Whether a side's first bytes are a record with a hello."""
    if end - at < 6 or u8(data, at) != 22 or u8(data, at + 1) != 3 or u8(data, at + 2) > 4:
        return False
    return u8(data, at + 5) == 1 or u8(data, at + 5) == 2


# --- names and numbers


def tls_grease(value: int) -> bool:
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 255


def tls_index(number: int) -> int:
    """Of a cipher's or group's name; -1 where it has none."""
    page = int(_TLS_PAGES[number >> 8])
    return int(_TLS_CELLS[page << 8 | number & 255]) - 1 if page >= 0 else -1


def put_tls_name(out: Out, at: int, number: int) -> int:
    index = tls_index(number)
    if index >= 0:
        return put_bytes(out, at, _TLS_LETTERS, int(_TLS_BORDERS[index]), int(_TLS_BORDERS[index + 1]))
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


# --- hellos


def tls_hello(data: Bytes, begin: int, end: int, client: bool, facts: Ints) -> bool:
    """What a ClientHello's or ServerHello's body says; False where the decoder knows better."""
    for n in range(_TLS_FACTS):
        facts[n] = 0
    if end - begin < 36:
        return False
    version = u16(data, begin)
    facts[_TLS_VERSION] = version
    at = begin + 34
    bare = not client and 0x7F00 <= version < 0x7F16  # early drafts of TLS 1.3: neither session id nor compression
    if not bare:
        facts[_TLS_SESSION] = u8(data, at)
        at += 1 + u8(data, at)
        if at + 2 > end:
            return False
    if client:
        size = u16(data, at)
        facts[_TLS_SUITES] = at + 2
        facts[_TLS_SUITES_COUNT] = size // 2
        at += 2 + size
        if at >= end or size // 2 > _TLS_NUMBERS:
            return False
        at += 1 + u8(data, at)
    else:
        facts[_TLS_CHOSEN] = u16(data, at)
        at += 2 if bare else 3
    return at <= end and tls_extensions(data, at, end, client, facts)


def tls_extensions(data: Bytes, at: int, end: int, client: bool, facts: Ints) -> bool:
    stop = at + 2 + u16(data, at) if at + 2 <= end else at
    if stop > end:
        return False
    best, count = -1, 0
    at += 2
    facts[_TLS_EXTENSIONS] = at
    while at + 4 <= stop:
        kind, size = u16(data, at), u16(data, at + 2)
        at += 4
        if at + size > stop:
            return False
        count += 1
        if kind == 16 and size > 2:
            facts[_TLS_ALPN] = at + 2
            facts[_TLS_ALPN_END] = at + size
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
            facts[_TLS_RESUMES] = 1
        elif kind == 51 and not client and size >= 2:
            facts[_TLS_SHARE] = u16(data, at)
        elif kind == 0:
            facts[_TLS_NAMED] = 1
            if client and size > 5:
                facts[_TLS_NAME] = at + 5
                facts[_TLS_NAME_SIZE] = min(u16(data, at + 3), size - 5)
        elif client and size:
            tls_lists(kind, size, data, at, facts)
        at += size
    facts[_TLS_EXTENSIONS_COUNT] = count
    facts[_TLS_BEST_VERSION] = best if best >= 0 else facts[_TLS_VERSION]
    if facts[_TLS_ALPN_END] - facts[_TLS_ALPN] > _TLS_ALPN_BYTES or count > _TLS_NUMBERS:
        return False
    if facts[_TLS_GROUPS_COUNT] > _TLS_NUMBERS or facts[_TLS_SIGNATURES_COUNT] > _TLS_NUMBERS:
        return False
    return is_plain_name(data, facts)


def tls_lists(kind: int, size: int, data: Bytes, at: int, facts: Ints) -> None:
    """The extensions of a ClientHello that only the fingerprints are made of."""
    if kind == 10 and size >= 2:
        facts[_TLS_GROUPS] = at + 2
        facts[_TLS_GROUPS_COUNT] = (size - 2) // 2
    elif kind == 11:
        facts[_TLS_FORMATS] = at + 1
        facts[_TLS_FORMATS_COUNT] = min(u8(data, at), size - 1)
    elif kind == 13 and size >= 2:
        facts[_TLS_SIGNATURES] = at + 2
        facts[_TLS_SIGNATURES_COUNT] = (size - 2) // 2


def is_plain_name(data: Bytes, facts: Ints) -> bool:
    """Whether the server's name is short, of ASCII and the same in JSON; dots at its end go."""
    at, size = int(facts[_TLS_NAME]), int(facts[_TLS_NAME_SIZE])
    if size > _TLS_NAME_BYTES:
        return False
    while size and u8(data, at + size - 1) == 46:
        size -= 1
    facts[_TLS_NAME_SIZE] = size
    for n in range(at, at + size):
        byte = u8(data, n)
        if byte < 32 or byte > 126 or byte == 34 or byte == 92:
            return False
    return True


# --- certificates: what `sensors.decode.x509` decodes without a fault


def der_take(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Identifier octet, begin and end of the contents of the DER value there; the identifier is -1 where it breaks."""
    if at + 2 > end:
        return -1, at, at
    tag, size = u8(data, at), u8(data, at + 1)
    if tag & 31 == 31:
        return -1, at, at
    at += 2
    if size & 128:
        octets = size & 127
        if octets < 1 or octets > 4 or at + octets > end:
            return -1, at, at
        size = 0
        for n in range(octets):
            size = size << 8 | u8(data, at + n)
        at += octets
    if at + size > end:
        return -1, at, at
    return tag, at, at + size


def der_count(data: Bytes, at: int, end: int) -> int:
    """How many values stand there; -1 where one breaks or they are too many."""
    count = 0
    while at < end:
        tag, _, at = der_take(data, at, end)
        count += 1
        if tag < 0 or count > _TLS_MAX_CHILDREN:
            return -1
    return count


def der_name_holds(data: Bytes, at: int, end: int) -> bool:
    """Whether a distinguished name's groups, the pairs in them and what is in these hold together."""
    groups = 0
    while at < end:
        tag, begin, at = der_take(data, at, end)
        groups += 1
        if tag < 0 or groups > _TLS_MAX_CHILDREN:
            return False
        pairs = 0
        while begin < at:
            tag, inside, begin = der_take(data, begin, at)
            pairs += 1
            if tag < 0 or pairs > _TLS_MAX_CHILDREN or der_count(data, inside, begin) < 0:
                return False
    return True


def der_extensions_hold(data: Bytes, at: int, end: int) -> bool:
    """Whether a certificate's extensions hold together, and the alternative names among them."""
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    extensions = 0
    while at < end:
        tag, begin, at = der_take(data, at, end)
        extensions += 1
        if tag < 0 or extensions > _TLS_MAX_CHILDREN:
            return False
        parts, names, inside = 0, False, begin
        while begin < at:
            tag, inside, begin = der_take(data, begin, at)
            parts += 1
            if tag < 0 or parts > _TLS_MAX_CHILDREN:
                return False
            if parts == 1:
                names = begin - inside == 3 and u24(data, inside) == 0x551D11
        if names:
            tag, inside, begin = der_take(data, inside, begin)
            if tag < 0 or der_count(data, inside, begin) < 0:
                return False
    return True


def der_certificate_holds(data: Bytes, at: int, end: int) -> bool:
    """Whether a certificate can be decoded."""
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    left = der_count(data, at, end)
    tag, _, behind = der_take(data, at, end)
    if left > 0 and tag == 0xA0:
        left -= 1
        at = behind
    if left < 6:
        return False
    for n in range(left):
        tag, begin, at = der_take(data, at, end)
        if (n == 2 or n == 4) and not der_name_holds(data, begin, at):
            return False
        if n == 3 and der_count(data, begin, at) < 2:
            return False
        if n >= 6 and tag == 0xA3 and not der_extensions_hold(data, begin, at):
            return False
    return True


def tls_chain(data: Bytes, at: int, end: int) -> int:
    """How many certificates a message's body has; -1 where one is for the decoder."""
    count = 0
    at += 3
    while at + 3 <= end and count < _TLS_MAX_CERTIFICATES:
        size = u24(data, at)
        at += 3
        if at + size > end or (not count and size > _TLS_LEAF_BYTES) or not der_certificate_holds(data, at, at + size):
            return -1
        at += size
        count += 1
    return count


# --- records and messages


def tls_facts(side: int) -> int:
    """Where in `scratch`, seen as numbers, there is room for what a hello says."""
    return (_TLS_FACTS_AT >> 3) + _TLS_FACTS_ROOM * side


def is_tls_version_done(row: Ints) -> bool:
    """Up to TLS 1.2 a sealed connection has nothing more to tell."""
    return bool(not row[TLS_SERVER] or row[TLS_BEST] < 0x0304)


def tls_message(w: World, row: Ints, side: int, at: int, end: int) -> int:
    """A whole handshake message of the area; TAKEN where it is to be kept, DONE where it is not."""
    pool, area = w.pool, int(row[S_AREA])
    kind, begin, stop = u8(pool, area + at), area + at + 4, area + end
    client = kind == 1
    if (client and not row[TLS_CLIENT]) or kind == 2:
        room_at = tls_facts(kind - 1)
        facts = w.scratch.view(np.int64)[room_at : room_at + _TLS_FACTS_ROOM]
        if not tls_hello(pool, begin, stop, client, facts):
            return UNUSUAL
        row[TLS_CLIENT + kind - 1] = at + 1
        if not client:
            row[TLS_BEST], row[TLS_CIPHER] = facts[_TLS_BEST_VERSION], facts[_TLS_CHOSEN]
        return TAKEN
    if kind == 12 and row[TLS_SERVER]:
        index = tls_index(int(row[TLS_CIPHER]))
        if index >= 0 and _TLS_ECDH[index]:
            row[TLS_CURVE] = u16(pool, begin + 1) if stop - begin > 3 and u8(pool, begin) == 3 else 0
    elif kind == 11 and is_tls_version_done(row) and not row[TLS_CHAIN + side]:
        count = tls_chain(pool, begin, stop)
        if count < 0:
            return UNUSUAL
        if count:
            row[TLS_CHAIN + side] = at + 1
            row[TLS_CHAINED + side] = count
            return TAKEN
    return DONE


def tls_messages(w: World, row: Ints, side: int) -> int:
    """The messages that are whole now, in the area from TLS_TAIL on."""
    at, used = int(row[TLS_TAIL]), int(row[S_USED])
    while used - at >= 4:
        size = u24(w.pool, int(row[S_AREA]) + at + 1)
        if size > _TLS_MAX_MESSAGE:
            return UNUSUAL
        if used - at < size + 4:
            break
        verdict = tls_message(w, row, side, at, at + size + 4)
        if verdict == UNUSUAL:
            return UNUSUAL
        at += size + 4
        if verdict == TAKEN:
            row[TLS_KEPT] = at
    row[TLS_TAIL] = at
    if at == used:
        row[TLS_OPEN] = 0
    return TAKEN


def tls_copies(to: Bytes, place: int, data: Bytes, at: int, size: int) -> None:
    """Bytes from the data to the place. Views save the compiled loop a look at each offset's sign."""
    target, source = to[place : place + size], data[at : at + size]
    for n in range(size):
        target[n] = source[n]


def tls_collects(w: World, slot: int, side: int, data: Bytes, at: int, size: int) -> bool:
    """More of a side's handshake behind what the area has of it. Of both sides' at once it has no room."""
    row = w.slots[slot]
    used = int(row[S_USED])
    if not size:
        return True
    if not row[TLS_OPEN]:
        row[TLS_OPEN], row[TLS_TAIL] = side + 1, used
    if row[TLS_OPEN] != side + 1 or not room(w, slot, used, size):
        return False
    tls_copies(w.pool, int(row[S_AREA]) + used, data, at, size)
    row[S_USED] = used + size
    return True


def tls_header(row: Ints, side: int, data: Bytes, at: int, end: int) -> int:
    """More of a record's header; where it ends in the data, -1 where it is none."""
    header, headed = int(row[TLS_HEADER + side]), int(row[TLS_HEADED + side])
    if not headed:
        header = 0
    while headed < 5 and at < end:
        header = header << 8 | u8(data, at)
        headed += 1
        at += 1
    row[TLS_HEADER + side], row[TLS_HEADED + side] = header, headed
    if headed == 5:
        kind, size = header >> 32, header & 0xFFFF
        if kind < 20 or kind > 24 or header >> 24 & 255 != 3 or size > _TLS_MAX_RECORD:
            return -1
        row[TLS_LEFT + side] = size
    return at


def tls_reads(w: World, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    """A piece's records; DONE when nothing that comes behind them can tell more."""
    row = w.slots[slot]
    while at < end:
        if row[TLS_HEADED + side] < 5:
            at = tls_header(row, side, data, at, end)
            if at < 0:
                return UNUSUAL
            if row[TLS_HEADED + side] < 5:
                return TAKEN
        header, left = int(row[TLS_HEADER + side]), int(row[TLS_LEFT + side])
        kind, sealed = header >> 32, row[TLS_SEALED + side]
        size = min(left, end - at)
        if kind == 22 and not sealed and not tls_collects(w, slot, side, data, at, size):
            return UNUSUAL
        alert = kind == 21 and not sealed and header & 0xFFFF == 2
        if alert and size < 2:
            return UNUSUAL
        if size < left:
            row[TLS_LEFT + side] = left - size
            return TAKEN
        row[TLS_HEADED + side] = row[TLS_LEFT + side] = 0
        if kind == 20 or kind == 23:
            row[TLS_SEALED + side] = 1
            if kind == 23:
                row[TLS_APPLIED + side] = 1
        elif alert and u8(data, at) == 2:
            row[TLS_ALERT] = u8(data, at + 1)
        elif kind == 22 and not sealed and row[TLS_OPEN] == side + 1 and tls_messages(w, row, side) == UNUSUAL:
            return UNUSUAL
        at += size
        if (row[TLS_APPLIED] and row[TLS_APPLIED + 1]) or (
            row[TLS_SEALED] and row[TLS_SEALED + 1] and is_tls_version_done(row)
        ):
            return DONE
    return TAKEN


def tls_packs(w: World, row: Ints) -> None:
    """The unfinished message goes behind those that are kept."""
    area, kept, tail = int(row[S_AREA]), int(row[TLS_KEPT]), int(row[TLS_TAIL])
    size = int(row[S_USED]) - tail if row[TLS_OPEN] else 0
    if tail > kept:
        for n in range(size):
            w.pool[area + kept + n] = w.pool[area + tail + n]
    row[TLS_TAIL] = kept
    row[S_USED] = kept + size


# --- fingerprints: each writes a text into `scratch` and its digest behind _TLS_DIGEST


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
    first, begin = at, int(facts[_TLS_EXTENSIONS])
    for _ in range(facts[_TLS_EXTENSIONS_COUNT]):
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
    at = put_int(text, _TLS_TEXT, int(facts[_TLS_VERSION]))
    text[at] = 44
    at = put_tls_numbers(text, at + 1, data, int(facts[_TLS_SUITES]), int(facts[_TLS_SUITES_COUNT]))
    text[at] = 44
    at = put_tls_extensions(text, at + 1, data, facts, False)
    text[at] = 44
    at = put_tls_numbers(text, at + 1, data, int(facts[_TLS_GROUPS]), int(facts[_TLS_GROUPS_COUNT]))
    text[at] = 44
    at += 1
    for n in range(facts[_TLS_FORMATS_COUNT]):
        if n:
            text[at] = 45
            at += 1
        at = put_int(text, at, u8(data, int(facts[_TLS_FORMATS]) + n))
    digest(MD5, text, _TLS_TEXT, at, _TLS_DIGEST, w.work)


def tls_ja3s(w: World, facts: Ints) -> None:
    text = w.scratch
    at = put_int(text, _TLS_TEXT, int(facts[_TLS_VERSION]))
    text[at] = 44
    at = put_int(text, at + 1, int(facts[_TLS_CHOSEN]))
    text[at] = 44
    at = put_tls_extensions(text, at + 1, w.pool, facts, True)
    digest(MD5, text, _TLS_TEXT, at, _TLS_DIGEST, w.work)


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
    if end == _TLS_TEXT:
        return put(w.scratch, at, b"000000000000")
    digest(SHA256, w.scratch, _TLS_TEXT, end, _TLS_DIGEST, w.work)
    return put_hex(w.scratch, at, w.scratch.view(np.int8), _TLS_DIGEST, _TLS_DIGEST + 6)


def put_ja4_start(out: Out, at: int, data: Bytes, facts: Ints, suites: int, extensions: int) -> int:
    """JA4 as far as its first underscore."""
    version = int(facts[_TLS_BEST_VERSION])
    at = put(out, at, b"t")
    if 0x0301 <= version <= 0x0304:
        out[at], out[at + 1] = 49, 48 + version - 0x0301
    elif version == 0x0300 or version == 0x0002:
        out[at], out[at + 1] = 115, 51 if version == 0x0300 else 50
    else:
        out[at], out[at + 1] = 48, 48
    out[at + 2] = 100 if facts[_TLS_NAMED] else 105
    suites, extensions = min(suites, 99), min(extensions, 99)
    out[at + 3], out[at + 4] = 48 + suites // 10, 48 + suites % 10
    out[at + 5], out[at + 6] = 48 + extensions // 10, 48 + extensions % 10
    begin, end = int(facts[_TLS_ALPN]), int(facts[_TLS_ALPN_END])
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
    numbers = text[_TLS_SORTED : _TLS_SORTED + 8 * _TLS_NUMBERS].view(np.int64)
    suites = 0
    for n in range(facts[_TLS_SUITES_COUNT]):
        number = u16(data, int(facts[_TLS_SUITES]) + 2 * n)
        if not tls_grease(number):
            numbers[suites] = number
            suites += 1
    ciphers_end = put_tls_sorted(text, _TLS_TEXT, numbers, suites)
    extensions = rest = 0
    begin = int(facts[_TLS_EXTENSIONS])
    for _ in range(facts[_TLS_EXTENSIONS_COUNT]):
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
    end = put_tls_sorted(text, _TLS_TEXT, numbers, rest)
    mark = 95
    for n in range(facts[_TLS_SIGNATURES_COUNT] if rest else 0):
        number = u16(data, int(facts[_TLS_SIGNATURES]) + 2 * n)
        if not tls_grease(number):
            text[end] = mark
            end = put_nibbles(text, end + 1, number, 4)
            mark = 44
    return put_tls_short(w, at + 1, end)


def tls_prints(w: World, row: Ints, client: Ints, server: Ints) -> int:
    """The fingerprints as JSON strings with commas between them, in `scratch`; where they end."""
    text, digits, at = w.scratch, w.scratch.view(np.int8), _TLS_PRINTS
    if row[TLS_CLIENT]:
        tls_ja3(w, client)
        client[_TLS_JA3_AT] = at + 1
        at = put_hex(text, put(text, at, b'"'), digits, _TLS_DIGEST, _TLS_DIGEST + 16)
        at = put(text, at, b'","')
        client[_TLS_JA4_AT] = at
        at = put(text, put_ja4(w, at, client), b'"')
    if row[TLS_SERVER]:
        tls_ja3s(w, server)
        at = put(text, at, b',"' if row[TLS_CLIENT] else b'"')
        server[_TLS_JA3_AT] = at
        at = put(text, put_hex(text, at, digits, _TLS_DIGEST, _TLS_DIGEST + 16), b'"')
    return at


# --- the event


def put_tls_client(w: World, at: int, facts: Ints) -> int:
    """`,"client":{` with what a ClientHello says; the object stays open."""
    out, text = w.out, w.scratch.view(np.int8)
    at = put(out, at, b',"client":{"ja3":"')
    at = put_bytes(out, at, text, int(facts[_TLS_JA3_AT]), int(facts[_TLS_JA3_AT]) + 32)
    at = put(out, at, b'","ja4":"')
    at = put_bytes(out, at, text, int(facts[_TLS_JA4_AT]), int(facts[_TLS_JA4_AT]) + 36)
    size = int(facts[_TLS_NAME_SIZE])
    if size:
        at = put(out, at, b'","server_name":"')
        at = put_bytes(out, at, text, _TLS_NAME_TEXT, _TLS_NAME_TEXT + size)
    at = put(out, at, b'"')
    count = min(int(facts[_TLS_SUITES_COUNT]), _TLS_SHOWN)
    for n in range(count):
        at = put(out, at, b'","' if n else b',"supported_ciphers":["')
        at = put_tls_name(out, at, u16(w.pool, int(facts[_TLS_SUITES]) + 2 * n))
    return put(out, at, b'"]') if count else at


def put_tls_resumed(out: Out, at: int, resumed: bool) -> int:
    return put(out, at, b',"resumed":true' if resumed else b',"resumed":false')


def put_tls_chosen(w: World, at: int, facts: Ints) -> int:
    """What a ServerHello says, into `"server":{`, which stays open."""
    out = w.out
    at = put(out, at, b',"version":"')
    at = put_tls_version(out, at, int(facts[_TLS_BEST_VERSION]))
    at = put(out, at, b'","cipher":"')
    at = put_tls_name(out, at, int(facts[_TLS_CHOSEN]))
    begin, end = int(facts[_TLS_ALPN]), int(facts[_TLS_ALPN_END])
    if begin:
        at = put(out, at, b'","next_protocol":"')
        at = put_tls_protocol(out, at, w.pool, begin + 1, min(end, begin + 1 + u8(w.pool, begin)))
    at = put(out, at, b'","server":{"ja3s":"')
    at = put_bytes(out, at, w.scratch.view(np.int8), int(facts[_TLS_JA3_AT]), int(facts[_TLS_JA3_AT]) + 32)
    return put(out, at, b'"')


def put_tls_end(w: World, at: int, row: Ints, side: int, said: bool) -> int:
    """An end's certificate, where it showed one, into its object, which closes.

    `said`: the object is open and has something from a hello.
    """
    if not row[TLS_CHAIN + side]:
        return put(w.out, at, b"}") if said else at
    at = put(w.out, at, b"," if said else b',"server":{' if side else b',"client":{')
    at = put_tls_leaf(w, put(w.out, at, HOLE_CERTIFICATE), row, side)
    return put(w.out, put(w.out, at, HOLE_END), b"}")


def put_tls_extra(w: World, at: int, row: Ints, facts: Ints) -> int:
    """The fields of `vonggac.tls` before the name's parts, each behind a comma."""
    out = w.out
    if row[TLS_CLIENT]:
        at = put(out, at, b',"client_version":"')
        at = put_tls_version(out, at, int(facts[_TLS_BEST_VERSION]))
        at = put(out, at, b'"')
        if facts[_TLS_ALPN]:
            at = put_tls_offered(out, at, w.pool, int(facts[_TLS_ALPN]), int(facts[_TLS_ALPN_END]))
    if row[TLS_CHAINED]:
        at = put_int(out, put(out, at, b',"client_chain_length":'), int(row[TLS_CHAINED]))
    if row[TLS_CHAINED + 1]:
        at = put_int(out, put(out, at, b',"chain_length":'), int(row[TLS_CHAINED + 1]))
    if row[TLS_ALERT]:
        at = put_int(out, put(out, at, b',"alert":'), int(row[TLS_ALERT]))
    return at


def put_tls_offered(out: Out, at: int, data: Bytes, begin: int, end: int) -> int:
    at = put(out, at, b',"client_alpns":[')
    first, count = at, 0
    while begin < end and count < _TLS_SHOWN:
        stop = begin + 1 + u8(data, begin)
        if stop > begin + 1 and begin + 1 < end:
            if at > first:
                out[at] = 44
                at += 1
            out[at] = 34
            at = put_tls_protocol(out, at + 1, data, begin + 1, min(stop, end))
            out[at] = 34
            at += 1
        begin = stop
        count += 1
    return put(out, at, b"]")


def put_tls_leaf(w: World, at: int, row: Ints, side: int) -> int:
    """The DER of an end's own certificate in base64, where it showed one."""
    if not row[TLS_CHAIN + side]:
        return at
    leaf = int(row[S_AREA] + row[TLS_CHAIN + side]) + 9  # behind the message's head, the list's size and its own
    return put_base64(w.out, at, w.pool, leaf, leaf + u24(w.pool, leaf - 3))


def put_tls_related(w: World, at: int, row: Ints, size: int, prints: int) -> int:
    """The rest of `related`, the list of hashes last, or a hole where certificates say more; the object stays open."""
    out, text = w.out, w.scratch.view(np.int8)
    if row[TLS_CHAIN] or row[TLS_CHAIN + 1]:
        at = put_bytes(out, put(out, at, HOLE_RELATED), text, _TLS_PRINTS, prints)
        at = put_bytes(out, put(out, at, b"\n"), text, _TLS_NAME_TEXT, _TLS_NAME_TEXT + size)
        for side in range(2):
            at = put_tls_leaf(w, put(out, at, b"\n"), row, side)
        return put(out, at, HOLE_END)
    if size:
        at = put(out, at, b',"hosts":["')
        at = put_bytes(out, at, text, _TLS_NAME_TEXT, _TLS_NAME_TEXT + size)
        at = put(out, at, b'"]')
    if prints > _TLS_PRINTS:
        at = put(out, at, b',"hash":[')
        at = put_bytes(out, at, text, _TLS_PRINTS, prints)
        at = put(out, at, b"]")
    return at


def read_tls_hello(w: World, row: Ints, side: int, facts: Ints) -> None:
    """What the kept hello of a client (0) or server says; zeros where there is none."""
    at = int(row[S_AREA] + row[TLS_CLIENT + side]) - 1
    if row[TLS_CLIENT + side]:
        tls_hello(w.pool, at + 4, at + 4 + u24(w.pool, at + 1), side == 0, facts)
    else:
        for n in range(_TLS_FACTS):
            facts[n] = 0


def tls_tells(w: World, flow: int, row: Ints) -> None:
    """The connection's event, from what was seen of its handshake."""
    facts, first, second = w.scratch.view(np.int64), tls_facts(0), tls_facts(1)
    client, server = facts[first : first + _TLS_FACTS_ROOM], facts[second : second + _TLS_FACTS_ROOM]
    read_tls_hello(w, row, 0, client)
    read_tls_hello(w, row, 1, server)
    name, size, out = int(client[_TLS_NAME]), int(client[_TLS_NAME_SIZE]), w.out
    put_json_lower(w.scratch, _TLS_NAME_TEXT, w.pool, name, name + size)
    prints = tls_prints(w, row, client, server)
    begin = int(w.numbers[OUT])
    kinds = b'"category":["network"],"type":["connection","protocol"]'
    at = begin_event(w, begin, b"tls", kinds, int(row[S_BEGUN]), int(row[S_BEGUN_NS]), 0)
    at = put_ends(w, at, flow, TLS, _TLS_NAME_TEXT, size)
    sealed = bool(row[TLS_SEALED] and row[TLS_SEALED + 1])
    established = bool(sealed and row[TLS_SERVER] and not row[TLS_ALERT])
    at = put(out, at, b',"tls":{"established":true' if established else b',"tls":{"established":false')
    best = 0
    if row[TLS_CLIENT]:
        at = put_tls_client(w, at, client)
        at = put_tls_end(w, at, row, 0, True)
        best = int(client[_TLS_BEST_VERSION])
    if row[TLS_SERVER]:
        best = int(server[_TLS_BEST_VERSION])
    if row[TLS_CLIENT] or row[TLS_SERVER]:
        at = put(out, at, b',"version_protocol":"ssl"' if best <= 0x0300 else b',"version_protocol":"tls"')
    if row[TLS_SERVER]:
        at = put_tls_chosen(w, at, server)
        at = put_tls_end(w, at, row, 1, True)
        at = put_tls_outcome(w, at, row, client, server, sealed)
    if not row[TLS_CLIENT]:
        at = put_tls_end(w, at, row, 0, False)
    if not row[TLS_SERVER]:
        at = put_tls_end(w, at, row, 1, False)
    at = put_source(w, put(out, at, b"}"), int(row[S_BEGUN]))
    at = put_tls_vonggac(w, at, row, client)
    at = put_tls_related(w, put(out, put_related(w, at, flow), b"]"), row, size, prints)
    tell_line(w, begin, put(out, at, b"}}"))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING


def put_tls_outcome(w: World, at: int, row: Ints, client: Ints, server: Ints, sealed: bool) -> int:
    """Whether a session was taken up again, and the curve: the server's share decides where it stands."""
    best, curve = int(server[_TLS_BEST_VERSION]), int(row[TLS_CURVE])
    if best >= 0x0304:
        at = put_tls_resumed(w.out, at, bool(server[_TLS_RESUMES]))
    if curve or server[_TLS_SHARE]:
        at = put(w.out, at, b',"curve":"')
        at = put_tls_name(w.out, at, _TLS_GROUP + (curve if curve else int(server[_TLS_SHARE])))
        at = put(w.out, at, b'"')
    if best < 0x0304 and row[TLS_CLIENT]:
        # Both sides encrypt at once, without a certificate (RFC 5246 §7.3, RFC 5077 §3.1).
        at = put_tls_resumed(w.out, at, bool(sealed and not row[TLS_CHAIN + 1] and client[_TLS_SESSION]))
    return at


def put_tls_vonggac(w: World, at: int, row: Ints, client: Ints) -> int:
    """`,"tls":{…}}`: the end of `vonggac`."""
    first = at
    at = put_tls_extra(w, at + 7, row, client)
    if at == first + 7:
        return put(w.out, first, b"}")
    put(w.out, first, b',"tls":{')  # its last byte is where the first field's comma was
    if client[_TLS_NAME_SIZE]:
        name = _TLS_NAME_TEXT + int(client[_TLS_NAME_SIZE])
        at = put_bytes(w.out, put(w.out, at, HOLE_DOMAIN), w.scratch.view(np.int8), _TLS_NAME_TEXT, name)
        at = put(w.out, at, HOLE_END)
    return put(w.out, at, b"}}")


# --- what the listener calls


def tls_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    """The next bytes of one side."""
    row = w.slots[slot]
    for n in range(SLOT_COLUMNS):
        w.work[n] = row[n]
    verdict = tls_reads(w, slot, side, data, at, end)
    if verdict == UNUSUAL:
        row[S_USED] = w.work[S_USED]
        for n in range(S_OWN, SLOT_COLUMNS):
            row[n] = w.work[n]
    elif verdict == DONE:
        tls_tells(w, flow, row)
    else:
        tls_packs(w, row)
    return verdict


def tls_ends(w: World, flow: int, slot: int) -> int:
    """The flow ended in its handshake: the event from what was seen."""
    tls_tells(w, flow, w.slots[slot])
    return TAKEN


LOOPS = (
    begins_tls, tls_grease, tls_index, put_tls_name, put_tls_version, put_tls_protocol, tls_lists, is_plain_name,
    tls_extensions, tls_hello, der_take, der_count, der_name_holds, der_extensions_hold, der_certificate_holds,
    tls_chain, tls_facts, is_tls_version_done, tls_message, tls_messages, tls_copies, tls_collects, tls_header,
    tls_reads, tls_packs, put_tls_numbers, put_tls_extensions, tls_ja3, tls_ja3s, put_tls_sorted, put_tls_short,
    is_alphanumeric, put_ja4_start, put_ja4, tls_prints, put_tls_client, put_tls_resumed, put_tls_chosen, put_tls_leaf,
    put_tls_end, put_tls_offered, put_tls_extra, put_tls_related, read_tls_hello,
    put_tls_outcome, put_tls_vonggac, tls_tells, tls_hears, tls_ends,
)  # fmt: skip
