"""The maps of provinces as blocks of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from datetime import date

from vonggac.domain.stats import FEW_CASES
from vonggac.domain.text import sort_key
from vonggac.messages import say
from vonggac.reports import figures
from vonggac.reports.asking import Body
from vonggac.reports.comparison import periods
from vonggac.reports.document import Block, Grid, Notes, Text
from vonggac.reports.provinces import PER, Provinces, Rate
from vonggac.reports.tilemap import Values, layout_on, tile_map


def involvements(body: Body, provinces: Provinces, lang: str, *, other_units: bool) -> Iterator[Block]:
    """The map of involvements. `body` is a comparison by agency in the units of the provinces' day; `other_units` says
    that the report's tables are in units of another time."""
    layout = layout_on(provinces.day)
    tiles = {tile.code for tile in layout.tiles}
    placed: Counter[str] = Counter()
    nowhere = 0.0
    for row in body["rows"]:
        code = provinces.of_row(row["key"])
        if code in tiles:
            placed[code] += row["current"]
        else:
            nowhere += row["current"]
    caption = say(lang, "report.map.caption", period=figures.period_name(body["period"], lang))
    yield tile_map(caption, layout, Values(placed, say(lang, "report.map.unit"), figures.count), lang)
    said = [say(lang, "report.map.units", day=f"{provinces.day:%d/%m/%Y}")] if other_units else []
    said += [say(lang, "report.map.nowhere", count=figures.count(nowhere, lang))] if nowhere else []
    if said:
        yield Notes(tuple(said))


def rate(body: Body, found: Sequence[Rate], provinces: Provinces, day: date, lang: str) -> Iterator[Block]:
    """The map of rates for the systems of `day`, and their table with both numbers that each is made of; a sentence
    where no system is on record at all."""
    on = f"{day:%d/%m/%Y}"
    if not any(each.systems for each in found):
        yield Text(say(lang, "report.rate.no_systems", day=on))
        return
    values = Values(
        {each.code: each.value for each in found if each.value is not None},
        say(lang, "report.rate.unit", per=PER),
        figures.rate,
        few=frozenset(each.code for each in found if each.few),
    )
    layout = layout_on(provinces.day)
    caption = say(lang, "report.rate.caption", per=PER, period=figures.period_name(body["period"], lang))
    yield tile_map(caption, layout, values, lang)
    yield Notes(
        tuple(say(lang, f"report.rate.{note}", day=on, few=FEW_CASES) for note in ("systems_of", "few", "none"))
    )
    names = {tile.code: tile.name for tile in layout.tiles}
    yield _table(body, sorted(found, key=lambda each: sort_key(names[each.code])), names, lang)


def _table(body: Body, found: Sequence[Rate], names: dict[str, str], lang: str) -> Grid:
    called = periods(body, lang)
    head = (
        say(lang, "report.rate.province"),
        *map(figures.capitalised, (called.current, called.previous)),
        say(lang, "report.rate.systems"),
        say(lang, "report.rate.per", per=PER),
    )
    return Grid(say(lang, "report.rate.table"), head, tuple(_cells(each, names[each.code], lang) for each in found))


def _cells(each: Rate, name: str, lang: str) -> tuple[str, ...]:
    value = say(lang, "report.map.unknown") if each.value is None else figures.rate(each.value, lang)
    counts = (figures.count(n, lang) for n in (each.current, each.previous, each.systems or None))
    return name, *counts, f"{value}\u00a0*" if each.few else value
