"""What a slot's area keeps of a talk: entries, oldest first, each of some numbers and some bytes.

An entry is known by where it begins in `pool`. Adding bytes may move the area, and with it all entries.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.digest import DIGEST_WORK
from sensors.loops.octets import Bytes
from sensors.loops.slots import room
from sensors.loops.world import OUT, S_AREA, S_USED, SLOT_COLUMNS, TELLS, World

# --- numbers of an entry
E_SIZE, E_KIND, E_OWNER = 0, 1, 2  # of its bytes; what it is and whose, as the talk has it
E_POSITION, E_NS, E_ORDINAL = 3, 4, 5  # the packet that began it
E_OWN = 6  # from here on a talk's own
ENTRY_NUMBERS = 12
ENTRY_HEAD = 8 * ENTRY_NUMBERS

#: Where `work` has a slot's columns as they were, then how much was told.
_BEFORE = DIGEST_WORK
_BEFORE_TOLD = DIGEST_WORK + SLOT_COLUMNS


def entry_first(w: World, slot: int) -> int:
    return int(w.slots[slot, S_AREA])


def entry_end(w: World, slot: int) -> int:
    """Behind the last entry."""
    return int(w.slots[slot, S_AREA] + w.slots[slot, S_USED])


def entry_number(w: World, entry: int, column: int) -> int:
    return int(w.pool.view(np.int64)[(entry >> 3) + column])


def entry_set(w: World, entry: int, column: int, number: int) -> None:
    w.pool.view(np.int64)[(entry >> 3) + column] = number


def entry_room(size: int) -> int:
    """What an entry of so many bytes takes: numbers stand at multiples of 8."""
    return ENTRY_HEAD + (size + 7 & ~7)


def entry_next(w: World, entry: int) -> int:
    return entry + entry_room(entry_number(w, entry, E_SIZE))


def entry_find(w: World, slot: int, kind: int, owner: int) -> int:
    """The oldest of this kind and owner; -1 where there is none."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        if entry_number(w, entry, E_KIND) == kind and entry_number(w, entry, E_OWNER) == owner:
            return entry
        entry = entry_next(w, entry)
    return -1


def entry_add(w: World, slot: int, kind: int, owner: int, data: Bytes, at: int, size: int) -> int:
    """A new entry with these bytes, its other numbers 0; -1 where there is no room."""
    row = w.slots[slot]
    used, step = int(row[S_USED]), entry_room(size)
    if not room(w, slot, used, step):
        return -1
    row[S_USED] = used + step
    entry = int(row[S_AREA]) + used
    for column in range(ENTRY_NUMBERS):
        entry_set(w, entry, column, 0)
    entry_set(w, entry, E_SIZE, size)
    entry_set(w, entry, E_KIND, kind)
    entry_set(w, entry, E_OWNER, owner)
    to, source = w.pool[entry + ENTRY_HEAD : entry + ENTRY_HEAD + size], data[at : at + size]
    for n in range(size):
        to[n] = source[n]
    return entry


def entry_more(w: World, slot: int, entry: int, data: Bytes, at: int, size: int) -> int:
    """Bytes behind those of an entry, which may be another place afterwards; -1 where there is no room."""
    row = w.slots[slot]
    used, had = int(row[S_USED]), entry_number(w, entry, E_SIZE)
    step = entry_room(had + size) - entry_room(had)
    place = entry - int(row[S_AREA])
    if not room(w, slot, used, step):
        return -1
    row[S_USED] = used + step
    entry = int(row[S_AREA]) + place
    behind = entry_next(w, entry)
    pool = w.pool
    for n in range(entry_end(w, slot) - step - behind):
        last = entry_end(w, slot) - 1 - n
        pool[last] = pool[last - step]
    to, source = pool[entry + ENTRY_HEAD + had : entry + ENTRY_HEAD + had + size], data[at : at + size]
    for n in range(size):
        to[n] = source[n]
    entry_set(w, entry, E_SIZE, had + size)
    return entry


def entry_drop(w: World, slot: int, entry: int) -> None:
    """Forget an entry; those behind it move to where it was."""
    behind, end = entry_next(w, entry), entry_end(w, slot)
    pool = w.pool
    for n in range(end - behind):
        pool[entry + n] = pool[behind + n]
    w.slots[slot, S_USED] -= behind - entry


def remember(w: World, slot: int) -> None:
    """What the slot holds, and how much was told, before a payload is read."""
    row, used = w.slots[slot], int(w.slots[slot, S_USED])
    for n in range(S_USED, SLOT_COLUMNS):
        w.work[_BEFORE + n] = row[n]
    told = int(w.numbers[TELLS])
    w.work[_BEFORE_TOLD], w.work[_BEFORE_TOLD + 1] = told, w.numbers[OUT]
    if told:
        last = w.tells[told - 1]  # lines behind those that a row tells of join it
        w.work[_BEFORE_TOLD + 2], w.work[_BEFORE_TOLD + 3] = last[3], last[4]
    to, source = w.past[:used], w.pool[row[S_AREA] : row[S_AREA] + used]
    for n in range(used):
        to[n] = source[n]


def recall(w: World, slot: int) -> None:
    """All is as it was when it was remembered; an area that was given meanwhile stays."""
    row = w.slots[slot]
    for n in range(S_USED, SLOT_COLUMNS):
        row[n] = w.work[_BEFORE + n]
    told = int(w.work[_BEFORE_TOLD])
    w.numbers[TELLS], w.numbers[OUT] = told, w.work[_BEFORE_TOLD + 1]
    if told:
        last = w.tells[told - 1]
        last[3], last[4] = w.work[_BEFORE_TOLD + 2], w.work[_BEFORE_TOLD + 3]
    used = int(row[S_USED])
    to, source = w.pool[row[S_AREA] : row[S_AREA] + used], w.past[:used]
    for n in range(used):
        to[n] = source[n]


LOOPS = (
    entry_first, entry_end, entry_number, entry_set, entry_room, entry_next, entry_find, entry_add, entry_more,
    entry_drop, remember, recall,
)  # fmt: skip
