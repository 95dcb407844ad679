"""Rules ready to run: a predicate with its log source, or a correlation over other rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from enum import StrEnum

from correlator.sigma.fields import LogSource
from correlator.sigma.tree import Node
from vonggac.domain.detection import RuleInfo


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


@dataclass(frozen=True, slots=True)
class Correlation:
    """Sigma correlation (specification 2.1, "Sigma Correlation Rules").

    `rules` are ids of match rules. `group_by` are the names that the group is known by; `group_paths` gives for each
    rule where its events hold them, `value_paths` where they hold the counted fields.
    """

    info: RuleInfo
    name: str
    type: CorrelationType
    rules: tuple[str, ...]
    timespan: timedelta
    op: str
    threshold: int
    place: Place
    group_by: tuple[str, ...] = ()
    group_paths: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)
    value_paths: Mapping[str, tuple[tuple[str, ...], ...]] = field(default_factory=dict)


Rule = MatchRule | Correlation
