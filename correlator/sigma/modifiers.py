"""Value modifiers: what a rule writes after a field's name, applied in order to each of its values.

Sigma specification 2.1, "Modifiers Appendix". A value on its way is a string (`Pieces`), bytes, a regular expression,
a reference to a field, a part of a time, or what YAML gave (a number, true, null); one value may become several, any
one of which will do. What cannot be tested exactly is refused; nothing is approximated.
"""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from ipaddress import ip_network
from typing import Any

import re2

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
from correlator.sigma.literals import required_literal
from correlator.sigma.strings import BadValue, Pieces, Unsupported, expanded, is_plain, read, test_of, windash
from vonggac.domain.text import caseless

#: What one value may expand to, and all values of an item together.
MAX_EXPANSION = 1_000

Placeholders = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class _Raw:
    """Text as it stands in the rule: no modifier has looked at it."""

    text: str


@dataclass(frozen=True, slots=True)
class _Regex:
    regex: str
    flags: str = ""


@dataclass(frozen=True, slots=True)
class _Reference:
    field: str
    front: bool = False
    back: bool = False
    cased: bool = False


@dataclass(frozen=True, slots=True)
class _Part:
    """A number that a part of a time is to equal."""

    part: str
    number: int | float


_Value = Any


@dataclass(frozen=True, slots=True)
class Asked:
    """What `field|modifiers: values` asks: each group holds the tests of one value, any one of which fulfils it.

    `every` demands all groups and not one; `negated` turns the whole around.
    """

    groups: tuple[tuple[Test, ...], ...]
    every: bool = False
    negated: bool = False


def ask(modifiers: Sequence[str], values: Iterable[Any], placeholders: Placeholders, *, keyword: bool = False) -> Asked:
    """The tests of a detection item, `values` being YAML scalars. A keyword is looked for anywhere in a text.

    Raises BadValue for what Sigma does not allow and Unsupported for what RE2 cannot do.
    """
    for name in modifiers:
        if name not in _EACH and name not in ("all", "neq"):
            raise BadValue(f"there is no modifier {name}")
    if "exists" in modifiers and (keyword or len(modifiers) > 1):
        raise BadValue("exists stands alone after a field's name")
    applied = tuple(name for name in modifiers if name in _EACH)
    groups = tuple(
        _tests_of_text(value, applied, keyword)
        if isinstance(value, str) and "expand" not in applied
        else _tests(value, applied, placeholders, keyword)
        for value in values
    )
    return Asked(groups, every="all" in modifiers, negated="neq" in modifiers)


_PLAIN_OPS: Mapping[tuple[str, ...], Op] = {
    (): Op.EQUALS,
    ("contains",): Op.CONTAINS,
    ("startswith",): Op.STARTSWITH,
    ("endswith",): Op.ENDSWITH,
}


@lru_cache(maxsize=16_384)
def _tests_of_text(text: str, modifiers: tuple[str, ...], keyword: bool) -> tuple[Test, ...]:
    """Rules ask for the same texts, and mostly for such as need no reading."""
    op = _PLAIN_OPS.get(modifiers)
    if op is not None and text and not keyword and is_plain(text):
        return (Text(op, caseless(text)),)
    return _tests(text, modifiers, {}, keyword)


def _tests(value: Any, modifiers: tuple[str, ...], placeholders: Placeholders, keyword: bool) -> tuple[Test, ...]:
    """The tests of which one must pass for the value to be found."""
    on_way: list[_Value] = [_Raw(value) if isinstance(value, str) else value]
    for position, name in enumerate(modifiers):
        on_way = [made for each in on_way for made in _EACH[name](each, modifiers[:position], placeholders)]
    if len(on_way) > MAX_EXPANSION:
        raise BadValue(f"one value expands to more than {MAX_EXPANSION}")
    return tuple(_test(_worded(each), keyword) for each in on_way)


# --- the modifiers -------------------------------------------------------------------------------------------------

_Modifier = Callable[[_Value, Sequence[str], Placeholders], Iterable[_Value]]


def _ends(front: bool, back: bool) -> _Modifier:
    """contains, startswith, endswith: wildcards at the ends, or what they mean to a regex or a reference."""

    def modify(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
        if isinstance(value, _Regex):
            text = value.regex
            text = text if front or text.startswith("^") else f"^(?:{text})"
            return (replace(value, regex=text if back or text.endswith("$") else f"(?:{text})$"),)
        if isinstance(value, _Reference):
            return (replace(value, front=value.front or front, back=value.back or back),)
        return (_pieces(value, "contains, startswith and endswith").with_ends(front, back),)

    return modify


def _cased(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    if isinstance(value, _Regex):
        return (value,)
    if isinstance(value, _Reference):
        return (replace(value, cased=True),)
    return (replace(_pieces(value, "cased"), cased=True),)


def _windash(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    return windash(_pieces(value, "windash"))


def _encoded(encoding: str, mark: bytes = b"") -> _Modifier:
    def modify(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
        return (mark + _pieces(value, "wide and utf16").plain.encode(encoding),)

    return modify


def _base64(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    return (Pieces((b64encode(_bytes(value)).decode(),)),)


def _base64offset(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    """What stands in every base64 text in which the value stands somewhere: for each of the three alignments, without
    the characters that its neighbours take part in."""
    content = _bytes(value)
    for shift in range(3):
        text = b64encode(bytes(shift) + content).decode()
        first = -(-shift * 8 // 6)
        last = (shift + len(content)) * 8 // 6
        yield Pieces((text[first:last],))


def _re(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    if any(name != "expand" for name in before) or not isinstance(value, _Raw):
        raise BadValue("re is for texts that no modifier has changed")
    return (_Regex(value.text),)


def _flag(letter: str) -> _Modifier:
    def modify(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
        if not isinstance(value, _Regex):
            raise BadValue("i, m and s stand after re")
        return (replace(value, flags="".join(sorted({*value.flags, letter}))),)

    return modify


def _cidr(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    if any(name not in ("expand", "neq", "all") for name in before) or not isinstance(value, _Raw):
        raise BadValue("cidr is for texts that no modifier has changed")
    try:
        return (ip_network(value.text),)
    except ValueError as error:
        raise BadValue(f"not a CIDR network: {error}") from error


def _exists(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    if not isinstance(value, bool):
        raise BadValue("exists takes true or false")
    return (Present(value),)


def _fieldref(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
    if not isinstance(value, (_Raw, Pieces)):
        raise BadValue("fieldref takes the name of a field")
    pieces = _pieces(value, "fieldref")
    front, back, cased = "endswith" in before, "startswith" in before, pieces.cased
    both = "contains" in before
    inner = [part for part in pieces.parts if isinstance(part, str)] if before else [pieces.plain]
    return (_Reference("".join(inner), front or both, back or both, cased),)


def _expand(value: _Value, before: Sequence[str], placeholders: Placeholders) -> Iterable[_Value]:
    if not isinstance(value, _Raw):
        raise BadValue("expand is for texts, and stands before what changes them")
    return [_Raw(text) for text in expanded(value.text, placeholders)]


def _compare(op: str) -> _Modifier:
    def modify(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
        if isinstance(value, _Part):
            return (Compare(op, value.number, value.part),)
        return (Compare(op, _number(value)),)

    return modify


def _time_part(part: str) -> _Modifier:
    def modify(value: _Value, before: Sequence[str], _: Placeholders) -> Iterable[_Value]:
        return (_Part(part, _number(value)),)

    return modify


_EACH: Mapping[str, _Modifier] = {
    "contains": _ends(front=True, back=True),
    "startswith": _ends(front=False, back=True),
    "endswith": _ends(front=True, back=False),
    "cased": _cased,
    "windash": _windash,
    "wide": _encoded("utf-16-le"),
    "utf16le": _encoded("utf-16-le"),
    "utf16be": _encoded("utf-16-be"),
    "utf16": _encoded("utf-16-le", b"\xff\xfe"),
    "base64": _base64,
    "base64offset": _base64offset,
    "re": _re,
    "i": _flag("i"),
    "ignorecase": _flag("i"),
    "m": _flag("m"),
    "multiline": _flag("m"),
    "s": _flag("s"),
    "dotall": _flag("s"),
    "cidr": _cidr,
    "exists": _exists,
    "fieldref": _fieldref,
    "expand": _expand,
    **{op: _compare(op) for op in ("lt", "lte", "gt", "gte")},
    **{part: _time_part(part) for part in ("minute", "hour", "day", "week", "month", "year")},
}


def _pieces(value: _Value, what: str) -> Pieces:
    """The value as a string; numbers as they are written."""
    if isinstance(value, Pieces):
        return value
    if isinstance(value, _Raw):
        return read(value.text)
    if isinstance(value, bytes):
        return Pieces((value.decode("latin-1"),))
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return Pieces((str(value),))
    raise BadValue(f"{what} cannot be asked of {_shown(value)}")


def _bytes(value: _Value) -> bytes:
    return value if isinstance(value, bytes) else _pieces(value, "base64").plain.encode()


def _number(value: _Value) -> int | float:
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        return value
    if isinstance(value, _Raw):
        for kind in (int, float):
            try:
                return kind(value.text)
            except ValueError:
                continue
    raise BadValue(f"a number is needed here, not {_shown(value)}")


def _shown(value: _Value) -> str:
    if isinstance(value, _Raw):
        return f"'{value.text[:80]}'"
    return "null" if value is None else str(value)[:80]


# --- from values to tests ------------------------------------------------------------------------------------------


def _worded(value: _Value) -> _Value:
    """Texts that no modifier touched, and bytes that none encoded, are strings."""
    return _pieces(value, "") if isinstance(value, (_Raw, bytes)) else value


def _test(value: _Value, keyword: bool) -> Test:
    if keyword:
        return _anywhere(value)
    match value:
        case Pieces():
            return test_of(value, checked) or Present(True)
        case _Regex(regex, flags):
            return Pattern(checked(f"(?{flags}){regex}" if flags else regex), required_literal(regex))
        case _Reference(field, front, back, cased):
            return SameAs(field, _relation(front, back), cased)
        case _Part(part, number):
            return Compare("eq", number, part)
        case Compare() | Present():
            return value
        case None:
            return Missing()
        case bool():
            return Text(Op.EQUALS, "true" if value else "false")
        case int() | float():
            return Number(value)
    return Inside(value)


def _anywhere(value: _Value) -> Test:
    """A keyword: found in a text, wherever."""
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        value = Pieces((str(value),))
    if isinstance(value, Pieces):
        found = test_of(value.with_ends(front=True, back=True), checked)
        if found is None:
            raise BadValue("a keyword of wildcards alone is in every event")
        return found
    if isinstance(value, _Regex):
        return _test(value, keyword=False)
    raise BadValue(f"a keyword cannot be {_shown(value)}")


def _relation(front: bool, back: bool) -> Op:
    if front:
        return Op.CONTAINS if back else Op.ENDSWITH
    return Op.STARTSWITH if back else Op.EQUALS


def checked(regex: str) -> str:
    """The regex, if RE2 takes it. Raises Unsupported where it is good elsewhere, BadValue where it is broken."""
    try:
        compile_regex(regex)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        try:
            re.compile(regex)
        except (re.error, RecursionError, OverflowError):
            raise BadValue(f"not a regular expression: {reason}") from error
        raise Unsupported(f"regular expression not possible in RE2: {reason}") from error
    return regex
