"""The monthly note: `tháng N: X sự cố (a Phishing, b Deface, c Malware), …` against the month before and the same month
of the year before, the year to date, and what the figures rest on."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from datetime import datetime

from vonggac.definitions import all_definitions
from vonggac.domain.stats import By
from vonggac.domain.times import VIETNAM, Period, parse_period
from vonggac.messages import say
from vonggac.reports import claims, comparison, figures
from vonggac.reports.asking import Body, Compare, Report, before, by_month, month_of, months_of
from vonggac.reports.document import Block, Document, Facts, Heading, Notes, Text
from vonggac.statistics import Question

TRIAD = ("phishing", "deface", "malware")


def monthly(compare: Compare, question: Question, lang: str, *, now: datetime) -> Report:
    """The note on the month that is the question's period, made `now`; `against` and `by` are set here."""
    month = question.period
    start = month.start.astimezone(VIETNAM)
    asked = replace(question, by=By.CATEGORY)
    last = compare(replace(asked, against=month_of(*before(start.year, start.month))))
    year = compare(replace(asked, against=month.year_before()))
    to_date = Period(parse_period(str(start.year)).start, month.end, month.text)
    sum_question = replace(asked, period=to_date, against=to_date.year_before())
    so_far = compare(sum_question)
    months = [compare(each) for each in months_of(sum_question)]
    document = Document(
        lang=lang,
        title=say(lang, "report.monthly.title", period=figures.period_name(year["period"], lang)),
        subtitle=figures.span(year["period"]),
        blocks=tuple(_blocks(last, year, so_far, months, lang, now)),
        foot=comparison.foot(year["digest"], lang),
    )
    bodies: dict[str, Body | Sequence[Body]] = {
        "month_before": last,
        "year_before": year,
        "year_to_date": so_far,
        "months": months,
    }
    return Report("monthly", now, document, bodies)


def sentence(last: Body, year: Body, lang: str) -> str:
    """The note in one sentence, each claim with both counts and the coverage."""
    return say(
        lang,
        "report.monthly.sentence",
        period=figures.capitalised(figures.period_name(year["period"], lang)),
        current=figures.count(year["total"]["current"], lang),
        parts=parts(year, lang),
        claims="; ".join(claims.claim(body, lang) for body in (last, year)),
    )


def parts(body: Body, lang: str) -> str:
    """` (43 Phishing, 89 Deface, 71 Malware)` by the series of three, and what is in none of them; empty for no
    incident, or by the rows' own names where the definitions are not ours."""
    known = {each.id: each.categories for each in all_definitions()}.get(body["definitions"])
    counted: Counter[str] = Counter()
    for row in body["rows"]:
        category = known.get(row["key"]) if known else None
        name = row["label"] if known is None else category.triad if category and category.triad else "others"
        counted[name] += row["current"]
    if known is None:
        return _listed(((name, counted[name]) for name in counted), lang)
    named = [(say(lang, f"report.monthly.triad.{name}"), counted[name]) for name in TRIAD]
    return _listed([*named, (say(lang, "report.monthly.others"), counted["others"])], lang)


def _listed(counted: Iterable[tuple[str, float]], lang: str) -> str:
    said = [
        say(lang, "report.monthly.part", count=figures.count(number, lang), name=name)
        for name, number in counted
        if number
    ]
    return f" ({', '.join(said)})" if said else ""


def _notes(bodies: Iterable[Body], lang: str) -> Iterator[str]:
    """What must be read with each claim and which claim it belongs to, then what belongs to all."""
    said = [(claims.against_name(body, lang), claims.notes(body, lang)) for body in bodies]
    common = [note for note in said[0][1] if all(note in notes for _, notes in said)]
    for against, notes in said:
        for note in notes:
            if note not in common:
                yield say(lang, "report.monthly.note", against=against, note=note)
    yield from common


def _blocks(last: Body, year: Body, so_far: Body, months: Sequence[Body], lang: str, now: datetime) -> list[Block]:
    blocks: list[Block] = [Text(sentence(last, year, lang), lead=True)]
    blocks.append(Notes(tuple(_notes((last, year), lang))))
    blocks.append(comparison.grid(last, lang, caption=say(lang, "report.monthly.by_category")))
    blocks.append(comparison.grid(year, lang, caption=say(lang, "report.monthly.by_category_year")))
    if len(months) > 1:
        blocks += [Heading(say(lang, "report.monthly.so_far")), Text(claims.headline(so_far, lang))]
        blocks += [Notes(claims.notes(so_far, lang)), comparison.grid(so_far, lang)]
        blocks.append(comparison.chart(by_month(so_far, months, lang), lang))
    blocks.append(comparison.chart(year, lang))
    return [*blocks, Heading(say(lang, "report.method")), Facts(comparison.question(year, lang, now))]
