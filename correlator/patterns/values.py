"""Comparing one value of an object with literals of a pattern (STIX 2.1 §9.6): each test is a closure made once."""

from __future__ import annotations

import base64
import binascii
import operator
import unicodedata
from collections.abc import Callable
from datetime import UTC, datetime
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

import re2

from correlator.patterns.parse import unquoted
from correlator.patterns.tree import Literal, PatternError, Test

#: Whether a value passes. Raises ValueError for a text that should be a time and is none.
Predicate = Callable[[Any], bool]

_ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": operator.lt,
    "<=": operator.le,
    ">": operator.gt,
    ">=": operator.ge,
}
_FAMILIES = {"int": "number", "float": "number", "hex": "bytes", "binary": "bytes"}
#: How much memory one compiled expression may take; more is a bomb such as `(a{1000}){1000}`.
_REGEX_BYTES = 1 << 20


def predicate(test: Test) -> Predicate:
    """The closure of a test other than EXISTS. Raises PatternError for a literal that says nothing."""
    passes = _PREDICATES[test.operator](test)
    if test.negated and test.operator not in _ORDERS:
        return lambda value: not passes(value)
    return passes


def literal(written: Literal) -> Any:
    """The value that a literal stands for: str, int, float, bool, bytes or datetime."""
    try:
        return _LITERALS[written.kind](written.text)
    except ValueError as error:
        raise PatternError(f"{written.text[:60]}: {error}", written.at) from error


def instant(text: str) -> datetime:
    """The time of a timestamp as STIX writes it (§2.16): upper case T and Z. ValueError otherwise."""
    if len(text) < 20 or text[10] != "T" or text[-1] != "Z" or text[19] not in ".Z":
        raise ValueError(f"not a STIX timestamp: {text[:40]!r}")
    whole = datetime.strptime(text[:19], "%Y-%m-%dT%H:%M:%S").replace(tzinfo=UTC)
    fraction = text[20:-1]
    if text[19] == "." and not (fraction.isascii() and fraction.isdigit()):
        raise ValueError(f"not a STIX timestamp: {text[:40]!r}")
    return whole.replace(microsecond=int(fraction[:6].ljust(6, "0"))) if fraction else whole


_LITERALS: dict[str, Callable[[str], Any]] = {
    "text": unquoted,
    "int": int,
    "float": float,
    "bool": lambda text: text == "true",
    "hex": lambda text: binascii.unhexlify(text[2:-1]),
    "binary": lambda text: base64.b64decode(text[2:-1]),
    "time": lambda text: instant(text[2:-1]),
}


def _pair(value: Any, wanted: Any) -> tuple[Any, Any] | None:
    """Both in types that can be compared, or None: numbers with numbers, texts as bytes with bytes, texts read as times
    with times. A bool is no number."""
    if isinstance(wanted, datetime):
        return (instant(value), wanted) if isinstance(value, str) else None
    if isinstance(value, bool) or isinstance(wanted, bool):
        return (value, wanted) if isinstance(value, bool) and isinstance(wanted, bool) else None
    if isinstance(value, (int, float)):
        return (value, wanted) if isinstance(wanted, (int, float)) else None
    if isinstance(value, str) and isinstance(wanted, str):
        return value, wanted
    if isinstance(value, (str, bytes)) and isinstance(wanted, (str, bytes)):
        try:
            return _as_bytes(value), _as_bytes(wanted)
        except UnicodeEncodeError:
            return None
    return None


def _as_bytes(value: str | bytes) -> bytes:
    """A text as bytes where each character is one (§9.6.2)."""
    return value if isinstance(value, bytes) else value.encode("latin-1")


def _equals(wanted: Any) -> Predicate:
    def passes(value: Any) -> bool:
        pair = _pair(value, wanted)
        return pair is not None and bool(pair[0] == pair[1])

    return passes


def _equal(test: Test) -> Predicate:
    return _equals(literal(test.values[0]))


def _unequal(test: Test) -> Predicate:
    equal = _equal(test)
    return lambda value: not equal(value)


def _ordered(test: Test) -> Predicate:
    """What cannot be ordered is false, and NOT does not make it true."""
    wanted, compare, negated = literal(test.values[0]), _ORDERS[test.operator], test.negated

    def passes(value: Any) -> bool:
        if isinstance(value, bool):
            return False
        pair = _pair(value, wanted)
        if pair is None:
            return negated and isinstance(value, (str, bytes)) and isinstance(wanted, (str, bytes))
        return compare(*pair) is not negated

    return passes


def _one_of(test: Test) -> Predicate:
    values = [literal(written) for written in test.values]
    kinds = {_FAMILIES.get(written.kind, written.kind) for written in test.values}
    if len(kinds) > 1:
        raise PatternError(f"a set of different kinds ({', '.join(sorted(kinds))})", test.values[0].at)
    texts = frozenset(value for value in values if isinstance(value, str))
    equals = [_equals(value) for value in values]

    def passes(value: Any) -> bool:
        if texts and isinstance(value, str):
            return value in texts
        return any(equal(value) for equal in equals)

    return passes


def _regex(pattern: str | bytes, at: int, *, latin: bool = False) -> Any:
    options = re2.Options()
    options.log_errors = False
    options.max_mem = _REGEX_BYTES
    if latin:
        options.encoding = re2.Options.Encoding.LATIN1
    try:
        return re2.compile(pattern, options)
    except re2.error as error:
        reason = error.args[0] if error.args else "?"
        reason = reason.decode(errors="replace") if isinstance(reason, bytes) else reason
        raise PatternError(f"RE2 does not take this expression ({reason})", at) from error


def _searched(regex: Any, binary: Any) -> Predicate:
    """Texts are compared in NFC (§9.6.1); bytes only where the pattern itself is one of bytes."""

    def passes(value: Any) -> bool:
        if isinstance(value, str):
            return regex.search(value if value.isascii() else unicodedata.normalize("NFC", value)) is not None
        return binary is not None and isinstance(value, bytes) and binary.search(value) is not None

    return passes


def _matches(test: Test) -> Predicate:
    written = test.values[0]
    text = unicodedata.normalize("NFC", literal(written))
    try:
        binary = _regex(text.encode("latin-1"), written.at, latin=True)
    except UnicodeEncodeError:
        binary = None
    return _searched(_regex(text, written.at), binary)


def _like(test: Test) -> Predicate:
    """`%` is any text, `_` one character, the whole value is meant."""
    written = test.values[0]
    wildcards = {"%": ".*", "_": "."}
    text = unicodedata.normalize("NFC", literal(written))
    regex = _regex("(?s)^(?:" + "".join(wildcards.get(sign) or re2.escape(sign) for sign in text) + ")$", written.at)
    passes = _searched(regex, None)
    plain = all(ord(sign) < 256 for sign in text)

    def decoded(value: Any) -> bool:
        if isinstance(value, bytes):
            try:
                return plain and passes(value.decode())
            except UnicodeDecodeError:
                return False
        return passes(value)

    return decoded


def _network(text: str) -> IPv4Network | IPv6Network | None:
    try:
        return ip_network(text, strict=False)
    except ValueError:
        return None


def _inside(inner: IPv4Network | IPv6Network, outer: IPv4Network | IPv6Network) -> bool:
    shift = outer.max_prefixlen - outer.prefixlen
    return (
        inner.version == outer.version
        and inner.prefixlen >= outer.prefixlen
        and int(inner.network_address) >> shift == int(outer.network_address) >> shift
    )


def _subset(test: Test, *, superset: bool = False) -> Predicate:
    written = test.values[0]
    wanted = _network(literal(written))
    if wanted is None:
        raise PatternError(f"{written.text[:60]} is neither an address nor a network", written.at)

    def passes(value: Any) -> bool:
        held = _network(value) if isinstance(value, str) else None
        if held is None:
            return False
        return _inside(wanted, held) if superset else _inside(held, wanted)

    return passes


_PREDICATES: dict[str, Callable[[Test], Predicate]] = {
    "=": _equal,
    "!=": _unequal,
    **dict.fromkeys(_ORDERS, _ordered),
    "IN": _one_of,
    "MATCHES": _matches,
    "LIKE": _like,
    "ISSUBSET": _subset,
    "ISSUPERSET": lambda test: _subset(test, superset=True),
}
