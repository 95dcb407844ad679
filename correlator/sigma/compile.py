"""A condition tree as one predicate over an event: closures; the strings of an OR over one field are taken together."""

from __future__ import annotations

import operator
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Any

from correlator.facts import SEPARATOR, Facts, Paths, encodable, text_of
from correlator.sigma.field_tests import (
    Compare,
    Inside,
    Missing,
    Number,
    Op,
    Pattern,
    Present,
    SameAs,
    Test,
    Text,
    compile_regex,
)
from correlator.sigma.tree import All, Either, Leaf, Node, Not
from vonggac.domain.text import caseless
from vonggac.domain.times import parse_instant

Predicate = Callable[[Facts], bool]

COMPARISONS: Mapping[str, Callable[[Any, Any], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
    "eq": operator.eq,
    "neq": operator.ne,
}


def compile_tree(node: Node) -> Predicate:
    """The predicate that is true of exactly the events that the condition describes."""
    match node:
        case All(items):
            return _all([compile_tree(item) for item in items])
        case Either(items):
            return _any(_alternatives(items))
        case Not(item):
            inner = compile_tree(item)
            return lambda facts: not inner(facts)
        case Leaf(paths, test):
            return _leaf(paths, test)


def _all(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) and second(facts)

    def every(facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110
            if not part(facts):
                return False
        return True

    return every


def _any(parts: list[Predicate]) -> Predicate:
    if len(parts) == 1:
        return parts[0]
    if len(parts) == 2:
        first, second = parts
        return lambda facts: first(facts) or second(facts)

    def some(facts: Facts) -> bool:
        for part in parts:  # noqa: SIM110
            if part(facts):
                return True
        return False

    return some


def _alternatives(items: Iterable[Node]) -> list[Predicate]:
    """The items' predicates; text tests of one field, operation and case become one predicate over all their values,
    and so do a field's networks."""
    texts: dict[tuple[Paths, Op, bool], list[str]] = {}
    networks: dict[Paths, list[IPv4Network | IPv6Network]] = {}
    others: list[Predicate] = []
    for item in items:
        match item:
            case Leaf(paths, Text(op, value, cased)) if paths:
                texts.setdefault((paths, op, cased), []).append(value)
            case Leaf(paths, Inside(network)):
                networks.setdefault(paths, []).append(network)
            case _:
                others.append(compile_tree(item))
    return [
        *(_text(paths, op, tuple(values), cased) for (paths, op, cased), values in texts.items()),
        *(_inside(paths, found) for paths, found in networks.items()),
        *others,
    ]


def _leaf(paths: Paths, test: Test) -> Predicate:
    if not paths:
        return _keyword(test)
    match test:
        case Missing():
            return lambda facts: not facts.at(paths)
        case Present(wanted):
            return lambda facts: bool(facts.at(paths)) is wanted
        case Text(op, value, cased):
            return _text(paths, op, (value,), cased)
        case Inside(network):
            return _inside(paths, [network])
        case SameAs(op=op, cased=cased, paths=others):
            relation, texts = _RELATIONS[op], Facts.texts if cased else Facts.folded
            return lambda facts: any(
                relation(mine, theirs) for mine in texts(facts, paths) for theirs in texts(facts, others)
            )
    passes = _value_test(test)
    return lambda facts: any(passes(value) for value in facts.at(paths))


def _value_test(test: Test) -> Callable[[Any], bool]:
    """The test of one value, for tests that need no other and are not of texts as they stand."""
    match test:
        case Pattern(regex):
            return _searching(regex)
        case Number(number):
            as_text = str(number)
            return lambda value: _equals(value, number, as_text)
        case Compare():
            return _compare(test)
    raise AssertionError(f"no test of a value for {test}")


def _text(paths: Paths, op: Op, values: tuple[str, ...], cased: bool) -> Predicate:
    texts = Facts.texts if cased else Facts.folded
    if op is Op.EQUALS:
        wanted = frozenset(values)
        return lambda facts: not wanted.isdisjoint(texts(facts, paths))
    # Loops, and not any() over a generator, which costs as much again.
    if op is Op.CONTAINS:
        return _containing(texts, paths, values)
    begins = op is Op.STARTSWITH

    def at_an_end(facts: Facts) -> bool:
        for text in texts(facts, paths):  # noqa: SIM110
            if text.startswith(values) if begins else text.endswith(values):
                return True
        return False

    return at_an_end


def _containing(texts: Callable[[Facts, Paths], Iterable[str]], paths: Paths, values: tuple[str, ...]) -> Predicate:
    def contains(facts: Facts) -> bool:
        for text in texts(facts, paths):
            for value in values:
                if value in text:
                    return True
        return False

    return contains


def _inside(paths: Paths, networks: list[IPv4Network | IPv6Network]) -> Predicate:
    def in_one(facts: Facts) -> bool:
        for text in facts.texts(paths):
            address = address_of(text)
            if address is not None:
                number = int(address)
                for version, mask, start in ranges:
                    if number & mask == start and address.version == version:
                        return True
        return False

    ranges = [(each.version, int(each.netmask), int(each.network_address)) for each in networks]
    return in_one


_RELATIONS: Mapping[Op, Callable[[str, str], bool]] = {
    Op.EQUALS: operator.eq,
    Op.CONTAINS: lambda mine, theirs: theirs in mine,
    Op.STARTSWITH: str.startswith,
    Op.ENDSWITH: str.endswith,
}


def _keyword(test: Test) -> Predicate:
    """True when any text that the log itself holds passes."""
    if isinstance(test, Text):
        value, cased = test.value, test.cased
        if SEPARATOR in value:
            return lambda facts: any(value in (text if cased else caseless(text)) for text in facts.said())
        return lambda facts: value in facts.everything(cased)
    assert isinstance(test, Pattern), test  # noqa: S101 - modifiers make only these two
    found = _searching(test.regex)
    return lambda facts: any(found(text) for text in facts.said())


def _equals(value: object, number: float, as_text: str) -> bool:
    if isinstance(value, bool):
        return False
    if isinstance(value, (int, float)):
        return value == number
    return value == as_text


def _searching(regex: str) -> Callable[[Any], bool]:
    search = compile_regex(regex).search

    def found(value: Any) -> bool:
        text = text_of(value)
        try:
            return search(text) is not None
        except UnicodeEncodeError:
            return search(encodable(text)) is not None

    return found


def _compare(test: Compare) -> Callable[[Any], bool]:
    compare, number = COMPARISONS[test.op], test.number
    if test.part is None:
        read: Callable[[object], float | None] = number_of
    else:
        part = test.part
        read = lambda value: _time_part(value, part)  # noqa: E731
    return lambda value: (found := read(value)) is not None and compare(found, number)


def number_of(value: object) -> float | None:
    """The number a value is or spells; None for anything else."""
    if isinstance(value, bool):
        return None
    if isinstance(value, (int, float)):
        return value
    try:
        return float(str(value))
    except ValueError:
        return None


def _time_part(value: object, part: str) -> int | None:
    try:
        instant = _instant(str(value))
    except (ValueError, OverflowError, OSError):
        return None
    return instant.isocalendar().week if part == "week" else int(getattr(instant, part))


def _instant(text: str) -> datetime:
    return datetime.fromtimestamp(float(text), UTC) if text.replace(".", "", 1).isdigit() else parse_instant(text)


@lru_cache(maxsize=65_536)
def address_of(text: str) -> IPv4Address | IPv6Address | None:
    """The address that a text spells."""
    try:
        return ip_address(text)
    except ValueError:
        return None
