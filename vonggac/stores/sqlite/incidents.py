"""Incidents: entries that are only ever appended, and what they come to for queries: a summary, and states for counts.

Summary and states are made of the entries (`domain.fold`, `domain.states`) and change with them in one transaction;
`rebuild` makes all of them again. Who may see an incident is judged by what it is now, also when it is asked for as it
was known earlier: what has been closed since stays closed.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence, Set
from datetime import datetime
from itertools import islice

import orjson

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.account import Refusal
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, Incident
from vonggac.domain.searching import search_text, search_words
from vonggac.domain.states import Agencies, Facts, State, followed
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.errors import NotFound, UsageRefused
from vonggac.ports import Added, Counted, IncidentQuery, Page, StateQuery
from vonggac.stores.histories import (
    entry_document,
    entry_from,
    facts_from,
    folded,
    new_entries,
    numbered,
    parties_from,
    readable,
    told,
)
from vonggac.stores.paging import Place, decode_cursor, page_of, page_size
from vonggac.stores.sqlite import states
from vonggac.stores.sqlite.connection import Connection, Database
from vonggac.stores.sqlite.filters import in_list, within_scope

_COLUMNS = (
    "id, number, version, key, status, category, severity, assignee, tlp, "
    "first_at, last_at, opened_at, changed_at, text"
)
_NEW = f"INSERT INTO incident (seq, {_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608
_CHANGED = f"UPDATE incident SET ({_COLUMNS}) = (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?) WHERE seq = ?"  # noqa: S608

#: Tables of what an incident has many of, and their columns.
_MEMBERS = (("involvement", "agency"), ("evidence", "detection"))

#: Histories read, or written in one transaction, at a time: others get their turn between.
CHUNK = 2_000

_AGENCIES = "EXISTS (SELECT 1 FROM involvement o WHERE o.incident = i.seq AND o.agency IN ({}))"


class SqliteIncidentStore:
    def __init__(self, database: Database) -> None:
        self._database = database

    def append(self, incident_id: str, entries: Sequence[Entry], *, expected_version: int | None = None) -> Incident:
        with self._database.write() as connection:
            present = _entries(connection, [incident_id]).get(incident_id, [])
            added = new_entries(incident_id, present, entries, expected_version)
            if added and not present:
                counter = _Counter(connection)
                added = numbered(added, counter.next)
                counter.close()
            if not added:
                return folded(incident_id, present)
            writer = _Writer(connection)
            incident = writer.append(incident_id, present, added)
            writer.flush()
            return incident

    def load(self, histories: Iterable[tuple[str, Sequence[Entry]]]) -> Added:
        created = duplicates = 0
        refused: list[Refusal] = []
        placed = enumerate(histories)
        while chunk := list(islice(placed, CHUNK)):
            with self._database.write() as connection:
                present = _entries(connection, [identity for _, (identity, _) in chunk])
                writer, counter = _Writer(connection), _Counter(connection)
                for offset, (identity, entries) in chunk:
                    before = present.get(identity, [])
                    try:
                        added = new_entries(identity, before, entries, None)
                        if not added:
                            duplicates += 1
                            continue
                        if not before:
                            added = numbered(added, counter.next)
                        writer.append(identity, before, added)
                    except UsageRefused as error:
                        refused.append(Refusal(identity, offset, str(error)))
                        continue
                    present[identity] = [*before, *added]
                    created += 1
                writer.flush()
                counter.close()
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

    def histories(self, incident_ids: Sequence[str]) -> dict[str, tuple[Entry, ...]]:
        with self._database.read() as connection:
            return {identity: tuple(entries) for identity, entries in _entries(connection, incident_ids).items()}

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

    def tally(self, query: StateQuery, cuts: Sequence[datetime] = ()) -> states.SqliteTally:
        return states.SqliteTally(self._database, query, cuts)

    def changed(self, query: StateQuery, since: datetime) -> Iterator[str]:
        with self._database.read() as connection:
            found = states.changed(connection, query, since)
        yield from found

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
        place = (after[0], int(after[1])) if after else None
        with self._database.read() as connection:
            page = page_of(
                states.places(connection, query, among, agencies, place, size + 1),
                size,
                lambda found: (found[0], str(found[1])),
            )
        return Page(
            tuple(
                Counted(identity, from_epoch_us(occurred), facts_from(facts), parties_from(parties))
                for occurred, _, identity, facts, parties in page.items
            ),
            page.next,
        )


def number_and_summarise(connection: Connection) -> None:
    """Every opening gets a readable number, in the order in which we learned of them; then all summaries are made anew
    from the entries."""
    counter = _Counter(connection)
    openings = connection.execute("SELECT incident, body FROM entry WHERE position = 0 ORDER BY known_at, incident")
    for identity, body in openings.fetchall():
        (opening,) = numbered([entry_from(orjson.loads(body))], counter.next)
        update = "UPDATE entry SET body = ? WHERE incident = ? AND position = 0"
        connection.execute(update, (orjson.dumps(entry_document(opening)), identity))
    counter.close()
    rebuild(connection)


def rebuild(connection: Connection) -> int:
    """Every summary and state is made anew from its entries; how many incidents there are."""
    identities = [row[0] for row in connection.execute("SELECT DISTINCT incident FROM entry ORDER BY incident")]
    for table in ("state", "evidence", "involvement", "incident", "facts", "parties", "agencies"):
        connection.execute(f"DELETE FROM {table}")  # noqa: S608
    writer = _Writer(connection)
    for at in range(0, len(identities), CHUNK):
        for identity, entries in _entries(connection, identities[at : at + CHUNK]).items():
            writer.summarise(*told(identity, entries))
        writer.flush()
    return len(identities)


class _Counter:
    """Gives readable numbers, each once; `close` says in the store how many were given."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last: dict[int, int] = {}

    def next(self, year: int) -> str:
        if year not in self._last:
            row = self._connection.execute("SELECT last FROM number WHERE year = ?", (year,)).fetchone()
            self._last[year] = row[0] if row else 0
        self._last[year] += 1
        return readable(year, self._last[year])

    def close(self) -> None:
        statement = "INSERT OR REPLACE INTO number (year, last) VALUES (?, ?)"
        self._connection.executemany(statement, self._last.items())


class _Writer:
    """Writes entries and what they come to in one transaction: new incidents together, with `flush`."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._last = int(connection.execute("SELECT coalesce(max(seq), 0) FROM incident").fetchone()[0])
        self._entries: list[tuple[object, ...]] = []
        self._summaries: list[tuple[object, ...]] = []
        self._members: dict[str, list[tuple[int, str]]] = {table: [] for table, _ in _MEMBERS}
        self._states: list[tuple[int, Sequence[State]]] = []

    def append(self, identity: str, present: Sequence[Entry], added: Sequence[Entry]) -> Incident:
        """The incident of all entries, those present and those added to them. Raises UsageRefused; then nothing of it
        is written."""
        if present:
            incident = folded(identity, (*present, *added))
        else:
            incident, states = told(identity, added)
            self.summarise(incident, states)
        self._entries += [
            (identity, at, entry.id, to_epoch_us(entry.known_at), orjson.dumps(entry_document(entry)))
            for at, entry in enumerate(added, len(present))
        ]
        if present:
            self.flush()
            self._change(incident, present, added)
        return incident

    def summarise(self, incident: Incident, states: Sequence[State]) -> None:
        """The summary and the states of an incident that had none."""
        self._last += 1
        self._summaries.append((self._last, *_summary(incident)))
        for table, members in _members(incident):
            self._members[table] += [(self._last, member) for member in members]
        self._states.append((self._last, states))

    def flush(self) -> None:
        """What was given so far is written."""
        many = self._connection.executemany
        many("INSERT INTO entry (incident, position, id, known_at, body) VALUES (?, ?, ?, ?, ?)", self._entries)
        many(_NEW, self._summaries)
        for table, column in _MEMBERS:
            many(f"INSERT INTO {table} (incident, {column}) VALUES (?, ?)", self._members[table])  # noqa: S608
            self._members[table].clear()
        states.write(self._connection, self._states)
        for written in (self._entries, self._summaries, self._states):
            written.clear()

    def _change(self, incident: Incident, present: Sequence[Entry], added: Sequence[Entry]) -> None:
        execute = self._connection.execute
        seq = int(execute("SELECT seq FROM incident WHERE id = ?", (incident.id,)).fetchone()[0])
        execute(_CHANGED, (*_summary(incident), seq))
        self._name_members(seq, incident)
        before = states.of_incident(self._connection, seq)
        after = followed(before, incident, added) or told(incident.id, (*present, *added))[1]
        if after != before:
            execute("DELETE FROM state WHERE incident = ?", (seq,))
            states.write(self._connection, [(seq, after)])

    def _name_members(self, seq: int, incident: Incident) -> None:
        columns = dict(_MEMBERS)
        for table, members in _members(incident):
            column = columns[table]
            select = f"SELECT {column} FROM {table} WHERE incident = ?"  # noqa: S608
            named = {row[0] for row in self._connection.execute(select, (seq,))}
            insert = f"INSERT INTO {table} (incident, {column}) VALUES (?, ?)"  # noqa: S608
            self._connection.executemany(insert, [(seq, member) for member in members - named])
            delete = f"DELETE FROM {table} WHERE incident = ? AND {column} = ?"  # noqa: S608
            self._connection.executemany(delete, [(seq, member) for member in named - members])


def _members(incident: Incident) -> tuple[tuple[str, Set[str]], ...]:
    """What stands of the incident in each of the tables of _MEMBERS."""
    return ("involvement", incident.agencies), ("evidence", {part.detection for part in incident.evidence})


def _summary(incident: Incident) -> tuple[object, ...]:
    """The values of _COLUMNS."""
    return (
        incident.id,
        incident.number,
        incident.version,
        incident.key,
        str(incident.status),
        incident.category,
        str(incident.severity),
        incident.assignee,
        incident.tlp.rank,
        to_epoch_us(incident.first_at),
        to_epoch_us(incident.last_at),
        to_epoch_us(incident.opened_at),
        to_epoch_us(incident.changed_at),
        search_text(incident),
    )


def _entries(connection: Connection, identities: Sequence[str]) -> dict[str, list[Entry]]:
    """The histories that are there, each in the order of its appending."""
    found: dict[str, list[Entry]] = {}
    names, asked = in_list(identities)
    statement = f"SELECT incident, body FROM entry WHERE incident IN ({names}) ORDER BY incident, position"  # noqa: S608
    for identity, body in connection.execute(statement, (asked,)):
        found.setdefault(identity, []).append(entry_from(orjson.loads(body)))
    return found


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
        add("EXISTS (SELECT 1 FROM involvement o WHERE o.incident = i.seq AND o.agency = ?)", query.agency)
    if query.assignee is not None:
        add("i.assignee = ?", query.assignee)
    if query.key is not None:
        add("i.key = ? AND i.key <> ''" if query.key else "i.key = ?", query.key)
    if query.number is not None:
        add("i.number = ?", query.number)
    if query.detection is not None:
        add("i.seq IN (SELECT e.incident FROM evidence e WHERE e.detection = ?)", query.detection)
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
