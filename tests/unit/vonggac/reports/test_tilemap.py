from __future__ import annotations

from datetime import date

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.reports.trees import tree
from vonggac.reports import figures
from vonggac.reports.tilemap import STEPS, Layout, Values, fill_of, layout_on, layouts, steps, tile_map

BOTH = pytest.mark.parametrize("layout", layouts(), ids=lambda layout: layout.id)

NEW = layout_on(date(2026, 1, 1))
CIRCLE = "{http://www.w3.org/2000/svg}circle"


def shown(by_code: dict[str, float], *few: str) -> Values:
    return Values(by_code, "Sự cố", figures.count, frozenset(few))


@BOTH
def test_every_unit_has_one_tile_in_a_place_of_its_own(layout: Layout) -> None:
    assert len(layout.tiles) == int(layout.id)
    assert len({tile.code for tile in layout.tiles}) == len(layout.tiles)
    assert len({tile.name for tile in layout.tiles}) == len(layout.tiles)
    assert len({(tile.column, tile.row) for tile in layout.tiles}) == len(layout.tiles)


@BOTH
def test_hoang_sa_belongs_to_da_nang_and_truong_sa_to_khanh_hoa(layout: Layout) -> None:
    names = {tile.code: tile.name for tile in layout.tiles}
    assert {group.name: names[group.of] for group in layout.islands} == {
        "Hoàng Sa": "Đà Nẵng",
        "Trường Sa": "Khánh Hòa",
    }
    east = max(tile.column for tile in layout.tiles) + 1
    assert all(group.column > east for group in layout.islands)


@BOTH
@pytest.mark.parametrize("lang", ["vi", "en"])
def test_the_map_names_every_unit_and_the_islands(layout: Layout, lang: str) -> None:
    picture = tile_map("Bản đồ", layout, shown({"48": 7, "56": 0}), lang)
    drawn = " ".join(tree(picture.svg).itertext())
    for tile in layout.tiles:
        assert all(word in drawn for word in tile.name.split())
        assert tile.name in picture.alt
    for group in ("Hoàng Sa", "Trường Sa"):
        assert group in drawn
        assert group in picture.alt


def test_the_islands_have_the_tone_of_their_unit() -> None:
    svg = tile_map("Bản đồ", NEW, shown({"48": 700, "56": 1}), "vi").svg
    fills = [disc.get("fill") for disc in tree(svg).iter(CIRCLE) if disc.get("r") == "3.4"]
    assert set(fills[:7]) == {STEPS[-1]}
    assert set(fills[7:]) == {STEPS[1]}


def test_a_unit_without_a_record_is_hatched_and_one_with_none_is_not() -> None:
    assert fill_of(None, ()) == "url(#unknown)"
    assert fill_of(0, (10.0,)) == STEPS[0]
    assert fill_of(3, ()) == STEPS[1]


def test_a_figure_of_few_cases_has_a_star_and_no_tone() -> None:
    picture = tile_map("Bản đồ", NEW, shown({"48": 900, "56": 3, "01": 5}, "48"), "vi")
    assert "Đà Nẵng: 900 *;" in picture.alt
    assert "*: dưới 10 lượt" in picture.alt
    drawn = tree(picture.svg)
    assert "900 *" in list(drawn.itertext())
    islands = [disc.get("fill") for disc in drawn.iter(CIRCLE) if disc.get("r") == "3.4"]
    assert set(islands[:7]) == {"url(#few)"}


def test_tones_are_told_apart_without_the_figures_of_few_cases() -> None:
    with_few, without = shown({"48": 900, "56": 3, "01": 5}, "48"), shown({"56": 3, "01": 5})
    assert with_few.bounds(NEW) == without.bounds(NEW) != shown({"48": 900, "56": 3, "01": 5}).bounds(NEW)


def test_a_map_without_few_cases_has_no_legend_for_them() -> None:
    assert "dưới 10 lượt" not in tile_map("Bản đồ", NEW, shown({"48": 900}), "vi").alt


def test_the_units_of_a_day_are_those_there_were() -> None:
    assert layout_on(date(2025, 6, 30)).id == "63"
    assert layout_on(date(2025, 7, 1)).id == "34"


@given(st.lists(st.floats(0, 1e6), max_size=70))
def test_a_higher_value_never_has_a_lighter_tone(values: list[float]) -> None:
    bounds = steps(values)
    assert list(bounds) == sorted(set(bounds))
    tones = [STEPS.index(fill_of(value, bounds)) for value in sorted(values)]
    assert tones == sorted(tones)
