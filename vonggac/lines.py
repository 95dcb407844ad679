"""Events that are JSON text already, as the sensors' loops write them and rules can be matched to them."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import overload

import orjson

from vonggac.domain.event import Document


class Lines(Sequence[Document]):
    """Events that are JSON text already; each is read anew when it is asked for."""

    __slots__ = ("_count", "_pieces")

    def __init__(self, pieces: Sequence[bytes], count: int) -> None:
        """`pieces` are some lines each, with line ends between; `count` is how many lines there are."""
        self._pieces = pieces
        self._count = count

    @property
    def text(self) -> bytes:
        """All lines, with their ends."""
        return b"\n".join((*self._pieces, b""))

    def __len__(self) -> int:
        return self._count

    def __iter__(self) -> Iterator[Document]:
        for piece in self._pieces:
            yield from map(orjson.loads, piece.split(b"\n"))

    @overload
    def __getitem__(self, at: int) -> Document: ...

    @overload
    def __getitem__(self, at: slice) -> Lines: ...

    def __getitem__(self, at: int | slice) -> Document | Lines:
        lines = self.text.splitlines()
        if isinstance(at, slice):
            return Lines(lines[at], len(lines[at]))
        document: Document = orjson.loads(lines[at])
        return document
