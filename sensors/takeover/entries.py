"""What a slot's area keeps of a talk, read outside the loops (`sensors.loops.kept`)."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.loops.kept import ENTRY_HEAD, ENTRY_NUMBERS, entry_room
from sensors.loops.world import S_USED
from sensors.streams import Moment


class Entry(NamedTuple):
    """`own` are the numbers from `E_OWN` on."""

    kind: int
    owner: int
    begun: Moment
    ordinal: int
    own: tuple[int, ...]
    data: bytes


def entries(row: list[int], area: bytes) -> list[Entry]:
    """Of a slot's row and area, oldest first."""
    found, at = [], 0
    while at < row[S_USED]:
        size, kind, owner, position, ns, ordinal, *own = unpack_from(f"={ENTRY_NUMBERS}q", area, at)
        data = area[at + ENTRY_HEAD : at + ENTRY_HEAD + size]
        found.append(Entry(kind, owner, Moment(position, ns), ordinal, tuple(own), data))
        at += entry_room(size)
    return found
