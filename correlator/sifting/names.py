"""Names of a document as the loops look them up, and the tables of hashes that they look things up in."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import orjson

from correlator.loops.tokens import Bytes, Names, mixed, summed


class NameTree:
    """Names of a document, each under its parent; a path stands under its whole name and, as some records write it,
    each rest of it under a name with dots."""

    def __init__(self) -> None:
        self._children: dict[tuple[int, bytes], int] = {}
        self._nodes: list[list[int]] = [[-1, 0]]

    def ask_everywhere(self, number: int) -> None:
        """What is asked of every value."""
        self._nodes[0][0] = number

    def plant(self, path: str, number: int, *, added: bool = False, parent: int = 0) -> None:
        """The path leads to what has this number, -1 for nothing; `added`: a sensor adds the value."""
        node = self._nodes[self._below(parent, path)]
        node[0], node[1] = max(node[0], number), node[1] | added
        name, dot, rest = path.partition(".")
        if dot:
            self.plant(rest, number, added=added, parent=self._below(parent, name))

    def _below(self, parent: int, name: str) -> int:
        key = parent, orjson.dumps(name)[1:-1]
        if key not in self._children:
            self._children[key] = len(self._nodes)
            self._nodes.append([-1, 0])
        return self._children[key]

    def arrays(self) -> Names:
        octets = bytearray()
        rows: list[tuple[int, int, int, int]] = []
        hashes: list[int] = []
        for (parent, name), node in self._children.items():
            rows.append((parent, node, len(octets), len(name)))
            hashes.append(mixed(summed(octets_of(name), 0, len(name)), parent))
            octets += name
        slots = np.zeros(room(len(rows)), np.int32)
        for number, slot in placed(hashes, len(slots)):
            slots[slot] = number + 1
        return Names(slots, array(rows, 4), octets_of(octets), array(self._nodes, 2))


def room(count: int) -> int:
    """The size of a table with so many entries: a power of two, half full at most."""
    return 1 << max(3, (2 * count).bit_length())


def placed(hashes: Sequence[int], size: int) -> Iterator[tuple[int, int]]:
    """(number, slot) of each hash in an open table."""
    taken: set[int] = set()
    for number, found in enumerate(hashes):
        slot = found & size - 1
        while slot in taken:
            slot = slot + 1 & size - 1
        taken.add(slot)
        yield number, slot


def octets_of(octets: bytes | bytearray) -> Bytes:
    return np.frombuffer(bytes(octets) or b"\0", np.int8)


def array(rows: Sequence[Sequence[float]], columns: int, kind: Any = np.int32) -> Any:
    """The rows as an array of two dimensions, also where there is none."""
    return np.array(rows, kind).reshape(-1, columns) if rows else np.zeros((1, columns), kind)
