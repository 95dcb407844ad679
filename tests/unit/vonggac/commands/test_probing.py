"""`probe` at the command line: an event for each domain of today's systems, and nothing is kept."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from vonggac.bootstrap import bootstrap
from vonggac.cli import run
from vonggac.domain.event import field as value_at
from vonggac.ports import EventQuery
from vonggac.settings import Settings

Probe = Callable[..., tuple[int, list[dict[str, Any]], str]]
SYSTEMS = """system,name,level,agency,valid_to,domains
a,Cổng,3,01,,không phải tên;cũng không
b,Thư,2,01,,*.example
c,Cũ,2,01,2020-01-01,không phải tên
"""


@pytest.fixture
def probe(tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]) -> Probe:
    """(exit code, the events on stdout, stderr) of one call; three systems are there, none of which can be reached."""

    def call(*words: str) -> tuple[int, list[dict[str, Any]], str]:
        code = run(["--data-dir", str(tmp_path / "kho"), "--lang", "en", "probe", *words])
        said = capfdbinary.readouterr()
        return code, [json.loads(line) for line in said.out.splitlines()], said.err.decode()

    path = tmp_path / "systems.csv"
    path.write_text(SYSTEMS, "utf-8")
    assert run(["--data-dir", str(tmp_path / "kho"), "agency", "import", str(path)]) == 0
    capfdbinary.readouterr()
    return call


def test_every_domain_of_today_is_asked_and_no_answer_is_no_failure_of_the_command(probe: Probe) -> None:
    code, events, told = probe()
    assert (code, told) == (0, "")
    assert [value_at(event, "url.domain") for event in events] == ["không phải tên", "cũng không"]
    assert {value_at(event, "vonggac.probe.system") for event in events} == {"a"}
    assert {value_at(event, "event.outcome") for event in events} == {"failure"}
    assert {value_at(event, "organization.id") for event in events} == {"01"}


def test_nothing_is_stored(probe: Probe, tmp_path: Path) -> None:
    assert len(probe("a")[1]) == 2
    node = bootstrap(Settings(data_dir=tmp_path / "kho"))
    assert node.store.events.search_events(EventQuery()).items == ()
    node.close()


@pytest.mark.parametrize("code", ["c", "x"])
def test_a_code_that_no_system_bears_today_is_refused_before_anybody_is_asked(probe: Probe, code: str) -> None:
    ended, events, told = probe("a", code)
    assert (ended, events) == (3, [])
    assert f"no information system with the code {code}" in told


def test_a_named_system_without_a_domain_is_told(probe: Probe) -> None:
    ended, events, told = probe("a", "b")
    assert (ended, len(events)) == (1, 2)
    assert "The system b was not asked" in told


def test_a_directory_without_systems_says_how_to_bring_some(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    assert run(["--data-dir", str(tmp_path / "kho"), "--lang", "en", "probe"]) == 0
    said = capfd.readouterr()
    assert said.out == ""
    assert "agency import" in said.err


def test_authorities_that_cannot_be_read_are_refused(probe: Probe, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VONGGAC_PROBE_AUTHORITIES", "/nowhere/ca.pem")
    ended, events, told = probe()
    assert (ended, events) == (2, [])
    assert "/nowhere/ca.pem" in told
