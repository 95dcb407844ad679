"""`agency`: the directory of units, each with its validity, and what became of them."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from datetime import date, datetime
from pathlib import Path
from typing import Any

import click

from vonggac.call import Call, printable
from vonggac.commands.options import choice, node_of
from vonggac.connected import live_agencies, standings
from vonggac.dated import in_force, targets
from vonggac.directory import import_directory, remove_units, stored_units, system_data
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.lineage import Lineage, Part
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import NotFound
from vonggac.units import agency_data, by_name, lineage_data, write_units

COLUMNS = ("code", "name", "level", "parent", "valid_from", "valid_to")
SYSTEM_COLUMNS = ("system", "name", "level", "agency", "valid_from", "valid_to")
CONNECTED_COLUMNS = ("level", "connected", "units", "listed", "percent", "target_percent", "reached")


def day_option(text: str) -> Callable[..., Any]:
    """`--on DAY`, as a datetime or None."""
    return click.option("--on", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help=text)


@click.group()
def agency() -> None:
    """The agency directory."""


@agency.command("import")
@click.argument("path", metavar="FILE.csv", type=click.Path(path_type=Path))
@click.pass_obj
def import_(call: Call, path: Path) -> None:
    """Units, or information systems, of a CSV (docs/directory.md names its columns); bad rows are named, the rest
    load."""
    done = import_directory(node_of(call).store.records, path)
    for refused in done.refused:
        call.refuse(refused)
    call.show({"units": done.units, "systems": done.systems, "rejected": call.refused})


@agency.command()
@click.option("--all", "every", is_flag=True, help="The units that ship with us too.")
@click.option("-o", "--output", type=click.Path(path_type=Path), help="A file instead of standard output.")
@click.pass_obj
def export(call: Call, every: bool, output: Path | None) -> None:
    """The units that were imported, as a CSV that `agency import` takes."""
    node = node_of(call)
    units = node.directory().agencies if every else stored_units(node.store.records)
    if output is None:
        write_units(units, sys.stdout)
        return
    with output.open("w", encoding="utf-8", newline="") as file:
        write_units(units, file)


@agency.command()
@click.argument("code")
@click.option("--from", "day", type=click.DateTime(["%Y-%m-%d"]), metavar="DAY", help="Only the unit that begins then.")
@click.pass_obj
def remove(call: Call, code: str, day: datetime | None) -> None:
    """What was imported of a code is gone; what ships of it is there again."""
    call.show({"removed": remove_units(node_of(call).store.records, code, day.date() if day is not None else None)})


@agency.command("list")
@day_option("Only what is valid on this day.")
@click.option("--level", help="Only units of this level.")
@click.option("--systems", is_flag=True, help="The information systems instead of the units.")
@click.pass_obj
def list_(call: Call, day: datetime | None, level: str | None, systems: bool) -> None:
    """Units by name, one object per unit and validity; or the systems."""
    wanted = choice(level, Level, "level") if level is not None else None
    directory = node_of(call).directory()
    if systems:
        known = [each for each in directory.systems if day is None or each.valid_on(day.date())]
        call.table([system_data(each) for each in known], SYSTEM_COLUMNS)
        return
    units = (unit for unit in directory.agencies if wanted is None or unit.level is wanted)
    call.table([agency_data(unit) for unit in by_name(units) if day is None or unit.valid_on(day.date())], COLUMNS)


@agency.command()
@click.argument("code")
@day_option("Only the unit that bore the code on this day.")
@click.pass_obj
def show(call: Call, code: str, day: datetime | None) -> None:
    """Each validity of one code, with the units above it, what it became, and who has its matters today."""
    node = node_of(call)
    directory, today = node.directory(), day_in_vietnam(node.clock())
    found = directory.lives(code) if day is None else tuple(filter(None, [directory.on(code, day.date())]))
    if not found:
        raise NotFound("unknown_agency", code=code)
    lineage = Lineage(directory)
    for unit in found:
        call.show(_shown(unit, directory, lineage, today))


def _shown(unit: Agency, directory: Directory, lineage: Lineage, today: date) -> dict[str, Any]:
    return {
        **agency_data(unit),
        "ancestors": [{"code": above.code, "name": above.name} for above in _ancestors(unit, directory)],
        "became": [
            {**lineage_data(edge.how), "code": edge.new.code, "name": edge.new.name, "valid_from": edge.new.valid_from}
            for edge in lineage.became(unit)
        ],
        "today": [_part(part) for part in lineage.parts(unit, today)],
    }


def _part(part: Part) -> dict[str, Any]:
    name = part.unit.name if part.unit else None
    return {"code": part.code, "name": name, "share": str(part.share), "known": part.known}


def _ancestors(unit: Agency, directory: Directory) -> Iterator[Agency]:
    """Its parent and the parents of that, as they were on the unit's last day, or are."""
    seen = {unit.code}
    above = unit.parent
    while above is not None and above not in seen:
        seen.add(above)
        lives = [each for each in directory.lives(above) if unit.valid_to is None or each.valid_from < unit.valid_to]
        if not lives:
            return
        yield lives[-1]
        above = lives[-1].parent


@agency.command()
@click.argument("code", required=False)
@day_option("The tree of this day (default: today).")
@click.pass_obj
def tree(call: Call, code: str | None, day: datetime | None) -> None:
    """The units of a day under their parents; with a CODE, that unit and those below it."""
    node = node_of(call)
    directory = node.directory()
    wanted = day.date() if day is not None else day_in_vietnam(node.clock())
    units = [unit for unit in directory.agencies if unit.valid_on(wanted)]
    codes = {unit.code for unit in units}
    if code is not None and code not in codes:
        raise NotFound("unknown_agency", code=code)
    below: dict[str | None, list[Agency]] = {}
    for unit in by_name(units):
        below.setdefault(unit.parent if unit.parent in codes else None, []).append(unit)
    tops = below.get(None, []) if code is None else [unit for unit in units if unit.code == code]
    rest = [(unit, 0) for unit in reversed(tops)]
    while rest:
        unit, depth = rest.pop()
        click.echo(f"{'  ' * depth}{printable(unit.name)} ({printable(unit.code)})")
        rest += [(child, depth + 1) for child in reversed(below.get(unit.code, []))]


@agency.command()
@click.pass_obj
def connected(call: Call) -> None:
    """How many units of each level have a sensor or feed that lives, beside the network's target of today."""
    from sharing.subscribe import feeds

    node = node_of(call)
    now = node.clock()
    day = day_in_vietnam(now)
    pulled = [(feed.agency, feed.last_success) for feed in feeds(node.store.records)]
    live = live_agencies(node.store.records, pulled, now)
    found = standings(node.directory(), live, in_force(targets(), day), day)
    call.table([standing.data() for standing in found], CONNECTED_COLUMNS)
