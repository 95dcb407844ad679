"""Events through the sieve: each name leads to a field, and what a field's value passes is claimed.

A value that the loops do not understand to the last (a number with a fraction, an IPv6 address) *may* pass what it
could pass, which makes the rows concerned unsure.
"""

from __future__ import annotations

from correlator.loops.addresses import NEWLINE, read_address
from correlator.loops.claims import ROWS, Scratch, Tables, begin, claim, tell
from correlator.loops.texts import fold, read_text, search
from correlator.loops.tokens import (
    ARRAY,
    CLOSED,
    OBJECT,
    QUOTE,
    TOKEN_AT,
    TOKEN_END,
    TOKEN_HASH,
    TOKEN_KIND,
    TOKEN_NAME,
    TOKEN_NAME_SIZE,
    VALUE,
    Bytes,
    Small,
    find_name,
    octet,
)

#: Columns of a field: finders of the text as it is compared, and as it is, or -1; claims of any value and of one that
#: is not understood; first and end of its networks; the claim of an IPv6 address; first and end of its comparisons, and
#: of its numbers.
(
    FIELD_LOW, FIELD_RAW, FIELD_ANY, FIELD_ALL, FIELD_NETWORKS, FIELD_NETWORKS_END, FIELD_IPV6, FIELD_COMPARES,
    FIELD_COMPARES_END, FIELD_NUMBERS, FIELD_NUMBERS_END, FIELD_COLUMNS,
) = range(12)  # fmt: skip
#: Operations of a comparison; OF_TIME is of a part of a time.
LESS, LESS_OR_SAME, MORE, MORE_OR_SAME, SAME, NOT_SAME, OF_TIME = range(7)
#: Of a longer number not every comparison is exact.
MAX_DIGITS = 15


def sift(
    tables: Tables, scratch: Scratch, blob: Bytes, tokens: Small, firsts: Small, events: Small, first: int, hits: Small
) -> tuple[int, int]:
    """`hits` holds (event, row, whether for sure) of the numbered events from the `first` number on: (the number to go
    on with, as `hits` has no more room; how many hits)."""
    count, rows = 0, tables.exact.size * ROWS
    for number in range(first, events.size):
        if count + rows > hits.shape[0]:
            return number, count
        event = int(events[number])
        begin(tables, scratch)
        sift_event(tables, scratch, blob, tokens, int(firsts[event]), int(firsts[event + 1]))
        count = tell(tables, scratch, event, hits, count)
    return events.size, count


def sift_event(tables: Tables, scratch: Scratch, blob: Bytes, tokens: Small, token: int, end: int) -> None:
    """The event's values claim what they pass."""
    depth, keywords = 0, int(tables.names.nodes[0, 0])
    scratch.nodes[0], scratch.kinds[0] = 0, OBJECT
    while token < end:
        kind, node = int(tokens[token, TOKEN_KIND]), int(scratch.nodes[depth])
        if kind == CLOSED:
            depth -= 1
        else:
            size = int(tokens[token, TOKEN_NAME_SIZE])
            if size >= 0 and node >= 0:
                key = int(tokens[token, TOKEN_HASH])
                node = find_name(tables.names, blob, int(tokens[token, TOKEN_NAME]), size, key, node)
            if kind == VALUE:
                at, stop = int(tokens[token, TOKEN_AT]), int(tokens[token, TOKEN_END])
                if node >= 0 and tables.names.nodes[node, 0] >= 0:
                    decide(tables, scratch, int(tables.names.nodes[node, 0]), blob, at, stop)
                if keywords >= 0 and (node < 0 or not tables.names.nodes[node, 1]):
                    decide(tables, scratch, keywords, blob, at, stop)
            else:
                if kind == OBJECT and depth and scratch.kinds[depth] == ARRAY and scratch.kinds[depth - 1] == ARRAY:
                    node = -1  # rules do not look into an object in a list of lists
                depth += 1
                scratch.nodes[depth], scratch.kinds[depth] = node, kind
        token += 1


def decide(tables: Tables, scratch: Scratch, field: int, blob: Bytes, at: int, end: int) -> None:
    """What the value claims of this field; null claims nothing."""
    first = octet(blob, at)
    if first == 110:  # null
        return
    claim(tables, scratch, int(tables.fields[field, FIELD_ANY]), True)
    if first == QUOTE:
        size, plain = read_text(blob, at + 1, end - 1, scratch.raw, scratch.low)
        decide_text(tables, scratch, field, size, plain)
        decide_address(tables, scratch, field, size)
        if size and may_be_number(octet(scratch.raw, 0)):
            for number in range(tables.fields[field, FIELD_COMPARES], tables.fields[field, FIELD_COMPARES_END]):
                claim(tables, scratch, int(tables.compares[number, 2]), False)
    elif first == 116 or first == 102 or is_whole(blob, at, end):  # true, false, a number
        size, plain = read_text(blob, at, end, scratch.raw, scratch.low)
        decide_text(tables, scratch, field, size, plain)
        if first < 116 and first != 102:
            decide_number(tables, scratch, field, blob, at, end)
    else:
        claim(tables, scratch, int(tables.fields[field, FIELD_ALL]), False)


def decide_text(tables: Tables, scratch: Scratch, field: int, size: int, plain: bool) -> None:
    if tables.fields[field, FIELD_LOW] >= 0:
        low = size if plain else fold(scratch.raw, size, scratch.low, tables.folds)
        search(tables, scratch, int(tables.fields[field, FIELD_LOW]), scratch.low, low)
    if tables.fields[field, FIELD_RAW] >= 0:
        search(tables, scratch, int(tables.fields[field, FIELD_RAW]), scratch.raw, size)


def decide_address(tables: Tables, scratch: Scratch, field: int, size: int) -> None:
    first, end = tables.fields[field, FIELD_NETWORKS], tables.fields[field, FIELD_NETWORKS_END]
    if first < end:
        scratch.raw[size] = NEWLINE
        address, length = read_address(scratch.raw, 0)
        if address >= 0 and length == size:
            for network in range(first, end):
                if address & tables.networks[network, 1] == tables.networks[network, 0]:
                    claim(tables, scratch, int(tables.networks[network, 2]), True)
    if tables.fields[field, FIELD_IPV6] >= 0:
        for at in range(min(size, 5)):
            if scratch.raw[at] == 58:  # a colon
                claim(tables, scratch, int(tables.fields[field, FIELD_IPV6]), False)
                return


def may_be_number(first: int) -> bool:
    """Whether a text that begins so may be read as a number or a time: by a digit, sign, dot, blank, `inf`, `nan`."""
    return first < 65 or first > 127 or first & 95 == 73 or first & 95 == 78


def is_whole(blob: Bytes, at: int, end: int) -> bool:
    for one in range(at, end):
        found = octet(blob, one)
        if (found < 48 or found > 57) and found != 45:
            return False
    return True


def decide_number(tables: Tables, scratch: Scratch, field: int, blob: Bytes, at: int, end: int) -> None:
    sure, value, sign = end - at <= MAX_DIGITS, 0, 1
    for one in range(at, min(end, at + MAX_DIGITS)):
        found = octet(blob, one)
        if found == 45:
            sign = -1
        else:
            value = value * 10 + found - 48
    value *= sign
    for number in range(tables.fields[field, FIELD_NUMBERS], tables.fields[field, FIELD_NUMBERS_END]):
        if not sure or tables.numbers[number, 0] == value:
            claim(tables, scratch, int(tables.numbers[number, 1]), sure)
    for number in range(tables.fields[field, FIELD_COMPARES], tables.fields[field, FIELD_COMPARES_END]):
        operation = int(tables.compares[number, 0])
        certain = sure and operation != OF_TIME
        if not certain or compares(operation, value, float(tables.compares[number, 1])):
            claim(tables, scratch, int(tables.compares[number, 2]), certain)


def compares(operation: int, value: int, other: float) -> bool:
    if operation == LESS:
        return value < other
    if operation == LESS_OR_SAME:
        return value <= other
    if operation == MORE:
        return value > other
    if operation == MORE_OR_SAME:
        return value >= other
    return (value == other) == (operation == SAME)


LOOPS = (
    sift, sift_event, decide, decide_text, decide_address,
    may_be_number, is_whole, decide_number, compares,
)  # fmt: skip
