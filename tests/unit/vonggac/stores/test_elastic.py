"""What only Elasticsearch has: refusals of its mapping, turns among nodes, and answers that are not answers."""

from __future__ import annotations

import json
import uuid
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from typing import Any

import pytest
from elasticsearch import Elasticsearch

from tests.contracts.store_samples import DECEMBER, NOVEMBER, detection, event, involved, item, opened
from vonggac.domain.suppression import Hits
from vonggac.errors import StoreUnavailable
from vonggac.ports import Clock, Collection, FeedQuery, StateQuery
from vonggac.stores.elastic import ElasticStore, open_elastic, server, turns
from vonggac.stores.elastic.server import BULK_BYTES, Server, Write
from vonggac.stores.histories import entry_document

on_elasticsearch = [pytest.mark.elasticsearch, pytest.mark.xdist_group("elasticsearch")]


@pytest.fixture
def prefix() -> str:
    return f"u{uuid.uuid4().hex[:10]}"


@pytest.fixture
def store(elasticsearch_url: str, prefix: str, clock: Clock) -> Iterator[ElasticStore]:
    opened = open_elastic(elasticsearch_url, prefix, clock=clock)
    yield opened
    opened.close()
    with Elasticsearch(elasticsearch_url) as client:
        for index in client.indices.get(index=f"{prefix}-*"):
            client.indices.delete(index=index)
        client.indices.delete_index_template(name=f"{prefix}-events")


class TestRealServer:
    pytestmark = on_elasticsearch

    def test_what_its_mapping_refuses_is_refused_by_itself_with_its_reason(self, store: ElasticStore) -> None:
        added = store.events.add_events([event("a"), event("b", source="a text where an object stands"), event("c")])
        assert added.created == 2
        (refusal,) = added.refused
        assert refusal.offset == 1
        assert "source" in refusal.reason
        assert store.events.count_events() == 2

    def test_a_value_of_the_wrong_kind_does_not_refuse_the_event(self, store: ElasticStore) -> None:
        odd = event("a", source_ip="not an address", source_port="many")
        assert store.events.add_events([odd]).created == 1
        assert store.events.events(["a"]) == [odd]

    def test_a_field_nobody_named_is_kept_but_makes_no_mapping(
        self, store: ElasticStore, elasticsearch_url: str, prefix: str
    ) -> None:
        store.events.add_events([event("a", invented_by={f"attacker-{number}": number for number in range(50)})])
        with Elasticsearch(elasticsearch_url) as client:
            mapping = client.indices.get_mapping(index=f"{prefix}-events-2026.11")[f"{prefix}-events-2026.11"]
        assert "invented" not in mapping["mappings"]["properties"]
        assert store.events.events(["a"])[0]["invented"]["by"]["attacker-7"] == 7

    def test_indices_of_a_newer_program_are_left_alone(
        self, store: ElasticStore, elasticsearch_url: str, prefix: str, clock: Clock
    ) -> None:
        with Elasticsearch(elasticsearch_url) as client:
            client.indices.put_mapping(index=f"{prefix}-records", meta={"schema": 99})
        with pytest.raises(StoreUnavailable) as caught:
            open_elastic(elasticsearch_url, prefix, clock=clock)
        assert caught.value.key == "store_newer"

    def test_an_index_of_an_older_program_indexes_from_now_on_what_is_new(
        self, elasticsearch_url: str, prefix: str, clock: Clock
    ) -> None:
        older = {"dynamic": False, "_meta": {"schema": 2}, "properties": {"rule": {"properties": {}}}}
        with Elasticsearch(elasticsearch_url) as client:
            client.indices.create(index=f"{prefix}-detections", mappings=older)
        with closing(open_elastic(elasticsearch_url, prefix, clock=clock)) as upgraded:
            upgraded.events.add_detections([replace(detection(1), suppressed_by="sup-1")])
            assert upgraded.events.suppressed() == {"sup-1": Hits(1, NOVEMBER, NOVEMBER)}

    def test_incidents_of_an_older_program_are_numbered_and_counted(
        self, elasticsearch_url: str, prefix: str, clock: Clock
    ) -> None:
        older = {"dynamic": False, "_meta": {"schema": 3}, "properties": {"id": {"type": "keyword"}}}
        entries = [entry_document(each) for each in (opened(category="dos"), involved("BCT"))]
        with Elasticsearch(elasticsearch_url) as client:
            client.indices.create(index=f"{prefix}-incidents", mappings=older)
            document = {"id": "a", "entries": entries}
            client.index(index=f"{prefix}-incidents", id="a", document=document, refresh=True)
        for _ in range(2):
            with closing(open_elastic(elasticsearch_url, prefix, clock=clock)) as upgraded:
                assert upgraded.incidents.get("a").number == "VN-2026-000001"
                [facts] = upgraded.incidents.tally(StateQuery(NOVEMBER, DECEMBER)).facts()
                assert [(each.category, count) for each, count in facts.items()] == [("dos", 1)]

    def test_states_of_an_older_program_get_their_agencies(
        self, store: ElasticStore, elasticsearch_url: str, prefix: str, clock: Clock
    ) -> None:
        store.incidents.append("a", [opened(), involved("BYT"), involved("BCT")])
        store.incidents.append("b", [opened()])
        with Elasticsearch(elasticsearch_url) as client:
            document = client.get(index=f"{prefix}-incidents", id="a")["_source"]
            document["states"] = [{**state, "agencies": None} for state in document["states"]]
            client.index(index=f"{prefix}-incidents", id="a", document=document, refresh=True)
        with closing(open_elastic(elasticsearch_url, prefix, clock=clock)) as upgraded:
            tally = upgraded.incidents.tally(StateQuery(NOVEMBER, DECEMBER))
            assert tally.agencies(frozenset(tally.facts()[0])) == [{("BCT", "BYT"): 1, (): 1}]
            assert upgraded.incidents.complete() == 0

    def test_the_turn_of_a_writer_that_died_is_waited_for_and_ends(
        self, store: ElasticStore, elasticsearch_url: str, prefix: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(turns, "OVERTAKEN_SECONDS", 0.2)
        store.feeds.put_collection(Collection("c", "C"))
        store.feeds.add_items("c", [item("a--1")], NOVEMBER)
        with Elasticsearch(elasticsearch_url) as client:
            client.update(
                index=f"{prefix}-collections",
                id="c",
                doc={"writer": "dead", "writer_until": int(datetime(2100, 1, 1, tzinfo=UTC).timestamp()) * 1_000_000},
            )
        with pytest.raises(StoreUnavailable):
            store.feeds.add_items("c", [item("a--2")], NOVEMBER)
        store.feeds._clock = lambda: datetime(2100, 1, 1, tzinfo=UTC) + timedelta(seconds=1)
        assert [result.outcome for result in store.feeds.add_items("c", [item("a--2")], NOVEMBER)] == ["created"]
        assert [found.id for found in store.feeds.items(FeedQuery("c")).items] == ["a--1", "a--2"]

    def test_a_large_batch_goes_in_several_requests(self, store: ElasticStore) -> None:
        size = BULK_BYTES // 4
        added = store.events.add_events([event(f"e{number}", message="x" * size) for number in range(9)])
        assert added.created == 9
        assert store.events.count_events() == 9


Answer = Callable[[dict[str, Any]], tuple[int, Any]]


@contextmanager
def answering(answer: Answer) -> Iterator[str]:
    """A server that answers each bulk request as told: what a real one says only when it is in trouble."""

    class Handler(BaseHTTPRequestHandler):
        def do_PUT(self) -> None:
            body = self.rfile.read(int(self.headers["Content-Length"])).splitlines()
            status, content = answer({"items": [json.loads(line)["create"]["_id"] for line in body[::2]]})
            if status == 0:
                self.close_connection = True
                return
            data = json.dumps(content).encode()
            self.send_response(status)
            self.send_header("X-Elastic-Product", "Elasticsearch")
            self.send_header("Content-Type", "application/vnd.elasticsearch+json;compatible-with=9")
            self.send_header("Content-Length", str(len(data)))
            self.end_headers()
            self.wfile.write(data)

        do_POST = do_PUT  # noqa: N815 - the names that http.server calls

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = Thread(target=http.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"http://127.0.0.1:{http.server_address[1]}"
        finally:
            http.shutdown()
            thread.join()


def writes(count: int) -> list[Write]:
    return [Write("i", str(number), b"{}") for number in range(count)]


class TestTrouble:
    @pytest.fixture(autouse=True)
    def _impatient(self, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(server, "BUSY_SECONDS", 0.001)

    def test_only_what_it_was_too_busy_for_is_sent_again(self) -> None:
        asked: list[list[str]] = []

        def answer(request: dict[str, Any]) -> tuple[int, Any]:
            asked.append(request["items"])
            busy = {"1", "3"} if len(asked) == 1 else {"3"} if len(asked) == 2 else set()
            return 200, {"items": [{"create": {"status": 429 if each in busy else 201}} for each in request["items"]]}

        with answering(answer) as url:
            elastic = Server(url, "p")
            outcomes = elastic.bulk(writes(5))
            elastic.close()
        assert asked == [["0", "1", "2", "3", "4"], ["1", "3"], ["3"]]
        assert [outcome.status for outcome in outcomes] == [201] * 5

    @pytest.mark.parametrize(
        ("answer", "key"),
        [
            ((200, {"items": [{"create": {"status": 429}}]}), "store_overloaded"),
            ((429, {"error": {"type": "es_rejected_execution_exception"}, "status": 429}), "store_overloaded"),
            ((503, {"error": {"type": "no_master"}, "status": 503}), "store_overloaded"),
            ((200, {"items": [{"create": {"status": 503, "error": {"reason": "shard"}}}]}), "store_overloaded"),
            ((401, {"error": {"type": "security_exception"}, "status": 401}), "store_forbidden"),
            ((500, {"error": {"type": "boom"}, "status": 500}), "store_refused"),
            ((0, None), "store_unreachable"),
        ],
    )
    def test_trouble_that_lasts_is_said_and_nothing_counts_as_stored(self, answer: tuple[int, Any], key: str) -> None:
        with answering(lambda _: answer) as url:
            elastic = Server(url, "p")
            with pytest.raises(StoreUnavailable) as caught:
                elastic.bulk(writes(1))
            elastic.close()
        assert caught.value.key == key
        assert caught.value.facts["where"] == url
