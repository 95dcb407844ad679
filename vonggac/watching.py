"""Two periods of a store, and how well each was watched."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sized
from dataclasses import dataclass
from datetime import datetime, timedelta
from fractions import Fraction

from vonggac.coverage import Of, Track, Tracks, hours_since_epoch, tracks
from vonggac.domain.covered import Coverage, Pair, Part
from vonggac.ports import RecordStore

#: The hours `[first, end)` since 1970.
Hours = tuple[int, int]
_SMALLEST = timedelta(microseconds=1)


@dataclass(frozen=True, slots=True)
class Watched:
    """The hours of two periods, the current one first, and by kind and name what is on record in either of them: one
    that is in the other only has none here. So what has gone dark counts against its period."""

    periods: tuple[Hours, Hours]
    tracks: tuple[Mapping[Of, Tracks], Mapping[Of, Tracks]]

    def coverage(self, sensors: Collection[str] | None = None, systems: Collection[str] | None = None) -> Coverage:
        """Of these sensors and systems, or of all."""
        now, then = (
            figures(hours, _chosen(found[Of.SENSOR], sensors), found[Of.FEED], _chosen(found[Of.SYSTEM], systems))
            for hours, found in zip(self.periods, self.tracks, strict=True)
        )
        parts = {part: Pair(now.get(part), then.get(part)) for part in Part if part in now or part in then}
        return Coverage(Pair(now.get(None), then.get(None)), parts)


def watched_in(
    records: RecordStore, current: tuple[datetime, datetime], previous: tuple[datetime, datetime]
) -> Watched:
    """What the records say of two periods `[start, end)`, hours that they have a part of whole."""
    periods = whole_hours(*current), whole_hours(*previous)
    found = [_within(tracks(records, *hours), hours) for hours in periods]
    names = {of: {name for each in found for name, track in each[of].items() if track.good} for of in Of}
    now, then = ({of: {name: each[of].get(name, Track()) for name in names[of]} for of in Of} for each in found)
    return Watched(periods, (now, then))


def _within(found: Mapping[Of, Tracks], hours: Hours) -> dict[Of, Tracks]:
    return {of: {name: track.between(*hours) for name, track in kept.items()} for of, kept in found.items()}


def whole_hours(start: datetime, end: datetime) -> Hours:
    first = hours_since_epoch(start)
    return first, max(hours_since_epoch(end - _SMALLEST), first) + 1


def _chosen(kept: Tracks, names: Collection[str] | None) -> Tracks:
    return kept if names is None else {name: kept[name] for name in names if name in kept}


def figures(hours: Hours, sensors: Tracks, feeds: Tracks, systems: Tracks) -> dict[Part | None, Fraction]:
    """Each part that is known, and the coverage of sensors as None."""
    each = hours[1] - hours[0]
    heard = [track.good for track in sensors.values()]
    whole = [track.good - track.lost for track in sensors.values()]
    matched = [(track.good - track.lost) & track.matched for track in sensors.values()]
    asked = sum(len(found) for track in sensors.values() for found in track.rules.values())
    shares: dict[Part | None, tuple[int, int]] = {
        None: (_sum(matched), each * len(sensors)),
        Part.SENSORS: (_sum(heard), each * len(sensors)),
        Part.CAPTURE: (_sum(whole), _sum(heard)),
        Part.RULES: (_sum(matched), _sum(whole)),
        Part.RULES_LOADED: (sum(track.loaded for track in sensors.values()), asked),
        Part.FEEDS: (_sum(track.good for track in feeds.values()), each * len(feeds)),
        Part.PROBES: (_sum(track.good for track in systems.values()), each * len(systems)),
    }
    return {part: Fraction(some, all_) for part, (some, all_) in shares.items() if all_}


def _sum(hours: Iterable[Sized]) -> int:
    return sum(map(len, hours))
