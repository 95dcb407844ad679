"""Sliding windows in event time: for each correlation, one row of hits per group.

The rules of the game, for a correlation with timespan T:

- A window ends at a hit's time t and holds the group's hits in (t - T, t]. Its condition is asked at every hit.
- A group fires when its condition becomes true, and once in each stretch of T (counted from 1970): what goes on fires
  again in the next stretch. Windows slide; only the silence after firing keeps to the stretches. So whether a group
  fires in a stretch depends on the hits near it alone - not on what fired before, on where the input was cut into
  batches, or on a restart - and the detection's id, which rule, group and stretch give, is the same each time.
- A hit that comes late is put where its time says, and every window it belongs to is asked again. With gt and gte the
  detections are therefore the same in whatever order hits come, up to LATENESS before the group's newest; older ones
  are counted as late and left out. (lt, lte, eq and neq are asked of what has come so far.)
- The same event counts once, however often it is fed.
- State is bounded: hits per group and groups per correlation. What must go is the oldest, and is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import islice, product
from typing import Any

from correlator.facts import Facts, text_of
from correlator.rule import Correlation, CorrelationType
from correlator.sigma.compile import COMPARISONS
from correlator.sigma.fields import Paths

MAX_GROUPS = 20_000
MIN_HITS = 4_096
#: An event with lists in several group-by fields belongs to each combination, up to this many.
MAX_GROUPS_PER_EVENT = 16
#: How much older than its group's newest hit one may be and still count in full.
LATENESS = timedelta(minutes=10)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)

GroupKey = tuple[str, ...]


@dataclass(frozen=True, slots=True, order=True)
class Hit:
    """One event that matched one of a correlation's rules. Ordered by time, then id: the same order in every run.

    `rule` is empty where the correlation does not care which of its rules it was.
    """

    time: datetime
    event: str
    rule: str = ""
    value: tuple[str, ...] = ()
    entities: Mapping[str, Any] = field(default_factory=dict, compare=False)


@dataclass(frozen=True, slots=True)
class Fired:
    """A window whose condition became true: its hits in order of time, and when its stretch began."""

    group: Mapping[str, str]
    stretch: datetime
    hits: tuple[Hit, ...]


@dataclass(slots=True)
class WindowCounts:
    """What the windows could not use or keep, since the start."""

    ungrouped: int = 0  # a group-by or counted field was absent
    late: int = 0
    evicted_hits: int = 0
    evicted_groups: int = 0


class Windows:
    """The state of one correlation."""

    def __init__(self, correlation: Correlation) -> None:
        self.correlation = correlation
        self.counts = WindowCounts()
        self._groups: OrderedDict[GroupKey, _Group] = OrderedDict()
        self._newest: datetime | None = None

    def hits(self, rule_id: str, facts: Facts, entities: Mapping[str, Any]) -> Iterator[tuple[GroupKey, Hit]]:
        """What an event that matched one of the correlation's rules is to it: a hit for each group it belongs to."""
        correlation = self.correlation
        columns = [_values(facts, paths) for paths in correlation.group_paths[rule_id]]
        counted = [_values(facts, paths) for paths in correlation.value_paths[rule_id]]
        if not all(columns) or not all(counted):
            self.counts.ungrouped += 1
            return
        value = tuple(column[0] for column in counted)
        rule = rule_id if correlation.type in (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED) else ""
        hit = Hit(facts.time, facts.id, rule, value, entities)
        for key in islice(product(*columns), MAX_GROUPS_PER_EVENT):
            yield key, hit

    def add(self, key: GroupKey, hit: Hit) -> list[Fired]:
        """Put the hit into its group; the windows that this makes fire, in order of time."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = _Group(self.correlation, self.counts)
            if len(self._groups) > MAX_GROUPS:
                self._groups.popitem(last=False)
                self.counts.evicted_groups += 1
        else:
            self._groups.move_to_end(key)
        fired = group.add(hit)
        self._forget(hit.time)
        if not fired:
            return []
        named = dict(zip(self.correlation.group_by, key, strict=True))
        return [Fired(named, _EPOCH + stretch * self.correlation.timespan, hits) for stretch, hits in fired]

    def _forget(self, now: datetime) -> None:
        """Drop the least recently touched groups that are over; at most two at a time, so that a hit stays cheap."""
        self._newest = max(now, self._newest or now)
        limit = self._newest - self.correlation.timespan - LATENESS
        for _ in range(2):
            oldest = next(iter(self._groups), None)
            if oldest is None or self._groups[oldest].hits[-1].time >= limit:
                return
            del self._groups[oldest]


class _Group:
    """The hits of one group in order, and a tally of those in the newest window, which begins at index `low`."""

    __slots__ = ("_counts", "_fired", "_low", "_max_hits", "_rule", "_tally", "_true", "hits")

    def __init__(self, rule: Correlation, counts: WindowCounts) -> None:
        self._rule = rule
        self._true = COMPARISONS[rule.op]
        self._counts = counts
        self._max_hits = max(MIN_HITS, 2 * rule.threshold)
        self._low = 0
        self._tally: Counter[object] = Counter()
        self._fired: set[int] = set()
        self.hits: list[Hit] = []

    def add(self, hit: Hit) -> list[tuple[int, tuple[Hit, ...]]]:
        """(stretch, hits) of each window that fires."""
        hits = self.hits
        if hits and hit <= hits[-1]:
            return self._add_late(hit)
        hits.append(hit)
        self._tally[self._key(hit)] += 1
        self._slide()
        fired = self._ask_newest()
        self._trim()
        return fired

    def _add_late(self, hit: Hit) -> list[tuple[int, tuple[Hit, ...]]]:
        hits, newest = self.hits, self.hits[-1].time
        if hit.time <= newest - self._rule.timespan - LATENESS:
            self._counts.late += 1
            return []
        at = bisect_left(hits, hit)
        if hits[at] == hit:
            return []
        hits.insert(at, hit)
        if hit.time > newest - self._rule.timespan:
            self._tally[self._key(hit)] += 1
        else:
            self._low += 1
        fired = self._ask_newest() if hit.time == newest else self._ask_around(hit)
        self._trim()
        return fired

    def _slide(self) -> None:
        """Move the newest window's beginning up to the newest hit's time less the timespan."""
        begin = self.hits[-1].time - self._rule.timespan
        while self.hits[self._low].time <= begin:
            self._take_out(self._tally, self.hits[self._low])
            self._low += 1

    def _trim(self) -> None:
        """Drop hits that no window can need, a good many at a time; over the cap, the oldest."""
        hits = self.hits
        if self._low > 256 or len(hits) > self._max_hits:
            limit = hits[-1].time - self._rule.timespan - LATENESS
            self._drop(bisect_left(hits, limit, key=lambda hit: hit.time))
        if len(hits) > self._max_hits:
            excess = self._max_hits // 4
            self._counts.evicted_hits += excess
            self._drop(excess)

    def _drop(self, count: int) -> None:
        for hit in self.hits[self._low : count]:
            self._take_out(self._tally, hit)
        del self.hits[:count]
        self._low = max(0, self._low - count)

    def _ask_newest(self) -> list[tuple[int, tuple[Hit, ...]]]:
        stretch = self._stretch(self.hits[-1].time)
        if stretch in self._fired or not self._true(
            self._measure(self._tally, self._low, len(self.hits)), self._rule.threshold
        ):
            return []
        return [self._fire(stretch, self._low, len(self.hits))]

    def _ask_around(self, hit: Hit) -> list[tuple[int, tuple[Hit, ...]]]:
        """Ask every window that holds a hit put in late, oldest first."""
        hits, timespan, fired = self.hits, self._rule.timespan, []
        last = min(hits[-1].time, hit.time + timespan)
        if {self._stretch(hit.time), self._stretch(last)} <= self._fired:
            return []
        tally: Counter[object] = Counter()
        low = bisect_left(hits, hit.time - timespan, key=lambda other: other.time)
        for high in range(low, len(hits)):
            end = hits[high].time
            if end >= hit.time + timespan:
                break
            tally[self._key(hits[high])] += 1
            while hits[low].time <= end - timespan:
                self._take_out(tally, hits[low])
                low += 1
            if end < hit.time or (stretch := self._stretch(end)) in self._fired:
                continue
            if self._true(self._measure(tally, low, high + 1), self._rule.threshold):
                fired.append(self._fire(stretch, low, high + 1))
        return fired

    def _fire(self, stretch: int, low: int, high: int) -> tuple[int, tuple[Hit, ...]]:
        oldest = self._stretch(self.hits[0].time)
        self._fired = {earlier for earlier in self._fired if earlier >= oldest} | {stretch}
        return stretch, tuple(self.hits[low:high])

    def _stretch(self, end: datetime) -> int:
        return (end - _EPOCH) // self._rule.timespan

    def _measure(self, tally: Counter[object], low: int, high: int) -> int:
        """What the condition is asked of: events, distinct values, distinct rules, or rules hit in order."""
        match self._rule.type:
            case CorrelationType.EVENT_COUNT:
                return high - low
            case CorrelationType.TEMPORAL_ORDERED:
                return _in_order(self._rule.rules, self.hits, low, high)
            case _:
                return len(tally)

    def _key(self, hit: Hit) -> object:
        return hit.value if self._rule.type is CorrelationType.VALUE_COUNT else hit.rule

    def _take_out(self, tally: Counter[object], hit: Hit) -> None:
        key = self._key(hit)
        if tally[key] <= 1:
            del tally[key]
        else:
            tally[key] -= 1


def _in_order(rules: Sequence[str], hits: Sequence[Hit], low: int, high: int) -> int:
    """How many of the rules were hit one after the other in the order given, from the first on."""
    reached = 0
    for at in range(low, high):
        if hits[at].rule == rules[reached]:
            reached += 1
            if reached == len(rules):
                break
    return reached


def _values(facts: Facts, paths: Paths) -> list[str]:
    """The distinct values, as text, of the first path that has any."""
    for path in paths:
        values = facts.get(path)
        if values:
            return list(dict.fromkeys(text_of(value) for value in values))
    return []
