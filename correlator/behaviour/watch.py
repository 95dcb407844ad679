"""All analytics over a stream of events: a sensor's events are put in order, then each analytic sees them once.

The rules of the game:

- Each sensor (`observer.name`) has a lane with its own clock, the newest time among its events, and its own memory: a
  sensor that ships late is not late against the others.
- A sight waits until the clock is LATENESS past it, and sights are then taken in order of time and id. So whatever
  order events come in, up to LATENESS, the findings are those of sorted input. What comes later still is counted and
  left out; so is an event that comes twice.
- The clock does not follow a single event that lies more than LEAP ahead, only LEAP_RUN of them in a row: one broken
  time must not make all others late.
- `close` ends the wait, at the end of an input.
- Lanes, waiting sights and rows are bounded; what is let go is counted.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import Counter, OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from math import isfinite
from operator import itemgetter
from typing import Any, Protocol

from correlator.behaviour.sight import Sight, sights
from correlator.behaviour.table import Table
from correlator.windows import LATENESS
from vonggac.domain.detection import Detection, RuleInfo
from vonggac.domain.event import Document
from vonggac.domain.event import field as value_at

LATENESS_SECONDS = LATENESS.total_seconds()
#: Sights are taken from the waiting ones this often, in seconds of the lane's clock.
TURN_SECONDS = 30.0
DAY_SECONDS = 86_400.0
LEAP_SECONDS = DAY_SECONDS
LEAP_RUN = 20
MAX_LANES = 256
MAX_WAITING = 200_000

Tables = Mapping[str, Table[Any]]


@dataclass(slots=True)
class Memory:
    """What one analytic remembers in one lane. `days` counts those on which its sensor showed anything: a pause
    teaches nothing."""

    tables: Tables
    counts: Counter[str]
    days: int = 0


class Analytic(Protocol):
    """One behaviour that is looked for. It holds parameters only; what it learns stands in the Memory it is given."""

    name: str
    kinds: tuple[str, ...]  # of sights that it is shown
    warm_up_days: int  # on so many days on which there is anything to see it only learns

    @property
    def rules(self) -> Sequence[RuleInfo]:
        """As what its detections are told."""

    def tables(self) -> Tables:
        """Empty tables, by name."""

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        """What the sight makes true. Sights come in order of time."""


_Observe = Callable[[Memory, Sight], Sequence[Detection]]


class Lane:
    """One sensor's clock, waiting sights and memories."""

    __slots__ = ("ahead", "by_kind", "clock", "day_end", "memories", "taken_until", "waiting")

    def __init__(self, analytics: Sequence[Analytic], clock: float) -> None:
        self.memories = {each.name: Memory(each.tables(), Counter()) for each in analytics}
        self.by_kind: dict[str, list[tuple[_Observe, Memory]]] = {}
        for each in analytics:
            for kind in each.kinds:
                self.by_kind.setdefault(kind, []).append((each.observe, self.memories[each.name]))
        self.clock = clock
        self.day_end = float("-inf")  # of the day of the newest sight that had its turn
        self.taken_until = float("-inf")  # sights before it have had their turn
        self.waiting: list[Sight] = []
        self.ahead: list[float] = []  # times of the latest events, as long as all of them leap


class BehaviourState:
    """Everything learnt: lanes by sensor, least recently heard first, and what was left out or let go."""

    __slots__ = ("counts", "lanes")

    def __init__(self) -> None:
        self.lanes: OrderedDict[str, Lane] = OrderedDict()
        self.counts: Counter[str] = Counter()


class Behaviours:
    """The analytics that run. Holds no state: every method takes it."""

    def __init__(self, analytics: Sequence[Analytic] = ()) -> None:
        self.analytics = tuple(analytics)

    def observe(self, state: BehaviourState, event: Document, at: float) -> list[Detection]:
        """What is found now that the event of this time (seconds since 1970) is there."""
        if not self.analytics:
            return []
        lane = self._lane(state, str(value_at(event, "observer.name") or ""), at)
        if at < lane.taken_until:
            state.counts["late"] += 1
            return []
        lane.waiting += sights(event, at)
        _advance(lane, at)
        if lane.clock - LATENESS_SECONDS - TURN_SECONDS > lane.taken_until:
            return self._take(state, lane, lane.clock - LATENESS_SECONDS)
        if len(lane.waiting) > MAX_WAITING:
            return self._relieve(state, lane)
        return []

    def close(self, state: BehaviourState) -> list[Detection]:
        """What the waiting sights make true: nothing more is to come before them."""
        found: list[Detection] = []
        for lane in state.lanes.values():
            found += self._take(state, lane, float("inf"))
            lane.taken_until = lane.clock
        return found

    def counts(self, state: BehaviourState) -> dict[str, int]:
        """What was left out or let go, and what was found while its analytic still warmed up, by reason."""
        total = Counter(state.counts)
        for lane in state.lanes.values():
            for name, memory in lane.memories.items():
                evicted = sum(table.evicted for table in memory.tables.values())
                total.update({f"{name}_evicted": evicted} if evicted else {})
                total.update({f"{name}_{reason}": count for reason, count in memory.counts.items()})
        return {f"behaviour_{reason}": count for reason, count in sorted(total.items())}

    def warming_up(self, state: BehaviourState) -> dict[tuple[str, str], int]:
        """(sensor, analytic) -> on how many more days it only learns, where it still does."""
        return {
            (sensor, each.name): each.warm_up_days - max(0, lane.memories[each.name].days - 1)
            for sensor, lane in state.lanes.items()
            for each in self.analytics
            if lane.memories[each.name].days <= each.warm_up_days and each.warm_up_days
        }

    def snapshot(self, state: BehaviourState) -> dict[str, Any]:
        """The state as JSON can hold it; `restore` makes an equal one."""
        return {
            "counts": dict(state.counts),
            "lanes": [[sensor, _lane_snapshot(lane)] for sensor, lane in state.lanes.items()],
        }

    def restore(self, kept: Mapping[str, Any]) -> BehaviourState:
        """The state of a snapshot. An analytic that it does not know, or knows in another form, begins
        anew."""
        state = BehaviourState()
        state.counts.update(kept["counts"])
        for sensor, held in kept["lanes"]:
            lane = state.lanes[sensor] = Lane(self.analytics, held["clock"])
            lane.taken_until, lane.day_end = _from_json(held["taken_until"]), _from_json(held["day_end"])
            lane.waiting = [Sight(*values) for values in held["waiting"]]
            lane.ahead = list(held["ahead"])
            for name, memory in lane.memories.items():
                _restore_memory(memory, held["memories"].get(name))
        return state

    def _lane(self, state: BehaviourState, sensor: str, at: float) -> Lane:
        lane = state.lanes.get(sensor)
        if lane is not None:
            state.lanes.move_to_end(sensor)
            return lane
        lane = state.lanes[sensor] = Lane(self.analytics, at)
        if len(state.lanes) > MAX_LANES:
            state.lanes.popitem(last=False)
            state.counts["evicted_sensors"] += 1
        return lane

    def _relieve(self, state: BehaviourState, lane: Lane) -> list[Detection]:
        """Take the older half of the waiting sights before their time."""
        lane.waiting.sort(key=_order)
        half = len(lane.waiting) // 2
        state.counts["taken_early"] += half
        return self._take(state, lane, lane.waiting[half].at)

    def _take(self, state: BehaviourState, lane: Lane, until: float) -> list[Detection]:
        """Show every waiting sight before `until` to its analytics, in order."""
        waiting = lane.waiting
        waiting.sort(key=_order)
        end = bisect_left(waiting, until, key=lambda sight: sight.at)
        lane.waiting = waiting[end:]
        lane.taken_until = until
        found: list[Detection] = []
        last: tuple[Any, ...] = ()
        for sight in waiting[:end]:
            order = _order(sight)
            if order == last:
                state.counts["repeated"] += 1
                continue
            last = order
            if sight.at >= lane.day_end:
                _turn_day(lane, sight.at)
            for observe, memory in lane.by_kind.get(sight.kind, ()):
                found += observe(memory, sight)
        return found


#: Time, id and kind: no two sights share all three.
_order = itemgetter(0, 1, 6)


def _turn_day(lane: Lane, at: float) -> None:
    lane.day_end = (at // DAY_SECONDS + 1) * DAY_SECONDS
    for memory in lane.memories.values():
        memory.days += 1


def _advance(lane: Lane, at: float) -> None:
    """Move the lane's clock up to an event's time, unless that leaps."""
    if at <= lane.clock + LEAP_SECONDS:
        lane.clock = max(lane.clock, at)
        lane.ahead.clear()
        return
    lane.ahead.append(at)
    if len(lane.ahead) >= LEAP_RUN:
        lane.clock = min(lane.ahead)
        lane.ahead.clear()


def _lane_snapshot(lane: Lane) -> dict[str, Any]:
    return {
        "clock": lane.clock,
        "taken_until": _to_json(lane.taken_until),
        "day_end": _to_json(lane.day_end),
        "waiting": [list(sight) for sight in lane.waiting],
        "ahead": list(lane.ahead),
        "memories": {
            name: {
                "days": memory.days,
                "counts": dict(memory.counts),
                "tables": {table: rows.snapshot() for table, rows in memory.tables.items()},
            }
            for name, memory in lane.memories.items()
        },
    }


def _restore_memory(memory: Memory, kept: Mapping[str, Any] | None) -> None:
    if kept is None or not all(table.fits(kept["tables"].get(name)) for name, table in memory.tables.items()):
        return
    memory.days = kept["days"]
    memory.counts.update(kept["counts"])
    for name, table in memory.tables.items():
        table.restore(kept["tables"][name])


def _to_json(seconds: float) -> float | None:
    return seconds if isfinite(seconds) else None


def _from_json(seconds: float | None) -> float:
    return float("-inf") if seconds is None else seconds
