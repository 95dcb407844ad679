"""What a rule can ask of a field: the tests that values come to when their modifiers have been applied."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network
from typing import Any

import re2


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
    """RE2 `regex` is found in the field's text. Any text in which it is found holds `literal`, in lower case."""

    regex: str
    literal: str = ""


@dataclass(frozen=True, slots=True)
class Number:
    """The field equals the number, as a number or as its text."""

    value: int | float


@dataclass(frozen=True, slots=True)
class Compare:
    """`value <op> number`; `part` asks it of that part of a time (UTC) instead: minute hour day week month year."""

    op: str  # lt lte gt gte eq
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
    """The field's text stands in the given relation to another field's text, without regard to case unless `cased`.

    `paths` are where an event may hold the other field.
    """

    field: str
    op: Op
    cased: bool = False
    paths: tuple[str, ...] = ()


Test = Text | Pattern | Number | Compare | Inside | Missing | Present | SameAs


def compile_regex(regex: str) -> Any:
    """The compiled regex. Raises re2.error where RE2 does not take it; RE2 is linear in the text."""
    options = re2.Options()
    options.log_errors = False
    options.max_mem = 8 << 20
    return re2.compile(regex, options)
