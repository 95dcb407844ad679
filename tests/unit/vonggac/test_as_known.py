from contextlib import closing
from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.contracts.store_samples import NOVEMBER, entry, involved, later, opened
from vonggac.as_known import incidents_known, instant_of
from vonggac.domain.access import Scope
from vonggac.domain.incident import EntryKind, Status
from vonggac.domain.marking import Tlp
from vonggac.errors import UsageRefused
from vonggac.ports import IncidentQuery, Store
from vonggac.settings import Settings
from vonggac.stores import open_store

ALL = IncidentQuery()


def named(store: Store, second: int, query: IncidentQuery = ALL) -> list[str]:
    return [incident.id for incident in incidents_known(store.incidents, query, later(second))]


def test_a_list_shows_what_was_known_then_as_it_was_known(store: Store) -> None:
    store.incidents.append("a", [opened(later(1), later(10), category="dos"), involved("BCT", known=later(11))])
    store.incidents.append("a", [entry("c", EntryKind.CATEGORISED, later(50), category="malware")])
    store.incidents.append("a", [entry("t", EntryKind.TRANSITIONED, later(60), to="closed", reason="xong")])
    store.incidents.append("b", [opened(later(2), later(20), category="dos")])
    assert named(store, 9) == []
    assert named(store, 10) == ["a"]
    assert named(store, 20) == ["b", "a"]
    assert named(store, 49, IncidentQuery(categories=frozenset({"dos"}))) == ["b", "a"]
    assert named(store, 50, IncidentQuery(categories=frozenset({"dos"}))) == ["b"]
    assert named(store, 10, IncidentQuery(agency="BCT")) == []
    assert named(store, 59, IncidentQuery(statuses=frozenset({Status.NEW}))) == ["b", "a"]
    assert named(store, 60, IncidentQuery(statuses=frozenset({Status.NEW}))) == ["b"]
    assert named(store, 60, IncidentQuery(text="PORT scán")) == ["b", "a"]


def test_what_is_closed_to_a_reader_now_is_not_shown_as_known_earlier(store: Store) -> None:
    store.incidents.append("a", [opened(tlp="green")])
    store.incidents.append("a", [entry("m", EntryKind.MARKED, later(2), tlp="red")])
    reader = IncidentQuery(scope=Scope(open_to=Tlp.GREEN, own_to=None, agencies=frozenset()))
    assert named(store, 1, reader) == []


@given(st.lists(st.integers(-40_000, 0), max_size=12))
@settings(max_examples=25, deadline=None)
def test_every_incident_is_listed_once_the_last_first_however_long_ago(
    tmp_path_factory: pytest.TempPathFactory, days: list[int]
) -> None:
    folder = tmp_path_factory.mktemp("known")
    with closing(open_store(Settings(data_dir=folder), clock=lambda: NOVEMBER)) as store:
        for number, day in enumerate(days):
            at = NOVEMBER + timedelta(days=day)
            store.incidents.append(f"inc-{number}", [opened(at, NOVEMBER)])
        found = [incident.first_at for incident in incidents_known(store.incidents, ALL, later(1))]
    assert found == sorted((NOVEMBER + timedelta(days=day) for day in days), reverse=True)


@pytest.mark.parametrize("text", ["soon", "31/02/2025", "0001-01-01", "9999-12-31T23:59:59-14:00"])
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(UsageRefused):
        instant_of(text)
