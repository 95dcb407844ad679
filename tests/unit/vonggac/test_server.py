"""A node refuses to be open by mistake, says when it answers, and takes what its sensors spooled."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import threading
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from correlator.engine import Correlator
from correlator.sigma.load import load_rules
from sensors.base import Batch
from sensors.spool import SpoolWriter
from tests.unit.correlator.samples import event as sample
from tests.unit.correlator.samples import rule_text
from vonggac.bootstrap import Node, bootstrap
from vonggac.connected import HEARTBEAT
from vonggac.domain.access import UserRole
from vonggac.domain.incident import Entry, EntryKind
from vonggac.errors import StoreUnavailable, UsageRefused
from vonggac.pipeline import accounts
from vonggac.server import (
    Beside,
    Running,
    address_of,
    bind,
    check_address,
    make_server,
    require_accounts,
    say_ready,
)
from vonggac.settings import Settings


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = bootstrap(Settings(data_dir=tmp_path / "data"))
    yield made
    made.close()


@pytest.fixture
def running(node: Node, tmp_path: Path) -> Iterator[Running]:
    rule = tmp_path / "rule.yml"
    rule.write_text(rule_text("  s:\n    f: 1\n  condition: s"), "utf-8")
    made = Running(node, node.pipeline(Correlator(load_rules([rule]).rules)))
    yield made
    made.close_spools()


def event(number: int) -> dict[str, Any]:
    said = {"kind": "event", "category": ["network"], "type": ["connection"]}
    document = sample(f"e{number}", number, ecs__version="9.0.0", observer__name="cong", f=1)
    return document | {"event": {**document["event"], **said}}


def batch(count: int = 3) -> Batch:
    return Batch("source", "made", count, count, tuple(event(number) for number in range(count)))


# --- who may listen, and who may come in


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.9.1", "::1", "localhost"])
def test_this_machine_alone_may_be_answered_in_clear(host: str) -> None:
    check_address(host, tls=False, insecure=False)


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "192.0.2.1", "2001:db8::1", "node.example", ""])
def test_others_are_answered_with_tls_or_when_somebody_says_so(host: str) -> None:
    with pytest.raises(UsageRefused, match="not_loopback"):
        check_address(host, tls=False, insecure=False)
    check_address(host, tls=True, insecure=False)
    check_address(host, tls=False, insecure=True)


def test_a_node_that_nobody_could_enter_does_not_start(node: Node) -> None:
    with pytest.raises(UsageRefused, match="no_accounts"):
        require_accounts(node)
    node.accounts.create_token(UserRole.SENSOR, None, "")
    require_accounts(node)


def test_a_person_is_enough_to_start(node: Node) -> None:
    node.accounts.add_user("a", UserRole.ADMIN, None, "mat-khau-dai-12")
    require_accounts(node)


# --- addresses


def test_port_0_takes_a_free_one_and_the_address_names_it() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        assert port > 0
        assert address_of(listener, tls=False) == f"http://127.0.0.1:{port}"
        assert address_of(listener, tls=True) == f"https://127.0.0.1:{port}"


def test_an_ipv6_address_stands_in_brackets() -> None:
    if not socket.has_ipv6:
        pytest.skip("this Python has no IPv6")
    try:
        listener = bind("::1", 0)
    except UsageRefused as error:
        pytest.skip(f"there is no IPv6 loopback: {error}")
    with listener:
        assert address_of(listener, tls=False).startswith("http://[::1]:")


def test_a_taken_port_is_refused_and_named() -> None:
    with bind("127.0.0.1", 0) as listener:
        port = listener.getsockname()[1]
        with pytest.raises(UsageRefused) as raised:
            bind("127.0.0.1", port)
    assert (raised.value.key, raised.value.facts["port"]) == ("port_taken", port)


@pytest.mark.parametrize(
    ("host", "port"), [("192.0.2.1", 0), ("no-such-host.invalid", 0), ("127.0.0.1", 70_000), ("a" * 70, 0)]
)
def test_an_address_that_is_not_this_machines_is_refused_and_named(host: str, port: int) -> None:
    with pytest.raises(UsageRefused) as raised:
        bind(host, port)
    assert (raised.value.key, raised.value.facts["host"]) == ("address_unusable", host)
    assert raised.value.facts["reason"]


def test_the_ready_line_is_one_json_object(capsys: pytest.CaptureFixture[str]) -> None:
    say_ready("http://127.0.0.1:8000")
    assert capsys.readouterr().out == json.dumps({"ready": "http://127.0.0.1:8000"}) + "\n"


# --- what a running node takes


def test_a_batch_is_stored_accounted_for_and_its_sensor_heard(running: Running) -> None:
    summary = running.take(batch())
    assert (summary["events"], summary["detections"]) == (3, 3)
    stages = accounts(running.node.store.records)
    assert stages["intake"].taken == stages["correlate"].taken == 3
    assert all(tally.balanced for tally in stages.values())
    assert running.node.store.records.get(HEARTBEAT, "cong") is not None


def test_what_was_spooled_is_taken_once(running: Running) -> None:
    spool = SpoolWriter(running.node.settings.spool / "cong")
    assert spool.append(batch(2))
    assert spool.append(batch(4))
    assert running.drain_spools() == "4 events, 4 detections"
    assert running.drain_spools() == "0 events, 0 detections"
    assert spool.append(batch(5))
    assert running.drain_spools() == "1 events, 1 detections"
    spool.close()
    stages = accounts(running.node.store.records)
    assert (stages["intake"].taken, stages["intake"].passed, stages["intake"].duplicates) == (11, 5, 6)


def test_what_a_store_did_not_take_stays_spooled(running: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    spool = SpoolWriter(running.node.settings.spool / "cong")
    assert spool.append(batch(2))
    events = running.node.store.events

    def unreachable(*_: object) -> None:
        raise StoreUnavailable("store_busy", where="x")

    with monkeypatch.context() as outage:
        outage.setattr(events, "add_events", unreachable)
        with pytest.raises(StoreUnavailable):
            running.drain_spools()
    assert running.drain_spools() == "2 events, 2 detections"
    spool.close()


def test_a_batch_sent_again_is_a_duplicate_and_not_counted_twice(running: Running) -> None:
    spool = "0" * 32
    assert running.take(batch(2), f"{spool}/1")["events"] == 2
    again = running.take(batch(2), f"{spool}/1")
    assert (again["events"], again["duplicate"]) == (0, True)
    assert "duplicate" not in running.take(batch(4), f"{spool}/2")
    assert "duplicate" not in running.take(batch(4), f"{'1' * 32}/2")
    stages = accounts(running.node.store.records)
    assert stages["sensor"].taken == 2 + 4 + 4


def beat(**figures: object) -> Batch:
    document = event(900)
    document["event"] = {**document["event"], "id": "beat", "dataset": "heartbeat", "kind": "metric"}
    return Batch("source", "heartbeat", 0, 0, ({**document, "vonggac": {"heartbeat": figures}},))


def test_a_sensor_is_kept_with_the_agency_that_it_speaks_for(running: Running) -> None:
    spoken = beat()
    running.take(Batch("source", "x", 0, 0, ({**spoken.events[0], "organization": {"id": "25"}},)))
    record = running.node.store.records.get(HEARTBEAT, "cong")
    assert record is not None
    assert record.body["agency"] == "25"


def test_a_heartbeat_s_figures_are_kept_with_the_rules_that_are_matched(running: Running) -> None:
    running.take(beat(packets=7, dropped_kernel=2, dropped_spool={"flow": 3}, lag_seconds=0.5))
    running.take(batch(1))
    body = dict(running.node.store.records.get(HEARTBEAT, "cong").body)  # type: ignore[union-attr]
    assert body | {"packets": 7, "dropped_kernel": 2, "dropped_spool": {"flow": 3}, "rules": 1} == body
    running.jobs.run_now("heartbeat-check")
    states = {state.name: state.last_result for state in running.jobs.states()}
    assert states["heartbeat-check"] == "1 sensors, silent: -, with losses: cong"


@pytest.mark.parametrize("wrong", [{"packets": "many"}, {"packets": -1}, {"dropped_spool": [1]}, {"lag_seconds": True}])
def test_a_heartbeat_that_says_nonsense_is_heard_without_it(running: Running, wrong: dict[str, object]) -> None:
    running.take(beat(**wrong))
    body = running.node.store.records.get(HEARTBEAT, "cong").body  # type: ignore[union-attr]
    assert "beat" in body
    assert not set(wrong) & set(body) - {"dropped_spool"}
    assert body["dropped_spool"] == {}


def test_without_spools_there_is_nothing_to_take(running: Running) -> None:
    assert running.drain_spools() == "0 events, 0 detections"


def test_the_job_of_duties_gives_the_notices_that_fell_due(running: Running) -> None:
    opened = running.node.clock() - timedelta(days=10)
    data = {"agency": "G99", "role": "victim"}
    entries = [
        Entry("o", EntryKind.OPENED, opened, opened, "correlator", {}),
        Entry("i", EntryKind.INVOLVED, opened, opened, "correlator", data),
    ]
    running.node.store.incidents.append("inc-1", entries)
    assert running.jobs.run_now("duties") == "2 warnings, 1 overdue"
    assert running.jobs.run_now("duties") == "0 warnings, 0 overdue"


def jobs_while_it_runs(running: Running) -> set[str]:
    """The jobs in the node's table between its start and its end."""

    async def live() -> set[str]:
        app = running.app()
        async with app.router.lifespan_context(app):
            return {state.name for state in running.jobs.states()}

    return asyncio.run(live())


def test_a_console_runs_no_jobs_and_a_worker_does(node: Node, running: Running) -> None:
    assert jobs_while_it_runs(Running(node, running.pipeline, worker=False)) == set()
    names = {"hunt", "feed-pull", "retention", "statistics-snapshot", "reporting", "duties"}
    names |= {"heartbeat-check", "forget-expired"}
    assert jobs_while_it_runs(running) == names


def test_a_worker_that_starts_again_goes_on_with_the_windows_it_had(node: Node, tmp_path: Path) -> None:
    node.store.events.add_events([event(0)])
    rule = tmp_path / "rule.yml"
    count = "correlation: {type: event_count, rules: one, group-by: [f], timespan: 1h, condition: {gte: 2}}"
    rule.write_text(rule_text("  s:\n    f: 1\n  condition: s", name="one") + f"---\ntitle: Two\n{count}\n", "utf-8")
    running = Running(node, node.pipeline(Correlator(load_rules([rule]).rules)))
    jobs_while_it_runs(running)
    assert running.take(Batch("source", "made", 1, 1, (event(1),)))["detections"] == 1


def test_a_pull_of_feeds_keeps_the_indicators_that_were_named_for_the_run(node: Node, tmp_path: Path) -> None:
    listed = tmp_path / "listed.txt"
    listed.write_text("192.0.2.9\n", "utf-8")
    running = Running(node, node.pipeline(Correlator(())), indicators=[str(listed)])
    running.jobs.run_now("feed-pull")
    met = event(2) | {"source": {"ip": "192.0.2.9"}}
    assert running.take(Batch("source", "made", 1, 1, (met,)))["detections"] == 1


def test_a_server_beside_ends_properly_after_its_waiter_was_interrupted(running: Running) -> None:
    ready = threading.Event()
    listener = bind("127.0.0.1", 0)
    place = listener.getsockname()
    beside = Beside(make_server(running.app(), ready.set), listener)
    beside.start()
    assert ready.wait(30)
    threading.Timer(0.05, os.kill, (os.getpid(), signal.SIGINT)).start()
    with pytest.raises(KeyboardInterrupt):
        beside.wait()
    socket.create_connection(place).close()
    assert beside.stop(30)
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(place)
