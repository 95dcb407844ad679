"""What is wrong with a directory: lives that overlap or leave a gap, parents and predecessors that do not fit, shares
that are not 1, one network of two units."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from itertools import pairwise

from vonggac.domain.agency import NEVER, SINCE_EVER, Agency, Directory
from vonggac.domain.lineage import Edge, edges, passes_whole
from vonggac.domain.prefixes import Network, unmapped


class Reason(StrEnum):
    OVERLAP = "overlap"
    GAP = "gap"
    PARENT_UNKNOWN = "parent_unknown"
    PARENT_AWAY = "parent_away"
    CYCLE = "cycle"
    PREDECESSOR_UNKNOWN = "predecessor_unknown"
    PREDECESSOR_DAY = "predecessor_day"
    SHARES = "shares"
    NETWORK = "network"


@dataclass(frozen=True, slots=True)
class Fault:
    """What is wrong with a unit, with the facts of the sentence that says so. Without any one of `among`, the unit
    itself first, the fault would not be there."""

    unit: Agency
    reason: Reason
    facts: Mapping[str, str]
    among: tuple[Agency, ...]


def faults(directory: Directory) -> Iterator[Fault]:
    """Every fault of the directory, in no order."""
    for code in dict.fromkeys(unit.code for unit in directory.agencies):
        yield from _lives(directory.lives(code))
    for unit in directory.agencies:
        yield from _parent(unit, directory)
        yield from _predecessors(unit, directory)
    yield from _cycles(directory)
    yield from _shares(directory)
    yield from _networks(directory)


def _lives(lives: tuple[Agency, ...]) -> Iterator[Fault]:
    """Two lives of one code may not overlap. They may leave a gap only where the later one has predecessors: then the
    code was given anew; else a date is wrong, mostly a `valid_to` that is the last day instead of the day after."""
    for early, late in pairwise(lives):
        facts = {"code": late.code, "start": late.valid_from.isoformat(), "end": _day(early.valid_to)}
        if late.valid_from < early.end:
            yield Fault(late, Reason.OVERLAP, facts, (late, early))
        elif late.valid_from > early.end and not late.predecessors:
            yield Fault(late, Reason.GAP, facts, (late, early))


def _parent(unit: Agency, directory: Directory) -> Iterator[Fault]:
    """A parent, in whatever life, is there on every day of the unit; of one that is there since nobody knows when, from
    the parent's first day on."""
    if unit.parent is None:
        return
    parents = directory.lives(unit.parent)
    facts = {"code": unit.code, "parent": unit.parent}
    if not parents:
        yield Fault(unit, Reason.PARENT_UNKNOWN, facts, (unit,))
        return
    day = parents[0].valid_from if unit.valid_from == SINCE_EVER else unit.valid_from
    for parent in parents:
        if day >= unit.end or parent.valid_from > day:
            break
        day = max(day, parent.end)
    if day < unit.end:
        back = next((parent.valid_from for parent in parents if parent.valid_from > day), NEVER)
        away = {"start": day.isoformat(), "end": _day(min(back, unit.end))}
        yield Fault(unit, Reason.PARENT_AWAY, {**facts, **away}, (unit, *parents))


def _predecessors(unit: Agency, directory: Directory) -> Iterator[Fault]:
    for how in unit.predecessors:
        lives = directory.lives(how.code)
        facts = {"code": unit.code, "predecessor": how.code, "start": unit.valid_from.isoformat()}
        if not lives:
            yield Fault(unit, Reason.PREDECESSOR_UNKNOWN, facts, (unit,))
        elif all(old.valid_to != unit.valid_from for old in lives):
            ends = ", ".join(_day(old.valid_to) for old in lives if old != unit) or "–"
            yield Fault(unit, Reason.PREDECESSOR_DAY, {**facts, "end": ends}, (unit, *lives))


def _cycles(directory: Directory) -> Iterator[Fault]:
    """A code never stands below itself, not even by way of another day's parents."""
    parents: dict[str, set[str]] = {}
    for unit in directory.agencies:
        if unit.parent is not None:
            parents.setdefault(unit.code, set()).add(unit.parent)
    round_codes = _in_circles(parents)
    for unit in directory.agencies:
        if unit.code in round_codes and unit.parent in round_codes:
            yield Fault(unit, Reason.CYCLE, {"code": unit.code, "parent": unit.parent or ""}, (unit,))


def _in_circles(parents: Mapping[str, set[str]]) -> set[str]:
    """The codes that stand above themselves."""
    left = parents
    while True:  # what has no parent left, or no child, is in no circle; hardly ever is anything kept
        held = {parent for above in left.values() for parent in above}
        kept = {code: above & left.keys() for code, above in left.items() if code in held and above & left.keys()}
        if kept == left:
            return {code for code in kept if _above_itself(code, kept)}
        left = kept


def _above_itself(code: str, parents: Mapping[str, set[str]]) -> bool:
    seen: set[str] = set()
    rest = [code]
    while rest:
        above = parents[rest.pop()] - seen
        seen |= above
        rest += above
    return code in seen


def _shares(directory: Directory) -> Iterator[Fault]:
    """The shares of all successors of one unit are all unknown, or sum to 1; else each of them is at fault."""
    after: dict[tuple[str, date], list[Edge]] = {}
    for edge in edges(directory):
        after.setdefault(edge.old.key, []).append(edge)
    for found in after.values():
        if passes_whole(found) or all(edge.how.share is None for edge in found):
            continue
        told = ", ".join(f"{edge.new.code} {'?' if edge.how.share is None else edge.how.share}" for edge in found)
        old = found[0].old
        for new in dict.fromkeys(edge.new for edge in found):
            yield Fault(new, Reason.SHARES, {"code": new.code, "predecessor": old.code, "shares": told}, (new, old))


def _networks(directory: Directory) -> Iterator[Fault]:
    holders: dict[Network, list[Agency]] = {}
    for unit in directory.agencies:
        for network in dict.fromkeys(map(unmapped, unit.networks)):
            others = holders.setdefault(network, [])
            other = next((each for each in others if each.code != unit.code and each.meets(unit)), None)
            if other is not None:
                facts = {"code": unit.code, "network": str(network), "other": other.code}
                yield Fault(unit, Reason.NETWORK, facts, (unit, other))
            others.append(unit)


def _day(day: date | None) -> str:
    return "…" if day is None or day == NEVER else day.isoformat()
