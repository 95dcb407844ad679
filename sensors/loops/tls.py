"""TLS over TCP: `sensors.talks.tls` says the same of a handshake in the same bytes, and knows all faults.

A slot's area holds the messages that the event is made of, whole and in order, and behind them one side's unfinished
one. Of encrypted records only the lengths are looked at.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.octets import Bytes, Ints, u8, u16, u24
from sensors.loops.slots import room
from sensors.loops.tls_chain import tls_chain
from sensors.loops.tls_event import tls_tells
from sensors.loops.tls_hello import is_tls_version_done, tls_facts, tls_hello
from sensors.loops.tls_names import TLS_NAMES, tls_index
from sensors.loops.tls_slot import (
    TLS_ALERT,
    TLS_APPLIED,
    TLS_BEST,
    TLS_BEST_VERSION,
    TLS_CHAIN,
    TLS_CHAINED,
    TLS_CHOSEN,
    TLS_CIPHER,
    TLS_CLIENT,
    TLS_CURVE,
    TLS_FACTS_ROOM,
    TLS_HEADED,
    TLS_HEADER,
    TLS_KEPT,
    TLS_LEFT,
    TLS_OPEN,
    TLS_SEALED,
    TLS_SERVER,
    TLS_TAIL,
    tls_copies,
)
from sensors.loops.world import DONE, S_AREA, S_OWN, S_USED, SLOT_COLUMNS, TAKEN, UNUSUAL, World

TLS_MAX_RECORD, TLS_MAX_MESSAGE = 16_384 + 2_048, 262_144
TLS_ECDH = np.array(["ECDH" in name for _, name in TLS_NAMES], np.int64)


def begins_tls(data: Bytes, at: int, end: int) -> bool:
    """Whether a side's first bytes are a record with a hello."""
    if end - at < 6 or u8(data, at) != 22 or u8(data, at + 1) != 3 or u8(data, at + 2) > 4:
        return False
    return u8(data, at + 5) == 1 or u8(data, at + 5) == 2


def tls_message(w: World, row: Ints, side: int, at: int, end: int) -> int:
    """A whole handshake message of the area; TAKEN where it is to be kept, DONE where it is not."""
    pool, area = w.pool, int(row[S_AREA])
    kind, begin, stop = u8(pool, area + at), area + at + 4, area + end
    client = kind == 1
    if (client and not row[TLS_CLIENT]) or kind == 2:
        room_at = tls_facts(kind - 1)
        facts = w.scratch.view(np.int64)[room_at : room_at + TLS_FACTS_ROOM]
        if not tls_hello(pool, begin, stop, client, facts):
            return UNUSUAL
        row[TLS_CLIENT + kind - 1] = at + 1
        if not client:
            row[TLS_BEST], row[TLS_CIPHER] = facts[TLS_BEST_VERSION], facts[TLS_CHOSEN]
        return TAKEN
    if kind == 12 and row[TLS_SERVER]:
        index = tls_index(int(row[TLS_CIPHER]))
        if index >= 0 and TLS_ECDH[index]:
            row[TLS_CURVE] = u16(pool, begin + 1) if stop - begin > 3 and u8(pool, begin) == 3 else 0
    elif kind == 11 and is_tls_version_done(row) and not row[TLS_CHAIN + side]:
        count = tls_chain(pool, begin, stop)
        if count < 0:
            return UNUSUAL
        if count:
            row[TLS_CHAIN + side] = at + 1
            row[TLS_CHAINED + side] = count
            return TAKEN
    return DONE


def tls_messages(w: World, row: Ints, side: int) -> int:
    """The messages that are whole now, in the area from TLS_TAIL on."""
    at, used = int(row[TLS_TAIL]), int(row[S_USED])
    while used - at >= 4:
        size = u24(w.pool, int(row[S_AREA]) + at + 1)
        if size > TLS_MAX_MESSAGE:
            return UNUSUAL
        if used - at < size + 4:
            break
        verdict = tls_message(w, row, side, at, at + size + 4)
        if verdict == UNUSUAL:
            return UNUSUAL
        at += size + 4
        if verdict == TAKEN:
            row[TLS_KEPT] = at
    row[TLS_TAIL] = at
    if at == used:
        row[TLS_OPEN] = 0
    return TAKEN


def tls_collects(w: World, slot: int, side: int, data: Bytes, at: int, size: int) -> bool:
    """More of a side's handshake behind what the area has of it. Of both sides' at once it has no room."""
    row = w.slots[slot]
    used = int(row[S_USED])
    if not size:
        return True
    if not row[TLS_OPEN]:
        row[TLS_OPEN], row[TLS_TAIL] = side + 1, used
    if row[TLS_OPEN] != side + 1 or not room(w, slot, used, size):
        return False
    tls_copies(w.pool, int(row[S_AREA]) + used, data, at, size)
    row[S_USED] = used + size
    return True


def tls_header(row: Ints, side: int, data: Bytes, at: int, end: int) -> int:
    """More of a record's header; where it ends in the data, -1 where it is none."""
    header, headed = int(row[TLS_HEADER + side]), int(row[TLS_HEADED + side])
    if not headed:
        header = 0
    while headed < 5 and at < end:
        header = header << 8 | u8(data, at)
        headed += 1
        at += 1
    row[TLS_HEADER + side], row[TLS_HEADED + side] = header, headed
    if headed == 5:
        kind, size = header >> 32, header & 0xFFFF
        if kind < 20 or kind > 24 or header >> 24 & 255 != 3 or size > TLS_MAX_RECORD:
            return -1
        row[TLS_LEFT + side] = size
    return at


def tls_reads(w: World, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    """A piece's records; DONE when nothing that comes behind them can tell more."""
    row = w.slots[slot]
    while at < end:
        if row[TLS_HEADED + side] < 5:
            at = tls_header(row, side, data, at, end)
            if at < 0:
                return UNUSUAL
            if row[TLS_HEADED + side] < 5:
                return TAKEN
        header, left = int(row[TLS_HEADER + side]), int(row[TLS_LEFT + side])
        kind, sealed = header >> 32, row[TLS_SEALED + side]
        size = min(left, end - at)
        if kind == 22 and not sealed and not tls_collects(w, slot, side, data, at, size):
            return UNUSUAL
        alert = kind == 21 and not sealed and header & 0xFFFF == 2
        if alert and size < 2:
            return UNUSUAL
        if size < left:
            row[TLS_LEFT + side] = left - size
            return TAKEN
        row[TLS_HEADED + side] = row[TLS_LEFT + side] = 0
        if kind == 20 or kind == 23:
            row[TLS_SEALED + side] = 1
            if kind == 23:
                row[TLS_APPLIED + side] = 1
        elif alert and u8(data, at) == 2:
            row[TLS_ALERT] = u8(data, at + 1)
        elif kind == 22 and not sealed and row[TLS_OPEN] == side + 1 and tls_messages(w, row, side) == UNUSUAL:
            return UNUSUAL
        at += size
        if (row[TLS_APPLIED] and row[TLS_APPLIED + 1]) or (
            row[TLS_SEALED] and row[TLS_SEALED + 1] and is_tls_version_done(row)
        ):
            return DONE
    return TAKEN


def tls_packs(w: World, row: Ints) -> None:
    """The unfinished message goes behind those that are kept."""
    area, kept, tail = int(row[S_AREA]), int(row[TLS_KEPT]), int(row[TLS_TAIL])
    size = int(row[S_USED]) - tail if row[TLS_OPEN] else 0
    if tail > kept:
        for n in range(size):
            w.pool[area + kept + n] = w.pool[area + tail + n]
    row[TLS_TAIL] = kept
    row[S_USED] = kept + size


def tls_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    """The next bytes of one side."""
    row = w.slots[slot]
    for n in range(SLOT_COLUMNS):
        w.work[n] = row[n]
    verdict = tls_reads(w, slot, side, data, at, end)
    if verdict == UNUSUAL:
        row[S_USED] = w.work[S_USED]
        for n in range(S_OWN, SLOT_COLUMNS):
            row[n] = w.work[n]
    elif verdict == DONE:
        tls_tells(w, flow, row)
    else:
        tls_packs(w, row)
    return verdict


def tls_ends(w: World, flow: int, slot: int) -> int:
    """The flow ended in its handshake: the event from what was seen."""
    tls_tells(w, flow, w.slots[slot])
    return TAKEN


LOOPS = (
    begins_tls, tls_message, tls_messages, tls_collects, tls_header, tls_reads, tls_packs, tls_hears, tls_ends,
)  # fmt: skip
