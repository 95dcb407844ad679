"""Events in one index for each month (UTC) of their time, so that retention removes indices; detections in another.

Writes do not wait for a refresh: the first search after them asks for it, so that a reader of this process sees what it
wrote, and other processes see it within a second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from typing import Any

import orjson

from vonggac.domain.account import Refusal
from vonggac.domain.detection import SUPPRESSED_BY, Detection, from_document
from vonggac.domain.event import Document
from vonggac.domain.suppression import Hits
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.ports import Added, Arrival, EventQuery, Page, Position, Wanted
from vonggac.stores.documents import (
    Prepared,
    look_up_form,
    matches,
    month_span,
    narrowing_value,
    prepare_detections,
    prepare_events,
    spellings,
    stands_in,
)
from vonggac.stores.elastic.mappings import IGNORE_ABOVE, KEYWORDS, LONGS, OWN
from vonggac.stores.elastic.server import Query, Server, Write
from vonggac.stores.paging import PAGE_MAX, Place, decode_cursor, page_of, page_size

_SORT = [{f"{OWN}.time": "asc"}, {f"{OWN}.id": "asc"}]
_IDS_AT_ONCE = 1_000
_BUCKETS = 1_000


class ElasticEventStore:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._events = server.index("events-*")
        self._detections = server.index("detections")
        self._unrefreshed: set[str] = set()

    def add_events(self, events: Sequence[Document]) -> Added:
        ready, refused = prepare_events(events)
        added, numbers = self._add(self._events, ready, refused, lambda event: self._events_index(event.month))
        return replace(added, arrival=self._arrival(numbers))

    def add_detections(self, detections: Sequence[Detection]) -> Added:
        ready, refused = prepare_detections(detections)
        return self._add(self._detections, ready, refused, lambda _: self._detections)[0]

    def events(self, ids: Sequence[str]) -> list[Document]:
        found = self._get(self._events, ids)
        return [found[identity] for identity in ids if identity in found]

    def detections(self, ids: Sequence[str]) -> list[Detection]:
        found = self._get(self._detections, ids)
        return [from_document(found[identity]) for identity in ids if identity in found]

    def search_events(self, query: EventQuery) -> Page[Document]:
        return self._search(self._events, query)

    def holding(
        self, wanted: Sequence[Wanted], since: datetime | None = None, until: datetime | None = None
    ) -> Iterator[tuple[int, Iterator[Document]]]:
        self._refresh(self._events)
        period = _filters(EventQuery(since=since, until=until))
        queries: list[Query] = [{"bool": {"filter": [*period, _holding(each)]}} for each in wanted]
        for place, matched in enumerate(self._server.matched(self._events, queries)):
            if matched:
                yield place, self._holding(wanted[place], queries[place])

    def _holding(self, wanted: Wanted, query: Query) -> Iterator[Document]:
        after: dict[str, Any] = {}
        while True:
            hits = self._server.search(self._events, query, sort=_SORT, size=_IDS_AT_ONCE, **after)["hits"]["hits"]
            yield from (document for document in map(_document, hits) if stands_in(document, wanted))
            if len(hits) < _IDS_AT_ONCE:
                return
            after = {"search_after": hits[-1]["sort"]}

    def search_detections(self, query: EventQuery) -> Page[Detection]:
        page = self._search(self._detections, query)
        return Page(tuple(from_document(document) for document in page.items), page.next)

    def position(self, since: datetime | None = None) -> Position:
        found: dict[str, int] = {}
        for index, written in self._server.written(self._events).items():
            count = written.count
            if since is not None:
                query = {"range": {f"{OWN}.time": {"gte": to_epoch_us(since)}}}
                first = next(iter(self._by_number(index, query, 1)), None)
                count = count if first is None else min(count, first["_seq_no"])
            found[self._partition(index, written.uuid)] = count
        return found

    def arrived(self, after: Position, until: Position, limit: int) -> tuple[list[Document], Position]:
        found: list[Document] = []
        reached: dict[str, int] = {}
        for index, uuid in self._server.indices(self._events).items():
            partition = self._partition(index, uuid)
            begin, end = after.get(partition, 0), until.get(partition, 0)
            room = min(limit, PAGE_MAX) - len(found)
            if begin < end and room:
                hits = self._by_number(index, {"range": {"_seq_no": {"gte": begin, "lt": end}}}, room)
                found += map(_document, hits)
                begin = hits[-1]["_seq_no"] + 1 if len(hits) == room else end
            reached[partition] = begin
        return found, reached

    def newest_event(self, before: datetime) -> datetime | None:
        self._refresh(self._events)
        query = {"range": {f"{OWN}.time": {"lt": to_epoch_us(before)}}}
        hits = self._server.search(self._events, query, sort=[{f"{OWN}.time": "desc"}], size=1)["hits"]["hits"]
        return from_epoch_us(hits[0]["sort"][0]) if hits else None

    def count_events(self) -> int:
        self._refresh(self._events)
        return self._server.count(self._events)

    def count_detections(self) -> int:
        self._refresh(self._detections)
        return self._server.count(self._detections)

    def suppressed(self) -> dict[str, Hits]:
        self._refresh(self._detections)
        found: dict[str, Hits] = {}
        after: dict[str, Any] = {}
        while True:
            by = {"size": _BUCKETS, "sources": [{"by": {"terms": {"field": SUPPRESSED_BY}}}], **after}
            times = {name: {name: {"field": f"{OWN}.time"}} for name in ("min", "max")}
            asked = {"held": {"composite": by, "aggs": times}}
            query = {"exists": {"field": SUPPRESSED_BY}}
            answer = self._server.search(self._detections, query, size=0, aggs=asked)["aggregations"]["held"]
            for each in answer["buckets"]:
                first, last = (from_epoch_us(int(each[name]["value"])) for name in ("min", "max"))
                found[each["key"]["by"]] = Hits(each["doc_count"], first, last)
            if "after_key" not in answer:
                return found
            after = {"after": answer["after_key"]}

    def drop_events_before(self, instant: datetime) -> int:
        dropped = 0
        for index in self._server.indices(self._events):
            month = index.removeprefix(self._server.index("events-")).replace(".", "-")
            if month_span(month)[1] <= instant:
                self._server.refresh(index)
                dropped += self._server.count(index)
                self._server.drop(index)
        return dropped

    def _events_index(self, month: str) -> str:
        return self._server.index(f"events-{month.replace('-', '.')}")

    def _by_number(self, index: str, query: Query, size: int) -> list[dict[str, Any]]:
        """The first hits by the sequence number of their writing, which is `_seq_no` of each; also others' newest."""
        self._server.refresh(index)
        answer = self._server.search(index, query, sort=[{"_seq_no": "asc"}], size=size, seq_no_primary_term=True)
        hits: list[dict[str, Any]] = answer["hits"]["hits"]
        return hits

    def _partition(self, index: str, uuid: str) -> str:
        """Named with the UUID, as an index of the same name may have been dropped before."""
        return f"{index.removeprefix(self._server.index('events-'))}.{uuid}"

    def _add(
        self, written: str, ready: Sequence[Prepared], refused: Sequence[Refusal], index: Callable[[Prepared], str]
    ) -> tuple[Added, dict[str, dict[int, int]]]:
        """Each document is created under its id, was there already, or is refused with Elasticsearch's reason. Also the
        offsets of those created, by index and sequence number."""
        outcomes = self._server.bulk([Write(index(document), document.id, _body(document)) for document in ready])
        self._unrefreshed.add(written)
        faults = list(refused)
        duplicates = created = 0
        numbers: dict[str, dict[int, int]] = {}
        for document, outcome in zip(ready, outcomes, strict=True):
            if outcome.status == 409:
                duplicates += 1
            elif outcome.status >= 400:
                faults.append(document.refused(outcome.reason))
            else:
                created += 1
                numbers.setdefault(index(document), {})[outcome.seq_no] = document.offset
        return Added(created, duplicates, tuple(sorted(faults, key=lambda fault: fault.offset))), numbers

    def _arrival(self, numbers: Mapping[str, Mapping[int, int]]) -> Arrival | None:
        """None where another's write lies between two of ours."""
        before: dict[str, int] = {}
        after: dict[str, int] = {}
        uuids = self._server.indices(",".join(numbers)) if numbers else {}
        for index, offsets in numbers.items():
            first, last = min(offsets), max(offsets)
            if last - first + 1 != len(offsets):
                return None
            partition = self._partition(index, uuids[index])
            before[partition], after[partition] = first, last + 1
        return Arrival(tuple(sorted(at for offsets in numbers.values() for at in offsets.values())), before, after)

    def _refresh(self, index: str) -> None:
        if index in self._unrefreshed:
            self._unrefreshed.discard(index)  # before, so that a write meanwhile asks for another
            self._server.refresh(index)

    def _get(self, index: str, ids: Sequence[str]) -> dict[str, Document]:
        self._refresh(index)
        asked = list(dict.fromkeys(ids))
        found: dict[str, Document] = {}
        for at in range(0, len(asked), _IDS_AT_ONCE):
            query = {"ids": {"values": asked[at : at + _IDS_AT_ONCE]}}
            hits = self._server.search(index, query, size=_IDS_AT_ONCE)["hits"]["hits"]
            found |= {hit["_id"]: _document(hit) for hit in hits}
        return found

    def _search(self, index: str, query: EventQuery) -> Page[Document]:
        self._refresh(index)
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        wanted = None if query.value is None else spellings(query.value)
        filters = {"bool": {"filter": _filters(query)}}
        found: list[tuple[Place, Document]] = []
        while len(found) <= size:
            asked: dict[str, Any] = {"search_after": list(after)} if after else {}
            hits = self._server.search(index, filters, sort=_SORT, size=size + 1, **asked)["hits"]["hits"]
            for hit in hits:
                after = (hit["sort"][0], hit["sort"][1])
                document = _document(hit)
                if matches(document, query.terms, wanted):
                    found.append((after, document))
            if len(hits) <= size:
                break
        page = page_of(found[: size + 1], size, lambda hit: hit[0])
        return Page(tuple(document for _, document in page.items), page.next)


def _body(document: Prepared) -> bytes:
    """The document's JSON with our own object at its end: spliced in, as writing it all again would cost twice."""
    own = orjson.dumps(
        {
            "time": document.time_us,
            "id": document.id,
            "values": document.values,
            "addresses": [value for value in document.values if _looks_like_address(value)],
            "names": [_backwards(value) for value in document.values if "." in value and "/" not in value],
        }
    )
    return document.body[:-1] + b',"' + OWN.encode() + b'":' + own + b"}"


def _looks_like_address(value: str) -> bool:
    """What is none all the same is not indexed: the index ignores what is malformed."""
    return ":" in value or (value[-1:].isdigit() and value.count(".") == 3)


def _backwards(name: str) -> str:
    return ".".join(reversed(name.split(".")))


def _holding(wanted: Wanted) -> Query:
    """A superset of what holds it."""
    if wanted.network is not None:
        return {"term": {f"{OWN}.addresses": str(wanted.network)}}
    exact: Query = {"terms": {f"{OWN}.values": [look_up_form(spelling) for spelling in spellings(wanted.value)]}}
    if not (wanted.below and "." in wanted.value):
        return exact
    below = {"prefix": {f"{OWN}.names": _backwards(wanted.value) + "."}}
    return {"bool": {"should": [exact, below], "minimum_should_match": 1}}


def _document(hit: dict[str, Any]) -> Document:
    document: Document = hit["_source"]
    document.pop(OWN, None)
    return document


def _filters(query: EventQuery) -> list[Query]:
    """A superset of the matches, as narrow as the indexed fields allow; `matches` decides."""
    bounds: dict[str, int] = {}
    if query.since is not None:
        bounds["gte"] = to_epoch_us(query.since)
    if query.until is not None:
        bounds["lt"] = to_epoch_us(query.until)
    filters: list[Query] = [{"range": {f"{OWN}.time": bounds}}] if bounds else []
    if query.datasets:
        filters.append({"terms": {"event.dataset": list(query.datasets)}})
    if query.agencies is not None:
        filters.append({"terms": {"organization.id": sorted(query.agencies)}})
    value = narrowing_value(query)
    if value is not None:
        filters.append({"terms": {f"{OWN}.values": [look_up_form(spelling) for spelling in spellings(value)]}})
    for path, term in query.terms.items():
        if (path in KEYWORDS and len(str(term)) <= IGNORE_ABOVE) or (path in LONGS and str(term).isdecimal()):
            filters.append({"term": {path: str(term)}})
    return filters
