"""Many IPv4 addresses in text, looked up in networks."""

from __future__ import annotations

from typing import NamedTuple, TypeAlias

import numpy as np
from numpy.typing import NDArray

from correlator.loops.tokens import Bytes, Small, octet

Column: TypeAlias = NDArray[np.uint32]
DOT, NEWLINE, ZERO = 46, 10, 48
#: What is read of the text from where an address begins.
MARGIN = 18


class Spans(NamedTuple):
    """What networks cover: disjoint spans of addresses in order, and a bit for each block that one touches."""

    starts: Column
    ends: Column
    firsts: Small  # for each upper half of an address, and for one more, the first span that begins there or later
    touched: Bytes
    coarse: int  # an address shifted by this is its block


def places_inside(text: Bytes, size: int, spans: Spans, places: Small) -> int:
    """Of the addresses in the first `size` octets, each closed by a line feed, the places of those that lie in a span
    and of those that are no addresses; how many these are, or -1 if the lines are not as many as `places`.

    Behind them stand MARGIN octets more.
    """
    count, place, at = 0, 0, 0
    while at < size and place < places.size:
        number, end = read_address(text, at)
        if number < 0 or octet(text, end) != NEWLINE:
            number, end = -1, at
            while octet(text, end) != NEWLINE:
                end += 1
        if number < 0 or is_inside(spans, number):
            places[count] = place
            count += 1
        place, at = place + 1, end + 1
    return count if at == size and place == places.size else -1


def read_address(text: Bytes, at: int) -> tuple[int, int]:
    """The number of the IPv4 address that begins there, as programs write it, and where it ends; -1 for what is none.
    MARGIN octets are looked at. There is no branch in it: the lengths of the parts cannot be foretold."""
    number, strange = 0, 0
    for part in range(4):
        first, second, third = octet(text, at) - ZERO, octet(text, at + 1) - ZERO, octet(text, at + 2) - ZERO
        two = int(second >= 0) & int(second <= 9)
        three = two & int(third >= 0) & int(third <= 9)
        value = first + two * (first * 9 + second)
        value += three * (value * 9 + third)
        strange |= int(first < 0) | int(first > 9) | int(value > 255) | two & int(first == 0)
        number = number << 8 | value
        at += 1 + two + three
        if part < 3:
            strange |= int(octet(text, at) != DOT)
            at += 1
    return -1 if strange else number, at


def is_inside(spans: Spans, number: int) -> bool:
    block = number >> spans.coarse
    if not octet(spans.touched, block >> 3) >> (block & 7) & 1:
        return False
    half = number >> 16
    low, high = int(spans.firsts[half]), int(spans.firsts[half + 1])
    while low < high:  # to the first span that begins after the address
        middle = (low + high) >> 1
        if spans.starts[middle] <= number:
            low = middle + 1
        else:
            high = middle
    return bool(low > 0 and number <= spans.ends[low - 1])


LOOPS = (read_address, is_inside, places_inside)
