"""Which of many rules an event fulfils, at a cost that grows more slowly than the rules.

Three sieves, the coarse one first:

1. The event's log source (`Origin`) chooses the rules that speak of it; rules that always go together make a `_Plan`.
2. A plan's rules stand as rows of clauses (`sigma.clauses`), and each row and clause has a bit of one long number.
   What a field's value makes true is a number too, found once for each distinct value by a dictionary of whole values
   and one automaton over all texts that any rule looks for in that field, and remembered while it is in use. The
   event's number is the union over its values; rows whose clauses all stand in it are candidates.
3. Of the few candidates the whole condition is asked.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from ipaddress import IPv4Network, IPv6Network
from typing import Any

from ahocorasick_rs import AhoCorasick

from correlator.facts import Facts, encodable, leaves_of, text_of
from correlator.rule import MatchRule
from correlator.sigma.clauses import MAX_CLAUSES, rows_of
from correlator.sigma.compile import Predicate, address_of, compile_tree, value_test
from correlator.sigma.field_tests import Inside, Number, Op, Pattern, Present, Test, Text, compile_regex
from correlator.sigma.taxonomy import Origin, applies, origin_of
from vonggac.domain.event import Document

#: Origins remembered, and decided values remembered for each field of a plan; what is over begins anew.
MAX_ORIGINS = 1_024
MAX_VALUES = 20_000
#: Longer values are decided each time they come.
MAX_REMEMBERED = 2_048

#: How an octet of an address is written; the library takes twenty times as long to read one.
_OCTET = {str(number): number for number in range(256)}
_VETOES, _DOUBTS = MAX_CLAUSES, MAX_CLAUSES + 1


class Matcher:
    """The rules, and what has been learnt of the events so far. What is remembered only saves time."""

    def __init__(self, rules: Sequence[MatchRule]) -> None:
        self.rules = tuple(rules)
        self.faults: Counter[str] = Counter()
        self._sources = frozenset(rule.source for rule in rules)
        self._predicates: dict[int, Predicate] = {}
        self._plans: dict[tuple[int, ...], _Plan] = {}
        self._by_origin: dict[Origin, _Plan] = {}

    def hits(self, event: Document, facts: Facts) -> list[MatchRule]:
        """The rules that the event fulfils, in their order. A rule that fails on an event is counted in `faults`."""
        found = self._plan(origin_of(event)).candidates(event, facts)
        return [self.rules[index] for index in sorted(found) if found[index] or self._holds(index, facts)]

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
                self._plans.clear()
            concerned = {source for source in self._sources if applies(source, origin)}
            chosen = tuple(index for index, rule in enumerate(self.rules) if rule.source in concerned)
            plan = self._plans.get(chosen)
            if plan is None:
                plan = self._plans[chosen] = _Plan([(index, self.rules[index]) for index in chosen])
            self._by_origin[origin] = plan
        return plan


@dataclass(slots=True)
class _Branch:
    """A name in a document: what its value decides, and the names below it."""

    here: _Field | None = None
    below: dict[str, _Branch] = field(default_factory=dict)


class _Plan:
    """Rules that are asked of the same events. Bit `row + rows * part` stands for a part of a row: its clauses, and in
    the parts after those its vetoes and its doubts."""

    def __init__(self, rules: Iterable[tuple[int, MatchRule]]) -> None:
        rows = [(index, row) for index, rule in rules for row in rows_of(rule.tree)]
        self._rule_of_row = [index for index, _ in rows]
        self._rows = len(rows)
        self._always = 0
        self._exact = sum(1 << at for at, (_, row) in enumerate(rows) if row.exact)
        asked: dict[tuple[str, ...], dict[Test, int]] = {}
        for at, (_, row) in enumerate(rows):
            parts = dict(enumerate(row.clauses)) | {_VETOES: row.vetoes, _DOUBTS: row.doubts}
            for part in range(len(row.clauses), MAX_CLAUSES):
                self._always |= 1 << (at + part * self._rows)
            for part, leaves in parts.items():
                for leaf in leaves:
                    tests = asked.setdefault(leaf.paths, {})
                    tests[leaf.test] = tests.get(leaf.test, 0) | 1 << (at + part * self._rows)
        self._keywords = _Field(asked.pop(())) if () in asked else None
        self._top = _tree(asked)

    def candidates(self, event: Document, facts: Facts) -> dict[int, bool]:
        """The rules (their indices) that the event may fulfil, and whether it does so for sure."""
        rows = self._rows
        if not rows:
            return {}
        bits = self._always | _decided(event, self._top)
        if self._keywords is not None:
            for text in facts.said():
                bits |= self._keywords.decide(text)
        halves = bits & (bits >> 2 * rows)  # four clauses in two steps
        left = halves & (halves >> rows) & ((1 << rows) - 1) & ~(bits >> _VETOES * rows)
        return self._rules(left, left & self._exact & ~(bits >> _DOUBTS * rows)) if left else {}

    def _rules(self, left: int, sure: int) -> dict[int, bool]:
        found: dict[int, bool] = {}
        while left:
            lowest = left & -left
            index = self._rule_of_row[lowest.bit_length() - 1]
            found[index] = found.get(index, False) or bool(lowest & sure)
            left ^= lowest
        return found


def _tree(asked: Mapping[tuple[str, ...], Mapping[Test, int]]) -> dict[str, _Branch]:
    """The names of a document that lead to fields asked for. Paths that hold the same fields share what they decide."""
    by_path: dict[str, list[tuple[str, ...]]] = {}
    for paths in asked:
        for path in paths:
            by_path.setdefault(path, []).append(paths)
    made: dict[tuple[tuple[str, ...], ...], _Field] = {}
    top: dict[str, _Branch] = {}
    for path, wanted in by_path.items():
        key = tuple(wanted)
        if key not in made:
            tests: dict[Test, int] = {}
            for paths in wanted:
                for test, bits in asked[paths].items():
                    tests[test] = tests.get(test, 0) | bits
            made[key] = _Field(tests)
        _plant(top, path, made[key])
    return top


def _plant(branches: dict[str, _Branch], path: str, found: _Field) -> None:
    """The path under its name and, as some records write it, each rest of it under a name with dots."""
    branches.setdefault(path, _Branch()).here = found
    name, dot, rest = path.partition(".")
    if dot:
        _plant(branches.setdefault(name, _Branch()).below, rest, found)


def _decided(document: Mapping[str, Any], branches: Mapping[str, _Branch]) -> int:
    """The union of what the document's values decide."""
    bits = 0
    for name, value in document.items():
        branch = branches.get(name)
        if branch is None:
            continue
        kind = type(value)
        if kind is str:
            here = branch.here
            if here is not None:
                known = here.known.get(value)  # as `decide` does, without the call
                if known is None:
                    known = here.decide(value)
                if known:  # or with nothing would copy the number
                    bits |= known
        elif kind is dict:
            if branch.below:
                bits |= _decided(value, branch.below)
        elif kind is list or kind is tuple:
            bits |= _decided_in_list(value, branch)
        elif branch.here is not None and value is not None:
            bits |= branch.here.decide(value)
    return bits


def _decided_in_list(items: Sequence[Any], branch: _Branch) -> int:
    bits = 0
    if branch.here is not None:
        for value in leaves_of(items):
            bits |= branch.here.decide(value)
    if branch.below:
        for item in items:
            if isinstance(item, dict):
                bits |= _decided(item, branch.below)
    return bits


class _Texts:
    """Texts sought in values, all in one pass. What finding one makes true depends on where it stands."""

    def __init__(self) -> None:
        self._numbers: dict[str, int] = {}
        self._anywhere: list[int] = []
        self._begins: list[int] = []
        self._ends: list[int] = []
        #: Of some texts: the patterns that are searched for once the text is found, with what they make true.
        self._patterns: dict[int, list[tuple[Callable[[str], Any], int]]] = {}
        self._automaton: Any = None

    def __bool__(self) -> bool:
        return bool(self._numbers)

    def add(self, op: Op, text: str, bits: int) -> None:
        places = {Op.CONTAINS: self._anywhere, Op.STARTSWITH: self._begins, Op.ENDSWITH: self._ends}[op]
        places[self._number(text)] |= bits

    def add_pattern(self, regex: str, literal: str, bits: int) -> None:
        self._patterns.setdefault(self._number(literal), []).append((compile_regex(regex).search, bits))

    def _number(self, text: str) -> int:
        number = self._numbers.setdefault(text, len(self._numbers))
        if number == len(self._anywhere):
            for each in (self._anywhere, self._begins, self._ends):
                each.append(0)
        return number

    def found_in(self, text: str, raw: str) -> int:
        """What the texts that stand in `text` make true; patterns are searched for in `raw`."""
        if self._automaton is None:
            self._automaton = AhoCorasick(list(self._numbers), store_patterns=False)
        try:
            places = self._automaton.find_matches_as_indexes(text, overlapping=True)
        except UnicodeEncodeError:
            text, raw = encodable(text), encodable(raw)
            places = self._automaton.find_matches_as_indexes(text, overlapping=True)
        bits, end = 0, len(text)
        anywhere, patterns = self._anywhere, self._patterns
        for number, start, stop in places:
            if made_true := anywhere[number]:
                bits |= made_true
            if not start:
                bits |= self._begins[number]
            if stop == end:
                bits |= self._ends[number]
            if number in patterns:
                for search, made_true in patterns[number]:
                    if made_true & ~bits and search(raw) is not None:
                        bits |= made_true
        return bits


class _Networks:
    """Networks, by how many of an address's last bits they leave open."""

    def __init__(self) -> None:
        self._by_open_bits: dict[tuple[int, int], dict[int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self._by_open_bits)

    def add(self, network: IPv4Network | IPv6Network, bits: int) -> None:
        open_bits = network.max_prefixlen - network.prefixlen
        table = self._by_open_bits.setdefault((network.version, open_bits), {})
        number = int(network.network_address) >> open_bits
        table[number] = table.get(number, 0) | bits

    def around(self, text: str) -> int:
        """What being in the networks that hold the address makes true."""
        version, number = _number_of(text)
        bits = 0
        for (of_version, open_bits), table in self._by_open_bits.items():
            if of_version == version:
                bits |= table.get(number >> open_bits, 0)
        return bits


def _number_of(text: str) -> tuple[int, int]:
    """An address's version and number; version 0 for what is none."""
    parts = text.split(".")
    if len(parts) == 4:
        first, second, third, fourth = map(_OCTET.get, parts)
        if first is not None and second is not None and third is not None and fourth is not None:
            return 4, first << 24 | second << 16 | third << 8 | fourth
    address = address_of(text)
    return (0, 0) if address is None else (address.version, int(address))


class _Field:
    """All tests of one field (or of several that stand at the same place), decided together for a value."""

    def __init__(self, tests: Mapping[Test, int]) -> None:
        self._present = 0
        self._whole: dict[str, int] = {}
        self._whole_cased: dict[str, int] = {}
        self._numbers: dict[float, int] = {}
        self._texts = _Texts()
        self._texts_cased = _Texts()
        self._networks = _Networks()
        self._others: list[tuple[Callable[[Any], bool], int]] = []
        self.known: dict[Any, int] = {}
        self._known_integers: dict[Any, int] = {}
        for test, bits in tests.items():
            self._add(test, bits)

    def _add(self, test: Test, bits: int) -> None:
        match test:
            case Text(Op.EQUALS, value, cased):
                whole = self._whole_cased if cased else self._whole
                whole[value] = whole.get(value, 0) | bits
            case Text(_, "", _) | Present():
                self._present |= bits
            case Text(op, value, cased):
                (self._texts_cased if cased else self._texts).add(op, value, bits)
            case Number(number):
                self._numbers[number] = self._numbers.get(number, 0) | bits
                self._whole_cased[str(number)] = self._whole_cased.get(str(number), 0) | bits
            case Inside(network):
                self._networks.add(network, bits)
            case Pattern(regex, literal) if literal:
                self._texts.add_pattern(regex, literal, bits)
            case _:
                self._others.append((value_test(test), bits))

    def decide(self, value: Any) -> int:
        """What the value, which is not null, makes true."""
        kind = type(value)
        # 1, 1.0 and True are one key to a dictionary, and not one value.
        remembered, key = (self._known_integers, value) if kind is int else (self.known, value)
        if kind is not int and kind is not str:
            key = (kind, value)
        known = remembered.get(key)
        if known is not None:
            return known
        bits = self._present | self._of_text(text_of(value))
        if kind is int or kind is float:
            bits |= self._numbers.get(value, 0)
        for passes, bit in self._others:
            if passes(value):
                bits |= bit
        if kind is not str or len(value) <= MAX_REMEMBERED:
            if len(remembered) >= MAX_VALUES:
                remembered.clear()
            remembered[key] = bits
        return bits

    def _of_text(self, text: str) -> int:
        folded = text.lower()
        bits = self._whole.get(folded, 0) | self._whole_cased.get(text, 0)
        if self._texts:
            bits |= self._texts.found_in(folded, text)
        if self._texts_cased:
            bits |= self._texts_cased.found_in(text, text)
        if self._networks:
            bits |= self._networks.around(text)
        return bits
