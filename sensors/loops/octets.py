"""Bytes as numbers. A NumPy byte would wrap at 256, so every read goes through `u8`."""

from __future__ import annotations

from typing import Any, TypeAlias

import numpy as np
from numpy.typing import NDArray

Ints: TypeAlias = NDArray[np.int64]
#: Bytes are seen as signed: `int()` of an unsigned one is unsigned to the compiler, and mixed sums become floats.
Bytes: TypeAlias = NDArray[np.int8]
#: Where text is written, which may be read as bytes too.
Out: TypeAlias = Any
Key: TypeAlias = NDArray[np.uint8]
Words: TypeAlias = NDArray[np.uint64]


def u8(data: Bytes, at: int) -> int:
    return int(data[at]) & 255


def u16(data: Bytes, at: int) -> int:
    return u8(data, at) << 8 | u8(data, at + 1)


def u24(data: Bytes, at: int) -> int:
    return u8(data, at) << 16 | u16(data, at + 1)


def u32(data: Bytes, at: int) -> int:
    return u16(data, at) << 16 | u16(data, at + 2)


def little16(data: Bytes, at: int) -> int:
    return u8(data, at + 1) << 8 | u8(data, at)


def little32(data: Bytes, at: int) -> int:
    return u8(data, at + 3) << 24 | u8(data, at + 2) << 16 | u8(data, at + 1) << 8 | u8(data, at)


def same_bytes(a: Bytes, at: int, b: Bytes, other: int, size: int) -> bool:
    for n in range(size):  # noqa: SIM110 a generator is not for the compiler
        if a[at + n] != b[other + n]:
            return False
    return True


LOOPS = (u8, u16, u24, u32, little16, little32, same_bytes)
