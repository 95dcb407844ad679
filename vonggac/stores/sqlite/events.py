"""Events in one file for each month (UTC) of their time, so that retention removes files; detections in another.

Detections do not lie beside their events: they are few, they are what incidents and published figures rest on, and so
they outlive the events' retention.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack
from datetime import datetime
from pathlib import Path
from threading import Lock

from vonggac.domain.detection import Detection, from_document
from vonggac.domain.event import Document
from vonggac.domain.suppression import Hits
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.ports import Added, Arrival, EventQuery, Page, Position, Wanted
from vonggac.stores.documents import Prepared, month_span, prepare_detections, prepare_events
from vonggac.stores.paging import Place, decode_cursor, page_of, page_size
from vonggac.stores.sqlite import documents
from vonggac.stores.sqlite.connection import Connection, Retired, folder_lock, remove_files, retire
from vonggac.stores.sqlite.documents import DocumentFile
from vonggac.stores.sqlite.postings import Numbers
from vonggac.stores.sqlite.schema import DOCUMENTS

_PARTITION = re.compile(r"(\d{4})-(\d{2})\.db")

#: Partitions kept open, each with its page cache; an old capture may touch hundreds of months once.
OPEN_PARTITIONS = 14


#: A month's file, a reader of it, and numbers of documents there.
_Standing = tuple[DocumentFile, Connection, Numbers]


class Partitions:
    """The folder of monthly files, shared with other processes that add to it and drop from it."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._lock = Lock()
        self._open: dict[str, DocumentFile] = {}

    def months(self) -> list[str]:
        """`YYYY-MM` of each partition there is, oldest first."""
        return sorted(path.stem for path in self._folder.iterdir() if _PARTITION.fullmatch(path.name))

    def present(self) -> Iterator[tuple[str, DocumentFile]]:
        """Each partition there is with its file, oldest first."""
        for month in self.months():
            database = self._get(month, create=False)
            if database is not None:
                yield month, database

    def of(self, month: str) -> DocumentFile:
        """The month's file, made when it is not there."""
        database = self._get(month, create=True)
        assert database is not None  # noqa: S101 - `create`
        return database

    def drop(self, month: str) -> int:
        """The month's file is gone for every process; how many documents it held."""
        path = self._folder / f"{month}.db"
        database = self._get(month, create=False)
        with self._lock, folder_lock(self._folder):
            if database is None or not _is_file(path, database.inode):
                return 0  # another process dropped it first
            retire(database)
            with database.read() as connection:
                held = documents.count(connection)
            database.close()
            self._open.pop(month, None)
            remove_files(path)
        return held

    def close(self) -> None:
        with self._lock:
            for database in self._open.values():
                database.close()
            self._open.clear()

    def _get(self, month: str, *, create: bool) -> DocumentFile | None:
        path = self._folder / f"{month}.db"
        with self._lock:
            database = self._open.pop(month, None)
            if database is not None and not _is_file(path, database.inode):
                database.close()
                database = None
            if database is None:
                database = self._opened(path, create=create)
            if database is not None:
                self._open[month] = database  # at the end: the first is the one used least recently
            if len(self._open) > OPEN_PARTITIONS:
                self._open.pop(next(iter(self._open))).close()
            return database

    def _opened(self, path: Path, *, create: bool) -> DocumentFile | None:
        with folder_lock(self._folder):
            if not create and not path.exists():
                return None
            try:
                return DocumentFile(path, DOCUMENTS)
            except Retired:
                remove_files(path)
            return DocumentFile(path, DOCUMENTS) if create else None


def _is_file(path: Path, inode: int) -> bool:
    try:
        return path.stat().st_ino == inode
    except FileNotFoundError:
        return False


class SqliteEventStore:
    def __init__(self, partitions: Partitions, detections: DocumentFile) -> None:
        self._partitions = partitions
        self._detections = detections

    def add_events(self, events: Sequence[Document]) -> Added:
        ready, refused = prepare_events(events)
        months: dict[str, list[Prepared]] = {}
        for event in ready:
            months.setdefault(event.month, []).append(event)
        offsets: list[int] = []
        before: dict[str, int] = {}
        after: dict[str, int] = {}
        for month, batch in months.items():
            placed = self._add(month, batch)
            if placed.offsets:
                partition = _partition(month, placed.mark)
                offsets += placed.offsets
                before[partition] = placed.before
                after[partition] = placed.before + len(placed.offsets)
        arrival = Arrival(tuple(sorted(offsets)), before, after)
        return Added(len(offsets), len(ready) - len(offsets), tuple(refused), arrival)

    def _add(self, month: str, batch: Sequence[Prepared]) -> documents.Placed:
        while True:
            try:
                return documents.add(self._partitions.of(month), batch)
            except Retired:  # dropped by another process since `of`; the next `of` makes it anew
                continue

    def add_detections(self, detections: Sequence[Detection]) -> Added:
        ready, refused = prepare_detections(detections)
        created = len(documents.add(self._detections, ready).offsets)
        return Added(created, len(ready) - created, tuple(refused))

    def events(self, ids: Sequence[str]) -> list[Document]:
        found: dict[str, Document] = {}
        for _, database in self._partitions.present():
            found |= documents.get(database, [identity for identity in ids if identity not in found])
        return [found[identity] for identity in ids if identity in found]

    def detections(self, ids: Sequence[str]) -> list[Detection]:
        found = documents.get(self._detections, ids)
        return [from_document(found[identity]) for identity in ids if identity in found]

    def search_events(self, query: EventQuery) -> Page[Document]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        found: list[tuple[Place, Document]] = []
        for month, database in self._partitions.present():
            if _may_hold(month, query, after):
                found += documents.search(database, query, after, size + 1 - len(found))
                if len(found) > size:
                    break
        page = page_of(found, size, lambda hit: hit[0])
        return Page(tuple(document for _, document in page.items), page.next)

    def holding(
        self, wanted: Sequence[Wanted], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[int, Iterator[Document]]]:
        query = EventQuery(since=since, until=until)
        with ExitStack() as reading:
            # One reader for each month, so that what was looked up is still there when it is read.
            found: dict[int, list[_Standing]] = {}
            for month, file in self._partitions.present():
                if _may_hold(month, query, None):
                    connection = reading.enter_context(file.read())
                    for place, numbers in documents.standing(file, connection, wanted).items():
                        found.setdefault(place, []).append((file, connection, numbers))
            for place, standing in sorted(found.items()):
                yield place, _read(standing, wanted[place], query)

    def search_detections(self, query: EventQuery) -> Page[Detection]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        found = documents.search(self._detections, query, after, size + 1)
        page = page_of(found, size, lambda hit: hit[0])
        return Page(tuple(from_document(document) for _, document in page.items), page.next)

    def position(self, since: datetime | None = None) -> Position:
        found: dict[str, int] = {}
        for month, database in self._partitions.present():
            with database.read() as connection:
                known = (
                    documents.count(connection) if since is None else documents.before(connection, to_epoch_us(since))
                )
                found[_partition(month, documents.born(connection))] = known
        return found

    def arrived(self, after: Position, until: Position, limit: int) -> tuple[list[Document], Position]:
        found: list[Document] = []
        reached: dict[str, int] = {}
        for month, database in self._partitions.present():
            with database.read() as connection:
                partition = _partition(month, documents.born(connection))
                begin, end = after.get(partition, 0), until.get(partition, 0)
                more = documents.arrived(database, connection, begin, end, limit - len(found))
            found += more
            reached[partition] = begin + len(more)
        return found, reached

    def newest_event(self, before: datetime) -> datetime | None:
        for month, database in reversed(list(self._partitions.present())):
            if month_span(month)[0] < before:
                with database.read() as connection:
                    newest = documents.newest(connection, to_epoch_us(before))
                if newest is not None:
                    return from_epoch_us(newest)
        return None

    def count_events(self) -> int:
        total = 0
        for _, database in self._partitions.present():
            with database.read() as connection:
                total += documents.count(connection)
        return total

    def count_detections(self) -> int:
        with self._detections.read() as connection:
            return documents.count(connection)

    def suppressed(self) -> dict[str, Hits]:
        with self._detections.read() as connection:
            found = documents.suppressed(connection)
        return {
            name: Hits(held, from_epoch_us(first), from_epoch_us(last)) for name, (held, first, last) in found.items()
        }

    def drop_events_before(self, instant: datetime) -> int:
        return sum(
            self._partitions.drop(month) for month in self._partitions.months() if month_span(month)[1] <= instant
        )


def _read(standing: Iterable[_Standing], wanted: Wanted, query: EventQuery) -> Iterator[Document]:
    for file, connection, numbers in standing:
        yield from documents.holding(file, connection, wanted, numbers, query)


def _partition(month: str, mark: str) -> str:
    return f"{month}.{mark}"


def _may_hold(month: str, query: EventQuery, after: Place | None) -> bool:
    start, end = month_span(month)
    if query.since is not None and end <= query.since:
        return False
    if query.until is not None and query.until <= start:
        return False
    return after is None or to_epoch_us(end) > after[0]
