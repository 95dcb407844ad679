from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.unit.vonggac.test_statistics import write
from vonggac.cli import run


@pytest.fixture
def loaded(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> list[str]:
    """The global options of a node that holds three incidents."""
    options = ["--data-dir", str(tmp_path / "kho"), "--lang", "vi"]
    assert run([*options, "incident", "import", str(write(tmp_path / "a.csv", {}, {"incident_id": "2"}))]) == 0
    capfd.readouterr()
    return options


def test_a_monthly_note_is_written_in_the_form_its_name_says(
    loaded: list[str], tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    for form, begins in (("html", b"<!DOCTYPE html>"), ("pdf", b"%PDF-"), ("json", b'{"report":"monthly"')):
        out = tmp_path / f"note.{form}"
        assert run([*loaded, "stats", "report", "monthly", "--month", "2020-02", "--out", str(out)]) == 0
        assert out.read_bytes().startswith(begins)
        told = json.loads(capfd.readouterr().out)
        assert told == {"report": "monthly", "format": form, "path": str(out), "bytes": out.stat().st_size}
    assert "Tháng 2/2020: 2 sự cố (2 Phishing)" in (tmp_path / "note.html").read_text("utf-8")


def test_a_yearly_report_is_written_in_the_form_asked_for(loaded: list[str], tmp_path: Path) -> None:
    out = tmp_path / "report"
    assert run([*loaded, "stats", "report", "yearly", "--year", "2020", "--format", "json", "--out", str(out)]) == 0
    assert json.loads(out.read_bytes())["bodies"]["category"]["total"]["current"] == 2


@pytest.mark.parametrize(
    ("units", "counted_in", "drawn_in"),
    [
        ([], "2020-12-31", None),
        (["--units", "as-then"], "as-then", "2020-12-31"),
        (["--units", "2025-07-01"], "2025-07-01", None),
    ],
)
def test_a_yearly_report_counts_in_the_units_that_were_chosen(
    loaded: list[str], tmp_path: Path, units: list[str], counted_in: str, drawn_in: str | None
) -> None:
    out = tmp_path / "report.json"
    assert run([*loaded, "stats", "report", "yearly", "--year", "2020", *units, "--out", str(out)]) == 0
    bodies = json.loads(out.read_bytes())["bodies"]
    assert {bodies[name]["units"] for name in ("category", "level", "agency")} == {counted_in}
    assert bodies.get("map", {}).get("units") == drawn_in


def test_a_monthly_note_names_the_units_that_were_chosen(loaded: list[str], tmp_path: Path) -> None:
    out = tmp_path / "note.html"
    words = ["stats", "report", "monthly", "--month", "2020-02", "--units", "2025-07-01", "--out", str(out)]
    assert run([*loaded, *words]) == 0
    assert "theo đơn vị ngày 01/07/2025" in out.read_text("utf-8")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["monthly", "--month", "2020-13", "--out", "a.pdf"], "2020-13"),
        (["monthly", "--month", "2020", "--out", "a.pdf"], "2026-10"),
        (["yearly", "--year", "2020-Q1", "--out", "a.pdf"], "2020-Q1"),
        (["yearly", "--year", "soon", "--out", "a.pdf"], "soon"),
        (["yearly", "--year", "2020", "--out", "a.docx"], "html, pdf, json"),
        (["yearly", "--year", "2020", "--known-at", "?", "--out", "a.pdf"], "?"),
        (["yearly", "--year", "2020", "--units", "today", "--out", "a.pdf"], "today"),
        (["monthly", "--month", "2020-02", "--units", "2025-13-01", "--out", "a.pdf"], "2025-13-01"),
    ],
)
def test_what_cannot_be_written_is_refused_and_leaves_no_file(
    loaded: list[str],
    words: list[str],
    told: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(tmp_path)
    before = set(tmp_path.iterdir())
    assert run([*loaded, "stats", "report", *words]) == 2
    assert told in capfd.readouterr().err
    assert set(tmp_path.iterdir()) == before
