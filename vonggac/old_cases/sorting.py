"""Rows of one incident may stand anywhere in a file: they are laid out on disk and read again by incident."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from datetime import datetime
from itertools import groupby
from operator import itemgetter
from types import TracebackType

import orjson

from vonggac.domain.incident import Status, incident_id
from vonggac.domain.times import from_epoch_us, to_epoch_us
from vonggac.old_cases.case import CAUSES, ROLES, SEVERITIES, OldCase

_AT_ONCE = 2_000
_CACHE_KB = 32_000


class Sorted:
    """Cases by incident; those of one incident by when they were recorded, then by what they say, then by line. So
    which comes first does not depend on their order in the file."""

    def __init__(self) -> None:
        self._database = sqlite3.connect("", isolation_level=None)  # in a file without a name, gone when it is closed
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute(f"PRAGMA cache_size = -{_CACHE_KB}")
        self._database.execute("CREATE TABLE row (incident TEXT, recorded INTEGER, said TEXT, line INTEGER)")
        self._database.execute("BEGIN")
        self._waiting: list[tuple[str, int, str, int]] = []

    def __enter__(self) -> Sorted:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._database.close()

    def add(self, case: OldCase) -> None:
        identity = incident_id("import", case.system, case.incident)
        self._waiting.append((identity, to_epoch_us(case.recorded_at), _said(case), case.line))
        if len(self._waiting) >= _AT_ONCE:
            self._lay_out()

    def _lay_out(self) -> None:
        self._database.executemany("INSERT INTO row VALUES (?, ?, ?, ?)", self._waiting)
        self._waiting.clear()

    def count(self) -> int:
        """How many incidents there are."""
        self._lay_out()
        return int(self._database.execute("SELECT count(DISTINCT incident) FROM row").fetchone()[0])

    def incidents(self) -> Iterator[tuple[str, list[OldCase]]]:
        """The id of each incident, and its cases."""
        self._lay_out()
        rows = self._database.execute("SELECT incident, recorded, said, line FROM row ORDER BY 1, 2, 3, 4")
        for identity, found in groupby(rows, itemgetter(0)):
            yield identity, [_case(recorded, said, line) for _, recorded, said, line in found]


def _said(case: OldCase) -> str:
    """The same text for cases that say the same, which `_case` reads back."""
    parts = (
        to_epoch_us(case.occurred_at),
        case.category,
        case.severity,
        case.test,
        case.cause,
        _us(case.contained_at),
        _us(case.closed_at),
        case.status,
        case.title,
        case.agency,
        case.role,
        case.system,
        case.incident,
    )
    return orjson.dumps(parts).decode()


def _us(instant: datetime | None) -> int | None:
    return None if instant is None else to_epoch_us(instant)


def _case(recorded: int, said: str, line: int) -> OldCase:
    occurred, category, severity, test, cause, contained, closed, status, title, agency, role, system, incident = (
        orjson.loads(said)
    )
    return OldCase(
        line=line,
        incident=incident,
        occurred_at=from_epoch_us(occurred),
        recorded_at=from_epoch_us(recorded),
        category=category,
        severity=SEVERITIES[severity],
        agency=agency,
        role=ROLES[role],
        title=title,
        system=system,
        test=test,
        cause=CAUSES[cause],
        contained_at=None if contained is None else from_epoch_us(contained),
        closed_at=None if closed is None else from_epoch_us(closed),
        status=Status(status),
    )
