"""A comparison as a Document: what it says, its table, its chart, and the question it answers."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vonggac.domain.times import parse_instant
from vonggac.messages import catalogue, say
from vonggac.reports import charts, claims, figures
from vonggac.reports.document import Block, Document, Facts, Grid, Heading, Notes, Picture, Text

#: Rows beyond this many are in the table and not in the chart, whose caption says so.
CHART_ROWS = 12
#: The measure that is a share of 0 to 1; the others are counts and times.
SHARE = "found_by_ourselves"


def document(body: Mapping[str, Any], lang: str, at: datetime | None = None) -> Document:
    """The whole comparison as a page or two; `at` is when its figures were counted."""
    blocks: list[Block] = [
        Text(claims.headline(body, lang), lead=True),
        Notes(claims.notes(body, lang)),
        grid(body, lang),
        *measures(body, lang),
    ]
    if body["rows"]:
        blocks.append(chart(body, lang))
    return Document(
        lang=lang,
        title=say(lang, "report.comparison_title"),
        subtitle=subtitle(body, lang),
        blocks=(*blocks, Heading(say(lang, "report.method")), Facts(question(body, lang, at))),
        foot=foot(body["digest"], lang),
    )


def subtitle(body: Mapping[str, Any], lang: str) -> str:
    """Both periods by their days."""
    return say(lang, "report.subtitle", period=figures.span(body["period"]), against=figures.span(body["against"]))


def foot(digest: str, lang: str) -> str:
    """What stands on every page: where the figures come from and their digest."""
    return say(lang, "report.foot", digest=digest[:16])


def periods(body: Mapping[str, Any], lang: str) -> charts.Periods:
    """How the two periods are called in heads of columns and legends."""
    return charts.Periods(*(figures.period_name(body[which], lang) for which in ("period", "against")))


def label(row: Mapping[str, Any], by: str, lang: str) -> str:
    """The name of a row: the body's, or our word for a level or severity that the body gives by its key alone."""
    key, name = str(row["key"]), str(row["label"])
    return name if name != key else catalogue(lang).get(f"report.{by}_{key}", name)


def grid(body: Mapping[str, Any], lang: str, *, caption: str = "") -> Grid:
    """The rows with total and overlap; a column of verdicts where rows have them."""
    names = periods(body, lang)
    head = [say(lang, f"report.by_{body['by']}"), *map(figures.capitalised, (names.current, names.previous))]
    head.append(say(lang, "stats.change"))
    judged = any(row.get("verdict") for row in body["rows"])
    rows = [_cells(label(row, body["by"], lang), row, judged, lang) for row in body["rows"]]
    return Grid(
        caption=caption or say(lang, f"report.table_by_{body['by']}"),
        head=(*head, *([say(lang, "report.judged")] if judged else [])),
        rows=tuple(rows),
        foot=tuple(_foot(body, judged, lang)),
        words=frozenset({0, 4}),
    )


def chart(body: Mapping[str, Any], lang: str) -> Picture:
    """The first rows as bars beside the period before, or every month as columns."""
    pairs = pairs_of(body, lang)
    caption = say(lang, f"report.chart_by_{body['by']}")
    if body["by"] == "month":
        return charts.columns(caption, pairs, periods(body, lang), lang)
    if len(pairs) > CHART_ROWS:
        caption = say(lang, "report.chart_part", caption=caption, shown=CHART_ROWS, count=len(pairs))
    return charts.bars(caption, pairs[:CHART_ROWS], periods(body, lang), lang)


def pairs_of(body: Mapping[str, Any], lang: str) -> list[charts.Pair]:
    """The rows as a chart takes them."""
    return [charts.Pair(label(row, body["by"], lang), row["current"], row["previous"]) for row in body["rows"]]


def question(body: Mapping[str, Any], lang: str, at: datetime | None = None) -> tuple[tuple[str, str], ...]:
    """What was asked and what the figures rest on, one name and value a line; `at` is when they were counted."""
    total = body["total"]
    known = parse_instant(body["known_at"]) if body.get("known_at") else at
    pairs = [
        ("period", figures.span(body["period"])),
        ("against", figures.span(body["against"])),
        ("known_at", figures.moment(known) if known else say(lang, "report.known_now")),
        ("units", units(body["units"], lang)),
        ("definitions", str(body["definitions"])),
        ("coverage_name", figures.capitalised(claims.coverage(total.get("coverage"), lang))),
        ("clock", say(lang, "report.clock_value")),
        ("rounding", say(lang, "report.rounding_value")),
        ("digest", str(body["digest"])),
    ]
    return (*((say(lang, f"report.{key}"), value) for key, value in pairs), *_breaks(body, lang))


def units(value: str, lang: str) -> str:
    """The units of which time the rows are, in words."""
    if value == "as-then":
        return say(lang, "report.units_as_then")
    day = "/".join(reversed(value.split("-")))
    return say(lang, "report.units_of_day", day=day)


def measures(body: Mapping[str, Any], lang: str) -> tuple[Grid, ...]:
    """The other measures side by side, because one number misleads; nothing where the body has none."""
    kept = body.get("measures") or {}
    rows = [row for name, pair in kept.items() for row in _measure(name, pair, lang)]
    if not rows:
        return ()
    names = periods(body, lang)
    head = (
        say(lang, "report.measure"),
        *map(figures.capitalised, (names.current, names.previous)),
        say(lang, "stats.change"),
    )
    return (Grid(say(lang, "report.table_measures"), head, tuple(rows)),)


def measure_name(key: str, lang: str) -> str:
    """What a measure is called; one that has no name of ours by its key."""
    return catalogue(lang).get(f"report.measures.{key}", key)


def _measure(name: str, pair: Mapping[str, Any], lang: str) -> list[tuple[str, ...]]:
    called = measure_name(name, lang)
    current, previous = pair.get("current"), pair.get("previous")
    if isinstance(current, Mapping) or isinstance(previous, Mapping):
        return _times(called, current or {}, previous or {}, lang)
    if name == SHARE:
        return [(called, figures.share(current, lang), figures.share(previous, lang), figures.DASH)]
    moved = figures.DASH if current is None or previous is None else figures.change(current, previous, lang)
    return [(called, figures.count(current, lang), figures.count(previous, lang), moved)]


def _times(called: str, current: Mapping[str, Any], previous: Mapping[str, Any], lang: str) -> list[tuple[str, ...]]:
    """Median and 90th percentile, each with how many incidents it is of."""
    rows = []
    for key in ("median_s", "p90_s"):
        cells = [
            say(lang, "report.time_of", time=figures.duration(side.get(key), lang), count=figures.count(n, lang))
            if (n := side.get("n"))
            else figures.DASH
            for side in (current, previous)
        ]
        now, then = current.get(key), previous.get(key)
        moved = figures.DASH if now is None or not then else figures.change(now, then, lang)
        rows.append((say(lang, f"report.{key}", measure=called), *cells, moved))
    return rows


def _cells(name: str, row: Mapping[str, Any], judged: bool, lang: str) -> tuple[str, ...]:
    current, previous = row["current"], row["previous"]
    cells = (name, figures.count(current, lang), figures.count(previous, lang), figures.change(current, previous, lang))
    return (*cells, claims.verdict_word(row.get("verdict"), lang)) if judged else cells


def _foot(body: Mapping[str, Any], judged: bool, lang: str) -> list[tuple[str, ...]]:
    lines = [_cells(say(lang, "stats.total"), body["total"], judged, lang)]
    overlap = body.get("overlap") or {}
    if overlap.get("current") or overlap.get("previous"):
        counts = (figures.count(overlap.get(which, 0), lang) for which in ("current", "previous"))
        lines.append((say(lang, "report.overlap_row"), *counts, figures.DASH, *([figures.DASH] if judged else [])))
    return lines


def _breaks(body: Mapping[str, Any], lang: str) -> list[tuple[str, str]]:
    """Each break of the series with its day and basis; what broke is told in the body's sentences too."""
    name = say(lang, "report.break")
    told = []
    for each in body.get("breaks") or ():
        what = [str(each[key]) for key in ("what", "basis") if each.get(key)]
        told.append((name, f"{_day_of(str(each['at']))}: {', '.join(what)}"))
    return told


def _day_of(text: str) -> str:
    """`dd/mm/yyyy` of a date or an instant."""
    return "/".join(reversed(text.split("-"))) if len(text) == 10 else figures.moment(parse_instant(text))
