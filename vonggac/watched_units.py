"""Who was watched, when: each unit of the directory in a period, with the hours in which nobody watched it."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Set
from dataclasses import dataclass
from datetime import datetime
from fractions import Fraction
from typing import Any

from vonggac.connected import sensor_agencies
from vonggac.coverage import Gap, Of, Tracks, joined, tracks
from vonggac.domain.agency import NEVER, SINCE_EVER, Agency, Directory, Level
from vonggac.domain.covered import Part
from vonggac.domain.hours import Hours
from vonggac.domain.times import VIETNAM, Period, day_in_vietnam, format_instant
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import RecordStore
from vonggac.statistics import period_named
from vonggac.units import by_name
from vonggac.watching import figures, whole_hours

#: What the network's own target counts.
LEVELS = (Level.MINISTRY, Level.PROVINCE)
#: Hours for which what is heard no more is missed; then nobody waits for it.
DARK = 90 * 24


@dataclass(frozen=True, slots=True)
class UnitWatched:
    """A unit, with those below it, over the hours `[first, end)` of a period in which it was there. `heard` are those
    in which any of its sensors was; `coverage` is the share of its sensors' hours, None where it has none."""

    unit: Agency
    sensors: int
    hours: tuple[int, int]
    heard: Hours
    coverage: Fraction | None
    parts: Mapping[Part, Fraction]

    @property
    def gaps(self) -> list[Gap]:
        return joined(Hours.of(range(*self.hours)) - self.heard, "nobody-watching")

    def data(self) -> dict[str, Any]:
        return {
            "code": self.unit.code,
            "name": self.unit.name,
            "level": str(self.unit.level),
            "sensors": self.sensors,
            "hours": self.hours[1] - self.hours[0],
            "watched": len(self.heard),
            "coverage": None if self.coverage is None else float(self.coverage),
            "parts": {str(part): float(share) for part, share in self.parts.items()},
            "gaps": [{"start": format_instant(gap.start), "end": format_instant(gap.end)} for gap in self.gaps],
        }


def period_asked(text: str | None, now: datetime) -> Period:
    """What of a period is over; of this month where none is named. Raises UsageRefused for what is none, and for one
    that has not begun."""
    found = period_named(text or f"{now.astimezone(VIETNAM):%Y-M%m}")
    if found.start >= now:
        raise UsageRefused("period_not_begun", text=found.text, now=day_in_vietnam(now).isoformat())
    return Period(found.start, min(found.end, now), found.text)


def units_asked(directory: Directory, codes: Collection[str], levels: Collection[Level] = LEVELS) -> list[Agency]:
    """Every validity of these codes, or of all units of these levels that stand in a denominator, by name. Raises
    NotFound."""
    for code in codes:
        if not directory.lives(code):
            raise NotFound("unknown_agency", code=code)
    if codes:
        return by_name(unit for code in dict.fromkeys(codes) for unit in directory.lives(code))
    return by_name(unit for unit in directory.agencies if unit.level in levels and not unit.outside_scope)


def units_watched(
    records: RecordStore,
    directory: Directory,
    feeds: Iterable[tuple[str, str]],
    units: Iterable[Agency],
    period: Period,
) -> Iterator[UnitWatched]:
    """Of each of the units that was there in a part of the period; `feeds` are (name, agency). What was last heard up
    to DARK hours before the period is on record in it, and dark."""
    asked = whole_hours(period.start, period.end)
    kept = tracks(records, asked[0] - DARK, asked[1])
    owned = {
        Of.SENSOR: _by_agency(sensor_agencies(records).items()),
        Of.FEED: _by_agency(feeds),
        Of.SYSTEM: _by_agency((system.code, system.agency) for system in directory.systems),
    }
    for unit in units:
        start, end = _there(unit, period)
        if start < end:
            codes = directory.below(unit.code)
            hours = whole_hours(start, end)
            own = {of: _own(kept[of], owned[of], codes, hours) for of in Of}
            yield _watched(unit, own, hours)


def _there(unit: Agency, period: Period) -> tuple[datetime, datetime]:
    start, end = period.start, period.end
    if unit.valid_from > SINCE_EVER:
        start = max(start, datetime.combine(unit.valid_from, datetime.min.time(), VIETNAM))
    if unit.end < NEVER:
        end = min(end, datetime.combine(unit.end, datetime.min.time(), VIETNAM))
    return start, end


def _own(kept: Tracks, owned: Mapping[str, Set[str]], codes: Iterable[str], hours: tuple[int, int]) -> Tracks:
    """What these agencies have on record, within the hours."""
    first, end = hours
    names = {name for code in codes for name in owned.get(code, ())} & kept.keys()
    return {name: kept[name].between(first, end) for name in names if kept[name].good.between(first - DARK, end)}


def _watched(unit: Agency, own: Mapping[Of, Tracks], hours: tuple[int, int]) -> UnitWatched:
    found = figures(hours, own[Of.SENSOR], own[Of.FEED], own[Of.SYSTEM])
    heard = Hours()
    for track in own[Of.SENSOR].values():
        heard |= track.good
    parts = {part: found[part] for part in Part if part in found}
    return UnitWatched(unit, len(own[Of.SENSOR]), hours, heard, found.get(None), parts)


def _by_agency(named: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, agency in named:
        found.setdefault(agency, set()).add(name)
    return found
