"""Events taken into the embedded store, against the same documents in plain SQLite tables."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Sequence
from contextlib import closing
from pathlib import Path

import orjson
from pysqlite3 import dbapi2

from tests.bench.hunt import BATCH, events
from vonggac.domain.event import Document, observables
from vonggac.stores.sqlite import open_sqlite

EVENTS = 200_000

_BODIES = ("CREATE TABLE document (seq INTEGER PRIMARY KEY, body BLOB NOT NULL)",)
_INDEXED = (
    "CREATE TABLE document (seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, time TEXT NOT NULL, body BLOB NOT NULL)",
    "CREATE INDEX document_time ON document (time)",
    "CREATE TABLE value (value TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (value, seq)) WITHOUT ROWID",
)


def intake(
    interleaved: Callable[[dict[str, Callable[[], int]]], dict[str, tuple[float, int]]],
    show: Callable[[str, str, dict[str, tuple[float, int]], str], None],
) -> None:
    batches = [events(BATCH, first) for first in range(0, EVENTS, BATCH)]

    def measured(take: Callable[[Path, Sequence[list[Document]]], None]) -> Callable[[], int]:
        def run() -> int:
            with tempfile.TemporaryDirectory() as folder:
                take(Path(folder), batches)
            return EVENTS

        return run

    work = {
        "ours": measured(_ours),
        "plain, the same look-ups": measured(_indexed),
        "plain, bodies alone": measured(_bodies),
    }
    show(f"intake of {EVENTS:,} events in batches of {BATCH:,}", "events", interleaved(work), "ours")


def _ours(folder: Path, batches: Sequence[list[Document]]) -> None:
    with closing(open_sqlite(folder)) as store:
        for batch in batches:
            store.events.add_events(batch)


def _indexed(folder: Path, batches: Sequence[list[Document]]) -> None:
    """Duplicates told by the id, times and values looked up by index; nothing is checked or brought into one form."""
    with closing(_database(folder, _INDEXED)) as database:
        seq = 0
        for batch in batches:
            numbered = list(enumerate(batch, seq + 1))
            database.execute("BEGIN IMMEDIATE")
            database.executemany(
                "INSERT OR IGNORE INTO document VALUES (?, ?, ?, ?)",
                ((number, one["event"]["id"], one["@timestamp"], orjson.dumps(one)) for number, one in numbered),
            )
            database.executemany(
                "INSERT OR IGNORE INTO value VALUES (?, ?)",
                sorted((value, number) for number, one in numbered for _, value in observables(one)),
            )
            database.execute("COMMIT")
            seq += len(batch)


def _bodies(folder: Path, batches: Sequence[list[Document]]) -> None:
    with closing(_database(folder, _BODIES)) as database:
        for batch in batches:
            database.execute("BEGIN IMMEDIATE")
            database.executemany("INSERT INTO document (body) VALUES (?)", ((orjson.dumps(one),) for one in batch))
            database.execute("COMMIT")


def _database(folder: Path, schema: Sequence[str]) -> dbapi2.Connection:
    database = dbapi2.connect(str(folder / "plain.db"), isolation_level=None)
    for statement in ("PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL", "PRAGMA cache_size = -64000", *schema):
        database.execute(statement)
    return database
