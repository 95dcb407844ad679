"""Events as JSON text through the sieve: each name leads to a field, and what a field's value passes is claimed.

The text is as orjson writes it: no white space, and escapes only where JSON demands them. A value that the loops do not
understand to the last (a number with a fraction, an IPv6 address) *may* pass what it could pass, which makes the rows
concerned unsure.
"""

from __future__ import annotations

from correlator.loops.claims import Bytes, Ints, Scratch, Small, Tables, begin, claim, octet, tell
from correlator.loops.texts import fold, mixed, read_text, search, summed

#: Columns of a field: finders of the text as it is compared, and as it is, or -1; claims of any value and of one that
#: is not understood; first and end of its networks; the claim of an IPv6 address; first and end of its comparisons, and
#: of its numbers.
(
    FIELD_LOW, FIELD_RAW, FIELD_ANY, FIELD_ALL, FIELD_NETWORKS, FIELD_NETWORKS_END, FIELD_IPV6, FIELD_COMPARES,
    FIELD_COMPARES_END, FIELD_NUMBERS, FIELD_NUMBERS_END, FIELD_COLUMNS,
) = range(12)  # fmt: skip
#: Operations of a comparison; OF_TIME is of a part of a time.
LESS, LESS_OR_SAME, MORE, MORE_OR_SAME, SAME, NOT_SAME, OF_TIME = range(7)
#: Objects and lists within one another; what is deeper is left to Python.
DEPTH = 60
#: Of a longer number not every comparison is exact.
MAX_DIGITS = 15
#: In `hits`: the event was not understood, and every rule is to be asked.
ALL_ROWS = -1
QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, LIST, END_OF_LIST = 34, 92, 44, 123, 125, 91, 93


def sift(tables: Tables, scratch: Scratch, blob: Bytes, starts: Ints, first: int, hits: Small) -> tuple[int, int]:
    """`hits` holds (event, row or ALL_ROWS, whether for sure) of the events from `first` on, which begin in `blob` at
    `starts`: (the event to go on with, as `hits` has no more room; how many hits)."""
    count, rows = 0, tables.exact.size * 60
    for event in range(first, starts.size - 1):
        if count + rows > hits.shape[0]:
            return event, count
        begin(tables, scratch)
        if read_event(tables, scratch, blob, int(starts[event]), int(starts[event + 1])):
            count = tell(tables, scratch, event, hits, count)
        else:
            hits[count, 0], hits[count, 1], hits[count, 2] = event, ALL_ROWS, 0
            count += 1
    return starts.size - 1, count


def read_event(tables: Tables, scratch: Scratch, blob: Bytes, at: int, stop: int) -> bool:
    """Whether the event could be read to its end; then its values have claimed what they pass."""
    depth, node = 0, 0
    while at < stop:
        found = octet(blob, at)
        if found in (OPEN, LIST):
            if depth == DEPTH:
                return False
            if found == OPEN and depth > 1 and scratch.lists[depth] and scratch.lists[depth - 1]:
                node = -1  # rules do not look into an object in a list of lists
            depth += 1
            scratch.nodes[depth] = node
            scratch.lists[depth] = found == LIST
            at += 1
            found = octet(blob, at)
            if found != CLOSE and found != END_OF_LIST:
                if found == QUOTE and not scratch.lists[depth]:
                    node, at = read_name(tables, blob, at + 1, node)
                continue
        else:
            end = end_of_value(blob, at, found)
            if node >= 0 and tables.nodes[node, 0] >= 0:
                decide(tables, scratch, int(tables.nodes[node, 0]), blob, at, end)
            if tables.nodes[0, 0] >= 0 and (node < 0 or not tables.nodes[node, 1]):  # the root's field is of keywords
                decide(tables, scratch, int(tables.nodes[0, 0]), blob, at, end)
            at = end
        while at < stop and (octet(blob, at) == CLOSE or octet(blob, at) == END_OF_LIST):
            depth -= 1
            at += 1
        if at < stop:
            node = int(scratch.nodes[depth])
            at += 1
            if not scratch.lists[depth]:
                node, at = read_name(tables, blob, at + 1, node)
    return True


def end_of_value(blob: Bytes, at: int, first: int) -> int:
    """Where a text, number or word ends."""
    if first == QUOTE:
        at += 1
        while octet(blob, at) != QUOTE:
            at += 2 if octet(blob, at) == BACKSLASH else 1
        return at + 1
    while True:
        found = octet(blob, at)
        if found in (COMMA, CLOSE, END_OF_LIST):
            return at
        at += 1


def read_name(tables: Tables, blob: Bytes, at: int, parent: int) -> tuple[int, int]:
    """(the node of the name that begins there, or -1; where its value begins)."""
    start = at
    while octet(blob, at) != QUOTE:
        at += 2 if octet(blob, at) == BACKSLASH else 1
    return (-1 if parent < 0 else find_name(tables, blob, start, at - start, parent)), at + 2


def find_name(tables: Tables, blob: Bytes, start: int, size: int, parent: int) -> int:
    last = tables.slots.size - 1
    slot = mixed(summed(blob, start, size), parent) & last
    while tables.slots[slot]:
        name = int(tables.slots[slot]) - 1
        if tables.names[name, 0] == parent and tables.names[name, 3] == size:
            first, same = int(tables.names[name, 2]), 0
            while same < size and tables.name_octets[first + same] == blob[start + same]:
                same += 1
            if same == size:
                return int(tables.names[name, 1])
        slot = slot + 1 & last
    return -1


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
        address = read_address(scratch.raw, size)
        if address >= 0:
            for network in range(first, end):
                if address & tables.networks[network, 1] == tables.networks[network, 0]:
                    claim(tables, scratch, int(tables.networks[network, 2]), True)
    if tables.fields[field, FIELD_IPV6] >= 0:
        for at in range(min(size, 5)):
            if scratch.raw[at] == 58:  # a colon
                claim(tables, scratch, int(tables.fields[field, FIELD_IPV6]), False)
                return


def read_address(text: Bytes, size: int) -> int:
    """The number of an IPv4 address as programs write it; -1 for what is none."""
    if size < 7 or size > 15:
        return -1
    number, part, digits, dots = 0, 0, 0, 0
    for at in range(size):
        found = octet(text, at)
        if found == 46:
            if digits == 0 or part > 255:
                return -1
            number, part, digits, dots = number << 8 | part, 0, 0, dots + 1
        elif 48 <= found <= 57 and (digits == 0 or part != 0):
            part, digits = part * 10 + found - 48, digits + 1
        else:
            return -1
    return number << 8 | part if dots == 3 and digits and part <= 255 else -1


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
    sift, read_event, end_of_value, read_name, find_name, decide, decide_text, decide_address, read_address,
    may_be_number, is_whole, decide_number, compares,
)  # fmt: skip
