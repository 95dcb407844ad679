"""What a slot's area keeps of a talk (`sensors.loops.kept`), for who takes that over."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from
from typing import NamedTuple

from sensors.loops.kept import E_KIND, E_NS, E_ORDINAL, E_OWN, E_OWNER, E_POSITION, E_SIZE, ENTRY_HEAD, ENTRY_NUMBERS
from sensors.loops.world import S_USED
from sensors.streams import Moment


class Entry(NamedTuple):
    kind: int
    owner: int
    at: Moment
    ordinal: int
    own: tuple[int, ...]
    data: bytes


def entries(row: list[int], area: bytes) -> Iterator[Entry]:
    """Oldest first."""
    at = 0
    while at < row[S_USED]:
        numbers = unpack_from(f"={ENTRY_NUMBERS}q", area, at)
        begin = at + ENTRY_HEAD
        end = begin + numbers[E_SIZE]
        moment = Moment(numbers[E_POSITION], numbers[E_NS])
        yield Entry(
            numbers[E_KIND], numbers[E_OWNER], moment, numbers[E_ORDINAL], numbers[E_OWN:], area[begin:end]
        )  # fmt: skip
        at = end + -end % 8
