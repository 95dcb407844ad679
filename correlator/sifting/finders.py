"""All texts that are looked for in a field's values, as the tables that `correlator.loops.texts` goes through."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from typing import Any

import numpy as np

from correlator.loops import texts
from correlator.loops.tokens import BASIS, LOW32, PRIME, SPREAD, mixed, summed
from correlator.sifting.names import array, octets_of, placed, room

#: Bits for each gram in the first look at a place: with 16, one place in 16 of a text passes by chance.
_SPARSE = 16


class Finders:
    """What is looked for in texts: each finder's texts by kind."""

    def __init__(self) -> None:
        self._made = 0
        self._used: set[int] = set()
        #: finder, kind, octets, claim, whether finding it decides
        self._texts: list[tuple[int, int, bytes, int, bool]] = []

    def new(self) -> int:
        self._made += 1
        return self._made - 1

    def add(self, finder: int, kind: int, text: str, claim: int, *, sure: bool) -> None:
        """Such a text claims this; one that no event can hold claims nothing."""
        try:
            self._texts.append((finder, kind, text.encode(), claim, sure))
        except UnicodeEncodeError:  # half of a surrogate pair, as is only in an event that has no JSON text
            return
        self._used.add(finder)

    def number(self, finder: int) -> int:
        """-1 where nothing is looked for."""
        return finder if finder in self._used else -1

    def arrays(self) -> dict[str, Any]:
        columns = np.zeros((max(1, self._made), 6), np.int64)
        octets = bytearray()
        rows: list[tuple[int, int, int, int, int, int]] = []
        hashes: list[tuple[int, int]] = []
        for number, (finder, kind, text, claim, sure) in enumerate(self._texts):
            rows.append((finder, kind, len(octets), len(text), claim, int(sure)))
            octets += text
            if kind == texts.WHOLE:
                columns[finder, texts.FINDER_WHOLE] = 1
                found = summed(octets_of(text), 0, len(text))
                hashes.append((number, mixed(found, finder * 4 + kind)))
            elif kind != texts.ANYWHERE:
                column = texts.FINDER_BEGINS if kind == texts.BEGINS else texts.FINDER_ENDS
                columns[finder, column] |= 1 << min(len(text), texts.LONGEST) - 1
                part = text[: texts.LONGEST] if kind == texts.BEGINS else text[: -texts.LONGEST - 1 : -1]
                hashes.append((number, mixed(_hash(part), finder * 4 + kind)))
        ends = np.zeros((room(len(hashes)), 2), np.int32)
        for at, slot in placed([found for _, found in hashes], len(ends)):
            ends[slot] = hashes[at][1], hashes[at][0] + 1
        return {
            "ends": ends,
            "texts": array(rows, 6),
            "text_octets": octets_of(octets),
            **self._grams(columns),
        }

    def _grams(self, columns: Any) -> dict[str, Any]:
        """The table of grams. Each text is found by the four octets of it that fewest texts of its finder hold."""
        by_finder: dict[int, list[int]] = {}
        for number, (finder, kind, *_) in enumerate(self._texts):
            if kind == texts.ANYWHERE:
                by_finder.setdefault(finder, []).append(number)
        places: list[tuple[int, int]] = []
        entries: list[tuple[int, int, int]] = []
        seen: list[Any] = [np.zeros(1, np.int64)]
        size = 32
        for finder, numbers in by_finder.items():
            by_gram = self._by_gram(numbers)
            bits = max(6, (_SPARSE * len(by_gram)).bit_length())
            shift = 32 - bits
            columns[finder, texts.FINDER_SEEN], columns[finder, texts.FINDER_SHIFT] = size, shift
            table = np.zeros((1 << bits) // 32, np.int64)
            for gram, found in by_gram.items():
                window = int.from_bytes(gram, "little")
                columns[finder, texts.FINDER_GRAMS] |= 1 << len(gram) - 1
                spot = ((window + len(gram)) * SPREAD & LOW32) >> shift
                table[spot >> 5] |= 1 << (spot & 31)
                entries.append((mixed(window, finder * 8 + len(gram)), len(places), len(places) + len(found)))
                places += found
            seen.append(table)
            size += 1 << bits
        slots = np.zeros(room(len(entries)), np.int32)
        for at, slot in placed([key for key, _, _ in entries], len(slots)):
            slots[slot] = at + 1
        return {
            "finders": columns,
            "gram_slots": slots,
            "grams": array(entries, 3),
            "places": array(places, 2),
            "seen": np.concatenate(seen),
        }

    def _by_gram(self, numbers: Sequence[int]) -> dict[bytes, list[tuple[int, int]]]:
        """Gram -> the texts that are found by it, each with where in the text it stands."""
        cut = {number: _cut(self._texts[number][2]) for number in numbers}
        spread = Counter(gram for grams in cut.values() for gram in set(grams))
        found: dict[bytes, list[tuple[int, int]]] = {}
        for number, grams in cut.items():
            at = min(range(len(grams)), key=lambda at: spread[grams[at]])
            found.setdefault(grams[at], []).append((number, at))
        return found


def _cut(text: bytes) -> list[bytes]:
    size = min(len(text), texts.GRAM)
    return [text[at : at + size] for at in range(len(text) - size + 1)]


def _hash(text: bytes) -> int:
    found = BASIS
    for octet in text:
        found = (found ^ octet) * PRIME & LOW32
    return found
