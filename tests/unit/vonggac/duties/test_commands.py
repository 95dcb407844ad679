"""`vonggac duty`: what it prints, what it refuses, and that a form is written."""

from __future__ import annotations

import json
from collections.abc import Callable
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest

from vonggac.cli import run

Result = tuple[int, list[dict[str, Any]], str]
Vonggac = Callable[..., Result]
AGENCIES = "code,name,level,parent\nT1,Tỉnh Một,province,\nT2,Tỉnh Hai,province,\n"
HEADER = "incident_id,occurred_at,recorded_at,category,severity,agency_code,role,title,source_system,test\n"


@pytest.fixture
def vonggac(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Vonggac:
    """(exit code, the objects on stdout, stderr) of one call; two provinces and three cases of 2020 are there."""

    def call(*arguments: str) -> Result:
        code = run(["--data-dir", str(tmp_path / "kho"), *arguments])
        said = capfdbinary.readouterr()
        return code, [json.loads(line) for line in said.out.splitlines()], said.err.decode()

    (tmp_path / "agencies.csv").write_text(AGENCIES, "utf-8")
    rows = [
        "a,31/12/2019 08:00,31/12/2019 23:59:59,phishing,high,T1,victim,Trang giả,cũ,false",
        "b,10/01/2020 08:00,10/01/2020 09:00,malware,high,T1,victim,Mã độc,cũ,false",
        "b,10/01/2020 08:00,10/01/2020 09:00,malware,high,T2,victim,Mã độc,cũ,false",
        "c,10/01/2020 08:00,10/01/2020 09:00,malware,high,T2,victim,Diễn tập,cũ,true",
    ]
    (tmp_path / "cases.csv").write_text(HEADER + "\n".join(rows) + "\n", "utf-8")
    assert call("agency", "import", str(tmp_path / "agencies.csv"))[0] == 0
    assert call("incident", "import", str(tmp_path / "cases.csv"))[0] == 0
    return call


YEAR = ("--since", "01/01/2020", "--until", "01/02/2020")


def listed(vonggac: Vonggac, *arguments: str) -> list[dict[str, Any]]:
    code, found, _ = vonggac("duty", "list", *YEAR, *arguments)
    assert code == 0
    return [each for each in found if each["duty"] == "incident-report"]


def test_old_cases_owe_nothing_unless_asked_for_and_a_test_never(vonggac: Vonggac) -> None:
    code, now, _ = vonggac("duty", "list")
    assert code == 0 and {each["duty"] for each in now} & {"incident-report"} == set()
    found = listed(vonggac)
    assert [(each["due"], each["agency"], each["state"]) for each in found] == [
        ("2020-01-05T17:00:00.000000Z", "T1", "overdue"),
        ("2020-01-15T17:00:00.000000Z", "T1", "overdue"),
        ("2020-01-15T17:00:00.000000Z", "T2", "overdue"),
    ]
    assert [each["agency"] for each in listed(vonggac, "--agency", "T2")] == ["T2"]


def test_a_filing_with_its_form_is_kept_and_counted(vonggac: Vonggac, tmp_path: Path) -> None:
    first, second, third = listed(vonggac)
    out = tmp_path / "m3.docx"
    code, (made,), _ = vonggac(
        *("duty", "form", first["subject"], "--duty", "incident-report"),
        *("--out", str(out), "--at", "05/01/2020 10:00"),
    )
    assert (code, made["digest"]) == (0, sha256(out.read_bytes()).hexdigest())
    code, (filed,), _ = vonggac(
        *("duty", "file", first["subject"], "--duty", "incident-report"),
        *("--at", "05/01/2020 23:59:59", "--by", "Phòng CNTT", "--form", str(out)),
    )
    assert (code, filed["digest"], filed["by"]) == (0, made["digest"], "Phòng CNTT")
    shared = ("duty", "file", second["subject"], "--duty", "incident-report", "--at", "17/01/2020 00:00")
    code, _, told = vonggac(*shared)
    assert code == 2 and "T1, T2" in told
    assert vonggac(*shared, "--agency", "T1")[0] == 0
    assert [each["agency"] for each in listed(vonggac)] == [third["agency"]] == ["T2"]
    assert {each["state"] for each in listed(vonggac, "--state", "met", "--state", "late")} == {"met", "late"}
    code, rows, _ = vonggac("duty", "lateness", "--period", "2020-M1", "--by", "duty")
    told_of = {row["key"]: row for row in rows}
    assert code == 0 and told_of["incident-report"] == {
        "key": "incident-report",
        "due": 3,
        "on_time": 1,
        "late": 1,
        "not_filed": 1,
        "median_late_seconds": 86_400.0,
        "p90_late_seconds": 86_400.0,
    }
    assert rows[-1]["key"] == "" and rows[-1]["due"] == sum(row["due"] for row in rows[:-1])


def test_a_periodic_report_is_named_by_its_agency_and_period(vonggac: Vonggac, tmp_path: Path) -> None:
    out = tmp_path / "m5.docx"
    named = ("T1", "--duty", "network-half-year", "--period", "2020-H1")
    assert vonggac("duty", "form", *named, "--out", str(out))[0] == 0
    assert out.read_bytes()[:2] == b"PK"
    code, (filed,), _ = vonggac("duty", "file", *named, "--at", "19/06/2020 12:00")
    assert (code, filed["subject"], filed["agency"]) == (0, "2020-H1", "T1")
    _, found, _ = vonggac("duty", "list", "--since", "01/06/2020", "--until", "30/06/2020", "--state", "met")
    assert [(each["subject"], each["agency"]) for each in found] == [("2020-H1", "T1")]


def test_a_breach_is_opened_and_withdrawn(vonggac: Vonggac) -> None:
    incident = listed(vonggac)[0]["subject"]
    recent = (datetime.now().astimezone() - timedelta(hours=1)).isoformat(timespec="seconds")
    opened = ("duty", "open", incident, "--duty", "personal-data-notice", "--reason", "lộ hồ sơ")
    assert vonggac(*opened, "--at", recent)[0] == 0
    _, found, _ = vonggac("duty", "list")
    assert [each["duty"] for each in found if each["subject"] == incident] == ["personal-data-notice"]
    assert vonggac(*opened, "--withdraw")[0] == 0
    _, found, _ = vonggac("duty", "list")
    assert [each for each in found if each["subject"] == incident] == []


def test_without_a_running_node_no_notice_was_given(vonggac: Vonggac) -> None:
    assert vonggac("duty", "notices", "--since", "01/01/2020")[:2] == (0, [])


def test_the_laws_are_listed(vonggac: Vonggac) -> None:
    code, found, _ = vonggac("duty", "laws")
    assert code == 0 and {each["certainty"] for each in found} == {"seen", "known", "to-check"}


@pytest.mark.parametrize(
    ("arguments", "code"),
    [
        (("list", "--since", "hôm qua"), 2),
        (("list", "--since", "02/01/2020", "--until", "01/01/2020"), 2),
        (("list", "--state", "asleep"), 2),
        (("lateness", "--period", "0001"), 2),
        (("lateness", "--period", "2020-Q9"), 2),
        (("file", "T1", "--duty", "network-half-year"), 2),
        (("file", "T1", "--agency", "T2", "--duty", "network-half-year", "--period", "2020-H1"), 2),
        (("file", "T9", "--duty", "network-half-year", "--period", "2020-H1"), 3),
        (("file", "inc-1", "--duty", "incident-report", "--period", "2020-H1"), 2),
        (("file", "inc-1", "--duty", "incident-report"), 3),
        (("file", "T1", "--duty", "network-year", "--period", "2020", "--form", "nowhere.docx"), 3),
        (("file", "T1", "--duty", "network-year", "--period", "2020", "--at", "01/01/2999"), 2),
        (("form", "T1", "--duty", "network-year", "--period", "2020", "--out", "/nowhere/x.docx"), 3),
        (("open", "inc-1", "--duty", "personal-data-notice", "--reason", "x"), 3),
        (("open", "inc-1", "--duty", "nothing", "--reason", "x"), 3),
    ],
)
def test_a_wrong_call_says_what_is_wrong(vonggac: Vonggac, arguments: tuple[str, ...], code: int) -> None:
    given, _, told = vonggac("duty", *arguments)
    assert given == code, told
    assert len(told.splitlines()) >= 2
