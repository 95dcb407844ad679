"""Cases of TheHive, DFIR-IRIS and MISP become ours, or are refused by name. The samples are made up."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from vonggac.definitions import definitions
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.incident import Incident
from vonggac.domain.times import format_instant
from vonggac.messages import explain
from vonggac.old_cases import Defaults, Imported, import_cases, unit_names
from vonggac.ports import IncidentQuery, Store

UNITS = Directory(
    (
        Agency("H40", "Sở Khoa học và Công nghệ Mẫu", Level.UNIT, name_en="Model Department"),
        Agency("H41", "Ủy ban Mẫu", Level.UNIT),
        Agency("H42", "Ủy ban Mẫu", Level.UNIT),
    )
)
FEBRUARY = 1_580_871_600_000  # 2020-02-05T03:00:00Z in milliseconds
DAY = 86_400_000

HIVE5: Mapping[str, Any] = {
    "_id": "~41",
    "_type": "Case",
    "_createdAt": FEBRUARY + DAY,
    "number": 7,
    "title": "Trang giả mạo",
    "severity": 3,
    "startDate": FEBRUARY,
    "endDate": FEBRUARY + 3 * DAY,
    "tags": ['rsit:fraud="phishing"', "agency:H40"],
    "status": "TruePositive",
    "stage": "Closed",
}
HIVE4: Mapping[str, Any] = {
    "id": "x1",
    "caseId": 7,
    "createdAt": FEBRUARY + DAY,
    "title": "Trang giả mạo",
    "severity": 3,
    "startDate": FEBRUARY,
    "endDate": FEBRUARY + 3 * DAY,
    "tags": ["Phishing"],
    "status": "Resolved",
    "resolutionStatus": "TruePositive",
    "customFields": {"agency": {"string": "Sở Khoa học và Công nghệ Mẫu"}},
}
IRIS: Mapping[str, Any] = {
    "case": {
        "name": "#7 - Mã độc tống tiền",
        "open_date": "2020-02-06",
        "close_date": "2020-02-08",
        "for_customer": "Model Department",
        "classification": "malicious-code:ransomware",
        "severity": {"severity_name": "High"},
    },
    "timeline": [{"event_date": "2020-02-05T03:00:00.000000"}, {"event_date": "2020-02-07T00:00:00"}],
}
MISP: Mapping[str, Any] = {
    "Event": {
        "uuid": "5acb875e-0000-4000-8000-000000000007",
        "info": "DDoS",
        "date": "2020-02-05",
        "timestamp": "1581000000",
        "publish_timestamp": "0",
        "threat_level_id": "1",
        "analysis": "2",
        "Orgc": {"name": "H40"},
        "Tag": [{"name": 'rsit:availability="ddos"'}],
    }
}


def taken(store: Store, tmp_path: Path, content: object, **options: Any) -> Imported:
    path = tmp_path / "a.json"
    path.write_text(json.dumps(content), "utf-8")
    return import_cases(store.incidents, path, definitions(), defaults=Defaults(units=unit_names(UNITS), **options))


def only(store: Store) -> Incident:
    [incident] = store.incidents.find(IncidentQuery()).items
    return incident


@pytest.mark.parametrize("case", [HIVE4, HIVE5])
def test_a_case_of_thehive_keeps_its_number_times_and_severity(
    store: Store, tmp_path: Path, case: Mapping[str, Any]
) -> None:
    assert taken(store, tmp_path, [case]).refused == ()
    found = only(store)
    assert (found.origin, found.category, str(found.severity)) == ("thehive/7", "phishing", "high")
    times = [format_instant(at)[:19] for at in (found.first_at, found.opened_at, found.closed_at) if at]
    assert times == ["2020-02-05T03:00:00", "2020-02-06T03:00:00", "2020-02-08T03:00:00"]
    assert found.agencies == {"H40"}


@pytest.mark.parametrize(
    ("change", "status", "counted"),
    [
        ({"status": "InProgress"}, "confirmed", True),
        ({"status": "FalsePositive"}, "false-positive", False),
        ({"tags": ["agency:H40", "diễn tập", "dien-tap"]}, "closed", False),
    ],
)
def test_what_became_of_a_case_is_kept(
    store: Store, tmp_path: Path, change: dict[str, Any], status: str, counted: bool
) -> None:
    assert taken(store, tmp_path, {**HIVE5, **change}).refused == ()
    assert (str(only(store).status), only(store).counted) == (status, counted)


@pytest.mark.parametrize(
    ("change", "key", "says"),
    [
        ({"tags": ["agency:H40", "lạ"]}, "row_export_category", "lạ"),
        ({"severity": 9}, "row_export_severity", "9"),
        ({"tags": ["phishing"]}, "row_export_agency", "agency"),
        ({"tags": ["phishing", "agency:Ủy ban Mẫu"]}, "row_export_agency", "Ủy ban Mẫu"),
        ({"status": "Duplicated"}, "row_export", "duplicate"),
        ({"status": "Deleted"}, "row_export", "deleted"),
        ({"startDate": "hôm qua"}, "row_value", "startDate"),
        ({"_createdAt": FEBRUARY - DAY}, "row_clocks", "before"),
    ],
)
def test_what_cannot_be_mapped_is_refused_by_name(
    store: Store, tmp_path: Path, change: dict[str, Any], key: str, says: str
) -> None:
    imported = taken(store, tmp_path, [{**HIVE5, **change}, {**HIVE5, "number": 8}])
    assert [fault.key for fault in imported.refused] == [key]
    assert says in explain(imported.refused[0], "en")
    assert imported.incidents_new == 1


def test_what_an_export_does_not_say_may_be_given_for_all(store: Store, tmp_path: Path) -> None:
    case = {**HIVE5, "tags": ["phishing"], "severity": None}
    imported = taken(store, tmp_path, case, agency="H41", severity="low", source="thehive-h41")
    assert imported.refused == ()
    found = only(store)
    assert (found.origin, str(found.severity), found.agencies) == ("thehive-h41/7", "low", {"H41"})


def test_a_case_of_iris_happened_at_its_first_event(store: Store, tmp_path: Path) -> None:
    assert taken(store, tmp_path, IRIS).refused == ()
    found = only(store)
    assert (found.origin, found.title, found.category) == ("iris/7", "Mã độc tống tiền", "ransomware")
    assert format_instant(found.first_at) == "2020-02-05T03:00:00.000000Z"
    assert found.agencies == {"H40"}


def test_a_list_of_iris_has_days_as_americans_write_them(store: Store, tmp_path: Path) -> None:
    case = {
        "case_id": 9,
        "case_name": "#9 - x",
        "case_open_date": "02/06/2020",
        "case_close_date": "",
        "client_name": "H40",
        "classification": "fraud:phishing",
    }
    imported = taken(store, tmp_path, {"status": "success", "data": [case]}, severity="medium")
    assert imported.refused == ()
    assert (format_instant(only(store).first_at)[:10], str(only(store).status)) == ("2020-02-05", "confirmed")


def test_an_event_of_misp_names_its_creator_as_the_detector(store: Store, tmp_path: Path) -> None:
    assert taken(store, tmp_path, {"response": [MISP]}).refused == ()
    found = only(store)
    assert (found.category, str(found.severity), str(found.status)) == ("dos", "high", "closed")
    assert [(part.agency, str(part.role)) for part in found.involvements] == [("H40", "detector")]


def test_another_kind_within_a_file_is_refused_by_name(store: Store, tmp_path: Path) -> None:
    imported = taken(store, tmp_path, [HIVE5, MISP])
    assert [fault.key for fault in imported.refused] == ["row_kind"]
    assert imported.incidents_new == 1
