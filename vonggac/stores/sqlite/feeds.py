"""Shared objects by collection, in the order in which they were added."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from vonggac.domain.access import EVERYTHING
from vonggac.domain.marking import Tlp
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.errors import NotFound
from vonggac.ports import Collection, FeedItem, FeedQuery, ItemResult, NewItem, Page, VersionMatch
from vonggac.stores.items import (
    OTHER_CONTENT,
    TOO_STRICT,
    collection_document,
    collection_from,
    digest,
    exact_versions,
)
from vonggac.stores.paging import decode_cursor, page_of, page_size
from vonggac.stores.sqlite.connection import Connection, Database
from vonggac.stores.sqlite.filters import in_list, within_scope

_TLPS = tuple(Tlp)

_PUT_COLLECTION = """INSERT INTO collection (id, max_tlp, last_added, body) VALUES (?, ?, 0, ?)
    ON CONFLICT (id) DO UPDATE SET max_tlp = excluded.max_tlp, body = excluded.body"""

_INSERT = """INSERT INTO item (collection, id, version, type, spec_version, date_added, tlp, agencies, digest, body)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

_COLUMNS = "i.id, i.type, i.version, i.spec_version, i.date_added, i.body, i.tlp, i.agencies"


class SqliteFeedStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def put_collection(self, collection: Collection) -> None:
        body = orjson.dumps(collection_document(collection))
        with self._database.write() as connection:
            connection.execute(_PUT_COLLECTION, (collection.id, collection.max_tlp.rank, body))

    def collections(self) -> tuple[Collection, ...]:
        with self._database.read() as connection:
            rows = connection.execute("SELECT body FROM collection ORDER BY id").fetchall()
        return tuple(collection_from(orjson.loads(body)) for (body,) in rows)

    def add_items(self, collection_id: str, items: Sequence[NewItem], now: datetime) -> tuple[ItemResult, ...]:
        with self._database.write() as connection:
            last, max_tlp = _collection(connection, collection_id)
            results = []
            for item in items:
                outcome, reason = _add(
                    connection, collection_id, item, max_tlp, added := max(to_epoch_us(now), last + 1)
                )
                if outcome == "created":
                    last = added
                results.append(ItemResult(item.id, item.version, outcome, reason))
            connection.execute("UPDATE collection SET last_added = ? WHERE id = ?", (last, collection_id))
        return tuple(results)

    def items(self, query: FeedQuery) -> Page[FeedItem]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        candidates, shared = _candidates(query)
        versions, exact = _version_condition(query.versions)
        bounds, values = ["TRUE"], []
        if query.added_after is not None:
            bounds.append("i.date_added > ?")
            values.append(to_epoch_us(query.added_after))
        if after is not None:  # dates do not tie within a collection, so the id in the cursor decides nothing here
            bounds.append("i.date_added > ?")
            values.append(after[0])
        statement = f"""WITH candidate AS NOT MATERIALIZED ({candidates}) SELECT {_COLUMNS} FROM candidate i
            WHERE {" AND ".join(bounds)} AND ({versions}) ORDER BY i.date_added LIMIT ?"""  # noqa: S608
        with self._database.read() as connection:
            _collection(connection, query.collection)
            rows = connection.execute(statement, (*shared, *values, *exact, size + 1)).fetchall()
        return page_of([_item(row) for row in rows], size, lambda item: (to_epoch_us(item.date_added), item.id))

    def delete_items(self, collection_id: str, object_id: str, versions: Sequence[VersionMatch]) -> int:
        query = FeedQuery(collection_id, EVERYTHING, ids=frozenset({object_id}))
        candidates, shared = _candidates(query)
        condition, exact = _version_condition(versions)
        statement = f"""DELETE FROM item WHERE rowid IN (
            WITH candidate AS NOT MATERIALIZED ({candidates}) SELECT i.row FROM candidate i WHERE {condition})"""  # noqa: S608
        with self._database.write() as connection:
            _collection(connection, collection_id)
            return int(connection.execute(statement, (*shared, *exact)).rowcount)


def _collection(connection: Connection, collection_id: str) -> tuple[int, int]:
    """Its last `date_added` in microseconds and the rank of its strictest marking. Raises NotFound."""
    row = connection.execute("SELECT last_added, max_tlp FROM collection WHERE id = ?", (collection_id,)).fetchone()
    if row is None:
        raise NotFound("no_such_collection", collection=collection_id)
    return row[0], row[1]


def _add(connection: Connection, collection: str, item: NewItem, max_tlp: int, added: int) -> tuple[str, str]:
    """What became of the item, and why."""
    if item.tlp.rank > max_tlp:
        return "refused", TOO_STRICT
    try:
        content, body = digest(item), orjson.dumps(item.body)
    except (TypeError, ValueError) as error:
        return "refused", f"not representable as JSON: {error}"
    version = to_epoch_us(item.version)
    present = connection.execute(
        "SELECT digest FROM item WHERE collection = ? AND id = ? AND version = ?", (collection, item.id, version)
    ).fetchone()
    if present is not None:
        return ("duplicate", "") if present[0] == content else ("refused", OTHER_CONTENT)
    agencies = orjson.dumps(sorted(item.agencies)).decode()
    row = (collection, item.id, version, item.type, item.spec_version, added, item.tlp.rank, agencies, content, body)
    connection.execute(_INSERT, row)
    return "created", ""


def _candidates(query: FeedQuery) -> tuple[str, list[object]]:
    """What a reader may see of a collection and asks for, in every version: `first` and `last` are among these."""
    agencies = "EXISTS (SELECT 1 FROM json_each(c.agencies) a WHERE a.value IN ({}))"
    scope, values = within_scope(query.scope, "c.tlp", agencies)
    where = ["c.collection = ?", "c.tlp <= (SELECT max_tlp FROM collection WHERE id = c.collection)", scope]
    parameters: list[object] = [query.collection, *values]
    for column, names in (("c.id", query.ids), ("c.type", query.types), ("c.spec_version", query.spec_versions)):
        if names is not None:
            wanted, asked = in_list(names)
            where.append(f"{column} IN ({wanted})")
            parameters.append(asked)
    return f"SELECT c.rowid AS row, c.* FROM item c WHERE {' AND '.join(where)}", parameters  # noqa: S608


def _version_condition(versions: Sequence[VersionMatch]) -> tuple[str, list[object]]:
    """Over `candidate i`: whether the row is one of the versions asked for (TAXII 2.1 §3.4.1)."""
    exact = exact_versions(versions)
    if "all" in versions:
        return "TRUE", []
    parts = []
    for name, order in (("last", ">"), ("first", "<")):
        if name in versions:
            parts.append(f"NOT EXISTS (SELECT 1 FROM candidate o WHERE o.id = i.id AND o.version {order} i.version)")  # noqa: S608
    parts += ["i.version = ?"] * len(exact)
    return " OR ".join(parts) or "FALSE", [to_epoch_us(version) for version in exact]


def _item(row: tuple[Any, ...]) -> FeedItem:
    identity, kind, version, spec_version, added, body, tlp, agencies = row
    return FeedItem(
        id=identity,
        type=kind,
        version=from_epoch_us(version),
        spec_version=spec_version,
        date_added=from_epoch_us(added),
        body=orjson.loads(body),
        tlp=_TLPS[tlp],
        agencies=tuple(orjson.loads(agencies)),
    )
