"""Where keys stand: pairs of key and document number, in sorted runs that are written once.

Each batch is a run; the newest FAN of one level become one of the next, as long as that is of no more than LARGEST
documents. So a pair is written a few times in all, always beside its neighbours, and a large file takes documents as
fast as a small one. What is looked up is looked up in each run, of which ten million documents make some fifty.

The keys of identities have a filter beside each run, kept in memory: it tells of nearly every new document that the run
does not hold it.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from vonggac.stores.sqlite.connection import Connection
from vonggac.stores.sqlite.keys import IDENTITY_BITS

FAN = 8
LARGEST = 1 << 19
#: Pairs that are read at once.
PAGE = 1_024

Keys = NDArray[np.int64]
Numbers = NDArray[np.uint32]
_Words = NDArray[np.uint64]
_KEY, _NUMBER, _WORD = np.dtype("<i8"), np.dtype("<u4"), np.dtype("<u8")


class Postings:
    """Of one file. Any thread may use it, each within a transaction of its own."""

    def __init__(self) -> None:
        self._filters: dict[int, _Words] = {}

    def append(self, connection: Connection, keys: Keys, numbers: Numbers, identities: Keys, first: int) -> None:
        """The keys stand in these documents, and the identities are those of the documents from `first` on."""
        if not len(identities):
            return
        own = np.arange(first, first + len(identities), dtype=_NUMBER)
        _write_run(connection, 0, np.concatenate([keys, identities]), np.concatenate([numbers, own]), identities)
        while _merged(connection):
            pass

    def find(self, connection: Connection, ranges: Sequence[tuple[int, int]]) -> Iterator[tuple[int, Numbers]]:
        """For ranges of keys (first and last): the place of the range, and documents in which one of its keys stands.
        Runs are gone through in turn and ranges in the order of keys, so that pages are read in their order."""
        order = sorted(range(len(ranges)), key=ranges.__getitem__)
        for run in _runs(connection):
            reader = _Reader(connection, run)
            for place in order:
                yield from ((place, numbers) for numbers in reader.between(*ranges[place]))

    def identified(self, connection: Connection, identities: Keys) -> Iterator[tuple[int, int]]:
        """For each identity that documents have: its place, and the number of the document."""
        upper, bits = _halves(identities)
        for run, words in self._known(connection).items():
            places = np.flatnonzero((words[_positions(upper, words)] & bits) == bits)
            if len(places):
                reader = _Reader(connection, run)
                for place in places[np.argsort(identities[places])].tolist():
                    key = int(identities[place])
                    for numbers in reader.between(key, key):
                        yield from ((place, number) for number in numbers.tolist())

    def _known(self, connection: Connection) -> dict[int, _Words]:
        """Run -> its filter. What was committed never changes: the ids of runs are not used again."""
        filters = self._filters
        known = {run: filters[run] if run in filters else _filter_of(connection, run) for run in _runs(connection)}
        if known.keys() != filters.keys():
            self._filters = known
        return known


class _Run(NamedTuple):
    id: int
    level: int
    documents: int


class _Reader:
    """Reads a run; keys asked in their order find the page at hand that they share."""

    def __init__(self, connection: Connection, run: int) -> None:
        self._connection = connection
        self._run = run
        self._keys: Keys = np.empty(0, _KEY)
        self._numbers: Numbers = np.empty(0, _NUMBER)

    def between(self, first: int, last: int) -> Iterator[Numbers]:
        """The documents of the keys from the first to the last, page by page."""
        if len(self._keys) and self._keys[0] < first and last < self._keys[-1]:
            yield from self._here(first, last)
            return
        statement = "SELECT first, keys, numbers FROM page WHERE run = ? AND last >= ? ORDER BY last, id"
        for begin, keys, numbers in self._connection.execute(statement, (self._run, first)):
            if begin > last:
                return
            self._keys, self._numbers = np.frombuffer(keys, _KEY), np.frombuffer(numbers, _NUMBER)
            yield from self._here(first, last)

    def _here(self, first: int, last: int) -> Iterator[Numbers]:
        start, end = self._keys.searchsorted(first), self._keys.searchsorted(last, "right")
        if start < end:
            yield self._numbers[start:end]


def _runs(connection: Connection) -> list[int]:
    return [run for (run,) in connection.execute("SELECT id FROM run ORDER BY id")]


def _filter_of(connection: Connection, run: int) -> _Words:
    return np.frombuffer(connection.execute("SELECT filter FROM run WHERE id = ?", (run,)).fetchone()[0], _WORD)


def _merged(connection: Connection) -> bool:
    """Whether the newest runs were to become one, and did."""
    rows = connection.execute("SELECT id, level, documents FROM run ORDER BY id DESC LIMIT ?", (FAN,))
    newest = [_Run(*row) for row in rows][::-1]
    if len(newest) < FAN or any(run.level != newest[0].level for run in newest):
        return False
    if sum(run.documents for run in newest) > LARGEST:
        return False
    statement = "SELECT keys, numbers FROM page WHERE run = ? ORDER BY last, id"
    pages = [page for run in newest for page in connection.execute(statement, (run.id,))]
    keys = np.concatenate([np.frombuffer(page[0], _KEY) for page in pages])
    numbers = np.concatenate([np.frombuffer(page[1], _NUMBER) for page in pages])
    identities = keys[(keys >> IDENTITY_BITS) == 1]
    _write_run(connection, newest[0].level + 1, keys, numbers, identities)
    bounds = newest[0].id, newest[-1].id
    connection.execute("DELETE FROM page WHERE run BETWEEN ? AND ?", bounds)
    connection.execute("DELETE FROM run WHERE id BETWEEN ? AND ?", bounds)
    return True


def _write_run(connection: Connection, level: int, keys: Keys, numbers: Numbers, identities: Keys) -> None:
    """Pairs of the same key stay in the order in which they are given."""
    words = np.zeros(len(identities) // 2 + 1, _WORD)  # 32 bits for each
    upper, bits = _halves(identities)
    np.bitwise_or.at(words, _positions(upper, words), bits)
    run = connection.execute(
        "INSERT INTO run (level, documents, filter) VALUES (?, ?, ?)", (level, len(identities), words.tobytes())
    ).lastrowid
    order = np.argsort(keys, kind="stable")
    keys, numbers = keys[order], numbers[order]
    connection.executemany(
        "INSERT INTO page (run, first, last, keys, numbers) VALUES (?, ?, ?, ?, ?)",
        (
            (run, int(keys[at]), int(keys[min(at + PAGE, len(keys)) - 1]), *_bytes(keys, numbers, at))
            for at in range(0, len(keys), PAGE)
        ),
    )


def _bytes(keys: Keys, numbers: Numbers, at: int) -> tuple[bytes, bytes]:
    return keys[at : at + PAGE].astype(_KEY).tobytes(), numbers[at : at + PAGE].astype(_NUMBER).tobytes()


def _halves(identities: Keys) -> tuple[_Words, _Words]:
    """For each identity 32 bits that choose its word in a filter, and the four bits that it sets there."""
    digests = identities.astype(np.uint64)
    bits = np.zeros(len(digests), np.uint64)
    for shift in (0, 6, 12, 18):
        bits |= np.uint64(1) << ((digests >> np.uint64(shift)) & np.uint64(63))
    return (digests >> np.uint64(IDENTITY_BITS - 32)) & np.uint64(0xFFFFFFFF), bits


def _positions(upper: _Words, words: _Words) -> NDArray[np.intp]:
    return (upper * np.uint64(len(words)) >> np.uint64(32)).astype(np.intp)
