import math

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vonggac.domain.rates import differs, ratio_interval


@pytest.mark.parametrize(
    ("current", "previous", "low", "high"),
    [
        # share interval of 0 in 5 and of 10 in 20 (Clopper and Pearson 1934), as odds
        (0, 5, 0.0, 0.5218 / (1 - 0.5218)),
        (10, 10, 0.2720 / (1 - 0.2720), 0.7280 / (1 - 0.7280)),
        (5, 0, (1 - 0.5218) / 0.5218, math.inf),
    ],
)
def test_the_interval_is_the_exact_conditional_one(current: int, previous: int, low: float, high: float) -> None:
    found = ratio_interval(current, previous)
    assert found is not None
    assert found[0] == pytest.approx(low, rel=1e-3)
    assert found[1] == pytest.approx(high, rel=1e-3)


def test_no_case_at_all_has_no_interval() -> None:
    assert ratio_interval(0, 0) is None


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_interval_holds_the_ratio(current: int, previous: int) -> None:
    found = ratio_interval(current, previous)
    assert found is not None
    assert found[0] <= current / previous <= found[1]


@given(st.integers(0, 500), st.integers(0, 500), st.sampled_from([0.5, 0.9, 1.0, 1.0083, 2.0]))
@example(0, 0, 1.0)
@example(0, 12, 1.0)
@example(12, 0, 1.0)
def test_rates_differ_where_the_interval_leaves_one_out(current: int, previous: int, exposure: float) -> None:
    low, high = ratio_interval(current, previous, exposure) or (0.0, math.inf)
    assert differs(current, previous, exposure) == (1 if low > 1 else -1 if high < 1 else 0)
