"""A published table stays what it was, whatever the records, the directory and the clock do after it."""

from __future__ import annotations

import stat
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from tests.unit.vonggac.test_statistics import write
from vonggac.definitions import definitions
from vonggac.directory import load_directory, save_agencies
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.errors import NotFound, UsageRefused
from vonggac.old_cases import import_cases
from vonggac.ports import Store
from vonggac.publishing import (
    PUBLICATION,
    Publisher,
    intact,
    is_intact,
    publications,
    published,
    question_data,
    signing_key,
)
from vonggac.reports.table import FORMS, render
from vonggac.statistics import ask

NOW = datetime(2026, 11, 1, 9, 30, tzinfo=UTC)
LATER = datetime(2027, 3, 1, tzinfo=UTC)


@pytest.fixture
def directory(store: Store) -> Directory:
    return load_directory(store.records)


@pytest.fixture
def publisher(store: Store) -> Publisher:
    return Publisher(store, Ed25519PrivateKey.generate())


@pytest.fixture
def records(store: Store, tmp_path: Path) -> Store:
    """Three incidents of February 2020 and one of February 2019."""
    rows = (
        {},
        {"incident_id": "2", "category": "malware"},
        {"incident_id": "3", "agency_code": "H41"},
        {"incident_id": "4", "occurred_at": "05/02/2019"},
    )
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    return store


def every_form(table: dict[str, Any]) -> Iterator[bytes]:
    for lang in ("vi", "en"):
        for form in FORMS:
            yield render(table["table"][lang], form, lang, at=NOW)


def test_a_table_cannot_be_of_what_will_be_known_later(
    records: Store, publisher: Publisher, directory: Directory
) -> None:
    table = publisher.publish(directory, ask("2020", known_at="2035-01-01"), now=NOW, by="a")
    assert table["question"]["known_at"] == table["table"]["vi"]["known_at"] == table["published_at"]


def test_a_table_is_given_out_again_byte_for_byte(
    records: Store, publisher: Publisher, directory: Directory, tmp_path: Path
) -> None:
    table = publisher.publish(directory, ask("2020", by="agency"), now=NOW, by="lan")
    before = list(every_form(table))
    import_cases(records.incidents, write(tmp_path / "b.csv", {"incident_id": "9"}), definitions())
    save_agencies(records.records, [Agency("H40", "Tên khác", Level.PROVINCE)])
    again = intact(records, table["id"])
    assert list(every_form(again)) == before
    assert again["digest"] == table["digest"] == again["table"]["en"]["digest"]


def test_it_keeps_what_made_it(records: Store, publisher: Publisher, directory: Directory) -> None:
    question = ask("2020", against="2019", by="agency", units="2025-07-01", definitions="triad-2017")
    table = publisher.publish(directory, question, now=NOW, by="lan")
    assert table["question"] == {
        "period": "2020",
        "against": "2019",
        "by": "agency",
        "known_at": "2026-11-01T09:30:00.000000Z",
        "definitions": "triad-2017",
        "units": "2025-07-01",
    }
    assert (table["published_by"], table["definitions"]["id"]) == ("lan", "triad-2017")
    kept = records.records.get("published-directory", table["directory"])
    assert kept is not None and len(kept.body["units"]) == len(directory.agencies)


def test_an_instant_of_knowledge_may_lie_before_everything(
    records: Store, publisher: Publisher, directory: Directory
) -> None:
    table = publisher.publish(directory, ask("2020", known_at="01/01/2018"), now=NOW, by="lan")
    assert (table["table"]["vi"]["total"]["current"], table["table"]["vi"]["rows"]) == (0, [])
    assert table["question"]["known_at"] == "2017-12-31T17:00:00.000000Z"


def test_the_same_question_twice_is_two_publications(
    records: Store, publisher: Publisher, directory: Directory
) -> None:
    tables = [publisher.publish(directory, ask("2020"), now=now, by="lan") for now in (NOW, LATER)]
    assert len({table["id"] for table in tables}) == 2
    listed = publications(records)
    assert [each["id"] for each in listed] == [table["id"] for table in tables]
    assert [(each["current"], each["previous"]) for each in listed] == [(3, 1), (3, 1)]


def test_what_was_not_published_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound, match="unknown_publication"):
        published(store, "TK-20261101-none")


@pytest.mark.parametrize(
    "path",
    [
        ("table", "vi", "total", "current"),
        ("table", "en", "rows", 0, "previous"),
        ("question", "period"),
        ("published_by",),
        ("directory",),
    ],
)
def test_a_table_with_one_figure_changed_is_not_intact(
    records: Store, publisher: Publisher, directory: Directory, path: tuple[str | int, ...]
) -> None:
    identity = publisher.publish(directory, ask("2020"), now=NOW, by="lan")["id"]
    record = records.records.get(PUBLICATION, identity)
    assert record is not None
    place: Any = record.body
    for name in path[:-1]:
        place = place[name]
    place[path[-1]] = 1 if isinstance(place[path[-1]], int) and place[path[-1]] != 1 else "2"
    records.records.put(PUBLICATION, identity, record.body)
    with pytest.raises(UsageRefused, match="publication_broken"):
        intact(records, identity)
    assert published(records, identity)["intact"] is False


@pytest.mark.parametrize("signed", [None, {}, {"key": "?", "signature": "?"}, {"key": "AAAA", "signature": "AAAA"}])
def test_a_signature_that_is_none_is_not_intact(
    records: Store, publisher: Publisher, directory: Directory, signed: object
) -> None:
    table = publisher.publish(directory, ask("2020"), now=NOW, by="lan")
    assert is_intact(table)
    assert not is_intact({**table, "signed": signed})
    other = replace(publisher, key=Ed25519PrivateKey.generate()).publish(directory, ask("2020"), now=LATER, by="lan")
    assert not is_intact({**table, "signed": other["signed"]})


def test_the_key_is_made_once_and_is_its_owners_alone(tmp_path: Path) -> None:
    path = tmp_path / "kho" / "publishing.key"
    first = signing_key(path).private_bytes_raw()
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert signing_key(path).private_bytes_raw() == first
    assert [each.name for each in path.parent.iterdir()] == ["publishing.key"]


def test_a_key_file_that_is_none_is_named_and_kept(tmp_path: Path) -> None:
    path = tmp_path / "publishing.key"
    path.write_bytes(b"short")
    with pytest.raises(UsageRefused, match=r"signing_key_unusable.*publishing\.key"):
        signing_key(path)
    assert path.read_bytes() == b"short"


def test_a_unit_of_today_counts_what_its_parts_had(
    store: Store, publisher: Publisher, directory: Directory, tmp_path: Path
) -> None:
    rows = ({"agency_code": "17"}, {"incident_id": "2", "agency_code": "25"})
    import_cases(store.incidents, write(tmp_path / "a.csv", *rows), definitions())
    question = replace(ask("2020", by="agency"), units=date(2025, 7, 1))
    [row] = publisher.publish(directory, question, now=NOW, by="lan")["table"]["vi"]["rows"]
    assert (row["key"], row["current"]) == ("25", 2)


@pytest.mark.parametrize("period", ["2020", "2020-Q1", "2020-M1..M4", "2024-02-29/2024-03-01", "tt20-2025"])
@pytest.mark.parametrize("against", ["previous-year", "2019", "tt20-2024"])
def test_a_published_question_is_the_one_that_was_asked(period: str, against: str) -> None:
    question = ask(period, against, "level", "01/06/2025", "qd05-2017", "2025-07-01")
    assert ask(**question_data(question)) == question
