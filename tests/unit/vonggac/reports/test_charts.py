from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import TypeAlias

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.reports.trees import tree
from vonggac.reports import charts
from vonggac.reports.charts import Pair, Periods
from vonggac.reports.document import Picture

PERIODS = Periods("năm 2020", "năm 2019")
PAIRS = [Pair("Tháng 1", 1200, 2400), Pair("Tháng 2", 0, 600)]
SVG = "{http://www.w3.org/2000/svg}"
Draw: TypeAlias = Callable[[str, Sequence[Pair], Periods, str], Picture]
DRAWINGS: tuple[Draw, ...] = (charts.columns, charts.bars, charts.mix)


def heights(svg: str, fill: str) -> list[float]:
    return [float(rect.get("height", "0")) for rect in tree(svg).iter(f"{SVG}rect") if rect.get("fill") == fill]


def texts(svg: str) -> list[str]:
    return [text.text or "" for text in tree(svg).iter(f"{SVG}text")]


def test_columns_stand_on_zero_and_are_as_high_as_their_counts() -> None:
    svg = charts.columns("Theo tháng", PAIRS, PERIODS, "vi").svg
    _, *now = heights(svg, charts.NOW)  # the first is the legend's
    _, *then = heights(svg, charts.THEN)
    assert now[1] == 0
    assert then[0] == pytest.approx(2 * now[0], abs=0.2)
    assert {"0", "500", "1.000", "2.500"} <= set(texts(svg))


@pytest.mark.parametrize("draw", DRAWINGS)
def test_a_drawing_has_every_figure_in_words_too(draw: Draw) -> None:
    picture = draw("Theo tháng", PAIRS, PERIODS, "vi")
    assert picture.alt == "Năm 2020 / năm 2019. Tháng 1: 1.200 / 2.400; Tháng 2: 0 / 600."
    assert tree(picture.svg).findtext(f"{SVG}desc") == picture.alt


@pytest.mark.parametrize("draw", DRAWINGS)
@given(
    labels=st.lists(st.text(max_size=60), max_size=9),
    counts=st.lists(st.floats(0, 1e9), min_size=18, max_size=18),
)
def test_any_labels_and_counts_give_a_drawing_that_is_xml(
    draw: Draw,
    labels: list[str],
    counts: list[float],
) -> None:
    pairs = [Pair(label, counts[2 * at], counts[2 * at + 1]) for at, label in enumerate(labels)]
    tree(draw("a < b", pairs, PERIODS, "vi").svg)


def test_a_long_label_is_folded_and_loses_no_word() -> None:
    label = "Ủy ban nhân dân phường của một thành phố có tên rất dài ở cuối danh sách"
    svg = charts.bars("Theo cơ quan", [Pair(label, 3, 2)], PERIODS, "vi").svg
    assert label in " ".join(texts(svg))


def test_the_two_periods_differ_in_grey() -> None:
    assert abs(grey(charts.NOW) - grey(charts.THEN)) > 0.4
    tones = [grey(tone) for tone in charts.TONES]
    assert all(lighter - darker > 0.08 for darker, lighter in pairwise(tones))


def grey(tone: str) -> float:
    """The lightness of a tone of 0 to 1 as a printer without colour gives it."""
    red, green, blue = (int(tone[at : at + 2], 16) / 255 for at in (1, 3, 5))
    return 0.299 * red + 0.587 * green + 0.114 * blue


def test_what_is_beyond_the_five_largest_is_told_as_a_sum() -> None:
    pairs = [Pair(f"Loại {at}", 10 - at, 1) for at in range(8)]
    said = texts(charts.mix("Cơ cấu", pairs, PERIODS, "vi").svg)
    assert any(text.startswith("3 loại còn lại: ") for text in said)
    assert not any("Loại 6" in text for text in said)


@given(st.lists(st.floats(0, 1e12), max_size=5))
def test_an_axis_begins_at_zero_and_holds_every_value(values: list[float]) -> None:
    top, marks = charts.scale(values)
    assert marks[0] == 0
    assert top == marks[-1] >= max(values, default=0)
    assert 2 <= len(marks) <= 8
