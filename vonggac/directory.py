"""The agency directory: what ships with us, and what is kept in the store."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from typing import Any

from vonggac.domain.agency import SYSTEM_LEVELS, Agency, Directory, System
from vonggac.domain.faults import Fault, faults
from vonggac.domain.text import nfc
from vonggac.errors import InvalidRecord, NotFound, UsageRefused
from vonggac.ports import RecordStore
from vonggac.tables import RowRefused, csv_rows, header_of
from vonggac.units import agency_from, agency_row, listed, networks_in, shipped_units, validity

KIND, SYSTEM_KIND = "agency", "system"
SYSTEM_COLUMNS = ("system", "name", "level", "agency", "valid_from", "valid_to", "networks", "domains")


def load_directory(records: RecordStore) -> Directory:
    """What ships with us and what the store holds; a unit of the store takes the place of what ships of its code and
    days."""
    systems = [system_from(record.body) for record in records.list(SYSTEM_KIND)]
    return Directory(
        with_shipped(stored_units(records)), tuple(sorted(systems, key=lambda system: (system.code, system.valid_from)))
    )


def stored_units(records: RecordStore) -> list[Agency]:
    return [agency_from(record.body) for record in records.list(KIND)]


def with_shipped(units: Collection[Agency]) -> tuple[Agency, ...]:
    """These, and the shipped units that share no day with one of these of the same code; by code and first day."""
    own: dict[str, list[Agency]] = {}
    for unit in units:
        own.setdefault(unit.code, []).append(unit)
    shipped = (unit for unit in shipped_units() if not any(map(unit.meets, own.get(unit.code, ()))))
    return tuple(sorted((*units, *shipped), key=lambda unit: unit.key))


def save_agencies(records: RecordStore, agencies: Iterable[Agency]) -> int:
    """Every unit stands in the store under its code and first day; how many they were."""
    bodies = {_key(unit): agency_row(unit) for unit in agencies}
    records.put_many(KIND, bodies)
    return len(bodies)


def save_systems(records: RecordStore, systems: Iterable[System]) -> int:
    """Every system stands in the store under its code and first day; how many they were."""
    bodies = {f"{system.code}@{system.valid_from.isoformat()}": system_data(system) for system in systems}
    records.put_many(SYSTEM_KIND, bodies)
    return len(bodies)


@dataclass(frozen=True, slots=True)
class Placed:
    """A unit or system, and the line of the file that it stands on."""

    line: int
    thing: Agency | System


@dataclass(frozen=True, slots=True)
class Imported:
    """How many units and systems of a file were saved, and why the other rows were not."""

    units: int
    systems: int
    refused: tuple[InvalidRecord, ...]


def import_directory(records: RecordStore, path: Path) -> Imported:
    """The units or systems of a CSV stand in the store, but for the rows that are refused by themselves and those that
    would put the directory out of joint. The order of the rows does not matter, nor what was imported first.

    Raises UnknownInput as `read_directory` does.
    """
    stored = stored_units(records)
    known = {unit.code for unit in with_shipped(stored)}
    read = list(read_directory(path, known))
    refused = [each for each in read if isinstance(each, InvalidRecord)]
    placed = [each for each in read if isinstance(each, Placed)]
    units = [(each.line, each.thing) for each in placed if isinstance(each.thing, Agency)]
    fitting, unfit = fitting_units(stored, units, path)
    rows = [(each.line, each.thing) for each in placed if isinstance(each.thing, System)]
    systems, twice = fitting_systems(rows, path)
    lines = sorted((*refused, *unfit, *twice), key=lambda each: int(str(each.facts["line"])))
    return Imported(save_agencies(records, fitting), save_systems(records, systems), tuple(lines))


def remove_units(records: RecordStore, code: str, day: date | None = None) -> int:
    """The imported units of that code, or the one that begins on that day, are gone from the store, and what ships of
    that code is there again; how many they were.

    Raises NotFound where none was imported, UsageRefused where another imported unit needs it.
    """
    stored = stored_units(records)
    gone = [unit for unit in stored if unit.code == code and day in (None, unit.valid_from)]
    if not gone:
        raise NotFound("agency_not_imported", code=code)
    left = [unit for unit in stored if unit not in gone]
    known = {(fault.unit, fault.reason) for fault in faults(Directory(with_shipped(stored)))}
    for fault in faults(Directory(with_shipped(left))):
        if fault.unit in left and (fault.unit, fault.reason) not in known:
            raise UsageRefused("agency_needed", code=code, other=fault.unit.code)
    for unit in gone:
        records.delete(KIND, _key(unit))
    return len(gone)


def _key(unit: Agency) -> str:
    return f"{unit.code}@{unit.valid_from.isoformat()}"


def fitting_units(
    stored: Collection[Agency], rows: Iterable[tuple[int, Agency]], path: Path
) -> tuple[list[Agency], list[InvalidRecord]]:
    """Of rows (line, unit) of a file those that can join the stored units, and why the others cannot.

    A row is refused where a fault of the directory would not be there without it. A shipped unit's fault is nobody's:
    what an agency says of itself counts.
    """
    lines: dict[Agency, int] = {}
    unfit: list[InvalidRecord] = []
    first: dict[tuple[str, date], int] = {}
    for line, unit in rows:
        if unit.key in first:
            start, earlier = unit.valid_from, first[unit.key]
            twice = InvalidRecord("row_twice", location=path, line=line, code=unit.code, start=start, first=earlier)
            unfit.append(twice)
        else:
            first[unit.key] = lines[unit] = line
    while found := _blamed(stored, lines):
        for unit, fault in found.items():
            unfit.append(InvalidRecord(f"row_{fault.reason}", location=path, line=lines.pop(unit), **fault.facts))
    return list(lines), unfit


def fitting_systems(rows: Iterable[tuple[int, System]], path: Path) -> tuple[list[System], list[InvalidRecord]]:
    """Of rows (line, system) of a file those that can stand beside one another, and why the others cannot: one code is
    not two systems on one day, or it would count twice."""
    lives: dict[str, list[System]] = {}
    fitting: list[System] = []
    unfit: list[InvalidRecord] = []
    for line, system in rows:
        others = lives.setdefault(system.code, [])
        other = next(filter(system.meets, others), None)
        if other is None:
            others.append(system)
            fitting.append(system)
        else:
            start, begins = system.valid_from, other.valid_from
            twice = InvalidRecord(
                "row_system_twice", location=path, line=line, code=system.code, start=start, other=begins
            )
            unfit.append(twice)
    return fitting, unfit


def _blamed(stored: Iterable[Agency], rows: Collection[Agency]) -> dict[Agency, Fault]:
    """Each row that is to blame for a fault, with that fault. Without these rows there may be others."""
    replaced = {unit.key for unit in rows}
    units = [*(unit for unit in stored if unit.key not in replaced), *rows]
    own = {unit.key for unit in units}
    found: dict[Agency, Fault] = {}
    for fault in faults(Directory(with_shipped(units))):
        row = next((unit for unit in fault.among if unit in rows), None)
        if row is not None and fault.unit.key in own:
            found.setdefault(row, fault)
    return found


def read_directory(path: Path, known: Collection[str] = ()) -> Iterator[Placed | InvalidRecord]:
    """Each row of a CSV of units (`units.COLUMNS`) or, where its header has `system`, of systems (SYSTEM_COLUMNS), or
    why it is refused; lists are separated by `;`. `known` are the codes that a system's agency may have."""

    def unit(row: Mapping[str, Any], line: int) -> Placed:
        return Placed(line, agency_from(row))

    def system(row: Mapping[str, Any], line: int) -> Placed:
        found = system_from({name: value for name, value in row.items() if name in SYSTEM_COLUMNS})
        if found.agency not in known:
            raise RowRefused("row_agency", agency=found.agency)
        return Placed(line, found)

    if "system" in header_of(path):
        return csv_rows(path, ("system", "name", "level", "agency"), system)
    return csv_rows(path, ("code", "name", "level"), unit)


def system_from(body: Mapping[str, Any]) -> System:
    """The system of a stored body or a CSV row. Raises RowRefused with the reason."""
    cells = {name: _cell(body.get(name)) for name in SYSTEM_COLUMNS}
    for column in ("system", "name", "agency", "level"):
        if not cells[column]:
            raise RowRefused("row_empty", column=column)
    if cells["level"] not in map(str, SYSTEM_LEVELS):
        wanted = ", ".join(map(str, SYSTEM_LEVELS))
        raise RowRefused("row_value", column="level", value=cells["level"], wanted=wanted)
    first, end = validity(cells)
    return System(
        code=cells["system"],
        name=cells["name"],
        level=int(cells["level"]),
        agency=cells["agency"],
        valid_from=first,
        valid_to=end,
        networks=networks_in(cells["networks"]),
        domains=listed(cells["domains"]),
    )


def _cell(value: object) -> str:
    """The text of a cell; of a stored list as a cell has it."""
    return ";".join(map(str, value)) if isinstance(value, (list, tuple)) else nfc(str(value or "")).strip()


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
