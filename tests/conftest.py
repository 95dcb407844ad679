"""Fixtures for every test: a clock and ids that repeat, the shared data, a real Elasticsearch."""

from __future__ import annotations

import os
import signal
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from tests.real.elasticsearch import running_elasticsearch
from tests.real.parts import lacking
from vonggac.ports import Clock, Ids

ROOT = Path(__file__).resolve().parent.parent

# A run that a shell put into the background ignores SIGINT, and so would every program the tests start and interrupt.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)


class SteppingClock:
    """Begins on 22 November 2026 and moves on by one second with each question."""

    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        self.now += timedelta(seconds=1)
        return self.now


class CountingIds:
    """`id-1`, `id-2`, …"""

    def __init__(self) -> None:
        self.given = 0

    def __call__(self) -> str:
        self.given += 1
        return f"id-{self.given}"


@pytest.fixture
def clock() -> Clock:
    return SteppingClock()


@pytest.fixture
def ids() -> Ids:
    return CountingIds()


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """The captures and feeds beside the repository: ../shared/data."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        lacking("there is no ../shared/data beside the repository")
    return folder


@pytest.fixture(scope="session")
def elasticsearch_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Elasticsearch on this machine, one for the whole run."""
    base = tmp_path_factory.getbasetemp()
    workers = "PYTEST_XDIST_WORKER" in os.environ  # each worker has a folder of its own in the run's folder
    with running_elasticsearch(base.parent if workers else base) as url:
        yield url
