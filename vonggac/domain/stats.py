"""Counting incidents of one period against another, so that the number says what it is a number of.

Totals count incidents; agency and level rows count involvements, and the overlap between the two is told. Beside the
count stand other measures of the same incidents, because one number misleads.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Hashable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from decimal import ROUND_HALF_UP, Decimal
from enum import StrEnum
from fractions import Fraction
from functools import cache

from vonggac.domain.covered import Coverage
from vonggac.domain.rates import differs, ratio_interval
from vonggac.domain.states import Agencies, Facts, Span

#: Fewer cases than this in both periods together carry no trend.
FEW_CASES = 10

Number = int | Fraction
#: Who stands in which row with which share of an incident: of an agency's code on the day of a slice. A whole share is
#: an int, as nearly all are: fractions are slow.
Shares = Callable[[str, int], Sequence[tuple[Hashable, Number]]]
#: The row of an incident that involves nobody.
UNKNOWN = "unknown"


class By(StrEnum):
    CATEGORY = "category"
    AGENCY = "agency"
    LEVEL = "level"
    SEVERITY = "severity"
    CAUSE = "cause"
    MONTH = "month"
    NONE = "none"


#: Rows of these count involvements; the others count incidents.
INVOLVING = frozenset({By.AGENCY, By.LEVEL})


class Verdict(StrEnum):
    REDUCTION = "reduction"
    INCREASE = "increase"
    NO_SIGNIFICANT_CHANGE = "no-significant-change"
    NOT_COMPARABLE = "not-comparable"


_VERDICTS = {-1: Verdict.REDUCTION, 0: Verdict.NO_SIGNIFICANT_CHANGE, 1: Verdict.INCREASE}


@dataclass(frozen=True, slots=True)
class Change:
    """Two counts and what may be said of them. `reason` explains a null percentage or a verdict of not-comparable;
    `coverage` is that of this row alone, where it is known."""

    key: str
    current: Number
    previous: Number
    verdict: Verdict = Verdict.NO_SIGNIFICANT_CHANGE
    reason: str | None = None
    coverage: Coverage | None = None

    @property
    def change(self) -> Fraction | None:
        """100 * (current - previous) / previous, exact; None when previous is 0."""
        return Fraction(100 * (self.current - self.previous)) / self.previous if self.previous else None


@dataclass(frozen=True, slots=True)
class Slice:
    """The incidents of a stretch of time: which facts they count by, and the agencies of those that count."""

    facts: Mapping[Facts, int]
    agencies: Mapping[Agencies, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Measures:
    """What else is said of the incidents that count. `lengths`: for each span how many have one, and their median and
    ninth decile, in seconds."""

    involvements: int = 0
    severity_weighted: int = 0
    harmed_systems: int = 0
    found: int = 0
    lengths: Mapping[Span, tuple[int, tuple[int, ...]]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Count:
    """One period: `overlap` is how many involvements there are beyond one for each incident, so that rows add up to
    total + overlap; `stranded` how many involvements could not be carried to the units that were asked for."""

    total: int
    rows: Mapping[Hashable, Number]
    overlap: Number
    measures: Measures
    stranded: int = 0


@dataclass(frozen=True, slots=True)
class Comparison:
    total: Change
    rows: tuple[Change, ...]
    rate_ratio: float | None
    ci95: tuple[float, float] | None
    coverage: Coverage
    current: Count
    previous: Count


def is_counted(facts: Facts, counts: Callable[[str], bool]) -> bool:
    """Neither a test, an exercise, a mistake or a part of another, nor of a category that does not count."""
    return facts.counted and counts(facts.category)


def measured(
    slices: Sequence[Slice],
    weights: Mapping[str, int],
    lengths: Mapping[Span, tuple[int, tuple[int, ...]]],
) -> Measures:
    """What else the slices' incidents, of which all count, say."""
    each = [(facts, count) for part in slices for facts, count in part.facts.items()]
    return Measures(
        involvements=sum(facts.agencies * count for facts, count in each),
        severity_weighted=sum(weights.get(facts.severity, 1) * count for facts, count in each),
        harmed_systems=sum(facts.systems * count for facts, count in each),
        found=sum(count for facts, count in each if facts.found),
        lengths=lengths,
    )


def counted_by(slices: Sequence[Slice], key: Callable[[Facts, int], Hashable]) -> dict[Hashable, Number]:
    """Rows that each incident stands in one of: `key` is given its facts and the place of its slice."""
    rows: Counter[Hashable] = Counter()
    for place, part in enumerate(slices):
        for facts, count in part.facts.items():
            rows[key(facts, place)] += count
    return {**rows}


def counted_by_agencies(slices: Sequence[Slice], shares: Shares) -> dict[Hashable, Number]:
    """Rows of those who are involved: an incident stands in the row of each of them once, in whatever role, with the
    share that this row has of it; where nobody is, in the row UNKNOWN."""
    rows: dict[Hashable, Number] = {}
    for place, part in enumerate(slices):
        whole = _whole(shares, place)
        for agencies, count in part.agencies.items():
            keys = {whole(code) for code in agencies}
            if keys and None not in keys:  # as nearly always: fractions are slow
                for key in keys:
                    rows[key] = rows.get(key, 0) + count
                continue
            for key, share in shares_of(agencies, place, shares).items():
                rows[key] = rows.get(key, 0) + count * share
    return rows


def _whole(shares: Shares, place: int) -> Callable[[str], Hashable]:
    """The row in which an agency stands whole; None where it was parted."""

    @cache
    def whole(code: str) -> Hashable:
        parts = shares(code, place)
        return parts[0][0] if len(parts) == 1 and parts[0][1] == 1 else None

    return whole


def shares_of(agencies: Agencies, place: int, shares: Shares) -> dict[Hashable, Number]:
    """The rows in which an incident of these agencies stands, each with its share."""
    found: dict[Hashable, Number] = {}
    for code in agencies:
        for key, share in shares(code, place):
            found[key] = min(1, found.get(key, 0) + share)
    return found or {UNKNOWN: 1}


def compare(
    current: Count,
    previous: Count,
    names: Mapping[Hashable, str],
    *,
    time: Fraction = Fraction(1),
    coverage: Coverage | None = None,
    coverage_of: Callable[[Hashable], Coverage | None] = lambda key: None,
    hindrance: str | None = None,
    ordered: bool = False,
) -> Comparison:
    """The comparison of two periods' counts. `names` are the keys that rows are shown under; `time` is the current
    period's length over the previous one's, which with the coverage (for a row that of the row, where there is one)
    gives the exposure; `hindrance` is why nothing may be compared, whatever the counts. Rows come largest first, or
    `ordered` by key."""
    watched = coverage or Coverage()
    basis = _Basis(time, watched, hindrance)
    changes = []
    for key in set(current.rows) | set(previous.rows):
        own = coverage_of(key)
        counts = current.rows.get(key, 0), previous.rows.get(key, 0)
        changes.append(_change(names.get(key, str(key)), *counts, replace(basis, coverage=own or watched), own))
    total = _change("total", current.total, previous.total, basis)
    interval = ratio_interval(current.total, previous.total, basis.exposure)
    return Comparison(
        total=total,
        rows=tuple(sorted(changes, key=lambda row: row.key if ordered else (-row.current, -row.previous, row.key))),
        rate_ratio=current.total / previous.total / basis.exposure if previous.total else None,
        ci95=interval,
        coverage=watched,
        current=current,
        previous=previous,
    )


@dataclass(frozen=True, slots=True)
class _Basis:
    """What all counts of a comparison have in common."""

    time: Fraction
    coverage: Coverage
    hindrance: str | None

    @property
    def exposure(self) -> float:
        return float(self.time * self.coverage.ratio)


def _change(key: str, current: Number, previous: Number, basis: _Basis, own: Coverage | None = None) -> Change:
    verdict, reason = _verdict(current, previous, basis)
    return Change(key, current, previous, verdict, reason or (None if previous else "previous-is-zero"), own)


def _verdict(current: Number, previous: Number, basis: _Basis) -> tuple[Verdict, str | None]:
    if basis.hindrance:
        return Verdict.NOT_COMPARABLE, basis.hindrance
    if basis.coverage.fallen and current < previous:
        return Verdict.NOT_COMPARABLE, "coverage-fell"
    if current + previous < FEW_CASES:
        return Verdict.NOT_COMPARABLE, "too-few-cases"
    verdict = _VERDICTS[differs(round(current), round(previous), basis.exposure)]
    if verdict is Verdict.INCREASE and _by_watching_more(current, previous, basis):
        return Verdict.NOT_COMPARABLE, "coverage-rose"
    return verdict, None


def _by_watching_more(current: Number, previous: Number, basis: _Basis) -> bool:
    """Whether a rise may come of more watching alone."""
    if basis.coverage.begun:
        return True
    more = basis.coverage.risen
    return more is not None and differs(round(current), round(previous), float(basis.time * more)) != 1


def print_percent(change: Fraction | None) -> Decimal | None:
    """Rounded half-up (away from zero at the half) to one decimal, as the reports print it."""
    if change is None:
        return None
    exact = Decimal(change.numerator) / Decimal(change.denominator)
    return exact.quantize(Decimal("0.1"), rounding=ROUND_HALF_UP)


def overlap_of(rows: Iterable[Number], total: int) -> Number:
    """How many involvements the rows count beyond one for each incident."""
    over = sum(rows, start=Fraction(0)) - total
    return int(over) if over.denominator == 1 else over
