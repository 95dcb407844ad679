"""One file of documents: a month of events, or all detections."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import NamedTuple

import orjson

from vonggac.domain.event import Document
from vonggac.domain.times import to_epoch_us
from vonggac.ports import EventQuery, Wanted
from vonggac.stores.documents import (
    Prepared,
    look_up_form,
    matches,
    narrowing_value,
    spellings,
    stands_in,
    suppression_of,
)
from vonggac.stores.paging import Place
from vonggac.stores.sqlite.connection import Connection, Database
from vonggac.stores.sqlite.filters import in_list
from vonggac.stores.sqlite.keys import key_of, ranges
from vonggac.stores.sqlite.schema import RUN_BITS

_INSERT = "INSERT INTO document (seq, id, time, dataset, agency, body) VALUES (?, ?, ?, ?, ?, ?)"


#: Every run there is.
_RUNS = f"""WITH RECURSIVE run (number) AS (
    SELECT 0 UNION ALL SELECT number + 1 FROM run WHERE number < (SELECT max(seq) >> {RUN_BITS} FROM document)
) SELECT number FROM run"""  # noqa: S608


class Placed(NamedTuple):
    """The documents of a batch that were new, by their offsets in it, and the place of the last of this file before
    them."""

    mark: str
    before: int
    offsets: list[int]


def add(database: Database, documents: Sequence[Prepared]) -> Placed:
    """The documents are on disk, those that were not there before after all others. Raises Retired."""
    with database.write() as connection:
        wanted, asked = in_list([document.id for document in documents])
        known = {row[0] for row in connection.execute(f"SELECT id FROM document WHERE id IN ({wanted})", (asked,))}  # noqa: S608
        fresh: dict[str, Prepared] = {}
        for document in documents:
            if document.id not in known:
                fresh.setdefault(document.id, document)
        mark, before = born(connection), count(connection)
        first = before + 1
        connection.executemany(
            _INSERT,
            (
                (seq, document.id, document.time_us, document.dataset, document.agency, document.body)
                for seq, document in enumerate(fresh.values(), first)
            ),
        )
        # In the order of the index, so that a batch touches each of its pages once.
        postings = sorted(
            (seq >> RUN_BITS, key, document.time_us, seq)
            for seq, document in enumerate(fresh.values(), first)
            for key in set(map(key_of, document.values))
        )
        connection.executemany("INSERT INTO posting (run, key, time, seq) VALUES (?, ?, ?, ?)", postings)
        held_back = [
            (document.suppressed_by, document.time_us, seq)
            for seq, document in enumerate(fresh.values(), first)
            if document.suppressed_by is not None
        ]
        connection.executemany("INSERT INTO suppressed (suppression, time, seq) VALUES (?, ?, ?)", held_back)
    return Placed(mark, before, [document.offset for document in fresh.values()])


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


def arrived(connection: Connection, after: int, until: int, limit: int) -> list[Document]:
    """The documents after the first `after` and not after the first `until`, in order of arrival."""
    statement = "SELECT body FROM document WHERE seq > ? AND seq <= ? ORDER BY seq LIMIT ?"
    return [orjson.loads(body) for (body,) in connection.execute(statement, (after, until, limit))]


def count(connection: Connection) -> int:
    """How many documents: `seq` has no gaps, as documents leave only with their file."""
    return int(connection.execute("SELECT coalesce(max(seq), 0) FROM document").fetchone()[0])


def get(database: Database, ids: Sequence[str]) -> dict[str, Document]:
    """Those of the documents that are in this file."""
    wanted, asked = in_list(ids)
    with database.read() as connection:
        rows = connection.execute(f"SELECT id, body FROM document WHERE id IN ({wanted})", (asked,)).fetchall()  # noqa: S608
    return {identity: orjson.loads(body) for identity, body in rows}


def search(database: Database, query: EventQuery, after: Place | None, limit: int) -> list[tuple[Place, Document]]:
    """The first `limit` matches after a place, by (time, id). Limit, cursor and size of the query are the caller's."""
    wanted = None if query.value is None else spellings(query.value)
    statement, parameters = _statement(query, after)
    found: list[tuple[Place, Document]] = []
    with database.read() as connection:
        rows: Iterator[tuple[int, str, bytes]] = connection.execute(statement, parameters)
        for time, identity, body in rows:
            if found and found[-1][0] == (time, identity):  # it holds two spellings of the value
                continue
            document = orjson.loads(body)
            if matches(document, query.terms, wanted):
                found.append(((time, identity), document))
                if len(found) == limit:
                    break
    return found


def holding(connection: Connection, wanted: Wanted, since: int | None, until: int | None) -> Iterator[Document]:
    """The documents in which it stands, by time; bounds in microseconds since 1970."""
    places: list[tuple[int, int]] = []
    for first, last in ranges(wanted):
        statement = f"SELECT time, seq FROM posting WHERE run IN ({_RUNS}) AND key BETWEEN ? AND ?"  # noqa: S608
        parameters = [first, last]
        if since is not None:
            statement += " AND time >= ?"
            parameters.append(since)
        if until is not None:
            statement += " AND time < ?"
            parameters.append(until)
        places += connection.execute(statement, parameters)
    for _, seq in sorted(set(places)):
        body = connection.execute("SELECT body FROM document WHERE seq = ?", (seq,)).fetchone()[0]
        document = orjson.loads(body)
        if stands_in(document, wanted):
            yield document


def suppressed(connection: Connection) -> dict[str, tuple[int, int, int]]:
    """Suppression -> how many it holds back, the times of the first and the last."""
    rows = connection.execute("SELECT suppression, count(*), min(time), max(time) FROM suppressed GROUP BY suppression")
    return {suppression: (held, first, last) for suppression, held, first, last in rows}


def _statement(query: EventQuery, after: Place | None) -> tuple[str, list[object]]:
    """Candidates in order: a superset of the matches, through an index where the query names a suppression or a
    value."""
    where: list[str] = []
    parameters: list[object] = []
    value, suppression = narrowing_value(query), suppression_of(query)
    if suppression is not None:
        time, source = "s.time", "suppressed s CROSS JOIN document d ON d.seq = s.seq"
        where.append("s.suppression = ?")
        parameters.append(suppression)
    elif value is None:
        time, source = "d.time", "document d"
    else:
        time, source = "p.time", "posting p CROSS JOIN document d ON d.seq = p.seq"
        keys = {key_of(look_up_form(spelling)) for spelling in spellings(value)}
        where.append(f"p.run IN ({_RUNS}) AND p.key IN ({', '.join('?' * len(keys))})")
        parameters += keys
    if query.since is not None:
        where.append(f"{time} >= ?")
        parameters.append(to_epoch_us(query.since))
    if query.until is not None:
        where.append(f"{time} < ?")
        parameters.append(to_epoch_us(query.until))
    if after is not None:
        where.append(f"{time} >= ? AND ({time}, d.id) > (?, ?)")
        parameters += [after[0], *after]
    for column, names in (("d.dataset", query.datasets or None), ("d.agency", query.agencies)):
        if names is not None:
            wanted, asked = in_list(names)
            where.append(f"{column} IN ({wanted})")
            parameters.append(asked)
    # The fragments are this function's own; what the caller gave stands in the parameters.
    condition = " AND ".join(where) or "TRUE"
    statement = f"SELECT d.time, d.id, d.body FROM {source} WHERE {condition} ORDER BY {time}, d.id"  # noqa: S608
    return statement, parameters
