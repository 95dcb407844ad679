"""`stats compare`: a period against the same period a year before, as table, JSON or CSV."""

from __future__ import annotations

import sys
from collections.abc import Mapping
from typing import Any

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.comparison import answer_data, as_csv, percent_text
from vonggac.domain.stats import By
from vonggac.messages import say
from vonggac.statistics import answer, ask


@click.group()
def stats() -> None:
    """Compare periods of incidents."""


@stats.command()
@click.option("--period", required=True, help="2020, 2020-Q1, 2020-M1..M4 or START/END (END not included).")
@click.option("--against", default="previous-year", show_default=True, help="previous-year or a period.")
@click.option("--by", type=click.Choice([str(by) for by in By]), default="category", show_default=True)
@click.option("--units", default="as-then", show_default=True)
@click.option("--known-at", help="Count what the records said at this instant.")
@click.option("--definitions", help="Id of the definitions; the newest when not given.")
@click.option("--format", "form", type=click.Choice(["table", "json", "csv"]), help="Default: table on a terminal.")
@click.pass_obj
def compare(
    call: Call,
    period: str,
    against: str,
    by: str,
    units: str,
    known_at: str | None,
    definitions: str | None,
    form: str | None,
) -> None:
    """Count one period's incidents against another's.

    Totals count incidents; agency and level rows count involvements, and the overlap is printed.
    """
    question = ask(period, against, by, known_at, definitions, units)
    node = node_of(call)
    body = answer_data(answer(node.store, node.directory(), question, now=node.clock()), call.lang)
    form = form or ("table" if call.for_people else "json")
    if form == "json":
        call.show(body)
    elif form == "csv":
        sys.stdout.write(as_csv(body))
    else:
        print_table(body, call.lang)


def print_table(body: Mapping[str, Any], lang: str) -> None:
    """The comparison as a person reads it: rows, total, overlap, and the verdict in a sentence."""
    from rich.console import Console
    from rich.table import Table

    total = body["total"]
    table = Table(title=say(lang, "stats.title", period=body["period"]["text"], against=body["against"]["text"]))
    table.add_column(say(lang, f"stats.by_{body['by']}"))
    for name in ("current", "previous", "change"):
        table.add_column(say(lang, f"stats.{name}"), justify="right")
    for row in body["rows"]:
        table.add_row(row["label"], str(row["current"]), str(row["previous"]), percent_text(row, lang))
    table.add_section()
    table.add_row(
        say(lang, "stats.total"), str(total["current"]), str(total["previous"]), percent_text(total, lang), style="bold"
    )
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for sentence in body["sentences"][lang]:
        console.print(sentence)
    console.print(say(lang, "stats.source", definitions=body["definitions"], digest=body["digest"][:12]))
