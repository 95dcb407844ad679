"""`stats report`: the monthly note and the yearly report as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.commands.stats import stats
from vonggac.domain.agency import Directory, Level
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import UsageRefused

if TYPE_CHECKING:
    from vonggac.bootstrap import Node
    from vonggac.reports.asking import Compare, Report


@stats.group()
def report() -> None:
    """Write the monthly note or the yearly report."""


def report_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What both reports take: their form, their file, and what the records and definitions are."""
    command = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), required=True)(command)
    command = click.option("--format", "form", type=click.Choice(["html", "pdf", "json"]), help="Default: by --out.")(
        command
    )
    command = click.option("--definitions", help="Id of the definitions; the newest when not given.")(command)
    return click.option("--known-at", help="Count what the records said at this instant.")(command)


@report.command()
@click.option("--month", required=True, help="YYYY-MM, in Vietnam's time.")
@report_options
@click.pass_obj
def monthly(call: Call, month: str, known_at: str | None, definitions: str | None, form: str | None, out: Path) -> None:
    """The note on one month against the month before and the same month of the year before."""
    from vonggac.reports.monthly import monthly as written
    from vonggac.statistics import ask

    found = re.fullmatch(r"(\d{4})-(0?[1-9]|1[0-2])", month)
    if found is None:
        raise UsageRefused("bad_month", text=month)
    question = ask(f"{found[1]}-M{found[2]}", known_at=known_at, definitions=definitions)
    chosen, node = _form(form, out), node_of(call)
    made = written(_compare(node, call.lang), question, call.lang, now=node.clock())
    _write(call, made, chosen, out)


@report.command()
@click.option("--year", required=True, help="2025, or START/END of a year's length.")
@report_options
@click.pass_obj
def yearly(call: Call, year: str, known_at: str | None, definitions: str | None, form: str | None, out: Path) -> None:
    """The report on one year against the one before."""
    from vonggac.reports.yearly import yearly as written
    from vonggac.statistics import ask

    question = ask(year, known_at=known_at, definitions=definitions)
    if question.period.days not in (365, 366):
        raise UsageRefused("bad_year", text=year)
    # One unit has one row, also in a year in which units changed.
    question = replace(question, units=day_in_vietnam(question.period.end - timedelta(days=1)))
    chosen, node = _form(form, out), node_of(call)
    directory = node.directory()
    made = written(
        _compare(node, call.lang),
        question,
        call.lang,
        now=node.clock(),
        province_of=lambda code: province_of(directory, code),
    )
    _write(call, made, chosen, out)


def province_of(directory: Directory, code: str) -> str | None:
    """The code of the province-level unit that the agency is or stands under; None where there is none."""
    seen: set[str] = set()
    unit = directory.latest(code)
    while unit is not None and unit.level is not Level.PROVINCE and unit.code not in seen:
        seen.add(unit.code)
        unit = directory.latest(unit.parent) if unit.parent else None
    return unit.code if unit is not None and unit.level is Level.PROVINCE else None


def _compare(node: Node, lang: str) -> Compare:
    from vonggac.comparison import answer_data
    from vonggac.statistics import answer

    directory = node.directory()
    return lambda question: answer_data(answer(node.store, directory, question, now=node.clock()), lang)


def _form(form: str | None, out: Path) -> str:
    """The form asked for, by default the one that the file's name ends in."""
    from vonggac.reports.asking import FORMS

    chosen = form or out.suffix.removeprefix(".").lower()
    if chosen not in FORMS:
        raise UsageRefused("bad_choice", value=chosen, what="--format", known=", ".join(FORMS))
    return chosen


def _write(call: Call, made: Report, form: str, out: Path) -> None:
    out.write_bytes(made.render(form))
    call.show({"report": made.name, "format": form, "path": str(out), "bytes": out.stat().st_size})
