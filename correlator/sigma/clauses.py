"""What must be true of an event for a rule to match: a rule as rows of clauses that can be decided value by value.

A row stands for one way in which a rule can match; it has up to MAX_CLAUSES clauses, each a set of tests of which one
must pass. A row whose clauses all pass is only a candidate: negations, and tests that no single value decides, are not
in it. A rule none of whose rows is a candidate does not match.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from itertools import product

from correlator.sigma.tests import Compare, Inside, Missing, Number, Op, Pattern, Present, SameAs, Test, Text
from correlator.sigma.tree import All, Either, Leaf, Node, Not

MAX_CLAUSES = 4
#: A rule that can match in more ways than this has the alternatives in one clause instead of rows of their own.
MAX_ROWS = 16

Clause = tuple[Leaf, ...]
Row = tuple[Clause, ...]


def rows_of(node: Node) -> list[Row]:
    """The rows of a rule; a row without clauses is always a candidate."""
    return [_row(conjuncts) for conjuncts in _ways(node)]


def _row(conjuncts: Iterable[Node]) -> Row:
    clauses = [clause for clause in (_clause(node) for node in conjuncts) if clause is not None]
    cheap = sorted((clause for clause in clauses if not _is_slow(clause)), key=_share)
    return tuple((cheap or sorted(clauses, key=_share))[:MAX_CLAUSES])


def _ways(node: Node) -> list[list[Node]]:
    """The ways in which the node can be true, each a list of what must be true together."""
    match node:
        case All(items):
            split = [_ways(item) for item in items]
            rows = 1
            for at, ways in enumerate(split):
                if rows * len(ways) > MAX_ROWS:
                    split[at] = [[items[at]]]
                rows *= len(split[at])
            return [[each for way in chosen for each in way] for chosen in product(*split)]
        case Either(items) if not _is_plain(node):
            ways = [way for item in items for way in _ways(item)]
            return ways if len(ways) <= MAX_ROWS else [[node]]
    return [[node]]


def _is_plain(node: Node) -> bool:
    """Whether the node is a test, or alternatives of tests."""
    return isinstance(node, Leaf) or (isinstance(node, Either) and all(_is_plain(item) for item in node.items))


def _clause(node: Node) -> Clause | None:
    """Tests of which one must pass for the node to be true; None where no such tests are known."""
    match node:
        case Leaf(paths, test):
            return _of_leaf(paths, test)
        case Not(Leaf(paths, Missing())) if paths:
            return (Leaf(paths, Present(True)),)
        case Either(items):
            found = [_clause(item) for item in items]
            return tuple(leaf for clause in found for leaf in clause or ()) if None not in found else None
        case All(items):
            known = [clause for clause in (_clause(item) for item in items) if clause is not None]
            return min(known, key=lambda clause: (_is_slow(clause), _share(clause)), default=None)
    return None


def _of_leaf(paths: tuple[str, ...], test: Test) -> Clause | None:
    match test:
        case Missing() | Present(wanted=False):
            return None
        case SameAs():
            return (Leaf(paths, Present(True)),)
    return (Leaf(paths, test),)


def _is_slow(clause: Clause) -> bool:
    """Whether a test of it costs a look at every value of its field."""
    return any(isinstance(leaf.test, (Compare, Inside)) or _is_bare(leaf.test) for leaf in clause)


def _is_bare(test: Test) -> bool:
    return isinstance(test, Pattern) and not test.literal


def _share(clause: Clause) -> float:
    """A guess at the share of events of which the clause is true: long texts are rare, and so are whole values."""
    return sum(_guess(leaf.test) for leaf in clause)


def _guess(test: Test) -> float:
    match test:
        case Text(op, value):
            return float(0.75 ** (len(value) + 4 * (op is Op.EQUALS)))
        case Pattern(literal=literal):
            return float(0.75 ** len(literal))
        case Number():
            return 0.1
        case Compare() | Inside():
            return 0.5
    return 1.0


def leaves(rows: Iterable[Row]) -> Iterator[Leaf]:
    for row in rows:
        for clause in row:
            yield from clause
