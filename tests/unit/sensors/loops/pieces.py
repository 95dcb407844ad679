"""Connections in pieces, and how they are altered."""

from __future__ import annotations

from collections.abc import Sequence

from hypothesis import strategies as st

#: A piece of a connection: who sent it, and what. One without bytes is a hole.
Piece = tuple[int, bytes]


def cut(data: bytes, side: int, *sizes: int) -> list[Piece]:
    """One more piece than there are sizes; those past the end of the data are holes."""
    pieces, at = [], 0
    for size in sizes:
        pieces.append((side, data[at : at + size]))
        at += size
    return [*pieces, (side, data[at:])]


def whole(pieces: list[Piece]) -> list[Piece]:
    """Without holes."""
    return [piece for piece in pieces if piece[1]]


def several(draw: st.DrawFn, conversations: Sequence[list[Piece]]) -> list[Piece]:
    """One conversation or some, one behind the other."""
    chosen = draw(st.lists(st.integers(0, len(conversations) - 1), min_size=1, max_size=3))
    return [piece for which in chosen for piece in conversations[which]]


def changed(
    draw: st.DrawFn, data: bytes, values: Sequence[int], times: Sequence[int] = (0, 0, 0, 1, 2), head: int | None = None
) -> bytes:
    """Some bytes are others of these values; every second one of them in the head, where there is one."""
    altered = bytearray(data)
    for _ in range(draw(st.sampled_from(times)) if data else 0):
        last = len(data) - 1
        if head is not None and draw(st.booleans()):
            last = min(last, head)
        altered[draw(st.integers(0, last))] = draw(st.sampled_from(values))
    return bytes(altered)


def holed(draw: st.DrawFn, pieces: list[Piece], one_in: int) -> list[Piece]:
    """Few of the holes stay, and the end may be missing."""
    pieces = [piece for piece in pieces if piece[1] or draw(st.integers(0, one_in - 1)) == 0]
    if draw(st.integers(0, 4)) == 0:
        del pieces[draw(st.integers(0, len(pieces))) :]
    return pieces
