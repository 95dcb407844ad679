"""Agencies have lives: a unit is a code with validity dates, predecessors and the networks it answers for.

Keyed by (code, valid_from), never by name: the Phú Thọ of 2025-07-01 is not the Phú Thọ before it.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from fractions import Fraction

from vonggac.domain.prefixes import Network, Prefixes, address_of

#: The first day of a unit of which nobody said since when it is there.
SINCE_EVER = date(1900, 1, 1)
NEVER = date.max


class Level(StrEnum):
    NATIONAL = "national"
    MINISTRY = "ministry"
    PROVINCE = "province"
    DISTRICT = "district"
    COMMUNE = "commune"
    UNIT = "unit"


class LineageKind(StrEnum):
    """What became of a predecessor: it went whole into a unit that others may have gone into too, was parted, was only
    called anew, came under another parent, or ended with its matters going on elsewhere."""

    MERGED = "merged"
    SPLIT = "split"
    RENAMED = "renamed"
    MOVED = "moved"
    ABOLISHED = "abolished"


#: Of these the share is 1 where none is given; of the others it is unknown then.
PASSED_WHOLE = frozenset({LineageKind.MERGED, LineageKind.RENAMED, LineageKind.MOVED})


@dataclass(frozen=True, slots=True)
class Predecessor:
    """The unit of this code that ends on the day on which its successor begins. `share` is the part of its matters that
    goes on to this successor; None where nobody knows it."""

    code: str
    kind: LineageKind = LineageKind.MERGED
    share: Fraction | None = Fraction(1)


@dataclass(frozen=True, slots=True)
class Agency:
    """One unit during one validity; `valid_to` is the first day on which it is no more.

    `outside_scope`: its systems are not those of QĐ 05/2017/QĐ-TTg and TT 31/2017/TT-BTTTT (Bộ Quốc phòng, Bộ Công an),
    so that it stands in no denominator.
    """

    code: str
    name: str
    level: Level
    parent: str | None = None
    valid_from: date = SINCE_EVER
    valid_to: date | None = None
    name_en: str = ""
    predecessors: tuple[Predecessor, ...] = ()
    networks: tuple[Network, ...] = ()
    domains: tuple[str, ...] = ()
    contacts: tuple[str, ...] = ()
    outside_scope: bool = False

    @property
    def key(self) -> tuple[str, date]:
        return self.code, self.valid_from

    @property
    def end(self) -> date:
        """The first day on which it is no more; NEVER for one that is still there."""
        return self.valid_to or NEVER

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day < self.end

    def meets(self, other: Agency) -> bool:
        """Whether there is a day on which both are valid."""
        return self.valid_from < other.end and other.valid_from < self.end


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
    valid_from: date = SINCE_EVER
    valid_to: date | None = None
    networks: tuple[Network, ...] = ()
    domains: tuple[str, ...] = ()

    def valid_on(self, day: date) -> bool:
        return self.valid_from <= day and (self.valid_to is None or day < self.valid_to)

    def meets(self, other: System) -> bool:
        """Whether there is a day on which both are valid."""
        return self.valid_from < (other.valid_to or NEVER) and other.valid_from < (self.valid_to or NEVER)


@dataclass(frozen=True)
class Directory:
    """Every agency and system known, asked by code, by address, by name or by day."""

    agencies: tuple[Agency, ...] = ()
    systems: tuple[System, ...] = ()
    _lives: dict[str, tuple[Agency, ...]] = field(init=False, repr=False, compare=False)
    _children: dict[str, set[str]] = field(init=False, repr=False, compare=False)
    _below: dict[str, frozenset[str]] = field(init=False, repr=False, compare=False)
    _owners: Prefixes[Agency] = field(init=False, repr=False, compare=False)
    _systems: Prefixes[System] = field(init=False, repr=False, compare=False)
    _named: dict[str, list[System]] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        lives: dict[str, tuple[Agency, ...]] = {}
        children: dict[str, set[str]] = {}
        for unit in sorted(self.agencies, key=lambda unit: unit.valid_from):
            lives[unit.code] = (*lives.get(unit.code, ()), unit)
            if unit.parent is not None:
                children.setdefault(unit.parent, set()).add(unit.code)
        owners = Prefixes((network, unit) for unit in self.agencies for network in unit.networks)
        # Of two systems with the same network or name the higher level counts.
        systems = sorted(self.systems, key=lambda system: -system.level)
        found = Prefixes((network, system) for system in systems for network in system.networks)
        named: dict[str, list[System]] = {}
        for system in systems:
            for name in system.domains:
                named.setdefault(name.lower().strip("."), []).append(system)
        object.__setattr__(self, "_lives", lives)
        object.__setattr__(self, "_children", children)
        object.__setattr__(self, "_below", {})
        object.__setattr__(self, "_owners", owners)
        object.__setattr__(self, "_systems", found)
        object.__setattr__(self, "_named", named)

    @property
    def has_networks(self) -> bool:
        """Whether `owner_of` can find anything."""
        return bool(self._owners)

    def lives(self, code: str) -> tuple[Agency, ...]:
        """Each validity of the code, by its first day."""
        return self._lives.get(code, ())

    def on(self, code: str, day: date) -> Agency | None:
        """The unit that bore this code on that day."""
        return next((unit for unit in self._lives.get(code, ()) if unit.valid_on(day)), None)

    def latest(self, code: str) -> Agency | None:
        """The unit that bears or last bore this code."""
        lives = self._lives.get(code)
        return lives[-1] if lives else None

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
        known = self._below.get(code)
        if known is None:
            found, rest = {code}, [code]
            while rest:
                more = self._children.get(rest.pop(), set()) - found
                found |= more
                rest += more
            known = self._below[code] = frozenset(found)
        return known
