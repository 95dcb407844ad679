"""The map of provinces: one named tile a unit in its rough place, its tone by the value, the islands in the East Sea.

Hoàng Sa belongs to Đà Nẵng and Trường Sa to Khánh Hòa, and each has the tone of its unit. Which tiles there are on a
day is data/tiles.toml.
"""

from __future__ import annotations

import tomllib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date
from functools import cache
from itertools import pairwise
from pathlib import Path
from typing import Any

from vonggac.dated import in_force
from vonggac.domain.stats import FEW_CASES
from vonggac.messages import say
from vonggac.reports import figures
from vonggac.reports.document import Picture
from vonggac.reports.svg import INK, box, disc, dots, drawing, folded, hatch, words

#: From none to most, told apart in grey.
STEPS = ("#ffffff", "#d9e6f2", "#a3c1de", "#6394c4", "#1f4e79")
#: The islets of a group around its place, in pixels.
_ISLETS = ((-22, -8), (-8, -16), (6, -6), (-14, 6), (20, -12), (16, 8), (0, 14))
_HATCH, _DOTS = "unknown", "few"
#: Letters in a line of the legend.
_LEGEND_WIDTH = 27


@dataclass(frozen=True, slots=True)
class Tile:
    code: str
    name: str
    column: int
    row: int


@dataclass(frozen=True, slots=True)
class Islands:
    """A group of islands; `of` is the code of the unit it belongs to."""

    name: str
    of: str
    column: float
    row: float


@dataclass(frozen=True, slots=True)
class Layout:
    """The tiles of one time; `tile` is a tile's width and height in pixels, `sea` where the sea's name stands."""

    id: str
    valid_from: date
    source: str
    tile: tuple[float, float]
    sea: tuple[float, float]
    tiles: tuple[Tile, ...]
    islands: tuple[Islands, ...]


@dataclass(frozen=True, slots=True)
class Values:
    """What a map shows: a value by code, what it is a number of, and how it is written in a language. Those in `few`
    rest on so few cases that they have no tone and a star, not to be set against others."""

    by_code: Mapping[str, float]
    unit: str
    write: Callable[[float, str], str]
    few: frozenset[str] = frozenset()

    def bounds(self, layout: Layout) -> tuple[float, ...]:
        """Where each tone begins, over the values that have one on this layout."""
        toned = {tile.code for tile in layout.tiles} - self.few
        return steps([value for code, value in self.by_code.items() if code in toned])

    def fill(self, code: str, bounds: Sequence[float]) -> str:
        return f"url(#{_DOTS})" if code in self.few else fill_of(self.by_code.get(code), bounds)

    def text(self, code: str, lang: str) -> str:
        """The figure, with a star where it rests on few cases; empty where there is none."""
        value = self.by_code.get(code)
        return "" if value is None else self.write(value, lang) + (" *" if code in self.few else "")


@cache
def layouts() -> tuple[Layout, ...]:
    """Every layout that ships with us, oldest first."""
    table = tomllib.loads((Path(__file__).parents[1] / "data" / "tiles.toml").read_text("utf-8"))
    return tuple(sorted(map(_layout, table["layouts"]), key=lambda layout: layout.valid_from))


def layout_on(day: date) -> Layout:
    """The layout of the units there were on the day."""
    return in_force(layouts(), day)


def tile_map(caption: str, layout: Layout, values: Values, lang: str) -> Picture:
    """The map of one value for each code; a unit without a value is hatched, never shown as zero."""
    bounds = values.bounds(layout)
    width, height = layout.tile
    parts = [hatch(_HATCH), dots(_DOTS)]
    for tile in layout.tiles:
        parts += _tile(tile, layout, values.fill(tile.code, bounds), values.text(tile.code, lang))
    names = {tile.code: tile.name for tile in layout.tiles}
    for group in layout.islands:
        parts += _group(group, names[group.of], layout, values.fill(group.of, bounds), lang)
    sea_x, sea_y = layout.sea[0] * width, layout.sea[1] * height
    parts.append(
        words(sea_x, sea_y, say(lang, "report.map.sea"), size=15, anchor="middle", fill="#3b6ea5", italic=True)
    )
    across = max(group.column for group in layout.islands) * width + 110
    parts += _legend(across - 210, 16, values, bounds, lang)
    alt = _in_words(layout, values, lang)
    tall = (max(tile.row for tile in layout.tiles) + 1) * height + 2
    return Picture(caption, drawing(across, tall, caption, alt, parts), alt)


def steps(values: Sequence[float]) -> tuple[float, ...]:
    """Where each tone after the lightest begins: round numbers (1, 2, 5 times a ten) between the lowest value that is
    not zero and the highest, at most three."""
    counted = [value for value in values if value]
    low, high = min(counted, default=0.0), max(counted, default=0.0)
    marks = [lead * 10.0**power for power in range(-3, 10) for lead in (1, 2, 5)]
    return tuple(mark for mark in marks if low < mark <= high)[-(len(STEPS) - 2) :]


def fill_of(value: float | None, bounds: Sequence[float]) -> str:
    """The tone of a value; the hatch of one that is not known."""
    if value is None:
        return f"url(#{_HATCH})"
    return STEPS[0] if not value else STEPS[1 + sum(value >= bound for bound in bounds)]


def _tile(tile: Tile, layout: Layout, fill: str, figure: str) -> list[str]:
    width, height = layout.tile
    x, y = tile.column * width + 1, tile.row * height + 1
    ink = "#ffffff" if fill == STEPS[-1] else INK
    middle, name = x + (width - 3) / 2, folded(tile.name, int(width / 5.8))
    lines = [*name, *([figure] if figure else [])]
    above = y + height / 2 + 2 - 6.0 * (len(lines) - 1)
    parts = [box(x, y, width - 3, height - 3, fill, INK, radius=3)]
    if fill not in STEPS:
        parts.append(box(x + 3, above - 9, width - 9, 11.5 * len(lines) + 2, "#ffffff", radius=2))
    for row, text in enumerate(lines):
        bold = bool(figure) and row == len(lines) - 1
        parts.append(words(middle, above + 11.5 * row, text, size=10.5, anchor="middle", fill=ink, bold=bold))
    return parts


def _group(group: Islands, owner: str, layout: Layout, fill: str, lang: str) -> list[str]:
    x, y = group.column * layout.tile[0], group.row * layout.tile[1]
    islets = [disc(x + right, y + down, 3.4, fill, INK) for right, down in _ISLETS]
    name = say(lang, "report.map.islands", name=group.name)
    return [
        *islets,
        words(x, y + 34, name, size=12, anchor="middle", bold=True),
        words(x, y + 48, f"({owner})", size=11, anchor="middle"),
    ]


def _legend(x: float, y: float, values: Values, bounds: Sequence[float], lang: str) -> list[str]:
    marks = [figures.count(bound, lang) if bound >= 1 else figures.decimal(bound, 3, lang) for bound in bounds]
    said = ["0", say(lang, "report.map.below", high=marks[0]) if marks else say(lang, "report.map.some")]
    said += [say(lang, "report.map.between", low=low, high=high) for low, high in pairwise(marks)]
    said += [say(lang, "report.map.from", low=mark) for mark in marks[-1:]]
    entries = [*zip(STEPS, said, strict=False), (f"url(#{_HATCH})", say(lang, "report.map.unknown"))]
    if values.few:
        entries.append((f"url(#{_DOTS})", say(lang, "report.map.few", few=FEW_CASES)))
    heads = folded(values.unit, _LEGEND_WIDTH)
    parts = [words(x, y + 14 * row, text, bold=True) for row, text in enumerate(heads)]
    below = y + 10 + 14 * (len(heads) - 1)
    for fill, text in entries:
        lines = folded(text, _LEGEND_WIDTH)
        parts.append(box(x, below, 22, 14, fill, INK))
        parts += [words(x + 30, below + 11 + 14 * row, line) for row, line in enumerate(lines)]
        below += 6 + 14 * len(lines)
    return parts


def _in_words(layout: Layout, values: Values, lang: str) -> str:
    unknown = say(lang, "report.map.unknown")
    said = [f"{tile.name}: {values.text(tile.code, lang) or unknown}" for tile in layout.tiles]
    said += [f"*: {say(lang, 'report.map.few', few=FEW_CASES)}"] if values.few else []
    names = {tile.code: tile.name for tile in layout.tiles}
    groups = [f"{say(lang, 'report.map.islands', name=group.name)} ({names[group.of]})" for group in layout.islands]
    return f"{values.unit}. {'; '.join(said)}. {'; '.join(groups)}."


def _layout(table: Mapping[str, Any]) -> Layout:
    return Layout(
        id=table["id"],
        valid_from=table["valid_from"],
        source=table["source"],
        tile=tuple(table["tile"]),
        sea=tuple(table["sea"]),
        tiles=tuple(Tile(each["code"], each["name"], *each["at"]) for each in table["tiles"]),
        islands=tuple(Islands(each["name"], each["of"], *each["at"]) for each in table["islands"]),
    )
