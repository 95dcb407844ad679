"""Old cases with both clocks: a CSV of involvements becomes incidents with histories of their own."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

from vonggac.domain.definitions import Definitions
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Entry, EntryKind, Role, entry_id, incident_id
from vonggac.domain.text import nfc
from vonggac.domain.times import parse_record_time
from vonggac.errors import InvalidRecord
from vonggac.ports import IncidentStore
from vonggac.tables import RowRefused, csv_rows

IMPORT_COLUMNS = (
    "incident_id",
    "occurred_at",
    "recorded_at",
    "category",
    "severity",
    "agency_code",
    "role",
    "title",
    "source_system",
    "test",
)


@dataclass(frozen=True, slots=True)
class OldCase:
    """One row of the contract's CSV: one involvement of one incident."""

    line: int
    incident: str
    occurred_at: datetime
    recorded_at: datetime
    category: str
    severity: Severity
    agency: str
    role: Role
    title: str
    system: str
    test: bool


def read_cases(path: Path, terms: Definitions) -> Iterator[OldCase | InvalidRecord]:
    """Each row as a case or as the reason it is refused. Raises UnknownInput when the file is no such CSV."""
    return csv_rows(path, IMPORT_COLUMNS, lambda row, line: _case(row, line, terms))


def _case(row: Mapping[str, Any], line: int, terms: Definitions) -> OldCase:
    """Raises RowRefused that names the cell."""
    if None in row:
        raise RowRefused("row_too_long")
    cells = {name: nfc((row[name] or "").strip()) for name in IMPORT_COLUMNS}
    for column in ("incident_id", "agency_code"):
        if not cells[column]:
            raise RowRefused("row_empty", column=column)
    cells["test"] = cells["test"].lower()
    category = _one_of(cells, "category", terms.categories)
    test = _one_of(cells, "test", ("true", "false")) == "true"
    severity, role = Severity(_one_of(cells, "severity", Severity)), Role(_one_of(cells, "role", Role))
    occurred, recorded = _when(cells, "occurred_at"), _when(cells, "recorded_at")
    if recorded < occurred:
        raise RowRefused("row_clocks")
    return OldCase(
        line=line,
        incident=cells["incident_id"],
        occurred_at=occurred,
        recorded_at=recorded,
        category=category,
        severity=severity,
        agency=cells["agency_code"],
        role=role,
        title=cells["title"],
        system=cells["source_system"],
        test=test or not terms.categories[category].counted,
    )


def _one_of(cells: Mapping[str, str], column: str, known: Iterable[str]) -> str:
    names = list(known)
    if cells[column] not in names:
        raise RowRefused("row_value", column=column, value=cells[column], wanted=", ".join(names))
    return cells[column]


def _when(cells: Mapping[str, str], column: str) -> datetime:
    try:
        return parse_record_time(cells[column])
    except ValueError as error:
        wanted = "RFC 3339, dd/mm/yyyy[ hh:mm]"
        raise RowRefused("row_value", column=column, value=cells[column], wanted=wanted) from error


@dataclass(frozen=True, slots=True)
class Imported:
    """Rows taken = rows loaded + rows refused; incidents = created + there already."""

    rows: int
    incidents_new: int
    incidents_known: int
    refused: tuple[InvalidRecord, ...]


def import_cases(store: IncidentStore, path: Path, terms: Definitions) -> Imported:
    """The CSV's incidents stand in the store, each with all its involvements; a second time changes nothing.

    A row that contradicts the first row of its incident (another time, category or severity) is refused.
    """
    first: dict[str, OldCase] = {}
    entries: dict[str, dict[str, Entry]] = {}
    refused: list[InvalidRecord] = []
    rows = 0
    for found in read_cases(path, terms):
        rows += 1
        if isinstance(found, InvalidRecord):
            refused.append(found)
            continue
        identity = incident_id("import", found.system, found.incident)
        opener = first.setdefault(identity, found)
        clash = _clash(opener, found)
        if clash:
            refused.append(InvalidRecord("row_clash", location=path, line=found.line, column=clash, first=opener.line))
            continue
        history = entries.setdefault(identity, {})
        for entry in _entries(identity, opener, found):
            history.setdefault(entry.id, entry)
    added = store.load((identity, tuple(history.values())) for identity, history in entries.items())
    late = [InvalidRecord("bad_row", location=path, line=0, reason=fault.reason) for fault in added.refused]
    return Imported(rows, added.created, added.duplicates, (*refused, *late))


def _clash(opener: OldCase, row: OldCase) -> str:
    """The column in which a row contradicts the first of its incident; empty when it does not."""
    columns = ("occurred_at", "category", "severity", "test")
    return next((name for name in columns if getattr(opener, name) != getattr(row, name)), "")


def _entries(identity: str, opener: OldCase, row: OldCase) -> tuple[Entry, Entry]:
    actor = f"import:{row.system}" if row.system else "import"
    opened = {
        "title": opener.title,
        "title_vi": opener.title,
        "category": opener.category,
        "severity": str(opener.severity),
        "status": "closed",
        "test": opener.test,
        "origin": f"{opener.system}/{opener.incident}",
    }
    involved = {"agency": row.agency, "role": str(row.role)}
    return (
        Entry(entry_id(identity, "opened"), EntryKind.OPENED, opener.occurred_at, opener.recorded_at, actor, opened),
        Entry(
            entry_id(identity, "involved", row.agency, row.role),
            EntryKind.INVOLVED,
            row.occurred_at,
            row.recorded_at,
            actor,
            involved,
        ),
    )
