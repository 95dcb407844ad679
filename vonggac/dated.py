"""Dated tables that ship with us: which kind of attack a detection is of, how severe an incident is, and how many
units the network is to connect."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from datetime import date
from functools import cache
from pathlib import Path
from typing import Any, Protocol, TypeVar

from vonggac.connected import Aim, Target
from vonggac.definitions import all_definitions
from vonggac.domain.agency import Level
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Incident
from vonggac.domain.kinds import Attacked, Kind, KindMap, Row
from vonggac.domain.severity import SeverityTable
from vonggac.domain.times import day_in_vietnam

_DATA = Path(__file__).parent / "data"


class Dated(Protocol):
    @property
    def valid_from(self) -> date: ...


D = TypeVar("D", bound=Dated)


def in_force(tables: Sequence[D], day: date) -> D:
    """The newest that held on the day; before the first one's day the first."""
    return max((each for each in tables if each.valid_from <= day), key=lambda each: each.valid_from, default=tables[0])


@cache
def kind_maps() -> tuple[KindMap, ...]:
    """Every map of kinds, oldest first."""
    return tuple(sorted(map(_kind_map, _read("kinds.toml")["kinds"]), key=lambda found: found.valid_from))


@cache
def severity_tables() -> tuple[SeverityTable, ...]:
    """Every table of severities, oldest first."""
    return tuple(sorted(map(_severity, _read("severity.toml")["severity"]), key=lambda found: found.valid_from))


@cache
def targets() -> tuple[Target, ...]:
    """Every target of the network, oldest first."""
    return tuple(sorted(map(_target, _read("targets.toml")["targets"]), key=lambda found: found.valid_from))


def severity_table(incident: Incident) -> SeverityTable:
    """The one in force on the day the incident began."""
    return in_force(severity_tables(), day_in_vietnam(incident.first_at))


def question_of(incident: Incident) -> str:
    """The article that, for the level of the system, asks a person whether this is `nghiêm trọng`; empty where none."""
    table = severity_table(incident)
    level = max((level for rsit, (level, _) in incident.reach.systems.items() if table.hits(rsit)), default=0)
    return table.asks_basis if level >= table.asks_from else ""


def triad_of(incident: Incident) -> str | None:
    """Its place in the monthly series of three (phishing, deface, malware), by the definitions of its day."""
    category = in_force(all_definitions(), day_in_vietnam(incident.first_at)).categories.get(incident.category)
    return category.triad if category else None


def _read(name: str) -> dict[str, Any]:
    return tomllib.loads((_DATA / name).read_text("utf-8"))


def _kind_map(table: Mapping[str, Any]) -> KindMap:
    return KindMap(
        id=table["id"],
        valid_from=table["valid_from"],
        source=table["source"],
        kinds={name: Kind(kind["rsit"], frozenset(kind["pairs"])) for name, kind in table["kinds"].items()},
        classes=table["classes"],
        attacked={name: Attacked(who) for name, who in table["attacked"].items()},
        rows=tuple(Row(tuple(row["signs"]), row["kind"], row["rsit"]) for row in table["rows"]),
    )


def _target(table: Mapping[str, Any]) -> Target:
    levels = {Level(level): Aim(aim["percent"], aim["units"]) for level, aim in table["levels"].items()}
    return Target(table["valid_from"], table["source"], levels)


def _severity(table: Mapping[str, Any]) -> SeverityTable:
    spread, question = table["spread"], table["question"]
    return SeverityTable(
        id=table["id"],
        valid_from=table["valid_from"],
        source=table["source"],
        levels={level: tuple(map(Severity, row)) for level, row in table["levels"].items()},
        machines=tuple(spread["machines"]),
        agencies=tuple(spread["agencies"]),
        spread_from=Severity(spread["from"]),
        not_hit=frozenset(table["not_hit"]),
        asks_from=question["system_level"],
        asks_basis=question["basis"],
        conditions=tuple(question["conditions"]),
    )
