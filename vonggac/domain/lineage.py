"""What became of a unit, and what it came from: incidents of one day counted in the units of another.

Only edges that fit are followed: a predecessor ends on the day on which its successor begins, and the shares of all its
successors are known and sum to 1. Everything else stays where it was and says so, so that no total ever changes.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date
from fractions import Fraction

from vonggac.domain.agency import Agency, Directory, Predecessor

WHOLE = Fraction(1)
Key = tuple[str, date]


@dataclass(frozen=True, slots=True)
class Part:
    """The share of a unit's matters that one unit has on another day.

    `unit` is None where the directory does not know the code. `known` is False where the matters could not be carried
    to that day, so that `unit` is one that was not there then.
    """

    unit: Agency | None
    code: str
    share: Fraction = WHOLE
    known: bool = True


@dataclass(frozen=True, slots=True)
class Edge:
    """One predecessor, its successor, and how the one came to the other."""

    old: Agency
    new: Agency
    how: Predecessor


class Lineage:
    """The successors and predecessors of every unit of a directory."""

    def __init__(self, directory: Directory) -> None:
        self._directory = directory
        self._after: dict[Key, list[Edge]] = {}
        self._before: dict[Key, list[Edge]] = {}
        self._parts: dict[tuple[Key, date], tuple[Part, ...]] = {}
        for edge in edges(directory):
            self._after.setdefault(edge.old.key, []).append(edge)
            self._before.setdefault(edge.new.key, []).append(edge)

    def unit_at(self, code: str, day: date) -> Agency | None:
        """The unit that bore the code on that day; where nobody did, who bore it last before, else who bore it first.
        None where the directory does not know the code."""
        found = self._directory.on(code, day)
        if found is not None:
            return found
        lives = self._directory.lives(code)
        before = [unit for unit in lives if unit.valid_from <= day]
        return before[-1] if before else next(iter(lives), None)

    def in_units_of(self, code: str, day: date, target: date) -> tuple[Part, ...]:
        """Who has, on `target`, the matters that the unit of this code had on `day`. The shares sum to 1.

        A code that the directory does not know, and a unit that is there on both days, stay themselves.
        """
        unit = self.unit_at(code, day)
        return (Part(None, code),) if unit is None else self.parts(unit, target)

    def parts(self, unit: Agency, target: date) -> tuple[Part, ...]:
        """The same for a unit that is at hand."""
        asked = (unit.key, target)
        known = self._parts.get(asked)
        if known is None:
            known = self._parts[asked] = self._found(unit, target)
        return known

    def became(self, unit: Agency) -> tuple[Edge, ...]:
        """The edges to its successors; none for one that is still there, or ended without any."""
        return tuple(self._after.get(unit.key, ()))

    def _found(self, unit: Agency, target: date) -> tuple[Part, ...]:
        if unit.valid_on(target):
            return (Part(unit, unit.code),)
        if unit.valid_from <= target:
            return self._forward(unit, target)
        return self._backward(unit, target)

    def _forward(self, unit: Agency, target: date) -> tuple[Part, ...]:
        after = self._after.get(unit.key, [])
        if not passes_whole(after):
            return (Part(unit, unit.code, known=False),)
        return _joined((edge.how.share or WHOLE, part) for edge in after for part in self.parts(edge.new, target))

    def _backward(self, unit: Agency, target: date) -> tuple[Part, ...]:
        before = self._before.get(unit.key, [])
        # An edge that does not fit is a predecessor too, though nobody knows which unit it was.
        alone = len(before) == len(unit.predecessors) == 1
        if not alone or before[0].how.share != WHOLE or not passes_whole(self._after[before[0].old.key]):
            return (Part(unit, unit.code, known=False),)
        return self.parts(before[0].old, target)


def edges(directory: Directory) -> Iterable[Edge]:
    """Every edge whose predecessor ends on the day on which its successor begins."""
    for unit in directory.agencies:
        for how in unit.predecessors:
            old = next((each for each in directory.lives(how.code) if each.valid_to == unit.valid_from), None)
            if old is not None:
                yield Edge(old, unit, how)


def passes_whole(after: Iterable[Edge]) -> bool:
    """Whether these, all edges of one predecessor, pass on everything it had."""
    shares = [edge.how.share for edge in after]
    return all(share is not None for share in shares) and sum(share or 0 for share in shares) == WHOLE


def _joined(parts: Iterable[tuple[Fraction, Part]]) -> tuple[Part, ...]:
    """Each unit once, with the sum of what came to it on all ways."""
    sums: dict[tuple[Agency | None, bool], Part] = {}
    for share, part in parts:
        had = sums.get((part.unit, part.known))
        whole = share * part.share + (had.share if had else 0)
        sums[part.unit, part.known] = Part(part.unit, part.code, whole, part.known)
    return tuple(sums.values())
