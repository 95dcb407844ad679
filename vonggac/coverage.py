"""Which sensor watched in which hour, what it lost, how many rules looked at it; which feeds were fresh, which services
probed: what a number, and a negative answer, is worth.

A sensor watched in an hour of which an event of its is there, be it a heartbeat. It lost data in the hours that a
telling of loss names, and where a heartbeat's count of packets that the kernel dropped has grown. A feed is fresh for
FRESH after a pull that went through. A service was probed in the hours in which somebody asked it and knows what came
of it.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from functools import cached_property, lru_cache
from typing import Any

from vonggac.domain.event import PROBE, Document
from vonggac.domain.event import field as value_at
from vonggac.domain.hours import BLOCK, Hours
from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import Conflict
from vonggac.ports import RecordStore

COVERAGE = "coverage"  # kind of record: one for each of those that watch, and block of hours
HOUR = timedelta(hours=1)
FRESH = timedelta(hours=24)
#: The result of a probe that this machine could not make (docs/probing.md).
_NOT_ASKED = "not-asked"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
#: Blocks of hours remembered as written; and the most hours that one telling of loss may name.
_MAX_KNOWN = 10_000
_MAX_LOST = 24 * 7
_DIGITS = 6  # of the number of a block in a key
_FIRST_BLOCK, _LAST_BLOCK = 0, 10**_DIGITS - 1


class Of(StrEnum):
    """What kind of thing has hours."""

    SENSOR = "sensor"
    FEED = "feed"
    SYSTEM = "system"


@dataclass(frozen=True, slots=True)
class Track:
    """The hours of one sensor, feed or system. `good` are those in which it watched, was fresh, was probed; `rules` by
    how many rules looked at what it saw."""

    good: Hours = field(default_factory=Hours)
    lost: Hours = field(default_factory=Hours)
    rules: Mapping[int, Hours] = field(default_factory=dict)

    def __or__(self, other: Track) -> Track:
        nothing, counts = Hours(), {*self.rules, *other.rules}
        rules = {count: self.rules.get(count, nothing) | other.rules.get(count, nothing) for count in counts}
        return Track(self.good | other.good, self.lost | other.lost, rules)

    def between(self, first: int, end: int) -> Track:
        rules = {count: found for count, hours in self.rules.items() if (found := hours.between(first, end))}
        return Track(self.good.between(first, end), self.lost.between(first, end), rules)

    @property
    def matched(self) -> Hours:
        """The hours in which any rule looked."""
        found = Hours()
        for count, hours in self.rules.items():
            found = found | hours if count else found
        return found

    @property
    def loaded(self) -> int:
        """Over all the hours in which anybody asked, how many rules looked, added up."""
        return sum(count * len(hours) for count, hours in self.rules.items())


#: By name.
Tracks = Mapping[str, Track]


class CoverageLog:
    """Writes down which hours were covered. To write them down again changes nothing."""

    def __init__(self, records: RecordStore) -> None:
        self._records = records
        self._known: dict[str, Track] = {}
        self._dropped: dict[str, int] = {}

    def note(self, events: Iterable[Document], rules: int) -> None:
        """The hours of these events, at which so many rules look, are on record."""
        good: dict[tuple[Of, str], set[int]] = defaultdict(set)
        lost: dict[str, set[int]] = defaultdict(set)
        for event in events:
            hour, dataset = hour_of(str(event["@timestamp"])), value_at(event, "event.dataset")
            if dataset == PROBE:
                if value_at(event, "vonggac.probe.result") != _NOT_ASKED:
                    good[Of.SYSTEM, str(value_at(event, "vonggac.probe.system"))].add(hour)
                continue
            sensor = str(value_at(event, "observer.name"))
            good[Of.SENSOR, sensor].add(hour)
            if dataset == "data-loss":
                lost[sensor].update(_named(event, hour))
            elif dataset == "heartbeat" and self._has_dropped(event, sensor):
                lost[sensor].add(hour)
        for (of, name), found in good.items():
            track = Track(Hours.of(found))
            if of is Of.SENSOR:
                track = Track(track.good, Hours.of(lost.get(name, ())), {rules: track.good})
            self._write(of, name, track)

    def fresh(self, feed: str, pulled: datetime) -> None:
        """The feed is fresh from this pull on."""
        first = hours_since_epoch(pulled)
        self._write(Of.FEED, feed, Track(Hours.of(range(first, first + FRESH // HOUR))))

    def _has_dropped(self, heartbeat: Document, sensor: str) -> bool:
        """Whether the kernel has dropped packets since the heartbeat before."""
        dropped, before = value_at(heartbeat, "vonggac.heartbeat.dropped_kernel"), self._dropped.get(sensor, 0)
        if not isinstance(dropped, int):
            return False
        self._dropped[sensor] = dropped
        return dropped > before

    def _write(self, of: Of, name: str, track: Track) -> None:
        if len(self._known) > _MAX_KNOWN:
            self._known.clear()
        for block in {*track.good.blocks, *track.lost.blocks}:
            found = track.between(block * BLOCK, (block + 1) * BLOCK)
            key = _key(block, of, name)
            known = self._known.get(key)
            if known is None or known | found != known:
                self._known[key] = self._written(key, of, name, block, found)

    def _written(self, key: str, of: Of, name: str, block: int, found: Track) -> Track:
        """What is on record after it."""
        while True:
            record = self._records.get(COVERAGE, key)
            before = _track({block: record.body}) if record else Track()
            after = before | found
            if record is not None and after == before:
                return before
            body = {"of": of, "name": name, "since": format_instant(instant_of(block * BLOCK)), **_marks(after, block)}
            try:
                self._records.put(COVERAGE, key, body, expected_version=record.version if record else 0)
            except Conflict:
                continue
            return after


def _named(loss: Document, hour: int) -> Iterable[int]:
    """The hours that a telling of loss names; that in which it was told where it names none."""
    try:
        first = hour_of(str(value_at(loss, "event.start") or loss["@timestamp"]))
        last = hour_of(str(value_at(loss, "event.end") or loss["@timestamp"]))
    except ValueError:
        return (hour,)
    return range(max(first, last - _MAX_LOST), last + 1)


def _key(block: int, of: Of, name: str) -> str:
    """In the order of time."""
    return f"{block:0{_DIGITS}d}/{of}/{name}"


def _marks(track: Track, block: int) -> dict[str, Any]:
    """The hours of one block as hexadecimal numbers."""

    def bits(hours: Hours) -> str:
        return f"{hours.blocks.get(block, 0):x}"

    rules = {str(count): bits(hours) for count, hours in sorted(track.rules.items())}
    return {"good": bits(track.good), "lost": bits(track.lost), "rules": rules}


def _track(bodies: Mapping[int, Mapping[str, Any]]) -> Track:
    """What the records of some blocks say, by the blocks' numbers."""

    def hours(texts: Iterable[tuple[int, str]]) -> Hours:
        return Hours({block: int(text, 16) for block, text in texts if text != "0"})

    rules: dict[int, list[tuple[int, str]]] = defaultdict(list)
    for block, body in bodies.items():
        for count, text in body["rules"].items():
            rules[int(count)].append((block, text))
    good, lost = (hours((block, body[name]) for block, body in bodies.items()) for name in ("good", "lost"))
    return Track(good, lost, {count: hours(texts) for count, texts in rules.items()})


def tracks(records: RecordStore, first: int = _FIRST_BLOCK * BLOCK, end: int = _LAST_BLOCK * BLOCK) -> dict[Of, Tracks]:
    """Of each kind those that have hours in the blocks of `[first, end)`, and these."""
    blocks = f"{first // BLOCK:0{_DIGITS}d}", f"{-(-end // BLOCK):0{_DIGITS}d}"
    blocks_of: dict[tuple[str, str], dict[int, Mapping[str, Any]]] = defaultdict(dict)
    for record in records.list(COVERAGE, *blocks):
        blocks_of[record.body["of"], record.body["name"]][int(record.key[:_DIGITS])] = record.body
    found: dict[Of, dict[str, Track]] = {of: {} for of in Of}
    for (of, name), bodies in blocks_of.items():
        found[Of(of)][name] = _track(bodies)
    return {**found}


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


class Retained:
    """What the sensors of a store can answer for."""

    def __init__(self, records: RecordStore, oldest: datetime | None) -> None:
        """`oldest` is the time of the oldest event that is retained: what was seen before it is gone."""
        self._sensors: Tracks = {}
        if oldest is not None:
            first = hours_since_epoch(oldest)
            kept = tracks(records, first)[Of.SENSOR]
            end = _LAST_BLOCK * BLOCK
            self._sensors = {name: track.between(first, end) for name, track in kept.items()}

    @cached_property
    def _watched(self) -> Hours:
        found = Hours()
        for track in self._sensors.values():
            found |= track.good
        return found

    @property
    def span(self) -> tuple[datetime, datetime] | None:
        """From the first hour that is retained to the end of the last; None where nothing is."""
        hours = list(self._watched)
        return (instant_of(hours[0]), instant_of(hours[-1] + 1)) if hours else None

    def gaps(self, since: datetime, until: datetime) -> list[Gap]:
        """The hours of `[since, until)` for which not every sensor can answer, neighbours joined, by time."""
        asked = Hours.of(range(hours_since_epoch(since), -((_EPOCH - until) // HOUR)))
        nobody = asked - self._watched
        found = joined(nobody, "nobody-watching")
        for sensor, track in self._sensors.items():
            found += silent(sensor, track, asked - nobody)
            found += joined(track.lost & asked, "data-lost", sensor)
        return sorted(found, key=lambda gap: (gap.start, gap.reason, gap.sensor or ""))


def silent(sensor: str, track: Track, asked: Hours) -> list[Gap]:
    """The hours asked for in which the sensor said nothing, between its first and its last."""
    own = list(track.good)
    if not own:
        return []
    return joined(asked.between(own[0], own[-1]) - track.good, "sensor-silent", sensor)


def joined(hours: Iterable[int], reason: str, sensor: str | None = None) -> list[Gap]:
    """Hours in order, neighbours as one."""
    gaps: list[Gap] = []
    for hour in hours:
        start, end = instant_of(hour), instant_of(hour + 1)
        if gaps and gaps[-1].end == start:
            gaps[-1] = replace(gaps[-1], end=end)
        else:
            gaps.append(Gap(start, end, reason, sensor))
    return gaps


def hours_since_epoch(instant: datetime) -> int:
    return (instant - _EPOCH) // HOUR


def instant_of(hour: int) -> datetime:
    """When the hour begins."""
    return _EPOCH + hour * HOUR


def hour_of(text: str) -> int:
    """The hour of an instant as events have it."""
    return _hour_of(f"{text[:13]}:00:00Z" if text.endswith("Z") else text)


@lru_cache(maxsize=4_096)
def _hour_of(text: str) -> int:
    return hours_since_epoch(parse_instant(text))
