from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.hours import BLOCK, Hours

NEAR = st.integers(0, 5 * BLOCK)
SETS = st.sets(st.one_of(NEAR, st.sampled_from([0, BLOCK - 1, BLOCK, 2 * BLOCK - 1, 2 * BLOCK])))


@given(SETS, SETS, NEAR, NEAR)
def test_hours_are_a_set_of_whole_numbers(one: set[int], other: set[int], first: int, end: int) -> None:
    a, b = Hours.of(one), Hours.of(other)
    assert list(a) == sorted(one)
    assert len(a) == len(one)
    assert list(a | b) == sorted(one | other)
    assert list(a & b) == sorted(one & other)
    assert list(a - b) == sorted(one - other)
    assert list(a.between(first, end)) == [hour for hour in sorted(one) if first <= hour < end]


@given(SETS, SETS)
def test_equal_sets_are_equal_whatever_they_came_from(one: set[int], other: set[int]) -> None:
    assert (Hours.of(one) | Hours.of(other)) - Hours.of(other) == Hours.of(one - other)
    assert bool(Hours.of(one)) == bool(one)
