"""A TCP connection's bytes: put in order, recognised by content, and handed to the talk that understands them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator

from sensors.streams import MAX_WAITING_TOTAL, Budget, Half, Moment, Piece
from sensors.talks.known import Verdict
from sensors.talks.recognise import recognise_stream
from sensors.talks.talk import Become, Expect, Found, Left, Talk

#: Bytes per side looked at before a stream is left as unknown.
MAX_EARLY = 8_192
#: Pieces per side looked at before a stream is left as unknown.
MAX_EARLY_PIECES = 8
#: Bytes of a quiet stretch that are handed on together.
MAX_QUIET = 32_768


class Quiet:
    """Bytes of one side that were put by, because the talk said that they tell nothing by themselves."""

    __slots__ = ("_budget", "_left", "_next", "at", "first", "parts", "side", "size")

    def __init__(self, budget: Budget, side: int, seq: int, left: int) -> None:
        self._budget = budget
        self._left = min(left, MAX_QUIET)
        self._next = self.first = seq
        self.side = side
        self.size = 0
        self.at = Moment(0, 0)
        self.parts: list[bytes] = []

    def take(self, seq: int, payload: bytes, at: Moment) -> bool:
        """Whether these bytes come next and still tell nothing."""
        if seq != self._next or len(payload) > self._left - self.size:
            return False
        self.parts.append(payload)
        self.size += len(payload)
        self._budget.used += len(payload)
        self._next = (seq + len(payload)) & 0xFFFFFFFF
        self.at = at
        return True


class Stream:
    """`application` is the protocol's name once recognised; `done` says that no more bytes are wanted."""

    __slots__ = ("_budget", "_early", "_halves", "_quiet", "_silence", "application", "done", "talk")

    def __init__(self, budget: Budget, talk: Talk | None = None) -> None:
        """`talk` is given where another flow told what this one will speak."""
        self._budget = budget
        self._halves = (Half(budget), Half(budget))
        self._quiet: Quiet | None = None
        self._early: list[tuple[int, Piece]] = []
        self._silence: Callable[[int], int] | None = None  # the talk's `quiet`, where it has one
        self.talk: Talk | None = None
        self.application = ""
        self.done = False
        if talk is not None:
            self._turn_to(talk)

    def begin(self, side: int, seq: int) -> None:
        self._halves[side].begin(seq)

    def push(
        self, side: int, payload: bytes, missing: int, seq: int, first_byte: int, ack: int, at: Moment
    ) -> Iterable[Found | Expect]:
        """What a segment's payload adds (`missing` bytes behind it were not captured; `first_byte` is the number of the
        side's first byte, `ack` that of the other side's byte that it waits for, -1 where that is not known). Raises
        Undecodable where the bytes break the recognised protocol."""
        if self._halves[1 - side].waits and ack >= 0:
            return self._push_behind(side, payload, missing, seq, first_byte, ack, at)
        if (quiet := self._quiet) is not None:
            if side == quiet.side and not missing and quiet.take(seq, payload, at):
                return ()
        elif self.talk is not None and not missing and self._halves[side].straight(seq, len(payload)):
            return self._straight(self.talk, side, payload, seq, at)  # nearly all segments
        self._halves[side].begin(first_byte if first_byte >= 0 else seq)
        return self._push(side, payload, missing, seq, at)

    def _push_behind(
        self, side: int, payload: bytes, missing: int, seq: int, first_byte: int, ack: int, at: Moment
    ) -> Iterator[Found | Expect]:
        """Bytes of one side that are said behind some of the other's, which waited."""
        yield from self._speak()
        for piece in self._halves[1 - side].acknowledge(ack, at.ns):
            yield from self._piece(1 - side, piece)
            if self.done:
                return
        yield from self.push(side, payload, missing, seq, first_byte, -1, at)

    def _push(self, side: int, payload: bytes, missing: int, seq: int, at: Moment) -> Iterator[Found | Expect]:
        yield from self._speak()
        half = self._halves[side]
        if not missing and half.straight(seq, len(payload)):
            yield from self._piece(side, Piece(payload, 0, at))
            if not self.done:
                self._hush(side, (seq + len(payload)) & 0xFFFFFFFF)
            return
        for piece in half.push(seq, payload, missing, at):
            yield from self._piece(side, piece)
            if self.done:
                return

    def _straight(self, talk: Talk, side: int, payload: bytes, seq: int, at: Moment) -> Iterator[Found | Expect]:
        """The wanted bytes for a talk that is known, as `_push` has them by the way of a piece."""
        for left in talk.data(side, payload, at):
            if isinstance(left, Become):
                yield from self._become(left, side, at)
                break
            yield left
        if self.talk is not None and self.talk.done:
            self.stop()
        elif self._silence is not None:
            self._hush(side, (seq + len(payload)) & 0xFFFFFFFF)

    def finish(self, clean: bool) -> Iterator[Found | Expect]:
        """The bytes still waiting behind gaps; then the talk is told that the flow ended."""
        if self._quiet is not None or self._halves[0].waits or self._halves[1].waits:
            return self._finish(clean)
        return self.close(clean)

    def _finish(self, clean: bool) -> Iterator[Found | Expect]:
        yield from self._speak()
        for side in (0, 1):
            for piece in self._halves[side].finish():
                if not self.done:
                    yield from self._piece(side, piece)
        yield from self.close(clean)

    def close(self, clean: bool) -> Iterator[Found | Expect]:
        """The talk is told that the flow ended. Nothing more is wanted afterwards."""
        if self.talk is not None:
            yield from self._kept(self.talk.close(clean))
        self.stop()

    def stop(self) -> None:
        """Nothing more is wanted of this stream."""
        self.done = True
        self._early.clear()
        if self._quiet is not None:
            self._budget.used -= self._quiet.size
            self._quiet = None
        for half in self._halves:
            half.drop()

    def _hush(self, side: int, seq: int) -> None:
        """Where the talk says that the next bytes tell nothing by themselves, they are gathered."""
        left = self._silence(side) if self._silence is not None else 0
        if left > 0 and self._budget.used < MAX_WAITING_TOTAL // 2:
            self._quiet = Quiet(self._budget, side, seq, left)

    def _speak(self) -> Iterator[Found | Expect]:
        """What was gathered goes on."""
        quiet, self._quiet = self._quiet, None
        if quiet is not None and quiet.parts:
            self._budget.used -= quiet.size
            half = self._halves[quiet.side]
            half.straight(quiet.first, quiet.size)
            yield from self._piece(quiet.side, Piece(b"".join(quiet.parts), 0, quiet.at))

    def _piece(self, side: int, piece: Piece) -> Iterator[Found | Expect]:
        if self.talk is None:
            yield from self._recognise(side, piece)
        elif piece.gap:
            yield from self._kept(self.talk.gap(side, piece.gap, piece.at))
        else:
            yield from self._data(self.talk, side, piece.data, piece.at)
        if self.talk is not None and self.talk.done:
            self.stop()

    def _data(self, talk: Talk, side: int, data: bytes, at: Moment) -> Iterator[Found | Expect]:
        for left in talk.data(side, data, at):
            if isinstance(left, Become):
                yield from self._become(left, side, at)
                return
            yield left

    def _become(self, become: Become, side: int, at: Moment) -> Iterator[Found | Expect]:
        self._turn_to(become.talk)
        if become.left:
            yield from self._data(become.talk, side, become.left, at)

    def _turn_to(self, talk: Talk) -> None:
        self.talk = talk
        self.application = talk.name
        self._silence = getattr(talk, "quiet", None)

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
            self._turn_to(verdict.talk())
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
