"""What an incident's evidence says together, kept as it grows, so that long histories stay cheap."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from vonggac.domain.kinds import class_of

if TYPE_CHECKING:
    from vonggac.domain.incident import Evidence


@dataclass(frozen=True, slots=True)
class Reach:
    """`strengths` are the different (rule level, category) in evidence; by RSIT class, `machines` are those that it
    names, and `systems` the system of the highest level, as (level, name)."""

    strengths: frozenset[tuple[str, str]] = frozenset()
    machines: Mapping[str, frozenset[str]] = field(default_factory=dict)
    systems: Mapping[str, tuple[int, str]] = field(default_factory=dict)

    @property
    def levels(self) -> frozenset[str]:
        """The levels of the rules in evidence."""
        return frozenset(level for level, _ in self.strengths)


def grown(reach: Reach, part: Evidence) -> Reach:
    """With one more piece of evidence. Sets are copied only where it has something new."""
    name = class_of(part.rsit)
    strengths, machines = reach.strengths | {(part.level, part.category)}, reach.machines.get(name, frozenset())
    fresh = [machine for machine in part.machines if machine not in machines]
    system = max(reach.systems.get(name, (0, "")), (part.system_level, part.system))
    return Reach(
        strengths,
        {**reach.machines, name: machines.union(fresh) if fresh else machines},
        {**reach.systems, name: system},
    )


def reach_of(parts: Iterable[Evidence]) -> Reach:
    reach = Reach()
    for part in parts:
        reach = grown(reach, part)
    return reach
