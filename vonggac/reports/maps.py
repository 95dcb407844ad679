"""The maps of provinces as blocks of a report."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from vonggac.messages import say
from vonggac.reports import figures
from vonggac.reports.asking import Body
from vonggac.reports.document import Block, Notes
from vonggac.reports.provinces import Provinces
from vonggac.reports.tilemap import layout_on, tile_map


def involvements(body: Body, provinces: Provinces, lang: str, *, other_units: bool) -> Iterator[Block]:
    """The map of involvements. `body` is a comparison by agency in the units of the provinces' day; `other_units` says
    that the report's tables are in units of another time."""
    placed: Counter[str | None] = Counter()
    for row in body["rows"]:
        placed[provinces.of_row(row["key"])] += row["current"]
    nowhere = placed.pop(None, 0)
    caption = say(lang, "report.map.caption", period=figures.period_name(body["period"], lang))
    yield tile_map(
        caption,
        layout_on(provinces.day),
        {code or "": n for code, n in placed.items()},
        say(lang, "report.map.unit"),
        lang,
    )
    said = [say(lang, "report.map.units", day=f"{provinces.day:%d/%m/%Y}")] if other_units else []
    said += [say(lang, "report.map.nowhere", count=figures.count(nowhere, lang))] if nowhere else []
    if said:
        yield Notes(tuple(said))
