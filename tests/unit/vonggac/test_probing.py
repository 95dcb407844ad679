"""The job of probes over a real store: off unless asked for, stored like other events, and nobody's watch."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from correlator.engine import Correlator
from sensors.base import Batch
from sensors.probing.ask import trusting
from sensors.probing.event import Target
from sensors.probing.prober import Prober
from tests.unit.sensors.probing import servers
from vonggac.bootstrap import Node, bootstrap
from vonggac.connected import HEARTBEAT
from vonggac.coverage import Of, tracks
from vonggac.directory import save_systems
from vonggac.domain.agency import Directory, System
from vonggac.domain.event import Document
from vonggac.domain.event import field as value_at
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import NotFound, UsageRefused
from vonggac.hunting import Hunter
from vonggac.ports import EventQuery
from vonggac.probing import probe_all, targets_of
from vonggac.server import Running
from vonggac.settings import Settings

NOW = datetime(2026, 11, 27, tzinfo=UTC)
HERE = "127.0.0.1"
#: Told without asking anybody.
NO_NAME = "không phải tên"


def node_of(folder: Path, **chosen: object) -> Node:
    return bootstrap(replace(Settings(data_dir=folder / "kho", node_name="nút"), **chosen))  # type: ignore[arg-type]


@pytest.fixture
def node(tmp_path: Path) -> Iterator[Node]:
    made = node_of(tmp_path, probe_minutes=5)
    save_systems(made.store.records, [system("dvc", NO_NAME), system("old", NO_NAME, until=date(2020, 1, 1))])
    yield made
    made.close()


def system(code: str, *domains: str, until: date | None = None) -> System:
    return System(code, code, 3, "H40", valid_to=until, domains=domains)


def running(node: Node) -> Running:
    return Running(node, node.pipeline(Correlator(())))


def probes(node: Node) -> list[Document]:
    return list(node.store.events.search_events(EventQuery(datasets=("probe",))).items)


# --- the job


def test_nothing_is_asked_unless_somebody_says_how_often(tmp_path: Path) -> None:
    node = node_of(tmp_path)
    with pytest.raises(NotFound, match="unknown_job"):
        running(node).jobs.run_now("probing")
    node.close()


def test_the_job_asks_the_systems_of_today_and_stores_what_they_answer(node: Node) -> None:
    assert running(node).jobs.run_now("probing") == "1 of 1 domains probed: 1 no-such-name"
    (event,) = probes(node)
    assert value_at(event, "vonggac.probe") == {"system": "dvc", "step": "dns", "result": "no-such-name"}
    assert (value_at(event, "organization.id"), value_at(event, "observer.name")) == ("H40", "nút")
    (state,) = (state for state in running(node).jobs.states() if state.name == "probing")
    assert state.last_result == "1 of 1 domains probed: 1 no-such-name"


def test_authorities_that_cannot_be_used_stop_the_start_and_not_each_round(tmp_path: Path) -> None:
    node = node_of(tmp_path, probe_minutes=5, probe_authorities=str(tmp_path / "missing.pem"))
    with pytest.raises(UsageRefused, match="credential_unreadable"):
        running(node)
    node.close()


def test_who_only_asks_is_no_sensor_and_the_hour_is_one_of_the_system(node: Node) -> None:
    ran = running(node)
    ran.jobs.run_now("probing")
    assert node.store.records.list(HEARTBEAT) == []
    assert {of: set(found) for of, found in tracks(node.store.records).items() if found} == {Of.SYSTEM: {"dvc"}}
    assert ran.jobs.run_now("heartbeat-check") == "0 sensors, silent: -, with losses: -"
    now = node.clock()
    (answer,) = Hunter(node.store, node.clock, now - timedelta(hours=2), now).values(["192.0.2.9"])
    assert {gap.reason for gap in answer.gaps} == {"nobody-watching"}


# --- a round


def round_of(node: Node, take: object, count: int, ending: threading.Event, at_once: int = 2) -> str:
    """The line of a round over a real server that answers with 200."""
    targets = [Target(f"s{number}", "H40", HERE) for number in range(count)]
    with servers.serving(servers.status(200)) as server:
        prober = Prober("nút", trusting(), 20, at_once, (server.http,))
        return probe_all(prober, targets, NOW, take, ending)  # type: ignore[arg-type]


def test_a_round_through_the_pipeline_is_stored_and_accounted_for(node: Node) -> None:
    taken: list[Batch] = []
    ran = running(node)

    def take(batch: Batch) -> None:
        taken.append(batch)
        ran.take(batch)

    assert round_of(node, take, 3, threading.Event()) == "3 of 3 domains probed: 3 answered"
    assert [value_at(event, "vonggac.probe.system") for event in probes(node)] == ["s0", "s1", "s2"]
    again = [ran.take(batch) for batch in taken]
    assert [(summary["events"], summary["duplicates"]) for summary in again] == [(0, 2), (0, 1)]


def test_a_node_that_is_ending_asks_no_more(node: Node) -> None:
    ending = threading.Event()
    ending.set()
    assert round_of(node, running(node).take, 50, ending, at_once=1) == "1 of 50 domains probed: 1 answered"
    assert len(probes(node)) == 1


def test_a_directory_without_domains_is_a_round_of_nothing(node: Node) -> None:
    assert round_of(node, running(node).take, 0, threading.Event()) == "0 of 0 domains probed: -"


# --- which systems


def test_systems_are_named_by_codes_that_somebody_bears_on_that_day() -> None:
    day = day_in_vietnam(NOW)
    directory = Directory(systems=(system("a", "a.example"), system("b", "b.example"), system("c", until=day)))
    assert [target.system for target in targets_of(directory, day)] == ["a", "b"]
    assert [target.system for target in targets_of(directory, day, ["b"])] == ["b"]
    for code in ("c", "d"):
        with pytest.raises(NotFound, match="unknown_system") as refused:
            targets_of(directory, day, ["a", code])
        assert refused.value.facts["code"] == code
