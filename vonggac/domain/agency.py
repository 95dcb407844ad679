"""Agencies have lives: a unit is a code with validity dates, predecessors and the networks it answers for.

Keyed by (code, valid_from), never by name: the Phú Thọ of 2025-07-01 is not the Phú Thọ before it.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from ipaddress import IPv4Network, IPv6Network, ip_address

Network = IPv4Network | IPv6Network


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


@dataclass(frozen=True)
class Directory:
    """Every agency known, asked by code, by address or by day."""

    agencies: tuple[Agency, ...] = ()
    _prefixes: tuple[tuple[Network, Agency], ...] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        pairs = [(network, agency) for agency in self.agencies for network in agency.networks]
        pairs.sort(key=lambda pair: pair[0].prefixlen, reverse=True)
        object.__setattr__(self, "_prefixes", tuple(pairs))

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
        try:
            ip = ip_address(address)
        except ValueError:
            return None
        for network, agency in self._prefixes:
            if ip.version == network.version and ip in network and agency.valid_on(day):
                return agency
        return None

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
