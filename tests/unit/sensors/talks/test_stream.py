"""A stream's short way for the bytes that come next, held to the long way by pieces."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Budget, Half, Moment, Piece
from sensors.talks.stream import Stream
from sensors.talks.talk import Become, Expect, Found, Left

ENDS, TURNS = 14, 15  # in place of a size: nothing more is wanted; another talk goes on


class Sized:
    """Messages behind an octet of size, told with the packet that ended them."""

    def __init__(self, name: str = "sized") -> None:
        self.name = name
        self.done = False
        self._buffers = [b"", b""]

    def quiet(self, side: int) -> int:
        """All but the last byte of the message that has begun tell nothing."""
        buffer = self._buffers[side]
        return max(0, buffer[0] - len(buffer)) if buffer else 0

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        buffer = self._buffers[side] + data
        while buffer and len(buffer) > buffer[0]:
            if buffer[0] == ENDS:
                self.done = True
                return
            message, buffer = buffer[1 : buffer[0] + 1], buffer[buffer[0] + 1 :]
            yield Found(self.name, at, side, {"message": message.hex()})
            if message[:1] == bytes((TURNS,)):
                yield Become(Sized(f"{self.name}+"), buffer)
                return
        self._buffers[side] = buffer

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        self._buffers[side] = b""
        yield Found("gap", at, side, {"size": size})

    def close(self, clean: bool) -> Iterator[Left]:
        yield Found("rest", Moment(0, 0), 0, {"rest": [buffer.hex() for buffer in self._buffers], "clean": clean})


class ByPieces:
    """What `Stream` says it does, without short ways and without gathering."""

    def __init__(self, budget: Budget, talk: Sized) -> None:
        self.talk = talk
        self._halves = (Half(budget), Half(budget))

    def push(self, side: int, payload: bytes, missing: int, seq: int, first_byte: int, at: Moment) -> list[Left]:
        if first_byte >= 0:
            self._halves[side].begin(first_byte)
        return self._heard(side, self._halves[side].push(seq, payload, missing, at))

    def finish(self, clean: bool) -> list[Left]:
        found = [left for side in (0, 1) for left in self._heard(side, self._halves[side].finish())]
        return found + (list(self.talk.close(clean)) if not self.talk.done else [])

    def _heard(self, side: int, pieces: Iterable[Piece]) -> list[Left]:
        found: list[Left] = []
        for piece in pieces:
            if not self.talk.done:
                lefts = self.talk.gap(side, piece.gap, piece.at) if piece.gap else self._data(side, piece)
                found += [left for left in lefts if not isinstance(left, Become)]
        return found

    def _data(self, side: int, piece: Piece) -> Iterator[Left]:
        data: bytes | None = piece.data
        while data:
            lefts, data = list(self.talk.data(side, data, piece.at)), None
            for left in lefts:
                if isinstance(left, Become):
                    assert isinstance(left.talk, Sized)
                    self.talk, data = left.talk, left.left
                yield left


@st.composite
def segments(draw: st.DrawFn) -> list[tuple[int, bytes, int, int]]:
    """(side, payload, missing, offset) of a conversation: mostly in order, with repeats, holes and bytes not caught."""
    sides = [draw(st.binary(max_size=60).map(lambda data: bytes(octet & 0x0F for octet in data))) for _ in range(2)]
    told: list[tuple[int, bytes, int, int]] = []
    ends = [0, 0]
    for side, size, back, kind in draw(
        st.lists(st.tuples(st.integers(0, 1), st.integers(1, 12), st.integers(0, 5), st.integers(0, 9)), max_size=40)
    ):
        begin = max(0, ends[side] - back) if kind == 0 else ends[side] + (back if kind == 1 else 0)
        payload = sides[side][begin : begin + size]
        ends[side] = max(ends[side], begin + len(payload))
        missing = 1 if kind == 2 and len(payload) > 1 else 0
        if payload:
            told.append((side, payload[: len(payload) - missing], missing, begin))
    return draw(st.permutations(told)) if draw(st.integers(0, 9)) == 0 else told


@settings(max_examples=400, deadline=None)
@given(segments(), st.integers(0, 2**32 - 1), st.booleans(), st.booleans())
def test_the_short_way_and_the_long_one_find_the_same(
    parts: list[tuple[int, bytes, int, int]], base: int, begun: bool, clean: bool
) -> None:
    budget, other = Budget(), Budget()
    stream, by_pieces = Stream(budget, Sized()), ByPieces(other, Sized())
    found: list[Found | Expect] = []
    expected: list[Left] = []
    first_byte = base if begun else -1
    for index, (side, payload, missing, offset) in enumerate(parts):
        at = Moment(index, index)
        number = base + offset & 0xFFFFFFFF
        if not stream.done:
            found += stream.push(side, payload, missing, number, first_byte, -1, at)
        expected += by_pieces.push(side, payload, missing, number, first_byte, at)
    if not stream.done:
        found += stream.finish(clean)
    expected += by_pieces.finish(clean)
    assert found == expected
    assert budget.used == 0
    assert stream.done
    assert stream.application == by_pieces.talk.name


def test_a_stream_that_is_not_wanted_gives_its_budget_back() -> None:
    budget = Budget()
    stream = Stream(budget, Sized())
    assert not list(stream.push(0, b"\x0a", 0, 0, 0, -1, Moment(0, 0)))
    assert not list(stream.push(0, b"gath", 0, 1, 0, -1, Moment(1, 1)))
    assert not list(stream.push(1, b"behind a hole", 0, 9, 0, -1, Moment(2, 2)))
    assert budget.used > 0
    stream.stop()
    assert budget.used == 0


def told(stream: Stream, side: int, payload: bytes, seq: int, ack: int, second: int) -> list[tuple[str, object]]:
    return [
        (left.dataset, *left.fields.values())
        for left in stream.push(side, payload, 0, seq, 0, ack, Moment(second, second * 10**9))
        if isinstance(left, Found)
    ]


def test_a_hole_whose_end_the_other_side_has_seen_is_told_a_second_later() -> None:
    budget = Budget()
    stream = Stream(budget, Sized())
    assert told(stream, 0, b"\x02ab", 0, 0, 0) == [("sized", b"ab".hex())]
    assert told(stream, 0, b"\x02ef", 6, 0, 1) == []  # three bytes before it were not captured
    assert told(stream, 1, b"\x01x", 0, 5, 5) == [("sized", b"x".hex())]  # some of them may still come
    assert told(stream, 1, b"\x01x", 2, 6, 6) == [("sized", b"x".hex())]  # or were captured late
    assert told(stream, 1, b"\x01y", 4, 6, 7) == [("gap", 3), ("sized", b"ef".hex()), ("sized", b"y".hex())]
    assert told(stream, 0, b"\x02gh", 9, 4, 7) == [("sized", b"gh".hex())]
    assert budget.used == 0


def test_what_was_gathered_comes_before_a_hole_that_was_acknowledged() -> None:
    stream = Stream(Budget(), Sized())
    assert told(stream, 0, b"\x02ef", 3, 0, 0) == []
    assert told(stream, 1, b"\x03x", 0, 6, 1) == []
    assert told(stream, 1, b"y", 2, -1, 2) == []  # put by, as it tells nothing by itself
    assert told(stream, 1, b"z", 3, 6, 3) == [("gap", 3), ("sized", b"ef".hex()), ("sized", b"xyz".hex())]
