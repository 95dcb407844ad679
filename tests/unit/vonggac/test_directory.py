"""Units and information systems in CSV: told apart by the header, read back as written, bad rows named."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.cli import run
from vonggac.demo import material
from vonggac.directory import (
    Imported,
    Placed,
    fitting_units,
    import_directory,
    load_directory,
    read_directory,
    remove_units,
    save_systems,
    stored_units,
    system_data,
    system_from,
)
from vonggac.domain.agency import Agency, System
from vonggac.domain.lineage import Lineage
from vonggac.errors import InvalidRecord, NotFound, UnknownInput, UsageRefused
from vonggac.messages import LANGUAGES, explain
from vonggac.ports import Store
from vonggac.units import agency_from, shipped_units

HEADER = "system,name,level,agency,valid_from,valid_to,networks,domains\n"
ROW = "dvc,Cổng dịch vụ,4,H40,2024-01-01,2027-01-01,10.1.0.80;10.1.7.0/24,dvc.example\n"


def write(folder: Path, text: str, name: str = "he-thong.csv") -> Path:
    path = folder / name
    path.write_text(text, "utf-8")
    return path


def test_the_header_tells_units_from_systems(tmp_path: Path) -> None:
    (unit,) = read_directory(write(tmp_path, "code,name,level\nH40,Tỉnh,province\n"))
    (system,) = read_directory(write(tmp_path, HEADER + ROW), {"H40"})
    assert isinstance(unit, Placed)
    assert isinstance(system, Placed)
    assert (type(unit.thing), type(system.thing)) == (Agency, System)
    assert (unit.line, system.line) == (2, 2)


def test_a_system_is_read_back_from_the_store_as_it_was_written(tmp_path: Path, store: Store) -> None:
    (read,) = read_directory(write(tmp_path, HEADER + ROW), {"H40"})
    assert isinstance(read, Placed)
    found = read.thing
    assert isinstance(found, System)
    assert save_systems(store.records, [found]) == 1
    assert save_systems(store.records, [found]) == 1
    assert load_directory(store.records).systems == (found,)
    assert system_from(system_data(found)) == found


@pytest.mark.parametrize(
    ("row", "key", "word"),
    [
        (",Cổng,4,H40,,,,", "row_empty", "system"),
        ("x,,4,H40,,,,", "row_empty", "name"),
        ("x,Cổng,,H40,,,,", "row_empty", "level"),
        ("x,Cổng,4,,,,,", "row_empty", "agency"),
        ("x,Cổng,6,H40,,,,", "row_value", "level"),
        ("x,Cổng,four,H40,,,,", "row_value", "four"),
        ("x,Cổng,4,H41,,,,", "row_agency", "H41"),
        ("x,Cổng,4,H40,2024-02-30,,,", "row_value", "2024-02-30"),
        ("x,Cổng,4,H40,2024-02-01,2024-02-01,,", "row_backwards", "valid_to"),
        ("x,Cổng,4,H40,,,10.1.0.1/8,", "row_value", "10.1.0.1/8"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_reason_and_the_others_are_read(
    tmp_path: Path, row: str, key: str, word: str
) -> None:
    refused, good = read_directory(write(tmp_path, f"{HEADER}{row}\n{ROW}"), {"H40"})
    assert isinstance(good, Placed)
    assert isinstance(refused, InvalidRecord)
    assert refused.key == key
    for lang in LANGUAGES:
        said = explain(refused, lang)
        assert word in said
        assert "2" in said


def test_a_system_that_a_file_has_twice_on_one_day_is_refused(tmp_path: Path, store: Store) -> None:
    lives = ("2024-01-01,2025-01-01", "2025-01-01,", "2025-01-01,", "2024-12-31,2025-01-01", ",2024-01-01")
    rows = "".join(f"HT,Cổng {number},3,01,{life}\n" for number, life in enumerate(lives))
    path = write(tmp_path, f"system,name,level,agency,valid_from,valid_to\n{rows}")
    imported = import_directory(store.records, path)
    assert [(each.facts["line"], each.key) for each in imported.refused] == [
        (4, "row_system_twice"),
        (5, "row_system_twice"),
    ]
    assert [system.name for system in load_directory(store.records).systems] == ["Cổng 4", "Cổng 0", "Cổng 1"]


def test_a_file_of_systems_that_lacks_a_column_is_refused_whole(tmp_path: Path) -> None:
    with pytest.raises(UnknownInput) as refused:
        list(read_directory(write(tmp_path, "system,name,agency\nx,y,H40\n")))
    assert refused.value.facts["columns"] == "level"


def test_systems_are_imported_and_listed_by_the_day(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    data = ["--data-dir", str(tmp_path / "kho"), "--json"]
    run(["agency", "import", str(write(tmp_path, "code,name,level\nH40,Tỉnh,province\n", "u.csv")), *data])
    assert run(["agency", "import", str(write(tmp_path, HEADER + ROW + "x,Y,9,H40,,,,\n")), *data]) == 1
    capfdbinary.readouterr()
    for day, codes in (("2023-12-31", []), ("2024-01-01", ["dvc"]), ("2027-01-01", [])):
        assert run(["agency", "list", "--systems", "--on", day, *data]) == 0
        listed = [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]
        assert [each["system"] for each in listed] == codes


# --- units that fit, and those that do not

UNITS = "code,name,level,parent,valid_from,valid_to,predecessors,networks\n"


def imported(store: Store, folder: Path, *rows: str) -> Imported:
    return import_directory(store.records, write(folder, UNITS + "".join(f"{row}\n" for row in rows), "units.csv"))


def refusals(done: Imported) -> list[tuple[int, str]]:
    for refused in done.refused:
        assert all("units.csv" in explain(refused, lang) for lang in LANGUAGES)
    return [(int(str(each.facts["line"])), each.key) for each in done.refused]


SOUND = (
    "S-1,Sở,unit,P9,2025-07-01,,,10.9.1.0/24",
    "P9,Tỉnh mới,province,VN,2025-07-01,,P7;P8,10.9.0.0/16",
    "P7,Tỉnh cũ,province,VN,,2025-07-01,,",
    "P8,Tỉnh cũ khác,province,VN,,2025-07-01,,10.9.0.0/16",
)


def test_the_directory_holds_what_ships_and_what_was_imported(tmp_path: Path, store: Store) -> None:
    assert load_directory(store.records).agencies == tuple(sorted(shipped_units(), key=lambda unit: unit.key))
    assert imported(store, tmp_path, *SOUND) == Imported(4, 0, ())
    directory = load_directory(store.records)
    assert len(directory.agencies) == len(shipped_units()) + 4
    assert directory.below("P9") == {"P9", "S-1"}
    assert imported(store, tmp_path, *SOUND) == Imported(4, 0, ())
    assert load_directory(store.records) == directory


@given(st.permutations([*SOUND, "X,Lạc,unit,P7,,,,", "Y,Lạc theo,unit,X,,,,"]))
def test_the_order_of_the_rows_does_not_matter(rows: list[str]) -> None:
    columns = UNITS.strip().split(",")
    units = [agency_from(dict(zip(columns, row.split(","), strict=True))) for row in rows]
    fitting, unfit = fitting_units([], enumerate(units), Path("units.csv"))
    assert {unit.code for unit in fitting} == {"P7", "P8", "P9", "S-1"}
    assert {(rows[int(str(each.facts["line"]))][0], each.key) for each in unfit} == {
        ("X", "row_parent_away"),
        ("Y", "row_parent_unknown"),
    }


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        (
            ["a,A,unit,nobody,,,,", "b,B,unit,a,,,,", "c,C,unit,VN,,,,"],
            [(2, "row_parent_unknown"), (3, "row_parent_unknown")],
        ),
        (["a,A,unit,b,,,,", "b,B,unit,a,,,,"], [(2, "row_cycle"), (3, "row_cycle")]),
        (["a,A,unit,VN,,2025-07-01,,", "a,A,unit,VN,2025-01-01,,,"], [(3, "row_overlap")]),
        (["a,A,unit,VN,,2025-06-30,,", "a,A,unit,VN,2025-07-01,,,"], [(3, "row_gap")]),
        (["a,A,unit,VN,,,,", "a,A khác,unit,VN,,,,"], [(3, "row_twice")]),
        (["a,A,unit,VN,2025-07-01,,zz,"], [(2, "row_predecessor_unknown")]),
        (["a,A,unit,VN,2025-07-02,,26,"], [(2, "row_predecessor_day")]),
        (["a,A,unit,VN,2025-07-01,,26,"], [(2, "row_shares")]),
        (["0,A,unit,VN,2025-07-01,,26,"], [(2, "row_shares")]),
        (["a,A,unit,26,2025-01-01,,,"], [(2, "row_parent_away")]),
        (["a,A,unit,VN,,,,10.0.0.0/8", "b,B,unit,VN,,,,10.0.0.0/8"], [(3, "row_network")]),
    ],
)
def test_a_row_that_would_put_the_directory_out_of_joint_is_refused_by_itself(
    tmp_path: Path, store: Store, rows: list[str], expected: list[tuple[int, str]]
) -> None:
    done = imported(store, tmp_path, *rows)
    assert refusals(done) == expected
    assert done.units == len(rows) - len(expected)


def test_what_was_imported_before_stays_when_its_new_row_is_refused(tmp_path: Path, store: Store) -> None:
    imported(store, tmp_path, "a,A,unit,VN,,,,", "b,B,unit,a,,,,")
    again = imported(store, tmp_path, "a,A mới,unit,nobody,,,,", "c,C,unit,a,,,,")
    assert refusals(again) == [(2, "row_parent_unknown")]
    directory = load_directory(store.records)
    assert [directory.lives(code)[0].name for code in "abc"] == ["A", "B", "C"]


def test_a_row_that_takes_a_parent_from_under_what_was_imported_before_is_refused(tmp_path: Path, store: Store) -> None:
    imported(store, tmp_path, "a,A,unit,VN,,,,", "b,B,unit,a,2024-01-01,,,")
    assert refusals(imported(store, tmp_path, "a,A,unit,VN,,2025-01-01,,")) == [(2, "row_parent_away")]


def test_what_a_province_says_of_itself_replaces_what_ships_of_those_days(tmp_path: Path, store: Store) -> None:
    assert refusals(imported(store, tmp_path, "25,Phú Thọ,province,VN,2025-07-01,,26;17;25,10.25.0.0/16")) == []
    directory = load_directory(store.records)
    (old, new) = directory.lives("25")
    assert (old.networks, [str(network) for network in new.networks]) == ((), ["10.25.0.0/16"])
    (part,) = Lineage(directory).in_units_of("17", date(2024, 1, 1), date(2025, 8, 1))
    assert part.unit == new


def test_a_province_without_days_replaces_all_that_ships_of_its_code(tmp_path: Path, store: Store) -> None:
    assert refusals(imported(store, tmp_path, "26,Vĩnh Phúc,province,,,,,")) == []
    directory = load_directory(store.records)
    assert [unit.parent for unit in directory.lives("26")] == [None]
    (part,) = Lineage(directory).in_units_of("26", date(2024, 1, 1), date(2025, 8, 1))
    assert (part.code, part.known) == ("26", True)


def test_what_was_imported_can_be_removed_and_what_ships_is_there_again(tmp_path: Path, store: Store) -> None:
    imported(store, tmp_path, "25,Phú Thọ,province,,,,,", "25-1,Sở,unit,25,,,,", "a,A,unit,,,2025-01-01,,")
    imported(store, tmp_path, "a,A,unit,,2025-01-01,,,")
    with pytest.raises(NotFound):
        remove_units(store.records, "26")
    assert remove_units(store.records, "a", date(2025, 1, 1)) == 1
    assert [unit.valid_to for unit in load_directory(store.records).lives("a")] == [date(2025, 1, 1)]
    assert remove_units(store.records, "25") == 1
    assert len(load_directory(store.records).lives("25")) == 2


def test_what_another_imported_unit_needs_is_not_removed(tmp_path: Path, store: Store) -> None:
    imported(store, tmp_path, "a,A,unit,,,,,", "b,B,unit,a,,,,")
    with pytest.raises(UsageRefused) as refused:
        remove_units(store.records, "a")
    assert refused.value.facts["other"] == "b"
    assert remove_units(store.records, "b") == remove_units(store.records, "a") == 1


def test_the_demos_agencies_and_systems_stand_beside_what_ships(tmp_path: Path, store: Store) -> None:
    units = import_directory(store.records, material.write_agencies(tmp_path / "co-quan.csv"))
    systems = import_directory(store.records, material.write_systems(tmp_path / "he-thong.csv"))
    assert (units, systems) == (Imported(4, 0, ()), Imported(0, 1, ()))
    assert {unit.code for unit in stored_units(store.records)}.isdisjoint(unit.code for unit in shipped_units())


# --- commands

CsvRun = Callable[..., list[dict[str, Any]]]


@pytest.fixture
def call(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> CsvRun:
    def called(*words: str) -> list[dict[str, Any]]:
        assert run(["agency", *words, "--data-dir", str(tmp_path / "kho"), "--json"]) == 0
        return [json.loads(line) for line in capfdbinary.readouterr().out.splitlines()]

    return called


def test_units_are_listed_by_day_and_level(call: CsvRun) -> None:
    assert len(call("list", "--level", "province", "--on", "2025-06-30")) == 63
    listed = call("list", "--level", "province", "--on", "2025-07-01")
    assert len(listed) == 34
    (phu_tho,) = (each for each in listed if each["code"] == "25")
    assert phu_tho["predecessors"] == ["26", "17", "25"]
    assert phu_tho["lineage"][0] == {"code": "26", "kind": "merged", "share": "1"}


def test_a_unit_is_shown_with_what_is_above_it_and_what_it_became(call: CsvRun) -> None:
    (shown,) = call("show", "227", "--on", "2025-06-30")
    assert [each["name"] for each in shown["ancestors"]] == ["Phú Thọ", "Việt Nam"]
    assert shown["today"] == [{"code": "227", "name": "Thành phố Việt Trì", "share": "1", "known": False}]
    (shown,) = call("show", "26")
    assert shown["became"] == [
        {"code": "25", "kind": "merged", "share": "1", "name": "Phú Thọ", "valid_from": "2025-07-01"}
    ]
    assert [each["code"] for each in shown["today"]] == ["25"]


def test_a_unit_that_was_not_there_on_the_day_is_not_found(tmp_path: Path) -> None:
    assert run(["agency", "show", "227", "--on", "2025-07-01", "--data-dir", str(tmp_path / "kho")]) == 3
    assert run(["agency", "tree", "227", "--on", "2025-07-01", "--data-dir", str(tmp_path / "kho")]) == 3


def test_a_unit_is_removed_by_its_code(call: CsvRun, tmp_path: Path) -> None:
    call("import", str(write(tmp_path, "code,name,level\nH40,Tỉnh,province\n")))
    assert call("remove", "H40") == [{"removed": 1}]
    assert run(["agency", "remove", "H40", "--data-dir", str(tmp_path / "kho")]) == 3


def test_the_tree_is_that_of_the_day(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> None:
    data = ["--data-dir", str(tmp_path / "kho")]
    assert run(["agency", "tree", "25", "--on", "2025-06-30", *data]) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert (lines[0], len(lines)) == ("Phú Thọ (25)", 14)
    assert "  Thành phố Việt Trì (227)" in lines
    assert run(["agency", "tree", "--on", "2025-07-01", *data]) == 0
    lines = capfdbinary.readouterr().out.decode().splitlines()
    assert (lines[0], len(lines)) == ("Việt Nam (VN)", 1 + 17 + 34)


def test_what_is_exported_is_imported_elsewhere(
    tmp_path: Path, store: Store, capfdbinary: pytest.CaptureFixture[bytes]
) -> None:
    data = ["--data-dir", str(tmp_path / "kho")]
    table = write(tmp_path, UNITS + "\n".join(SOUND))
    assert run(["agency", "import", str(table), *data]) == 0
    out = tmp_path / "ra.csv"
    assert run(["agency", "export", "-o", str(out), *data]) == 0
    capfdbinary.readouterr()
    assert run(["agency", "export", *data]) == 0
    assert capfdbinary.readouterr().out.decode() == out.read_text("utf-8")
    assert import_directory(store.records, out) == Imported(4, 0, ())
    assert {unit.code for unit in stored_units(store.records)} == {"P7", "P8", "P9", "S-1"}
    assert run(["agency", "export", "--all", "-o", str(out), *data]) == 0
    assert import_directory(store.records, out) == Imported(len(shipped_units()) + 4, 0, ())
