"""The duties that ship, and files of duties that are wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.unit.vonggac.duties.made import at, incident
from vonggac.domain.agency import Agency, Level
from vonggac.domain.duty import Known, obligations
from vonggac.duties.law import all_duties, read_duties, versions_of
from vonggac.errors import InvalidRecord, NotFound, UnknownInput, VonggacError

GOOD = """
[[duty]]
id = "a"
title = { vi = "Báo cáo", en = "Report" }
trigger = "incident-detected"
owes = { roles = ["victim"] }
addressee = { vi = "x", en = "x" }
deadline = "P5D"
warn_before = ["P1D"]
form = ""
basis = "law"
valid_from = 2020-01-01
certainty = "seen"
"""


def read(tmp_path: Path, text: str) -> None:
    path = tmp_path / "duties.toml"
    path.write_text(text, "utf-8")
    read_duties(path)


def test_the_shipped_periods_fall_due_where_the_circulars_say() -> None:
    known = Known(units=[Agency("T1", "Tỉnh", Level.PROVINCE), Agency("H1", "Huyện", Level.DISTRICT)])
    found = obligations(all_duties(), known, at("02/01/2026"), at("02/01/2027"), at("02/01/2026"))
    assert [(each.owed.duty.id, each.owed.subject, each.owed.due) for each in found] == [
        ("network-half-year", "2026-H1", at("20/06/2026")),
        ("monitoring-half-year", "2026-H1", at("01/07/2026")),
        ("network-year", "2026", at("15/12/2026")),
        ("monitoring-half-year", "2026-H2", at("01/01/2027")),
    ]


def test_the_shipped_report_of_an_incident_names_the_coordinator_of_its_day() -> None:
    known = Known([incident("old", at("28/02/2025 23:59"), "T1"), incident("new", at("01/03/2025 00:00"), "T1")])
    found = obligations(all_duties(), known, at("01/01/2025"), at("01/01/2026"), at("01/04/2025"))
    told = {each.owed.subject: each.owed.duty.addressee["vi"] for each in found}
    assert "VNCERT" in told["old"] and "A05" in told["new"]


def test_every_shipped_duty_names_its_law_and_how_sure_we_are() -> None:
    for duty in all_duties():
        assert duty.basis and duty.note and duty.title["vi"] and duty.title["en"]


def test_an_unknown_duty_is_answered_with_those_there_are() -> None:
    with pytest.raises(NotFound, match="incident-report"):
        versions_of("nothing")


def test_a_good_file_is_read(tmp_path: Path) -> None:
    read(tmp_path, GOOD)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('deadline = "P5D"', 'deadline = "5 days"'),
        ('["victim"]', '["everybody"]'),
        ("roles = ", "levels = "),
        ("valid_from = 2020-01-01", 'valid_from = "soon"'),
        ("valid_from = 2020-01-01", "valid_from = 2020-01-01\nvalid_to = 2020-01-01"),
        ('certainty = "seen"', 'certainty = "sure"'),
        ('form = ""', 'form = "form 9"'),
        ('basis = "law"', ""),
        ('en = "Report"', 'fr = "Rapport"'),
        ('trigger = "incident-detected"', 'trigger = "half-year"'),
        (
            'trigger = "incident-detected"\n',
            'trigger = "year"\nrounds = [{ name = "", from = [0,1,1], before = [1,1,1] }]\n',
        ),
        ('deadline = "P5D"', 'rounds = [{ name = "", from = [0,1,1], before = [1,1,1] }]'),
    ],
)
def test_a_wrong_duty_is_named(tmp_path: Path, old: str, new: str) -> None:
    assert old in GOOD
    with pytest.raises(InvalidRecord, match=r"duty_wrong.*number=1"):
        read(tmp_path, GOOD.replace(old, new))


def test_a_duty_that_is_opened_by_hand_needs_a_time_limit(tmp_path: Path) -> None:
    text = GOOD.replace("incident-detected", "personal-data-breach")
    read(tmp_path, text)
    with pytest.raises(InvalidRecord):
        read(tmp_path, text.replace('deadline = "P5D"\n', ""))


@pytest.mark.parametrize("ends", ["[0, 2, 29]", "[0, 13, 1]", "[0, 1, 1]", "[0, 6]"])
def test_a_round_that_ends_on_no_day_of_every_year_is_refused(tmp_path: Path, ends: str) -> None:
    text = GOOD.replace('"incident-detected"', '"year"').replace('roles = ["victim"]', 'levels = ["province"]')
    text = text.replace('deadline = "P5D"', f'rounds = [{{ name = "", from = [0, 1, 1], before = {ends} }}]')
    with pytest.raises(InvalidRecord):
        read(tmp_path, text)


def test_two_versions_that_overlap_are_refused(tmp_path: Path) -> None:
    later = GOOD.replace("2020-01-01", "2022-01-01")
    with pytest.raises(InvalidRecord, match="duties_overlap"):
        read(tmp_path, GOOD + later)
    read(tmp_path, GOOD.replace("valid_from = 2020-01-01", "valid_from = 2020-01-01\nvalid_to = 2022-01-01") + later)


@pytest.mark.parametrize("text", ["[[duty]", "", "\x00"])
def test_a_file_that_is_none_is_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UnknownInput):
        read(tmp_path, text)


def test_a_file_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(VonggacError, match="duties_unreadable"):
        read_duties(tmp_path / "none.toml")
