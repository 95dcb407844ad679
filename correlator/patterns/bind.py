"""Observation expressions: is there an observation for each part of a pattern, all different, at the right times?

A binding is a tuple of observations. What a pattern says about time only makes the pool smaller from which its parts
are bound: START/STOP to what touches that stretch; WITHIN to each stretch of that length that ends where some
observation begins; FOLLOWEDBY to what could have been seen before a cut on the left, and after it on the right. An
observation spans `[first, last]`, and its true instant may be any in it (§9.5).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations

from correlator.patterns.tree import (
    MAX_OBSERVATIONS,
    Between,
    Joined,
    Joint,
    Observation,
    PatternError,
    Repeated,
    Single,
    Within,
)
from correlator.patterns.values import literal

#: How many pools one search may look at before it gives up, which is told and never taken for an answer.
MAX_STEPS = 20_000
#: REPEATS of more than one observation at a time.
MAX_COMPOUND_REPEATS = 50


@dataclass(frozen=True, slots=True)
class Seen:
    """One observation as a pattern sees it: times in microseconds, and the singles it can stand for, as bits."""

    id: str
    first: int
    last: int
    singles: int


@dataclass(frozen=True, slots=True)
class Leaf:
    bit: int


@dataclass(frozen=True, slots=True)
class Both:
    """Two bindings without an observation in common; with `ordered`, the left one before the right one."""

    left: Plan
    right: Plan
    ordered: bool


@dataclass(frozen=True, slots=True)
class Either:
    parts: tuple[Plan, ...]


@dataclass(frozen=True, slots=True)
class Times:
    inner: Plan
    times: int


@dataclass(frozen=True, slots=True)
class Stretch:
    """Inside some stretch of `length` microseconds."""

    inner: Plan
    length: int


@dataclass(frozen=True, slots=True)
class Span:
    """Inside `[start, stop)`, microseconds."""

    inner: Plan
    start: int
    stop: int


Plan = Leaf | Both | Either | Times | Stretch | Span
Pool = Sequence[Seen]
Binding = tuple[Seen, ...]


class SearchGivenUp(Exception):
    """More combinations than MAX_STEPS: there is no answer."""


def planned(tree: Observation, singles: list[Single]) -> Plan:
    """The plan of a pattern; its singles are appended in order and stand in the plan as bits. Raises PatternError."""
    match tree:
        case Single():
            singles.append(tree)
            return Leaf(1 << (len(singles) - 1))
        case Joined():
            return _joined(tree.joint, [planned(part, singles) for part in tree.parts])
        case Repeated():
            plan = planned(tree.inner, singles)
            if needed(plan) * tree.times > MAX_OBSERVATIONS:
                raise PatternError(f"a pattern that needs more than {MAX_OBSERVATIONS} observations", tree.at)
            if not isinstance(plan, Leaf) and tree.times > MAX_COMPOUND_REPEATS:
                raise PatternError(f"REPEATS of a compound more than {MAX_COMPOUND_REPEATS} times", tree.at)
            return Times(plan, tree.times) if tree.times > 1 else plan
        case Within():
            return Stretch(planned(tree.inner, singles), round(min(tree.seconds, 1e12) * 1e6))
        case Between():
            start, stop = (round(literal(edge).timestamp() * 1e6) for edge in (tree.start, tree.stop))
            return Span(planned(tree.inner, singles), start, stop)


def _joined(joint: Joint, plans: list[Plan]) -> Plan:
    if joint is Joint.OR:
        return Either(tuple(plans))
    plan = plans[0]
    for other in plans[1:]:
        plan = Both(plan, other, joint is Joint.FOLLOWEDBY)
    return plan


def stretch_of(plan: Plan) -> int | None:
    """How far apart, in microseconds, the observations of a binding may lie; None: any distance."""
    match plan:
        case Leaf():
            return 0
        case Stretch():
            inner = stretch_of(plan.inner)
            return plan.length if inner is None else min(inner, plan.length)
        case Either():
            spans = [stretch_of(part) for part in plan.parts]
            return None if None in spans else max(span for span in spans if span is not None)
        case Span():
            return stretch_of(plan.inner)
        case Both() | Times():
            return None


def needed(plan: Plan) -> int:
    """The most observations that a binding has."""
    match plan:
        case Leaf():
            return 1
        case Either():
            return max(needed(part) for part in plan.parts)
        case Both():
            return needed(plan.left) + needed(plan.right)
        case Times():
            return plan.times * needed(plan.inner)
        case Stretch() | Span():
            return needed(plan.inner)


def first_binding(plan: Plan, pool: Pool, new: Seen | None = None) -> Binding | None:
    """A binding of the plan, one that holds `new` where that is given. Raises SearchGivenUp.

    Of several the first in the pool's order is taken.
    """
    if new is not None and not new.singles:
        return None
    return next(_Search().bindings(plan, pool, new), None)


class _Search:
    """Counts its steps; each generator gives bindings from the pool it is given, with `new` in each if there is one."""

    def __init__(self) -> None:
        self._steps = 0

    def bindings(self, plan: Plan, pool: Pool, new: Seen | None) -> Iterator[Binding]:
        self._steps += 1
        if self._steps > MAX_STEPS:
            raise SearchGivenUp
        if not _enough(plan, pool):
            return
        match plan:
            case Leaf():
                yield from ((seen,) for seen in _standing(plan, pool) if new is None or seen is new)
            case Either():
                for part in plan.parts:
                    yield from self.bindings(part, pool, new)
            case Both():
                yield from self._both(plan, pool, new)
            case Times():
                yield from self._times(plan, pool, new)
            case Stretch():
                for end in _ends(pool, new, plan.length):
                    inside = [seen for seen in pool if seen.first <= end and seen.last >= end - plan.length]
                    yield from self.bindings(plan.inner, inside, new)
            case Span():
                inside = [seen for seen in pool if _touches(seen, plan)]
                if new is None or _touches(new, plan):
                    yield from self.bindings(plan.inner, inside, new)

    def _both(self, plan: Both, pool: Pool, new: Seen | None) -> Iterator[Binding]:
        if not plan.ordered:
            yield from self._pairs(plan, pool, pool, new)
            return
        for cut in sorted({seen.first for seen in pool}, reverse=True):
            before = [seen for seen in pool if seen.first <= cut]
            after = [seen for seen in pool if seen.last >= cut]
            yield from self._pairs(plan, before, after, new)

    def _pairs(self, plan: Both, before: Pool, after: Pool, new: Seen | None) -> Iterator[Binding]:
        if not (_enough(plan.left, before) and _enough(plan.right, after)):
            return
        for in_left in (False, True) if new is not None else (False,):
            side = before if in_left else after
            if new is not None and not any(seen is new for seen in side):
                continue
            for left in self.bindings(
                plan.left, _without(before, () if in_left else _tuple(new)), new if in_left else None
            ):
                for right in self.bindings(plan.right, _without(after, left), None if in_left else new):
                    yield left + right

    def _times(self, plan: Times, pool: Pool, new: Seen | None) -> Iterator[Binding]:
        """Which repetition holds `new` is all one, so it is the first."""
        if isinstance(plan.inner, Leaf):
            standing = [seen for seen in _standing(plan.inner, pool) if seen is not new]
            if new is None:
                yield from self._counted(combinations(standing, plan.times))
            elif new.singles & plan.inner.bit:
                yield from self._counted((new, *rest) for rest in combinations(standing, plan.times - 1))
            return
        rest = Times(plan.inner, plan.times - 1) if plan.times > 2 else plan.inner
        for first in self.bindings(plan.inner, pool, new):
            for others in self.bindings(rest, _without(pool, first), None):
                yield first + others

    def _counted(self, found: Iterator[Binding]) -> Iterator[Binding]:
        for binding in found:
            self._steps += 1
            if self._steps > MAX_STEPS:
                raise SearchGivenUp
            yield binding


def _standing(leaf: Leaf, pool: Pool) -> list[Seen]:
    return [seen for seen in pool if seen.singles & leaf.bit]


def _enough(plan: Plan, pool: Pool) -> bool:
    """False where no binding can be, were time no matter and observations shared: a search is then not worth it."""
    match plan:
        case Leaf():
            return any(seen.singles & plan.bit for seen in pool)
        case Either():
            return any(_enough(part, pool) for part in plan.parts)
        case Both():
            return _enough(plan.left, pool) and _enough(plan.right, pool)
        case Times():
            if isinstance(plan.inner, Leaf):
                return sum(1 for seen in pool if seen.singles & plan.inner.bit) >= plan.times
            return _enough(plan.inner, pool)
        case Stretch() | Span():
            return _enough(plan.inner, pool)


def _ends(pool: Pool, new: Seen | None, length: int) -> list[int]:
    """Where a stretch may end so that each binding lies in one of them: where an observation begins, newest first."""
    if new is None:
        return sorted({seen.first for seen in pool}, reverse=True)
    return sorted({seen.first for seen in pool if new.first <= seen.first <= new.last + length}, reverse=True)


def _touches(seen: Seen, span: Span) -> bool:
    return span.start < span.stop and seen.first < span.stop and seen.last >= span.start


def _tuple(new: Seen | None) -> Binding:
    return () if new is None else (new,)


def _without(pool: Pool, taken: Binding) -> Pool:
    """The pool without these very observations."""
    if not taken:
        return pool
    gone = {id(seen) for seen in taken}
    return [seen for seen in pool if id(seen) not in gone]
