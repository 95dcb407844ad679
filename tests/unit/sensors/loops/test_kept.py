"""What a slot keeps of a talk, beside a list of bytes."""

from __future__ import annotations

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from sensors.document import Scribe
from sensors.flows import FlowTable
from sensors.listener import Listener
from sensors.loops import kept, slots, world
from tests.unit.sensors.wire import ORIGIN

W = Listener(FlowTable(limit=2), Scribe(ORIGIN, "f" * 16), None).world


def octets(data: bytes) -> np.ndarray:
    return np.frombuffer(data or b"\0", np.int8)


def entries(slot: int) -> list[tuple[int, int, int, bytes]]:
    """(kind, owner, a number of its own, bytes) of each."""
    found, entry = [], kept.entry_first(W, slot)
    while entry < kept.entry_end(W, slot):
        kind, owner, own = (kept.entry_number(W, entry, n) for n in (kept.E_KIND, kept.E_OWNER, kept.E_OWN))
        begin = entry + kept.ENTRY_HEAD
        found.append((kind, owner, own, W.pool[begin : begin + kept.entry_number(W, entry, kept.E_SIZE)].tobytes()))
        entry = kept.entry_next(W, entry)
    return found


def place(slot: int, number: int) -> int:
    entry = kept.entry_first(W, slot)
    for _ in range(number):
        entry = kept.entry_next(W, entry)
    return entry


VERBS = st.sampled_from(["add", "more", "drop", "set", "remember", "recall"])
STEPS = st.lists(st.tuples(VERBS, st.integers(0, 5), st.binary(max_size=900)), max_size=60)


@given(STEPS)
def test_entries_are_a_list(steps: list[tuple[str, int, bytes]]) -> None:
    slot = slots.take_slot(W, 0, 0, 0, 0)
    known: list[tuple[int, int, int, bytes]] = []
    before: list[tuple[int, int, int, bytes]] | None = None
    try:
        for what, which, data in steps:
            index = min(which, len(known) - 1)
            if what == "add":
                if kept.entry_add(W, slot, which, which + 1, octets(data), 0, len(data)) < 0:
                    assert len(known) > 16
                    continue
                known.append((which, which + 1, 0, data))
            elif what == "remember":
                kept.remember(W, slot)
                before = known[:]
            elif what == "recall" and before is not None:
                kept.recall(W, slot)
                known, before = before, None
            elif not known:
                continue
            elif what == "more":
                kind, owner, own, had = known[index]
                if kept.entry_more(W, slot, place(slot, index), octets(data), 0, len(data)) >= 0:
                    known[index] = (kind, owner, own, had + data)
            elif what == "drop":
                kept.entry_drop(W, slot, place(slot, index))
                del known[index]
            elif what == "set":
                kind, owner, _, had = known[index]
                kept.entry_set(W, place(slot, index), kept.E_OWN, -which)
                known[index] = (kind, owner, -which, had)
            assert entries(slot) == known
        for kind in range(6):
            places = [n for n, entry in enumerate(known) if entry[0] == kind]
            found = kept.entry_find(W, slot, kind, kind + 1)
            assert found == (place(slot, places[0]) if places else -1)
    finally:
        slots.drop_slot(W, slot)


def test_an_area_that_is_full_takes_no_more() -> None:
    slot = slots.take_slot(W, 0, 0, 0, 0)
    sizes = 0
    while kept.entry_add(W, slot, 1, 1, octets(bytes(1_000)), 0, 1_000) >= 0:
        sizes += kept.entry_room(1_000)
    assert world.LARGE_AREA - kept.entry_room(1_000) < sizes <= world.LARGE_AREA
    full = entries(slot)
    assert kept.entry_more(W, slot, kept.entry_first(W, slot), octets(bytes(1_000)), 0, 1_000) < 0
    assert entries(slot) == full
    slots.drop_slot(W, slot)
