"""What changed since a table was published, and why: nothing of the difference is left unexplained."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.contracts.store_samples import detected
from vonggac.casework import Casework
from vonggac.directory import save_agencies
from vonggac.domain.access import OPERATOR
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Cause, Entry, EntryKind, Status, entry_id, incident_id
from vonggac.errors import UsageRefused
from vonggac.ports import Store
from vonggac.publishing import PUBLICATION, Publisher
from vonggac.revision import revision
from vonggac.settings import Settings
from vonggac.statistics import ask
from vonggac.stores import open_store

BEGAN = datetime(2026, 3, 10, tzinfo=UTC)
PUBLISHED = datetime(2026, 6, 1, tzinfo=UTC)
NOW = datetime(2026, 11, 1, tzinfo=UTC)
EFFECTS = {"learned-later": 1, "counts-since": 1, "no-longer-counts": -1}


def add(store: Store, name: str, *, known: datetime = BEGAN, at: datetime = BEGAN, agency: str = "01") -> str:
    """A phishing incident of that agency."""
    identity = incident_id("test", name)
    opened = {"title": name, "category": "phishing", "severity": "medium"}
    involved = {"agency": agency, "role": "victim"}
    entries = [
        Entry(entry_id(identity, "opened"), EntryKind.OPENED, at, known, "correlator", opened),
        Entry(entry_id(identity, "involved"), EntryKind.INVOLVED, at, known, "correlator", involved),
    ]
    store.incidents.append(identity, entries)
    return identity


def involve(store: Store, identity: str, agency: str, known: datetime) -> None:
    entry = Entry(
        entry_id(identity, "also", agency),
        EntryKind.INVOLVED,
        BEGAN,
        known,
        "an",
        {"agency": agency, "role": "handler"},
    )
    store.incidents.append(identity, [entry])


def casework(store: Store, at: datetime = NOW - timedelta(days=9)) -> Casework:
    return Casework(store.incidents, lambda: at, OPERATOR)


def publish(store: Store, by: str = "category", directory: Directory | None = None) -> str:
    publisher = Publisher(store, Ed25519PrivateKey.generate())
    return str(publisher.publish(directory or Directory(), ask("2026-Q1", by=by), now=PUBLISHED, by="an")["id"])


def revised(store: Store, identity: str, directory: Directory | None = None) -> dict[str, Any]:
    return revision(store, directory or Directory(), identity, now=NOW, lang="vi")


def whys(store: Store, found: dict[str, Any]) -> dict[str, str]:
    """Why each incident, by its title, counts otherwise."""
    return {store.incidents.get(each["incident"]).title: each["why"] for each in found["changes"]["listed"]}


def test_each_change_is_named_with_its_why_and_the_numbers_add_up(store: Store) -> None:
    names = ("category", "false", "merged", "whole", "agencies", "severity", "cause", "same", "undone")
    cases = {name: add(store, name) for name in names}
    identity = publish(store)
    work = casework(store)
    work.categorise(cases["category"], "malware")
    work.transition(cases["false"], Status.FALSE_POSITIVE, "máy quét của ta")
    work.merge(cases["merged"], cases["whole"])
    involve(store, cases["agencies"], "79", NOW - timedelta(days=3))
    work.rate(cases["severity"], Severity.LOW)
    work.attribute(cases["cause"], Cause.FAULT)
    work.note(cases["same"], "không đổi gì")
    work.categorise(cases["undone"], "malware")
    work.undo(cases["undone"])
    add(store, "late", known=NOW - timedelta(days=2))
    add(store, "old", known=BEGAN + timedelta(days=1))

    found = revised(store, identity)
    assert whys(store, found) == {
        "category": "other-category",
        "false": "no-longer-counts",
        "merged": "no-longer-counts",
        "agencies": "other-agencies",
        "severity": "other-severity",
        "cause": "other-cause",
        "late": "learned-later",
    }
    assert found["loaded_later"] == {"current": 1, "previous": 0}
    assert found["total"]["current"] == {"published": 9, "now": 9, "difference": 0}
    assert {row["key"]: row["current"]["difference"] for row in found["rows"]} == {"phishing": -1, "malware": 1}
    assert found["changes"]["counts"]["no-longer-counts"] == 2
    assert {each["period"] for each in found["changes"]["listed"]} == {"current"}
    assert found["other_since"] == []


def test_what_is_undone_before_anybody_looks_is_no_change(store: Store) -> None:
    case = add(store, "a")
    identity = publish(store)
    casework(store).transition(case, Status.FALSE_POSITIVE, "nhầm")
    assert whys(store, revised(store, identity)) == {"a": "no-longer-counts"}
    casework(store).undo(case)
    found = revised(store, identity)
    assert (found["changes"]["listed"], found["total"]["current"]["difference"]) == ([], 0)


def test_a_case_that_counts_again_says_so(store: Store) -> None:
    case = add(store, "a")
    casework(store, BEGAN + timedelta(days=2)).transition(case, Status.FALSE_POSITIVE, "nhầm")
    identity = publish(store)
    casework(store).transition(case, Status.REOPENED, "là thật")
    found = revised(store, identity)
    assert whys(store, found) == {"a": "counts-since"}
    assert found["total"]["current"] == {"published": 0, "now": 1, "difference": 1}


def test_a_case_that_moved_to_another_period_leaves_one_and_comes_into_the_other(store: Store) -> None:
    case = add(store, "a")
    identity = publish(store)
    a_year_before = BEGAN.replace(year=2025)
    store.incidents.append(case, [detected(1, a_year_before, BEGAN, NOW - timedelta(days=1))])
    found = revised(store, identity)
    assert [(each["period"], each["why"]) for each in found["changes"]["listed"]] == [
        ("current", "no-longer-counts"),
        ("previous", "counts-since"),
    ]
    assert found["total"]["previous"] == {"published": 0, "now": 1, "difference": 1}


def test_a_case_that_began_in_another_month_is_named(store: Store) -> None:
    case = add(store, "a")
    identity = publish(store, by="month")
    store.incidents.append(case, [detected(1, BEGAN - timedelta(days=40), BEGAN, NOW - timedelta(days=1))])
    found = revised(store, identity)
    assert whys(store, found) == {"a": "other-time"}
    assert {row["key"]: row["current"]["difference"] for row in found["rows"]} == {"2026-01": 1, "2026-03": -1}


def test_another_directory_is_told(store: Store) -> None:
    add(store, "a")
    identity = publish(store, by="agency")
    assert revised(store, identity)["other_since"] == []
    renamed = Directory((Agency("01", "Thủ đô", Level.PROVINCE),))
    save_agencies(store.records, renamed.agencies)
    assert revised(store, identity, renamed)["other_since"] == ["directory"]


def test_a_table_that_is_not_what_was_signed_is_not_revised(store: Store) -> None:
    identity = publish(store)
    record = store.records.get(PUBLICATION, identity)
    assert record is not None
    record.body["table"]["vi"]["total"]["current"] = 7
    store.records.put(PUBLICATION, identity, record.body)
    with pytest.raises(UsageRefused, match="publication_broken"):
        revised(store, identity)


ACTS = st.lists(
    st.tuples(
        st.sampled_from(["late", "old", "false", "category", "reopen", "involve"]),
        st.integers(0, 4),
    ),
    max_size=12,
)


@given(acts=ACTS)
@settings(max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_the_difference_of_the_total_is_what_came_less_what_went(
    tmp_path_factory: pytest.TempPathFactory, acts: Sequence[tuple[str, int]]
) -> None:
    folder: Path = tmp_path_factory.mktemp("kho")
    store = open_store(Settings(data_dir=folder), clock=lambda: NOW)
    try:
        cases = [add(store, str(number)) for number in range(5)]
        identity = publish(store)
        for step, act in enumerate(acts):
            _act(store, act, cases, step)
        found = revised(store, identity)
    finally:
        store.close()
    explained = sum(EFFECTS.get(each["why"], 0) for each in found["changes"]["listed"])
    difference = found["total"]["current"]["difference"]
    assert difference == explained + found["loaded_later"]["current"]
    assert sum(row["current"]["difference"] for row in found["rows"]) == difference


def _act(store: Store, act: tuple[str, int], cases: Sequence[str], step: int) -> None:
    kind, number = act
    at = PUBLISHED + timedelta(days=step + 1)
    work, case = casework(store, at), cases[number]
    status = store.incidents.get(case).status
    if kind == "late":
        add(store, f"late-{step}", known=at)
    elif kind == "old":
        add(store, f"old-{step}", known=BEGAN + timedelta(hours=1))
    elif kind == "false" and status is not Status.FALSE_POSITIVE:
        work.transition(case, Status.FALSE_POSITIVE, "nhầm")
    elif kind == "reopen" and status is Status.FALSE_POSITIVE:
        work.transition(case, Status.REOPENED, "là thật")
    elif kind == "category":
        work.categorise(case, "malware")
    elif kind == "involve":
        involve(store, case, f"{step + 10}", at)
