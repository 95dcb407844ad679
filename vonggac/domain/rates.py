"""The ratio of two rates, each of a count over an exposure, and what may be said of it.

The interval is the exact conditional one for two Poisson counts: given n = a + b, a is binomial, so Clopper and
Pearson's interval of its share gives the ratio's (Przyborowski and Wilenski 1940; Clopper and Pearson 1934).
"""

from __future__ import annotations

import math

CONFIDENCE = 0.95
_TAIL = (1 - CONFIDENCE) / 2


def differs(current: int, previous: int, exposure: float = 1.0) -> int:
    """1 where the rate has surely grown, -1 where it has surely fallen, 0 where the interval of the ratio holds 1."""
    if current + previous == 0:
        return 0
    share = exposure / (1 + exposure)  # of the current count, if the rates were the same
    if current and _beta_share(share, current, previous + 1) < _TAIL:
        return 1
    if previous and 1 - _beta_share(share, current + 1, previous) < _TAIL:
        return -1
    return 0


def ratio_interval(current: int, previous: int, exposure: float = 1.0) -> tuple[float, float] | None:
    """The 95 % interval of (current / previous) / exposure, exact and conditional; None when both counts are 0.

    The upper bound is infinite when previous is 0."""
    if current + previous == 0:
        return None
    low = _beta_quantile(_TAIL, current, previous + 1) if current else 0.0
    high = _beta_quantile(1 - _TAIL, current + 1, previous) if previous else 1.0
    return tuple(_odds(share) / exposure for share in (low, high))  # type: ignore[return-value]


def _odds(share: float) -> float:
    return share / (1 - share) if share < 1 else math.inf


def _beta_quantile(probability: float, a: float, b: float) -> float:
    """x with I_x(a, b) = probability, by bisection to a double's precision."""
    low, high = 0.0, 1.0
    for _ in range(200):
        middle = (low + high) / 2
        if middle in (low, high):
            break
        if _beta_share(middle, a, b) < probability:
            low = middle
        else:
            high = middle
    return (low + high) / 2


def _beta_share(x: float, a: float, b: float) -> float:
    """The regularised incomplete beta function I_x(a, b) (Abramowitz and Stegun 26.5.8, continued fraction)."""
    if x <= 0 or x >= 1:
        return float(x >= 1)
    front = math.exp(math.lgamma(a + b) - math.lgamma(a) - math.lgamma(b) + a * math.log(x) + b * math.log1p(-x))
    if x < (a + 1) / (a + b + 2):
        return front * _beta_fraction(x, a, b) / a
    return 1 - front * _beta_fraction(1 - x, b, a) / b


def _beta_fraction(x: float, a: float, b: float) -> float:
    """The continued fraction by Lentz's method, from its even and odd terms."""
    tiny = 1e-300
    c, d = 1.0, 1 / _away_from_zero(1 - (a + b) * x / (a + 1), tiny)
    value = d
    for m in range(1, 10_000):
        even = m * (b - m) * x / ((a + 2 * m - 1) * (a + 2 * m))
        d, c = 1 / _away_from_zero(1 + even * d, tiny), _away_from_zero(1 + even / c, tiny)
        value *= d * c
        odd = -(a + m) * (a + b + m) * x / ((a + 2 * m) * (a + 2 * m + 1))
        d, c = 1 / _away_from_zero(1 + odd * d, tiny), _away_from_zero(1 + odd / c, tiny)
        step = d * c
        value *= step
        if abs(step - 1) < 1e-15:
            break
    return value


def _away_from_zero(value: float, tiny: float) -> float:
    return value if abs(value) > tiny else tiny
