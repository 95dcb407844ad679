"""What one Sigma value asks of a field: pySigma's value types (modifiers already applied) turned into our own tests.

Sigma specification 2.1, "Value Modifiers". A value we cannot test exactly raises Unsupported; nothing is approximated.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import re2
from sigma import types as sigma_types


class Unsupported(Exception):
    """A construct this engine does not evaluate; `field` is where it stands, when it stands at a field."""

    def __init__(self, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.reason = reason
        self.field = field


class Op(StrEnum):
    EQUALS = "equals"
    CONTAINS = "contains"
    STARTSWITH = "startswith"
    ENDSWITH = "endswith"


@dataclass(frozen=True, slots=True)
class Text:
    """The field's text equals, contains, begins or ends with `value`; `value` is in lower case unless `cased`."""

    op: Op
    value: str
    cased: bool = False


@dataclass(frozen=True, slots=True)
class Pattern:
    """RE2 `regex` is found in the field's text."""

    regex: str


@dataclass(frozen=True, slots=True)
class Number:
    """The field equals the number, as a number or as its text."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Compare:
    """`value <op> number`; `part` asks it of that part of a time (UTC) instead: minute hour day week month year."""

    op: str  # lt lte gt gte eq neq
    number: int | float
    part: str | None = None


@dataclass(frozen=True, slots=True)
class Inside:
    """The field is an address inside the network."""

    network: IPv4Network | IPv6Network


@dataclass(frozen=True, slots=True)
class Missing:
    """The field is absent or null."""


@dataclass(frozen=True, slots=True)
class Present:
    """The field is there, or is not."""

    wanted: bool


@dataclass(frozen=True, slots=True)
class SameAs:
    """The field's text stands in the given relation to another field's text, without regard to case."""

    field: str
    op: Op


Test = Text | Pattern | Number | Compare | Inside | Missing | Present | SameAs

_WILDCARDS = {
    sigma_types.SpecialChars.WILDCARD_MULTI: ".*",
    sigma_types.SpecialChars.WILDCARD_SINGLE: ".",
}
_FLAGS = sigma_types.SigmaRegularExpression.sigma_to_re_flag


def tests_of(value: Any) -> tuple[Test, ...]:
    """The tests of which any one fulfils the value: one, or one per form that a modifier expanded to."""
    if isinstance(value, sigma_types.SigmaExpansion):
        return tuple(test for inner in value.values for test in tests_of(inner))
    return (_test(value),)


def keyword(value: Any) -> tuple[Test, ...]:
    """The tests for a value without a field: it is looked for anywhere inside a field's text."""
    return tuple(_anywhere(test) for test in tests_of(value))


def _test(value: Any) -> Test:
    match value:
        case sigma_types.SigmaString():
            return _string(value)
        case sigma_types.SigmaTimestampPart():
            return Compare("eq", value.number, value.timestamp_part.name.lower())
        case sigma_types.SigmaNumber():
            return Number(value.number)
        case sigma_types.SigmaBool():
            return Text(Op.EQUALS, "true" if value.boolean else "false")
        case sigma_types.SigmaNull():
            return Missing()
        case sigma_types.SigmaExists():
            return Present(value.exists)
        case sigma_types.SigmaCIDRExpression():
            return Inside(value.network)
        case sigma_types.SigmaRegularExpression():
            return _regex(value)
        case sigma_types.SigmaCompareExpression():
            number = value.number
            part = number.timestamp_part.name.lower() if isinstance(number, sigma_types.SigmaTimestampPart) else None
            return Compare(value.op.name.lower(), number.number, part)
        case sigma_types.SigmaFieldReference():
            return SameAs(value.field, _reference_op(value))
    raise Unsupported(f"values of type {type(value).__name__} are not evaluated")


def _string(value: Any) -> Test:
    """Wildcards at the ends become plain string operations, others a pattern over the whole text."""
    if any(isinstance(part, sigma_types.Placeholder) for part in value.s):
        raise Unsupported("the modifier expand needs placeholder values, which are not configured")
    cased = isinstance(value, sigma_types.SigmaCasedString)
    multi = sigma_types.SpecialChars.WILDCARD_MULTI
    parts = list(value.s)
    if parts and all(part is multi for part in parts):
        return Present(True)
    front, back = bool(parts) and parts[0] is multi, bool(parts) and parts[-1] is multi
    middle = parts[front : len(parts) - back]
    if all(isinstance(part, str) for part in middle):
        text = "".join(middle)
        return Text(_op(front, back), text if cased else text.lower(), cased)
    regex = "".join(re2.escape(part) if isinstance(part, str) else _WILDCARDS[part] for part in parts)
    return Pattern(_checked(f"(?s{'' if cased else 'i'})^(?:{regex})$"))


def _regex(value: Any) -> Pattern:
    flags = "".join(sorted(_FLAGS[flag] for flag in value.flags))
    if value.contains_placeholder():
        raise Unsupported("the modifier expand needs placeholder values, which are not configured")
    return Pattern(_checked(f"(?{flags}){value.regexp}" if flags else str(value.regexp)))


def _checked(regex: str) -> str:
    """The regex, if RE2 takes it: rules come from outside, and RE2 is linear in the text."""
    try:
        compile_regex(regex)
    except re2.error as error:
        reason = error.args[0].decode() if error.args and isinstance(error.args[0], bytes) else str(error)
        raise Unsupported(f"regular expression not possible in RE2: {reason}") from error
    return regex


def compile_regex(regex: str) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return re2.compile(regex, options)


def _reference_op(value: Any) -> Op:
    # pySigma keeps startswith and endswith as flags; `contains` sets both.
    return _op(front=value.ends_with, back=value.starts_with)


def _op(front: bool, back: bool) -> Op:
    """The operation that a wildcard in front and one at the back amount to."""
    if front:
        return Op.CONTAINS if back else Op.ENDSWITH
    return Op.STARTSWITH if back else Op.EQUALS


def _anywhere(test: Test) -> Test:
    match test:
        case Text():
            return Text(Op.CONTAINS, test.value, test.cased)
        case Number():
            return Text(Op.CONTAINS, str(test.value))
        case Pattern(regex):
            # A wildcard pattern was tied to the whole text; as a keyword it may stand anywhere.
            loose = (
                regex.replace("^(?:", "(?:", 1).removesuffix("$")
                if regex.startswith(("(?s)^(?:", "(?si)^(?:"))
                else regex
            )
            return Pattern(loose)
    raise Unsupported(f"a keyword cannot be a {type(test).__name__.lower()} test")
