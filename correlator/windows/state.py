"""The state of one correlation: its groups, and a queue of those whose windows wait to be decided."""

from __future__ import annotations

import heapq
from collections import OrderedDict
from collections.abc import Iterator, Sequence
from datetime import timedelta
from itertools import islice, product
from math import prod
from typing import Any

from correlator.facts import text_of
from correlator.numbers import number_of
from correlator.rule import Correlation
from correlator.sigma.taxonomy import Paths
from correlator.windows import snapshot
from correlator.windows.group import MAX_COMBINATIONS, Group, Plan
from correlator.windows.hits import Entities, Evidence, Fired, GroupKey, Hit, Inner, Occurrence, WindowCounts
from vonggac.domain.times import to_epoch_us

MAX_GROUPS = 20_000
#: Hits in all groups of a correlation together.
MAX_HITS = 500_000
#: How much older than the newest event one may be and still count in full.
LATENESS = timedelta(minutes=10)
#: Later than any event, in µs since 1970.
FOREVER = 1 << 62
_SECOND = 1_000_000


class Windows:
    """The windows of one correlation. `digest` names the rule (and those below it) that the state belongs to."""

    def __init__(self, correlation: Correlation, lateness: timedelta = LATENESS, digest: str = "") -> None:
        self.correlation = correlation
        self.digest = digest
        self._lateness = lateness // timedelta(microseconds=1)
        self._plan = Plan(correlation)
        self._by_rule = correlation.type.counts_rules
        self._in_numbers = correlation.type.takes_numbers
        self._groups: OrderedDict[GroupKey, Group] = OrderedDict()
        self._queue: list[tuple[int, GroupKey]] = []

    @property
    def counts(self) -> WindowCounts:
        return self._plan.counts

    @property
    def next_due(self) -> int:
        """An event of this time, or a later one, decides a window (µs since 1970)."""
        return self._due(self._queue[0][0]) if self._queue else FOREVER

    def hits(self, rule_id: str, occurrence: Occurrence) -> Iterator[tuple[GroupKey, Hit]]:
        """What an occurrence of one of the correlation's rules is to it: a hit for each group it belongs to."""
        correlation = self.correlation
        columns = [_texts(occurrence, paths) for paths in correlation.group_paths.get(rule_id, ())]
        value = self._value(rule_id, occurrence)
        if value is None or not all(columns):
            self.counts.ungrouped += 1
            return
        hit = Hit(
            to_epoch_us(occurrence.time),
            occurrence.id,
            rule_id if self._by_rule else "",
            value,
            tuple(_texts(occurrence, paths) for paths in correlation.carry_paths.get(rule_id, ())),
            _evidence(occurrence),
        )
        for key in self._combinations(columns):
            yield key, hit

    def add(self, key: GroupKey, hit: Hit, entities: Entities) -> list[Fired]:
        """Put the hit into its group; the windows that this makes fire."""
        group = self._groups.get(key)
        if group is None:
            group = self._groups[key] = Group(self._plan, key)
        else:
            self._groups.move_to_end(key)
        fired = group.add(hit, entities)
        self._schedule(group)
        self._forget(hit.at)
        if len(self._groups) > MAX_GROUPS or self._plan.held > MAX_HITS:
            self._evict()
        return fired

    def advance(self, now: int) -> list[Fired]:
        """Decide what an event of this time makes due; the windows that fire, in order of their ends.

        FOREVER decides all that waits.
        """
        fired: list[Fired] = []
        while self._queue and self.next_due <= now:
            at, key = heapq.heappop(self._queue)
            group = self._groups.get(key)
            if group is None or group.scheduled != at:
                continue
            fired += group.settle(now if now >= FOREVER else now - self._lateness)
            group.scheduled = None
            self._schedule(group)
        if now < FOREVER:
            self._forget(now)
        return sorted(fired, key=lambda one: (one.end, tuple(one.group.values())))

    def dump(self) -> bytes:
        """The state, so that `load` in another process goes on from here. The same state gives the same bytes."""
        return snapshot.dump(self.digest, self._plan, self._groups.values())

    def load(self, data: bytes) -> bool:
        """The state is the one dumped. False, and nothing is changed, where it belongs to another rule or form."""
        plan = Plan(self.correlation)
        groups = snapshot.load(data, self.digest, plan)
        if groups is None:
            return False
        self._plan, self._queue = plan, []
        self._groups = OrderedDict((group.key, group) for group in groups)
        for group in groups:
            self._schedule(group)
        return True

    def _due(self, at: int) -> int:
        return ((at + self._lateness) // _SECOND + 1) * _SECOND

    def _schedule(self, group: Group) -> None:
        pending = group.pending
        if pending is not None and (group.scheduled is None or pending < group.scheduled):
            group.scheduled = pending
            heapq.heappush(self._queue, (pending, group.key))

    def _forget(self, now: int) -> None:
        """Drop the least recently touched groups that are over; at most two at a time, so that a hit stays cheap."""
        limit = now - self._plan.span - self._lateness
        for _ in range(2):
            oldest = next(iter(self._groups.values()), None)
            if oldest is None or oldest.pending is not None or (oldest.hits and oldest.hits[-1].at >= limit):
                return
            self._let_go(oldest)

    def _evict(self) -> None:
        while len(self._groups) > MAX_GROUPS or (self._plan.held > MAX_HITS and len(self._groups) > 1):
            oldest = next(iter(self._groups.values()))
            self._let_go(oldest)
            self.counts.evicted_groups += 1

    def _let_go(self, group: Group) -> None:
        del self._groups[group.key]
        self._plan.held -= len(group.hits)

    def _value(self, rule_id: str, occurrence: Occurrence) -> tuple[Any, ...] | None:
        """What is counted or reckoned with; None where the field is absent or holds no number."""
        paths = self.correlation.value_paths.get(rule_id, ())
        if not paths:
            return ()
        if not self._in_numbers:
            columns = [_texts(occurrence, one) for one in paths]
            return self._combinations(columns) if all(columns) else None
        values = [value for one in paths for value in _values(occurrence, one)]
        numbers = tuple(number for number in map(number_of, values) if number is not None)
        self.counts.not_a_number += len(values) - len(numbers)
        return numbers or None

    def _combinations(self, columns: Sequence[tuple[str, ...]]) -> tuple[tuple[str, ...], ...]:
        """Each combination of the columns' values; those over the limit are left out and the occurrence is counted."""
        if prod(map(len, columns)) > MAX_COMBINATIONS:
            self.counts.cut_combinations += 1
        return tuple(islice(product(*columns), MAX_COMBINATIONS))


def _values(occurrence: Occurrence, paths: Paths) -> Sequence[Any]:
    """The values of the first path that has any."""
    return next((values for path in paths if (values := occurrence.get(path))), ())


def _texts(occurrence: Occurrence, paths: Paths) -> tuple[str, ...]:
    """The distinct values as text."""
    return tuple(dict.fromkeys(text_of(value) for value in _values(occurrence, paths)))


def _evidence(occurrence: Occurrence) -> Evidence | None:
    return occurrence.evidence if isinstance(occurrence, Inner) else None
