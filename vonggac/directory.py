"""Reference data: the dated definitions that ship with us, and the agency directory kept in the store."""

from __future__ import annotations

import csv
import io
import tomllib
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from datetime import date
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TypeVar

from vonggac.domain.agency import SYSTEM_LEVELS, Agency, Directory, Level, System
from vonggac.domain.definitions import Category, Definitions
from vonggac.domain.text import nfc, sort_key
from vonggac.errors import InvalidRecord, NotFound, UnknownInput
from vonggac.ports import RecordStore

Row = TypeVar("Row")

KIND, SYSTEM_KIND = "agency", "system"
COLUMNS = (
    "code",
    "name",
    "name_en",
    "level",
    "parent",
    "valid_from",
    "valid_to",
    "predecessors",
    "networks",
    "domains",
)
SYSTEM_COLUMNS = ("system", "name", "level", "agency", "valid_from", "valid_to", "networks", "domains")


@cache
def all_definitions() -> tuple[Definitions, ...]:
    """Every set of definitions that ships with us, oldest first."""
    table = tomllib.loads((Path(__file__).parent / "data" / "definitions.toml").read_text("utf-8"))
    return tuple(sorted(map(_definitions, table["definitions"]), key=lambda found: found.valid_from))


def definitions(identity: str | None = None) -> Definitions:
    """The named definitions, by default the newest. Raises NotFound that lists the ids there are."""
    known = all_definitions()
    if identity is None:
        return known[-1]
    for found in known:
        if found.id == identity:
            return found
    raise NotFound("unknown_definitions", id=identity, known=", ".join(found.id for found in known))


def _definitions(table: Mapping[str, Any]) -> Definitions:
    categories = {
        key: Category(key, value["vi"], value["en"], value["scheme"], value.get("triad"), value.get("counted", True))
        for key, value in table["categories"].items()
    }
    return Definitions(table["id"], table["valid_from"], table["source"], categories)


def load_directory(records: RecordStore) -> Directory:
    """The directory as the store holds it, sorted as a Vietnamese reader expects."""
    units = [agency_from(record.body) for record in records.list(KIND)]
    systems = [system_from(record.body) for record in records.list(SYSTEM_KIND)]
    return Directory(
        tuple(sorted(units, key=lambda unit: (unit.code, unit.valid_from))),
        tuple(sorted(systems, key=lambda system: (system.code, system.valid_from))),
    )


def save_agencies(records: RecordStore, agencies: Iterable[Agency]) -> int:
    """Every unit stands in the store under its code and first day; how many they were."""
    bodies = {f"{unit.code}@{unit.valid_from.isoformat()}": agency_data(unit) for unit in agencies}
    records.put_many(KIND, bodies)
    return len(bodies)


def save_systems(records: RecordStore, systems: Iterable[System]) -> int:
    """Every system stands in the store under its code and first day; how many they were."""
    bodies = {f"{system.code}@{system.valid_from.isoformat()}": system_data(system) for system in systems}
    records.put_many(SYSTEM_KIND, bodies)
    return len(bodies)


def read_directory(path: Path, known: Collection[str] = ()) -> Iterator[Agency | System | InvalidRecord]:
    """Each row of a CSV of units (COLUMNS) or, where its header has `system`, of systems (SYSTEM_COLUMNS), or why it is
    refused; lists are separated by `;`. `known` are the codes that a system's agency may have."""

    def unit(row: Mapping[str, Any], _: int) -> Agency:
        return agency_from({name: value for name, value in row.items() if name in COLUMNS})

    def system(row: Mapping[str, Any], _: int) -> System:
        found = system_from({name: value for name, value in row.items() if name in SYSTEM_COLUMNS})
        if found.agency not in known:
            raise RowRefused("row_agency", agency=found.agency)
        return found

    if "system" in _header(_open_csv(path)):
        return csv_rows(path, ("system", "name", "level", "agency"), system)
    return csv_rows(path, ("code", "name", "level"), unit)


class RowRefused(ValueError):
    """Why a row cannot be used: the key of its sentence (`error.<key>`, which also gets `location` and `line`)."""

    def __init__(self, key: str, **facts: Any) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts


def csv_rows(
    path: Path, needed: Sequence[str], read: Callable[[Mapping[str, Any], int], Row]
) -> Iterator[Row | InvalidRecord]:
    """Each row of a UTF-8 CSV as `read` makes it of the row and its line, or as the reason it is refused.

    Raises UnknownInput when the file is not there, not UTF-8, or lacks one of the columns.
    """
    rows = _open_csv(path)
    header = _header(rows)
    missing = [name for name in needed if name not in header]
    if missing:
        raise UnknownInput("csv_columns_missing", location=path, columns=", ".join(missing))
    while True:
        try:
            yield read(next(rows), rows.line_num)
        except StopIteration:
            return
        except RowRefused as refused:
            yield InvalidRecord(refused.key, location=path, line=rows.line_num, **refused.facts)
        except (ValueError, csv.Error) as error:
            yield InvalidRecord("bad_row", location=path, line=rows.line_num, reason=error)


def _open_csv(path: Path) -> csv.DictReader[str]:
    try:
        text = path.read_text("utf-8-sig")
    except OSError as error:
        key = "input_missing" if isinstance(error, FileNotFoundError) else "input_unopenable"
        raise UnknownInput(key, location=path, reason=error.strerror) from error
    except UnicodeDecodeError as error:
        raise UnknownInput("csv_not_utf8", location=path, offset=error.start) from error
    return csv.DictReader(io.StringIO(text, newline=""))


def _header(rows: csv.DictReader[str]) -> Sequence[str]:
    try:
        return rows.fieldnames or ()
    except csv.Error:
        return ()


def agency_from(body: Mapping[str, Any]) -> Agency:
    """The unit of a stored body or a CSV row. Raises ValueError with the reason."""
    code, name = str(body.get("code") or "").strip(), nfc(str(body.get("name") or "")).strip()
    if not code or not name:
        raise RowRefused("row_empty", column="code" if name else "name")
    return Agency(
        code=code,
        name=name,
        level=Level(str(body.get("level") or "").strip()),
        parent=str(body.get("parent") or "").strip() or None,
        **_validity(body),
        name_en=str(body.get("name_en") or ""),
        predecessors=_listed(body.get("predecessors")),
        networks=tuple(ip_network(text) for text in _listed(body.get("networks"))),
        domains=_listed(body.get("domains")),
    )


def system_from(body: Mapping[str, Any]) -> System:
    """The system of a stored body or a CSV row. Raises ValueError with the reason."""
    cells = {name: nfc(str(body.get(name) or "")).strip() for name in ("system", "name", "agency", "level")}
    for column, cell in cells.items():
        if not cell:
            raise RowRefused("row_empty", column=column)
    if cells["level"] not in map(str, SYSTEM_LEVELS):
        wanted = ", ".join(map(str, SYSTEM_LEVELS))
        raise RowRefused("row_value", column="level", value=cells["level"], wanted=wanted)
    return System(
        code=cells["system"],
        name=cells["name"],
        level=int(cells["level"]),
        agency=cells["agency"],
        **_validity(body),
        networks=tuple(ip_network(text) for text in _listed(body.get("networks"))),
        domains=_listed(body.get("domains")),
    )


def _validity(body: Mapping[str, Any]) -> dict[str, Any]:
    first = date.fromisoformat(str(body.get("valid_from") or "1900-01-01").strip())
    last = str(body.get("valid_to") or "").strip()
    end = date.fromisoformat(last) if last else None
    if end is not None and end <= first:
        raise ValueError(f"valid_to {end} is not after valid_from {first}")
    return {"valid_from": first, "valid_to": end}


def agency_data(unit: Agency) -> dict[str, Any]:
    """The unit as one object of `agency list --json`."""
    return {
        "code": unit.code,
        "name": unit.name,
        "name_en": unit.name_en,
        "level": str(unit.level),
        "parent": unit.parent,
        "valid_from": unit.valid_from.isoformat(),
        "valid_to": unit.valid_to.isoformat() if unit.valid_to else None,
        "predecessors": list(unit.predecessors),
        "networks": [str(network) for network in unit.networks],
        "domains": list(unit.domains),
    }


def system_data(system: System) -> dict[str, Any]:
    """The system as one object of `agency list --systems --json`."""
    return {
        "system": system.code,
        "name": system.name,
        "level": system.level,
        "agency": system.agency,
        "valid_from": system.valid_from.isoformat(),
        "valid_to": system.valid_to.isoformat() if system.valid_to else None,
        "networks": [str(network) for network in system.networks],
        "domains": list(system.domains),
    }


def by_name(units: Iterable[Agency]) -> list[Agency]:
    """Sorted by name as a Vietnamese dictionary sorts."""
    return sorted(units, key=lambda unit: (sort_key(unit.name), unit.valid_from))


def _listed(value: object) -> tuple[str, ...]:
    if isinstance(value, str):
        return tuple(part.strip() for part in value.split(";") if part.strip())
    return tuple(str(part) for part in value) if isinstance(value, (list, tuple)) else ()
