"""Exfiltration: a host sends far more to the outside within an hour than it has done in the days before.

The baseline is the host's own: median and median absolute deviation of what left it in each hour in which anything did.
A flow counts in the hour in which it ends.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from statistics import median

from correlator.behaviour.finding import finding, rule
from correlator.behaviour.place import Place
from correlator.behaviour.sight import FLOW, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection

HOUR = 3_600.0
#: Makes the median absolute deviation of a normal distribution its standard deviation.
_NORMAL = 1.4826


@dataclass(frozen=True, slots=True)
class ExfilParameters:
    warm_up_days: int = 3  # on which the host sent anything, before it is judged
    warm_up_hours: int = 8  # in which it sent anything, at least
    baseline_hours: int = 240  # the newest such hours are the baseline
    deviations: float = 8.0  # above the median, at least
    floor_mb: int = 50  # in the hour, at least
    hosts: int = 20_000  # remembered


@dataclass(slots=True)
class _Sent:
    day: int = -1
    days: int = 0
    hour: int = -1
    since: float = 0.0
    now: int = 0
    hours: list[int] = field(default_factory=list)
    targets: dict[str, int] = field(default_factory=dict)
    ids: list[str] = field(default_factory=list)
    fired: int = -1


class Exfil:
    name = "exfiltration"
    kinds: tuple[str, ...] = (FLOW,)

    def __init__(self, parameters: ExfilParameters, place: Place) -> None:
        self._parameters = parameters
        self._place = place
        self.warm_up_days = parameters.warm_up_days
        self._rule = rule("exfiltration", "exfiltration", "high", "espionage", ("T1048", "T1041"))
        self.rules = (self._rule,)

    def tables(self) -> Tables:
        return {"hosts": Table(_Sent, self._parameters.hosts)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        here, there, left = sight.source, sight.destination, sight.out_bytes
        if self._place.outside(here):
            here, there, left = there, here, sight.in_bytes
        if not left or not self._place.inside(here) or not self._place.outside(there):
            return ()
        row: _Sent = memory.tables["hosts"].row((here,))
        hour = int(sight.at // HOUR)
        if row.hour != hour:
            self._turn(row, hour, sight)
        row.now += left
        if there in row.targets or len(row.targets) < 64:
            row.targets[there] = row.targets.get(there, 0) + left
        if len(row.ids) < 32:
            row.ids.append(sight.id)
        if row.now < self._parameters.floor_mb * 1_000_000 or row.fired == hour:
            return ()
        return self._judge(memory, row, sight, here)

    def _turn(self, row: _Sent, hour: int, sight: Sight) -> None:
        """Close the hour that was; one that was found to be too much is no measure of what is usual."""
        if row.hour >= 0 and row.fired != row.hour:
            row.hours.append(row.now)
            del row.hours[: -self._parameters.baseline_hours]
        day = hour // 24
        if row.day != day:
            row.day = day
            row.days += 1
        row.hour, row.since, row.now = hour, sight.start, 0
        row.targets, row.ids = {}, []

    def _judge(self, memory: Memory, row: _Sent, sight: Sight, here: str) -> Sequence[Detection]:
        wanted = self._parameters
        if row.days <= wanted.warm_up_days or len(row.hours) < wanted.warm_up_hours:
            memory.counts["over_floor_while_warming_up"] += 1
            return ()
        middle = median(row.hours)
        deviation = _NORMAL * median(abs(sent - middle) for sent in row.hours)
        most = middle + wanted.deviations * deviation
        if row.now <= most:
            return ()
        row.fired = row.hour
        main = max(row.targets, key=lambda target: (row.targets[target], target))
        return [
            finding(
                self._rule,
                sight,
                {"source.ip": here},
                row.hour,
                since=row.since,
                evidence=row.ids,
                numbers={"bytes_out": row.now, "main_target": main, "main_target_bytes": row.targets[main]},
                baseline={
                    "median_bytes": round(middle),
                    "deviation_bytes": round(deviation),
                    "most_bytes": round(max(most, wanted.floor_mb * 1_000_000)),
                    "hours": len(row.hours),
                },
                entities={"destination.ip": main},
            )
        ]
