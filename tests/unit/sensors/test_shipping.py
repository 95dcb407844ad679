"""Batches reach a node that is down, slow or broken, once each, and are never asked for too often."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from random import Random
from typing import Any, ClassVar

import orjson
import pytest
import zstandard
from hypothesis import given
from hypothesis import strategies as st

from sensors.shipping import BATCH_HEADER, Backoff, Shipped, Shipper, Target, ship, spools_in
from sensors.spool import SpoolReader, SpoolWriter
from tests.unit.sensors.test_spool import batch
from vonggac.errors import PeerUnavailable, StoreUnavailable


class FakeNode(BaseHTTPRequestHandler):
    """What a network can do to a batch. `answers` are taken one by one; when there are none left it is 200."""

    answers: ClassVar[list[Any]] = []
    came: ClassVar[list[tuple[str, int, str]]] = []
    hold: ClassVar[threading.Event] = threading.Event()

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        data = orjson.loads(zstandard.ZstdDecompressor().decompress(body, max_output_size=1 << 24))
        known = self.headers[BATCH_HEADER] in {identity for identity, _, what in self.came if what == "took"}
        answer = self.answers.pop(0) if self.answers else 200
        took = answer in (200, "cut", "slow")
        self.came.append((self.headers[BATCH_HEADER], data["position"], "took" if took else "not"))
        if answer == "slow":
            self.hold.wait(20)
            return
        if answer == "reset":
            self.connection.close()
            return
        said = orjson.dumps({"events": len(data["events"]), **({"duplicate": True} if known else {})})
        self.send_response(200 if answer == "cut" else answer)
        self.send_header("Content-Length", str(len(said) + (50 if answer == "cut" else 0)))
        if answer == 429:
            self.send_header("Retry-After", "7")
        self.end_headers()
        self.wfile.write(said)
        self.close_connection = answer == "cut"

    def log_message(self, *_: object) -> None:
        return


@pytest.fixture
def node() -> Iterator[str]:
    FakeNode.answers.clear()
    FakeNode.came.clear()
    FakeNode.hold.clear()
    server = ThreadingHTTPServer(("127.0.0.1", 0), FakeNode)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_address[1]}"
    FakeNode.hold.set()
    server.shutdown()
    thread.join()
    server.server_close()


@pytest.fixture
def shipper(tmp_path: Path, node: str) -> Iterator[Callable[..., Shipper]]:
    with ExitStack() as stack:

        def make(**more: Any) -> Shipper:
            made = Shipper(tmp_path, Target(node, **more))
            stack.callback(made.close)
            return made

        yield make


def fill(folder: Path, count: int) -> None:
    with SpoolWriter(folder) as writer:
        for number in range(count):
            writer.append(batch(number))


def all_of(shipper: Shipper, pauses: list[float] | None = None, most: float = 60) -> PeerUnavailable | None:
    """Ships until nothing is left; pauses are only noted."""
    noted = [] if pauses is None else pauses

    def wait(seconds: float) -> bool:
        noted.append(seconds)
        return seconds == 0.5

    return ship(lambda: [shipper], Backoff(1, most, Random(1)), wait, lambda: False, 0.5)


def test_batches_arrive_in_order_with_an_id_each(tmp_path, shipper):
    fill(tmp_path, 5)
    made = shipper()
    assert all_of(made) is None
    assert made.done == Shipped(sent=5)
    assert [position for _, position, _ in FakeNode.came] == [0, 1, 2, 3, 4]
    assert len({identity for identity, _, _ in FakeNode.came}) == 5
    with SpoolReader(tmp_path) as reader:
        assert list(reader) == []


@pytest.mark.parametrize("fault", [500, 503, 429, 401, 302, "reset", "cut", "slow"])
def test_a_failed_send_is_repeated_with_the_same_id_and_nothing_is_lost(tmp_path, shipper, fault):
    fill(tmp_path, 3)
    FakeNode.answers[:] = [200, fault, fault, 200]
    pauses: list[float] = []
    made = shipper(timeout_seconds=0.3 if fault == "slow" else 20)
    assert all_of(made, pauses) is None
    assert [position for _, position, _ in FakeNode.came] == [0, 1, 1, 1, 2]
    assert len({identity for identity, _, _ in FakeNode.came}) == 3
    assert (made.done.sent, made.done.failures) == (3, 2)
    assert made.done.duplicates == (1 if fault in ("cut", "slow") else 0)  # it had it; only the answer was lost
    assert all(1 <= pause <= 60 for pause in pauses[:-1])
    assert len(pauses) == 3
    if fault == 429:
        assert pauses[0] >= 7


def test_a_node_that_is_down_loses_nothing_while_more_is_written(tmp_path, node):
    """Nobody listens at first; then somebody does."""
    with SpoolWriter(tmp_path) as writer:
        nobody = Shipper(tmp_path, Target("http://127.0.0.1:1", timeout_seconds=2))
        for number in range(20):
            writer.append(batch(number))
            with pytest.raises(PeerUnavailable, match="sensor_push"):
                nobody.step()
        nobody.close()
        up = Shipper(tmp_path, Target(node))
        assert all_of(up) is None
        up.close()
    assert [position for _, position, _ in FakeNode.came] == list(range(20))


@pytest.mark.parametrize("status", [400, 413, 422])
def test_a_batch_the_node_cannot_use_is_laid_aside_and_does_not_hold_up_the_rest(tmp_path, shipper, status):
    fill(tmp_path, 3)
    FakeNode.answers[:] = [200, status, 200]
    made = shipper()
    assert all_of(made) is None
    assert (made.done.sent, made.done.refused) == (2, 1)
    (aside,) = (tmp_path / "refused").iterdir()
    kept = orjson.loads(zstandard.ZstdDecompressor().decompress(aside.read_bytes(), max_output_size=1 << 24))
    assert kept["batch"]["position"] == 1
    assert f"HTTP {status}" in kept["reason"]


def test_a_shipper_that_was_killed_before_it_acknowledged_sends_the_same_again(tmp_path, shipper, monkeypatch):
    fill(tmp_path, 2)
    first = shipper()
    monkeypatch.setattr(first, "_send", lambda *given: (Shipper._send(first, *given), 1 / 0))
    with pytest.raises(ZeroDivisionError):
        first.step()
    first.close()
    second = shipper()
    assert all_of(second) is None
    assert second.done == Shipped(sent=2, duplicates=1)


def test_a_spool_has_one_shipper(tmp_path, shipper):
    fill(tmp_path, 1)
    assert shipper().step()
    with pytest.raises(StoreUnavailable, match="spool_in_use"):
        shipper().step()


def test_when_the_writer_has_ended_one_failure_is_told(tmp_path, shipper):
    fill(tmp_path, 2)
    FakeNode.answers[:] = [200, 503]
    made = shipper()
    failed = ship(lambda: [made], Backoff(1, 60, Random(1)), lambda _: False, lambda: True, 1)
    assert failed is not None
    assert failed.facts["reason"] == "HTTP 503"
    assert all_of(made) is None
    assert made.done.sent == 2


def test_the_token_is_shown_and_no_proxy_of_the_machine_is_asked(tmp_path, shipper, monkeypatch):
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:1")
    fill(tmp_path, 1)
    made = shipper(token="vg_bi-mat")
    assert made.step()
    assert made._session.headers["Authorization"] == "Bearer vg_bi-mat"


def test_spools_are_found_in_a_folder_or_are_it(tmp_path):
    fill(tmp_path / "a", 1)
    fill(tmp_path / "b", 1)
    (tmp_path / "c").mkdir()
    assert spools_in(tmp_path) == [tmp_path / "a", tmp_path / "b"]
    assert spools_in(tmp_path / "a") == [tmp_path / "a"]


@given(seed=st.integers(), first=st.floats(0.1, 5), most=st.floats(5, 100), wished=st.lists(st.floats(0, 1000)))
def test_pauses_are_never_shorter_than_the_first_nor_longer_than_the_most(seed, first, most, wished):
    backoff = Backoff(first, most, Random(seed))
    for wish in [*wished, *[0.0] * 40]:
        assert first <= backoff.after_failure(wish) <= most
    backoff.success()
    assert backoff.after_failure() == first


def test_pauses_grow_and_differ():
    one, other = Backoff(1, 60, Random(1)), Backoff(1, 60, Random(2))
    pauses = [one.after_failure() for _ in range(30)]
    assert pauses != [other.after_failure() for _ in range(30)]
    assert sum(pauses[:5]) < sum(pauses[10:15])
