"""Which of many rules an event fulfils.

The event's log source (`Origin`) chooses the rules that speak of it; rules that always go together make a `_Plan`. At
first each rule of the plan is asked. Once that has cost more than to load compiled loops, they go first
(`correlator.sifting`), at a cost that hardly grows with the rules: over an event's text, without making it an object of
Python; and only of candidates that they are not sure of the whole condition is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from typing import Any

from correlator.compiled import compiled_loops
from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sifting.batch import Batch, Reader, Stretch, Tracer
from correlator.sifting.sieve import Sieve
from correlator.sigma.compile import Predicate, compile_tree
from correlator.sigma.taxonomy import Origin, applies, origin_of
from vonggac.domain.event import Document

#: Keys of origins, origins and plans remembered; what is over begins anew. A plan of a thousand rules takes half a
#: second and 2 MB.
MAX_ORIGINS = 4_096
MAX_PLANS = 128
#: Rules asked of events, at two microseconds or so each, before the loops are loaded: half a second, and 100 MB.
WORTH = 200_000


class Matcher:
    """The rules, and what has been learnt of the events so far. What is remembered only saves time."""

    def __init__(
        self, rules: Sequence[MatchRule], loops: Callable[[], Any] = compiled_loops, worth: int | None = None
    ) -> None:
        """`loops` gives those of `correlator.loops` once they are worth it; `worth`: after so many rules asked."""
        self.rules = tuple(rules)
        self.faults: Counter[str] = Counter()
        self._loops = loops
        self._to_ask = WORTH if worth is None else worth
        self._reader = Reader()
        self._tracer = Tracer()
        self._sources = frozenset(rule.source for rule in rules)
        self._predicates: dict[int, Predicate] = {}
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._by_origin: dict[Origin, _Plan] = {}
        self._by_key: dict[bytes, _Plan] = {}

    def hits(self, events: Sequence[Document]) -> list[list[MatchRule]]:
        """Of each event the rules that it fulfils, in their order. A rule that fails on an event is counted in
        `faults`."""
        if self._to_ask <= 0:
            return self._sifted(events)
        found: list[list[MatchRule]] = []
        for at, event in enumerate(events):
            if self._to_ask <= 0:
                return found + self._sifted(events[at:])
            plan = self._plan(origin_of(event))
            self._to_ask -= len(plan.rules)
            found.append(self._asked(plan, event))
        return found

    def _asked(self, plan: _Plan, event: Document) -> list[MatchRule]:
        facts = Facts(event)
        return [self.rules[index] for index in plan.rules if self._holds(index, facts)]

    def _sifted(self, events: Sequence[Document]) -> list[list[MatchRule]]:
        batch, loops = Batch(events), self._loops()
        found: list[list[MatchRule]] = [[] for _ in range(len(batch))]
        for stretch in self._reader.stretches(loops, batch):
            by_plan: dict[_Plan, list[int]] = {}
            for at, key in enumerate(self._tracer.keys(loops, stretch), stretch.first):
                plan = self._by_key.get(key) or self._plan_of(key, batch.document(at))
                if key or stretch.is_read(at):
                    by_plan.setdefault(plan, []).append(at)
                else:
                    found[at] = self._asked(plan, batch.document(at))
            for plan, numbers in by_plan.items():
                if plan.rules:
                    self._settle(plan.sieve(self.rules).candidates(loops, stretch, numbers), stretch, found)
        return found

    def _settle(
        self, candidates: Iterable[tuple[int, int, bool]], stretch: Stretch, found: list[list[MatchRule]]
    ) -> None:
        """`found` holds the rules of those candidates that match."""
        left: dict[int, dict[int, bool]] = {}
        for at, index, sure in candidates:
            rules = left.setdefault(at, {})
            rules[index] = rules.get(index, False) or sure
        for at, rules in left.items():
            facts = None if all(rules.values()) else Facts(stretch.batch.document(at))
            found[at] = [
                self.rules[index]
                for index, sure in sorted(rules.items())
                if sure or (facts is not None and self._holds(index, facts))
            ]

    def _holds(self, index: int, facts: Facts) -> bool:
        predicate = self._predicates.get(index)
        if predicate is None:
            predicate = self._predicates[index] = compile_tree(self.rules[index].tree)
        try:
            return predicate(facts)
        except Exception as error:  # one rule's fault on one strange value must not stop the watch
            self.faults[f"rule {self.rules[index].info.id}: {type(error).__name__}"] += 1
            return False

    def _plan_of(self, key: bytes, event: Document) -> _Plan:
        plan = self._plan(origin_of(event))
        if key:
            if len(self._by_key) >= MAX_ORIGINS:
                self._by_key.clear()
            self._by_key[key] = plan
        return plan

    def _plan(self, origin: Origin) -> _Plan:
        plan = self._by_origin.get(origin)
        if plan is None:
            if len(self._by_origin) >= MAX_ORIGINS:
                self._by_origin.clear()
            concerned = {source for source in self._sources if applies(source, origin)}
            chosen = tuple(index for index, rule in enumerate(self.rules) if rule.source in concerned)
            if chosen not in self._plans and len(self._plans) >= MAX_PLANS:
                for remembered in (self._plans, self._by_origin, self._by_key):
                    remembered.clear()
            plan = self._by_origin[origin] = self._plans.setdefault(chosen, _Plan(chosen))
        return plan


class _Plan:
    """Rules, by their numbers, that are asked of the same events; their sieve is made when it is first wanted."""

    def __init__(self, rules: tuple[int, ...]) -> None:
        self.rules = rules
        self._sieve: Sieve | None = None

    def sieve(self, rules: Sequence[MatchRule]) -> Sieve:
        if self._sieve is None:
            self._sieve = Sieve([(index, rules[index]) for index in self.rules])
        return self._sieve
