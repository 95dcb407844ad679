"""Who was watched, when: each unit of the directory in a period, with the hours in which nobody watched it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from vonggac.coverage import Gap, Of, Tracks, joined
from vonggac.domain.agency import NEVER, SINCE_EVER, Agency, Directory
from vonggac.domain.covered import Part
from vonggac.domain.hours import Hours
from vonggac.domain.times import VIETNAM, format_instant
from vonggac.watching import figures, whole_hours


@dataclass(frozen=True, slots=True)
class Guarded:
    """What belongs to which agency: the names of sensors and feeds and the codes of systems, by the agency's code."""

    sensors: Mapping[str, Set[str]]
    feeds: Mapping[str, Set[str]]
    systems: Mapping[str, Set[str]]


@dataclass(frozen=True, slots=True)
class UnitWatched:
    """A unit, with those below it, over the hours of the period in which it was there. `watched` are the hours in which
    any of its sensors was heard; `coverage` is the share of its sensors' hours, None where it has none."""

    unit: Agency
    sensors: int
    hours: int
    watched: int
    coverage: Fraction | None
    parts: Mapping[Part, Fraction]
    gaps: tuple[Gap, ...]

    def data(self) -> dict[str, Any]:
        return {
            "code": self.unit.code,
            "name": self.unit.name,
            "level": str(self.unit.level),
            "sensors": self.sensors,
            "hours": self.hours,
            "watched": self.watched,
            "coverage": None if self.coverage is None else float(self.coverage),
            "parts": {str(part): float(share) for part, share in self.parts.items()},
            "gaps": [{"start": format_instant(gap.start), "end": format_instant(gap.end)} for gap in self.gaps],
        }


def units_watched(
    directory: Directory,
    units: Iterable[Agency],
    kept: Mapping[Of, Tracks],
    guarded: Guarded,
    period: tuple[datetime, datetime],
) -> Iterator[UnitWatched]:
    """Of each of the units that was there in a part of the period `[start, end)`. `kept` are all tracks on record that
    may have hours in it."""
    for unit in units:
        start, end = _there(unit, period)
        if start < end:
            yield _watched(unit, directory.below(unit.code), kept, guarded, whole_hours(start, end))


def _there(unit: Agency, period: tuple[datetime, datetime]) -> tuple[datetime, datetime]:
    start, end = period
    if unit.valid_from > SINCE_EVER:
        start = max(start, datetime.combine(unit.valid_from, datetime.min.time(), VIETNAM))
    if unit.end < NEVER:
        end = min(end, datetime.combine(unit.end, datetime.min.time(), VIETNAM))
    return start, end


def _watched(
    unit: Agency, codes: Set[str], kept: Mapping[Of, Tracks], guarded: Guarded, hours: tuple[int, int]
) -> UnitWatched:
    def own(of: Of, names: Mapping[str, Set[str]]) -> Tracks:
        wanted = {name for code in codes for name in names.get(code, ())}
        return {name: track.between(*hours) for name, track in kept[of].items() if name in wanted}

    sensors = own(Of.SENSOR, guarded.sensors)
    found = figures(hours, sensors, own(Of.FEED, guarded.feeds), own(Of.SYSTEM, guarded.systems))
    heard = Hours()
    for track in sensors.values():
        heard |= track.good
    dark = Hours.of(range(*hours)) - heard
    return UnitWatched(
        unit=unit,
        sensors=len(sensors),
        hours=hours[1] - hours[0],
        watched=len(heard),
        coverage=found.get(None),
        parts={part: found[part] for part in Part if part in found},
        gaps=tuple(joined(dark, "nobody-watching")),
    )
