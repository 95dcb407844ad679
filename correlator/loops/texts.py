"""Texts looked for in a value, all together: whole, at its beginning, at its end, or anywhere by four octets of it."""

from __future__ import annotations

from correlator.loops.claims import Bytes, Scratch, Small, Tables, claim, octet

#: Kinds of texts.
WHOLE, BEGINS, ENDS, ANYWHERE = 0, 1, 2, 3
#: Columns of a finder: whether there are whole texts; the sizes of beginnings and of endings, as bits; the sizes of
#: grams, as bits; where its bits begin in `seen`, and by how much a hash is shifted to be one of them.
FINDER_WHOLE, FINDER_BEGINS, FINDER_ENDS, FINDER_GRAMS, FINDER_SEEN, FINDER_SHIFT = range(6)
#: Of a beginning or ending that is longer, the first or last of so many octets are looked up.
LONGEST = 40
GRAM = 4
LOW32 = 0xFFFFFFFF
#: Fowler, Noll and Vo's hash; and a multiplier that spreads it, so small that 32 bits times it are a number of 64.
BASIS, PRIME, SPREAD = 0x811C9DC5, 0x01000193, 0x1E3779B1


def mixed(number: int, other: int) -> int:
    """31 bits of two numbers; the multiplier is applied twice as the last bits are those that a table is asked by."""
    found = ((number ^ other * SPREAD) & LOW32) * SPREAD & LOW32
    return (found ^ found >> 15) * SPREAD & 0x7FFFFFFF


def summed(text: Bytes, start: int, size: int) -> int:
    """A hash of a whole text, from its size, its first and its last eight octets."""
    found = BASIS ^ size
    for at in range(min(size, 8)):
        found = (found ^ octet(text, start + at)) * PRIME & LOW32
    for at in range(max(8, size - 8), size):
        found = (found ^ octet(text, start + at)) * PRIME & LOW32
    return found


def search(tables: Tables, scratch: Scratch, finder: int, text: Bytes, size: int) -> None:
    """What the texts of the finder that stand in `text` claim."""
    scratch.counts[0] += 1
    if tables.finders[finder, FINDER_WHOLE]:
        look_up(tables, scratch, finder, WHOLE, summed(text, 0, size), text, size)
    begins = tables.finders[finder, FINDER_BEGINS]
    if begins:
        found = BASIS
        for at in range(min(size, LONGEST)):
            found = (found ^ octet(text, at)) * PRIME & LOW32
            if begins >> at & 1:
                look_up(tables, scratch, finder, BEGINS, found, text, size)
    ends = tables.finders[finder, FINDER_ENDS]
    if ends:
        found = BASIS
        for back in range(min(size, LONGEST)):
            found = (found ^ octet(text, size - 1 - back)) * PRIME & LOW32
            if ends >> back & 1:
                look_up(tables, scratch, finder, ENDS, found, text, size)
    if tables.finders[finder, FINDER_GRAMS]:
        search_anywhere(tables, scratch, finder, text, size)


def look_up(tables: Tables, scratch: Scratch, finder: int, kind: int, of: int, text: Bytes, size: int) -> None:
    """The texts of a kind that have this hash, if they stand where they should."""
    key = mixed(of, finder * 4 + kind)
    last = tables.ends.shape[0] - 1
    slot = key & last
    while tables.ends[slot, 1]:
        if tables.ends[slot, 0] == key:
            number = int(tables.ends[slot, 1]) - 1
            length = int(tables.texts[number, 3])
            if tables.texts[number, 0] == finder and tables.texts[number, 1] == kind and length <= size:
                start = size - length if kind == ENDS else 0
                if (kind != WHOLE or length == size) and stands(tables, number, text, start):
                    claim(tables, scratch, int(tables.texts[number, 4]), tables.texts[number, 5] != 0)
        slot = slot + 1 & last


def stands(tables: Tables, number: int, text: Bytes, start: int) -> bool:
    """Whether the text stands there; that there is room for it is known."""
    first = int(tables.texts[number, 2])
    for at in range(int(tables.texts[number, 3])):  # noqa: SIM110 a generator is not for the compiler
        if tables.text_octets[first + at] != text[start + at]:
            return False
    return True


def search_anywhere(tables: Tables, scratch: Scratch, finder: int, text: Bytes, size: int) -> None:
    sizes = int(tables.finders[finder, FINDER_GRAMS])
    seen, shift = int(tables.finders[finder, FINDER_SEEN]), int(tables.finders[finder, FINDER_SHIFT])
    for gram in range(1, GRAM + 1):
        if sizes >> gram - 1 & 1 and size >= gram:
            window, top = 0, 8 * (gram - 1)
            for at in range(gram - 1):
                window |= octet(text, at) << 8 * at + 8
            for at in range(gram - 1, size):
                window = window >> 8 | octet(text, at) << top
                spot = seen + (((window + gram) * SPREAD & LOW32) >> shift)
                if tables.seen[spot >> 5] >> (spot & 31) & 1:
                    verify(tables, scratch, finder, gram, window, text, at - gram + 1, size)


def verify(
    tables: Tables, scratch: Scratch, finder: int, length: int, window: int, text: Bytes, at: int, size: int
) -> None:
    """The texts that have this gram, each if it stands around it."""
    key = mixed(window, finder * 8 + length)
    last = tables.gram_slots.size - 1
    slot = key & last
    while tables.gram_slots[slot]:
        gram = int(tables.gram_slots[slot]) - 1
        if tables.grams[gram, 0] == key:
            for place in range(int(tables.grams[gram, 1]), int(tables.grams[gram, 2])):
                number = int(tables.places[place, 0])
                start = at - int(tables.places[place, 1])
                if (
                    scratch.stamps[number] != scratch.counts[0]
                    and tables.texts[number, 0] == finder
                    and start >= 0
                    and start + tables.texts[number, 3] <= size
                    and stands(tables, number, text, start)
                ):
                    scratch.stamps[number] = scratch.counts[0]
                    claim(tables, scratch, int(tables.texts[number, 4]), tables.texts[number, 5] != 0)
        slot = slot + 1 & last


def read_text(blob: Bytes, at: int, end: int, raw: Bytes, low: Bytes) -> tuple[int, bool]:
    """A JSON string's octets without its escapes are in `raw` (RFC 8259, section 7), and in lower case in `low` if all
    are of ASCII: (how many they are, whether all are of ASCII)."""
    size, highest = 0, 0
    while at < end:
        found = octet(blob, at)
        if found == 92:  # a backslash
            found = octet(blob, at + 1)
            at += 1
            if found == 117:  # u: control characters only, as all else is written as it is
                found = 16 * digit(octet(blob, at + 3)) + digit(octet(blob, at + 4))
                at += 4
            elif found == 98:
                found = 8
            elif found == 116:
                found = 9
            elif found == 110:
                found = 10
            elif found == 102:
                found = 12
            elif found == 114:
                found = 13
        raw[size] = found if found < 128 else found - 256
        low[size] = found + 32 if 65 <= found <= 90 else raw[size]
        highest |= found
        size += 1
        at += 1
    return size, highest < 128


def digit(octet_: int) -> int:
    """A hexadecimal digit's number."""
    return octet_ - 48 if octet_ < 58 else (octet_ & 95) - 55


def fold(raw: Bytes, size: int, low: Bytes, folds: Small) -> int:
    """The text as `vonggac.domain.text.caseless` has it is in `low`; how many octets that takes. UTF-8 in and out."""
    at = written = 0
    while at < size:
        first = octet(raw, at)
        if first < 128:
            low[written] = first + 32 if 65 <= first <= 90 else first
            at += 1
            written += 1
            continue
        length = 2 if first < 0xE0 else 3 if first < 0xF0 else 4
        point = first & (0x7F >> length)
        for more in range(1, length):
            point = point << 6 | octet(raw, at + more) & 63
        at += length
        written = write_point(low, written, int(folds[point]) if point < folds.size else point)
    return written


def write_point(low: Bytes, at: int, point: int) -> int:
    """The code point as UTF-8."""
    if point < 0x80:
        low[at] = point
        return at + 1
    length = 2 if point < 0x800 else 3 if point < 0x10000 else 4
    for back in range(length - 1, 0, -1):
        low[at + back] = (point & 63) - 128
        point >>= 6
    low[at] = (point | (0xF00 >> length) & 0xFF) - 256
    return at + length


LOOPS = (mixed, summed, search, look_up, stands, search_anywhere, verify, read_text, digit, fold, write_point)
