"""`agency`: the directory of units, each with its validity."""

from __future__ import annotations

from datetime import date
from pathlib import Path

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.directory import agency_data, by_name, read_agencies, save_agencies
from vonggac.domain.agency import Agency
from vonggac.errors import InvalidRecord, NotFound

COLUMNS = ("code", "name", "level", "parent", "valid_from", "valid_to")


@click.group()
def agency() -> None:
    """The agency directory."""


@agency.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.pass_obj
def import_(call: Call, path: Path) -> None:
    """Units of a CSV (docs/cli.md names its columns); bad rows are named and the rest load."""
    good: list[Agency] = []
    for found in read_agencies(path):
        if isinstance(found, InvalidRecord):
            call.refuse(found)
        else:
            good.append(found)
    call.show({"units": save_agencies(node_of(call).store.records, good), "rejected": call.refused})


@agency.command("list")
@click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), help="Only units valid on this day.")
@click.pass_obj
def list_(call: Call, day: object) -> None:
    """Units by name, one object per unit and validity."""
    units = by_name(node_of(call).directory().agencies)
    wanted = day.date() if hasattr(day, "date") else None
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
