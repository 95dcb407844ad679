from __future__ import annotations

from tests.unit.vonggac.reports.bodies import comparison, row
from vonggac.reports import comparison as made
from vonggac.reports.document import Grid, Picture


def test_a_level_given_by_its_key_gets_our_word_and_a_name_stays() -> None:
    assert made.label(row("province", 1, 1), "level", "vi") == "Tỉnh, thành phố"
    assert made.label(row("province", 1, 1, "Cấp tỉnh"), "level", "vi") == "Cấp tỉnh"
    assert made.label(row("25", 1, 1), "agency", "vi") == "25"


def test_rows_with_verdicts_have_a_column_of_them() -> None:
    rows = [row("dos", 30, 60, verdict="reduction"), row("other", 1, 2, verdict=None)]
    grid = made.grid(comparison(rows=rows), "vi")
    assert [cells[-1] for cells in grid.rows] == ["giảm", "–"]
    assert grid.foot[0][-1] == "giảm"
    assert len({len(cells) for cells in (grid.head, *grid.rows, *grid.foot)}) == 1
    assert len(made.grid(comparison(), "vi").head) == 4


def test_a_break_is_told_with_its_day_and_what_is_known_of_it() -> None:
    breaks = [{"at": "2025-07-01", "of": "units", "basis": "NQ 202"}, {"at": "2025-03-01", "what": "A", "basis": "B"}]
    told = [value for name, value in made.question(comparison(breaks=breaks), "vi") if name == "Đứt gãy chuỗi số liệu"]
    assert told == ["01/07/2025: NQ 202", "01/03/2025: A, B"]


def test_units_of_a_day_are_named_with_the_day() -> None:
    assert dict(made.question(comparison(units="2025-07-01"), "vi"))["Đơn vị hành chính"] == (
        "theo đơn vị ngày 01/07/2025"
    )


def test_a_chart_that_leaves_rows_out_says_so_and_the_table_has_them_all() -> None:
    rows = [row(f"H{at}", 100 - at, 3) for at in range(40)]
    blocks = made.document(comparison(by="agency", rows=rows), "vi").blocks
    [picture] = [block for block in blocks if isinstance(block, Picture)]
    [grid] = [block for block in blocks if isinstance(block, Grid)]
    assert "12 dòng đầu trong 40 dòng" in picture.caption
    assert len(grid.rows) == 40


def test_measures_stand_side_by_side_with_what_they_are_of() -> None:
    measures = {
        "involvements": {"current": 1100, "previous": 2200, "change_percent": -50.0},
        "found_by_ourselves": {"current": 0.5, "previous": 0.25, "change_percent": 100.0},
        "time_to_detect": {
            "current": {"median_s": 3600, "p90_s": 7200, "n": 12},
            "previous": {"median_s": None, "p90_s": None, "n": 0},
        },
        "of-tomorrow": {"current": 1, "previous": 0},
    }
    [grid] = made.measures(comparison(measures=measures), "vi")
    assert grid.rows == (
        ("Lượt liên quan", "1.100", "2.200", "−50,0 %"),
        ("Tỷ lệ tự phát hiện", "50,0 %", "25,0 %", "–"),
        ("Thời gian phát hiện, trung vị", "1 giờ (trên\u00a012)", "–", "–"),
        ("Thời gian phát hiện, 90 % số vụ không quá", "2 giờ (trên\u00a012)", "–", "–"),
        ("of-tomorrow", "1", "0", "–"),
    )
    assert made.measures(comparison(), "vi") == ()
