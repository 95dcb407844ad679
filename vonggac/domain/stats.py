"""Counting incidents of one period against another, so that the number says what it is a number of.

Totals count incidents; agency and level rows count involvements, and the overlap between the two is told. The interval
of the rate ratio is the exact conditional one for two Poisson counts: given n = a + b, a is binomial, so Clopper and
Pearson's interval of its share gives the ratio's (Przyborowski and Wilenski 1940; Clopper and Pearson 1934).
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

from vonggac.domain.incident import Involvement

#: Fewer cases than this in both periods together carry no trend.
FEW_CASES = 10
CONFIDENCE = 0.95


@dataclass(frozen=True, slots=True)
class CountRow:
    """What statistics need of one incident, and no more."""

    incident: str
    occurred_at: datetime
    known_at: datetime
    category: str
    severity: str
    counted: bool
    involvements: tuple[Involvement, ...]


class By(StrEnum):
    CATEGORY = "category"
    AGENCY = "agency"
    LEVEL = "level"
    NONE = "none"


class Verdict(StrEnum):
    REDUCTION = "reduction"
    INCREASE = "increase"
    NO_SIGNIFICANT_CHANGE = "no-significant-change"
    NOT_COMPARABLE = "not-comparable"


@dataclass(frozen=True, slots=True)
class Coverage:
    """The share of the period's agency-hours in which somebody was watching, 0 to 1; None where nobody kept it."""

    current: float | None = None
    previous: float | None = None


@dataclass(frozen=True, slots=True)
class Change:
    """Two counts and what may be said of them. `reason` explains a null percentage or a verdict of not-comparable."""

    key: str
    current: int
    previous: int
    reason: str | None = None

    @property
    def change(self) -> Fraction | None:
        """100 * (current - previous) / previous, exact; None when previous is 0."""
        return Fraction(100 * (self.current - self.previous), self.previous) if self.previous else None

    @property
    def rate_ratio(self) -> float | None:
        return self.current / self.previous if self.previous else None


@dataclass(frozen=True, slots=True)
class Comparison:
    """`overlap` is how many involvements there are beyond one for each incident: rows add up to total + overlap."""

    total: Change
    rows: tuple[Change, ...]
    ci95: tuple[float, float] | None
    verdict: Verdict
    coverage: Coverage
    overlap: Mapping[str, int]


def compare(
    current: Iterable[CountRow],
    previous: Iterable[CountRow],
    by: By,
    *,
    years: float = 1.0,
    coverage: Coverage | None = None,
    level_of: Callable[[str], str] = lambda code: "unit",
) -> Comparison:
    """The comparison of two periods' rows. `years` is the current period's length over the previous one's, which the
    rate ratio's interval takes as the ratio of exposures. What is not counted (tests, mistakes) is left out of both."""
    now, then = _counts(current, by, level_of), _counts(previous, by, level_of)
    total = Change("total", now.total, then.total, None if then.total else "previous-is-zero")
    keys = sorted(set(now.rows) | set(then.rows), key=lambda key: (-now.rows[key], -then.rows[key], key))
    rows = tuple(
        Change(key, now.rows[key], then.rows[key], None if then.rows[key] else "previous-is-zero") for key in keys
    )
    watched = coverage or Coverage()
    interval = ratio_interval(now.total, then.total, years)
    verdict, reason = _verdict(total, interval, watched)
    return Comparison(
        total=Change("total", now.total, then.total, reason or total.reason),
        rows=rows,
        ci95=interval,
        verdict=verdict,
        coverage=watched,
        overlap={"current": now.overlap, "previous": then.overlap},
    )


def print_percent(change: Fraction | None) -> Decimal | None:
    """Rounded half-up (away from zero at the half) to one decimal, as the reports print it."""
    if change is None:
        return None
    exact = Decimal(change.numerator) / Decimal(change.denominator)
    return exact.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def as_json(change: Change, label: str) -> dict[str, Any]:
    """One row of the contract's JSON; the percentage is exact as far as a double is."""
    percent = change.change
    row: dict[str, Any] = {
        "key": change.key,
        "label": label,
        "current": change.current,
        "previous": change.previous,
        "change_percent": None if percent is None else float(percent),
    }
    if change.reason:
        row["reason"] = change.reason
    return row


@dataclass(frozen=True, slots=True)
class _Counts:
    total: int
    rows: Counter[str]
    overlap: int


def _counts(rows: Iterable[CountRow], by: By, level_of: Callable[[str], str]) -> _Counts:
    total, overlap = 0, 0
    counter: Counter[str] = Counter()
    for row in rows:
        if not row.counted:
            continue
        total += 1
        keys = _keys(row, by, level_of)
        counter.update(keys)
        overlap += max(0, len(keys) - 1)
    return _Counts(total, counter, overlap)


def _keys(row: CountRow, by: By, level_of: Callable[[str], str]) -> Sequence[str]:
    """The rows this incident counts in: its category once, or each agency (each level) involved in it once, in
    whatever role; `unknown` where nobody is."""
    if by is By.NONE:
        return ()
    if by is By.CATEGORY:
        return (row.category,)
    codes = sorted({item.agency for item in row.involvements}) or ["unknown"]
    return codes if by is By.AGENCY else sorted({level_of(code) for code in codes})


def _verdict(total: Change, interval: tuple[float, float] | None, coverage: Coverage) -> tuple[Verdict, str | None]:
    if _coverage_fell(coverage) and total.current < total.previous:
        return Verdict.NOT_COMPARABLE, "coverage-fell"
    if total.current + total.previous < FEW_CASES:
        return Verdict.NOT_COMPARABLE, "too-few-cases"
    if interval is None or (interval[0] <= 1.0 <= interval[1]):
        return Verdict.NO_SIGNIFICANT_CHANGE, None
    return (Verdict.REDUCTION if interval[1] < 1.0 else Verdict.INCREASE), None


def _coverage_fell(coverage: Coverage) -> bool:
    """More than a tenth less watched than the year before; unknown coverage is not taken as a fall."""
    if coverage.current is None or coverage.previous is None:
        return False
    return coverage.current < 0.9 * coverage.previous


def ratio_interval(current: int, previous: int, exposure: float = 1.0) -> tuple[float, float] | None:
    """The 95 % interval of (current / previous) / exposure, exact and conditional; None when both counts are 0.

    The upper bound is infinite when previous is 0."""
    if current + previous == 0:
        return None
    tail = (1 - CONFIDENCE) / 2
    low = _beta_quantile(tail, current, previous + 1) if current else 0.0
    high = _beta_quantile(1 - tail, current + 1, previous) if previous else 1.0
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
