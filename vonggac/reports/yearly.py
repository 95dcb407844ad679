"""The yearly report: the year against the one before by category, month, level and agency, with the map, the other
measures and the method."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime, timedelta

from vonggac.domain.stats import By
from vonggac.domain.times import day_in_vietnam
from vonggac.messages import say
from vonggac.reports import charts, claims, comparison, figures
from vonggac.reports.asking import Body, Compare, Report, by_month, months_of
from vonggac.reports.document import Block, Document, Facts, Heading, Notes, Picture, Text
from vonggac.reports.tilemap import Layout, layout_on, tile_map
from vonggac.statistics import Question


def yearly(
    compare: Compare,
    question: Question,
    lang: str,
    *,
    now: datetime,
    province_of: Callable[[str], str | None] = lambda code: code,
) -> Report:
    """The report on the question's period against its `against`, made `now`; `by` is set here. Months that begin
    later are left out.

    The map has the tiles of the period's last day: where units changed within the period, ask in the units of that day.
    `province_of` gives for the key of a row by agency the code of the tile it counts in."""
    asked = {str(by): replace(question, by=by) for by in (By.CATEGORY, By.LEVEL, By.AGENCY)}
    tables = {name: compare(each) for name, each in asked.items()}
    months = [compare(each) for each in months_of(question) if each.period.start < now]
    category = tables["category"]
    name = figures.period_name(category["period"], lang)
    last_day = day_in_vietnam(question.period.end - timedelta(days=1))
    drawn = _map(tables["agency"]["rows"], layout_on(last_day), province_of, name, lang)
    document = Document(
        lang=lang,
        title=say(lang, "report.yearly.title", period=name),
        subtitle=comparison.subtitle(category, lang),
        blocks=(
            *_summary(category, lang),
            Heading(say(lang, "report.yearly.months")),
            comparison.chart(by_month(category, months, lang), lang),
            comparison.grid(by_month(category, months, lang), lang),
            *_involved(tables, drawn, lang),
            *_method(tables, months, lang, now),
        ),
        foot=comparison.foot(category["digest"], lang),
    )
    return Report("yearly", now, document, {**tables, "months": months})


def _map(
    rows: Iterable[Body], layout: Layout, province_of: Callable[[str], str | None], period: str, lang: str
) -> Picture:
    values: Counter[str] = Counter()
    for row in rows:
        values[province_of(row["key"]) or ""] += row["current"]
    caption = say(lang, "report.map.caption", period=period)
    return tile_map(caption, layout, values, say(lang, "report.map.unit"), lang)


def _summary(body: Body, lang: str) -> Iterator[Block]:
    yield Text(claims.headline(body, lang), lead=True)
    yield Notes(claims.notes(body, lang))
    yield from comparison.measures(body, lang)
    yield Heading(say(lang, "report.yearly.category"))
    yield comparison.grid(body, lang)
    names = comparison.periods(body, lang)
    yield charts.mix(say(lang, "report.chart_mix"), comparison.pairs_of(body, lang), names, lang)


def _involved(tables: Mapping[str, Body], drawn: Picture, lang: str) -> Iterator[Block]:
    said = claims.notes(tables["category"], lang)
    for name in ("level", "agency"):
        yield Heading(say(lang, f"report.yearly.{name}"))
        notes = tuple(note for note in claims.notes(tables[name], lang) if note not in said)
        if notes:
            yield Notes(notes)
        yield comparison.grid(tables[name], lang)
    yield drawn


def _method(tables: Mapping[str, Body], months: Sequence[Body], lang: str, now: datetime) -> Iterator[Block]:
    yield Heading(say(lang, "report.method"))
    yield Facts(comparison.question(tables["category"], lang, now))
    digests = [(say(lang, f"report.by_{name}"), body["digest"]) for name, body in tables.items()]
    labels = figures.month_labels([body["period"] for body in months], lang)
    digests += [(label, body["digest"]) for label, body in zip(labels, months, strict=True)]
    yield Heading(say(lang, "report.yearly.digests"))
    yield Facts(tuple(digests))
