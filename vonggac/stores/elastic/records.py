"""Small documents by kind and key; every write waits until searches see it."""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import sha256
from typing import Any

import orjson

from vonggac.errors import Conflict
from vonggac.ports import Record
from vonggac.stores.elastic.server import Changed, Found, Query, Server, Write
from vonggac.stores.elastic.turns import attempts

_BATCH = 500


class ElasticRecordStore:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._index = server.index("records")

    def get(self, kind: str, key: str) -> Record | None:
        found = self._server.get(self._index, _identity(kind, key))
        return None if found is None else Record(key, found.source["body"], found.source["version"])

    def put(self, kind: str, key: str, body: Mapping[str, Any], *, expected_version: int | None = None) -> int:
        identity = _identity(kind, key)
        for _ in attempts(self._server.where):
            present = self._server.get(self._index, identity)
            version = _version(present)
            if expected_version is not None and version != expected_version:
                raise Conflict("record_changed", kind=kind, name=key, expected=expected_version, found=version)
            document = _document(kind, key, version + 1, body)
            try:
                self._server.put(self._index, identity, document, present.stamp if present else None)
            except Changed:
                continue
            return version + 1
        raise AssertionError("attempts end with an error")

    def put_many(self, kind: str, bodies: Mapping[str, Mapping[str, Any]]) -> None:
        keys = list(bodies)
        for at in range(0, len(keys), _BATCH):
            batch = keys[at : at + _BATCH]
            present = self._server.get_many(self._index, [_identity(kind, key) for key in batch])
            outcomes = self._server.bulk([self._write(kind, key, bodies[key], present) for key in batch])
            self._server.refresh(self._index)
            for key, outcome in zip(batch, outcomes, strict=True):
                if outcome.status == 409:
                    self.put(kind, key, bodies[key])

    def delete(self, kind: str, key: str) -> bool:
        return self._server.delete(self._index, _identity(kind, key))

    def list(self, kind: str, first: str = "", end: str | None = None) -> list[Record]:
        conditions: list[Query] = [{"term": {"kind": kind}}]
        if first or end is not None:
            conditions.append({"range": {"key": {"gte": first, **({} if end is None else {"lt": end})}}})
        sources = self._server.scan(self._index, {"bool": {"filter": conditions}})
        records = [Record(source["key"], source["body"], source["version"]) for source in sources]
        return sorted(records, key=lambda record: record.key)

    def _write(self, kind: str, key: str, body: Mapping[str, Any], present: Mapping[str, Found]) -> Write:
        identity = _identity(kind, key)
        found = present.get(identity)
        document = _document(kind, key, _version(found) + 1, body)
        return Write(self._index, identity, orjson.dumps(document), found.stamp if found else None)


def _version(found: Found | None) -> int:
    return int(found.source["version"]) if found else 0


def _document(kind: str, key: str, version: int, body: Mapping[str, Any]) -> dict[str, Any]:
    return {"kind": kind, "key": key, "version": version, "body": body}


def _identity(kind: str, key: str) -> str:
    """A digest: keys may be longer than an `_id`."""
    return sha256(f"{kind}\x1f{key}".encode()).hexdigest()
