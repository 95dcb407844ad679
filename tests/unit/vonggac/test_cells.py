"""A cell opens to as many incidents as its figure says, whichever way they are counted."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vonggac.cells import incident_row
from vonggac.comparison import answer_data
from vonggac.directory import with_shipped
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.incident import Entry, EntryKind, entry_id, incident_id
from vonggac.domain.marking import Tlp
from vonggac.domain.stats import By
from vonggac.ports import Store
from vonggac.settings import Settings
from vonggac.statistics import Question, answer, ask, cell
from vonggac.stores import open_store

BEGAN = datetime(2025, 1, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
#: Provinces that merged on 2025-07-01, two of one new province, one that stayed, and one that nobody knows.
CODES = ("25", "17", "26", "01", "?")


@pytest.fixture(scope="module")
def vietnam() -> Directory:
    return Directory(with_shipped(()))


def load(store: Store, cases: Sequence[tuple[Any, ...]]) -> None:
    for number, (day, delay, category, severity, parties, tlp) in enumerate(cases):
        identity, at = incident_id("test", str(number)), BEGAN + timedelta(days=day)
        known = at + timedelta(days=delay)
        opened = {"title": f"vụ {number}", "category": category, "severity": severity, "tlp": tlp}
        entries = [Entry(entry_id(identity, "opened"), EntryKind.OPENED, at, known, "an", opened)]
        entries += [
            Entry(entry_id(identity, code, role), EntryKind.INVOLVED, at, known, "an", {"agency": code, "role": role})
            for code, role in parties
        ]
        store.incidents.append(identity, entries)


def figures(
    store: Store, directory: Directory, question: Question, scope: Scope = EVERYTHING
) -> Iterator[tuple[str, str, int]]:
    """(key, which period, figure) of each cell."""
    body = answer_data(answer(store, directory, question, now=NOW, scope=scope), "vi")
    for row in ({"key": "total", **body["total"]}, *body["rows"]):
        for which in ("current", "previous"):
            yield row["key"], which, row[which]


def opened(
    store: Store, directory: Directory, question: Question, key: str, which: str, scope: Scope = EVERYTHING
) -> list[str]:
    period = question.period if which == "current" else question.against
    return [each.incident for each in cell(store, directory, question, key, period, scope=scope)]


CASES = st.lists(
    st.tuples(
        st.integers(0, 500),
        st.integers(0, 200),
        st.sampled_from(["phishing", "malware", "deface", "other", "test"]),
        st.sampled_from(["low", "high"]),
        st.lists(st.tuples(st.sampled_from(CODES), st.sampled_from(["victim", "handler"])), max_size=4, unique=True),
        st.just("amber"),
    ),
    max_size=25,
)


@given(cases=CASES)
@settings(max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_every_cell_opens_to_as_many_incidents_as_it_says(
    tmp_path_factory: pytest.TempPathFactory, vietnam: Directory, cases: list[tuple[Any, ...]]
) -> None:
    store = open_store(Settings(data_dir=tmp_path_factory.mktemp("kho")), clock=lambda: NOW)
    try:
        load(store, cases)
        for by in By:
            for known_at in (None, "01/10/2025"):
                for units in ("as-then", "2025-07-01") if by in (By.AGENCY, By.LEVEL) else ("as-then",):
                    question = ask("2025-M5..M9", "2026-M1..M5", str(by), known_at, None, units)
                    for key, which, figure in figures(store, vietnam, question):
                        found = opened(store, vietnam, question, key, which)
                        assert len(found) == len(set(found)) == figure, (by, known_at, units, key, which)
    finally:
        store.close()


def test_a_cell_shows_what_the_readers_scope_shows(store: Store, vietnam: Directory) -> None:
    load(
        store,
        [
            (10, 0, "phishing", "low", [("01", "victim")], "red"),
            (11, 0, "phishing", "low", [("25", "victim")], "red"),
            (12, 0, "phishing", "low", [("25", "victim")], "green"),
        ],
    )
    capital = Scope(open_to=Tlp.GREEN, own_to=Tlp.RED, agencies=frozenset({"01"}))
    for by in By:
        question = ask("2025", by=str(by))
        assert len(opened(store, vietnam, question, "total", "current", capital)) == 2
        for key, which, figure in figures(store, vietnam, question, capital):
            assert len(opened(store, vietnam, question, key, which, capital)) == figure, (by, key)


def test_a_key_that_no_row_has_opens_to_nothing(store: Store, vietnam: Directory) -> None:
    load(store, [(10, 0, "phishing", "low", [("01", "victim")], "amber")])
    for by in By:
        assert opened(store, vietnam, ask("2025", by=str(by)), "không có", "current") == []


def test_an_incident_is_told_as_it_was_known(store: Store, vietnam: Directory) -> None:
    load(store, [(10, 0, "phishing", "low", [("01", "victim"), ("25", "handler")], "amber")])
    question = ask("2025", known_at="01/06/2025")
    [found] = cell(store, vietnam, question, "phishing", question.period)
    later = Entry("later", EntryKind.CATEGORISED, NOW, NOW, "an", {"category": "malware"})
    store.incidents.append(found.incident, [later])
    [found] = cell(store, vietnam, question, "phishing", question.period)
    row = incident_row(store, found, question)
    assert (row["category"], row["agencies"], row["title"]) == ("phishing", ["01", "25"], "vụ 0")
    assert row["occurred_at"] == "2025-01-11T00:00:00.000000Z"
