"""The language of conditions: selections joined by and, or, not, `1 of` and `all of` (Sigma rules specification 2.1,
"Condition")."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping, Sequence
from fnmatch import fnmatchcase

from correlator.sigma.strings import BadValue
from correlator.sigma.tree import All, Either, Node, Not, joined

MAX_CONDITION = 4_096
MAX_NESTED = 64

_TOKEN = re.compile(r"\s*([()|]|[A-Za-z0-9_*.\-]+|\S)")
_WORDS = frozenset({"and", "or", "not", "of", "(", ")", "|"})
_QUANTIFIERS: Mapping[str, type[All] | type[Either]] = {"1": Either, "any": Either, "all": All}


def parse_condition(text: str, selections: Mapping[str, Node]) -> Node:
    """The tree of a condition over these selections. Raises BadValue, which says what is wrong."""
    if len(text) > MAX_CONDITION:
        raise BadValue(f"the condition is longer than {MAX_CONDITION} characters")
    tokens = _TOKEN.findall(text)
    if not tokens:
        raise BadValue("the condition is empty")
    parser = _Parser(tokens, selections)
    node = parser.either(0)
    parser.end()
    return node


class _Parser:
    """By descent, one method for each binding strength: or, and, not, operand."""

    def __init__(self, tokens: Sequence[str], selections: Mapping[str, Node]) -> None:
        self._tokens = tokens
        self._at = 0
        self._selections = selections

    def end(self) -> None:
        word = self._peek()
        if word == "|":
            raise BadValue("the old pipe syntax is not Sigma 2; write a correlation rule")
        if word:
            raise BadValue(f"'{word}' is not expected in the condition")

    def either(self, depth: int) -> Node:
        return self._joined("or", self._all, Either, depth)

    def _all(self, depth: int) -> Node:
        return self._joined("and", self._not, All, depth)

    def _joined(self, word: str, part: Callable[[int], Node], join: type[All] | type[Either], depth: int) -> Node:
        parts = [part(depth)]
        while self._word() == word:
            self._at += 1
            parts.append(part(depth))
        return joined(join, tuple(parts))

    def _not(self, depth: int) -> Node:
        negated = False
        while self._word() == "not":
            self._at += 1
            negated = not negated
        operand = self._operand(depth)
        return Not(operand) if negated else operand

    def _operand(self, depth: int) -> Node:
        if depth >= MAX_NESTED:
            raise BadValue(f"the condition is nested deeper than {MAX_NESTED}")
        word = self._peek()
        if not word:
            raise BadValue("the condition ends where a selection should stand")
        self._at += 1
        if word == "(":
            inner = self.either(depth + 1)
            if self._peek() != ")":
                raise BadValue("a parenthesis is not closed in the condition")
            self._at += 1
            return inner
        if word.lower() in _QUANTIFIERS and self._word() == "of":
            self._at += 1
            return self._of(word.lower())
        if word.lower() in _WORDS:
            raise BadValue(f"'{word}' stands where a selection should stand")
        if word not in self._selections:
            raise BadValue(f"the condition names '{word}', which is no selection")
        return self._selections[word]

    def _of(self, quantifier: str) -> Node:
        pattern = self._peek()
        self._at += 1
        if pattern.lower() in _WORDS or not pattern:
            raise BadValue(f"'{quantifier} of' needs 'them' or the names of selections")
        wanted = "*" if pattern == "them" else pattern
        found = tuple(
            node
            for name, node in self._selections.items()
            if fnmatchcase(name, wanted) and (wanted.startswith("_") or not name.startswith("_"))
        )
        if not found:
            raise BadValue(f"'{quantifier} of {pattern}' names no selection")
        return joined(_QUANTIFIERS[quantifier], found)

    def _peek(self) -> str:
        return self._tokens[self._at] if self._at < len(self._tokens) else ""

    def _word(self) -> str:
        return self._peek().lower()
