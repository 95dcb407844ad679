"""In which hours which sensor was watching, and in which of them data was lost: what a negative answer is worth.

A sensor watched in an hour of which an event of its is there, be it a heartbeat. It lost data in the hours that a
telling of loss names, and where a heartbeat's count of packets that the kernel dropped has grown.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from fractions import Fraction
from functools import lru_cache
from typing import Any

from vonggac.domain.event import Document
from vonggac.domain.event import field as value_at
from vonggac.domain.stats import Coverage as Shares
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import Conflict
from vonggac.ports import RecordStore

WATCHED = "watched"  # kind of record: one for each sensor and day
HOUR = timedelta(hours=1)
_SMALLEST = timedelta(microseconds=1)
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Days of sensors remembered as written; and the most hours that one telling of loss may name.
_MAX_KNOWN = 10_000
_MAX_LOST = 24 * 7


@dataclass(slots=True)
class Hours:
    """Hours since 1970 in which a sensor watched, and in which it lost data."""

    watched: set[int] = field(default_factory=set)
    lost: set[int] = field(default_factory=set)

    def take(self, other: Hours) -> None:
        self.watched |= other.watched
        self.lost |= other.lost

    def within(self, other: Hours) -> bool:
        return self.watched <= other.watched and self.lost <= other.lost


@dataclass(frozen=True, slots=True)
class Gap:
    """Whole hours that nobody can answer for: `nobody-watching` (no sensor), `sensor-silent`, `data-lost`."""

    start: datetime
    end: datetime
    reason: str
    sensor: str | None = None

    def data(self) -> dict[str, Any]:
        said = {"start": format_instant(self.start), "end": format_instant(self.end), "reason": self.reason}
        return {**said, "sensor": self.sensor} if self.sensor else said


class CoverageLog:
    """Writes down which hours the sensors of a store watched."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._known: dict[tuple[str, str], Hours] = {}
        self._dropped: dict[str, int] = {}

    def note(self, events: Iterable[Document]) -> None:
        """The hours of these events are on record. Noting them again changes nothing."""
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        for key, found in self._told(events).items():
            known = self._known.setdefault(key, Hours())
            if not found.within(known):
                known.take(self._written(key, found))

    def _told(self, events: Iterable[Document]) -> dict[tuple[str, str], Hours]:
        told: dict[tuple[str, str], Hours] = {}
        for event in events:
            sensor, hour = str(value_at(event, "observer.name")), hour_of(str(event["@timestamp"]))
            told.setdefault((sensor, _day(hour)), Hours()).watched.add(hour)
            for lost in self._lost(event, sensor, hour):
                told.setdefault((sensor, _day(lost)), Hours()).lost.add(lost)
        return told

    def _lost(self, event: Document, sensor: str, hour: int) -> Iterable[int]:
        dataset = value_at(event, "event.dataset")
        if dataset == "data-loss":
            try:
                first = hour_of(str(value_at(event, "event.start") or event["@timestamp"]))
                last = hour_of(str(value_at(event, "event.end") or event["@timestamp"]))
            except ValueError:
                return (hour,)
            return range(max(first, last - _MAX_LOST), last + 1)
        if dataset == "heartbeat":
            dropped = value_at(event, "vonggac.heartbeat.dropped_kernel")
            before = self._dropped.get(sensor, 0)
            if isinstance(dropped, int):
                self._dropped[sensor] = dropped
                return (hour,) if dropped > before else ()
        return ()

    def _written(self, key: tuple[str, str], found: Hours) -> Hours:
        """What is on record after it."""
        sensor, day = key
        name = f"{sensor}/{day}"
        while True:
            record = self._records.get(WATCHED, name)
            hours = hours_from(record.body) if record else Hours()
            if record is not None and found.within(hours):
                return hours
            hours.take(found)
            body = {"sensor": sensor, "day": day, "watched": sorted(hours.watched), "lost": sorted(hours.lost)}
            try:
                self._records.put(WATCHED, name, body, expected_version=record.version if record else 0)
            except Conflict:
                continue
            return hours


class Coverage:
    """What is on record of a store's sensors."""

    def __init__(self, records: RecordStore, oldest: datetime | None) -> None:
        """`oldest` is the time of the oldest event that is retained: what was seen before it is gone."""
        self._sensors: dict[str, Hours] = {}
        first = 0 if oldest is None else hour_of(format_instant(oldest))
        for record in records.list(WATCHED) if oldest is not None else ():
            hours = hours_from(record.body)
            kept = Hours(
                {hour for hour in hours.watched if hour >= first}, {hour for hour in hours.lost if hour >= first}
            )
            self._sensors.setdefault(str(record.body["sensor"]), Hours()).take(kept)
        self._watched = {hour for hours in self._sensors.values() for hour in hours.watched}

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first hour that is retained to the end of the last; None where nothing is."""
        return (_at(min(self._watched)), _at(max(self._watched) + 1)) if self._watched else None

    def gaps(self, since: datetime, until: datetime) -> list[Gap]:
        """The hours of `[since, until)` for which not every sensor can answer, neighbours joined, by time."""
        asked = range(hour_of(format_instant(since)), -((_EPOCH - until) // HOUR))
        nobody = [hour for hour in asked if hour not in self._watched]
        found = _joined(nobody, "nobody-watching", None)
        empty = set(nobody)
        for sensor, hours in self._sensors.items():
            own = range(min(hours.watched), max(hours.watched)) if hours.watched else range(0)
            silent = [hour for hour in asked if hour in own and hour not in hours.watched and hour not in empty]
            found += _joined(silent, "sensor-silent", sensor)
            found += _joined([hour for hour in asked if hour in hours.lost], "data-lost", sensor)
        return sorted(found, key=lambda gap: (gap.start, gap.reason, gap.sensor or ""))


@dataclass(frozen=True, slots=True)
class Watched:
    """Of two periods, how many hours each sensor that is on record in one of them watched without losing data; and how
    many hours they have."""

    sensors: Mapping[str, tuple[int, int]]
    hours: tuple[int, int]

    def share(self, sensors: Iterable[str] | None = None) -> Shares:
        """Of each period the share of the sensor-hours that were watched, of these sensors or of all: one gone dark
        counts against the period. None where no such sensor is on record."""
        found = [self.sensors[name] for name in (self.sensors if sensors is None else sensors) if name in self.sensors]
        if not found:
            return Shares()
        return Shares(*(Fraction(sum(each[at] for each in found), len(found) * self.hours[at]) for at in (0, 1)))


def watched_in(
    records: RecordStore, current: tuple[datetime, datetime], previous: tuple[datetime, datetime]
) -> Watched:
    spans = [(_hours(start), max(_hours(end - _SMALLEST), _hours(start)) + 1) for start, end in (current, previous)]
    seen: dict[str, tuple[int, int]] = {}
    days = [(_day(first), _day(end)) for first, end in spans]
    for record in records.list(WATCHED):
        if not any(first <= record.body["day"] <= last for first, last in days):
            continue
        hours, sensor = hours_from(record.body), str(record.body["sensor"])
        if any(first <= hour < end for hour in hours.watched for first, end in spans):
            before, good = seen.get(sensor, (0, 0)), hours.watched - hours.lost
            now, then = (sum(first <= hour < end for hour in good) for first, end in spans)
            seen[sensor] = before[0] + now, before[1] + then
    return Watched(seen, (spans[0][1] - spans[0][0], spans[1][1] - spans[1][0]))


def _hours(instant: datetime) -> int:
    return (instant - _EPOCH) // HOUR


def hours_from(body: Mapping[str, Any]) -> Hours:
    return Hours(set(body["watched"]), set(body["lost"]))


def hour_of(text: str) -> int:
    return _hour_of(f"{text[:13]}:00:00Z" if text.endswith("Z") else text)


@lru_cache(maxsize=4_096)
def _hour_of(text: str) -> int:
    return (parse_instant(text) - _EPOCH) // HOUR


def _at(hour: int) -> datetime:
    return _EPOCH + hour * HOUR


def _day(hour: int) -> str:
    return _at(hour).date().isoformat()


def _joined(hours: list[int], reason: str, sensor: str | None) -> list[Gap]:
    gaps: list[Gap] = []
    start = None
    for place, hour in enumerate(hours):
        start = hour if start is None else start
        if place + 1 == len(hours) or hours[place + 1] != hour + 1:
            gaps.append(Gap(_at(start), _at(hour + 1), reason, sensor))
            start = None
    return gaps
