"""`and`, `or`, `not` and parentheses over operands of any kind: `not` binds closest, then `and`, then `or` (Sigma rules
specification 2.1, "Condition")."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic, TypeVar

MAX_LENGTH = 4_096
MAX_DEPTH = 64

_TOKEN = re.compile(r"\s*([()|]|[^\s()|]+)")
#: What cannot be the name of anything.
WORDS = frozenset({"and", "or", "not", "of", "(", ")", "|"})

Made = TypeVar("Made")


class Malformed(ValueError):
    """The text is no condition; says why."""


class Words:
    """A condition's words, taken one by one."""

    def __init__(self, text: str) -> None:
        if len(text) > MAX_LENGTH:
            raise Malformed(f"the condition is longer than {MAX_LENGTH} characters")
        self._words: Sequence[str] = _TOKEN.findall(text)
        self._at = 0
        if not self._words:
            raise Malformed("the condition is empty")

    @property
    def next(self) -> str:
        """The next word, empty at the end."""
        return self._words[self._at] if self._at < len(self._words) else ""

    def take(self) -> str:
        word = self.next
        self._at += 1
        return word

    def took(self, word: str) -> bool:
        """Whether the next word was this one, which is of no case, and is taken."""
        found = self.next.lower() == word
        self._at += found
        return found


class Reader(Generic[Made]):
    """By descent, one method for each binding strength: or, and, not, operand."""

    def __init__(
        self,
        operand: Callable[[Words], Made],
        both: Callable[[tuple[Made, ...]], Made],
        either: Callable[[tuple[Made, ...]], Made],
        negated: Callable[[Made], Made],
    ) -> None:
        """`operand` takes what is no `and`, `or`, `not` or parenthesis."""
        self._operand = operand
        self._make_both = both
        self._make_either = either
        self._negated = negated

    def read(self, text: str) -> Made:
        """What the text says. Raises Malformed."""
        words = Words(text)
        made = self._either(words, 0)
        if words.next == "|":
            raise Malformed("the old pipe syntax is not Sigma 2; write a correlation rule")
        if words.next:
            raise Malformed(f"'{words.next}' is not expected in the condition")
        return made

    def _either(self, words: Words, depth: int) -> Made:
        parts = [self._both(words, depth)]
        while words.took("or"):
            parts.append(self._both(words, depth))
        return parts[0] if len(parts) == 1 else self._make_either(tuple(parts))

    def _both(self, words: Words, depth: int) -> Made:
        parts = [self._not(words, depth)]
        while words.took("and"):
            parts.append(self._not(words, depth))
        return parts[0] if len(parts) == 1 else self._make_both(tuple(parts))

    def _not(self, words: Words, depth: int) -> Made:
        negated = False
        while words.took("not"):
            negated = not negated
        made = self._one(words, depth)
        return self._negated(made) if negated else made

    def _one(self, words: Words, depth: int) -> Made:
        if depth >= MAX_DEPTH:
            raise Malformed(f"the condition is nested deeper than {MAX_DEPTH}")
        if words.took("("):
            inner = self._either(words, depth + 1)
            if not words.took(")"):
                raise Malformed("a parenthesis is not closed in the condition")
            return inner
        if not words.next:
            raise Malformed("the condition ends where a name should stand")
        return self._operand(words)


def named(words: Words) -> str:
    """The name that is taken. Raises Malformed."""
    word = words.take()
    if word.lower() in WORDS:
        raise Malformed(f"'{word}' stands where a name should stand")
    return word
