from __future__ import annotations

from datetime import date

import pytest

from tests.unit.vonggac.reports.bodies import row
from vonggac.domain.agency import Agency, Directory, Level, LineageKind, Predecessor, System
from vonggac.domain.stats import FEW_CASES
from vonggac.reports.provinces import Provinces, Rate, rates

MERGED = date(2025, 7, 1)


def directory(*more: Agency) -> Directory:
    """26 and 25 became the new 25, as Vĩnh Phúc and Phú Thọ did; 01 went on."""
    return Directory(
        (
            Agency("01", "Hà Nội", Level.PROVINCE),
            Agency("26", "Vĩnh Phúc", Level.PROVINCE, valid_to=MERGED),
            Agency("25", "Phú Thọ", Level.PROVINCE, valid_to=MERGED),
            Agency(
                "25",
                "Phú Thọ",
                Level.PROVINCE,
                valid_from=MERGED,
                predecessors=(Predecessor("26"), Predecessor("25")),
            ),
            *more,
        )
    )


def placed(day: date, *keys: str, among: Directory | None = None) -> list[str | None]:
    provinces = Provinces(among or directory(), day)
    return [provinces.of_row(key) for key in keys]


def test_an_agency_counts_in_the_province_it_stands_under() -> None:
    found = directory(
        Agency("01-SYT", "Sở Y tế", Level.UNIT, parent="01"),
        Agency("01-SYT-1", "Trung tâm Y tế", Level.UNIT, parent="01-SYT"),
        Agency("BTC", "Bộ Tài chính", Level.MINISTRY),
        Agency("A", "Vòng A", Level.UNIT, parent="B"),
        Agency("B", "Vòng B", Level.UNIT, parent="A"),
    )
    keys = ("01", "01-SYT", "01-SYT-1", "BTC", "A", "không có")
    assert placed(MERGED, *keys, among=found) == ["01", "01", "01", None, None, None]


def test_an_earlier_life_of_a_code_is_found_by_its_first_day() -> None:
    assert placed(date(2024, 12, 31), "25@1900-01-01", "26") == ["25", "26"]
    assert placed(MERGED, "25@1901-01-01") == [None]


def test_a_province_that_is_no_more_counts_in_the_one_it_went_into() -> None:
    assert placed(MERGED, "26", "25@1900-01-01", "25") == ["25", "25", "25"]


def test_a_district_that_is_no_more_counts_where_its_province_went() -> None:
    district = Agency("243", "Vĩnh Yên", Level.DISTRICT, parent="26", valid_to=MERGED)
    assert placed(date(2025, 6, 30), "243", among=directory(district)) == ["26"]
    assert placed(date(2025, 12, 31), "243", among=directory(district)) == ["25"]


def test_a_province_that_was_parted_counts_in_none() -> None:
    halves = [
        Agency(code, code, Level.PROVINCE, valid_from=MERGED, predecessors=(Predecessor("X", LineageKind.SPLIT, None),))
        for code in ("Y", "Z")
    ]
    parted = directory(Agency("X", "X", Level.PROVINCE, valid_to=MERGED), *halves)
    assert placed(MERGED, "X", "Y", among=parted) == [None, "Y"]
    assert placed(date(2025, 6, 30), "Y", among=parted) == [None]


def with_systems() -> Directory:
    units = directory(
        Agency("01-SYT", "Sở Y tế", Level.UNIT, parent="01"),
        Agency("01-BCH", "Bộ Chỉ huy quân sự", Level.UNIT, parent="01", outside_scope=True),
        Agency("BTC", "Bộ Tài chính", Level.MINISTRY),
    )
    systems = (
        System("s1", "Cổng", 3, "01"),
        System("s2", "Bệnh án", 3, "01-SYT"),
        System("s3", "Quân sự", 4, "01-BCH"),
        System("s4", "Ngân sách", 4, "BTC"),
        System("s5", "Cũ", 2, "26", valid_to=date(2025, 1, 1)),
        System("s6", "Còn", 2, "26"),
        System("s7", "Của ai không rõ", 2, "không có"),
        System("s8", "Mới", 2, "25", valid_from=MERGED),
    )
    return Directory(units.agencies, systems)


def test_the_systems_of_a_province_are_its_own_and_those_below_it_in_scope() -> None:
    found = Provinces(with_systems(), date(2024, 12, 31)).systems(date(2024, 12, 31))
    assert found == {"01": 2, "26": 2}


def test_systems_are_those_of_the_day_also_in_the_units_of_another() -> None:
    assert Provinces(with_systems(), MERGED).systems(date(2024, 12, 31)) == {"01": 2, "25": 2}
    assert Provinces(with_systems(), MERGED).systems(MERGED) == {"01": 2, "25": 2}
    assert Provinces(with_systems(), date(2025, 6, 30)).systems(date(2025, 6, 30)) == {"01": 2, "26": 1}


def test_a_rate_counts_what_stands_below_and_leaves_out_what_is_outside_the_scope() -> None:
    rows = [row("01", 6, 5), row("01-SYT", 4, 0), row("01-BCH", 50, 50), row("BTC", 9, 9)]
    provinces = Provinces(with_systems(), MERGED)
    assert rates(rows, provinces, ["01", "25"], MERGED) == [Rate("01", 10, 5, 2), Rate("25", None, None, 2)]
    assert Rate("01", 10, 5, 2).value == 500


@pytest.mark.parametrize(("current", "systems"), [(None, 7), (12, 0), (None, 0)])
def test_no_record_is_not_a_rate_of_zero(current: float | None, systems: int) -> None:
    found = Rate("01", current, current, systems)
    assert found.value is None
    assert not found.few


def test_a_rate_of_zero_is_one_where_there_were_cases_before() -> None:
    assert Rate("01", 0, 30, 5).value == 0


def test_a_rate_of_few_cases_in_both_periods_together_says_so() -> None:
    assert Rate("01", FEW_CASES - 5, 4, 5).few
    assert not Rate("01", FEW_CASES - 5, 5, 5).few
