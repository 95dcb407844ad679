"""`stats`: periods compared, tables published and given out again, cells opened, percentages explained."""

from __future__ import annotations

import re
import sys
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from vonggac.call import Call
from vonggac.commands.options import node_of, write_out
from vonggac.domain.stats import By
from vonggac.errors import PeerUnavailable, UsageRefused
from vonggac.messages import LANGUAGES, say

if TYPE_CHECKING:
    from vonggac.statistics import Question

FORMS = ("table", "json", "csv", "xlsx", "html", "pdf")
CELL_COLUMNS = ("number", "occurred_at", "category", "severity", "agencies", "title_vi")
PUBLISHED_COLUMNS = ("id", "published_at", "period", "against", "by", "current", "previous")

OUTBOX_COLUMNS = ("id", "state", "tries", "next_try", "fault")

#: Of a number in `explain`, before or after the point: more would be reckoned with for ever.
_DIGITS = 30


@click.group()
def stats() -> None:
    """Compare periods of incidents, and publish what was found."""


def question_options(command: Callable[..., Any]) -> Callable[..., Any]:
    """What a question is put with; the command gets it whole as `question`."""
    for option in (
        click.option("--definitions", help="Id of the definitions; the newest when not given."),
        click.option("--known-at", help="Count what the records said at this instant."),
        click.option("--units", default="as-then", show_default=True, help="as-then, or the day whose units count."),
        click.option("--by", type=click.Choice([str(by) for by in By]), default="category", show_default=True),
        click.option("--against", default="previous-year", show_default=True, help="previous-year or a period."),
        click.option(
            "--period", required=True, help="2020, 2020-Q1, 2020-M1..M4, START/END (END not included), tt20-2025."
        ),
    ):
        command = option(command)
    return command


def form_options(command: Callable[..., Any]) -> Callable[..., Any]:
    command = click.option("--out", type=click.Path(dir_okay=False, path_type=Path), help="A file instead of stdout.")(
        command
    )
    return click.option("--format", "form", type=click.Choice(FORMS), help="Default: table on a terminal, else json.")(
        command
    )


def _question(options: Mapping[str, Any]) -> Question:
    from vonggac.statistics import ask

    return ask(**options)


@stats.command()
@question_options
@form_options
@click.pass_obj
def compare(call: Call, /, form: str | None, out: Path | None, **options: Any) -> None:
    """Count one period's incidents against another's.

    Totals count incidents; agency and level rows count involvements, and the overlap is printed.
    """
    from vonggac.comparison import answer_data
    from vonggac.statistics import answer

    node, question = node_of(call), _question(options)
    found = answer(node.store, node.directory(), question, now=node.clock())
    _give(call, answer_data(found, call.lang), form, out, found.now)


@stats.command()
@question_options
@click.option("--by-whom", default="operator", show_default=True, help="Who publishes.")
@click.pass_obj
def publish(call: Call, /, by_whom: str, **options: Any) -> None:
    """Freeze a comparison with everything that made it; prints its id and digest."""
    node, question = node_of(call), _question(options)
    table = node.publisher.publish(node.directory(), question, now=node.clock(), by=by_whom)
    call.show({"id": table["id"], "digest": table["digest"]})


@stats.command()
@click.argument("identity", metavar="ID")
@form_options
@click.pass_obj
def rerun(call: Call, identity: str, form: str | None, out: Path | None) -> None:
    """A published table again, the same bytes each time."""
    from vonggac.domain.times import parse_instant
    from vonggac.publishing import intact

    table = intact(node_of(call).store, identity)
    _give(call, table["table"][call.lang], form, out, parse_instant(table["published_at"]))


@stats.command()
@click.argument("identity", metavar="ID")
@click.pass_obj
def revise(call: Call, identity: str) -> None:
    """A published table beside what the records say now, and why it differs."""
    from vonggac.revision import revision

    node = node_of(call)
    found = revision(node.store, node.directory(), identity, now=node.clock(), lang=call.lang)
    if not call.for_people:
        call.show(found)
        return
    _print_revision(found, call.lang)


@stats.command("list")
@click.pass_obj
def list_(call: Call) -> None:
    """What was published."""
    from vonggac.publishing import publications

    call.table(publications(node_of(call).store), PUBLISHED_COLUMNS)


@stats.command()
@click.pass_obj
def outbox(call: Call) -> None:
    """The tables that go to the national reporting system, and how far they have come."""
    call.table(node_of(call).outbox.listed(), OUTBOX_COLUMNS)


@stats.command()
@click.argument("identity", metavar="ID")
@click.option("--by-whom", default="operator", show_default=True, help="Who sends.")
@click.pass_obj
def push(call: Call, identity: str, by_whom: str) -> None:
    """A published table is sent to the national reporting system now; exit code 4 where it was not taken."""
    sent = node_of(call).outbox.push(identity, by_whom)
    call.show(sent)
    if "fault" in sent:
        raise PeerUnavailable("not_delivered", id=identity, reason=sent["fault"])


@stats.command()
@question_options
@click.option("--key", default="total", show_default=True, help="The key of the row; total: all of the period.")
@click.option("--of", "which", type=click.Choice(["current", "previous"]), default="current", show_default=True)
@click.option("--limit", type=click.IntRange(1, 1_000_000), default=1_000, show_default=True)
@click.pass_obj
def cell(call: Call, /, key: str, which: str, limit: int, **options: Any) -> None:
    """The incidents that a cell of a comparison counts, the oldest first."""
    from vonggac.cells import incident_row
    from vonggac.statistics import cell as opened

    node, question = node_of(call), _question(options)
    period = question.period if which == "current" else question.against
    incidents = opened(node.store, node.directory(), question, key, period)
    call.table([incident_row(node.store, each, question) for each in islice(incidents, limit)], CELL_COLUMNS)


@stats.command()
@click.argument("previous")
@click.argument("current")
@click.option("--claimed", help="A percentage that somebody published, such as -19.38.")
@click.pass_obj
def explain(call: Call, previous: str, current: str, claimed: str | None) -> None:
    """The change from one number to another, and by which reckoning a claimed percentage came about."""
    from vonggac.claims import explained

    found = explained(_count(current), _count(previous), None if claimed is None else _decimal(claimed))
    if "because" in found:
        found["sentences"] = {lang: _claim(found, lang) for lang in LANGUAGES}
    call.show(found)


def _claim(found: Mapping[str, Any], lang: str) -> str:
    def figure(number: float, places: int | None = None) -> str:
        text = f"{number}" if places is None else f"{number:.{places}f}"
        return text.replace("-", "−").replace(".", "," if lang == "vi" else ".")

    facts = {name: figure(found[name]) for name in ("numerator", "denominator", "current", "previous")}
    changed, claimed = found["change_percent"], figure(found["claimed_percent"])
    facts |= {"change": figure(changed, 2), "exact": figure(changed, 4), "claimed": claimed}
    return say(lang, f"stats.claim_{found['because']}", **facts)


def _count(text: str) -> Decimal:
    """A count: groups of three digits are thousands, with a dot as with a comma between them."""
    plain = text.strip()
    found = _decimal(re.sub(r"[.,]", "", plain) if re.fullmatch(r"\d{1,3}([.,]\d{3})+", plain) else plain)
    if found < 0:
        raise UsageRefused("bad_number", text=text)
    return found


def _decimal(text: str) -> Decimal:
    """A number as people write it, `−19,38 %` too."""
    plain = text.strip().removesuffix("%").strip().replace("−", "-").replace("\u202f", "").replace(" ", "")
    if "," in plain:
        plain = plain.replace(".", "").replace(",", ".")
    try:
        found = Decimal(plain)
    except InvalidOperation as error:
        raise UsageRefused("bad_number", text=text) from error
    if not found.is_finite() or abs(found.adjusted()) > _DIGITS:
        raise UsageRefused("bad_number", text=text)
    return found


def _give(call: Call, body: Mapping[str, Any], form: str | None, out: Path | None, at: Any) -> None:
    """The comparison in the form asked for, on stdout or in a file."""
    from vonggac.reports.table import render

    form = form or ("table" if call.for_people and out is None else "json")
    if form == "table":
        print_table(body, call.lang)
        return
    data = render(body, form, call.lang, at=at)
    if out is None:
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
        return
    write_out(out, data)
    call.show({"format": form, "path": str(out), "bytes": len(data), "digest": body["digest"]})


def print_table(body: Mapping[str, Any], lang: str) -> None:
    """The comparison as a person reads it: rows, total, overlap, and the verdict in a sentence."""
    from rich.console import Console
    from rich.table import Table

    from vonggac.comparison import as_known
    from vonggac.reports import figures

    total = body["total"]
    periods = {name: figures.period_name(body[name], lang) for name in ("period", "against")}
    table = Table(title=say(lang, "stats.title", **periods))
    table.add_column(say(lang, f"stats.by_{body['by']}"))
    for name in ("current", "previous", "change"):
        table.add_column(say(lang, f"stats.{name}"), justify="right")
    for row in body["rows"]:
        table.add_row(
            row["label"],
            *(figures.count(row[name], lang) for name in ("current", "previous")),
            figures.change(row["current"], row["previous"], lang),
        )
    table.add_section()
    counts = (figures.count(total[name], lang) for name in ("current", "previous"))
    change = figures.change(total["current"], total["previous"], lang)
    table.add_row(say(lang, "stats.total"), *counts, change, style="bold")
    console = Console(width=None if sys.stdout.isatty() else 100)
    console.print(table)
    for sentence in (*as_known(body, lang), *body["sentences"][lang]):
        console.print(sentence)
    console.print(say(lang, "stats.source", definitions=body["definitions"], digest=body["digest"][:12]))


def _print_revision(found: Mapping[str, Any], lang: str) -> None:
    from rich.console import Console
    from rich.table import Table

    from vonggac.reports import figures

    table = Table(title=say(lang, "stats.revision_title", id=found["id"], at=found["known_at"]))
    table.add_column("")
    for name in ("published", "now", "difference"):
        table.add_column(say(lang, f"stats.{name}"), justify="right")
    for row in (*found["rows"], {"label": say(lang, "stats.total"), **found["total"]}):
        cells = row["current"]
        sign = "+" if cells["difference"] > 0 else ""
        counts = [figures.count(cells[name], lang) for name in ("published", "now", "difference")]
        table.add_row(row["label"], *counts[:2], f"{sign}{counts[2]}")
    console = Console()
    console.print(table)
    for why, count in found["changes"]["counts"].items():
        console.print(f"{say(lang, f'stats.why.{why}')}: {count}")
