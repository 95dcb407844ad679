"""A rule's condition as a tree of tests."""

from __future__ import annotations

from dataclasses import dataclass

from correlator.sigma.field_tests import Test


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


def joined(kind: type[All] | type[Either], items: tuple[Node, ...]) -> Node:
    """The items as one node; one alone is itself."""
    return items[0] if len(items) == 1 else kind(items)


def size(node: Node) -> int:
    """How many tests the tree holds, each as often as it stands in it."""
    match node:
        case All(items) | Either(items):
            return sum(size(item) for item in items)
        case Not(item):
            return size(item)
    return 1
