"""One phishing site that several report is one national incident with all who had to do with it."""

from pathlib import Path

from tests.unit.vonggac.test_casework import START
from tests.unit.vonggac.test_statistics import answered, write
from vonggac.casework import Casework
from vonggac.definitions import definitions
from vonggac.domain.access import OPERATOR
from vonggac.domain.incident import Entry, EntryKind, Status, entry_id
from vonggac.duplicates import duplicate_pairs, duplicates_of
from vonggac.old_cases import import_cases
from vonggac.ports import Clock, IncidentQuery, Store
from vonggac.statistics import ask

OURS = "inc-0123456789abcdef01234567"


def three_reports(store: Store, tmp_path: Path) -> None:
    """Two agencies to one office in a CSV, the third found by the watch."""
    site = {"category": "phishing", "occurred_at": "01/03/2026 10:00", "recorded_at": "02/03/2026 10:00"}
    rows = (
        {**site, "incident_id": "1", "agency_code": "H40", "title": "Trang giả mạo hxxps://vcb-login[.]example/otp"},
        {
            **site,
            "incident_id": "2",
            "agency_code": "G01",
            "role": "detector",
            "title": "Lừa đảo qua VCB-login.example",
        },
    )
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    opened = {"title": "Fake page", "category": "phishing", "entity": "www.vcb-login.example", "key": "k"}
    involved = {"agency": "H41", "role": "victim"}
    history = [
        Entry(entry_id(OURS, "o"), EntryKind.OPENED, START, START, "correlator", opened),
        Entry(entry_id(OURS, "v"), EntryKind.INVOLVED, START, START, "correlator", involved),
    ]
    store.incidents.append(OURS, history)


def test_three_agencies_one_site_two_origins_are_one_incident_with_three_involvements(
    store: Store, clock: Clock, tmp_path: Path
) -> None:
    three_reports(store, tmp_path)
    assert answered(store, ask("2026-Q1"))["total"]["current"] == 3
    ours = store.incidents.get(OURS)
    found = duplicates_of(store.incidents, ours)
    assert len(found) == 2
    assert len(list(duplicate_pairs(store.incidents, START))) == 3
    work = Casework(store.incidents, clock, OPERATOR)
    for each in found:
        work.merge(each.incident.id, ours.number)

    body = answered(store, ask("2026-Q1", by="agency"))
    assert body["total"]["current"] == 1
    assert {row["key"]: row["current"] for row in body["rows"]} == {"H40": 1, "G01": 1, "H41": 1}
    whole = store.incidents.get(OURS)
    assert {(each.agency, each.role) for each in whole.involvements} == {
        ("H40", "victim"),
        ("G01", "detector"),
        ("H41", "victim"),
    }
    assert duplicates_of(store.incidents, whole) == ()


def test_exercises_and_tests_are_neither_counted_nor_offered(store: Store, clock: Clock, tmp_path: Path) -> None:
    three_reports(store, tmp_path)
    work = Casework(store.incidents, clock, OPERATOR)
    work.transition(OURS, Status.EXERCISE, "diễn tập quý I")
    tested = {
        "incident_id": "9",
        "occurred_at": "01/03/2026",
        "recorded_at": "02/03/2026",
        "title": "vcb-login.example",
        "test": "true",
    }
    import_cases(store.incidents, write(tmp_path / "b.csv", tested), definitions())
    assert answered(store, ask("2026-Q1"))["total"]["current"] == 2
    real = [each for each in store.incidents.find(IncidentQuery()).items if each.counted]
    assert {each.incident.id for one in real for each in duplicates_of(store.incidents, one)} == {e.id for e in real}
