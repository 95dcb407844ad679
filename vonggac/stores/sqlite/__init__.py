"""The embedded store: a folder with `vonggac.db`, `detections.db` and one file of events for each month."""

from __future__ import annotations

import os
import shutil
from pathlib import Path

from pysqlite3 import dbapi2

from vonggac.errors import StoreUnavailable
from vonggac.stores.sqlite.connection import Database, folder_lock, translated
from vonggac.stores.sqlite.documents import DocumentFile
from vonggac.stores.sqlite.events import Partitions, SqliteEventStore
from vonggac.stores.sqlite.feeds import SqliteFeedStore
from vonggac.stores.sqlite.incidents import SqliteIncidentStore
from vonggac.stores.sqlite.records import SqliteRecordStore
from vonggac.stores.sqlite.schema import DOCUMENTS, MAIN

#: With less room than this the next batch could fail halfway: say so before.
FREE_BYTES_MIN = 16 * 1024 * 1024


def open_sqlite(folder: Path) -> SqliteStore:
    """The store in that folder, made when it is not there. Raises StoreUnavailable."""
    events = folder / "events"
    with translated(folder):
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        events.mkdir(mode=0o700, exist_ok=True)
    with folder_lock(folder):
        main = Database(folder / "vonggac.db", MAIN)
        try:
            detections = DocumentFile(folder / "detections.db", DOCUMENTS)
        except BaseException:
            main.close()
            raise
    return SqliteStore(folder, main, detections, Partitions(events))


class SqliteStore:
    """`vonggac.ports.Store` in a folder."""

    def __init__(self, folder: Path, main: Database, detections: DocumentFile, partitions: Partitions) -> None:
        self._folder = folder
        self._main = main
        self._detections = detections
        self._partitions = partitions
        self.events = SqliteEventStore(partitions, detections)
        self.incidents = SqliteIncidentStore(main)
        self.feeds = SqliteFeedStore(main)
        self.records = SqliteRecordStore(main)

    def describe(self) -> str:
        return f"SQLite {dbapi2.sqlite_version}, {self._folder}"

    def check(self) -> None:
        with translated(self._folder):
            free = shutil.disk_usage(self._folder).free
        if free < FREE_BYTES_MIN:
            raise StoreUnavailable("store_disk_full", where=self._folder, detail=f"{free} bytes free")
        if not os.access(self._folder, os.W_OK):
            raise StoreUnavailable("store_not_writable", where=self._folder)
        for database in (self._main, self._detections):
            with database.read() as connection:
                connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()

    def close(self) -> None:
        self._partitions.close()
        self._detections.close()
        self._main.close()
