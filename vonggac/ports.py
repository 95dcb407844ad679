"""The doors between the rooms and the stores. Queries cross them as the small objects below, never as a backend's own.

Every `add` and `append` is idempotent by id: what is there already is a duplicate, not an error. A store that does not
answer raises StoreUnavailable, and then nothing of that call is to be taken as stored.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from dataclasses import dataclass, field
from datetime import datetime
from fractions import Fraction
from ipaddress import IPv4Network, IPv6Network
from typing import Any, Generic, Protocol, TypeVar

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.account import Refusal
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document
from vonggac.domain.incident import Entry, Incident, Status
from vonggac.domain.marking import Tlp
from vonggac.domain.states import Agencies, Facts, Parties, Span
from vonggac.domain.suppression import Hits

T = TypeVar("T")

Clock = Callable[[], datetime]
#: Gives a new opaque id each time; tests pass a counter.
Ids = Callable[[], str]


#: Up to where events have arrived: name of a partition -> number of its last. What is missing is at its beginning.
Position = Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Arrival:
    """Where a batch's new events stand in the order of arrival.

    `offsets` are their places in the batch. They are all that arrived in their partitions after `before` and up to
    `after`, which name these partitions only.
    """

    offsets: tuple[int, ...]
    before: Position
    after: Position


@dataclass(frozen=True, slots=True)
class Added:
    """What became of a batch. Given things = created + duplicates + refused.

    `arrival` is None where others' events lie between the new ones, and for everything but events.
    """

    created: int = 0
    duplicates: int = 0
    refused: tuple[Refusal, ...] = ()
    arrival: Arrival | None = None


@dataclass(frozen=True, slots=True)
class Page(Generic[T]):
    """One page; `next` is the opaque cursor of the page after it, None at the end. Same cursor, same page."""

    items: tuple[T, ...]
    next: str | None = None


# --- events and detections ---------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class EventQuery:
    """Events in `[since, until)`, oldest first, whose fields equal the given values and that hold the value."""

    since: datetime | None = None
    until: datetime | None = None
    datasets: tuple[str, ...] = ()
    terms: Mapping[str, str | int] = field(default_factory=dict)
    value: str | None = None
    agencies: frozenset[str] | None = None
    limit: int = 100
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Wanted:
    """What is looked up: a value (an address, a name, a URL, a hash), with `below` also the names below a name of two
    labels or more, or the addresses of a network."""

    value: str
    below: bool = False
    network: IPv4Network | IPv6Network | None = None


class EventStore(Protocol):
    def add_events(self, events: Sequence[Document]) -> Added:
        """Each event is stored under its `event.id`, or refused by itself with its reason."""
        ...

    def add_detections(self, detections: Sequence[Detection]) -> Added: ...

    def events(self, ids: Sequence[str]) -> list[Document]:
        """The events with these ids, in the order asked; ids not there (never, or no longer) are left out."""
        ...

    def detections(self, ids: Sequence[str]) -> list[Detection]: ...

    def search_events(self, query: EventQuery) -> Page[Document]: ...

    def holding(
        self, wanted: Sequence[Wanted], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[int, Iterator[Document]]]:
        """For what may stand in some event: its place among the wanted, and every event in `[since, until)` in which it
        does stand, each once, oldest first. All are looked up together; events are read as they are asked for, and only
        before the next of the wanted is."""
        ...

    def search_detections(self, query: EventQuery) -> Page[Detection]: ...

    def position(self, since: datetime | None = None) -> Position:
        """After it comes every event that arrives from now on and, given an instant, each one there of that time or
        later. Before it lies the rest; partitions that were dropped are not in it."""
        ...

    def arrived(self, after: Position, until: Position, limit: int) -> tuple[list[Document], Position]:
        """The next events, at most `limit`, in each partition in the order in which they arrived, whatever their own
        time; and the position after them. Each comes once, whoever stored it. None when there is none until there."""
        ...

    def newest_event(self, before: datetime) -> datetime | None:
        """The time of the newest event before the instant."""
        ...

    def count_events(self) -> int: ...

    def count_detections(self) -> int: ...

    def suppressed(self) -> Mapping[str, Hits]:
        """Suppression's id -> what it holds back, of all detections there are."""
        ...

    def drop_events_before(self, instant: datetime) -> int:
        """Retention: the events of whole partitions older than the instant are gone; how many they were."""
        ...


# --- incidents ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class IncidentQuery:
    """Incidents that match everything given; newest `last_at` first, ties by id."""

    scope: Scope = EVERYTHING
    statuses: frozenset[Status] | None = None
    categories: frozenset[str] | None = None
    agency: str | None = None
    assignee: str | None = None
    key: str | None = None
    number: str | None = None
    detection: str | None = None
    text: str | None = None  # folded: marks and case do not matter
    last_from: datetime | None = None  # last_at >= this
    first_until: datetime | None = None  # first_at < this
    changed_from: datetime | None = None  # changed_at >= this
    opened_until: datetime | None = None  # opened_at < this
    limit: int = 50
    cursor: str | None = None


@dataclass(frozen=True, slots=True)
class StateQuery:
    """Incidents that first happened in `[start, end)`, as they were known at an instant (None: now)."""

    start: datetime
    end: datetime
    known_at: datetime | None = None
    scope: Scope = EVERYTHING


@dataclass(frozen=True, slots=True)
class Counted:
    """One incident in a count."""

    incident: str
    occurred_at: datetime
    facts: Facts
    parties: Parties


class Tally(Protocol):
    """What incidents counted as, for each slice between the cuts that were asked for; each part of it may be read from
    the store when it is wanted."""

    def facts(self) -> Sequence[Mapping[Facts, int]]:
        """How many incidents of each slice count by which facts."""
        ...

    def agencies(self, among: Set[Facts]) -> Sequence[Mapping[Agencies, int]]:
        """Of the incidents that count by one of the facts: how many of each slice involve which agencies."""
        ...

    def quantiles(self, among: Set[Facts], shares: Sequence[Fraction]) -> Mapping[Span, tuple[int, tuple[int, ...]]]:
        """Of the incidents of all slices that count by one of the facts: for each span how many have it, and for each
        share the length that so many of them, rounded up, do not exceed (nearest rank); none where none has it."""
        ...


class IncidentStore(Protocol):
    def append(self, incident_id: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        """The history with these entries at its end, folded. Entries whose id is there already are skipped.

        The first entry of a new history is `opened`. Raises Conflict when `expected_version` is given (0: must be new)
        and is not the history's length.
        """
        ...

    def load(self, histories: Iterable[tuple[str, Sequence[Entry]]]) -> Added:
        """Many new histories at once, for back-loading; one whose entries are all there already is a duplicate."""
        ...

    def histories(self, incident_ids: Sequence[str]) -> Mapping[str, tuple[Entry, ...]]:
        """Those of these histories that are there, by id."""
        ...

    def get(self, incident_id: str, *, scope: Scope = EVERYTHING, known_at: datetime | None = None) -> Incident:
        """Raises NotFound also when the scope does not allow it, so that existence is not told."""
        ...

    def history(self, incident_id: str, *, scope: Scope = EVERYTHING) -> tuple[Entry, ...]: ...

    def find(self, query: IncidentQuery) -> Page[Incident]: ...

    def count(self, query: IncidentQuery) -> int: ...

    def tally(self, query: StateQuery, cuts: Sequence[datetime] = ()) -> Tally:
        """The count of a period, cut into slices at instants within it, in order: one slice more than there are
        cuts."""
        ...

    def changed(self, query: StateQuery, since: datetime) -> Iterator[str]:
        """The ids of the incidents of which something that counts was learned after an instant and that are in the
        query's period now or were before it."""
        ...

    def counted_in(
        self,
        query: StateQuery,
        among: Set[Facts],
        agencies: Set[Agencies] | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Counted]:
        """The incidents that count by one of the facts and, where sets of agencies are given, involve one of these
        sets; the oldest first, ties in an order that stays."""
        ...


# --- shared objects ----------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Collection:
    """A TAXII collection (TAXII 2.1 §5.2). `max_tlp` closes it to anything marked stricter."""

    id: str
    title: str
    description: str = ""
    alias: str | None = None
    can_read: bool = True
    can_write: bool = False
    max_tlp: Tlp = Tlp.AMBER


@dataclass(frozen=True, slots=True)
class FeedItem:
    """One version of one STIX object in a collection; `date_added` is strictly increasing within the collection."""

    id: str
    type: str
    version: datetime
    spec_version: str
    date_added: datetime
    body: Mapping[str, Any]
    tlp: Tlp
    agencies: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class NewItem:
    """A STIX object on its way into a collection. `version` is `modified`, else `created`, else its arrival's clock."""

    id: str
    type: str
    version: datetime
    body: Mapping[str, Any]
    tlp: Tlp
    agencies: tuple[str, ...] = ()
    spec_version: str = "2.1"


@dataclass(frozen=True, slots=True)
class ItemResult:
    """`outcome` is `created`, `duplicate` (same bytes there already) or `refused` (same version, other content)."""

    id: str
    version: datetime
    outcome: str
    reason: str = ""


#: Which versions of each object: "first", "last", "all" or one exact instant (TAXII 2.1 §3.4.1).
VersionMatch = str | datetime


@dataclass(frozen=True, slots=True)
class FeedQuery:
    """A page of a collection in ascending `date_added` (TAXII 2.1 §3.4): filters first, then paging."""

    collection: str
    scope: Scope = EVERYTHING
    added_after: datetime | None = None
    ids: frozenset[str] | None = None
    types: frozenset[str] | None = None
    versions: tuple[VersionMatch, ...] = ("last",)
    spec_versions: frozenset[str] | None = None
    limit: int = 100
    cursor: str | None = None


class FeedStore(Protocol):
    def put_collection(self, collection: Collection) -> None: ...

    def collections(self) -> tuple[Collection, ...]: ...

    def add_items(self, collection_id: str, items: Sequence[NewItem], now: datetime) -> tuple[ItemResult, ...]:
        """One result for each item, in order. Raises NotFound for an unknown collection."""
        ...

    def items(self, query: FeedQuery) -> Page[FeedItem]: ...

    def delete_items(self, collection_id: str, object_id: str, versions: Sequence[VersionMatch]) -> int: ...


# --- everything small --------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Record:
    key: str
    body: Mapping[str, Any]
    version: int


class RecordStore(Protocol):
    """Small documents by (kind, key): users, tokens, sessions, agencies, jobs, leases, feeds, snapshots, accounts."""

    def get(self, kind: str, key: str) -> Record | None: ...

    def put(self, kind: str, key: str, body: Mapping[str, Any], *, expected_version: int | None = None) -> int:
        """The new version. Raises Conflict when an `expected_version` (0: must be new) is given and is another."""
        ...

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None: ...

    def delete(self, kind: str, key: str) -> bool: ...

    def list(self, kind: str, first: str = "", end: str | None = None) -> list[Record]:
        """The records of a kind whose keys lie in `[first, end)` (None: all from `first` on), by key."""
        ...


class Store(Protocol):
    """The four doors of one backend, opened and closed together."""

    @property
    def events(self) -> EventStore: ...
    @property
    def incidents(self) -> IncidentStore: ...
    @property
    def feeds(self) -> FeedStore: ...
    @property
    def records(self) -> RecordStore: ...

    def describe(self) -> str:
        """What and where it is, for people; no credentials."""
        ...

    def check(self) -> None:
        """Raises StoreUnavailable with the reason when it cannot be used now."""
        ...

    def close(self) -> None: ...
