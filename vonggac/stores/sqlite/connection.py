"""One SQLite file: a writer behind a lock, a pool of readers, and SQLite's errors as ours.

`pysqlite3` is used rather than Python's own module because it ships SQLite 3.53: Debian's 3.40 has the WAL-reset race
that was mended in 3.51.3 (docs/adr/0002).
"""

from __future__ import annotations

import fcntl
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from errno import EACCES, EDQUOT, EEXIST, ENOSPC, ENOTDIR, EPERM, EROFS
from pathlib import Path
from threading import Lock, RLock
from typing import Any

from pysqlite3 import dbapi2

from vonggac.errors import StoreUnavailable

Connection = Any  # pysqlite3 has no type stubs
#: Statements, and what SQL cannot say, in one transaction.
Migration = tuple[str | Callable[[Connection], None], ...]

BUSY_SECONDS = 20.0
#: Readers kept open for the next caller; more than this many at once are opened and closed again.
IDLE_READERS = 8
#: `PRAGMA user_version` of a partition that retention has dropped and another process may still have open.
RETIRED = -1

# Result codes, https://sqlite.org/rescode.html (primary code: the low byte)
_KEYS = {
    3: "store_not_writable",  # PERM
    5: "store_busy",
    6: "store_busy",  # LOCKED
    8: "store_not_writable",  # READONLY
    10: "store_io_error",
    11: "store_corrupt",
    13: "store_disk_full",
    14: "store_not_openable",  # CANTOPEN
    26: "store_not_a_database",
}
_OS_KEYS = {
    ENOSPC: "store_disk_full",
    EDQUOT: "store_disk_full",
    EACCES: "store_not_writable",
    EPERM: "store_not_writable",
    EROFS: "store_not_writable",
    EEXIST: "store_not_a_folder",
    ENOTDIR: "store_not_a_folder",
}


class Retired(StoreUnavailable):
    """The file was dropped by retention, or closed, since it was handed out; a partition can be opened anew."""


class Database:
    """One file, usable from any thread and beside other processes."""

    def __init__(self, path: Path, migrations: Sequence[Migration]) -> None:
        """Opens the file, making or upgrading it; call it under `folder_lock`. Raises StoreUnavailable, Retired."""
        self.path = path
        self._write_lock = RLock()
        self._pool_lock = Lock()
        self._idle: list[Connection] = []
        self._closed = False
        with translated(path):
            self._writer = _connect(path, create=True)
            try:
                _migrate(self._writer, path, migrations)
            except BaseException:
                self._writer.close()
                raise
            self.inode = path.stat().st_ino

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A snapshot that stays the same until the end of the block."""
        with translated(self.path):
            connection = self._checked_out()
            try:
                connection.execute("BEGIN")
                yield connection
            finally:
                if connection.in_transaction:
                    connection.execute("ROLLBACK")
                self._give_back(connection)

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is on disk when the block ends, and undone when the block raises. Raises Retired."""
        with self._write_lock, translated(self.path):
            if self._closed:
                raise Retired("store_closed", where=self.path)
            connection = self._writer
            connection.execute("BEGIN IMMEDIATE")
            try:
                if connection.execute("PRAGMA user_version").fetchone()[0] == RETIRED:
                    raise Retired("store_closed", where=self.path)
                yield connection
                connection.execute("COMMIT")
            except BaseException:
                if connection.in_transaction:  # SQLite has rolled back by itself when the disk is full
                    connection.execute("ROLLBACK")
                raise

    def close(self) -> None:
        """No connection of this object stays open, except those whose readers are still at work: they follow."""
        with self._write_lock, self._pool_lock:
            self._closed = True
            for connection in (*self._idle, self._writer):
                connection.close()
            self._idle.clear()

    def _checked_out(self) -> Connection:
        with self._pool_lock:
            if self._idle:
                return self._idle.pop()
        return _connect(self.path, create=False)

    def _give_back(self, connection: Connection) -> None:
        with self._pool_lock:
            if not self._closed and len(self._idle) < IDLE_READERS:
                self._idle.append(connection)
                return
        connection.close()


@contextmanager
def translated(path: Path) -> Iterator[None]:
    """Raises StoreUnavailable in place of what SQLite or the file system says when the store cannot be used.

    Errors that can only be our own mistakes (syntax, constraints) pass unchanged.
    """
    try:
        yield
    except dbapi2.Error as error:
        key = _KEYS.get(getattr(error, "sqlite_errorcode", 0) & 0xFF)
        if key is None:
            raise
        name = getattr(error, "sqlite_errorname", "")
        raise StoreUnavailable(key, where=path, detail=f"{name}: {error}") from error
    except OSError as error:
        key = _OS_KEYS.get(error.errno or 0, "store_io_error")
        raise StoreUnavailable(key, where=error.filename or path, detail=str(error)) from error


@contextmanager
def folder_lock(folder: Path) -> Iterator[None]:
    """Nobody else, in this process or another, opens, upgrades or drops files of the folder meanwhile."""
    with translated(folder), (folder / ".lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def retire(database: Database) -> None:
    """After it, no process adds anything more to the file."""
    with suppress(Retired), database.write() as connection:
        connection.execute(f"PRAGMA user_version = {RETIRED}")


def remove_files(path: Path) -> None:
    for suffix in ("", "-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)


def _connect(path: Path, *, create: bool) -> Connection:
    """A reader never makes the file: retention may just have removed it."""
    uri = f"{path.absolute().as_uri()}?mode={'rwc' if create else 'rw'}"
    connection = dbapi2.connect(uri, uri=True, timeout=BUSY_SECONDS, isolation_level=None, check_same_thread=False)
    try:
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA foreign_keys = ON")
        connection.execute("PRAGMA wal_autocheckpoint = 4000")  # pages: 16 MB of WAL, so that batches share checkpoints
        connection.execute(f"PRAGMA cache_size = {-64_000 if create else -2_000}")  # kB
    except BaseException:
        connection.close()
        raise
    return connection


def _migrate(connection: Connection, path: Path, migrations: Sequence[Migration]) -> None:
    """The file has the newest schema; each step is a transaction of its own. Raises StoreUnavailable when the file was
    written by a newer version of the program, Retired when retention was interrupted before it removed the file."""
    found = connection.execute("PRAGMA user_version").fetchone()[0]
    if found == RETIRED:
        raise Retired("store_closed", where=path)
    if found > len(migrations):
        raise StoreUnavailable("store_newer", where=path, found=found, known=len(migrations))
    for version in range(found + 1, len(migrations) + 1):
        connection.execute("BEGIN IMMEDIATE")
        try:
            for change in migrations[version - 1]:
                if isinstance(change, str):
                    connection.execute(change)
                else:
                    change(connection)
            connection.execute(f"PRAGMA user_version = {version}")
            connection.execute("COMMIT")
        except BaseException:
            if connection.in_transaction:
                connection.execute("ROLLBACK")
            raise
