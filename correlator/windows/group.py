"""One group of a correlation: its hits in order of time, and the windows that are asked of them."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any

from correlator.numbers import Number
from correlator.rule import Correlation
from correlator.windows.hits import Entities, Evidence, Fired, GroupKey, Hit, SharedEntities, WindowCounts
from correlator.windows.tally import Question, make_tally
from vonggac.domain.times import from_epoch_us

#: A detection names at most this many events; its `evidence_count` says how many there were.
MAX_EVIDENCE = 256
#: Hits of one group that are held; a rule that counts further holds twice what it counts to.
MAX_HITS_PER_GROUP = 65_536
#: An occurrence with lists in several fields belongs to each combination, up to this many.
MAX_COMBINATIONS = 16
_DROP_AT = 8


@dataclass(slots=True)
class Plan:
    """What all groups of a correlation share."""

    correlation: Correlation
    counts: WindowCounts = field(default_factory=WindowCounts)
    held: int = 0  # hits in all groups together
    span: int = field(init=False)  # µs
    early: bool = field(init=False)  # the newest window is asked as soon as a hit comes
    max_hits: int = field(init=False)
    question: Question = field(init=False)

    def __post_init__(self) -> None:
        rule = self.correlation
        self.span = rule.timespan // timedelta(microseconds=1)
        self.early = rule.grows and rule.alerts
        counted = () if rule.type.takes_numbers else rule.bounds
        self.max_hits = max([MAX_HITS_PER_GROUP, *(2 * int(bound.value) for bound in counted)])
        self.question = Question(rule)


class Group:
    """`hits[low:done]` make the window that was decided last, and `hits[edge:]` the newest, if it is asked early."""

    __slots__ = (
        "_edge_tally",
        "_plan",
        "_tally",
        "decided",
        "done",
        "edge",
        "entities",
        "hits",
        "key",
        "low",
        "scheduled",
        "settled_stretch",
        "shared",
        "told",
    )

    def __init__(self, plan: Plan, key: GroupKey) -> None:
        self._plan = plan
        self.key = key
        self.hits: list[Hit] = []
        self.entities: list[Entities] = []  # of hits[done:], which are not in `shared` yet
        self.shared = SharedEntities()
        self.low = self.done = self.edge = 0
        self.decided: int | None = None  # windows up to this time are decided
        self.settled_stretch: int | None = None  # the last in which a window was found true
        self.told: set[int] = set()  # stretches told early and not decided yet
        self.scheduled: int | None = None  # time of the hit for which the group stands in the queue
        self._tally = make_tally(plan.correlation)
        self._edge_tally = make_tally(plan.correlation) if plan.early else None

    @property
    def pending(self) -> int | None:
        """The time of the oldest hit whose window is not decided."""
        return self.hits[self.done].at if self.done < len(self.hits) else None

    def add(self, hit: Hit, entities: Entities) -> list[Fired]:
        """The hit stands where its time says; what this makes fire. One that stands there already is nothing new."""
        hits, identity = self.hits, hit[:3]
        at = len(hits) if not hits or identity > hits[-1][:3] else bisect_left(hits, identity)
        if at < len(hits) and hits[at][:3] == identity:
            return []
        if self.decided is not None and hit.at <= self.decided:
            self._plan.counts.late += 1
            return []
        hits.insert(at, hit)
        self.entities.insert(at - self.done, entities)
        self._plan.held += 1
        fired = self._ask_newest(at)
        if len(hits) > self._plan.max_hits:
            fired += self._evict()
        return fired

    def settle(self, until: int) -> list[Fired]:
        """Decide every window that ends at `until` or before, oldest first."""
        hits, span, fired = self.hits, self._plan.span, []
        first = self.done
        while self.done < len(hits) and hits[self.done].at <= until:
            end = self.decided = hits[self.done].at
            while self.done < len(hits) and hits[self.done].at == end:
                self._tally.add(hits[self.done])
                self.shared.take(end, self.entities[self.done - first])
                self.done += 1
            while hits[self.low].at <= end - span:
                self._tally.remove(hits[self.low])
                self.low += 1
            stretch = end // span
            if stretch == self.settled_stretch:
                continue
            measured = self._plan.question.answer(self._tally)
            if measured is not None:
                self.settled_stretch = stretch
                told = stretch in self.told
                fired.append(self._fire(self.low, self.done, measured, alerts=not told))
        del self.entities[: self.done - first]
        if self.told and self.decided is not None:
            self.told = {stretch for stretch in self.told if stretch >= self.decided // span}
        if self.low > _DROP_AT + len(hits) // 4:
            self._drop(self.low)
        return fired

    def rebuild(self) -> None:
        """The tallies hold what the indices say, after these were put in from outside."""
        for hit in self.hits[self.low : self.done]:
            self._tally.add(hit)
        if self._edge_tally is not None:
            for hit in self.hits[self.edge :]:
                self._edge_tally.add(hit)

    def _ask_newest(self, at: int) -> list[Fired]:
        """Ask the newest window, which a hit put in at that index may have made true."""
        tally, hits = self._edge_tally, self.hits
        if tally is None:
            return []
        newest = hits[-1].at
        if hits[at].at <= newest - self._plan.span:
            self.edge += 1
            return []
        tally.add(hits[at])
        while hits[self.edge].at <= newest - self._plan.span:
            tally.remove(hits[self.edge])
            self.edge += 1
        stretch = newest // self._plan.span
        if stretch in self.told or stretch == self.settled_stretch:
            return []
        measured = self._plan.question.answer(tally)
        if measured is None:
            return []
        self.told.add(stretch)
        return [self._fire(self.edge, len(hits), measured, alerts=True, settled=False)]

    def _evict(self) -> list[Fired]:
        """A quarter of the hits goes, the oldest; the windows that end with them are decided before."""
        excess = self._plan.max_hits // 4
        fired = self.settle(self.hits[excess].at)
        if len(self.hits) > self._plan.max_hits:
            self._plan.counts.evicted_hits += max(0, excess - self.low)
            self._drop(excess)
        return fired

    def _drop(self, count: int) -> None:
        """The first hits go, from the windows too."""
        for hit in self.hits[self.low : count]:
            self._tally.remove(hit)
        if self._edge_tally is not None:
            for hit in self.hits[self.edge : count]:
                self._edge_tally.remove(hit)
        del self.hits[:count]
        self._plan.held -= count
        self.low = max(0, self.low - count)
        self.edge = max(0, self.edge - count)
        self.done -= count

    def _fire(self, low: int, high: int, measured: Number, *, alerts: bool, settled: bool = True) -> Fired:
        correlation, hits = self._plan.correlation, self.hits[low:high]
        end = hits[-1].at
        begin = end - self._plan.span
        if settled:
            newest, shared = self.shared.newest, self.shared.since(begin)
        else:
            waiting = self.entities[max(low - self.done, 0) :]
            newest = waiting[-1] if waiting else self.shared.newest
            held = self.shared.since(begin) if low < self.done else None
            shared = _common(newest, [*waiting, held] if held is not None else waiting)
        evidence = evidence_of(hits)
        return Fired(
            group=dict(zip(correlation.group_by, self.key, strict=True)),
            stretch=from_epoch_us(end // self._plan.span * self._plan.span),
            start=from_epoch_us(evidence.start),
            end=from_epoch_us(end),
            measured=measured,
            evidence=evidence,
            shared=shared,
            newest=newest,
            carried={name: _carried(hits, at) for at, name in enumerate(correlation.carry)},
            alerts=alerts,
            settled=settled,
        )


def evidence_of(hits: Iterable[Hit]) -> Evidence:
    """The events of hits in order of time, those of inner windows among them, each once."""
    ids: dict[str, None] = {}
    starts: list[int] = []
    total, cut = 0, False
    for hit in hits:
        inner = hit.evidence
        starts.append(hit.at if inner is None else inner.start)
        if inner is None:
            ids[hit.event] = None
            total += 1
            continue
        ids.update(dict.fromkeys(inner.ids))
        total += inner.total
        cut = cut or inner.total > len(inner.ids)
    # Where an inner window names only its first events, those of two cannot be told apart: they are added up.
    return Evidence(tuple(ids)[:MAX_EVIDENCE], total if cut else len(ids), min(starts))


def _carried(hits: Sequence[Hit], at: int) -> tuple[str, ...]:
    return tuple(dict.fromkeys(value for hit in hits for value in hit.carried[at]))[:MAX_COMBINATIONS]


def _common(newest: Entities, others: Sequence[Entities]) -> dict[str, Any]:
    return {path: value for path, value in newest.items() if all(other.get(path) == value for other in others)}
