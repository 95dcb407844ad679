"""Shared objects by collection, in the order in which they were added, also when several nodes add to one collection.

A reader remembers the last `date_added` it saw and asks for what is later, so an object must never become visible
after one with a later date. The collection's own document therefore says whose turn it is to add: a writer takes the
turn and a range of dates in one conditional write (seq_no), adds its objects, waits until searches see them, and gives
the turn back. A writer that died leaves a turn that ends by itself.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from threading import Lock
from typing import Any
from uuid import uuid4

import orjson

from vonggac.domain.marking import Tlp
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.errors import NotFound, StoreUnavailable
from vonggac.ports import Clock, Collection, FeedItem, FeedQuery, ItemResult, NewItem, Page, VersionMatch
from vonggac.stores.elastic.filters import within_scope
from vonggac.stores.elastic.server import Changed, Found, Query, Server, Stamp, Write
from vonggac.stores.elastic.turns import attempts
from vonggac.stores.items import (
    OTHER_CONTENT,
    TOO_STRICT,
    collection_document,
    collection_from,
    digest,
    exact_versions,
)
from vonggac.stores.paging import decode_cursor, page_of, page_size

#: A turn ends after this long; well over the time limit of the requests made in it.
TURN = timedelta(seconds=180)

_TLPS = tuple(Tlp)


@dataclass(frozen=True, slots=True)
class Turn:
    """The right to add now: the first free `date_added` in microseconds, and the collection added to."""

    first_free: int
    collection: Collection


class ElasticFeedStore:
    def __init__(self, server: Server, clock: Clock) -> None:
        self._server = server
        self._clock = clock
        self._collections = server.index("collections")
        self._items = server.index("items")
        self._name = uuid4().hex
        self._adding = Lock()  # threads of this process queue here rather than at the server

    def put_collection(self, collection: Collection) -> None:
        for _ in attempts(self._server.where):
            found = self._server.get(self._collections, collection.id)
            state = found.source if found else {"last_added": 0, "writer": None, "writer_until": 0}
            document = state | {"id": collection.id, "collection": collection_document(collection)}
            try:
                self._server.put(self._collections, collection.id, document, found.stamp if found else None)
            except Changed:
                continue
            return

    def collections(self) -> tuple[Collection, ...]:
        sources = self._server.scan(self._collections, {"match_all": {}})
        return tuple(sorted((collection_from(source["collection"]) for source in sources), key=lambda each: each.id))

    def add_items(self, collection_id: str, items: Sequence[NewItem], now: datetime) -> tuple[ItemResult, ...]:
        with self._adding, self._turn(collection_id, len(items), now) as turn:
            identities = [_identity(collection_id, item) for item in items]
            present = self._server.get_many(self._items, identities)
            known = {identity: str(found.source["digest"]) for identity, found in present.items()}
            results: list[ItemResult] = []
            writes: list[Write] = []
            for identity, item in zip(identities, items, strict=True):
                outcome, reason, content = _judge(item, known.get(identity), turn.collection)
                if outcome == "created":
                    known[identity] = content
                    document = _document(collection_id, item, content, turn.first_free + len(writes))
                    writes.append(Write(self._items, identity, orjson.dumps(document)))
                results.append(ItemResult(item.id, item.version, outcome, reason))
            self._write(writes)
        return tuple(results)

    def items(self, query: FeedQuery) -> Page[FeedItem]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        found: list[FeedItem] = []
        candidates = [*_candidates(query), {"range": {"tlp": {"lte": self._collection(query.collection).max_tlp.rank}}}]
        exact_versions(query.versions)
        since = max(to_epoch_us(query.added_after) if query.added_after else -1, after[0] if after else -1)
        while len(found) <= size:
            # Dates do not tie within a collection, so the id in the cursor decides nothing here.
            later = [*candidates, {"range": {"date_added": {"gt": since}}}]
            hits = self._hits({"bool": {"filter": later}}, size + 1)
            found += [_item(hit) for hit in self._of_versions(hits, candidates, query.versions)]
            if len(hits) <= size:
                break
            since = hits[-1]["date_added"]
        return page_of(found[: size + 1], size, lambda item: (to_epoch_us(item.date_added), item.id))

    def delete_items(self, collection_id: str, object_id: str, versions: Sequence[VersionMatch]) -> int:
        self._collection(collection_id)
        exact_versions(versions)
        candidates: list[Query] = [{"term": {"collection": collection_id}}, {"term": {"id": object_id}}]
        sources = list(self._server.scan(self._items, {"bool": {"filter": candidates}}))
        chosen = self._of_versions(sources, candidates, versions)
        writes = [Write(self._items, _name(collection_id, object_id, source["version"]), None) for source in chosen]
        outcomes = self._server.bulk(writes)
        self._server.refresh(self._items)
        return sum(outcome.status == 200 for outcome in outcomes)

    # --- the turn to add ----------------------------------------------------------------------------------------

    @contextmanager
    def _turn(self, collection_id: str, count: int, now: datetime) -> Iterator[Turn]:
        """Nobody else adds to the collection in the block; `count` dates are this writer's. Raises NotFound."""
        for _ in attempts(self._server.where):
            found = self._found_collection(collection_id)
            state = found.source
            if state["writer"] is not None and state["writer_until"] > to_epoch_us(self._clock()):
                continue
            first = max(to_epoch_us(now), state["last_added"] + 1)
            taken = state | {
                "last_added": first + count - 1 if count else state["last_added"],
                "writer": self._name,
                "writer_until": to_epoch_us(self._clock() + TURN),
            }
            try:
                stamp = self._server.put(self._collections, collection_id, taken, found.stamp)
            except Changed:
                continue
            try:
                yield Turn(first, collection_from(state["collection"]))
            finally:
                self._end_turn(collection_id, taken | {"writer": None, "writer_until": 0}, stamp)
            return

    def _end_turn(self, collection_id: str, state: Mapping[str, Any], stamp: Stamp) -> None:
        try:
            self._server.put(self._collections, collection_id, state, stamp)
        except Changed as changed:
            # The collection was edited meanwhile: end the turn over that, unless it is another's by now.
            found = self._found_collection(collection_id)
            if found.source["writer"] != self._name:
                raise StoreUnavailable("collection_busy", collection=collection_id) from changed
            self._end_turn(collection_id, found.source | {"writer": None, "writer_until": 0}, found.stamp)

    def _write(self, writes: Sequence[Write]) -> None:
        outcomes = self._server.bulk(writes)
        self._server.refresh(self._items)
        failed = next((outcome for outcome in outcomes if outcome.status >= 400), None)
        if failed is not None:  # 409: a writer whose turn had ended was still at work; nothing is overwritten
            raise StoreUnavailable("store_refused", where=self._server.where, reason=failed.reason)

    def _collection(self, collection_id: str) -> Collection:
        return collection_from(self._found_collection(collection_id).source["collection"])

    def _found_collection(self, collection_id: str) -> Found:
        found = self._server.get(self._collections, collection_id)
        if found is None:
            raise NotFound("no_such_collection", collection=collection_id)
        return found

    # --- versions -----------------------------------------------------------------------------------------------

    def _hits(self, query: Query, size: int) -> list[dict[str, Any]]:
        answer = self._server.search(self._items, query, sort=[{"date_added": "asc"}], size=size)
        return [hit["_source"] for hit in answer["hits"]["hits"]]

    def _of_versions(
        self, sources: Sequence[dict[str, Any]], candidates: Sequence[Query], versions: Sequence[VersionMatch]
    ) -> list[dict[str, Any]]:
        """Those of the sources that are one of the versions asked for, among the candidates (TAXII 2.1 §3.4.1)."""
        if "all" in versions or not sources:
            return list(sources)
        exact = {to_epoch_us(version) for version in exact_versions(versions)}
        bounds = self._bounds({source["id"] for source in sources}, candidates)
        return [
            source
            for source in sources
            if source["version"] in exact
            or ("first" in versions and float(source["version"]) == bounds[source["id"]][0])
            or ("last" in versions and float(source["version"]) == bounds[source["id"]][1])
        ]

    def _bounds(self, ids: set[str], candidates: Sequence[Query]) -> dict[str, tuple[float, float]]:
        """The first and the last version of each object among the candidates, as floats: so aggregations answer."""
        answer = self._server.search(
            self._items,
            {"bool": {"filter": [*candidates, {"terms": {"id": sorted(ids)}}]}},
            size=0,
            aggregations={
                "ids": {
                    "terms": {"field": "id", "size": len(ids)},
                    "aggregations": {"first": {"min": {"field": "version"}}, "last": {"max": {"field": "version"}}},
                }
            },
        )
        return {
            bucket["key"]: (bucket["first"]["value"], bucket["last"]["value"])
            for bucket in answer["aggregations"]["ids"]["buckets"]
        }


def _judge(item: NewItem, known: str | None, collection: Collection) -> tuple[str, str, str]:
    """The item's outcome, the reason for it, and the digest of its content."""
    if item.tlp.rank > collection.max_tlp.rank:
        return "refused", TOO_STRICT, ""
    try:
        content = digest(item)
    except (TypeError, ValueError) as error:
        return "refused", f"not representable as JSON: {error}", ""
    if known is None:
        return "created", "", content
    return ("duplicate", "", content) if known == content else ("refused", OTHER_CONTENT, content)


def _identity(collection_id: str, item: NewItem) -> str:
    return _name(collection_id, item.id, to_epoch_us(item.version))


def _name(collection_id: str, object_id: str, version: int) -> str:
    """A digest: ids may be longer than an `_id`."""
    return sha256(f"{collection_id}\x1f{object_id}\x1f{version}".encode()).hexdigest()


def _document(collection_id: str, item: NewItem, content: str, added: int) -> dict[str, Any]:
    return {
        "collection": collection_id,
        "id": item.id,
        "version": to_epoch_us(item.version),
        "type": item.type,
        "spec_version": item.spec_version,
        "date_added": added,
        "tlp": item.tlp.rank,
        "agencies": sorted(item.agencies),
        "digest": content,
        "body": item.body,
    }


def _candidates(query: FeedQuery) -> list[Query]:
    """What a reader may see of a collection and asks for, in every version: `first` and `last` are among these."""
    filters: list[Query] = [{"term": {"collection": query.collection}}, within_scope(query.scope)]
    for field, names in (("id", query.ids), ("type", query.types), ("spec_version", query.spec_versions)):
        if names is not None:
            filters.append({"terms": {field: sorted(names)}})
    return filters


def _item(source: Mapping[str, Any]) -> FeedItem:
    return FeedItem(
        id=source["id"],
        type=source["type"],
        version=from_epoch_us(source["version"]),
        spec_version=source["spec_version"],
        date_added=from_epoch_us(source["date_added"]),
        body=source["body"],
        tlp=_TLPS[source["tlp"]],
        agencies=tuple(source["agencies"]),
    )
