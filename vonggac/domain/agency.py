"""Agencies have lives: a unit is a code with validity dates, predecessors and the networks it answers for.

Keyed by (code, valid_from), never by name: the Phú Thọ of 2025-07-01 is not the Phú Thọ before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum

from vonggac.domain.prefixes import Network, Prefixes, address_of


class Level(StrEnum):
    NATIONAL = "national"
    MINISTRY = "ministry"
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    UNIT = "unit"


@dataclass(frozen=True, slots=True)
class Agency:
    """One unit during one validity; `valid_to` is the first day on which it is no more."""

    code: str
    name: str
    level: Level
    parent: str | None = None
    valid_from: date = date(1900, 1, 1)
    valid_to: date | None = None
    name_en: str = ""
    predecessors: tuple[str, ...] = ()
    networks: tuple[Network, ...] = ()
    domains: tuple[str, ...] = ()

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


#: The levels of an information system (NĐ 85/2016/NĐ-CP, Articles 7 to 11).
SYSTEM_LEVELS = range(1, 6)


@dataclass(frozen=True, slots=True)
class System:
    """One information system of an agency during one validity. `networks` and `domains` (with the names below them) are
    where it stands."""

    code: str
    name: str
    level: int
    agency: str
    valid_from: date = date(1900, 1, 1)
    valid_to: date | None = None
    networks: tuple[Network, ...] = ()
    domains: tuple[str, ...] = ()

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)


@dataclass(frozen=True)
class Directory:
    """Every agency and system known, asked by code, by address, by name or by day."""

    agencies: tuple[Agency, ...] = ()
    systems: tuple[System, ...] = ()
    _owners: Prefixes[Agency] = field(init=False, repr=False, compare=False)
    _systems: Prefixes[System] = field(init=False, repr=False, compare=False)
    _named: dict[str, list[System]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        owners = Prefixes((network, unit) for unit in self.agencies for network in unit.networks)
        object.__setattr__(self, "_owners", owners)
        # Of two systems with the same network or name the higher level counts.
        systems = sorted(self.systems, key=lambda system: -system.level)
        found = Prefixes((network, system) for system in systems for network in system.networks)
        object.__setattr__(self, "_systems", found)
        named: dict[str, list[System]] = {}
        for system in systems:
            for name in system.domains:
                named.setdefault(name.lower().strip("."), []).append(system)
        object.__setattr__(self, "_named", named)

    def on(self, code: str, day: date) -> Agency | None:
        """The unit that bore this code on that day."""
        return next((unit for unit in self.agencies if unit.code == code and unit.valid_on(day)), None)

    def latest(self, code: str) -> Agency | None:
        """The unit that bears or last bore this code."""
        return max(
            (unit for unit in self.agencies if unit.code == code),
            key=lambda unit: unit.valid_from,
            default=None,
        )

    def owner_of(self, address: str, day: date) -> Agency | None:
        """The unit whose network holds the address on that day; the longest prefix wins."""
        ip = address_of(address)
        return None if ip is None else next((unit for unit in self._owners.holding(ip) if unit.valid_on(day)), None)

    def system_at(self, address: str, day: date) -> System | None:
        """The system that the address belongs to on that day; the longest prefix wins."""
        ip = address_of(address)
        return None if ip is None else next((each for each in self._systems.holding(ip) if each.valid_on(day)), None)

    def system_named(self, name: str, day: date) -> System | None:
        """The system that answers to the name, or to the nearest name above it, on that day."""
        labels = name.lower().strip(".").split(".")
        above = (".".join(labels[at:]) for at in range(len(labels)))
        found = (system for each in above for system in self._named.get(each, ()))
        return next((system for system in found if system.valid_on(day)), None)

    def below(self, code: str) -> frozenset[str]:
        """The code and every code under it, in any validity."""
        found = {code}
        grew = True
        while grew:
            more = {unit.code for unit in self.agencies if unit.parent in found} - found
            found |= more
            grew = bool(more)
        return frozenset(found)

    def names(self, codes: Iterable[str]) -> Iterator[str]:
        for code in codes:
            unit = self.latest(code)
            yield unit.name if unit else code
