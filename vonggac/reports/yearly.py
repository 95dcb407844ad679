"""The yearly report: the year against the one before by category, month, level and agency, with the map, the other
measures and the method."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import date, datetime, timedelta

from vonggac.domain.agency import Directory
from vonggac.domain.stats import By
from vonggac.domain.times import day_in_vietnam
from vonggac.messages import say
from vonggac.reports import charts, claims, comparison, figures, maps
from vonggac.reports.asking import Body, Compare, Report, by_month, months_of
from vonggac.reports.document import Block, Document, Facts, Heading, Notes, Text
from vonggac.reports.provinces import PER, Provinces, rates
from vonggac.reports.tilemap import layout_on
from vonggac.statistics import Question


def yearly(compare: Compare, question: Question, lang: str, *, now: datetime, directory: Directory) -> Report:
    """The report on the question's period against its `against`, made `now`; `by` is set here. Months that begin
    later are left out.

    The maps need units of one day: that of the question's units, or where these are of the time of each incident the
    period's last day. `directory` says which province an agency stands under, and which information systems there were
    on the period's last day, or today where that is to come."""
    asked = {str(by): replace(question, by=by) for by in (By.CATEGORY, By.LEVEL, By.AGENCY)}
    tables = {name: compare(each) for name, each in asked.items()}
    months = [compare(each) for each in months_of(question) if each.period.start < now]
    category = tables["category"]
    name = figures.period_name(category["period"], lang)
    day = question.units or last_day(question)
    if question.units is None:
        tables["map"] = compare(replace(asked["agency"], units=day))
    by_province = tables.get("map", tables["agency"])
    provinces, counted_on = Provinces(directory, day), min(last_day(question), day_in_vietnam(now))
    codes = [tile.code for tile in layout_on(day).tiles]
    found = rates(by_province["rows"], provinces, codes, counted_on)
    drawn = (
        *maps.involvements(by_province, provinces, lang, other_units="map" in tables),
        *maps.rate(by_province, found, provinces, counted_on, lang),
    )
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
    rate = {"systems_on": counted_on.isoformat(), "per": PER, "rows": [each.data() for each in found]}
    return Report("yearly", now, document, {**tables, "months": months, "rate": rate})


def last_day(question: Question) -> date:
    """The last day of the question's period."""
    return day_in_vietnam(question.period.end - timedelta(days=1))


def _summary(body: Body, lang: str) -> Iterator[Block]:
    yield Text(claims.headline(body, lang), lead=True)
    yield Notes(claims.notes(body, lang))
    yield from comparison.measures(body, lang)
    yield Heading(say(lang, "report.yearly.category"))
    yield comparison.grid(body, lang)
    names = comparison.periods(body, lang)
    yield charts.mix(say(lang, "report.chart_mix"), comparison.pairs_of(body, lang), names, lang)


def _involved(tables: Mapping[str, Body], drawn: Iterable[Block], lang: str) -> Iterator[Block]:
    said = claims.notes(tables["category"], lang)
    for name in ("level", "agency"):
        yield Heading(say(lang, f"report.yearly.{name}"))
        notes = tuple(note for note in claims.notes(tables[name], lang) if note not in said)
        if notes:
            yield Notes(notes)
        yield comparison.grid(tables[name], lang)
    yield from drawn


def _method(tables: Mapping[str, Body], months: Sequence[Body], lang: str, now: datetime) -> Iterator[Block]:
    yield Heading(say(lang, "report.method"))
    yield Facts(comparison.question(tables["category"], lang, now))
    digests = [(say(lang, f"report.by_{name}"), body["digest"]) for name, body in tables.items()]
    labels = figures.month_labels([body["period"] for body in months], lang)
    digests += [(label, body["digest"]) for label, body in zip(labels, months, strict=True)]
    yield Heading(say(lang, "report.yearly.digests"))
    yield Facts(tuple(digests))
