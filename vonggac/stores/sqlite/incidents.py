"""Incidents: entries that are only ever appended, and a summary row for queries that is rewritten with them.

The summary is the fold of the entries (`domain.incident.fold`) in the columns that queries need; both change in one
transaction, and `rebuild` makes all summaries again. Who may see an incident is judged by what it is now, also when it
is asked for as it was known earlier: what has been closed since stays closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from itertools import islice

import orjson

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.account import Refusal
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, Incident, Involvement, Role
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Added, CountRow, IncidentQuery, Page
from vonggac.stores.histories import (
    count_row,
    entry_document,
    entry_from,
    folded,
    new_entries,
    search_text,
    search_words,
)
from vonggac.stores.paging import Place, decode_cursor, page_of, page_size
from vonggac.stores.sqlite.connection import Connection, Database
from vonggac.stores.sqlite.filters import in_list, within_scope

_SUMMARY = """INSERT OR REPLACE INTO incident (id, version, key, status, category, severity, assignee, tlp, counted,
    first_at, last_at, opened_at, changed_at, known_from, text) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""

#: Histories read, or written in one transaction, at a time: others get their turn between.
CHUNK = 500

_AGENCIES = "EXISTS (SELECT 1 FROM involvement o WHERE o.incident = i.id AND o.agency IN ({}))"


class SqliteIncidentStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, incident_id: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        with self._database.write() as connection:
            present = _entries(connection, [incident_id]).get(incident_id, [])
            added = new_entries(incident_id, present, entries, expected_version)
            incident = folded(incident_id, (*present, *added))
            if added:
                _write(connection, incident, added, len(present), (*present, *added))
            return incident

    def load(self, histories: Iterable[tuple[str, Sequence[Entry]]]) -> Added:
        created = duplicates = 0
        refused: list[Refusal] = []
        numbered = enumerate(histories)
        while chunk := list(islice(numbered, CHUNK)):
            with self._database.write() as connection:
                present = _entries(connection, [identity for _, (identity, _) in chunk])
                for offset, (identity, entries) in chunk:
                    before = present.get(identity, [])
                    try:
                        added = new_entries(identity, before, entries, None)
                        whole = [*before, *added]
                        incident = folded(identity, whole)
                    except UsageRefused as error:
                        refused.append(Refusal(identity, offset, str(error)))
                        continue
                    if not added:
                        duplicates += 1
                        continue
                    _write(connection, incident, added, len(before), whole)
                    present[identity] = whole
                    created += 1
        return Added(created, duplicates, tuple(refused))

    def get(self, incident_id: str, *, scope: Scope = EVERYTHING, known_at: datetime | None = None) -> Incident:
        incident = fold(incident_id, self.history(incident_id, scope=scope), known_at=known_at)
        if incident is None:
            raise NotFound("no_such_incident", incident=incident_id)
        return incident

    def history(self, incident_id: str, *, scope: Scope = EVERYTHING) -> tuple[Entry, ...]:
        where, parameters = within_scope(scope, "i.tlp", _AGENCIES)
        with self._database.read() as connection:
            statement = f"SELECT 1 FROM incident i WHERE i.id = ? AND {where}"  # noqa: S608
            if connection.execute(statement, (incident_id, *parameters)).fetchone() is None:
                raise NotFound("no_such_incident", incident=incident_id)
            return tuple(_entries(connection, [incident_id])[incident_id])

    def find(self, query: IncidentQuery) -> Page[Incident]:
        size, after = page_size(query.limit), decode_cursor(query.cursor)
        where, parameters = _conditions(query)
        if after is not None:
            where += " AND i.last_at <= ? AND (i.last_at < ? OR i.id > ?)"
            parameters += [after[0], after[0], after[1]]
        statement = f"SELECT i.last_at, i.id FROM incident i WHERE {where} ORDER BY i.last_at DESC, i.id LIMIT ?"  # noqa: S608
        with self._database.read() as connection:
            places: list[Place] = connection.execute(statement, (*parameters, size + 1)).fetchall()
            page = page_of(places, size, lambda place: (place[0], place[1]))
            histories = _entries(connection, [identity for _, identity in page.items])
        return Page(tuple(folded(identity, histories[identity]) for _, identity in page.items), page.next)

    def count(self, query: IncidentQuery) -> int:
        where, parameters = _conditions(query)
        with self._database.read() as connection:
            statement = f"SELECT count(*) FROM incident i WHERE {where}"  # noqa: S608
            return int(connection.execute(statement, parameters).fetchone()[0])

    def count_rows(
        self, start: datetime, end: datetime, *, scope: Scope = EVERYTHING, known_at: datetime | None = None
    ) -> Iterator[CountRow]:
        where, parameters = within_scope(scope, "i.tlp", _AGENCIES)
        with self._database.read() as connection:
            yield from _rows_as_now(connection, start, end, known_at, where, parameters)
            if known_at is not None:
                yield from _rows_as_known(connection, start, end, known_at, where, parameters)


def rebuild(database: Database) -> int:
    """Every summary is made anew from its entries; how many there are."""
    with database.write() as connection:
        identities = [row[0] for row in connection.execute("SELECT DISTINCT incident FROM entry ORDER BY incident")]
        for table in ("evidence", "involvement", "incident"):
            connection.execute(f"DELETE FROM {table}")  # noqa: S608
        for at in range(0, len(identities), CHUNK):
            for identity, entries in _entries(connection, identities[at : at + CHUNK]).items():
                _summarise(connection, folded(identity, entries), entries)
    return len(identities)


def _entries(connection: Connection, identities: Sequence[str]) -> dict[str, list[Entry]]:
    """The histories that are there, each in the order of its appending."""
    found: dict[str, list[Entry]] = {}
    names, asked = in_list(identities)
    statement = f"SELECT incident, body FROM entry WHERE incident IN ({names}) ORDER BY incident, position"  # noqa: S608
    for identity, body in connection.execute(statement, (asked,)):
        found.setdefault(identity, []).append(entry_from(orjson.loads(body)))
    return found


def _write(
    connection: Connection, incident: Incident, added: Sequence[Entry], position: int, entries: Sequence[Entry]
) -> None:
    """Appends the added entries, of which the first stands at `position`, and rewrites the summary of all of them."""
    connection.executemany(
        "INSERT INTO entry (incident, position, id, known_at, body) VALUES (?, ?, ?, ?, ?)",
        [
            (incident.id, at, entry.id, to_epoch_us(entry.known_at), orjson.dumps(entry_document(entry)))
            for at, entry in enumerate(added, position)
        ],
    )
    _summarise(connection, incident, entries)


def _summarise(connection: Connection, incident: Incident, entries: Sequence[Entry]) -> None:
    # Children first: the summary row is replaced, and they refer to it.
    connection.execute("DELETE FROM involvement WHERE incident = ?", (incident.id,))
    connection.execute("DELETE FROM evidence WHERE incident = ?", (incident.id,))
    connection.execute(
        _SUMMARY,
        (
            incident.id,
            incident.version,
            incident.key,
            str(incident.status),
            incident.category,
            str(incident.severity),
            incident.assignee,
            incident.tlp.rank,
            incident.counted,
            to_epoch_us(incident.first_at),
            to_epoch_us(incident.last_at),
            to_epoch_us(incident.opened_at),
            to_epoch_us(incident.changed_at),
            to_epoch_us(min(entry.known_at for entry in entries)),
            search_text(incident),
        ),
    )
    connection.executemany(
        "INSERT INTO involvement (incident, agency, role) VALUES (?, ?, ?)",
        [(incident.id, part.agency, str(part.role)) for part in incident.involvements],
    )
    connection.executemany(
        "INSERT INTO evidence (detection, incident) VALUES (?, ?)",
        [(part.detection, incident.id) for part in incident.evidence],
    )


def _conditions(query: IncidentQuery) -> tuple[str, list[object]]:
    """The WHERE of everything but the cursor, over `incident i`, and its parameters."""
    where, parameters = within_scope(query.scope, "i.tlp", _AGENCIES)
    parts: list[str] = [where]

    def add(condition: str, *values: object) -> None:
        parts.append(condition)
        parameters.extend(values)

    for column, names in (("i.status", query.statuses), ("i.category", query.categories)):
        if names is not None:
            wanted, asked = in_list(names)
            add(f"{column} IN ({wanted})", asked)
    if query.agency is not None:
        add("EXISTS (SELECT 1 FROM involvement o WHERE o.incident = i.id AND o.agency = ?)", query.agency)
    if query.assignee is not None:
        add("i.assignee = ?", query.assignee)
    if query.key is not None:
        add("i.key = ?", query.key)
    if query.detection is not None:
        add("i.id IN (SELECT e.incident FROM evidence e WHERE e.detection = ?)", query.detection)
    for word in search_words(query.text):
        add("instr(i.text, ?) > 0", word)
    if query.last_from is not None:
        add("i.last_at >= ?", to_epoch_us(query.last_from))
    if query.first_until is not None:
        add("i.first_at < ?", to_epoch_us(query.first_until))
    if query.changed_from is not None:
        add("i.changed_at >= ?", to_epoch_us(query.changed_from))
    if query.opened_until is not None:
        add("i.opened_at < ?", to_epoch_us(query.opened_until))
    return " AND ".join(parts), parameters


def _rows_as_now(
    connection: Connection,
    start: datetime,
    end: datetime,
    known_at: datetime | None,
    where: str,
    parameters: Sequence[object],
) -> Iterator[CountRow]:
    """From the summaries, which also hold for an earlier instant where nothing was learned since."""
    unchanged = "" if known_at is None else "AND i.changed_at <= ?"
    statement = f"""SELECT i.id, i.first_at, i.opened_at, i.category, i.severity, i.counted,
            (SELECT json_group_array(json_array(o.agency, o.role)) FROM involvement o WHERE o.incident = i.id)
        FROM incident i WHERE i.first_at >= ? AND i.first_at < ? {unchanged} AND {where}"""  # noqa: S608
    bounds = [to_epoch_us(instant) for instant in (start, end, known_at) if instant is not None]
    for identity, first, opened, category, severity, counted, involved in connection.execute(
        statement, (*bounds, *parameters)
    ):
        yield CountRow(
            incident=identity,
            occurred_at=from_epoch_us(first),
            known_at=from_epoch_us(opened),
            category=category,
            severity=severity,
            counted=bool(counted),
            involvements=tuple(sorted(Involvement(agency, Role(role)) for agency, role in orjson.loads(involved))),
        )


def _rows_as_known(
    connection: Connection,
    start: datetime,
    end: datetime,
    known_at: datetime,
    where: str,
    parameters: Sequence[object],
) -> Iterator[CountRow]:
    """From the histories that were known of at the instant and have changed since."""
    instant = to_epoch_us(known_at)
    statement = f"SELECT i.id FROM incident i WHERE i.known_from <= ? AND i.changed_at > ? AND {where}"  # noqa: S608
    identities = [row[0] for row in connection.execute(statement, (instant, instant, *parameters))]
    for at in range(0, len(identities), CHUNK):
        yield from _folded_rows(_entries(connection, identities[at : at + CHUNK]), start, end, known_at)


def _folded_rows(
    histories: Mapping[str, Sequence[Entry]], start: datetime, end: datetime, known_at: datetime
) -> Iterator[CountRow]:
    for identity, entries in histories.items():
        incident = fold(identity, entries, known_at=known_at)
        if incident is not None and start <= incident.first_at < end:
            yield count_row(incident)
