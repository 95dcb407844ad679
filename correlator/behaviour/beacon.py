"""Beaconing: a host inside that turns to one target outside at even distances in time, as a program does.

The distances between beats are held against their median: what counts is their median absolute deviation and how many
of them are near it, or near twice or three times of it (missed beats). People come in bursts and pauses, far from both.
"""

from __future__ import annotations

from bisect import bisect
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from math import sqrt
from statistics import median

from correlator.behaviour.finding import MAX_EVIDENCE, finding, rule
from correlator.behaviour.known import is_service
from correlator.behaviour.place import Place
from correlator.behaviour.sight import DNS, FLOW, NAMED, Sight
from correlator.behaviour.table import Table
from correlator.behaviour.watch import Memory, Tables
from vonggac.domain.detection import Detection

DAY = 86_400.0
#: Protocols that have events of their own, or whose business it is to be regular.
_NOT_BY_FLOW = frozenset({"http", "tls", "quic", "dns", "mdns", "llmnr", "netbios-ns", "ntp", "dhcp", "ssdp", "snmp"})
_NOT_BY_PORT = frozenset({53, 67, 68, 123, 137, 161, 853, 1900, 5353, 5355})
_ADDRESS_QUESTIONS = frozenset({"A", "AAAA", "HTTPS", "SVCB", "PTR"})


#: Up to one less beats in a row may be missed.
_MULTIPLES = 3


@dataclass(frozen=True, slots=True)
class BeaconParameters:
    beats: int = 24  # at least so many, and
    span_minutes: int = 20  # over at least this long
    burst_seconds: float = 8.0  # what follows sooner belongs to the same beat
    longest_minutes: int = 360  # median distance at most
    deviation: float = 0.15  # median absolute deviation over median, at most
    even_share: float = 0.8  # of the distances near a multiple of the median, at least
    near: float = 0.3  # how near that is, as a part of the median
    single_share: float = 0.6  # of the distances near the median itself, at least
    pairs: int = 50_000  # remembered


@dataclass(slots=True)
class _Beats:
    times: list[float] = field(default_factory=list)
    ids: list[str] = field(default_factory=list)
    last_name: str = ""
    fired: int = -1
    asked: int = 0  # beats since it was last judged


@dataclass(slots=True)
class _Service:
    seen: float = 0.0


@dataclass(frozen=True, slots=True)
class Rhythm:
    """Of distances between beats: seconds, and parts of 1."""

    median: float
    deviation: float
    even_share: float
    single_share: float


def rhythm(times: Sequence[float], near: float) -> Rhythm:
    """How even the distances between ascending times are (at least three of them)."""
    gaps = [after - before for before, after in pairwise(times)]
    middle = median(gaps)
    multiples = [max(1, min(_MULTIPLES, round(gap / middle))) for gap in gaps]
    apart = [abs(gap - over * middle) / middle for gap, over in zip(gaps, multiples, strict=True)]
    # Independent errors of several beats add up as their root.
    even = [over for off, over in zip(apart, multiples, strict=True) if off <= near * sqrt(over)]
    return Rhythm(middle, median(apart), len(even) / len(gaps), even.count(1) / len(gaps))


class Beacon:
    name = "beacon"
    kinds: tuple[str, ...] = (FLOW, NAMED, DNS)
    warm_up_days = 0

    def __init__(self, parameters: BeaconParameters, place: Place) -> None:
        self._parameters = parameters
        self._place = place
        self._rule = rule("beacon", "c2-beacon", "medium", "malware", ("T1071", "T1029"))
        self.rules = (self._rule,)

    def tables(self) -> Tables:
        return {"pairs": Table(_Beats, self._parameters.pairs), "services": Table(_Service, 4_096)}

    def observe(self, memory: Memory, sight: Sight) -> Sequence[Detection]:
        if not self._place.inside(sight.source):
            return ()
        target = self._target(memory, sight)
        if not target:
            return ()
        row: _Beats = memory.tables["pairs"].row((sight.source, target, sight.protocol or sight.transport))
        if sight.kind == DNS:
            repeated = sight.name == row.last_name and sight.question in _ADDRESS_QUESTIONS
            row.last_name = sight.name
            if repeated:  # what a cache asks again when its answer has aged
                return ()
        if not self._beat(row, sight):
            return ()
        return self._judge(row, sight, target)

    def _target(self, memory: Memory, sight: Sight) -> str:
        """Whom the beat goes to; nothing where regular traffic is to be expected."""
        if sight.kind == DNS:
            return "" if is_service(sight.name) or sight.registered.endswith(".arpa") else sight.registered
        if not self._place.outside(sight.destination):
            return ""
        if sight.kind == NAMED:
            if sight.name and is_service(sight.name):
                memory.tables["services"].row((sight.destination,)).seen = sight.at
                return ""
            return sight.name or sight.destination
        if sight.protocol in _NOT_BY_FLOW or sight.port in _NOT_BY_PORT or sight.port == 0:
            return ""
        known = memory.tables["services"].get((sight.destination,)) is not None
        return "" if known else f"{sight.destination}:{sight.port}"

    def _beat(self, row: _Beats, sight: Sight) -> bool:
        """Put the sight among the beats; False where it belongs to one that is there."""
        times, at, burst = row.times, sight.start, self._parameters.burst_seconds
        where = bisect(times, at)
        if (where and at - times[where - 1] < burst) or (where < len(times) and times[where] - at < burst):
            return False
        times.insert(where, at)
        row.ids.insert(where, sight.id)
        row.asked += 1
        if len(times) > MAX_EVIDENCE:
            del times[0], row.ids[0]
        return True

    def _judge(self, row: _Beats, sight: Sight, target: str) -> Sequence[Detection]:
        wanted, times = self._parameters, row.times
        day = int(sight.at // DAY)
        due = len(times) == wanted.beats or row.asked * 4 >= len(times)
        if len(times) < wanted.beats or row.fired == day or not due:
            return ()
        row.asked = 0
        if times[-1] - times[0] < wanted.span_minutes * 60:
            return ()
        found = rhythm(times, wanted.near)
        even = found.even_share >= wanted.even_share and found.single_share >= wanted.single_share
        if not even or found.deviation > wanted.deviation or found.median > wanted.longest_minutes * 60:
            return ()
        row.fired = day
        numbers = {
            "beats": len(times),
            "median_seconds": round(found.median, 1),
            "deviation": round(found.deviation, 3),
            "even_share": round(found.even_share, 2),
        }
        baseline = {"most_deviation": wanted.deviation, "least_even_share": wanted.even_share}
        named = {"destination.ip": sight.destination, "destination.port": sight.port}
        if sight.kind == DNS:
            named = {"dns.question.registered_domain": sight.registered}
        elif sight.kind == NAMED and sight.name:
            named["url.domain" if sight.protocol == "http" else "tls.client.server_name"] = sight.name
        return [
            finding(
                self._rule,
                sight,
                {"source.ip": sight.source, "target": target, "protocol": sight.protocol or sight.transport},
                day,
                since=times[0],
                evidence=row.ids,
                numbers=numbers,
                baseline=baseline,
                entities={"source.ip": sight.source, **named},
            )
        ]
