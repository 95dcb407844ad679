"""One involvement of one old case, read from named cells: those of the contract's CSV, or of a JSON object."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import lru_cache
from typing import TypeVar

from vonggac.domain.definitions import Definitions
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Cause, Role, Status
from vonggac.domain.text import nfc
from vonggac.domain.times import parse_record_time
from vonggac.tables import RowRefused

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
#: A file may have these too; an empty cell says nothing.
OPTIONAL_COLUMNS = ("cause", "contained_at", "closed_at")
COLUMNS = (*IMPORT_COLUMNS, *OPTIONAL_COLUMNS)

T = TypeVar("T")

_TIMES = "RFC 3339, dd/mm/yyyy[ hh:mm]"
#: By what a file calls them.
SEVERITIES = {str(each): each for each in Severity}
ROLES = {str(each): each for each in Role}
CAUSES = {str(each): each for each in Cause}
_TRUTHS = {"true": True, "false": False}


@dataclass(frozen=True, slots=True)
class OldCase:
    """`line` is where the file says it. `closed_at` and `contained_at` are None where nothing is said of them."""

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
    cause: Cause = Cause.ATTACK
    contained_at: datetime | None = None
    closed_at: datetime | None = None
    status: Status = Status.CLOSED


@dataclass(frozen=True, slots=True)
class Terms:
    """What rows are read by: the definitions in force, and the instant after which nothing can have been recorded
    (None: rows of any time are taken)."""

    definitions: Definitions
    now: datetime | None = None
    categories: Mapping[str, bool] = field(init=False)

    def __post_init__(self) -> None:
        counted = {key: category.counted for key, category in self.definitions.categories.items()}
        object.__setattr__(self, "categories", counted)


def case_from(cells: Mapping[str, str], line: int, terms: Terms, status: Status = Status.CLOSED) -> OldCase:
    """The case that the cells tell of; those of OPTIONAL_COLUMNS may be missing. Raises RowRefused that names the
    cell."""
    for column, value in cells.items():
        if "\0" in value:
            raise RowRefused("row_nul", column=column)
    for column in ("incident_id", "agency_code"):
        if not cells[column]:
            raise RowRefused("row_empty", column=column)
    category = cells["category"]
    if category not in terms.categories:
        raise _unknown(cells, "category", terms.categories)
    occurred, recorded = _when(cells, "occurred_at"), _when(cells, "recorded_at")
    if recorded < occurred:
        raise RowRefused("row_clocks")
    if terms.now is not None and recorded > terms.now:
        raise RowRefused("row_future", value=cells["recorded_at"])
    contained, closed = _end(cells, "contained_at", occurred, terms), _end(cells, "closed_at", occurred, terms)
    if contained is not None and closed is not None and closed < contained:
        raise RowRefused("row_ends", later="contained_at", earlier="closed_at")
    return OldCase(
        line=line,
        incident=cells["incident_id"],
        occurred_at=occurred,
        recorded_at=recorded,
        category=category,
        severity=_one_of(SEVERITIES, cells, "severity", cells["severity"]),
        agency=cells["agency_code"],
        role=_one_of(ROLES, cells, "role", cells["role"]),
        title=cells["title"],
        system=cells["source_system"],
        test=_one_of(_TRUTHS, cells, "test", cells["test"].lower()) or not terms.categories[category],
        cause=_one_of(CAUSES, cells, "cause", cells.get("cause") or "attack"),
        contained_at=contained,
        closed_at=closed,
        status=status,
    )


def cell(value: str | None) -> str:
    """The text of a cell as it is compared and kept."""
    text = (value or "").strip()
    return text if text.isascii() else nfc(text)


def _one_of(known: Mapping[str, T], cells: Mapping[str, str], column: str, value: str) -> T:
    if value not in known:
        raise _unknown(cells, column, known)
    return known[value]


def _unknown(cells: Mapping[str, str], column: str, known: Collection[str]) -> RowRefused:
    return RowRefused("row_value", column=column, value=cells[column], wanted=", ".join(known))


def _end(cells: Mapping[str, str], column: str, occurred: datetime, terms: Terms) -> datetime | None:
    if not cells.get(column):
        return None
    found = _when(cells, column)
    if found < occurred:
        raise RowRefused("row_ends", later="occurred_at", earlier=column)
    if terms.now is not None and found > terms.now:
        raise RowRefused("row_future", value=cells[column])
    return found


def _when(cells: Mapping[str, str], column: str) -> datetime:
    try:
        return _instant(cells[column])
    except (ValueError, OverflowError) as error:
        raise RowRefused("row_value", column=column, value=cells[column], wanted=_TIMES) from error


_instant = lru_cache(maxsize=100_000)(parse_record_time)
