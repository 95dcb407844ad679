"""STIX 2.1 patterns (§9) of the plain kind, which nearly all exchanged ones are: a comparison, or an OR of them."""

from __future__ import annotations

import re
from collections.abc import Iterator

from vonggac.domain.indicator import IndicatorKind

MAX_PATTERN = 16_384

_TOKEN = re.compile(
    r"""\s*(?:
        (?P<text>'(?:[^'\\]|\\.)*')
      | (?P<path>[a-z0-9][a-z0-9-]*:[A-Za-z0-9_.\-]+(?:\.?'[^']*')?)
      | (?P<word>[A-Z]+)
      | (?P<sign>[\[\](),]|!=|<=|>=|=|<|>)
    )""",
    re.VERBOSE | re.DOTALL,
)
_HASH_PATH = re.compile(r"file:hashes\.'?(MD5|SHA-1|SHA-256)'?", re.IGNORECASE)
_PATHS = {
    "ipv4-addr:value": IndicatorKind.IP,
    "ipv6-addr:value": IndicatorKind.IP,
    "domain-name:value": IndicatorKind.DOMAIN,
    "url:value": IndicatorKind.URL,
}


class UnsupportedPattern(Exception):
    """A pattern that says more than a list of values, or is not a pattern."""


def values_of(pattern: str) -> list[tuple[IndicatorKind, str]]:
    """Every value that a pattern names, each alone enough to match. Raises UnsupportedPattern, which says why."""
    if len(pattern) > MAX_PATTERN:
        raise UnsupportedPattern(f"longer than {MAX_PATTERN} characters")
    tokens = _Tokens(pattern)
    found: list[tuple[IndicatorKind, str]] = []
    while True:
        tokens.sign("[")
        found += _comparison(tokens)
        while tokens.word("OR"):
            found += _comparison(tokens)
        tokens.sign("]")
        if not tokens.word("OR"):
            break
    if not tokens.at_end:
        raise UnsupportedPattern(f"{tokens.shown} is not evaluated")
    return found


def _comparison(tokens: _Tokens) -> Iterator[tuple[IndicatorKind, str]]:
    kind = _kind(tokens.take("path"))
    values: list[str] = []
    if tokens.word("IN"):
        tokens.sign("(")
        values.append(tokens.take("text"))
        while tokens.is_sign(","):
            values.append(tokens.take("text"))
        tokens.sign(")")
    elif kind is IndicatorKind.IP and tokens.word("ISSUBSET"):
        values.append(tokens.take("text"))
    else:
        tokens.sign("=")
        values.append(tokens.take("text"))
    for value in values:
        text = re.sub(r"\\(.)", r"\1", value[1:-1], flags=re.DOTALL)
        yield (IndicatorKind.CIDR if kind is IndicatorKind.IP and "/" in text else kind), text


def _kind(path: str) -> IndicatorKind:
    if _HASH_PATH.fullmatch(path):
        return IndicatorKind.HASH
    if path in _PATHS:
        return _PATHS[path]
    raise UnsupportedPattern(f"object path {path} is not evaluated")


class _Tokens:
    """The tokens of a pattern, asked for one after the other."""

    def __init__(self, pattern: str) -> None:
        self._tokens: list[tuple[str, str]] = []
        at, end = 0, len(pattern.rstrip())
        while at < end:
            match = _TOKEN.match(pattern, at)
            if match is None:
                raise UnsupportedPattern(f"cannot be read at character {at + 1}")
            self._tokens.append((match.lastgroup or "", match[match.lastgroup or 0]))
            at = match.end()
        self._next = 0

    @property
    def at_end(self) -> bool:
        return self._next >= len(self._tokens)

    @property
    def shown(self) -> str:
        return "the end" if self.at_end else self._tokens[self._next][1]

    def take(self, kind: str) -> str:
        if self.at_end or self._tokens[self._next][0] != kind:
            raise UnsupportedPattern(f"{self.shown} is not evaluated")
        self._next += 1
        return self._tokens[self._next - 1][1]

    def word(self, word: str) -> bool:
        """Whether the next token is this word; then it is taken."""
        return self._is("word", word)

    def is_sign(self, sign: str) -> bool:
        return self._is("sign", sign)

    def sign(self, sign: str) -> None:
        if not self._is("sign", sign):
            raise UnsupportedPattern(f"{self.shown} is not evaluated")

    def _is(self, kind: str, text: str) -> bool:
        if self.at_end or self._tokens[self._next] != (kind, text):
            return False
        self._next += 1
        return True
