"""The documents' JSON, by the number of the document: many to a block, one a line, compressed together.

A row for each costs five times as much to write, and ten times the room.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import orjson
import zstandard

from vonggac.domain.event import Document
from vonggac.errors import StoreUnavailable
from vonggac.stores.sqlite.connection import Connection

#: Documents of a block: it is decompressed for one of them.
BLOCK = 64
_LEVEL = 1


def write(connection: Connection, first: int, bodies: Sequence[bytes]) -> None:
    """The documents from number `first` on have these bodies."""
    compress = zstandard.ZstdCompressor(level=_LEVEL).compress
    blocks = (
        (first + min(at + BLOCK, len(bodies)) - 1, compress(b"\n".join(bodies[at : at + BLOCK])))
        for at in range(0, len(bodies), BLOCK)
    )
    connection.executemany("INSERT INTO block (last, bodies) VALUES (?, ?)", blocks)


class Bodies:
    """Reads the documents of one file; such as stand in one block cost little after the first."""

    def __init__(self, connection: Connection, path: Path) -> None:
        self._connection = connection
        self._path = path
        self._first = 0
        self._block: list[bytes] = []

    def __getitem__(self, number: int) -> Document:
        """The document of that number, which is there."""
        if not self._first <= number < self._first + len(self._block):
            statement = "SELECT last, bodies FROM block WHERE last >= ? ORDER BY last LIMIT 1"
            self._take(*self._connection.execute(statement, (number,)).fetchone())
        document: Document = orjson.loads(self._block[number - self._first])
        return document

    def _take(self, last: int, bodies: bytes) -> None:
        try:
            self._block = zstandard.ZstdDecompressor().decompress(bodies).split(b"\n")
        except zstandard.ZstdError as error:
            raise StoreUnavailable("store_corrupt", where=self._path, detail=str(error)) from error
        self._first = last - len(self._block) + 1
