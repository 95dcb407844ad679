"""What a window measures, kept as hits come and go: each step costs one look into a dict or a sorted list."""

from __future__ import annotations

import operator
from bisect import bisect_left, insort
from collections import Counter
from collections.abc import Callable, Collection, Mapping, Sequence
from fractions import Fraction
from typing import Protocol, TypeVar

from correlator.numbers import Number, whole
from correlator.rule import Correlation, CorrelationType
from correlator.windows.hits import Hit

_Key = TypeVar("_Key")
_COMPARISONS: Mapping[str, Callable[[Number, Number], bool]] = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


class Tally(Protocol):
    def add(self, hit: Hit) -> None: ...

    def remove(self, hit: Hit) -> None: ...

    def measure(self) -> Number: ...

    @property
    def seen(self) -> Collection[str]: ...


def make_tally(correlation: Correlation) -> Tally:
    match correlation.type:
        case CorrelationType.EVENT_COUNT:
            return _Events()
        case CorrelationType.VALUE_COUNT:
            return _Values()
        case CorrelationType.TEMPORAL:
            return _Rules()
        case CorrelationType.TEMPORAL_ORDERED:
            return _InOrder(correlation.rules)
        case CorrelationType.VALUE_SUM:
            return _Sum()
        case CorrelationType.VALUE_AVG:
            return _Average()
        case CorrelationType.VALUE_PERCENTILE:
            return _Rank(Fraction(correlation.percentile) / 100)
        case CorrelationType.VALUE_MEDIAN:
            return _Rank(Fraction(1, 2))


class Question:
    """A correlation's condition, asked of a tally."""

    def __init__(self, correlation: Correlation) -> None:
        self._bounds = [(_COMPARISONS[bound.op], bound.value) for bound in correlation.bounds]
        self._expression = correlation.expression

    def answer(self, tally: Tally) -> Number | None:
        """What the window measures, where the condition is true of it."""
        measured = tally.measure()
        if self._expression is not None:
            return measured if self._expression.holds(tally.seen) else None
        for true, value in self._bounds:
            if not true(measured, value):
                return None
        return measured


class _Events:
    """event_count."""

    __slots__ = ("_count",)
    seen: Collection[str] = ()

    def __init__(self) -> None:
        self._count = 0

    def add(self, hit: Hit) -> None:
        self._count += 1

    def remove(self, hit: Hit) -> None:
        self._count -= 1

    def measure(self) -> int:
        return self._count


class _Values:
    """value_count: distinct values, of several fields distinct combinations."""

    __slots__ = ("_counts",)
    seen: Collection[str] = ()

    def __init__(self) -> None:
        self._counts: Counter[object] = Counter()

    def add(self, hit: Hit) -> None:
        self._counts.update(hit.value)

    def remove(self, hit: Hit) -> None:
        for value in hit.value:
            _take(self._counts, value)

    def measure(self) -> int:
        return len(self._counts)


class _Rules:
    """temporal: the rules that were hit."""

    __slots__ = ("_counts",)

    def __init__(self) -> None:
        self._counts: Counter[str] = Counter()

    def add(self, hit: Hit) -> None:
        self._counts[hit.rule] += 1

    def remove(self, hit: Hit) -> None:
        _take(self._counts, hit.rule)

    def measure(self) -> int:
        return len(self._counts)

    @property
    def seen(self) -> Collection[str]:
        return self._counts.keys()


class _InOrder:
    """temporal_ordered: how many of the rules were hit one after the other, from the first on.

    Hits of one instant count as in order: their time cannot tell.
    """

    __slots__ = ("_rules", "_times")

    def __init__(self, rules: Sequence[str]) -> None:
        self._rules = rules
        self._times: Mapping[str, list[int]] = {rule: [] for rule in rules}

    def add(self, hit: Hit) -> None:
        insort(self._times[hit.rule], hit.at)

    def remove(self, hit: Hit) -> None:
        times = self._times[hit.rule]
        del times[bisect_left(times, hit.at)]

    def measure(self) -> int:
        return len(self.seen)

    @property
    def seen(self) -> Collection[str]:
        reached = []
        after: int | None = None
        for rule in self._rules:
            times = self._times[rule]
            at = bisect_left(times, after) if after is not None else 0
            if at == len(times):
                break
            after = times[at]
            reached.append(rule)
        return reached


class _Sum:
    """value_sum, exact."""

    __slots__ = ("_count", "_total")
    seen: Collection[str] = ()

    def __init__(self) -> None:
        self._total: Number = 0
        self._count = 0

    def add(self, hit: Hit) -> None:
        self._total += sum(hit.value)
        self._count += len(hit.value)

    def remove(self, hit: Hit) -> None:
        self._total -= sum(hit.value)
        self._count -= len(hit.value)

    def measure(self) -> Number:
        return whole(self._total)


class _Average(_Sum):
    """value_avg, exact."""

    __slots__ = ()

    def measure(self) -> Number:
        return whole(Fraction(self._total) / self._count)


class _Rank:
    """value_percentile and value_median: between the two nearest values in proportion (SQL's PERCENTILE_CONT)."""

    __slots__ = ("_share", "_values")
    seen: Collection[str] = ()

    def __init__(self, share: Fraction) -> None:
        self._share = share
        self._values: list[Number] = []

    def add(self, hit: Hit) -> None:
        for value in hit.value:
            insort(self._values, value)

    def remove(self, hit: Hit) -> None:
        for value in hit.value:
            del self._values[bisect_left(self._values, value)]

    def measure(self) -> Number:
        values, share = self._values, self._share
        at, rest = divmod(share.numerator * (len(values) - 1), share.denominator)
        if not rest:
            return values[at]
        return whole(values[at] + Fraction(rest, share.denominator) * (values[at + 1] - values[at]))


def _take(counts: Counter[_Key], key: _Key) -> None:
    if counts[key] <= 1:
        del counts[key]
    else:
        counts[key] -= 1
