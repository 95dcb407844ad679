"""One suite for every store: SQLite in a folder, SQLite opened anew at each step, and a real Elasticsearch."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

for part in ("events", "incidents", "feeds", "records", "states"):
    pytest.register_assert_rewrite(f"tests.contracts.store_{part}")

from tests.contracts import store_events, store_feeds, store_incidents, store_records, store_states  # noqa: E402
from vonggac.errors import StoreUnavailable, UsageRefused  # noqa: E402
from vonggac.ports import Clock, Store  # noqa: E402
from vonggac.settings import Settings  # noqa: E402
from vonggac.stores import open_store  # noqa: E402


class Reopened:
    """A store that is closed and opened anew whenever one of its doors is asked for: nothing lives in memory only."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self._open = lambda: open_store(settings, clock=clock)
        self._store = self._open()

    def __getattr__(self, name: str) -> Any:
        if name in ("events", "incidents", "feeds", "records"):
            self._store.close()
            self._store = self._open()
        return getattr(self._store, name)


@pytest.fixture(scope="module")
def elasticsearch_prefix(elasticsearch_url: str) -> str:
    return f"t{uuid.uuid4().hex[:10]}"


BACKENDS = [
    pytest.param("sqlite"),
    pytest.param("sqlite-reopened"),
    pytest.param("elasticsearch", marks=[pytest.mark.elasticsearch, pytest.mark.xdist_group("elasticsearch")]),
]


@pytest.fixture(params=BACKENDS)
def settings(request: pytest.FixtureRequest, tmp_path: Path) -> Settings:
    chosen = Settings(data_dir=tmp_path / "dữ liệu")
    if request.param != "elasticsearch":
        return chosen
    url = request.getfixturevalue("elasticsearch_url")
    return replace(chosen, store_url=url, store_prefix=request.getfixturevalue("elasticsearch_prefix"))


@pytest.fixture
def any_store(request: pytest.FixtureRequest, settings: Settings, clock: Clock) -> Iterator[Store]:
    """An empty store."""
    with ExitStack() as at_end:
        reopened = request.node.callspec.params["settings"] == "sqlite-reopened"
        store: Any = Reopened(settings, clock) if reopened else open_store(settings, clock=clock)
        at_end.callback(store.close)
        if settings.store_url:
            at_end.callback(_empty, settings)
        yield store


@pytest.fixture
def store(any_store: Store) -> Store:
    return any_store


@pytest.fixture
def other_node(any_store: Store, settings: Settings, clock: Clock) -> Iterator[Store]:
    """The same store, opened by somebody else."""
    other = open_store(settings, clock=clock)
    yield other
    other.close()


def _empty(settings: Settings) -> None:
    """The indices stay and lose their documents: making them anew would take most of the suite's time."""
    from elasticsearch import Elasticsearch

    prefix = settings.store_prefix
    with Elasticsearch(settings.store_url) as client:
        for index in client.indices.get(index=f"{prefix}-events-*"):
            client.indices.delete(index=index)
        client.indices.refresh(index=f"{prefix}-*")
        while hits := client.search(index=f"{prefix}-*", size=5_000, source=False)["hits"]["hits"]:
            deletions = [{"delete": {"_index": hit["_index"], "_id": hit["_id"]}} for hit in hits]
            client.bulk(operations=deletions, refresh=True)


class TestEvents(store_events.EventStoreContract):
    pass


class TestArrival(store_events.ArrivalContract):
    pass


class TestHolding(store_events.HoldingContract):
    pass


class TestDetections(store_events.DetectionStoreContract):
    pass


class TestHistories(store_incidents.HistoryContract):
    pass


class TestFinding(store_incidents.FindContract):
    pass


class TestScopes(store_incidents.ScopeContract):
    pass


class TestCounting(store_states.CountContract):
    pass


class TestFeeds(store_feeds.FeedStoreContract):
    pass


class TestRecords(store_records.RecordStoreContract):
    pass


class TestStore:
    def test_it_says_what_and_where_it_is(self, store: Store, settings: Settings) -> None:
        place = settings.store_url.removeprefix("http://") or str(settings.data_dir)
        assert place in store.describe()

    def test_a_store_in_order_passes_its_check(self, store: Store) -> None:
        store.check()

    def test_two_nodes_share_it(self, store: Store, other_node: Store) -> None:
        store.records.put("k", "a", {"n": 1})
        assert other_node.records.put("k", "a", {"n": 2}) == 2
        record = store.records.get("k", "a")
        assert record is not None
        assert record.body == {"n": 2}


def test_a_url_of_another_kind_is_refused(clock: Clock) -> None:
    with pytest.raises(UsageRefused):
        open_store(Settings(store_url="postgresql://127.0.0.1/x"), clock=clock)


def test_a_server_that_does_not_answer_is_named_without_its_password(clock: Clock) -> None:
    with pytest.raises(StoreUnavailable) as caught:
        open_store(Settings(store_url="http://an:b%40d@127.0.0.1:9"), clock=clock)
    assert caught.value.key == "store_unreachable"
    assert caught.value.facts["where"] == "http://127.0.0.1:9"
    assert "b%40d" not in str(caught.value)
    assert "b@d" not in str(caught.value)
