from __future__ import annotations

from datetime import date

from vonggac.domain.agency import Agency, Directory, Level, LineageKind, Predecessor
from vonggac.reports.provinces import Provinces

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
