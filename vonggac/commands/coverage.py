"""`coverage`: who was watched, when."""

from __future__ import annotations

import click

from vonggac.call import Call
from vonggac.commands.options import choice, node_of
from vonggac.domain.agency import Level
from vonggac.watched_units import LEVELS, period_asked, units_asked, units_watched

COLUMNS = ("code", "name", "sensors", "hours", "watched", "coverage")


@click.command()
@click.argument("codes", nargs=-1, metavar="[CODE]…")
@click.option("--period", help="As of `stats compare` (default: this month up to now).")
@click.option("--level", help="Units of this level (default: ministries and provinces).")
@click.pass_obj
def coverage(call: Call, codes: tuple[str, ...], period: str | None, level: str | None) -> None:
    """Who was watched, when: each unit, with those below it, the hours in which a sensor of its was heard, the share in
    which these lost nothing and rules looked, and the gaps in which nobody watched."""
    from sharing.subscribe import agencies_of_feeds

    node = node_of(call)
    records, directory = node.store.records, node.directory()
    asked = period_asked(period, node.clock())
    levels = LEVELS if level is None else (choice(level, Level, "level"),)
    units = units_asked(directory, codes, levels)
    found = units_watched(records, directory, agencies_of_feeds(records), units, asked)
    call.table([each.data() for each in found], COLUMNS)
