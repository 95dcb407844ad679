"""`stats report`: the monthly note and the yearly report as files."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, write_out
from vonggac.commands.stats import stats
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
@click.option("--units", default="as-then", show_default=True, help="as-then, or the day whose units count.")
@report_options
@click.pass_obj
def monthly(call: Call, /, month: str, form: str | None, out: Path, **options: Any) -> None:
    """The note on one month against the month before and the same month of the year before."""
    from vonggac.reports.monthly import monthly as written
    from vonggac.statistics import ask

    found = re.fullmatch(r"(\d{4})-(0?[1-9]|1[0-2])", month)
    if found is None:
        raise UsageRefused("bad_month", text=month)
    question = ask(f"{found[1]}-M{found[2]}", **options)
    chosen, node = _form(form, out), node_of(call)
    made = written(_compare(node, call.lang), question, call.lang, now=node.clock())
    _write(call, made, chosen, out)


@report.command()
@click.option("--year", required=True, help="2025, or START/END of a year's length.")
@click.option("--units", help="as-then, or the day whose units count; the period's last day when not given.")
@report_options
@click.pass_obj
def yearly(call: Call, /, year: str, units: str | None, form: str | None, out: Path, **options: Any) -> None:
    """The report on one year against the one before."""
    from vonggac.reports.yearly import last_day
    from vonggac.reports.yearly import yearly as written
    from vonggac.statistics import AS_THEN, ask

    question = ask(year, units=units or AS_THEN, **options)
    if question.period.days not in (365, 366):
        raise UsageRefused("bad_year", text=year)
    if units is None:
        question = replace(question, units=last_day(question))
    chosen, node = _form(form, out), node_of(call)
    made = written(_compare(node, call.lang), question, call.lang, now=node.clock(), directory=node.directory())
    _write(call, made, chosen, out)


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
    write_out(out, made.render(form))
    call.show({"report": made.name, "format": form, "path": str(out), "bytes": out.stat().st_size})
