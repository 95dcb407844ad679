"""Units of the directory as rows: of a CSV, in the store, and those that ship with us."""

from __future__ import annotations

import csv
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import date
from fractions import Fraction
from functools import cache
from ipaddress import ip_network
from pathlib import Path
from typing import Any, TextIO, TypeVar

from vonggac.domain.agency import PASSED_WHOLE, SINCE_EVER, Agency, Level, LineageKind, Predecessor
from vonggac.domain.prefixes import Network
from vonggac.domain.text import nfc, sort_key
from vonggac.tables import RowRefused

T = TypeVar("T")

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
    "contacts",
    "outside_scope",
)
SHIPPED = Path(__file__).parent / "data" / "directory"
UNKNOWN = "?"
_LEVELS = ", ".join(Level)
#: `0.4` or `2/5`; what is longer than this nobody counted.
_SHARE = re.compile(r"[0-9]{1,9}(\.[0-9]{1,9}|/[0-9]{1,9})?")


@cache
def shipped_units() -> tuple[Agency, ...]:
    """Every unit that ships with us, in no order; data/directory/sources.toml says where each table is from."""
    units: list[Agency] = []
    for path in sorted(SHIPPED.glob("*.csv")):
        with path.open(encoding="utf-8", newline="") as file:
            units += map(agency_from, csv.DictReader(file))
    return tuple(units)


def agency_from(row: Mapping[str, Any]) -> Agency:
    """The unit of a row; what is no cell of ours in it is passed over. Raises RowRefused with the reason."""
    cells = dict.fromkeys(COLUMNS, "") | {name: nfc(row[name]).strip() for name in COLUMNS if row.get(name)}
    for column in ("code", "name"):
        if not cells[column]:
            raise RowRefused("row_empty", column=column)
    if ";" in cells["code"] or ":" in cells["code"]:
        raise RowRefused("row_code", code=cells["code"])
    first, end = validity(cells)
    return Agency(
        code=cells["code"],
        name=cells["name"],
        level=_read(Level, "level", cells["level"], _LEVELS),
        parent=cells["parent"] or None,
        valid_from=first,
        valid_to=end,
        name_en=cells["name_en"],
        predecessors=tuple(map(_predecessor, listed(cells["predecessors"]))),
        networks=networks_in(cells["networks"]),
        domains=listed(cells["domains"]),
        contacts=listed(cells["contacts"]),
        outside_scope=_truth("outside_scope", cells["outside_scope"]),
    )


def agency_row(unit: Agency) -> dict[str, str]:
    """The unit as a row that `agency_from` reads back."""
    return {
        "code": unit.code,
        "name": unit.name,
        "name_en": unit.name_en,
        "level": str(unit.level),
        "parent": unit.parent or "",
        "valid_from": "" if unit.valid_from == SINCE_EVER else unit.valid_from.isoformat(),
        "valid_to": unit.valid_to.isoformat() if unit.valid_to else "",
        "predecessors": ";".join(map(_predecessor_text, unit.predecessors)),
        "networks": ";".join(map(str, unit.networks)),
        "domains": ";".join(unit.domains),
        "contacts": ";".join(unit.contacts),
        "outside_scope": "true" if unit.outside_scope else "",
    }


def write_units(units: Iterable[Agency], file: TextIO) -> None:
    """A CSV that `agency import` takes, by code and first day."""
    writer = csv.DictWriter(file, COLUMNS, lineterminator="\n")
    writer.writeheader()
    writer.writerows(agency_row(unit) for unit in sorted(units, key=lambda unit: unit.key))


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
        "predecessors": [how.code for how in unit.predecessors],
        "lineage": [lineage_data(how) for how in unit.predecessors],
        "networks": [str(network) for network in unit.networks],
        "domains": list(unit.domains),
        "contacts": list(unit.contacts),
        "outside_scope": unit.outside_scope,
    }


def lineage_data(how: Predecessor) -> dict[str, Any]:
    """One edge; `share` is a number written exactly (`1`, `2/5`), None where it is unknown."""
    return {"code": how.code, "kind": str(how.kind), "share": None if how.share is None else str(how.share)}


def by_name(units: Iterable[Agency]) -> list[Agency]:
    """Sorted by name as a Vietnamese dictionary sorts."""
    return sorted(units, key=lambda unit: (sort_key(unit.name), unit.valid_from))


def listed(cell: str) -> tuple[str, ...]:
    """The parts of a cell, which `;` keeps apart."""
    return tuple(part.strip() for part in cell.split(";") if part.strip()) if cell else ()


def validity(cells: Mapping[str, str]) -> tuple[date, date | None]:
    """The first day, and the first day after the last. Raises RowRefused."""
    first, end = (_day(column, cells[column]) for column in ("valid_from", "valid_to"))
    if first is not None and end is not None and end <= first:
        raise RowRefused("row_backwards", start=first, end=end)
    return first or SINCE_EVER, end


def networks_in(cell: str) -> tuple[Network, ...]:
    """The networks of a cell, single addresses among them. Raises RowRefused."""
    return tuple(_read(ip_network, "networks", text, "10.1.0.0/16, 2001:db8::/32") for text in listed(cell))


def _day(column: str, cell: str) -> date | None:
    return _read(date.fromisoformat, column, cell, "yyyy-mm-dd") if cell else None


def _read(kind: Callable[[str], T], column: str, cell: str, wanted: str) -> T:
    try:
        return kind(cell)
    except ValueError as error:
        raise RowRefused("row_value", column=column, value=cell, wanted=wanted) from error


def _predecessor(text: str) -> Predecessor:
    """Of `26`, `26:merged`, `701:split:0.4` or `702:split:?`."""
    code, *said = (part.strip() for part in text.split(":"))
    try:
        kind = LineageKind(said[0]) if said else LineageKind.MERGED
        if not code or len(said) > 2:
            raise ValueError(text)
        given = said[1] if len(said) == 2 else ("1" if kind in PASSED_WHOLE else UNKNOWN)
        return Predecessor(code, kind, None if given == UNKNOWN else _share(given))
    except ValueError as error:
        wanted = f"CODE[:{'|'.join(LineageKind)}[:SHARE|{UNKNOWN}]]"
        raise RowRefused("row_value", column="predecessors", value=text, wanted=wanted) from error


def _share(text: str) -> Fraction:
    if not _SHARE.fullmatch(text) or text.endswith("/0"):
        raise ValueError(text)
    share = Fraction(text)
    if not 0 < share <= 1:
        raise ValueError(text)
    return share


def _predecessor_text(how: Predecessor) -> str:
    if how == Predecessor(how.code):
        return how.code
    return f"{how.code}:{how.kind}:{UNKNOWN if how.share is None else how.share}"


def _truth(column: str, cell: str) -> bool:
    if cell not in ("", "true", "false"):
        raise RowRefused("row_value", column=column, value=cell, wanted="true, false")
    return cell == "true"
