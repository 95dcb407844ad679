"""Pulling from a server that is not ours (medallion), and from servers that misbehave, over real sockets."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from sharing.exchange import Exchange
from sharing.stix import NodeIdentity
from sharing.subscribe import Feed, Subscriber, add_feed, feeds
from tests.real.ports import free_port, wait_for_port
from vonggac.domain.agency import Directory
from vonggac.errors import PeerUnavailable, UsageRefused
from vonggac.ports import Clock, Store
from vonggac.settings import Settings
from vonggac.stores import open_store

COLLECTION = "365fed99-08fa-fdcd-a1b3-fb247eb41d01"


def indicator(number: int) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
    }


@pytest.fixture
def store(tmp_path: Path, clock: Clock) -> Iterator[Store]:
    opened = open_store(Settings(data_dir=tmp_path / "data"), clock=clock)
    yield opened
    opened.close()


@pytest.fixture
def subscriber(store: Store, clock: Clock) -> Subscriber:
    return Subscriber(store.records, Exchange(store, clock, NodeIdentity("nút")), clock)


@pytest.fixture
def medallion(tmp_path: Path) -> Iterator[str]:
    """A medallion on loopback that holds 30 indicators; the address of its collection."""
    port = free_port()
    objects = [indicator(number) for number in range(30)]
    manifest = [
        {
            "id": obj["id"],
            "date_added": f"2026-01-02T00:00:{at:02}.000000Z",
            "version": obj["modified"],
            "media_type": "application/stix+json;version=2.1",
        }
        for at, obj in enumerate(objects)
    ]
    collection = {
        "id": COLLECTION,
        "title": "t",
        "can_read": True,
        "can_write": False,
        "media_types": ["application/stix+json;version=2.1"],
        "manifest": manifest,
        "objects": objects,
    }
    root = {
        "information": {
            "title": "t",
            "versions": ["application/taxii+json;version=2.1"],
            "max_content_length": 1000000,
        },
        "status": [],
        "collections": [collection],
    }
    address = f"http://127.0.0.1:{port}/root/"
    data = {"/discovery": {"title": "t", "default": address, "api_roots": [address]}, "root": root}
    (tmp_path / "data.json").write_text(json.dumps(data))
    backend = {
        "module": "medallion.backends.memory_backend",
        "module_class": "MemoryBackend",
        "filename": str(tmp_path / "data.json"),
    }
    config = {"backend": backend, "users": {"user": "secret"}, "taxii": {"max_page_size": 7}}
    (tmp_path / "config.json").write_text(json.dumps(config))
    command = [str(Path(sys.executable).parent / "medallion"), "--port", str(port), str(tmp_path / "config.json")]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        wait_for_port(port, process)
        yield f"{address}collections/{COLLECTION}/"
    finally:
        process.kill()
        process.wait()


def test_we_read_medallion_page_by_page_once(store: Store, subscriber: Subscriber, medallion: str) -> None:
    add_feed(store.records, Feed("m", medallion, "user", "secret"))
    first = subscriber.pull("m", Directory())
    assert (first.taken, first.indicators, first.refused) == (30, 30, ())
    again = subscriber.pull("m", Directory())
    assert again.indicators == 0
    [feed] = feeds(store.records)
    assert feed.added_after == "2026-01-02T00:00:29.000000Z"
    assert "0 refused" in feed.last_result
    assert "" < feed.last_success <= feed.last_pull


def test_a_wrong_password_is_a_peer_that_does_not_answer(store: Store, subscriber: Subscriber, medallion: str) -> None:
    add_feed(store.records, Feed("m", medallion, "user", "wrong"))
    with pytest.raises(PeerUnavailable):
        subscriber.pull("m", Directory())
    [feed] = feeds(store.records)
    assert (feed.added_after, feed.last_success) == (None, "")
    assert feed.last_pull


Respond = Callable[[BaseHTTPRequestHandler], None]


class Hostile:
    """A server on loopback whose every answer to a page request is `respond`'s."""

    def __init__(self, respond: Respond) -> None:
        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                if self.path.split("?")[0].endswith("/objects/"):
                    respond(self)
                else:
                    send(self, {"id": COLLECTION, "title": "t", "can_read": True, "can_write": False})

            def log_message(self, *_: object) -> None:
                pass

        self._server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._server.serve_forever)

    def __enter__(self) -> str:
        self._thread.start()
        return f"http://127.0.0.1:{self._server.server_port}/root/collections/{COLLECTION}/"

    def __exit__(self, *_: object) -> None:
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()


def send(handler: BaseHTTPRequestHandler, body: object, status: int = 200, **headers: str) -> None:
    data = json.dumps(body).encode()
    handler.send_response(status)
    handler.send_header("Content-Type", "application/taxii+json;version=2.1")
    for name, value in headers.items():
        handler.send_header(name.replace("_", "-"), value)
    handler.send_header("Content-Length", str(len(data)))
    handler.end_headers()
    handler.wfile.write(data)


def same_page(handler: BaseHTTPRequestHandler) -> None:
    send(handler, {"more": True, "next": "same", "objects": [indicator(1)]})


def more_without_next(handler: BaseHTTPRequestHandler) -> None:
    send(handler, {"more": True, "objects": [indicator(1)]})


def redirect(handler: BaseHTTPRequestHandler) -> None:
    send(handler, {}, 302, Location="http://127.0.0.1:9/")


def not_json(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/taxii+json;version=2.1")
    handler.send_header("Content-Length", "5")
    handler.end_headers()
    handler.wfile.write(b"<html")


def flood(handler: BaseHTTPRequestHandler) -> None:
    handler.send_response(200)
    handler.send_header("Content-Type", "application/taxii+json;version=2.1")
    handler.end_headers()
    try:
        for _ in range(2_000):
            handler.wfile.write(b" " * 65_536)
    except OSError:
        pass  # the client has left, as it should


@pytest.mark.parametrize("respond", [same_page, more_without_next, redirect, not_json, flood])
def test_a_server_that_misbehaves_is_left_and_said_to_be_unavailable(
    store: Store, subscriber: Subscriber, respond: Respond
) -> None:
    with Hostile(respond) as url:
        add_feed(store.records, Feed("h", url))
        with pytest.raises(PeerUnavailable):
            subscriber.pull("h", Directory())
    assert feeds(store.records)[0].last_result != ""


def test_one_broken_feed_does_not_keep_the_others(store: Store, subscriber: Subscriber, medallion: str) -> None:
    with Hostile(redirect) as url:
        add_feed(store.records, Feed("a-broken", url))
        add_feed(store.records, Feed("b-good", medallion, "user", "secret"))
        line = subscriber.pull_all(Directory())
    assert "a-broken: feed_failed" in line
    assert "b-good: 30 objects" in line


@pytest.mark.parametrize("url", ["ftp://example.test/x", "http://example.test/x/", "https://u:p@example.test/x/", "x"])
def test_an_address_that_would_leak_or_is_none_is_refused(store: Store, url: str) -> None:
    with pytest.raises(UsageRefused):
        add_feed(store.records, Feed("x", url))
