"""Correlations and hits for tests, and an evaluator that reckons every window anew from the definition."""

from __future__ import annotations

import operator
from collections.abc import Iterable, Mapping, Sequence
from datetime import timedelta
from fractions import Fraction
from statistics import median, quantiles
from typing import Any, NamedTuple

from correlator.expression import Expression
from correlator.numbers import Number
from correlator.rule import Bound, Correlation, CorrelationType, Place
from correlator.windows import FOREVER, Fired, Hit, Windows
from vonggac.domain.detection import RuleInfo, Ruleset
from vonggac.domain.times import to_epoch_us

SECOND = 1_000_000
#: An instant at which a stretch of a minute, and one of an hour, begins.
T0 = 1_772_409_600 * SECOND
SPAN = timedelta(minutes=1)
RULES = ("a", "b", "c")
Group = tuple[str, ...]


class Decided(NamedTuple):
    """A window that is true and the first such of its group and stretch; times in seconds since T0."""

    group: Group
    stretch: float
    end: float
    measured: Number
    events: tuple[str, ...]


def correlation(
    kind: CorrelationType = CorrelationType.EVENT_COUNT,
    *bounds: tuple[str, Number],
    timespan: timedelta = SPAN,
    percentile: Number = 50,
    expression: Expression | None = None,
    rules: tuple[str, ...] = RULES,
    alerts: bool = True,
) -> Correlation:
    return Correlation(
        info=RuleInfo("x", "X", "X", Ruleset.CORRELATION, "high"),
        name="x",
        type=kind,
        rules=rules,
        timespan=timespan,
        bounds=tuple(Bound(op, value) for op, value in bounds or [("gte", 3)]),
        place=Place("x.yml", 1),
        group_by=("source.ip",),
        percentile=percentile,
        expression=expression,
        alerts=alerts,
    )


def hit(second: float, event: str = "", rule: str = "", value: tuple[Any, ...] = ()) -> Hit:
    return Hit(T0 + round(second * SECOND), event or f"e{second:010.3f}", rule, value)


def run(
    windows: Windows,
    hits: Iterable[tuple[Group, Hit]],
    entities: Mapping[str, Mapping[str, Any]] | None = None,
    *,
    finish: bool = True,
) -> list[Fired]:
    """What fires when each hit's event comes, in the order given, and then no more."""
    fired: list[Fired] = []
    for key, one in hits:
        fired += windows.advance(one.at)
        fired += windows.add(key, one, (entities or {}).get(one.event, {}))
    return fired + windows.advance(FOREVER) if finish else fired


def decided(fired: Iterable[Fired]) -> list[Decided]:
    return sorted(
        Decided(
            tuple(one.group.values()),
            (to_epoch_us(one.stretch) - T0) / SECOND,
            (to_epoch_us(one.end) - T0) / SECOND,
            one.measured,
            one.evidence.ids,
        )
        for one in fired
        if one.settled
    )


def told(fired: Iterable[Fired]) -> list[tuple[Group, float]]:
    """(group, stretch) of each window that is told."""
    return sorted((tuple(one.group.values()), (to_epoch_us(one.stretch) - T0) / SECOND) for one in fired if one.alerts)


def by_hand(rule: Correlation, hits: Iterable[tuple[Group, Hit]]) -> list[Decided]:
    """Every window of every group, in order of its end, from nothing but its hits."""
    groups: dict[Group, list[Hit]] = {}
    for key, one in hits:
        groups.setdefault(key, []).append(one)
    span = rule.timespan // timedelta(microseconds=1)
    found = []
    for key, held in groups.items():
        seen = set()
        for end in sorted({one.at for one in held}):
            window = sorted(one for one in held if end - span < one.at <= end)
            measured = measure(rule, window)
            stretch = end // span
            if stretch in seen or not true_of(rule, measured, window):
                continue
            seen.add(stretch)
            events = tuple(dict.fromkeys(one.event for one in window))
            found.append(Decided(key, (stretch * span - T0) / SECOND, (end - T0) / SECOND, measured, events))
    return sorted(found)


_OPERATORS = {
    "gt": operator.gt,
    "gte": operator.ge,
    "lt": operator.lt,
    "lte": operator.le,
    "eq": operator.eq,
    "neq": operator.ne,
}


def true_of(rule: Correlation, measured: Number, window: Sequence[Hit]) -> bool:
    if rule.expression is not None:
        return rule.expression.holds({one.rule for one in window})
    return all(_OPERATORS[bound.op](measured, bound.value) for bound in rule.bounds)


def measure(rule: Correlation, window: Sequence[Hit]) -> Number:
    numbers = [Fraction(value) for one in window for value in one.value if not isinstance(value, tuple)]
    match rule.type:
        case CorrelationType.EVENT_COUNT:
            return len({one.event for one in window})
        case CorrelationType.VALUE_COUNT:
            return len({value for one in window for value in one.value})
        case CorrelationType.TEMPORAL:
            return len({one.rule for one in window})
        case CorrelationType.TEMPORAL_ORDERED:
            return _longest(rule.rules, window)
        case CorrelationType.VALUE_SUM:
            return sum(numbers, Fraction(0))
        case CorrelationType.VALUE_AVG:
            return sum(numbers, Fraction(0)) / len(numbers)
        case CorrelationType.VALUE_MEDIAN:
            return median(numbers)
        case CorrelationType.VALUE_PERCENTILE:
            if rule.percentile in (0, 100) or len(numbers) == 1:
                return min(numbers) if rule.percentile == 0 else max(numbers)
            return quantiles(numbers, n=100, method="inclusive")[int(rule.percentile) - 1]


def _longest(rules: Sequence[str], window: Sequence[Hit]) -> int:
    """The most of the rules, from the first on, that some choice of hits shows in order of time; by trying all."""

    def reach(at: int, after: int) -> int:
        if at == len(rules):
            return at
        return max([reach(at + 1, one.at) for one in window if one.rule == rules[at] and one.at >= after], default=at)

    return reach(0, 0)
