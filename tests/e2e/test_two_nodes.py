"""Two nodes, each a process with a store of its own, and a sensor: what one knows the other learns, once."""

from __future__ import annotations

import signal
import socket
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests
from taxii2client.v21 import Server

from tests.e2e.program import Done, must, running, serving, until, vonggac
from tests.real.parts import lacking

PASSWORD = "mat-khau-dai-12"  # a test's own
DIRECTORY = """\
code,name,level,parent
VN,Trung tâm,national,
G99,Bộ Mẫu,ministry,VN
T98,Tỉnh Mẫu A,province,VN
"""
#: What must mean the same on both nodes.
SHARED = ("title", "title_vi", "kind", "entity", "category", "severity", "tlp", "test", "first_at", "involvements")

pytestmark = pytest.mark.slow


@dataclass(frozen=True)
class Node:
    data: Path
    url: str = ""

    def call(self, *arguments: object, **how: Any) -> Done:
        return must("--data-dir", self.data, "--lang", "en", *arguments, **how)

    def incidents(self) -> list[dict[str, Any]]:
        return self.call("incident", "list").items


def prepared(data: Path) -> Node:
    """A node that knows the agencies and one administrator."""
    node = Node(data)
    data.parent.mkdir(exist_ok=True)
    table = data.parent / "co-quan.csv"
    table.write_text(DIRECTORY, "utf-8")
    node.call("agency", "import", table)
    node.call("user", "add", "quan-tri", "--role", "admin", "--password-stdin", stdin=PASSWORD + "\n")
    return node


@pytest.fixture(scope="module")
def giver(made_day: dict[str, Path], tmp_path_factory: pytest.TempPathFactory) -> Iterator[Node]:
    """A node that has the ministry's incidents, all of them published, and lets its peer read them."""
    folder = tmp_path_factory.mktemp("giver")
    node = prepared(folder / "kho")
    node.call("ingest", made_day["bo-mau"], "--sensor", "bo-mau", "--agency", "G99")
    for incident in node.incidents():
        node.call("share", "publish", incident["id"])
    node.call("user", "add", "peer", "--role", "peer", "--agency", "G99", "--password-stdin", stdin=PASSWORD + "\n")
    with serving(folder / "serve", node.data) as url:
        yield Node(node.data, url)


@pytest.fixture(scope="module")
def collection(giver: Node) -> str:
    """The address of the giver's collection, as a client finds it."""
    server = Server(f"{giver.url}/taxii2/", user="peer", password=PASSWORD)
    try:
        (found,) = (each.url for root in server.api_roots for each in root.collections if each.alias == "incidents")
        return str(found)
    finally:
        server.close()


@pytest.fixture
def taker(tmp_path: Path) -> Node:
    return prepared(tmp_path / "taker" / "kho")


def follow(taker: Node, collection: str, *more: str, password: str = PASSWORD) -> None:
    taker.call("feed", "add", "bo", collection, "--user", "peer", "--password-stdin", *more, stdin=password + "\n")


def meaning(incidents: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """What of them must be equal; neither incidents nor involvements have an order of their own."""
    kept = [{name: incident[name] for name in SHARED} for incident in incidents]
    for incident in kept:
        incident["involvements"] = sorted(incident["involvements"], key=lambda each: (each["agency"], each["role"]))
    return sorted(kept, key=lambda incident: (incident["kind"], incident["entity"]))


def test_an_incident_means_the_same_on_the_node_that_pulled_it(giver: Node, taker: Node, collection: str) -> None:
    follow(taker, collection)
    came = taker.call("feed", "pull", "bo").item
    assert came["refused"] == 0
    there, here = giver.incidents(), taker.incidents()
    assert came["incidents"] == len(there) == 4
    for mine, theirs in zip(meaning(here), meaning(there), strict=True):
        assert mine == theirs
    assert all(incident["involvements"] for incident in here)


def test_pulling_again_changes_nothing(taker: Node, collection: str) -> None:
    follow(taker, collection)
    taker.call("feed", "pull", "bo")
    before = taker.incidents()
    assert taker.call("feed", "pull", "bo").item["incidents"] == 0
    assert taker.incidents() == before
    # And from the first page on, as after a feed was removed and added again.
    taker.call("feed", "remove", "bo")
    follow(taker, collection)
    again = taker.call("feed", "pull", "bo").item
    assert (again["incidents"], again["refused"]) == (0, 0)
    assert taker.incidents() == before


def test_a_node_pulls_its_feeds_by_itself(giver: Node, taker: Node, collection: str, tmp_path: Path) -> None:
    follow(taker, collection)
    assert taker.incidents() == []
    with serving(tmp_path / "serve", taker.data, env={"VONGGAC_FEEDS_PULL_MINUTES": "0.02"}) as url:
        until(lambda: len(taker.incidents()) == 4, seconds=30)
        token = taker.call("token", "create", "--role", "admin").item["token"]
        answer = requests.get(f"{url}/api/v1/jobs", headers={"Authorization": f"Bearer {token}"}, timeout=10)
        (job,) = (job for job in answer.json()["jobs"] if job["name"] == "feed-pull")
        assert job["last_result"].startswith("bo: ")
    assert meaning(taker.incidents()) == meaning(giver.incidents())


def test_a_feed_that_speaks_for_one_agency_may_not_speak_for_another(taker: Node, collection: str) -> None:
    follow(taker, collection, "--agency", "T98")
    done = vonggac("--data-dir", taker.data, "--lang", "en", "feed", "pull", "bo")
    assert done.code == 1
    assert (done.item["incidents"], done.item["refused"]) == (0, 4)
    assert done.err.count("bo may not speak for G99") == 4
    assert taker.incidents() == []


def test_a_wrong_password_is_a_feed_that_does_not_answer(taker: Node, collection: str) -> None:
    follow(taker, collection, password="sai-mat-khau-12")
    done = vonggac("--data-dir", taker.data, "--lang", "en", "feed", "pull", "bo")
    assert done.code == 4
    assert "The feed bo" in done.err
    assert "Traceback" not in done.err
    assert PASSWORD not in done.err


# --- a sensor on another machine


def events(node: Node) -> int:
    return int(node.call("db", "verify").item["events"])


def send(node: Node, spool: Path, capture: Path, token: str) -> Done:
    given = ("--data-dir", spool, "--lang", "en", "sensor", capture, "--to", node.url, "--sensor", "bo-mau")
    return vonggac(*given, "--agency", "G99", env={"VONGGAC_TOKEN": token})


def test_a_sensor_sends_to_a_node_and_nothing_twice(taker: Node, made_day: dict[str, Path], tmp_path: Path) -> None:
    token = taker.call("token", "create", "--role", "sensor", "--agency", "G99").item["token"]
    with serving(tmp_path / "serve", taker.data) as url:
        node = Node(taker.data, url)
        assert events(node) == 0
        sent = send(node, tmp_path / "cam-bien", made_day["bo-mau"], token)
        assert sent.code == 0, sent.err
        there = events(node)
        assert there > 2_000
        found = node.incidents()
        assert len(found) == 4
        assert {each["agency"] for incident in found for each in incident["involvements"]} == {"G99"}
        again = send(node, tmp_path / "cam-bien", made_day["bo-mau"], token)
        assert again.code == 0
        assert (events(node), node.incidents()) == (there, found)


def test_what_a_node_did_not_take_stays_spooled_until_it_does(
    taker: Node, made_day: dict[str, Path], tmp_path: Path
) -> None:
    role_without_right = taker.call("token", "create", "--role", "viewer").item["token"]
    token = taker.call("token", "create", "--role", "sensor").item["token"]
    spool = tmp_path / "cam-bien"
    with serving(tmp_path / "serve", taker.data) as url:
        node = Node(taker.data, url)
        for wrong in ("", "sai", role_without_right):
            done = send(node, spool, made_day["bo-mau"], wrong)
            assert done.code == 4
            assert str(spool) in done.err
            assert "Traceback" not in done.err
            assert events(node) == 0
        empty = tmp_path / "khong-co-goi.pcap"
        empty.write_bytes(made_day["bo-mau"].read_bytes()[:24])
        done = send(node, spool, empty, token)
        assert done.code == 0, done.err
        assert done.item["sent"] >= 1
        assert events(node) > 2_000


def test_what_a_sensor_sees_on_an_interface_arrives_while_it_watches(taker: Node, tmp_path: Path) -> None:
    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
            pass
    except PermissionError:
        lacking("capturing needs CAP_NET_RAW")
    token = taker.call("token", "create", "--role", "sensor").item["token"]
    with serving(tmp_path / "serve", taker.data) as url:
        node = Node(taker.data, url)
        given = ("--data-dir", tmp_path / "cam-bien", "sensor", "iface:lo", "--to", url, "--sensor", "song")
        with running(tmp_path, *given, env={"VONGGAC_TOKEN": token}) as (process, _, err):

            def seen() -> bool:
                requests.get(f"{url}/healthz", timeout=10)
                return events(node) > 0

            until(seen, process, err, seconds=30)
            process.send_signal(signal.SIGINT)
            assert process.wait(30) == 130
            assert "Traceback" not in err.read_text()
