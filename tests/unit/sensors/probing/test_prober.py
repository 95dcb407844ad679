"""A round of probes: every target once, in order, no more at once than allowed, and no more when it is closed."""

from __future__ import annotations

import socket
import ssl
import threading
from datetime import UTC, datetime
from pathlib import Path

import pytest

from sensors.probing.ask import trusting
from sensors.probing.event import Target
from sensors.probing.prober import Prober
from tests.unit.sensors.probing import servers
from vonggac.domain.event import field as value_at
from vonggac.domain.times import parse_instant

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HERE = "127.0.0.1"


@pytest.fixture(scope="module")
def trust(keys: Path) -> ssl.SSLContext:
    return trusting(str(keys / "ca.pem"))


def targets(count: int) -> list[Target]:
    return [Target(f"s{number}", "H40", HERE) for number in range(count)]


def test_every_target_has_its_event_in_order(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.status(200)) as server:
        prober = Prober("nút", trust, 20, 2, (server.http,))
        batches = list(prober.round(targets(5), NOW))
    events = [event for batch in batches for event in batch.events]
    assert [value_at(event, "vonggac.probe.system") for event in events] == ["s0", "s1", "s2", "s3", "s4"]
    assert [(batch.position, batch.taken, len(batch.events)) for batch in batches] == [(2, 2, 2), (4, 2, 2), (5, 1, 1)]
    assert all(batch.tally.balanced for batch in batches)
    begun = [parse_instant(event["@timestamp"]) for event in events]
    assert begun[0] >= NOW
    assert max(begun) < NOW.replace(minute=1)
    assert len({event["event"]["id"] for event in events}) == 5


def test_without_targets_there_is_no_batch(trust: ssl.SSLContext) -> None:
    assert list(Prober("nút", trust, 20, 2).round([], NOW)) == []


def test_as_many_are_asked_at_once_as_allowed_and_no_more(trust: ssl.SSLContext) -> None:
    meeting, counting = threading.Barrier(2), threading.Lock()
    there, most = 0, 0

    def meets(link: socket.socket, ending: threading.Event) -> None:
        nonlocal there, most
        with counting:
            there += 1
            most = max(most, there)
        meeting.wait(servers.LONGEST)  # goes on only when two are being asked
        with counting:
            there -= 1
        servers.status(200)(link, ending)

    with servers.serving(meets) as server:
        (*batches,) = Prober("nút", trust, 20, 2, (server.http,)).round(targets(6), NOW)
    assert {value_at(event, "vonggac.probe.result") for batch in batches for event in batch.events} == {"answered"}
    assert most == 2


def test_a_round_that_is_closed_asks_no_more(trust: ssl.SSLContext) -> None:
    with servers.serving(servers.status(200)) as server:
        asking = Prober("nút", trust, 20, 1, (server.http,)).round(targets(500), NOW)
        next(asking)
        asking.close()
        assert server.taken < 500
    assert [thread.name for thread in threading.enumerate() if thread.name.startswith("probe")] == []
