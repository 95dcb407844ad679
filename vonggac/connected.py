"""How many units of each level are connected: the network's own target, counted on its directory.

A unit is connected when it, or a unit below it, has a sensor or a feed that lives. A sensor lives that this node heard
of within LIVE: the record of its heartbeat says when, and for which agency the sensor itself speaks. A feed lives whose
agency's server answered within LIVE. That an address of an agency was seen somewhere, or that a token was made for it,
counts for nothing: neither shows that anybody is watching there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Any

from vonggac.domain.agency import Directory, Level
from vonggac.domain.event import PROBE, Document
from vonggac.domain.event import field as value_at
from vonggac.domain.times import parse_instant
from vonggac.ports import RecordStore

HEARTBEAT = "heartbeat"  # kinds of records, one for each sensor: written by the node that hears it live,
SPEAKER = "speaker"  # and by whoever takes its events, live or old
LIVE = timedelta(hours=24)


@dataclass(frozen=True, slots=True)
class Aim:
    """Of `units` units of a level `percent` are to be connected."""

    percent: int
    units: int


@dataclass(frozen=True, slots=True)
class Target:
    """What the network aims at from that day on."""

    valid_from: date
    source: str
    levels: Mapping[Level, Aim]


@dataclass(frozen=True, slots=True)
class Standing:
    """How far one level is: `listed` of its `units` stand in the directory, those outside the scope of QĐ 05/2017 left
    out of both; there may be more listed than the target knows of, and then those count."""

    level: Level
    connected: int
    listed: int
    units: int
    target: int

    @property
    def percent(self) -> float | None:
        """None where there is no unit at all."""
        return 100 * self.connected / self.units if self.units else None

    @property
    def reached(self) -> bool:
        return 100 * self.connected >= self.target * self.units

    def data(self) -> dict[str, Any]:
        return {
            "level": str(self.level),
            "connected": self.connected,
            "units": self.units,
            "listed": self.listed,
            "percent": self.percent,
            "target_percent": self.target,
            "reached": self.reached,
        }


def sensor_agencies(records: RecordStore) -> dict[str, str]:
    """For which agency each sensor says that it speaks, by the sensor's name."""
    told = (record for kind in (HEARTBEAT, SPEAKER) for record in records.list(kind))
    found = ((record.key, record.body.get("agency")) for record in told)
    return {sensor: str(agency) for sensor, agency in found if agency}


class Speakers:
    """Writes down for which agency each sensor says that it speaks. It says nothing of whether the sensor lives."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._known: dict[str, str] = {}

    def note(self, events: Iterable[Document]) -> None:
        """What the sensors of these events said of themselves last is on record. A probe is nobody's sensor."""
        said: dict[str, str] = {}
        for event in events:
            agency = value_at(event, "organization.id")
            if isinstance(agency, str) and value_at(event, "event.dataset") != PROBE:
                said[str(value_at(event, "observer.name"))] = agency
        for sensor, agency in said.items():
            if self._known.get(sensor) != agency:
                self._records.put(SPEAKER, sensor, {"agency": agency})
                self._known[sensor] = agency


def live_agencies(records: RecordStore, feeds: Iterable[tuple[str | None, str]], now: datetime) -> frozenset[str]:
    """The codes of which a sensor or a feed lives; `feeds` are (agency, instant of the last pull that went through)."""
    sensors = ((record.body.get("agency"), record.body.get("at")) for record in records.list(HEARTBEAT))
    return frozenset(
        agency for agency, at in (*sensors, *feeds) if agency and at and now - parse_instant(str(at)) <= LIVE
    )


def standings(directory: Directory, live: frozenset[str], target: Target, day: date) -> Iterator[Standing]:
    """Each level that the target names."""
    present = [unit for unit in directory.agencies if unit.valid_on(day)]
    for level, aim in target.levels.items():
        units = [unit for unit in present if unit.level is level]
        listed = [unit.code for unit in units if not unit.outside_scope]
        outside = len(units) - len(listed)
        connected = sum(not live.isdisjoint(directory.below(code)) for code in listed)
        yield Standing(level, connected, len(listed), max(len(listed), aim.units - outside), aim.percent)
