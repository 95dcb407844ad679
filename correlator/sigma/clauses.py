"""What must be true of an event for a rule to match: a rule as rows of clauses that can be decided value by value.

A row stands for one way in which a rule can match. It has up to MAX_CLAUSES clauses, each a set of tests of which one
must pass; vetoes, tests of which none may pass; and doubts, tests of which one passes wherever something that must not
be true is. A row whose clauses all pass and that has no veto is a candidate, and a rule none of whose rows is one does
not match. A candidate without a doubt matches for sure where the row is `exact`; of the others the whole condition must
be asked.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import product

from correlator.sigma.tests import Compare, Inside, Missing, Number, Op, Pattern, Present, SameAs, Test, Text
from correlator.sigma.tree import All, Either, Leaf, Node, Not

MAX_CLAUSES = 4
#: A rule that can match in more ways than this has the alternatives in one clause instead of rows of their own.
MAX_ROWS = 16

Clause = tuple[Leaf, ...]


@dataclass(frozen=True, slots=True)
class Row:
    clauses: tuple[Clause, ...]
    vetoes: Clause
    doubts: Clause
    exact: bool


def rows_of(node: Node) -> list[Row]:
    """The rows of a rule; a row without clauses is always a candidate."""
    return [_row(conjuncts) for conjuncts in _ways(node)]


def _row(conjuncts: Iterable[Node]) -> Row:
    clauses: list[Clause] = []
    vetoes: list[Leaf] = []
    doubts: list[Leaf] = []
    exact = True
    for node in conjuncts:
        clause = _clause(node)
        if clause is not None:
            clauses.append(clause)
            exact = exact and _says_all(node)
        elif isinstance(node, Not) and (denied := _clause(node.item)) is not None:
            (vetoes if _says_all(node.item) else doubts).extend(denied)
        else:
            exact = False
    # A test that costs a look at every value is only asked where the row has no other.
    chosen = sorted((clause for clause in clauses if not _is_bare(clause)), key=_share)[:MAX_CLAUSES]
    chosen = chosen or sorted(clauses, key=_share)[:MAX_CLAUSES]
    return Row(tuple(chosen), tuple(vetoes), tuple(doubts), exact and len(chosen) == len(clauses))


def _says_all(node: Node) -> bool:
    """Whether the node's clause is true only where the node is."""
    match node:
        case Leaf(_, test):
            return not isinstance(test, SameAs)
        case Either(items):
            return all(_says_all(item) for item in items)
    return isinstance(node, Not)  # of Missing, see `_clause`


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
            return min(known, key=lambda clause: (_is_bare(clause), _share(clause)), default=None)
    return None


def _of_leaf(paths: tuple[str, ...], test: Test) -> Clause | None:
    match test:
        case Missing() | Present(wanted=False):
            return None
        case SameAs():
            return (Leaf(paths, Present(True)),)
    return (Leaf(paths, test),)


def _is_bare(clause: Clause) -> bool:
    """Whether it holds a regular expression without a text that could be looked for first."""
    return any(isinstance(leaf.test, Pattern) and not leaf.test.literal for leaf in clause)


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
