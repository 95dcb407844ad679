"""How severe an incident is: a dated table over its strongest rule, the level of its system, and spread; and what a
person says of it to the question of the law."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import date
from enum import StrEnum
from typing import Any

from vonggac.domain.detection import Severity


@dataclass(frozen=True, slots=True)
class Grounds:
    """What severity is reckoned from: the level of the strongest rule (Sigma), the system's level 1 to 5 (NĐ 85/2016; 0
    where none is known), and how many different machines and agencies were hit."""

    level: str
    system: str = ""
    system_level: int = 0
    machines: int = 0
    agencies: int = 0


@dataclass(frozen=True, slots=True)
class Rating:
    """What the correlator reckoned, from what, by which table."""

    severity: Severity
    grounds: Grounds
    table: str


class Grade(StrEnum):
    """The two of QĐ 05/2017/QĐ-TTg, Article 9: `nghiêm trọng` and `thông thường`."""

    SERIOUS = "serious"
    ORDINARY = "ordinary"


def grade_of(conditions: Collection[str], beyond_owner: bool) -> Grade:
    """Serious if one of the conditions of (a) holds and (b) its owner cannot control or handle it; else ordinary."""
    return Grade.SERIOUS if conditions and beyond_owner else Grade.ORDINARY


@dataclass(frozen=True, slots=True)
class Grading:
    """Which conditions of (a) a person (`by`) found to hold, of those of which table, and whether (b) does."""

    conditions: tuple[str, ...]
    beyond_owner: bool
    table: str
    by: str

    @property
    def grade(self) -> Grade:
        return grade_of(self.conditions, self.beyond_owner)


@dataclass(frozen=True)
class SeverityTable:
    """`levels` gives each rule level its severity without a system and on one of level 1 to 5. Each threshold that
    `machines` or `agencies` reach is a step up, from `spread_from` on. In RSIT classes of `not_hit` nothing was hit.
    From system level `asks_from` on the law (`asks_basis`) asks whether it is `nghiêm trọng`: whether one of the
    `conditions` holds, and its owner cannot handle it."""

    id: str
    valid_from: date
    source: str
    levels: Mapping[str, tuple[Severity, ...]]
    machines: tuple[int, ...]
    agencies: tuple[int, ...]
    spread_from: Severity
    not_hit: frozenset[str]
    asks_from: int
    asks_basis: str
    conditions: tuple[str, ...]

    def hits(self, rsit: str) -> bool:
        """Whether what is of this `class/type` hit anything yet."""
        return rsit.partition("/")[0] not in self.not_hit

    def rate(self, grounds: Grounds) -> Rating:
        """More of any ground never gives less severity."""
        severity = self.levels[grounds.level][grounds.system_level]
        if severity.rank >= self.spread_from.rank:
            steps = max(_reached(self.machines, grounds.machines), _reached(self.agencies, grounds.agencies))
            severity = list(Severity)[min(severity.rank + steps, Severity.CRITICAL.rank)]
        return Rating(severity, grounds, self.id)


def _reached(thresholds: tuple[int, ...], count: int) -> int:
    return sum(count >= threshold for threshold in thresholds)


def rating_data(rating: Rating) -> dict[str, Any]:
    """The entry data that `rating_from` reads back."""
    grounds = rating.grounds
    return {
        "severity": str(rating.severity),
        "level": grounds.level,
        "system": grounds.system,
        "system_level": grounds.system_level,
        "machines": grounds.machines,
        "agencies": grounds.agencies,
        "table": rating.table,
    }


def rating_from(data: Mapping[str, Any]) -> Rating:
    grounds = Grounds(data["level"], data["system"], data["system_level"], data["machines"], data["agencies"])
    return Rating(Severity(data["severity"]), grounds, data["table"])
