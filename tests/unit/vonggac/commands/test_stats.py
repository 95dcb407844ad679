"""`stats` at the command line: publish, give out again, revise, open a cell, explain."""

from __future__ import annotations

import json
import socket
from pathlib import Path
from typing import Any

import pytest

from tests.unit.vonggac.test_statistics import write
from vonggac.bootstrap import bootstrap
from vonggac.cli import run
from vonggac.publishing import PUBLICATION
from vonggac.settings import Settings


class Program:
    """The program over one folder; a call's data as objects."""

    def __init__(self, folder: Path, capfd: pytest.CaptureFixture[str]) -> None:
        self.folder = folder
        self._capfd = capfd
        self.told = ""

    def __call__(self, *words: str, code: int = 0) -> list[dict[str, Any]]:
        return [json.loads(line) for line in self.text(*words, code=code).splitlines()]

    def text(self, *words: str, code: int = 0) -> str:
        assert run(["--data-dir", str(self.folder / "kho"), "--lang", "vi", *words]) == code
        out, self.told = self._capfd.readouterr()
        return out

    def load(self, *rows: dict[str, str]) -> None:
        self("incident", "import", str(write(self.folder / "a.csv", *rows)))


@pytest.fixture
def program(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> Program:
    made = Program(tmp_path, capfd)
    made.load({}, {"incident_id": "2"}, {"incident_id": "3", "category": "malware", "agency_code": "H41"})
    return made


def test_publish_prints_its_id_and_digest_and_rerun_gives_the_same_bytes(program: Program) -> None:
    [table] = program("stats", "publish", "--period", "2020", "--by", "agency", "--by-whom", "lan")
    assert set(table) == {"id", "digest"}
    before = program.text("stats", "rerun", table["id"])
    program.load({"incident_id": "9"})
    assert program.text("stats", "rerun", table["id"]) == before
    assert json.loads(before)["digest"] == table["digest"]
    [listed] = program("stats", "list")
    assert (listed["id"], listed["published_by"], listed["current"]) == (table["id"], "lan", 3)
    [found] = program("stats", "revise", table["id"])
    assert found["total"]["current"] == {"published": 3, "now": 4, "difference": 1}
    assert found["loaded_later"]["current"] == 1


@pytest.mark.parametrize("form", ["csv", "xlsx", "html", "pdf", "json"])
def test_a_published_table_has_the_same_bytes_in_a_file_of_each_form(program: Program, form: str) -> None:
    [table] = program("stats", "publish", "--period", "2020")
    files = [program.folder / f"{name}.{form}" for name in ("first", "second")]
    for file in files:
        program("stats", "rerun", table["id"], "--format", form, "--out", str(file))
        program.load({"incident_id": "9"})
    assert files[0].read_bytes() == files[1].read_bytes()


def test_a_table_that_was_changed_is_not_given_out(program: Program) -> None:
    [table] = program("stats", "publish", "--period", "2020")
    node = bootstrap(Settings(data_dir=program.folder / "kho"))
    record = node.store.records.get(PUBLICATION, table["id"])
    assert record is not None
    record.body["table"]["vi"]["total"]["current"] = 2
    node.store.records.put(PUBLICATION, table["id"], record.body)
    node.close()
    for act in ("rerun", "revise"):
        assert program.text("stats", act, table["id"], code=2) == ""
        assert f"{table['id']} không còn đúng như khi ký" in program.told


def test_a_table_that_is_not_there_is_named(program: Program) -> None:
    program("stats", "rerun", "TK-1", code=3)
    assert "TK-1" in program.told


def test_a_cell_lists_its_incidents(program: Program) -> None:
    rows = program("stats", "cell", "--period", "2020", "--by", "agency", "--key", "H40")
    assert [row["agencies"] for row in rows] == [["H40"], ["H40"]]
    assert len(program("stats", "cell", "--period", "2020")) == 3
    assert program("stats", "cell", "--period", "2020", "--of", "previous") == []
    assert len(program("stats", "cell", "--period", "2020", "--limit", "1")) == 1


def test_a_claim_is_explained_in_both_languages(program: Program) -> None:
    for previous, current, claimed in (
        ("659000", "552000", "-19.38"),
        ("659.000", "552.000", "−19,38 %"),
        ("659,000", "552,000", "-19.38%"),
    ):
        [told] = program("stats", "explain", previous, current, "--claimed", claimed)
        assert (told["because"], told["denominator"]) == ("divided-by-current", 659000)
    assert "−16,24 %" in told["sentences"]["vi"] and "−16.24 %" in told["sentences"]["en"]


@pytest.mark.parametrize("text", ["nhiều", "1.2.3", "", "nan", "-inf", "1e999999999"])
def test_what_is_no_number_is_named(program: Program, text: str) -> None:
    program("stats", "explain", "--claimed", "1", "--", text, "5", code=2)
    program("stats", "explain", f"--claimed={text}", "5", "6", code=2)


def test_a_count_below_nothing_is_refused(program: Program) -> None:
    program("stats", "explain", "--", "-5", "3", code=2)


def test_a_table_waits_in_the_outbox_until_it_is_taken(program: Program, monkeypatch: pytest.MonkeyPatch) -> None:
    [table] = program("stats", "publish", "--period", "2020")
    assert program("stats", "outbox") == []
    program("stats", "push", table["id"], code=2)
    assert "reporting.url" in program.told
    assert program("stats", "outbox") == []
    with socket.create_server(("127.0.0.1", 0)) as closed:
        monkeypatch.setenv("VONGGAC_REPORTING_URL", f"http://127.0.0.1:{closed.getsockname()[1]}/")
    [kept] = program("stats", "push", table["id"], code=4)
    assert (kept["state"], kept["tries"]) == ("pending", 1)
    assert table["id"] in program.told and "ConnectionError" in program.told
    assert program("stats", "outbox") == [kept]


def test_a_folder_that_is_not_there_is_not_called_an_input(program: Program, tmp_path: Path) -> None:
    out = tmp_path / "nowhere" / "a.csv"
    program("stats", "compare", "--period", "2020", "--out", str(out), code=3)
    assert f"Không dùng được {out}" in program.told


def test_a_table_for_people_writes_figures_as_they_do(program: Program) -> None:
    units = program.folder / "units.csv"
    halves = "".join(f"S{n},Nửa {n},unit,VN,2024-07-01,,H40:split:1/2\n" for n in (1, 2))
    header = "code,name,level,parent,valid_from,valid_to,predecessors\n"
    units.write_text(f"{header}H40,Sở,unit,VN,2019-01-01,2024-07-01,\n{halves}", encoding="utf-8")
    program("agency", "import", str(units))
    program.load(*({"incident_id": f"n{number}"} for number in range(1_001)))
    words = ("--period", "2020", "--by", "agency", "--units", "2025-01-01", "--known-at", "2021-01-01")
    table = program.text("stats", "compare", *words, "--format", "table")
    assert "năm 2020 so với năm 2019" in table and "501,5" in table and "1.004" in table
    assert "như đã biết lúc 01/01/2021 00:00:00" in table
