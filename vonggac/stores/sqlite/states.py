"""What incidents counted as, and from when until when they were known so: a row for each state, in the order of time.

Facts, parties and agencies stand in tables of their own, each once; a state holds their numbers. So a count of any
period as known at any instant reads one stretch of small rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence, Set
from datetime import datetime
from fractions import Fraction
from math import ceil
from typing import TypeVar

import numpy as np
import orjson
from numpy.typing import NDArray

from vonggac.domain.access import EVERYTHING
from vonggac.domain.states import Agencies, Facts, Span, State, agencies_of
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.ports import StateQuery
from vonggac.stores.histories import (
    agencies_text,
    each_agencies_from,
    facts_from,
    facts_text,
    parties_from,
    parties_text,
)
from vonggac.stores.sqlite.connection import Connection, Database
from vonggac.stores.sqlite.filters import within_scope

Key = TypeVar("Key")

#: `until` of the state that is known now.
NOW = (1 << 63) - 1

#: A state names its agencies beside its parties: counting by roles too would take far more numbers.
TABLES_OF_AGENCIES = (
    "CREATE TABLE agencies (id INTEGER PRIMARY KEY, body TEXT NOT NULL UNIQUE)",
    """CREATE TABLE state (
        occurred_at INTEGER NOT NULL,
        incident INTEGER NOT NULL REFERENCES incident (seq),
        since INTEGER NOT NULL,
        until INTEGER NOT NULL,
        facts INTEGER NOT NULL REFERENCES facts (id),
        parties INTEGER NOT NULL REFERENCES parties (id),
        agencies INTEGER NOT NULL REFERENCES agencies (id),
        detect INTEGER,
        contain INTEGER,
        close INTEGER,
        PRIMARY KEY (occurred_at, incident, since)
    ) WITHOUT ROWID""",
    "CREATE INDEX state_incident ON state (incident)",
)

_INSERT = """INSERT INTO state (occurred_at, incident, since, until, facts, parties, agencies, detect, contain, close)
    VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"""
_ASKED = "SELECT {} FROM {} WHERE id IN (SELECT value FROM json_each(?))"
_VISIBLE = "EXISTS (SELECT 1 FROM involvement o WHERE o.incident = i.seq AND o.agency IN ({}))"


def write(connection: Connection, rows: Sequence[tuple[int, Sequence[State]]]) -> None:
    """Each incident, by its number in the store, has these states; it had none before."""
    parts = [_parts(state) for _, states in rows for state in states]
    numbers = [_numbered(connection, table, {part[at] for part in parts}) for at, table in enumerate(_PARTS)]
    named = iter([known[text] for known, text in zip(numbers, part, strict=True)] for part in parts)
    connection.executemany(_INSERT, [row for incident, states in rows for row in _rows(incident, states, named)])


#: What of a state stands in tables of their own.
_PARTS = ("facts", "parties", "agencies")


def _parts(state: State) -> tuple[str, str, str]:
    return facts_text(state.facts), parties_text(state.parties), agencies_text(state.agencies)


def _numbered(connection: Connection, table: str, texts: Set[str]) -> dict[str, int]:
    """The number of each text in its table, which has all of them then."""
    asked = (_listed(sorted(texts)),)
    insert = f"INSERT INTO {table} (body) SELECT value FROM json_each(?) WHERE true ON CONFLICT DO NOTHING"  # noqa: S608
    connection.execute(insert, asked)
    select = f"SELECT body, id FROM {table} WHERE body IN (SELECT value FROM json_each(?))"  # noqa: S608
    return dict(connection.execute(select, asked).fetchall())


def _rows(incident: int, states: Sequence[State], named: Iterator[Sequence[int]]) -> Iterator[tuple[int | None, ...]]:
    """`named` gives the numbers of each state's parts, in turn."""
    ends = [*(to_epoch_us(state.since) for state in states[1:]), NOW]
    for state, end in zip(states, ends, strict=True):
        spans = (state.spans.get(span) for span in Span)
        yield (to_epoch_us(state.occurred_at), incident, to_epoch_us(state.since), end, *next(named), *spans)


def of_incident(connection: Connection, incident: int) -> tuple[State, ...]:
    """The states of one incident, oldest first."""
    statement = """SELECT s.since, s.occurred_at, f.body, p.body, s.detect, s.contain, s.close
        FROM state s JOIN facts f ON f.id = s.facts JOIN parties p ON p.id = s.parties
        WHERE s.incident = ? ORDER BY s.since"""
    return tuple(
        State(
            from_epoch_us(since),
            from_epoch_us(occurred),
            facts_from(facts),
            parties_from(parties),
            {span: length for span, length in zip(Span, spans, strict=True) if length is not None},
        )
        for since, occurred, facts, parties, *spans in connection.execute(statement, (incident,))
    )


class SqliteTally:
    """`vonggac.ports.Tally` of states that were read once, in columns."""

    def __init__(self, database: Database, query: StateQuery, cuts: Sequence[datetime]) -> None:
        where, parameters = _conditions(query)
        columns = ["s.facts", "s.agencies", *(f"coalesce(s.{span}, -1)" for span in Span)]
        columns += ["s.occurred_at"] if cuts else []
        self._database = database
        with database.read() as connection:
            self._facts, self._agencies, *rest = _columns(connection, columns, where, parameters)
            self._known = {number: facts_from(body) for number, body in _bodies(connection, "facts", self._facts)}
        self._spans = dict(zip(Span, rest, strict=False))
        ends = [to_epoch_us(cut) for cut in cuts]
        slices = np.searchsorted(ends, rest[-1], side="right") if cuts else np.zeros(len(self._facts), np.int64)
        self._slices = [slices == at for at in range(len(cuts) + 1)]

    def facts(self) -> list[dict[Facts, int]]:
        return [_counted(self._known, self._facts[part]) for part in self._slices]

    def agencies(self, among: Set[Facts]) -> list[dict[Agencies, int]]:
        chosen = self._among(among)
        with self._database.read() as connection:
            known = _known_agencies(connection, self._agencies[chosen])
        return [_counted(known, self._agencies[chosen & part]) for part in self._slices]

    def quantiles(self, among: Set[Facts], shares: Sequence[Fraction]) -> dict[Span, tuple[int, tuple[int, ...]]]:
        chosen = self._among(among)
        return {span: _ranked(column[chosen & (column >= 0)], shares) for span, column in self._spans.items()}

    def _among(self, facts: Set[Facts]) -> NDArray[np.bool_]:
        return np.isin(self._facts, [number for number, each in self._known.items() if each in facts])


def _known_agencies(connection: Connection, numbers: NDArray[np.int64]) -> dict[int, Agencies]:
    """What each number that occurs stands for. There may be very many: they are read as one text."""
    columns = "group_concat(id), group_concat(body)"
    found, texts = connection.execute(_ASKED.format(columns, "agencies"), (_unique(numbers),)).fetchone()
    return dict(zip(_numbers(found).tolist(), each_agencies_from(texts or ""), strict=True))


def _columns(
    connection: Connection, columns: Sequence[str], where: str, parameters: Sequence[object]
) -> list[NDArray[np.int64]]:
    """Each column of whole numbers, rows in one order. As one text each they arrive three times as fast as in rows."""
    texts = ", ".join(f"group_concat({column})" for column in columns)
    (read,) = connection.execute(f"SELECT {texts} FROM state s WHERE {where}", parameters)  # noqa: S608
    return [_numbers(text) for text in read]


def _numbers(text: str | None) -> NDArray[np.int64]:
    return np.fromstring(text or "", np.int64, sep=",")


def _counted(known: Mapping[int, Key], numbers: NDArray[np.int64]) -> dict[Key, int]:
    """How often each number occurs, by what it stands for."""
    found, counts = np.unique(numbers, return_counts=True)
    return {known[number]: count for number, count in zip(found.tolist(), counts.tolist(), strict=True)}


def _ranked(lengths: NDArray[np.int64], shares: Sequence[Fraction]) -> tuple[int, tuple[int, ...]]:
    if not len(lengths):
        return 0, ()
    ranks = [max(0, ceil(share * len(lengths)) - 1) for share in shares]
    return len(lengths), tuple(np.partition(lengths, ranks)[ranks].tolist())


def _bodies(connection: Connection, table: str, numbers: NDArray[np.int64]) -> Iterator[tuple[int, str]]:
    """Each number that occurs, with what it stands for."""
    yield from connection.execute(_ASKED.format("id, body", table), (_unique(numbers),))


def _unique(numbers: NDArray[np.int64]) -> str:
    return orjson.dumps(np.unique(numbers), option=orjson.OPT_SERIALIZE_NUMPY).decode()


def changed(connection: Connection, query: StateQuery, since: datetime) -> list[str]:
    where, parameters = _within(query)
    learned = f"(s.since > ? OR s.until > ? AND s.until < {NOW})"
    numbers = f"SELECT s.incident FROM state s WHERE {where} AND {learned}"  # noqa: S608
    statement = f"SELECT id FROM incident WHERE seq IN ({numbers}) ORDER BY seq"  # noqa: S608
    return [row[0] for row in connection.execute(statement, (*parameters, *[to_epoch_us(since)] * 2))]


def places(
    connection: Connection,
    query: StateQuery,
    among: Set[Facts],
    agencies: Set[Agencies] | None,
    after: tuple[int, int] | None,
    limit: int,
) -> list[tuple[int, int, str, str, str]]:
    """The next states: when the incident occurred, its number in the store, its id, its facts and its parties."""
    where, parameters = _conditions(query, among)
    if agencies is not None:
        where += " AND s.agencies IN (SELECT id FROM agencies WHERE body IN (SELECT value FROM json_each(?)))"
        parameters = [*parameters, _listed(agencies_text(each) for each in agencies)]
    if after is not None:
        where += " AND (s.occurred_at, s.incident) > (?, ?)"
        parameters = [*parameters, *after]
    statement = f"""SELECT s.occurred_at, s.incident, i.id, f.body, p.body FROM state s
        JOIN incident i ON i.seq = s.incident JOIN facts f ON f.id = s.facts JOIN parties p ON p.id = s.parties
        WHERE {where} ORDER BY s.occurred_at, s.incident LIMIT ?"""  # noqa: S608
    return list(connection.execute(statement, (*parameters, limit)))


def _conditions(query: StateQuery, among: Set[Facts] | None = None) -> tuple[str, list[object]]:
    """The WHERE over `state s`, and its parameters."""
    within, parameters = _within(query)
    parts = [within]
    if query.known_at is None:
        parts.append(f"s.until = {NOW}")
    else:
        parts.append("s.since <= ? AND s.until > ?")
        parameters += [to_epoch_us(query.known_at)] * 2
    if among is not None:
        parts.append("s.facts IN (SELECT id FROM facts WHERE body IN (SELECT value FROM json_each(?)))")
        parameters.append(_listed(facts_text(facts) for facts in among))
    return " AND ".join(parts), parameters


def _within(query: StateQuery) -> tuple[str, list[object]]:
    """Whatever was known when. Who may see an incident is judged by what it is now."""
    where = "s.occurred_at >= ? AND s.occurred_at < ?"
    parameters: list[object] = [to_epoch_us(query.start), to_epoch_us(query.end)]
    if query.scope == EVERYTHING:
        return where, parameters
    visible, asked = within_scope(query.scope, "i.tlp", _VISIBLE)
    seen = f"EXISTS (SELECT 1 FROM incident i WHERE i.seq = s.incident AND {visible})"  # noqa: S608
    return f"{where} AND {seen}", [*parameters, *asked]


def _listed(texts: Iterable[str]) -> str:
    return orjson.dumps(list(texts)).decode()


def with_agencies(connection: Connection) -> None:
    """States that an older version wrote, without their agencies, have them."""
    if connection.execute("SELECT 1 FROM sqlite_schema WHERE name = 'agencies'").fetchone():
        return
    connection.execute("ALTER TABLE state RENAME TO state_before")
    connection.execute("DROP INDEX state_incident")
    for statement in TABLES_OF_AGENCIES:
        connection.execute(statement)
    connection.execute("CREATE TEMP TABLE of_parties (parties INTEGER PRIMARY KEY, agencies INTEGER NOT NULL)")
    rows = connection.execute("SELECT id, body FROM parties").fetchall()
    texts = {number: agencies_text(agencies_of(parties_from(body))) for number, body in rows}
    known = _numbered(connection, "agencies", set(texts.values()))
    found = [(number, known[text]) for number, text in texts.items()]
    connection.executemany("INSERT INTO of_parties VALUES (?, ?)", found)
    connection.execute(
        """INSERT INTO state
        SELECT occurred_at, incident, since, until, facts, parties, agencies, detect, contain, close
        FROM state_before JOIN of_parties USING (parties) ORDER BY occurred_at, incident, since"""
    )
    connection.execute("DROP TABLE state_before")
    connection.execute("DROP TABLE of_parties")
