"""Rules that are asked of the same events, as arrays that loops go through.

A rule is rows of clauses (`sigma.clauses`); a row whose clauses all hold is a candidate. Every test of a field is a
*claim*: the parts of rows that hold where it passes, and what may hold where it cannot be said. All texts that any rule
looks for in a field are found in one pass over its value, so that an event costs what its own length costs, and not the
number of rules. Events go through as JSON text, so that no value becomes an object of Python on the way.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from ipaddress import IPv4Network

import numpy as np

from correlator.facts import ADDED_FIELDS
from correlator.loops import sift, texts
from correlator.loops.claims import CLAUSES, DOUBT, PARTS, ROWS, VETO, Tables
from correlator.loops.tokens import Small
from correlator.sifting.finders import Finders
from correlator.sifting.names import NameTree, array
from correlator.sigma.clauses import MAX_CLAUSES, Row
from correlator.sigma.field_tests import Compare, Inside, Number, Op, Pattern, Present, Test, Text
from vonggac.domain.text import caseless

assert CLAUSES == MAX_CLAUSES  # noqa: S101 - both say how a row is built

#: (part of a row, row)
Bit = tuple[int, int]
_KINDS = {Op.EQUALS: texts.WHOLE, Op.STARTSWITH: texts.BEGINS, Op.ENDSWITH: texts.ENDS, Op.CONTAINS: texts.ANYWHERE}
_OPERATIONS = {
    "lt": sift.LESS,
    "lte": sift.LESS_OR_SAME,
    "gt": sift.MORE,
    "gte": sift.MORE_OR_SAME,
    "eq": sift.SAME,
    "neq": sift.NOT_SAME,
}
#: Of numbers above, not every one is a float.
_MAX_EXACT = 1 << 53


@lru_cache(maxsize=1)
def fold_table() -> Small:
    """Code point -> the code point it is compared as."""
    last = max(point for point in range(0x20000) if chr(point).lower() != chr(point))
    return np.array([ord(caseless(chr(point))) for point in range(last + 1)], np.int32)


@dataclass(slots=True)
class _Field:
    """What is gathered of a field's tests: finders of its text as it is compared and as it is; what any value makes
    hold, and what an IPv6 address may."""

    low: int
    raw: int
    any_value: set[Bit] = field(default_factory=set)
    ipv6: set[Bit] = field(default_factory=set)


class Maker:
    """Makes the tables: rows and claims first, then the names that lead to fields, then what the fields look for."""

    def __init__(self, rows: Sequence[Row]) -> None:
        self._words = max(1, -(-len(rows) // ROWS))
        self._always = np.zeros(PARTS * self._words, np.int64)
        self._exact = np.zeros(self._words, np.int64)
        self._claims: list[tuple[int, int, int, int]] = []
        self._bit_words: list[int] = []
        self._bit_masks: list[int] = []
        self._names = NameTree()
        self._fields: list[list[int]] = []
        self._networks: list[tuple[int, int, int]] = []
        self._compares: list[tuple[int, float, int]] = []
        self._numbers: list[tuple[int, int]] = []
        self._finders = Finders()
        asked = self._asked(rows)
        self._names.ask_everywhere(self._field(asked.pop((), {})))
        for paths, tests in _by_paths(asked):
            number = self._field(tests)
            for path in paths:
                self._names.plant(path, number)
        for path in ADDED_FIELDS:
            self._names.plant(path, -1, added=True)

    def _asked(self, rows: Sequence[Row]) -> dict[tuple[str, ...], dict[Test, set[Bit]]]:
        """Paths -> test -> what it makes hold."""
        asked: dict[tuple[str, ...], dict[Test, set[Bit]]] = {}
        for at, row in enumerate(rows):
            word, mask = at // ROWS, 1 << at % ROWS
            self._exact[word] |= mask * row.exact
            for part in range(len(row.clauses), CLAUSES):
                self._always[part * self._words + word] |= mask
            for part, leaves in (*enumerate(row.clauses), (VETO, row.vetoes), (DOUBT, row.doubts)):
                for leaf in leaves:
                    asked.setdefault(leaf.paths, {}).setdefault(leaf.test, set()).add((part, at))
        return asked

    def _claim(self, sure: Iterable[Bit], unsure: Iterable[Bit] = ()) -> int:
        """The number of a claim of what holds where it is sure, and of what may hold where it is not."""
        first = self._put(sure)
        middle = self._put(_maybe(unsure))
        self._claims.append((first, middle, middle, len(self._bit_words)))
        return len(self._claims) - 1

    def _put(self, bits: Iterable[Bit]) -> int:
        """Where the bits begin, which are gathered by word."""
        first = len(self._bit_words)
        by_word: dict[int, int] = {}
        for part, row in bits:
            word = part * self._words + row // ROWS
            by_word[word] = by_word.get(word, 0) | 1 << row % ROWS
        self._bit_words += by_word
        self._bit_masks += by_word.values()
        return first

    def _field(self, tests: Mapping[Test, set[Bit]]) -> int:
        """The number of a field with these tests; -1 without any."""
        if not tests:
            return -1
        made = _Field(self._finders.new(), self._finders.new())
        networks, compares, numbers = len(self._networks), len(self._compares), len(self._numbers)
        for test, bits in tests.items():
            self._ask(made, test, bits)
        columns = [0] * sift.FIELD_COLUMNS
        columns[sift.FIELD_LOW] = self._finders.number(made.low)
        columns[sift.FIELD_RAW] = self._finders.number(made.raw)
        columns[sift.FIELD_ANY] = self._claim(made.any_value)
        columns[sift.FIELD_ALL] = self._claim((), set().union(*tests.values()))
        columns[sift.FIELD_NETWORKS], columns[sift.FIELD_NETWORKS_END] = networks, len(self._networks)
        columns[sift.FIELD_IPV6] = self._claim((), made.ipv6) if made.ipv6 else -1
        columns[sift.FIELD_COMPARES], columns[sift.FIELD_COMPARES_END] = compares, len(self._compares)
        columns[sift.FIELD_NUMBERS], columns[sift.FIELD_NUMBERS_END] = numbers, len(self._numbers)
        self._fields.append(columns)
        return len(self._fields) - 1

    def _ask(self, made: _Field, test: Test, bits: set[Bit]) -> None:
        """The field is asked for what the test says; what loops cannot decide may be so of any value."""
        match test:
            case Text(op, value, cased) if value or op is Op.EQUALS:
                finder = made.raw if cased else made.low
                self._finders.add(finder, _KINDS[op], value, self._claim(bits), sure=True)
            case Text() | Present():
                made.any_value |= bits
            case Number(number):
                self._number(made, number, bits)
            case Pattern(_, literal) if literal:
                self._finders.add(made.low, texts.ANYWHERE, literal, self._claim((), bits), sure=False)
            case Compare(op, number, part):
                exact = part is None and abs(number) < _MAX_EXACT
                operation = _OPERATIONS[op] if exact else sift.OF_TIME
                self._compares.append((operation, float(number) if exact else 0.0, self._claim(bits, bits)))
            case Inside(IPv4Network() as network):
                self._networks.append((int(network.network_address), int(network.netmask), self._claim(bits)))
            case Inside():
                made.ipv6 |= bits
            case _:
                made.any_value.update(_maybe(bits))

    def _number(self, made: _Field, number: float, bits: set[Bit]) -> None:
        """A number is found as its text, and as a number where that would be written otherwise."""
        text = str(number)
        claim = self._claim(bits, bits)
        spelt = any(character.isalpha() for character in text)  # 1e+20, inf
        self._finders.add(made.raw if spelt else made.low, texts.WHOLE, text, claim, sure=True)
        if isinstance(number, float) and number.is_integer() and abs(number) < 10**sift.MAX_DIGITS:
            self._numbers.append((int(number), claim))

    def tables(self) -> Tables:
        return Tables(
            always=self._always,
            exact=self._exact,
            claims=array(self._claims, 4),
            words=np.array(self._bit_words or [0], np.int32),
            masks=np.array(self._bit_masks or [0], np.int64),
            names=self._names.arrays(),
            fields=array(self._fields, sift.FIELD_COLUMNS),
            networks=array(self._networks, 3, np.int64),
            compares=array(self._compares, 3, np.float64),
            numbers=array(self._numbers, 2, np.int64),
            **self._finders.arrays(),
            folds=fold_table(),
        )


def _maybe(bits: Iterable[Bit]) -> Iterator[Bit]:
    """What holds where the test that makes these hold may have passed: a row is unsure, and not vetoed."""
    for part, row in bits:
        yield DOUBT, row
        if part != VETO:
            yield part, row


def _by_paths(
    asked: Mapping[tuple[str, ...], Mapping[Test, set[Bit]]],
) -> Iterator[tuple[list[str], dict[Test, set[Bit]]]]:
    """Paths at which the same fields may stand, with all tests of what stands there."""
    wanted: dict[str, list[tuple[str, ...]]] = {}
    for paths in asked:
        for path in paths:
            wanted.setdefault(path, []).append(paths)
    alike: dict[tuple[tuple[str, ...], ...], list[str]] = {}
    for path, fields in wanted.items():
        alike.setdefault(tuple(fields), []).append(path)
    for fields_, found in alike.items():
        tests: dict[Test, set[Bit]] = {}
        for paths in fields_:
            for test, bits in asked[paths].items():
                tests.setdefault(test, set()).update(bits)
        yield found, tests
