"""What is known of one event: a bit for each part of each row (`correlator.sigma.clauses`) that something made true."""

from __future__ import annotations

from typing import Any, NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
Small: TypeAlias = NDArray[np.int32]
#: Bytes are seen as signed: `int()` of an unsigned one is unsigned to the compiler, and mixed sums become floats.
Bytes: TypeAlias = NDArray[np.int8]

#: Rows to a word: all bits of a word are a number that is not negative.
ROWS = 60
#: The parts of a row: four clauses, then what must not be, then what makes it unsure.
CLAUSES, VETO, DOUBT, PARTS = 4, 4, 5, 6


class Tables(NamedTuple):
    """A plan's rules as arrays, which no loop changes. `correlator.sieve` makes them and says what stands in each."""

    always: Ints  # word of each part -> bits set of every event
    exact: Ints  # word -> rows whose clauses say all
    claims: Small  # claim -> first and end in `words`: where it holds; first and end: where it may hold
    words: Small  # which word
    masks: Ints  # and which bits of it
    slots: Small  # hash of parent and name -> name + 1, or 0
    names: Small  # name -> parent node, node, first octet, size
    name_octets: Bytes
    nodes: Small  # node -> field or -1, whether its values are added by sensors
    fields: Small  # field -> as of FIELD_*
    networks: Ints  # network's number, mask, claim
    compares: Any  # operation, number, claim: floats
    numbers: Ints  # number, claim
    finders: Ints  # finder -> as of FINDER_*
    ends: Small  # hash of a whole text, a beginning or an ending -> hash, text + 1
    gram_slots: Small  # hash of up to four octets -> gram + 1, or 0
    grams: Small  # gram -> hash, first and end in `places`
    places: Small  # text, and where in it the gram stands
    seen: Ints  # bits: which grams there are at all, for each finder
    texts: Small  # text -> finder, kind, first octet, size, claim, whether finding it decides
    text_octets: Bytes
    folds: Small  # code point -> the one it is compared as


class Scratch(NamedTuple):
    """What the loops write on while they are at one event."""

    known: Ints  # word of each part -> bits
    stamps: Ints  # text -> the value it was last found in; a value has a number of its own
    raw: Bytes
    low: Bytes
    nodes: Small  # of the objects and lists that are open
    lists: Small
    counts: Ints  # values so far


def octet(data: Bytes, at: int) -> int:
    return int(data[at]) & 255


def claim(tables: Tables, scratch: Scratch, number: int, sure: bool) -> None:
    """What the claim says holds, or may hold."""
    first, end = tables.claims[number, 0], tables.claims[number, 1]
    if not sure:
        first, end = tables.claims[number, 2], tables.claims[number, 3]
    for at in range(first, end):
        scratch.known[tables.words[at]] |= tables.masks[at]


def begin(tables: Tables, scratch: Scratch) -> None:
    """Nothing is known yet but what holds always."""
    for at in range(tables.always.size):
        scratch.known[at] = tables.always[at]


def tell(tables: Tables, scratch: Scratch, event: int, hits: Small, count: int) -> int:
    """A hit (event, row, whether for sure) for each row that is left."""
    known, size = scratch.known, tables.exact.size
    for word in range(size):
        left = known[word] & known[size + word] & known[2 * size + word] & known[3 * size + word]
        left &= ~known[VETO * size + word]
        if left != 0:
            sure = left & tables.exact[word] & ~known[DOUBT * size + word]
            for bit in range(ROWS):
                if left >> bit & 1:
                    hits[count, 0] = event
                    hits[count, 1] = word * ROWS + bit
                    hits[count, 2] = sure >> bit & 1
                    count += 1
    return count


LOOPS = (octet, claim, begin, tell)
