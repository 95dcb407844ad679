"""The conversation with Elasticsearch: time limits, bulk results item by item, and its errors as ours.

The only module that imports the client. `info()` is never called: a cluster may refuse `GET /` to this user.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit, urlunsplit

import elasticsearch
import orjson

from vonggac.errors import StoreUnavailable
from vonggac.stores.elastic.mappings import DOCUMENTS, INDICES, SCHEMA

REQUEST_SECONDS = 30.0
#: A bulk request holds no more than this many items and about this many bytes.
#: Queries of one request.
QUERIES_AT_ONCE = 200
BULK_ITEMS = 5_000
BULK_BYTES = 8 * 1024 * 1024
#: How often what Elasticsearch was too busy for (429) is sent, and the first pause; each pause is twice the last.
BUSY_TRIES = 6
BUSY_SECONDS = 0.1
SCAN_PAGE = 1_000

_ITEM_FACTS = "items.*.status,items.*._seq_no,items.*.error.type,items.*.error.reason,items.*.error.caused_by.reason"

Query = dict[str, Any]


class Changed(Exception):
    """Somebody else wrote the document since it was read (or made it, where it was to be new)."""


@dataclass(frozen=True, slots=True)
class Stamp:
    """Which writing of a document was read; a conditional write succeeds only over it."""

    seq_no: int
    primary_term: int


@dataclass(frozen=True, slots=True)
class Found:
    source: dict[str, Any]
    stamp: Stamp


@dataclass(frozen=True, slots=True)
class Write:
    """One item of a bulk request. Without a stamp the document must be new; `body` is its JSON, None deletes it."""

    index: str
    id: str
    body: bytes | None
    stamp: Stamp | None = None

    def lines(self) -> tuple[bytes, ...]:
        place: dict[str, Any] = {"_index": self.index, "_id": self.id}
        if self.body is None:
            return (orjson.dumps({"delete": place}),)
        if self.stamp is None:
            return orjson.dumps({"create": place}), self.body
        place |= {"if_seq_no": self.stamp.seq_no, "if_primary_term": self.stamp.primary_term}
        return orjson.dumps({"index": place}), self.body


@dataclass(frozen=True, slots=True)
class Written:
    """How far an index of one shard is written: `count` operations, numbered from 0, are done on all its copies."""

    uuid: str
    count: int


@dataclass(frozen=True, slots=True)
class Outcome:
    """What became of one item: an HTTP status, and why where it failed. 409: it was there, or has changed."""

    status: int
    reason: str = ""
    seq_no: int = -1  # of the write, where there was one


class Server:
    """The indices under one prefix. `urls` may name several nodes of a cluster, separated by commas."""

    def __init__(self, urls: str, prefix: str) -> None:
        nodes, credentials = _nodes(urls)
        self.where = ", ".join(nodes)
        self.prefix = prefix
        self._client = elasticsearch.Elasticsearch(
            nodes,
            basic_auth=credentials,
            request_timeout=REQUEST_SECONDS,
            max_retries=len(nodes) - 1,  # another node; what timed out may have been done and is not sent again
            retry_on_timeout=False,
            retry_on_status=(),
        )

    def index(self, name: str) -> str:
        return f"{self.prefix}-{name}"

    def install(self) -> None:
        """Template and indices are there. Raises StoreUnavailable, also when a newer version has written them."""
        with self._translated():
            indices = self._client.indices
            indices.put_index_template(
                name=self.index("events"),
                index_patterns=[self.index("events-*")],
                template=DOCUMENTS,
                priority=500,
            )
            for name, body in INDICES.items():
                try:
                    indices.create(index=self.index(name), **body)
                except elasticsearch.BadRequestError as error:
                    if error.error != "resource_already_exists_exception":
                        raise
            found = indices.get_mapping(index=[self.index(name) for name in INDICES])
        schemas = {name: int(mapping["mappings"].get("_meta", {}).get("schema", 0)) for name, mapping in found.items()}
        for index, schema in schemas.items():
            if schema > SCHEMA:
                raise StoreUnavailable("store_newer", where=f"{self.where} {index}", found=schema, known=SCHEMA)
        with self._translated():
            for name, body in INDICES.items():
                if schemas[self.index(name)] < SCHEMA:  # what is new in it is indexed from now on
                    indices.put_mapping(index=self.index(name), **body["mappings"])

    def check(self) -> None:
        """Raises StoreUnavailable unless every shard of ours can be read and written."""
        with self._translated():
            health = self._client.cluster.health(index=self.index("*"), timeout="5s")
        if health["status"] == "red":
            raise StoreUnavailable("store_incomplete", where=self.where)

    def close(self) -> None:
        self._client.close()

    # --- one document -------------------------------------------------------------------------------------------

    def get(self, index: str, identity: str) -> Found | None:
        """The newest writing, whether refreshed or not."""
        with self._translated():
            try:
                answer = self._client.get(index=index, id=identity)
            except elasticsearch.NotFoundError:
                return None
        return Found(answer["_source"], Stamp(answer["_seq_no"], answer["_primary_term"]))

    def get_many(self, index: str, ids: Sequence[str]) -> dict[str, Found]:
        """Those that are there, by id, each in its newest writing."""
        if not ids:
            return {}
        with self._translated():
            answer = self._client.mget(index=index, ids=list(dict.fromkeys(ids)))
        failed = [document for document in answer["docs"] if "error" in document]
        if failed:
            raise StoreUnavailable("store_refused", where=self.where, reason=failed[0]["error"].get("reason", ""))
        return {
            document["_id"]: Found(document["_source"], Stamp(document["_seq_no"], document["_primary_term"]))
            for document in answer["docs"]
            if document["found"]
        }

    def put(self, index: str, identity: str, document: Mapping[str, Any], stamp: Stamp | None) -> Stamp:
        """The document is written and every search sees it; `stamp` None: it must be new. Raises Changed."""
        condition: dict[str, Any] = {"op_type": "create"}
        if stamp is not None:
            condition = {"if_seq_no": stamp.seq_no, "if_primary_term": stamp.primary_term}
        with self._translated():
            try:
                answer = self._client.index(index=index, id=identity, document=document, refresh=True, **condition)
            except elasticsearch.ConflictError as error:
                raise Changed from error
        return Stamp(answer["_seq_no"], answer["_primary_term"])

    def delete(self, index: str, identity: str) -> bool:
        with self._translated():
            try:
                self._client.delete(index=index, id=identity, refresh=True)
            except elasticsearch.NotFoundError:
                return False
        return True

    # --- many documents -----------------------------------------------------------------------------------------

    def bulk(self, writes: Sequence[Write]) -> list[Outcome]:
        """One outcome for each write, in order; searches see them after `refresh`.

        What Elasticsearch is too busy for is sent again for a while. Raises StoreUnavailable, after which any part of
        it may have been written.
        """
        outcomes: dict[int, Outcome] = {}
        waiting = list(range(len(writes)))
        for attempt in range(BUSY_TRIES):
            if attempt:
                time.sleep(BUSY_SECONDS * 2 ** (attempt - 1) * random.uniform(0.5, 1.5))
            for chunk in _chunks(waiting, writes):
                outcomes |= zip(chunk, self._bulk([writes[at] for at in chunk]), strict=True)
            waiting = [at for at in waiting if outcomes[at].status == 429]
            if not waiting:
                break
        unwell = next((outcome for outcome in outcomes.values() if outcome.status in (401, 403, 429, 500, 503)), None)
        if unwell is not None:
            raise self._unavailable(unwell.status, unwell.reason)
        return [outcomes[at] for at in range(len(writes))]

    def _bulk(self, writes: Sequence[Write]) -> list[Outcome]:
        lines: list[Any] = [line for write in writes for line in write.lines()]
        with self._translated():
            try:
                answer = self._client.bulk(operations=lines, filter_path=_ITEM_FACTS)
            except elasticsearch.ApiError as error:
                if error.meta.status != 429:
                    raise
                return [Outcome(429, str(error))] * len(writes)
        return [_outcome(next(iter(item.values()))) for item in answer["items"]]

    def refresh(self, index: str) -> None:
        """Searches see everything written before."""
        with self._translated():
            self._client.indices.refresh(index=index, ignore_unavailable=True, allow_no_indices=True)

    # --- queries ------------------------------------------------------------------------------------------------

    def search(self, index: str, query: Query, **more: Any) -> dict[str, Any]:
        """One answer, complete or not at all: a shard that does not answer is an error, not a shorter list."""
        with self._translated():
            answer = self._client.search(
                index=index,
                query=query,
                track_total_hits=False,
                allow_partial_search_results=False,
                ignore_unavailable=True,
                **more,
            )
        return dict(answer)

    def matched(self, index: str, queries: Sequence[Query]) -> list[bool]:
        """For each query whether any document matches; all are sent in a few requests."""
        found: list[bool] = []
        header = {"index": index, "ignore_unavailable": True, "allow_partial_search_results": False}
        for at in range(0, len(queries), QUERIES_AT_ONCE):
            bodies = [
                {"query": query, "size": 0, "track_total_hits": 1} for query in queries[at : at + QUERIES_AT_ONCE]
            ]
            with self._translated():
                answer = self._client.msearch(searches=[line for body in bodies for line in (header, body)])
            for each in answer["responses"]:
                if "error" in each:
                    raise self._unavailable(each["status"], str(each["error"].get("reason", each["error"])))
                found.append(each["hits"]["total"]["value"] > 0)
        return found

    def scan(self, index: str, query: Query) -> Iterator[dict[str, Any]]:
        """Every matching document as of now (a point in time), in no order."""
        with self._translated():
            pit = self._client.open_point_in_time(index=index, keep_alive="2m")["id"]
        after: list[Any] | None = None
        try:
            while True:
                with self._translated():
                    answer = self._client.search(
                        pit={"id": pit, "keep_alive": "2m"},
                        query=query,
                        sort=["_shard_doc"],
                        size=SCAN_PAGE,
                        search_after=after,
                        track_total_hits=False,
                        allow_partial_search_results=False,
                    )
                pit = answer["pit_id"]
                hits = answer["hits"]["hits"]
                for hit in hits:
                    yield hit["_source"]
                if len(hits) < SCAN_PAGE:
                    return
                after = hits[-1]["sort"]
        finally:
            with self._translated():
                self._client.close_point_in_time(id=pit)

    def count(self, index: str, query: Query | None = None) -> int:
        with self._translated():
            return int(self._client.count(index=index, query=query, ignore_unavailable=True)["count"])

    def indices(self, pattern: str) -> dict[str, str]:
        """Name of each index -> its UUID, by name."""
        with self._translated():
            found = self._client.indices.get(index=pattern, filter_path="*.settings.index.uuid")
        return {index: about["settings"]["index"]["uuid"] for index, about in sorted(found.items())}

    def written(self, pattern: str) -> dict[str, Written]:
        """Index name -> how far it is written. Every operation up to there is done, those above may be under way."""
        with self._translated():
            stats = self._client.indices.stats(
                index=pattern,
                metric="docs",
                level="shards",
                filter_path="indices.*.uuid,indices.*.shards.*.seq_no,indices.*.shards.*.routing.primary",
            )
        return {
            index: Written(found["uuid"], 1 + _primary(found["shards"]["0"])["seq_no"]["global_checkpoint"])
            for index, found in sorted(stats.get("indices", {}).items())
        }

    def drop(self, index: str) -> None:
        """The index is gone, also when somebody else was first."""
        with self._translated():
            self._client.indices.delete(index=index, ignore_unavailable=True)

    # --- errors -------------------------------------------------------------------------------------------------

    @contextmanager
    def _translated(self) -> Iterator[None]:
        try:
            yield
        except elasticsearch.ApiError as error:
            raise self._unavailable(error.meta.status, str(error)) from error
        except elasticsearch.TransportError as error:
            raise StoreUnavailable("store_unreachable", where=self.where, detail=str(error)) from error

    def _unavailable(self, status: int, reason: str) -> StoreUnavailable:
        if status in (401, 403):
            return StoreUnavailable("store_forbidden", where=self.where, detail=reason)
        if status in (429, 503):
            return StoreUnavailable("store_overloaded", where=self.where, detail=reason)
        return StoreUnavailable("store_refused", where=self.where, reason=reason[:300], detail=reason)


def _primary(copies: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return next(copy for copy in copies if copy["routing"]["primary"])


def _outcome(item: Mapping[str, Any]) -> Outcome:
    error = item.get("error")
    if error is None:
        return Outcome(item["status"], seq_no=item.get("_seq_no", -1))
    cause = (error.get("caused_by") or {}).get("reason")
    return Outcome(item["status"], error.get("reason", error.get("type", "")) + (f": {cause}" if cause else ""))


def _chunks(places: Sequence[int], writes: Sequence[Write]) -> Iterator[list[int]]:
    """Consecutive places whose writes make one request each."""
    chunk: list[int] = []
    size = 0
    for at in places:
        length = len(writes[at].body or b"")
        if chunk and (len(chunk) == BULK_ITEMS or size + length > BULK_BYTES):
            yield chunk
            chunk, size = [], 0
        chunk.append(at)
        size += length
    if chunk:
        yield chunk


def _nodes(urls: str) -> tuple[list[str], tuple[str, str] | None]:
    """The nodes' addresses without their credentials, and the credentials of the first that has some."""
    nodes: list[str] = []
    credentials: tuple[str, str] | None = None
    for url in (part.strip() for part in urls.split(",")):
        parts = urlsplit(url)
        host = parts.netloc.rpartition("@")[2]
        port = parts.port or (443 if parts.scheme == "https" else 9200)
        nodes.append(urlunsplit((parts.scheme, host if parts.port else f"{host}:{port}", parts.path, "", "")))
        if parts.username and credentials is None:
            credentials = (unquote(parts.username), unquote(parts.password or ""))
    return nodes, credentials
