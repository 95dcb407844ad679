"""`agency`: the directory of units, each with its validity."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.directory import agency_data, by_name, read_directory, save_agencies, save_systems, system_data
from vonggac.domain.agency import Agency, System
from vonggac.errors import InvalidRecord, NotFound

COLUMNS = ("code", "name", "level", "parent", "valid_from", "valid_to")
SYSTEM_COLUMNS = ("system", "name", "level", "agency", "valid_from", "valid_to")


@click.group()
def agency() -> None:
    """The agency directory."""


@agency.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.pass_obj
def import_(call: Call, path: Path) -> None:
    """Units, or information systems, of a CSV (docs/cli.md names its columns); bad rows are named, the rest load."""
    node = node_of(call)
    units: list[Agency] = []
    systems: list[System] = []
    for found in read_directory(path, {unit.code for unit in node.directory().agencies}):
        if isinstance(found, InvalidRecord):
            call.refuse(found)
        elif isinstance(found, System):
            systems.append(found)
        else:
            units.append(found)
    records = node.store.records
    saved = {"units": save_agencies(records, units), "systems": save_systems(records, systems)}
    call.show({**saved, "rejected": call.refused})


@agency.command("list")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Only what is valid on this day.")
@click.option("--systems", is_flag=True, help="The information systems instead of the units.")
@click.pass_obj
def list_(call: Call, day: object, systems: bool) -> None:
    """Units by name, one object per unit and validity; or the systems."""
    directory = node_of(call).directory()
    wanted = day.date() if hasattr(day, "date") else None
    if systems:
        known = [each for each in directory.systems if wanted is None or each.valid_on(wanted)]
        call.table([system_data(each) for each in known], SYSTEM_COLUMNS)
        return
    units = by_name(directory.agencies)
    call.table([agency_data(unit) for unit in units if wanted is None or unit.valid_on(wanted)], COLUMNS)


@agency.command()
@click.argument("code")
@click.pass_obj
def show(call: Call, code: str) -> None:
    """Each validity of one code."""
    found = [unit for unit in node_of(call).directory().agencies if unit.code == code]
    if not found:
        raise NotFound("unknown_agency", code=code)
    for unit in found:
        call.show(agency_data(unit))


@agency.command()
@click.pass_obj
def tree(call: Call) -> None:
    """Today's units under their parents."""
    units = [unit for unit in node_of(call).directory().agencies if unit.valid_on(date.today())]  # noqa: DTZ011
    codes = {unit.code for unit in units}

    def walk(parent: str | None, depth: int) -> None:
        for unit in by_name(units):
            top = unit.parent is None or unit.parent not in codes
            if (parent is None and top) or (parent is not None and unit.parent == parent):
                click.echo(f"{'  ' * depth}{unit.name} ({unit.code})")
                walk(unit.code, depth + 1)

    walk(None, 0)
