"""Which of many rules an event fulfils.

The event's log source (`Origin`) chooses the rules that speak of it; rules that always go together make a `_Plan`. A
plan asks each of its rules at first. Once that has cost more than to load compiled loops, a sieve (`correlator.sieve`)
goes first, whose cost hardly grows with the rules, and only of the candidates that it is not sure of the whole
condition is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from typing import Any

from correlator.compiled import compiled_loops
from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sieve import Sieve
from correlator.sigma.compile import Predicate, compile_tree
from correlator.sigma.taxonomy import Origin, applies, origin_of
from vonggac.domain.event import Document

#: Origins and plans remembered; what is over begins anew. A plan of a thousand rules takes half a second and 2 MB.
MAX_ORIGINS = 4_096
MAX_PLANS = 128
#: Rules asked of events, at five microseconds or so each, before the loops are loaded: half a second, and 100 MB.
WORTH = 50_000


class Matcher:
    """The rules, and what has been learnt of the events so far. What is remembered only saves time."""

    def __init__(self, rules: Sequence[MatchRule], loops: Callable[[], Any] = compiled_loops) -> None:
        """`loops` gives those of `correlator.loops` when they are worth it."""
        self.rules = tuple(rules)
        self.faults: Counter[str] = Counter()
        self._loops = loops
        self._asked = 0
        self._sources = frozenset(rule.source for rule in rules)
        self._predicates: dict[int, Predicate] = {}
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._by_origin: dict[Origin, _Plan] = {}

    def hits(self, events: Sequence[Document]) -> list[list[MatchRule]]:
        """Of each event the rules that it fulfils, in their order. A rule that fails on an event is counted in
        `faults`."""
        found: list[list[MatchRule]] = [[] for _ in events]
        by_plan: dict[_Plan, list[int]] = {}
        for at, event in enumerate(events):
            plan = self._plan(origin_of(event))
            if plan.rules:
                by_plan.setdefault(plan, []).append(at)
        for plan, numbers in by_plan.items():
            self._asked += len(numbers) * len(plan.rules)
            if self._asked < WORTH:
                for at in numbers:
                    found[at] = self._asked_one_by_one(plan, events[at])
            else:
                self._sifted(plan, events, numbers, found)
        return found

    def _asked_one_by_one(self, plan: _Plan, event: Document) -> list[MatchRule]:
        facts = Facts(event)
        return [self.rules[index] for index in plan.rules if self._holds(index, facts)]

    def _sifted(
        self, plan: _Plan, events: Sequence[Document], numbers: Sequence[int], found: list[list[MatchRule]]
    ) -> None:
        """`found` holds what the plan's rules find in the events of these numbers."""
        left: dict[int, dict[int, bool]] = {}
        sieve = plan.sieve(self.rules)
        for number, rule, sure in sieve.candidates(self._loops(), [events[at] for at in numbers]):
            at = numbers[number]
            if rule is None:
                found[at] = self._asked_one_by_one(plan, events[at])
            else:
                rules = left.setdefault(at, {})
                rules[rule] = rules.get(rule, False) or sure
        for at, rules in left.items():
            facts = Facts(events[at])
            found[at] = [self.rules[index] for index in sorted(rules) if rules[index] or self._holds(index, facts)]

    def _holds(self, index: int, facts: Facts) -> bool:
        predicate = self._predicates.get(index)
        if predicate is None:
            predicate = self._predicates[index] = compile_tree(self.rules[index].tree)
        try:
            return predicate(facts)
        except Exception as error:  # one rule's fault on one strange value must not stop the watch
            self.faults[f"rule {self.rules[index].info.id}: {type(error).__name__}"] += 1
            return False

    def _plan(self, origin: Origin) -> _Plan:
        plan = self._by_origin.get(origin)
        if plan is None:
            if len(self._by_origin) >= MAX_ORIGINS:
                self._by_origin.clear()
            concerned = {source for source in self._sources if applies(source, origin)}
            chosen = tuple(index for index, rule in enumerate(self.rules) if rule.source in concerned)
            if chosen not in self._plans and len(self._plans) >= MAX_PLANS:
                self._plans.clear()
                self._by_origin.clear()
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
