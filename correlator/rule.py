"""Rules ready to run: a predicate with its log source, or a correlation over other rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from correlator.expression import Expression
from correlator.numbers import Number, plain
from correlator.sigma.taxonomy import LogSource
from correlator.sigma.tree import Node
from vonggac.domain.detection import RuleInfo

#: Rule id -> for each field, the paths under which an event may hold it.
FieldPaths = Mapping[str, tuple[tuple[str, ...], ...]]


@dataclass(frozen=True, slots=True)
class Place:
    """Where a rule stands."""

    path: str
    line: int


@dataclass(frozen=True, slots=True)
class MatchRule:
    """True of single events. `alerts` is False for a rule that only feeds correlations (Sigma `generate`)."""

    info: RuleInfo
    name: str
    source: LogSource
    tree: Node
    place: Place
    alerts: bool = True


class CorrelationType(StrEnum):
    EVENT_COUNT = "event_count"
    VALUE_COUNT = "value_count"
    TEMPORAL = "temporal"
    TEMPORAL_ORDERED = "temporal_ordered"
    VALUE_SUM = "value_sum"
    VALUE_AVG = "value_avg"
    VALUE_PERCENTILE = "value_percentile"
    VALUE_MEDIAN = "value_median"

    @property
    def counts_rules(self) -> bool:
        return self in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)

    @property
    def takes_numbers(self) -> bool:
        return self.value in ("value_sum", "value_avg", "value_percentile", "value_median")


@dataclass(frozen=True, slots=True)
class Bound:
    """One comparison with what a window measures; `op` is lt, lte, gt, gte, eq or neq."""

    op: str
    value: Number

    def __str__(self) -> str:
        return f"{_SIGNS[self.op]} {plain(self.value)}"


_SIGNS: Mapping[str, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "=", "neq": "!="}


@dataclass(frozen=True, slots=True)
class Correlation:
    """Sigma correlation (specification 2.1, "Sigma Correlation Rules").

    `rules` are ids of match rules and of other correlations. `group_by` are the names that the group is known by;
    `group_paths` gives for each rule where its events hold them, `value_paths` where they hold the counted fields. An
    inner correlation holds them under the names of its own `group_by` and `carry`.
    `bounds` must all hold; an `expression` over the rules stands instead of them.
    `carry` are fields that the correlations above need and `group_by` does not give; `carry_paths` is where they stand.
    """

    info: RuleInfo
    name: str
    type: CorrelationType
    rules: tuple[str, ...]
    timespan: timedelta
    bounds: tuple[Bound, ...]
    place: Place
    group_by: tuple[str, ...] = ()
    group_paths: FieldPaths = field(default_factory=dict)
    fields: tuple[str, ...] = ()
    value_paths: FieldPaths = field(default_factory=dict)
    percentile: Number = 50
    expression: Expression | None = None
    carry: tuple[str, ...] = ()
    carry_paths: FieldPaths = field(default_factory=dict)
    alerts: bool = True

    @property
    def condition(self) -> str:
        """What a window must measure, in one line."""
        if self.expression is not None:
            return f"{self.type}: {self.expression}"
        what = f"({', '.join(self.fields)})" if self.fields else ""
        rank = f" p{plain(self.percentile)}" if self.type is CorrelationType.VALUE_PERCENTILE else ""
        return f"{self.type}{what}{rank} {' and '.join(map(str, self.bounds))}"

    @property
    def grows(self) -> bool:
        """Whether more hits can never make a true condition false, so that it may be told before all have come."""
        if self.expression is not None:
            return not self.expression.denies
        counted = self.type.counts_rules or self.type in (CorrelationType.EVENT_COUNT, CorrelationType.VALUE_COUNT)
        return counted and all(bound.op in ("gt", "gte") for bound in self.bounds)


Rule = MatchRule | Correlation
