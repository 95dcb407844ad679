"""Conditions over the rules that a window saw: `a and (b or not c)` (Sigma 2.1, extended temporal conditions)."""

from __future__ import annotations

from collections.abc import Callable, Collection, Iterator
from dataclasses import dataclass

from correlator.logic import Reader, named


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
    """The condition that the text says. Raises Malformed."""
    return _READER.read(text)


_READER: Reader[Expression] = Reader(
    lambda words: Expression("rule", name=named(words)),
    both=lambda parts: Expression("and", parts),
    either=lambda parts: Expression("or", parts),
    negated=lambda part: Expression("not", (part,)),
)
