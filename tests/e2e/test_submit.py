"""An agency submits its own incident to the centre over TAXII, and the centre has it in its inbox."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from correlator.engine import Correlator
from sharing.exchange import collection_id
from sharing.subscribe import Feed, add_feed
from tests.unit.sharing.conftest import DETECTION, DIRECTORY, incident_entries
from vonggac.bootstrap import Node, bootstrap
from vonggac.directory import save_agencies
from vonggac.domain.access import UserRole
from vonggac.errors import PeerUnavailable
from vonggac.ports import IncidentQuery
from vonggac.server import Running, address_of, bind, make_server
from vonggac.settings import Settings

PASSWORD = "một mật khẩu đủ dài"


@pytest.fixture
def agency(tmp_path: Path) -> Iterator[Node]:
    node = bootstrap(Settings(data_dir=tmp_path / "agency", node_name="Tỉnh Mẫu A"))
    save_agencies(node.store.records, DIRECTORY.agencies)
    node.store.events.add_detections([DETECTION])
    node.store.incidents.append("inc-1", incident_entries("inc-1"))
    yield node
    node.close()


@pytest.fixture
def centre(tmp_path: Path) -> Iterator[tuple[Node, str]]:
    """A node that answers on loopback, and the address of its collection for submissions."""
    node = bootstrap(Settings(data_dir=tmp_path / "centre", node_name="Trung tâm"))
    save_agencies(node.store.records, DIRECTORY.agencies)
    node.accounts.add_user("h40", UserRole.PEER, "H40", PASSWORD)
    node.accounts.add_user("g01", UserRole.PEER, "G01", PASSWORD)
    listener = bind("127.0.0.1", 0)
    ready = threading.Event()
    server = make_server(Running(node, node.pipeline(Correlator(())), worker=False).app(), ready.set)
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]})
    thread.start()
    assert ready.wait(30)
    yield (
        node,
        f"{address_of(listener, tls=False)}/taxii2/root/collections/{collection_id('Trung tâm', 'submissions')}/",
    )
    server.should_exit = True
    thread.join(30)
    node.close()


def objects_of(node: Node) -> list[dict[str, object]]:
    return node.exchange.objects_of(node.store.incidents.get("inc-1"), node.directory())


def test_a_submitted_incident_is_in_the_centres_inbox_once(agency: Node, centre: tuple[Node, str]) -> None:
    node, url = centre
    add_feed(agency.store.records, Feed("trung-tam", url, "h40", PASSWORD))
    for _ in range(2):
        taken, refused = agency.subscriber.push("trung-tam", objects_of(agency))
        assert (taken, refused) == (len(objects_of(agency)), [])
    [found] = node.store.incidents.find(IncidentQuery()).items
    assert (found.title_vi, found.agencies) == ("Quét cổng", {"H40"})


def test_who_speaks_for_another_agency_is_refused_and_told_why(agency: Node, centre: tuple[Node, str]) -> None:
    node, url = centre
    add_feed(agency.store.records, Feed("trung-tam", url, "g01", PASSWORD))
    _, refused = agency.subscriber.push("trung-tam", objects_of(agency))
    assert any("may not speak for H40" in reason for reason in refused)
    assert node.store.incidents.count(IncidentQuery()) == 0


def test_a_wrong_password_says_that_the_peer_did_not_answer(agency: Node, centre: tuple[Node, str]) -> None:
    add_feed(agency.store.records, Feed("trung-tam", centre[1], "h40", "sai mật khẩu rồi nhé"))
    with pytest.raises(PeerUnavailable):
        agency.subscriber.push("trung-tam", objects_of(agency))
