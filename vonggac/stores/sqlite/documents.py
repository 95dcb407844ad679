"""One file of documents: a month of events, or all detections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
import orjson

from vonggac.domain.event import Document
from vonggac.domain.times import to_epoch_us
from vonggac.ports import EventQuery, Wanted
from vonggac.stores.documents import (
    Prepared,
    matches,
    narrowing_value,
    spellings,
    stands_in,
    suppression_of,
    values_of,
)
from vonggac.stores.paging import Place
from vonggac.stores.sqlite import bodies
from vonggac.stores.sqlite.bodies import Bodies
from vonggac.stores.sqlite.connection import Connection, Database, Migration
from vonggac.stores.sqlite.filters import in_list
from vonggac.stores.sqlite.keys import identity_key, key_of, ranges
from vonggac.stores.sqlite.postings import Numbers, Postings

# One text for all rows: to hand over each by itself takes twice as long.
_INSERT = """INSERT INTO document (seq, id, time, dataset, agency)
    SELECT value ->> 0, value ->> 1, value ->> 2, value ->> 3, value ->> 4 FROM json_each(?)"""
_AT_ONCE = 5_000
#: Of which share of all documents a value must stand in for these to be gone through by time, until enough are found.
_FREQUENT = 1 / 16


class DocumentFile(Database):
    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        super().__init__(path, migrations)
        self.postings = Postings()


class Placed(NamedTuple):
    """The documents of a batch that were new, by their offsets in it, and the place of the last of this file before
    them."""

    mark: str
    before: int
    offsets: list[int]


def add(file: DocumentFile, documents: Sequence[Prepared]) -> Placed:
    """The documents are on disk, those that were not there before after all others. Raises Retired."""
    with file.write() as connection:
        known = {identity for _, identity in _identified(file, connection, [document.id for document in documents])}
        fresh: dict[str, Prepared] = {}
        for document in documents:
            if document.id not in known:
                fresh.setdefault(document.id, document)
        mark, before = born(connection), count(connection)
        _append(connection, file.postings, list(fresh.values()))
        held_back = [
            (document.suppressed_by, document.time_us, seq)
            for seq, document in enumerate(fresh.values(), before + 1)
            if document.suppressed_by is not None
        ]
        connection.executemany("INSERT INTO suppressed (suppression, time, seq) VALUES (?, ?, ?)", held_back)
    return Placed(mark, before, [document.offset for document in fresh.values()])


def _append(connection: Connection, postings: Postings, documents: Sequence[Prepared]) -> None:
    first = count(connection) + 1
    rows = [(seq, each.id, each.time_us, each.dataset, each.agency) for seq, each in enumerate(documents, first)]
    connection.execute(_INSERT, (orjson.dumps(rows).decode(),))
    bodies.write(connection, first, [document.body for document in documents])
    keys = [set(map(key_of, document.values)) for document in documents]
    numbers = np.arange(first, first + len(documents), dtype=np.uint32)
    postings.append(
        connection,
        np.array([key for held in keys for key in held], np.int64),
        np.repeat(numbers, [len(held) for held in keys]),
        np.array([identity_key(document.id) for document in documents], np.int64),
        first,
    )


def take_over(connection: Connection) -> None:
    """The documents of an older schema's table stand in today's."""
    postings = Postings()
    rows = connection.execute("SELECT id, time, dataset, agency, body FROM older ORDER BY seq")
    while some := rows.fetchmany(_AT_ONCE):
        documents = [
            Prepared(0, identity, time, "", dataset, agency, values_of(orjson.loads(body)), None, body)
            for identity, time, dataset, agency, body in some
        ]
        _append(connection, postings, documents)


def born(connection: Connection) -> str:
    """The mark that tells this file from others of its name."""
    return str(connection.execute("SELECT mark FROM birth").fetchone()[0])


def before(connection: Connection, time_us: int) -> int:
    """How many documents there are before the first that is of this time or later."""
    row = connection.execute("SELECT min(seq) - 1 FROM document WHERE time >= ?", (time_us,)).fetchone()
    return count(connection) if row[0] is None else int(row[0])


def newest(connection: Connection, before_us: int) -> int | None:
    """The time of the newest document before this time."""
    found: int | None = connection.execute("SELECT max(time) FROM document WHERE time < ?", (before_us,)).fetchone()[0]
    return found


def count(connection: Connection) -> int:
    """How many documents: `seq` has no gaps, as documents leave only with their file."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM document").fetchone()[0])


def arrived(file: DocumentFile, connection: Connection, after: int, until: int, limit: int) -> list[Document]:
    """The documents after the first `after` and not after the first `until`, in order of arrival."""
    held = Bodies(connection, file.path)
    return [held[seq] for seq in range(after + 1, min(until, after + limit, count(connection)) + 1)]


def get(file: DocumentFile, ids: Sequence[str]) -> dict[str, Document]:
    """Those of the documents that are in this file."""
    with file.read() as connection:
        held = Bodies(connection, file.path)
        return {identity: held[seq] for seq, identity in sorted(_identified(file, connection, ids))}


def _identified(file: DocumentFile, connection: Connection, ids: Sequence[str]) -> Iterator[tuple[int, str]]:
    """The number of each document that has one of the ids, and its id."""
    keys = np.array([identity_key(identity) for identity in ids], np.int64)
    for place, seq in file.postings.identified(connection, keys):
        (identity,) = connection.execute("SELECT id FROM document WHERE seq = ?", (seq,)).fetchone()
        if identity == ids[place]:  # and not another with the same key
            yield seq, identity


def search(file: DocumentFile, query: EventQuery, after: Place | None, limit: int) -> list[tuple[Place, Document]]:
    """The first `limit` matches after a place, by (time, id). Limit, cursor and size of the query are the caller's."""
    wanted = None if query.value is None else spellings(query.value)
    found: list[tuple[Place, Document]] = []
    with file.read() as connection:
        among = _among(file, connection, query)
        held = Bodies(connection, file.path)
        for place, seq in candidates(connection, query, after, among):
            document = held[seq]
            if matches(document, query.terms, wanted):
                found.append((place, document))
                if len(found) == limit:
                    break
    return found


def _among(file: DocumentFile, connection: Connection, query: EventQuery) -> Numbers | None:
    """The numbers of the documents among which all matches are, where the query names a suppression or a value."""
    suppression, value = suppression_of(query), narrowing_value(query)
    if suppression is not None:
        rows = connection.execute("SELECT seq FROM suppressed WHERE suppression = ?", (suppression,))
        return np.array([seq for (seq,) in rows], np.uint32)
    if value is not None:
        return standing(file, connection, [Wanted(value)]).get(0, np.empty(0, np.uint32))
    return None


def standing(file: DocumentFile, connection: Connection, wanted: Sequence[Wanted]) -> dict[int, Numbers]:
    """For the places of those that may stand in some documents: the numbers of these, in order."""
    owner: list[int] = []
    asked: list[tuple[int, int]] = []
    for place, each in enumerate(wanted):
        for span in ranges(each):
            owner.append(place)
            asked.append(span)
    parts: dict[int, list[Numbers]] = {}
    for place, numbers in file.postings.find(connection, asked):
        parts.setdefault(owner[place], []).append(numbers)
    return {place: np.unique(np.concatenate(some)) for place, some in parts.items()}


def suppressed(connection: Connection) -> dict[str, tuple[int, int, int]]:
    """Suppression -> how many it holds back, the times of the first and the last."""
    rows = connection.execute("SELECT suppression, count(*), min(time), max(time) FROM suppressed GROUP BY suppression")
    return {suppression: (held, first, last) for suppression, held, first, last in rows}


def candidates(
    connection: Connection, query: EventQuery, after: Place | None, among: Numbers | None
) -> Iterator[tuple[Place, int]]:
    """The place and number of each document of the query's period, datasets and agencies after a place, in order; only
    of those among the numbers, if any are given."""
    where: list[str] = []
    parameters: list[object] = []
    source, chosen = "document d", None
    total = count(connection)
    if among is not None and len(among) < total * _FREQUENT:
        source = "json_each(?) a CROSS JOIN document d ON d.seq = a.value"
        parameters.append(orjson.dumps(among, option=orjson.OPT_SERIALIZE_NUMPY).decode())
    elif among is not None:
        flags = np.zeros(total + 1, np.uint8)
        flags[among] = 1
        chosen = flags.tobytes()
    if query.since is not None:
        where.append("d.time >= ?")
        parameters.append(to_epoch_us(query.since))
    if query.until is not None:
        where.append("d.time < ?")
        parameters.append(to_epoch_us(query.until))
    if after is not None:
        where.append("d.time >= ? AND (d.time, d.id) > (?, ?)")
        parameters += [after[0], *after]
    for column, names in (("d.dataset", query.datasets or None), ("d.agency", query.agencies)):
        if names is not None:
            wanted, asked = in_list(names)
            where.append(f"{column} IN ({wanted})")
            parameters.append(asked)
    # The fragments are this function's own; what the caller gave stands in the parameters.
    condition = " AND ".join(where) or "TRUE"
    statement = f"SELECT d.time, d.id, d.seq FROM {source} WHERE {condition} ORDER BY d.time, d.id"  # noqa: S608
    for time, identity, seq in connection.execute(statement, parameters):
        if chosen is None or chosen[seq]:
            yield (time, identity), seq


def holding(
    file: DocumentFile, connection: Connection, wanted: Wanted, among: Numbers, query: EventQuery
) -> Iterator[Document]:
    """The documents among these in which it stands, by time."""
    held = Bodies(connection, file.path)
    for _, seq in candidates(connection, query, None, among):
        document = held[seq]
        if stands_in(document, wanted):
            yield document
