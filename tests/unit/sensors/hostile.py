"""What every decoder must bear: a good beginning with anything behind it, and good bytes with some of them changed."""

from __future__ import annotations

import contextlib
from collections.abc import Callable

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable


def only_undecodable_escapes(read: Callable[[bytes], object], *whole: bytes, examples: int = 200) -> None:
    """`read` is given parts of `whole` with random tails, and changed copies: nothing but Undecodable may come out."""

    @settings(max_examples=examples, deadline=None)
    @given(st.sampled_from(whole), st.integers(0, 2_000), st.binary(max_size=80))
    def tails(data: bytes, keep: int, tail: bytes) -> None:
        with contextlib.suppress(Undecodable):
            read(data[:keep] + tail)

    @settings(max_examples=examples, deadline=None)
    @given(st.sampled_from(whole), st.lists(st.tuples(st.integers(0, 2_000), st.integers(0, 255)), max_size=8))
    def changes(data: bytes, edits: list[tuple[int, int]]) -> None:
        changed = bytearray(data)
        for at, value in edits:
            changed[at % len(changed)] = value
        with contextlib.suppress(Undecodable):
            read(bytes(changed))

    tails()
    changes()
