"""Units and information systems in CSV: told apart by the header, read back as written, bad rows named."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from vonggac.cli import run
from vonggac.directory import Placed, load_directory, read_directory, save_systems, system_data, system_from
from vonggac.domain.agency import Agency, System
from vonggac.errors import InvalidRecord, UnknownInput
from vonggac.messages import LANGUAGES, explain
from vonggac.ports import Store

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
