"""Slots: what is kept of a flow whose talk is a loop, with an area of bytes that grows once."""

from __future__ import annotations

from sensors.kernel import APPLICATION, TALK
from sensors.loops.octets import Bytes
from sensors.loops.world import (
    FREE_LARGE,
    FREE_SLOTS,
    LARGE_AREA,
    LARGE_AREAS,
    S_ALLOWANCE,
    S_AREA,
    S_BEGUN,
    S_BEGUN_NS,
    S_CAPACITY,
    S_FLOW,
    S_NEXT,
    S_ORDINALS,
    SLOT_COLUMNS,
    SLOTS,
    SMALL_AREA,
    World,
)

# --- a flow's TALK: not known yet; the engine's; the engine's, with its documents; has told everything; else slot + 1
UNKNOWN, ENGINE, ENGINE_ALL, SILENT = 0, -1, -2, -3

#: What a flow may tell at first and for each packet, see `sensors.engine`.
FREE_TELLINGS = 64
BYTES_PER_TELLING = 96


def take_slot(w: World, flow: int, application: int, position: int, ns: int) -> int:
    """A slot for the flow, empty, with a small area; -1 when all are taken."""
    free = int(w.numbers[FREE_SLOTS])
    if not free:
        return -1
    w.numbers[FREE_SLOTS] = free - 1
    slot = int(w.free[free - 1])
    row = w.slots[slot]
    for n in range(SLOT_COLUMNS):
        row[n] = 0
    row[S_FLOW] = flow
    row[S_AREA] = slot * SMALL_AREA
    row[S_CAPACITY] = SMALL_AREA
    row[S_NEXT] = row[S_NEXT + 1] = -1
    row[S_ALLOWANCE] = FREE_TELLINGS * BYTES_PER_TELLING
    row[S_BEGUN], row[S_BEGUN_NS] = position, ns
    row[S_ORDINALS] = -1
    w.flows[flow, TALK] = slot + 1
    w.flows[flow, APPLICATION] = application
    return slot


def drop_slot(w: World, slot: int) -> None:
    """The slot may be used again; the flow's TALK is for the caller to set."""
    row = w.slots[slot]
    if row[S_CAPACITY] == LARGE_AREA:
        large = int(w.numbers[FREE_LARGE])
        w.free[SLOTS + large] = (row[S_AREA] - SLOTS * SMALL_AREA) // LARGE_AREA
        w.numbers[FREE_LARGE] = large + 1
    row[S_FLOW] = -1
    free = int(w.numbers[FREE_SLOTS])
    w.free[free] = slot
    w.numbers[FREE_SLOTS] = free + 1


def room(w: World, slot: int, used: int, more: int) -> bool:
    """Whether the slot's area, of which so much is used, has room for more bytes; it may be another one afterwards."""
    row = w.slots[slot]
    if used + more <= row[S_CAPACITY]:
        return True
    large = int(w.numbers[FREE_LARGE])
    if row[S_CAPACITY] == LARGE_AREA or used + more > LARGE_AREA or not large:
        return False
    w.numbers[FREE_LARGE] = large - 1
    begin = SLOTS * SMALL_AREA + int(w.free[SLOTS + large - 1]) * LARGE_AREA
    area = int(row[S_AREA])
    for n in range(used):
        w.pool[begin + n] = w.pool[area + n]
    row[S_AREA] = begin
    row[S_CAPACITY] = LARGE_AREA
    return True


def keep(w: World, slot: int, used: int, data: Bytes, at: int, size: int) -> None:
    """Copy bytes behind the `used` ones of the slot's area, where there is room."""
    area = int(w.slots[slot, S_AREA]) + used
    to, source = w.pool[area : area + size], data[at : at + size]
    for n in range(size):
        to[n] = source[n]


def next_ordinal(w: World, slot: int, column: int, position: int) -> int:
    """`sensors.talks.talk.Beginnings.next` of one dataset, whose two columns these are (`S_ORDINALS` of the first)."""
    row = w.slots[slot]
    row[column + 1] = row[column + 1] + 1 if row[column] == position else 0
    row[column] = position
    return int(row[column + 1])


POOL = SLOTS * SMALL_AREA + LARGE_AREAS * LARGE_AREA
LOOPS = (take_slot, drop_slot, room, keep, next_ordinal)
