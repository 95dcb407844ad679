"""Incidents: one document each, the whole history and its summary, written over what was read or not at all.

Who may see an incident is judged by what it is now, also when it is asked for as it was known earlier.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.account import Refusal
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, Incident
from vonggac.domain.marking import Tlp
from vonggac.domain.searching import search_text, search_words
from vonggac.domain.states import Agencies, Facts, agencies_of, followed
from vonggac.domain.times import to_epoch_us
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Added, Counted, IncidentQuery, Page, StateQuery
from vonggac.stores.elastic.filters import containing, within_scope
from vonggac.stores.elastic.server import Changed, Found, Query, Server, Write
from vonggac.stores.elastic.states import WITH_AGENCIES, ElasticTally, changed, complete, documents, places, states_from
from vonggac.stores.elastic.turns import attempts
from vonggac.stores.histories import (
    entry_document,
    entry_from,
    folded,
    new_entries,
    numbered,
    readable,
    told,
)
from vonggac.stores.paging import decode_cursor, page_of, page_size

_LOAD_AT_ONCE = 500
#: Longer words are searched by their beginning: a Lucene term has at most 32,766 bytes.
_WORD_CHARS_MAX = 8_000
_SORT = [{"last_at": "desc"}, {"id": "asc"}]


class ElasticIncidentStore:
    def __init__(self, server: Server) -> None:
        self._server = server
        self._index = server.index("incidents")
        self._numbers = server.index("numbers")

    def append(self, incident_id: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        numbers = self._counted_out(1)
        for _ in attempts(self._server.where):
            found = self._server.get(self._index, incident_id)
            present = _entries(found)
            added = new_entries(incident_id, present, entries, expected_version)
            if added and not present:
                added = numbered(added, numbers)
            incident = folded(incident_id, (*present, *added))
            if not added:
                return incident
            try:
                document = _document(incident, present, added, found)
                self._server.put(self._index, incident_id, document, found.stamp if found else None)
            except Changed:  # somebody appended meanwhile: read again, which also tells a Conflict
                continue
            return incident
        raise AssertionError("attempts end with an error")

    def _counted_out(self, block: int) -> Callable[[int], str]:
        """Gives readable numbers of a year, each once, of which so many at a time are counted out in the store."""
        left: dict[int, Iterator[int]] = {}

        def number(year: int) -> str:
            count = next(left.get(year, iter(())), None)
            if count is None:
                left[year] = iter(self._count_out(year, block))
                count = next(left[year])
            return readable(year, count)

        return number

    def _count_out(self, year: int, block: int) -> range:
        for _ in attempts(self._server.where):
            found = self._server.get(self._numbers, str(year))
            last = int(found.source["last"]) if found else 0
            try:
                self._server.put(self._numbers, str(year), {"last": last + block}, found.stamp if found else None)
            except Changed:
                continue
            return range(last + 1, last + block + 1)
        raise AssertionError("attempts end with an error")

    def complete(self) -> int:
        """Incidents that an older version wrote have a readable number and states with their agencies, without which
        they are not counted; how many were written anew."""
        numbers = self._counted_out(_LOAD_AT_ONCE)
        done = 0
        for source in self._server.scan(self._index, {"bool": {"must_not": [WITH_AGENCIES]}}):
            for _ in attempts(self._server.where):
                found = self._server.get(self._index, source["id"])
                if found is None or complete(found.source):
                    break
                entries = _entries(found) if "number" in found.source else numbered(_entries(found), numbers)
                document = _document(folded(source["id"], entries), (), entries, None)
                try:
                    self._server.put(self._index, source["id"], document, found.stamp)
                except Changed:
                    continue
                done += 1
                break
        return done

    def load(self, histories: Iterable[tuple[str, Sequence[Entry]]]) -> Added:
        total = Added()
        rest, offset = iter(histories), 0
        while batch := list(islice(rest, _LOAD_AT_ONCE)):
            part = self._load(batch, offset)
            offset += len(batch)
            total = Added(
                total.created + part.created, total.duplicates + part.duplicates, (*total.refused, *part.refused)
            )
        self._server.refresh(self._index)
        return total

    def _load(self, batch: Sequence[tuple[str, Sequence[Entry]]], offset: int) -> Added:
        present = self._server.get_many(self._index, [identity for identity, _ in batch])
        numbers = self._counted_out(len(batch))
        writes: dict[str, Write] = {}
        repeated: list[tuple[str, Sequence[Entry]]] = []
        refused: list[Refusal] = []
        duplicates = 0
        for at, (identity, entries) in enumerate(batch, offset):
            if identity in writes:
                repeated.append((identity, entries))
                continue
            found = present.get(identity)
            try:
                before = _entries(found)
                added = new_entries(identity, before, entries, None)
                if added and not before:
                    added = numbered(added, numbers)
                incident = folded(identity, (*before, *added))
                body = orjson.dumps(_document(incident, before, added, found))
            except UsageRefused as error:
                refused.append(Refusal(identity, at, str(error)))
                continue
            if added:
                writes[identity] = Write(self._index, identity, body, found.stamp if found else None)
            else:
                duplicates += 1
        created = 0
        for write, outcome in zip(writes.values(), self._server.bulk(list(writes.values())), strict=True):
            if outcome.status == 409:
                repeated += [history for history in batch if history[0] == write.id][:1]
            elif outcome.status >= 400:
                refused.append(Refusal(write.id, offset, outcome.reason))
            else:
                created += 1
        for identity, entries in repeated:  # in the batch twice, or written by somebody else since it was read
            earlier = self._server.get(self._index, identity)
            grown = self.append(identity, entries).version > (earlier.source["version"] if earlier else 0)
            created, duplicates = created + grown, duplicates + (not grown)
        return Added(created, duplicates, tuple(refused))

    def get(self, incident_id: str, *, scope: Scope = EVERYTHING, known_at: datetime | None = None) -> Incident:
        incident = fold(incident_id, self.history(incident_id, scope=scope), known_at=known_at)
        if incident is None:
            raise NotFound("no_such_incident", incident=incident_id)
        return incident

    def history(self, incident_id: str, *, scope: Scope = EVERYTHING) -> tuple[Entry, ...]:
        found = self._server.get(self._index, incident_id)
        if found is None or not scope.allows(tuple(Tlp)[found.source["tlp"]], found.source["agencies"]):
            raise NotFound("no_such_incident", incident=incident_id)
        return _entries(found)

    def histories(self, incident_ids: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
        found = self._server.get_many(self._index, incident_ids)
        return {identity: _entries(document) for identity, document in found.items()}

    def find(self, query: IncidentQuery) -> Page[Incident]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        asked: dict[str, Any] = {"search_after": list(after)} if after else {}
        hits = self._server.search(
            self._index, _filters(query), sort=_SORT, size=size + 1, source_includes=["entries"], **asked
        )["hits"]["hits"]
        page = page_of(hits, size, lambda hit: (hit["sort"][0], hit["sort"][1]))
        return Page(
            tuple(folded(hit["_id"], [entry_from(entry) for entry in hit["_source"]["entries"]]) for hit in page.items),
            page.next,
        )

    def count(self, query: IncidentQuery) -> int:
        return self._server.count(self._index, _filters(query))

    def tally(self, query: StateQuery, cuts: Sequence[datetime] = ()) -> ElasticTally:
        return ElasticTally(self._server, self._index, query, cuts)

    def changed(self, query: StateQuery, since: datetime) -> Iterator[str]:
        return changed(self._server, self._index, query, since)

    def counted_in(
        self,
        query: StateQuery,
        among: Set[Facts],
        agencies: Set[Agencies] | None = None,
        *,
        limit: int = 50,
        cursor: str | None = None,
    ) -> Page[Counted]:
        size, after = page_size(limit), decode_cursor(cursor)
        found = places(self._server, self._index, query, among, agencies, after, size + 1)
        page = page_of(found, size, lambda hit: (hit["sort"][0], hit["sort"][1]))
        counted = [_counted(hit) for hit in page.items]
        if agencies is not None:  # of those too long for a keyword the server found all
            counted = [each for each in counted if agencies_of(each.parties) in agencies]
        return Page(tuple(counted), page.next)


def _entries(found: Found | None) -> tuple[Entry, ...]:
    return tuple(entry_from(entry) for entry in found.source["entries"]) if found else ()


def _document(
    incident: Incident, present: Sequence[Entry], added: Sequence[Entry], found: Found | None
) -> dict[str, Any]:
    words = dict.fromkeys(word[:_WORD_CHARS_MAX] for word in search_text(incident).split())
    entries = (*present, *added)
    states = followed(states_from(found.source["states"]), incident, added) if found else None
    return {
        "id": incident.id,
        "number": incident.number,
        "version": incident.version,
        "key": incident.key,
        "status": str(incident.status),
        "category": incident.category,
        "severity": str(incident.severity),
        "assignee": incident.assignee,
        "tlp": incident.tlp.rank,
        "first_at": to_epoch_us(incident.first_at),
        "last_at": to_epoch_us(incident.last_at),
        "opened_at": to_epoch_us(incident.opened_at),
        "changed_at": to_epoch_us(incident.changed_at),
        "agencies": sorted(incident.agencies),
        "detections": [part.detection for part in incident.evidence],
        "words_fold": list(words),
        "entries": [entry_document(entry) for entry in entries],
        "states": documents(incident.id, states or told(incident.id, entries)[1]),
    }


def _counted(hit: Mapping[str, Any]) -> Counted:
    (state,) = states_from([inner["_source"] for inner in hit["inner_hits"]["states"]["hits"]["hits"]])
    return Counted(hit["_id"], state.occurred_at, state.facts, state.parties)


def _filters(query: IncidentQuery) -> Query:
    filters = [within_scope(query.scope)]
    if query.statuses is not None:
        filters.append({"terms": {"status": [str(status) for status in query.statuses]}})
    if query.categories is not None:
        filters.append({"terms": {"category": list(query.categories)}})
    for field, value in (
        ("agencies", query.agency),
        ("assignee", query.assignee),
        ("key", query.key),
        ("number", query.number),
        ("detections", query.detection),
    ):
        if value is not None:
            filters.append({"term": {field: value}})
    filters += [containing("words_fold", word) for word in search_words(query.text)]
    for field, bound, instant in (
        ("last_at", "gte", query.last_from),
        ("first_at", "lt", query.first_until),
        ("changed_at", "gte", query.changed_from),
        ("opened_at", "lt", query.opened_until),
    ):
        if instant is not None:
            filters.append({"range": {field: {bound: to_epoch_us(instant)}}})
    return {"bool": {"filter": filters}}
