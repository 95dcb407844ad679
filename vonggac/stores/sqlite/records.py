"""Small documents by kind and key."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from vonggac.errors import Conflict
from vonggac.ports import Record
from vonggac.stores.sqlite.connection import Database

_PUT = """INSERT INTO record (kind, key, version, body) VALUES (?, ?, 1, ?)
    ON CONFLICT (kind, key) DO UPDATE SET version = version + 1, body = excluded.body RETURNING version"""


class SqliteRecordStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def get(self, kind: str, key: str) -> Record | None:
        with self._database.read() as connection:
            row = connection.execute(
                "SELECT version, body FROM record WHERE kind = ? AND key = ?", (kind, key)
            ).fetchone()
        return None if row is None else Record(key, orjson.loads(row[1]), row[0])

    def put(self, kind: str, key: str, body: Mapping[str, Any], *, expected_version: int | None = None) -> int:
        with self._database.write() as connection:
            if expected_version is not None:
                row = connection.execute(
                    "SELECT version FROM record WHERE kind = ? AND key = ?", (kind, key)
                ).fetchone()
                found = row[0] if row else 0
                if found != expected_version:
                    raise Conflict("record_changed", kind=kind, name=key, expected=expected_version, found=found)
            return int(connection.execute(_PUT, (kind, key, orjson.dumps(body))).fetchone()[0])

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        with self._database.write() as connection:
            for key, body in bodies.items():
                connection.execute(_PUT, (kind, key, orjson.dumps(body))).fetchone()

    def delete(self, kind: str, key: str) -> bool:
        with self._database.write() as connection:
            gone = connection.execute("DELETE FROM record WHERE kind = ? AND key = ?", (kind, key))
            return bool(gone.rowcount)

    def list(self, kind: str, first: str = "", end: str | None = None) -> list[Record]:
        where, parameters = "kind = ? AND key >= ?", [kind, first]
        if end is not None:
            where, parameters = f"{where} AND key < ?", [*parameters, end]
        with self._database.read() as connection:
            rows = connection.execute(f"SELECT key, body, version FROM record WHERE {where} ORDER BY key", parameters)  # noqa: S608
            return [Record(key, orjson.loads(body), version) for key, body, version in rows]
