"""The page of who was watched, when: a month, each unit of it with its days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from vonggac.comparison import unit_label
from vonggac.coverage import hours_since_epoch
from vonggac.domain.text import sort_key
from vonggac.domain.times import VIETNAM, Period
from vonggac.reports import figures
from vonggac.watched_units import UnitWatched

#: A day's hours in this many steps of shade, the last only where every hour was watched.
SHADES = 4
#: More do not stand beside one another.
MAX_DAYS = 62


@dataclass(frozen=True, slots=True)
class Day:
    """`shade` is None of a day on which the unit was not there, or that has not come yet; 0 where nobody watched."""

    day: date
    watched: int
    hours: int

    @property
    def shade(self) -> int | None:
        if not self.hours:
            return None
        return SHADES if self.watched == self.hours else -(-(SHADES - 1) * self.watched // self.hours)


@dataclass(frozen=True, slots=True)
class Row:
    name: str
    share: str
    watched: UnitWatched
    days: tuple[Day, ...]

    @property
    def dark(self) -> int:
        return self.watched.hours[1] - self.watched.hours[0] - len(self.watched.heard)


def rows(found: Iterable[UnitWatched], days: Iterable[date], lang: str) -> list[Row]:
    """Of units that have sensors, those that have gone without watching longest first."""
    kept = list(days)
    return sorted((_row(each, kept, lang) for each in found if each.sensors), key=lambda row: -row.dark)


def without(found: Iterable[UnitWatched], lang: str) -> list[str]:
    """The units of which no sensor is on record."""
    return sorted((unit_label(each.unit, lang) for each in found if not each.sensors), key=sort_key)


def _row(found: UnitWatched, days: Iterable[date], lang: str) -> Row:
    return Row(unit_label(found.unit, lang), _share(found, lang), found, tuple(_days(found, days)))


def _share(found: UnitWatched, lang: str) -> str:
    return figures.share(None if found.coverage is None else float(found.coverage), lang)


def days_of(period: Period) -> list[date]:
    """Every day in Vietnam that has an hour of the period."""
    first, last = (instant.astimezone(VIETNAM).date() for instant in (period.start, period.end - timedelta(seconds=1)))
    return [first + timedelta(days=at) for at in range((last - first).days + 1)]


def months_around(period: Period, now: datetime) -> tuple[str, str | None]:
    """The month before that of the period, and the one after it where it has begun, as `2026-M11`."""
    start = period.start.astimezone(VIETNAM)
    before, after = ((start.replace(day=1) + timedelta(days=days)) for days in (-1, 32))
    return f"{before:%Y-M%m}", f"{after:%Y-M%m}" if after.replace(day=1) <= now else None


def _days(found: UnitWatched, days: Iterable[date]) -> Iterator[Day]:
    for day in days:
        first = hours_since_epoch(datetime.combine(day, datetime.min.time(), VIETNAM))
        low, high = max(first, found.hours[0]), min(first + 24, found.hours[1])
        yield Day(day, len(found.heard.between(low, high)) if low < high else 0, max(0, high - low))
