"""Incidents: one document each, the whole history and its summary, written over what was read or not at all.

Who may see an incident is judged by what it is now, also when it is asked for as it was known earlier.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime
from itertools import islice
from typing import Any

import orjson

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.account import Refusal
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, Incident, Involvement, Role
from vonggac.domain.marking import Tlp
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Added, CountRow, IncidentQuery, Page
from vonggac.stores.elastic.filters import containing, within_scope
from vonggac.stores.elastic.server import Changed, Found, Query, Server, Write
from vonggac.stores.elastic.turns import attempts
from vonggac.stores.histories import (
    count_row,
    entry_document,
    entry_from,
    folded,
    new_entries,
    search_text,
    search_words,
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

    def append(self, incident_id: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        for _ in attempts(self._server.where):
            found = self._server.get(self._index, incident_id)
            present = _entries(found)
            added = new_entries(incident_id, present, entries, expected_version)
            whole = (*present, *added)
            incident = folded(incident_id, whole)
            if not added:
                return incident
            try:
                self._server.put(self._index, incident_id, _document(incident, whole), found.stamp if found else None)
            except Changed:  # somebody appended meanwhile: read again, which also tells a Conflict
                continue
            return incident
        raise AssertionError("attempts end with an error")

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
                added = new_entries(identity, _entries(found), entries, None)
                whole = (*_entries(found), *added)
                body = orjson.dumps(_document(folded(identity, whole), whole))
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
            before = self._server.get(self._index, identity)
            grown = self.append(identity, entries).version > (before.source["version"] if before else 0)
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

    def count_rows(
        self, start: datetime, end: datetime, *, scope: Scope = EVERYTHING, known_at: datetime | None = None
    ) -> Iterator[CountRow]:
        """From the summaries, which hold for an earlier instant too if nothing was learned since; else by folding."""
        first = {"range": {"first_at": {"gte": to_epoch_us(start), "lt": to_epoch_us(end)}}}
        if known_at is None:
            query = {"bool": {"filter": [first, within_scope(scope)]}}
        else:
            instant = to_epoch_us(known_at)
            unchanged = {"bool": {"filter": [first, {"range": {"changed_at": {"lte": instant}}}]}}
            changed = {
                "bool": {
                    "filter": [{"range": {"known_from": {"lte": instant}}}, {"range": {"changed_at": {"gt": instant}}}]
                }
            }
            either = {"bool": {"should": [unchanged, changed], "minimum_should_match": 1}}
            query = {"bool": {"filter": [either, within_scope(scope)]}}
        for source in self._server.scan(self._index, query, without=["entries"] if known_at is None else []):
            if known_at is None or source["changed_at"] <= to_epoch_us(known_at):
                yield _row(source)
                continue
            incident = fold(source["id"], [entry_from(entry) for entry in source["entries"]], known_at=known_at)
            if incident is not None and start <= incident.first_at < end:
                yield count_row(incident)


def _entries(found: Found | None) -> tuple[Entry, ...]:
    return tuple(entry_from(entry) for entry in found.source["entries"]) if found else ()


def _document(incident: Incident, entries: Sequence[Entry]) -> dict[str, Any]:
    words = dict.fromkeys(word[:_WORD_CHARS_MAX] for word in search_text(incident).split())
    return {
        "id": incident.id,
        "version": incident.version,
        "key": incident.key,
        "status": str(incident.status),
        "category": incident.category,
        "severity": str(incident.severity),
        "assignee": incident.assignee,
        "tlp": incident.tlp.rank,
        "counted": incident.counted,
        "first_at": to_epoch_us(incident.first_at),
        "last_at": to_epoch_us(incident.last_at),
        "opened_at": to_epoch_us(incident.opened_at),
        "changed_at": to_epoch_us(incident.changed_at),
        "known_from": to_epoch_us(min(entry.known_at for entry in entries)),
        "agencies": sorted(incident.agencies),
        "detections": [part.detection for part in incident.evidence],
        "words_fold": list(words),
        "involvements": [{"agency": part.agency, "role": str(part.role)} for part in incident.involvements],
        "entries": [entry_document(entry) for entry in entries],
    }


def _row(source: dict[str, Any]) -> CountRow:
    return CountRow(
        incident=source["id"],
        occurred_at=from_epoch_us(source["first_at"]),
        known_at=from_epoch_us(source["opened_at"]),
        category=source["category"],
        severity=source["severity"],
        counted=source["counted"],
        involvements=tuple(Involvement(part["agency"], Role(part["role"])) for part in source["involvements"]),
    )


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
