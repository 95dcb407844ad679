import csv
from pathlib import Path

import pytest

from vonggac.directory import definitions
from vonggac.domain.agency import Directory
from vonggac.domain.times import parse_instant
from vonggac.errors import InvalidRecord, NotFound, UnknownInput, UsageRefused
from vonggac.messages import explain
from vonggac.ports import Store
from vonggac.statistics import IMPORT_COLUMNS, answer, answer_data, as_csv, ask, import_cases, percent_text

GOOD = {
    "incident_id": "1",
    "occurred_at": "05/02/2020 10:00",
    "recorded_at": "2020-02-06T08:00:00+07:00",
    "category": "phishing",
    "severity": "high",
    "agency_code": "H40",
    "role": "victim",
    "title": "Trang giả mạo",
    "source_system": "sổ giấy",
    "test": "false",
}


def write(path: Path, *rows: dict[str, str]) -> Path:
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, IMPORT_COLUMNS)
        writer.writeheader()
        writer.writerows({**GOOD, **row} for row in rows)
    return path


def totals(store: Store, period: str = "2020", **options: str) -> tuple[int, int]:
    question = ask(period, **options)  # type: ignore[arg-type]
    total = answer_data(answer(store.incidents, Directory(), question), Directory(), "vi")["total"]
    return total["current"], total["previous"]


def test_rows_of_one_incident_are_its_involvements(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"agency_code": "H41", "role": "handler"}, {"incident_id": "2"})
    imported = import_cases(store.incidents, path, definitions())
    assert (imported.rows, imported.incidents_new, imported.refused) == (3, 2, ())
    assert totals(store) == (2, 0)
    body = answer_data(answer(store.incidents, Directory(), ask("2020", by="agency")), Directory(), "vi")
    assert {row["key"]: row["current"] for row in body["rows"]} == {"H40": 2, "H41": 1}
    assert body["overlap"] == {"current": 1, "previous": 0}


def test_loading_twice_changes_nothing(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2"})
    import_cases(store.incidents, path, definitions())
    again = import_cases(store.incidents, path, definitions())
    assert (again.incidents_new, again.incidents_known) == (0, 2)
    assert totals(store) == (2, 0)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"category": "lừa đảo"}, "category"),
        ({"severity": "very high"}, "severity"),
        ({"role": "bystander"}, "role"),
        ({"test": "maybe"}, "test"),
        ({"occurred_at": "30/02/2020"}, "occurred_at"),
        ({"recorded_at": "01/01/2020"}, "recorded_at is before occurred_at"),
        ({"incident_id": " "}, "incident_id"),
        ({"agency_code": ""}, "agency_code"),
    ],
)
def test_a_bad_row_is_named_with_its_line_and_the_rest_load(
    store: Store, tmp_path: Path, change: dict[str, str], told: str
) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", **change}, {"incident_id": "3"})
    imported = import_cases(store.incidents, path, definitions())
    assert imported.incidents_new == 2
    [fault] = imported.refused
    assert isinstance(fault, InvalidRecord)
    assert fault.facts["line"] == 3
    assert told in explain(fault, "en")
    assert explain(fault, "vi") != explain(fault, "en")


def test_a_row_that_contradicts_its_incident_is_refused(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"agency_code": "H41", "category": "malware"})
    [fault] = import_cases(store.incidents, path, definitions()).refused
    assert "category differs from line 2" in explain(fault, "en")


def test_tests_are_loaded_and_never_counted(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {"test": "true"}, {"incident_id": "2", "category": "test"}, {"incident_id": "3"})
    assert import_cases(store.incidents, path, definitions()).incidents_new == 3
    assert totals(store) == (1, 0)


def test_known_at_counts_what_was_recorded_then(store: Store, tmp_path: Path) -> None:
    path = write(tmp_path / "a.csv", {}, {"incident_id": "2", "recorded_at": "01/06/2020"})
    import_cases(store.incidents, path, definitions())
    assert totals(store, known_at="2020-05-01T00:00:00+07:00") == (1, 0)
    assert totals(store, known_at="02/06/2020") == (2, 0)


def test_a_file_that_is_no_such_csv_is_an_unknown_input(store: Store, tmp_path: Path) -> None:
    broken = tmp_path / "b.csv"
    broken.write_bytes(b"\xff\xfe\x00")
    short = tmp_path / "c.csv"
    short.write_text("incident_id,category\n1,phishing\n", "utf-8")
    for path in (tmp_path / "missing.csv", broken, short):
        with pytest.raises(UnknownInput):
            import_cases(store.incidents, path, definitions())


def test_january_to_april_2020_prints_minus_51_4_percent(store: Store, tmp_path: Path) -> None:
    counts = {"2020": {"phishing": 553, "deface": 280, "malware": 223}, "2019": {"other": 2173}}
    rows = [
        {
            "incident_id": f"{year}-{category}-{at}",
            "category": category,
            "occurred_at": f"{at % 28 + 1:02}/{at % 4 + 1:02}/{year}",
            "recorded_at": f"01/06/{year}",
        }
        for year, categories in counts.items()
        for category, count in categories.items()
        for at in range(count)
    ]
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    question = ask("2020-M1..M4")
    body = answer_data(answer(store.incidents, Directory(), question), Directory(), "vi")
    assert (body["total"]["current"], body["total"]["previous"]) == (1056, 2173)
    assert percent_text(body["total"], "vi") == "−51,4 %"
    assert percent_text(body["total"], "en") == "−51.4 %"
    assert body["total"]["verdict"] == "reduction"
    assert 'phishing,"Giả mạo, lừa đảo",553,0,' in as_csv(body)
    english = answer_data(answer(store.incidents, Directory(), question), Directory(), "en")
    assert english["digest"] == body["digest"]


def test_a_cell_that_a_spreadsheet_would_run_is_quoted_off(store: Store, tmp_path: Path) -> None:
    import_cases(store.incidents, write(tmp_path / "a.csv", {"agency_code": "=cmd()"}), definitions())
    body = answer_data(answer(store.incidents, Directory(), ask("2020", by="agency")), Directory(), "vi")
    assert "'=cmd()" in as_csv(body)


@pytest.mark.parametrize(
    "options", [{"period": "soon"}, {"period": "2020", "against": "2019-M13"}, {"period": "2020", "known_at": "?"}]
)
def test_a_question_that_cannot_be_asked_is_refused(options: dict[str, str]) -> None:
    with pytest.raises(UsageRefused):
        ask(**options)  # type: ignore[arg-type]


def test_unknown_definitions_are_named() -> None:
    with pytest.raises(NotFound) as refused:
        definitions("qd99")
    assert "qd05-2017" in str(refused.value.facts["known"])


def test_an_instant_is_read_in_both_forms() -> None:
    question = ask("2020", known_at="2020-05-01T00:00:00Z")
    assert question.known_at == parse_instant("2020-05-01T00:00:00Z")
