"""A rule's condition as our own small tree: pySigma's parsed condition with fields mapped and values made tests."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from sigma import conditions

from correlator.sigma.modifiers import Test, Unsupported, keyword, tests_of

#: A rule with more tests than this is a bomb, not a rule.
MAX_TESTS = 20_000

FieldMap = Callable[[str], tuple[str, ...]]


@dataclass(frozen=True, slots=True)
class Leaf:
    """One test of a field. `paths` are where an event may hold the field; none for a keyword, which may be anywhere."""

    paths: tuple[str, ...]
    test: Test


@dataclass(frozen=True, slots=True)
class All:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Either:
    items: tuple[Node, ...]


@dataclass(frozen=True, slots=True)
class Not:
    item: Node


Node = Leaf | All | Either | Not


def build(condition: Any, paths_of: FieldMap) -> Node:
    """The tree of a condition that pySigma parsed (`SigmaCondition.parsed`).

    Raises Unsupported, with the field it concerns, where a value or the condition cannot be evaluated exactly.
    """
    node = _build(condition, paths_of)
    if _size(node) > MAX_TESTS:
        raise Unsupported(f"more than {MAX_TESTS} tests in one rule")
    return node


def _build(condition: Any, paths_of: FieldMap) -> Node:
    match condition:
        case conditions.ConditionAND():
            return All(tuple(_build(inner, paths_of) for inner in condition.args))
        case conditions.ConditionOR():
            return Either(tuple(_build(inner, paths_of) for inner in condition.args))
        case conditions.ConditionNOT():
            return Not(_build(condition.args[0], paths_of))
        case conditions.ConditionFieldEqualsValueExpression():
            return _field(condition.field, condition.value, paths_of)
        case conditions.ConditionValueExpression():
            return _any_of((), keyword(condition.value))
    raise Unsupported(f"condition of type {type(condition).__name__} is not evaluated")


def _field(field: str, value: Any, paths_of: FieldMap) -> Node:
    try:
        tests = tests_of(value)
    except Unsupported as fault:
        raise Unsupported(fault.reason, field) from fault
    return _any_of(paths_of(field), tests)


def _any_of(paths: tuple[str, ...], tests: tuple[Test, ...]) -> Node:
    leaves = tuple(Leaf(paths, test) for test in tests)
    return leaves[0] if len(leaves) == 1 else Either(leaves)


def _size(node: Node) -> int:
    match node:
        case All(items) | Either(items):
            return sum(_size(item) for item in items)
        case Not(item):
            return _size(item)
    return 1
