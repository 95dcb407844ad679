"""`coverage`: who was watched, when."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

import click

from vonggac.bootstrap import Node
from vonggac.call import Call
from vonggac.commands.options import choice, node_of
from vonggac.connected import sensor_agencies
from vonggac.coverage import tracks
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.times import VIETNAM, day_in_vietnam
from vonggac.errors import NotFound, UsageRefused
from vonggac.statistics import period_named
from vonggac.units import by_name
from vonggac.watched_units import Guarded, units_watched
from vonggac.watching import whole_hours

COLUMNS = ("code", "name", "sensors", "hours", "watched", "coverage")
#: What the network's own target counts.
_LEVELS = (Level.MINISTRY, Level.PROVINCE)


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE]…")
@click.option("--period", help="As of `stats compare` (default: this month up to now).")
@click.option("--level", help="Units of this level (default: ministries and provinces).")
@click.pass_obj
def coverage(call: Call, codes: tuple[str, ...], period: str | None, level: str | None) -> None:
    """Who was watched, when: each unit, with those below it, the hours in which a sensor of its was heard, the share in
    which these lost nothing and rules looked, and the gaps in which nobody watched."""
    node = node_of(call)
    directory = node.directory()
    asked = _asked(period, node.clock())
    levels = _LEVELS if level is None else (choice(level, Level, "level"),)
    units = _units(directory, codes, levels)
    kept = tracks(node.store.records, *whole_hours(*asked))
    found = units_watched(directory, units, kept, _guarded(node, directory), asked)
    call.table([each.data() for each in found], COLUMNS)


def _asked(period: str | None, now: datetime) -> tuple[datetime, datetime]:
    """What of the period is over. Raises UsageRefused for none, and for one that has not begun."""
    found = period_named(period or f"{now.astimezone(VIETNAM):%Y-M%m}")
    if found.start >= now:
        raise UsageRefused("period_not_begun", text=found.text, now=day_in_vietnam(now).isoformat())
    return found.start, min(found.end, now)


def _units(directory: Directory, codes: Iterable[str], levels: Collection[Level]) -> list[Agency]:
    """Every validity of these codes, or of all units of these levels that stand in a denominator."""
    for code in codes:
        if not directory.lives(code):
            raise NotFound("unknown_agency", code=code)
    if codes:
        return by_name(unit for code in dict.fromkeys(codes) for unit in directory.lives(code))
    return by_name(unit for unit in directory.agencies if unit.level in levels and not unit.outside_scope)


def _guarded(node: Node, directory: Directory) -> Guarded:
    from sharing.subscribe import feeds

    return Guarded(
        sensors=_by_agency(sensor_agencies(node.store.records).items()),
        feeds=_by_agency((feed.name, feed.agency) for feed in feeds(node.store.records) if feed.agency),
        systems=_by_agency((system.code, system.agency) for system in directory.systems),
    )


def _by_agency(named: Iterable[tuple[str, str]]) -> dict[str, set[str]]:
    found: dict[str, set[str]] = {}
    for name, agency in named:
        found.setdefault(agency, set()).add(name)
    return found
