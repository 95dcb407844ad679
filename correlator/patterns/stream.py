"""Patterns over a stream of events: what was seen is kept as long as it can still be part of a binding.

An event is one observation at its `@timestamp`. A pattern is found by the event that completes it, in whichever order
the events come: each new one is looked at with all that are kept, earlier and later. Of a pattern at most MAX_KEPT
events are kept (or twice as many as it needs), and none that lies further from the newest than the pattern's WITHIN
and the lateness allow; what goes although it might have mattered is counted.
"""

from __future__ import annotations

from bisect import insort
from collections import Counter
from collections.abc import Iterator, Mapping
from typing import Any

from correlator.patterns.bind import Binding, Leaf, Plan, SearchGivenUp, Seen, first_binding, needed, stretch_of
from correlator.patterns.cyber import types_in
from correlator.patterns.pattern import Pattern

MAX_KEPT = 256


class PatternWatch:
    """What is remembered for each of some patterns. `counts` says by reason what was let go or could not be decided."""

    def __init__(self, patterns: Mapping[str, Pattern], lateness_us: int, before: PatternWatch | None = None) -> None:
        """Of a pattern that stands under the same name in `before`, what was seen is taken over."""
        self.counts: Counter[str] = before.counts if before else Counter()
        self._names, self._patterns = tuple(patterns), tuple(patterns.values())
        known: Mapping[str, _Kept] = before.kept if before else {}
        self.kept: dict[str, _Kept] = {
            name: known.get(name) or _Kept(each.plan, lateness_us) for name, each in patterns.items()
        }
        self._kept = tuple(self.kept.values())
        self._by_type: dict[str, list[int]] = {}
        for number, pattern in enumerate(self._patterns):
            for name in frozenset().union(*pattern.types):
                self._by_type.setdefault(name, []).append(number)

    def take(self, identity: str, at: int, objects: Mapping[str, Mapping[str, Any]]) -> Iterator[tuple[str, Binding]]:
        """Each pattern (by its name) that this event completes, with what is bound. `at` is in microseconds."""
        numbers = {number for name in types_in(objects) for number in self._by_type.get(name, ())}
        for number in sorted(numbers):
            try:
                singles = self._patterns[number].singles(objects)
                found = self._kept[number].add(Seen(identity, at, at, singles), self.counts) if singles else None
            except SearchGivenUp:
                self.counts["a pattern with too many combinations was not decided"] += 1
            except ValueError:
                self.counts["a value that a pattern compares with a time is none"] += 1
            else:
                if found is not None:
                    yield self._names[number], found


class _Kept:
    """The observations of one pattern in order of time."""

    __slots__ = ("_limit", "_most", "_plan", "_seen")

    def __init__(self, plan: Plan, lateness_us: int) -> None:
        reach = stretch_of(plan)
        self._plan = plan
        self._limit = None if reach is None else reach + lateness_us
        self._most = max(MAX_KEPT, 2 * needed(plan))
        self._seen: list[Seen] = []

    def add(self, new: Seen, counts: Counter[str]) -> Binding | None:
        """The binding that this observation completes. One that was added already adds nothing."""
        if isinstance(self._plan, Leaf):
            return (new,)
        if any(seen.id == new.id for seen in self._seen):
            return None
        insort(self._seen, new, key=lambda seen: seen.first)
        self._forget(counts)
        # Newest first, so that what is bound does not depend on how far back a restart reads again.
        return first_binding(self._plan, self._seen[::-1], new)

    def _forget(self, counts: Counter[str]) -> None:
        seen = self._seen
        if self._limit is not None:
            newest = seen[-1].first
            while seen[0].first < newest - self._limit:
                del seen[0]
        if len(seen) > self._most:
            del seen[0]
            counts["observations of a pattern let go"] += 1
