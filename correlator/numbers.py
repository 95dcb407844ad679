"""Numbers of events as they were written, without rounding, so that sums come out the same in any order."""

from __future__ import annotations

import re
from fractions import Fraction
from math import isfinite

Number = int | Fraction

_MAX_TEXT = 64
_WRITTEN = re.compile(r"[+-]?(?:\d+(?:\.\d*)?|\.\d+)(?:[eE][+-]?\d{1,3})?", re.ASCII)


def number_of(value: object) -> Number | None:
    """The value as an exact number, whole where it can be; None for what is none (words, true, infinity).

    A float means the decimal that it is written as: 0.1 is a tenth.
    """
    if type(value) is int:
        return value if abs(value).bit_length() <= 1024 else None
    if isinstance(value, float):
        return number_of(repr(value)) if isfinite(value) else None
    if not isinstance(value, str) or len(value) > _MAX_TEXT:
        return None
    text = value.strip()
    if not _WRITTEN.fullmatch(text) or not isfinite(float(text)):
        return None
    return whole(Fraction(text))


def whole(number: Number) -> Number:
    """An int where the number has no fraction."""
    return int(number) if number.denominator == 1 else number


def plain(number: Number) -> int | float:
    """The number as JSON can hold it: exact where it is whole, else the nearest float."""
    return int(number) if number.denominator == 1 else float(number)
