"""A batch of events as JSON text, and what the loops read in it."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import orjson

from correlator.loops.tokens import DEPTH, TOKEN_COLUMNS, Bytes, Ints, Small
from correlator.sifting.names import NameTree
from correlator.sigma.taxonomy import TELLING_PATHS
from vonggac.domain.event import Document
from vonggac.lines import Lines

#: Tokens that are read at once; an event with more is left to Python.
ROOM = 1 << 16
_LINE_END = 10
#: As much as the loops may look beyond a text that is cut off.
_BEYOND = bytes(8)


class Batch:
    """Events with their text: a line each, an empty one for what has no form in JSON."""

    def __init__(self, events: Sequence[Document]) -> None:
        self._events = events
        self._text = events.text if isinstance(events, Lines) else b"\n".join([*map(_json, events), b""])
        self.blob: Bytes = np.frombuffer(self._text + _BEYOND, np.int8)
        self.ends: Ints = np.flatnonzero(self.blob == _LINE_END)
        #: The octets of the longest line, with its end.
        self.longest = int(np.diff(self.ends, prepend=-1).max(initial=0))

    def __len__(self) -> int:
        return len(self.ends)

    def document(self, at: int) -> Document:
        if not isinstance(self._events, Lines):
            return self._events[at]
        begin = int(self.ends[at - 1]) + 1 if at else 0
        document: Document = orjson.loads(self._text[begin : int(self.ends[at])])
        return document


def _json(event: Document) -> bytes:
    try:
        return orjson.dumps(event)
    except (TypeError, orjson.JSONEncodeError):  # halves of surrogate pairs, numbers of more than 64 bits
        return b""


class Stretch(NamedTuple):
    """Events of a batch, from `first` to `end`, that are read: tokens, and where those of each begin."""

    batch: Batch
    first: int
    end: int
    tokens: Small
    firsts: Small

    def is_read(self, at: int) -> bool:
        return bool(self.firsts[at] < self.firsts[at + 1])


class Reader:
    """Reads batches, stretch by stretch; what it writes on is used again."""

    def __init__(self) -> None:
        self._tokens: Small = np.zeros((ROOM, TOKEN_COLUMNS), np.int32)

    def stretches(self, loops: Any, batch: Batch) -> Iterator[Stretch]:
        """The batch in order; an event too large for the tokens' room comes alone, and is not read."""
        firsts: Small = np.zeros(len(batch) + 1, np.int32)
        at = 0
        while at < len(batch):
            end = loops.read(batch.blob, batch.ends, at, self._tokens, firsts)
            if end == at:
                end = at + 1
                firsts[end] = firsts[at]
            yield Stretch(batch, at, end, self._tokens, firsts)
            at = end


class Tracer:
    """Finds what of an event tells its log source: `correlator.sigma.taxonomy.origin` says where that stands."""

    def __init__(self) -> None:
        names = NameTree()
        for path in TELLING_PATHS:
            names.plant(path, 0)
        self._names = names.arrays()
        self._stack: Small = np.zeros(DEPTH + 2, np.int32)

    def keys(self, loops: Any, stretch: Stretch) -> list[bytes]:
        """A key for each event of the stretch: the same key, the same source. An empty one says nothing."""
        batch, first, end = stretch.batch, stretch.first, stretch.end
        begin = int(batch.ends[first - 1]) + 1 if first else 0
        keys: Bytes = np.empty(int(batch.ends[end - 1]) - begin + 1, np.int8)
        ends: Small = np.empty(end - first, np.int32)
        loops.trace(self._names, batch.blob, stretch.tokens, stretch.firsts, first, end, self._stack, keys, ends)
        text, cuts = keys[: int(ends[-1])].tobytes(), ends.tolist()
        return [text[at:to] for at, to in zip([0, *cuts], cuts, strict=False)]
