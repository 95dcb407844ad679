"""Every event that arrives is matched once by every rule: from memory as it comes, else read from the store.

A crash, an outage or a rule that is new leaves rules behind. They go on from their watermarks, in the order of arrival,
without the others: where they have caught up, their windows are put together. Ids make what is matched again after a
crash the same detection, so it is stored once.

Where a rule begins that no watermark knows: `catch_up` before the newest event that is there, by the events' own time
(and not before what retention left). One that is known goes on, also in a new version; where a version changes what the
windows hold, they are filled again from as far before as they reach.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from correlator.engine import INDICATORS, Correlator
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document
from vonggac.domain.times import parse_instant
from vonggac.ports import Arrival, Clock, EventStore, Position
from vonggac.watermarks import Watermark, Watermarks, earlier, key_of

#: Events read from the store at once.
PAGE = 1_000
#: A watermark moves after so many events, and later where the windows are large: at most so many bytes for each event.
SAVE_EVENTS = 20_000
SAVE_BYTES = 100


@dataclass(frozen=True, slots=True)
class Found:
    """What so many events made detected."""

    events: int
    detections: Sequence[Detection]
    from_store: bool


@dataclass(frozen=True, slots=True)
class Start:
    """Rules that go on from the same place. `states` are those of their windows there."""

    watches: frozenset[str]
    position: Position
    states: dict[str, bytes] = field(default_factory=dict)


@dataclass(slots=True)
class Run:
    """A correlator on its way: all up to `at` was fed to it."""

    correlator: Correlator
    watches: frozenset[str]
    at: Position
    unsaved: int = 0
    save_after: int = SAVE_EVENTS


class Matching:
    """A correlator over what arrives in a store.

    Its generators give findings to be stored; when the next is asked for, the one before counts as stored. Where one
    is not, call `forget`: then all goes on from the last watermark.
    """

    def __init__(
        self,
        events: EventStore,
        watermarks: Watermarks,
        correlator: Correlator,
        clock: Clock,
        catch_up: timedelta | None,
    ) -> None:
        """`catch_up` None: a new rule begins with the first event there is."""
        self._events = events
        self._watermarks = watermarks
        self._clock = clock
        self._catch_up = catch_up
        self.correlator = correlator
        self._run: Run | None = None

    @property
    def begun(self) -> bool:
        return self._run is not None

    def catch_up(self) -> Iterator[Found]:
        """What the events make detected that have arrived and are not matched yet."""
        if self._run is None:
            yield from self._begin()
        run = self._run
        assert run is not None  # noqa: S101 - `_begin`
        yield from self._read(run, self._events.position())

    def take(self, arrival: Arrival | None, events: Sequence[Document]) -> Iterator[Found]:
        """What these events make detected, the new ones of a batch; with what others have stored in between."""
        run = self._run
        if run is None or arrival is None or not _follows(run.at, arrival):
            yield from self.catch_up()
            return
        found = run.correlator.feed(events)
        run.at = {**run.at, **arrival.after}
        yield Found(len(events), found, from_store=False)
        self._count(run, len(events))

    def forget(self) -> None:
        """What is only in memory is gone; the next call begins with the last watermark."""
        self._run = None
        self.correlator = self.correlator.anew()

    def save(self) -> None:
        """The watermark stands where matching stands."""
        if self._run is not None:
            self._save(self._run)

    # --- reading on

    def _read(self, run: Run, end: Position) -> Iterator[Found]:
        while True:
            events, reached = self._events.arrived(run.at, end, PAGE)
            if not events:
                run.at = reached
                return
            found = run.correlator.feed(events)
            run.at = reached
            yield Found(len(events), found, from_store=True)
            self._count(run, len(events))

    def _count(self, run: Run, events: int) -> None:
        run.unsaved += events
        if run.unsaved >= run.save_after:
            self._save(run)

    def _save(self, run: Run) -> None:
        states = {name: state for name, state in run.correlator.snapshot().items() if name in run.watches}
        self._watermarks.move(run.watches, run.at, states)
        run.unsaved, run.save_after = 0, max(SAVE_EVENTS, sum(map(len, states.values())) // SAVE_BYTES)

    # --- beginning

    def _begin(self) -> Iterator[Found]:
        """All rules stand at one place, those that were behind after what they had missed."""
        self._watermarks.tidy()
        watches = self.correlator.watches
        starts = self._starts()
        if len(starts) == 1:
            self.correlator.restore(starts[0].states)
            self._run = Run(self.correlator, watches, starts[0].position)
            return
        end = self._events.position()
        states: dict[str, bytes] = {}
        for start in starts:
            part = self.correlator.anew(start.watches)
            part.restore(start.states)
            run = Run(part, start.watches, start.position)
            yield from self._read(run, end)
            self._save(run)
            states |= {name: state for name, state in part.snapshot().items() if name in start.watches}
            if INDICATORS in start.watches:
                self.correlator.know_patterns_of(part)
        self.correlator.restore(states)
        self._run = Run(self.correlator, watches, end)
        self._save(self._run)

    def _starts(self) -> list[Start]:
        """Where each of the rules goes on, those of one place together."""
        missing = set(self.correlator.watches)
        starts: list[Start] = []
        for watermark in self._furthest_first():
            known = watermark.watches & missing
            if known:
                starts += self._going_on(watermark, frozenset(known))
                missing -= known
        if missing:
            starts.append(Start(frozenset(missing), self._beginning()))
        return starts

    def _furthest_first(self) -> list[Watermark]:
        """The watermark of just these rules before all others."""
        own = key_of(self.correlator.watches)
        return sorted(self._watermarks.all(), key=lambda one: (one.key == own, one.events, one.at), reverse=True)

    def _going_on(self, watermark: Watermark, known: frozenset[str]) -> Iterator[Start]:
        """The rules with their windows; apart, further back, those whose windows were of another version, and patterns
        of indicators, which are kept in memory only."""
        states = {name: state for name, state in self._watermarks.states(watermark).items() if name in known}
        part = self.correlator.anew(known)
        changed = known.intersection(part.restore(states))
        if INDICATORS in known and part.forgetful:
            changed |= {INDICATORS}
        if known - changed:
            yield Start(known - changed, watermark.position, states)
        if changed:
            horizon = self.correlator.anew(changed).horizon
            reach = self._events.position(self._last_time(watermark.position) - horizon)
            yield Start(changed, earlier(watermark.position, reach))

    def _beginning(self) -> Position:
        """Where a rule begins that no watermark knows. An event from the future is not the newest."""
        newest = None if self._catch_up is None else self._events.newest_event(self._clock())
        return {} if newest is None or self._catch_up is None else self._events.position(newest - self._catch_up)

    def _last_time(self, position: Position) -> datetime:
        """The latest time of those events that arrived last before the position."""
        just_before = {partition: max(0, number - 1) for partition, number in position.items()}
        events, _ = self._events.arrived(just_before, position, PAGE)
        return max((parse_instant(str(event["@timestamp"])) for event in events), default=self._clock())


def _follows(at: Position, arrival: Arrival) -> bool:
    """Whether nothing lies between the position and what arrived."""
    return all(at.get(partition, 0) == number for partition, number in arrival.before.items())
