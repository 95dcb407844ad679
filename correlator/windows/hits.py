"""What windows hold and what they tell."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, NamedTuple, Protocol

from correlator.numbers import Number

GroupKey = tuple[str, ...]
Entities = Mapping[str, Any]


class Occurrence(Protocol):
    """What can be a hit: an event, or the window of a correlation below."""

    @property
    def id(self) -> str: ...

    @property
    def time(self) -> datetime: ...

    def get(self, path: str) -> Sequence[Any]: ...


@dataclass(frozen=True, slots=True)
class Inner:
    """A window that fired, as the correlations above see it: at its end, with its group's and carried values."""

    id: str
    time: datetime
    values: Mapping[str, Sequence[Any]]
    evidence: Evidence

    def get(self, path: str) -> Sequence[Any]:
        return self.values.get(path, ())


class Evidence(NamedTuple):
    """The first ids of the events that made a window, how many there were, and the time of the first in µs."""

    ids: tuple[str, ...]
    total: int
    start: int


class Hit(NamedTuple):
    """One occurrence in a group. Ordered by time (µs since 1970), id and rule: the same order in every run.

    `rule` is empty where the correlation does not care which of its rules it was. `value` holds what is counted or
    reckoned with: tuples of text, or numbers. `carried` holds for each carried field its values.
    """

    at: int
    event: str
    rule: str = ""
    value: tuple[Any, ...] = ()
    carried: tuple[tuple[str, ...], ...] = ()
    evidence: Evidence | None = None


@dataclass(frozen=True, slots=True)
class Fired:
    """A window whose condition is true.

    `shared` are the entities that all of its hits have alike, `newest` those of its last. `alerts` is False where its
    stretch was told before; `settled` says that nothing in lateness can change it, so correlations above may count it.
    """

    group: Mapping[str, str]
    stretch: datetime
    start: datetime
    end: datetime
    measured: Number
    evidence: Evidence
    shared: Entities
    newest: Entities
    carried: Mapping[str, tuple[str, ...]]
    alerts: bool
    settled: bool


@dataclass(slots=True)
class WindowCounts:
    """What the windows could not use or keep, since the start."""

    ungrouped: int = 0  # a group-by or counted field was absent
    not_a_number: int = 0  # a field that is summed or ranked held something else
    cut_combinations: int = 0  # lists in several fields made more combinations than are kept
    late: int = 0
    evicted_hits: int = 0
    evicted_groups: int = 0


@dataclass(slots=True)
class SharedEntities:
    """Of the hits taken so far, in order of time: the newest one's entities, and since when each is as it is.

    So what a whole window shares is known without keeping the entities of each of its hits.
    """

    newest: Entities = field(default_factory=dict)
    at: int | None = None
    broken: dict[str, int] = field(default_factory=dict)  # path -> time of the last hit that had it otherwise

    def take(self, at: int, entities: Entities) -> None:
        if self.at is not None and entities != self.newest:
            before, last = self.newest, self.at
            broken: dict[str, int] = {}
            for path, value in entities.items():
                if before.get(path) != value:
                    broken[path] = last
                elif path in self.broken:
                    broken[path] = self.broken[path]
            self.broken = broken
        self.newest, self.at = entities, at

    def since(self, begin: int) -> dict[str, Any]:
        """What all hits later than `begin` share."""
        return {path: value for path, value in self.newest.items() if self.broken.get(path, begin) <= begin}
