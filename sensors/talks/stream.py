"""A TCP connection's bytes: put in order, recognised by content, and handed to the talk that understands them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from sensors.streams import Budget, Half, Moment, Piece
from sensors.talks.known import Verdict
from sensors.talks.recognise import recognise_stream
from sensors.talks.talk import Become, Expect, Found, Left, Talk

#: Bytes per side looked at before a stream is left as unknown.
MAX_EARLY = 8_192
#: Pieces per side looked at before a stream is left as unknown.
MAX_EARLY_PIECES = 8


class Stream:
    """`application` is the protocol's name once recognised; `done` says that no more bytes are wanted."""

    __slots__ = ("_early", "_halves", "application", "done", "talk")

    def __init__(self, budget: Budget, talk: Talk | None = None) -> None:
        """`talk` is given where another flow told what this one will speak."""
        self._halves = (Half(budget), Half(budget))
        self._early: list[tuple[int, Piece]] = []
        self.talk = talk
        self.application = talk.name if talk else ""
        self.done = False

    def begin(self, side: int, seq: int) -> None:
        self._halves[side].begin(seq)

    def push(self, side: int, payload: bytes, missing: int, seq: int, at: Moment) -> Iterator[Found | Expect]:
        """What a segment's payload adds (`missing` bytes behind it were not captured). Raises Undecodable where the bytes break the recognised protocol."""
        for piece in self._halves[side].push(seq, payload, missing, at):
            yield from self._piece(side, piece)
            if self.done:
                return

    def finish(self, clean: bool) -> Iterator[Found | Expect]:
        """The bytes still waiting behind gaps; then the talk is told that the flow ended."""
        for side in (0, 1):
            for piece in self._halves[side].finish():
                if not self.done:
                    yield from self._piece(side, piece)
        yield from self.close(clean)

    def close(self, clean: bool) -> Iterator[Found | Expect]:
        if self.talk is not None:
            yield from self._kept(self.talk.close(clean))
        self.stop()

    def stop(self) -> None:
        """Nothing more is wanted of this stream."""
        self.done = True
        self._early.clear()
        for half in self._halves:
            half.drop()

    def _piece(self, side: int, piece: Piece) -> Iterator[Found | Expect]:
        if self.talk is None:
            yield from self._recognise(side, piece)
        elif piece.gap:
            yield from self._kept(self.talk.gap(side, piece.gap, piece.at))
        else:
            yield from self._data(self.talk, side, piece)
        if self.talk is not None and self.talk.done:
            self.stop()

    def _data(self, talk: Talk, side: int, piece: Piece) -> Iterator[Found | Expect]:
        for left in talk.data(side, piece.data, piece.at):
            if isinstance(left, Become):
                self.talk = left.talk
                self.application = left.talk.name
                if left.left:
                    yield from self._data(left.talk, side, Piece(left.left, 0, piece.at))
                return
            yield left

    @staticmethod
    def _kept(lefts: Iterable[Left]) -> Iterator[Found | Expect]:
        """Without what a talk wants to become where no bytes follow."""
        for left in lefts:
            if not isinstance(left, Become):
                yield left

    def _recognise(self, side: int, piece: Piece) -> Iterator[Found | Expect]:
        self._early.append((side, piece))
        early = self._since_gap(side)
        verdict: Verdict = recognise_stream(early, side)
        if verdict.talk is not None:
            self.talk = verdict.talk()
            self.application = self.talk.name
            pieces, self._early = self._early, []
            for known_side, known in pieces:
                yield from self._piece(known_side, known)
        elif verdict.label:
            self.application = verdict.label
            self.stop()
        elif self._exhausted():
            self.stop()
        elif verdict.hopeless:
            # This side's bytes so far are nothing we know; its next piece may begin a message we do.
            self._early = [(at, early) for at, early in self._early if at != side or early.gap]

    def _since_gap(self, side: int) -> bytes:
        data = b""
        for at, piece in self._early:
            if at == side:
                data = b"" if piece.gap else data + piece.data
        return data

    def _exhausted(self) -> bool:
        return len(self._early) > 2 * MAX_EARLY_PIECES or sum(len(p.data) for _, p in self._early) > 2 * MAX_EARLY
