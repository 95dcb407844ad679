"""Events as JSON text, read once: what stands where in them. Then names, which lead to what is asked of a value.

The text is as orjson writes it: no white space, and escapes only where JSON demands them (RFC 8259, section 7).
"""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Small: TypeAlias = NDArray[np.int32]
#: Bytes are seen as signed: `int()` of an unsigned one is unsigned to the compiler, and mixed sums become floats.
Bytes: TypeAlias = NDArray[np.int8]

#: Columns of a token: what it is; where its name begins, its size (-1 in a list) and its hash; where its value begins
#: and ends.
TOKEN_KIND, TOKEN_NAME, TOKEN_NAME_SIZE, TOKEN_HASH, TOKEN_AT, TOKEN_END, TOKEN_COLUMNS = range(7)
#: Kinds: a text, number or word; what opens an object or a list; what closes one. Their numbers are octets that no JSON
#: text holds.
VALUE, OBJECT, ARRAY, CLOSED = 1, 2, 3, 4
#: Objects and lists within one another; what is deeper is left to Python.
DEPTH = 60
QUOTE, BACKSLASH, COMMA, OPEN, CLOSE, LIST, END_OF_LIST = 34, 92, 44, 123, 125, 91, 93
LOW32 = 0xFFFFFFFF
#: Fowler, Noll and Vo's hash; and a multiplier that spreads it, so small that 32 bits times it are a number of 64.
BASIS, PRIME, SPREAD = 0x811C9DC5, 0x01000193, 0x1E3779B1


class Names(NamedTuple):
    """Names of a document, each under its parent: a node leads to what is asked of the value there."""

    slots: Small  # hash of parent and name -> name + 1, or 0
    names: Small  # name -> parent node, node, first octet, size
    octets: Bytes
    nodes: Small  # node -> number of what is asked, or -1; whether a sensor adds it


def octet(data: Bytes, at: int) -> int:
    return int(data[at]) & 255


def mixed(number: int, other: int) -> int:
    """31 bits of two numbers; the multiplier is applied twice as the last bits are those that a table is asked by."""
    found = ((number ^ other * SPREAD) & LOW32) * SPREAD & LOW32
    return (found ^ found >> 15) * SPREAD & 0x7FFFFFFF


def summed(text: Bytes, start: int, size: int) -> int:
    """31 bits of a text: of its size, its first and its last eight octets."""
    found = BASIS ^ size
    for at in range(min(size, 8)):
        found = (found ^ octet(text, start + at)) * PRIME & LOW32
    for at in range(max(8, size - 8), size):
        found = (found ^ octet(text, start + at)) * PRIME & LOW32
    return found & 0x7FFFFFFF


def read(blob: Bytes, ends: Ints, first: int, tokens: Small, firsts: Small) -> int:
    """The tokens of the events from `first` on, each a line up to its `ends` in `blob`, and for each event where its
    tokens begin, from 0 on; the event for which there was no more room. One that is empty or too deep has no tokens."""
    count = 0
    for event in range(first, ends.size):
        firsts[event] = count
        found = read_event(blob, int(ends[event - 1]) + 1 if event else 0, int(ends[event]), tokens, count)
        if found < 0:
            return event
        count = found
        firsts[event + 1] = count
    return ends.size


def read_event(blob: Bytes, at: int, stop: int, tokens: Small, count: int) -> int:
    """How many tokens there are with those of the event; -1 where they have no room."""
    first, depth, lists = count, 0, 0  # a bit of `lists` for each depth
    name, size, key = at, -1, 0
    while at < stop:
        if count + DEPTH + 2 > tokens.shape[0]:
            return -1
        found = octet(blob, at)
        tokens[count, TOKEN_NAME], tokens[count, TOKEN_NAME_SIZE], tokens[count, TOKEN_HASH] = name, size, key
        tokens[count, TOKEN_AT] = at
        opens = found in (OPEN, LIST)
        if opens:
            if depth == DEPTH:
                return first
            depth += 1
            lists = lists << 1 | (found == LIST)
            tokens[count, TOKEN_KIND] = ARRAY if found == LIST else OBJECT
            at += 1
        else:
            at = end_of_value(blob, at, stop, found)
            tokens[count, TOKEN_KIND] = VALUE
        tokens[count, TOKEN_END] = at
        count += 1
        while at < stop and octet(blob, at) in (CLOSE, END_OF_LIST):
            if depth == 0:
                return first
            tokens[count, TOKEN_KIND] = CLOSED
            depth -= 1
            lists >>= 1
            at += 1
            count += 1
            opens = False
        if at < stop:
            at += not opens  # a comma
            name, size, key = at, -1, 0
            if not lists & 1:
                name = at + 1
                at = end_of_name(blob, name, stop)
                size = at - name
                key = summed(blob, name, size)
                at += 2
    return count


def end_of_name(blob: Bytes, at: int, stop: int) -> int:
    """Where the quote after a text is."""
    while at < stop and octet(blob, at) != QUOTE:
        at += 2 if octet(blob, at) == BACKSLASH else 1
    return min(at, stop)


def end_of_value(blob: Bytes, at: int, stop: int, first: int) -> int:
    """Where a text, number or word ends."""
    if first == QUOTE:
        return min(end_of_name(blob, at + 1, stop) + 1, stop)
    while at < stop:
        found = octet(blob, at)
        if found in (COMMA, CLOSE, END_OF_LIST):
            break
        at += 1
    return at


def find_name(names: Names, blob: Bytes, start: int, size: int, key: int, parent: int) -> int:
    """The node of a name below its parent's, or -1."""
    last = names.slots.size - 1
    slot = mixed(key, parent) & last
    while names.slots[slot]:
        name = int(names.slots[slot]) - 1
        if names.names[name, 0] == parent and names.names[name, 3] == size:
            first, same = int(names.names[name, 2]), 0
            while same < size and names.octets[first + same] == blob[start + same]:
                same += 1
            if same == size:
                return int(names.names[name, 1])
        slot = slot + 1 & last
    return -1


LOOPS = (octet, mixed, summed, end_of_name, end_of_value, read_event, read, find_name)
