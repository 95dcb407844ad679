"""What ships: Vietnam's provinces, ministries and districts before and after the reorganisations of 2025."""

from __future__ import annotations

import tomllib
from collections import Counter
from datetime import date

import pytest

from vonggac.domain.agency import Directory, Level
from vonggac.domain.faults import faults
from vonggac.domain.lineage import Lineage
from vonggac.domain.text import nfc
from vonggac.units import SHIPPED, shipped_units

DIRECTORY = Directory(shipped_units())
LINEAGE = Lineage(DIRECTORY)
LAST, CHANGE = date(2025, 6, 30), date(2025, 7, 1)


def names(level: Level, day: date) -> dict[str, str]:
    return {unit.code: unit.name for unit in DIRECTORY.agencies if unit.level is level and unit.valid_on(day)}


def test_it_has_no_fault() -> None:
    assert list(faults(DIRECTORY)) == []


def test_there_are_63_provinces_until_june_2025_and_34_since() -> None:
    assert (len(names(Level.PROVINCE, LAST)), len(names(Level.PROVINCE, CHANGE))) == (63, 34)


def test_districts_are_there_until_june_2025_and_no_longer() -> None:
    districts = [unit for unit in DIRECTORY.agencies if unit.level is Level.DISTRICT]
    for day in (date(2025, 1, 1), date(2025, 3, 1), LAST):
        assert sum(unit.valid_on(day) for unit in districts) == 696
    assert names(Level.DISTRICT, CHANGE) == {}
    assert Counter(DIRECTORY.on(unit.parent or "", LAST) is not None for unit in districts) == {True: 697}
    assert names(Level.DISTRICT, date(2025, 2, 28))["754"] == "Thị xã Phú Mỹ"
    assert names(Level.DISTRICT, date(2025, 3, 1))["754"] == "Thành phố Phú Mỹ"


def test_a_districts_incidents_went_to_nobody_knows_whom() -> None:
    (part,) = LINEAGE.in_units_of("227", date(2025, 3, 5), CHANGE)
    assert (part.code, part.known) == ("227", False)


def test_22_ministries_became_17() -> None:
    assert len(names(Level.MINISTRY, date(2025, 2, 28))) == 22
    assert len(names(Level.MINISTRY, date(2025, 3, 1))) == 17


def test_eleven_provinces_go_on_and_52_have_one_successor_each_that_takes_all() -> None:
    old, new = names(Level.PROVINCE, LAST), names(Level.PROVINCE, CHANGE)
    gone = [code for code in old if not DIRECTORY.on(code, LAST).valid_on(CHANGE)]  # type: ignore[union-attr]
    assert (len(old) - len(gone), len(gone)) == (11, 52)
    for code in gone:
        (part,) = LINEAGE.in_units_of(code, LAST, CHANGE)
        assert part.share == 1
        assert part.known
        assert part.code in new
    formed = Counter(part.code for code in gone for part in LINEAGE.in_units_of(code, LAST, CHANGE))
    assert (len(formed), sum(formed.values())) == (23, 52)
    assert set(formed.values()) == {2, 3}


#: vietnam.md 4.5: the new unit, its code (QĐ 19/2025/QĐ-TTg) and whom it was formed from.
FORMED = {
    ("08", "Tuyên Quang"): "Hà Giang, Tuyên Quang",
    ("15", "Lào Cai"): "Yên Bái, Lào Cai",
    ("19", "Thái Nguyên"): "Bắc Kạn, Thái Nguyên",
    ("25", "Phú Thọ"): "Vĩnh Phúc, Hòa Bình, Phú Thọ",
    ("24", "Bắc Ninh"): "Bắc Giang, Bắc Ninh",
    ("33", "Hưng Yên"): "Thái Bình, Hưng Yên",
    ("31", "Hải Phòng"): "Hải Dương, Hải Phòng",
    ("37", "Ninh Bình"): "Hà Nam, Nam Định, Ninh Bình",
    ("44", "Quảng Trị"): "Quảng Bình, Quảng Trị",
    ("48", "Đà Nẵng"): "Quảng Nam, Đà Nẵng",
    ("51", "Quảng Ngãi"): "Kon Tum, Quảng Ngãi",
    ("52", "Gia Lai"): "Bình Định, Gia Lai",
    ("56", "Khánh Hòa"): "Ninh Thuận, Khánh Hòa",
    ("68", "Lâm Đồng"): "Đắk Nông, Bình Thuận, Lâm Đồng",
    ("66", "Đắk Lắk"): "Phú Yên, Đắk Lắk",
    ("79", "Thành phố Hồ Chí Minh"): "Bình Dương, Bà Rịa – Vũng Tàu, Thành phố Hồ Chí Minh",
    ("75", "Đồng Nai"): "Bình Phước, Đồng Nai",
    ("80", "Tây Ninh"): "Long An, Tây Ninh",
    ("92", "Cần Thơ"): "Sóc Trăng, Hậu Giang, Cần Thơ",
    ("86", "Vĩnh Long"): "Bến Tre, Trà Vinh, Vĩnh Long",
    ("82", "Đồng Tháp"): "Tiền Giang, Đồng Tháp",
    ("96", "Cà Mau"): "Bạc Liêu, Cà Mau",
    ("91", "An Giang"): "Kiên Giang, An Giang",
}


@pytest.mark.parametrize(("unit", "olds"), FORMED.items(), ids=[code for code, _ in FORMED])
def test_each_new_province_comes_from_those_that_the_resolution_names(unit: tuple[str, str], olds: str) -> None:
    code, name = unit
    new = DIRECTORY.on(code, CHANGE)
    assert new is not None
    assert (new.name, new.valid_from) == (name, CHANGE)
    assert ", ".join(DIRECTORY.on(how.code, LAST).name for how in new.predecessors) == olds  # type: ignore[union-attr]


def test_lao_cai_bears_another_code_than_before() -> None:
    before, after = names(Level.PROVINCE, LAST), names(Level.PROVINCE, CHANGE)
    assert (before["10"], before["15"]) == ("Lào Cai", "Yên Bái")
    assert after["15"] == "Lào Cai"
    assert "10" not in after
    for code in ("10", "15"):
        assert [part.code for part in LINEAGE.in_units_of(code, date(2024, 9, 1), CHANGE)] == ["15"]


def test_hue_was_renamed_in_both_directions() -> None:
    day, before = date(2025, 2, 1), date(2024, 2, 1)
    (after,) = LINEAGE.in_units_of("46", before, day)
    (then,) = LINEAGE.in_units_of("46", day, before)
    assert after.unit is not None
    assert then.unit is not None
    assert (after.unit.name, then.unit.name, after.known, then.known) == ("Huế", "Thừa Thiên Huế", True, True)


@pytest.mark.parametrize(
    ("old", "new", "known"),
    [
        ("bo-tttt", "Bộ Khoa học và Công nghệ", True),
        ("bo-khdt", "Bộ Tài chính", True),
        ("bo-tnmt", "Bộ Nông nghiệp và Môi trường", True),
        ("bo-nnptnt", "Bộ Nông nghiệp và Môi trường", True),
        ("bo-gtvt", "Bộ Xây dựng", True),
        ("ub-dt", "Bộ Dân tộc và Tôn giáo", True),
        ("bo-nv", "Bộ Nội vụ", True),
        ("bo-ldtbxh", "Bộ Lao động - Thương binh và Xã hội", False),
    ],
)
def test_each_ministry_of_2024_is_found_in_that_of_2026(old: str, new: str, known: bool) -> None:
    (part,) = LINEAGE.in_units_of(old, date(2024, 5, 1), date(2026, 5, 1))
    assert part.unit is not None
    assert (part.unit.name, part.known) == (new, known)


def test_the_systems_of_defence_and_public_security_are_outside_the_scope() -> None:
    assert {unit.code for unit in DIRECTORY.agencies if unit.outside_scope} == {"bo-qp", "bo-ca"}


def test_every_unit_hangs_below_the_root_and_is_written_in_one_form() -> None:
    assert DIRECTORY.below("VN") == {unit.code for unit in DIRECTORY.agencies}
    assert all(unit.name == nfc(unit.name).strip() for unit in DIRECTORY.agencies)
    wide = (Level.NATIONAL, Level.MINISTRY, Level.PROVINCE)
    assert all(unit.name_en for unit in DIRECTORY.agencies if unit.level in wide)


def test_every_table_says_where_it_is_from() -> None:
    sources = tomllib.loads((SHIPPED / "sources.toml").read_text("utf-8"))
    assert set(sources) == {path.stem for path in SHIPPED.glob("*.csv")}
    for source in sources.values():
        assert source["source"]
        assert source["certainty"] in ("checked", "known", "to-check")
