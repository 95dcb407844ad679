"""Statistics over a store: loading old cases with both clocks, comparing periods, keeping snapshots."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from pathlib import Path
from typing import Any

from vonggac.directory import definitions as load_definitions
from vonggac.domain import stats
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.definitions import Definitions
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Entry, EntryKind, Role, entry_id, incident_id
from vonggac.domain.stats import By, Comparison, CountRow
from vonggac.domain.text import nfc
from vonggac.domain.times import Period, format_instant, parse_period, parse_record_time
from vonggac.errors import InvalidRecord, UsageRefused
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


# --- old cases ---------------------------------------------------------------------------------------------------


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


# --- comparing ---------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Question:
    """What `stats compare` was asked, whole: the same question of the same records has the same answer."""

    period: Period
    against: Period
    by: By = By.CATEGORY
    known_at: datetime | None = None
    definitions: str | None = None
    units: str = "as-then"


def ask(
    period: str,
    against: str = "previous-year",
    by: str = "category",
    known_at: str | None = None,
    definitions: str | None = None,
) -> Question:
    """The question that these texts put. Raises UsageRefused that names the one which is wrong."""
    try:
        current = parse_period(period)
    except ValueError as error:
        raise UsageRefused("bad_period", text=period, reason=error) from error
    try:
        previous = current.year_before() if against == "previous-year" else parse_period(against)
    except ValueError as error:
        raise UsageRefused("bad_period", text=against, reason=error) from error
    try:
        instant = parse_record_time(known_at) if known_at else None
    except ValueError as error:
        raise UsageRefused("bad_time", text=known_at) from error
    return Question(current, previous, By(by), instant, definitions)


@dataclass(frozen=True, slots=True)
class Answer:
    question: Question
    definitions: Definitions
    comparison: Comparison


def answer(store: IncidentStore, directory: Directory, question: Question, *, scope: Scope = EVERYTHING) -> Answer:
    """The comparison that the store's records give within a scope."""
    terms = load_definitions(question.definitions)
    now, then = (_rows(store, period, question, scope, terms) for period in (question.period, question.against))
    comparison = stats.compare(
        now,
        then,
        question.by,
        years=question.period.days / question.against.days,
        level_of=lambda code: _level(directory, code),
    )
    return Answer(question, terms, comparison)


def _rows(
    store: IncidentStore, period: Period, question: Question, scope: Scope, terms: Definitions
) -> Iterator[CountRow]:
    for row in store.count_rows(period.start, period.end, scope=scope, known_at=question.known_at):
        category = terms.categories.get(row.category)
        yield row if category is None or category.counted else replace(row, counted=False)


def _level(directory: Directory, code: str) -> str:
    unit = directory.latest(code)
    return str(unit.level) if unit else "unknown"


def answer_data(found: Answer, directory: Directory, lang: str) -> dict[str, Any]:
    """The contract's JSON of `stats compare`."""
    question, comparison = found.question, found.comparison
    total = stats.as_json(comparison.total, "")
    del total["key"], total["label"]
    interval = comparison.ci95
    body: dict[str, Any] = {
        "period": _period_data(question.period),
        "against": _period_data(question.against),
        "known_at": format_instant(question.known_at) if question.known_at else None,
        "definitions": found.definitions.id,
        "units": question.units,
        "by": str(question.by),
        "total": {
            **total,
            "rate_ratio": comparison.total.rate_ratio,
            "ci95": [_finite(bound) for bound in interval] if interval else None,
            "coverage": {"current": comparison.coverage.current, "previous": comparison.coverage.previous},
            "verdict": str(comparison.verdict),
        },
        "rows": [
            stats.as_json(row, label(row.key, question.by, found.definitions, directory, lang))
            for row in comparison.rows
        ],
        "overlap": dict(comparison.overlap),
    }
    body["digest"] = digest(body)
    return body


def digest(body: Mapping[str, Any]) -> str:
    """SHA-256 over the answer's figures in canonical JSON, labels left out so that both languages give the same."""
    figures = {**body, "rows": [{k: v for k, v in row.items() if k != "label"} for row in body["rows"]]}
    figures.pop("digest", None)
    text = json.dumps(figures, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return sha256(text.encode()).hexdigest()


def label(key: str, by: By, terms: Definitions, directory: Directory, lang: str) -> str:
    """How a row is called for people."""
    if by is By.CATEGORY:
        return terms.label(key, lang)
    if by is By.AGENCY:
        unit = directory.latest(key)
        if unit is not None:
            return unit.name_en if lang == "en" and unit.name_en else unit.name
    return key


def _period_data(period: Period) -> dict[str, str]:
    return {"start": format_instant(period.start), "end": format_instant(period.end), "text": period.text}


def _finite(bound: float) -> float | None:
    return bound if bound != float("inf") else None


def as_csv(body: Mapping[str, Any]) -> str:
    """The table as CSV with a total line and the overlap line; cells that a spreadsheet would run are quoted off."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("key", "label", "current", "previous", "change_percent"))
    lines: list[Iterable[Any]] = [
        (row["key"], row["label"], row["current"], row["previous"], row["change_percent"]) for row in body["rows"]
    ]
    total, overlap = body["total"], body["overlap"]
    lines.append(("total", "", total["current"], total["previous"], total["change_percent"]))
    lines.append(("overlap", "", overlap["current"], overlap["previous"], None))
    for line in lines:
        writer.writerow(["" if cell is None else _inert(cell) for cell in line])
    return out.getvalue()


def _inert(cell: Any) -> Any:
    return "'" + cell if isinstance(cell, str) and cell[:1] in tuple("=+-@\t\r") else cell


def percent_text(row: Mapping[str, Any], lang: str) -> str:
    """`−51.4 %` in English, `−51,4 %` in Vietnamese; a dash where there is none. From the two counts, never a float."""
    if not row["previous"]:
        return "–"
    rounded = stats.print_percent(stats.Change("", row["current"], row["previous"]).change)
    sign = "−" if rounded is not None and rounded < 0 else "+" if rounded else ""
    text = f"{abs(rounded or 0):,}".replace(",", "\u202f")
    return f"{sign}{text.replace('.', ',') if lang == 'vi' else text} %"
