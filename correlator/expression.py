"""Conditions over the rules that a window saw: `a and (b or not c)` (Sigma 2.1, extended temporal conditions)."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

MAX_LENGTH = 4_096
MAX_DEPTH = 16

_TOKEN = re.compile(r"[()]|[^\s()]+")


class Malformed(ValueError):
    """The text is no such condition; says why."""


@dataclass(frozen=True, slots=True)
class Expression:
    """`op` is and, or, not, or rule; a rule's `name` is its id once the correlation is linked."""

    op: str
    parts: tuple[Expression, ...] = ()
    name: str = ""

    def holds(self, seen: Collection[str]) -> bool:
        """Whether the condition is true where exactly these rules were seen."""
        match self.op:
            case "rule":
                return self.name in seen
            case "not":
                return not self.parts[0].holds(seen)
            case "and":
                return all(part.holds(seen) for part in self.parts)
            case _:
                return any(part.holds(seen) for part in self.parts)

    @property
    def names(self) -> tuple[str, ...]:
        """The rules named, each once, in the order of the text."""
        return tuple(dict.fromkeys(self._names()))

    @property
    def denies(self) -> bool:
        """Whether a `not` stands anywhere in it."""
        return self.op == "not" or any(part.denies for part in self.parts)

    @property
    def only_and(self) -> bool:
        return self.op == "rule" or (self.op == "and" and all(part.only_and for part in self.parts))

    def renamed(self, new: Callable[[str], str]) -> Expression:
        return Expression(self.op, tuple(part.renamed(new) for part in self.parts), new(self.name) if self.name else "")

    def _names(self) -> Iterator[str]:
        if self.op == "rule":
            yield self.name
        for part in self.parts:
            yield from part._names()

    def __str__(self) -> str:
        match self.op:
            case "rule":
                return self.name
            case "not":
                return f"not {self.parts[0]}"
            case _:
                return "(" + f" {self.op} ".join(map(str, self.parts)) + ")"


def parse(text: str) -> Expression:
    """The condition that the text says: `not` binds closest, then `and`, then `or`. Raises Malformed."""
    if len(text) > MAX_LENGTH:
        raise Malformed(f"condition longer than {MAX_LENGTH} characters")
    reader = _Reader(_TOKEN.findall(text))
    expression = reader.either(0)
    if (left := reader.peek()) is not None:
        raise Malformed(f"unexpected '{left}' in the condition")
    return expression


class _Reader:
    def __init__(self, tokens: list[str]) -> None:
        self._tokens = tokens
        self._at = 0

    def peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def either(self, depth: int) -> Expression:
        return self._joined("or", lambda: self._both(depth))

    def _both(self, depth: int) -> Expression:
        return self._joined("and", lambda: self._one(depth))

    def _joined(self, word: str, part: Callable[[], Expression]) -> Expression:
        parts = [part()]
        while (self.peek() or "").lower() == word:
            self._at += 1
            parts.append(part())
        return parts[0] if len(parts) == 1 else Expression(word, tuple(parts))

    def _one(self, depth: int) -> Expression:
        token = self.peek()
        self._at += 1
        if depth > MAX_DEPTH:
            raise Malformed(f"condition nested deeper than {MAX_DEPTH}")
        match (token or "").lower():
            case "not":
                return Expression("not", (self._one(depth + 1),))
            case "(":
                inner = self.either(depth + 1)
                if self.peek() != ")":
                    raise Malformed("a parenthesis of the condition is not closed")
                self._at += 1
                return inner
            case "" | ")" | "and" | "or":
                raise Malformed("the condition lacks the name of a rule")
            case _:
                return Expression("rule", name=token or "")
