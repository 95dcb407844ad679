"""kill -9 at any moment: the embedded store opens again, holds what it acknowledged, and nothing twice."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from pathlib import Path

import pytest
from pysqlite3 import dbapi2

from tests.contracts.store_victim import EVENTS, INCIDENT
from vonggac.stores.sqlite import open_sqlite

ROOT = Path(__file__).resolve().parents[2]
KILLS = 30


@pytest.mark.slow
def test_after_thirty_kills_nothing_is_lost_and_nothing_is_double(tmp_path: Path) -> None:
    chance = random.Random(2026)
    folder = tmp_path / "store"
    acknowledged: set[int] = set()
    for _ in range(KILLS):
        start = max(acknowledged, default=-1) + 1
        acknowledged |= _killed_after(chance.randrange(1, 25), folder, start)
        _check(folder, acknowledged)
    assert len(acknowledged) >= KILLS


def _killed_after(lines: int, folder: Path, start: int) -> set[int]:
    """The numbers that a victim acknowledged; it works on while we react, so the kill falls anywhere."""
    command = [sys.executable, "-m", "tests.contracts.store_victim", str(folder), str(start)]
    with subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE, text=True) as victim:
        assert victim.stdout is not None
        said = [victim.stdout.readline() for _ in range(lines)]
        victim.send_signal(signal.SIGKILL)
        said += victim.stdout.readlines()
    assert victim.returncode == -signal.SIGKILL
    return {int(line) for line in said if line.endswith("\n")}


def _check(folder: Path, acknowledged: set[int]) -> None:
    for path in (folder / "vonggac.db", folder / "detections.db", *(folder / "events").glob("*.db")):
        database = dbapi2.connect(str(path))
        assert database.execute("PRAGMA integrity_check").fetchone() == ("ok",)
        database.close()
    store = open_sqlite(folder)
    ids = [f"{number}-{place}" for number in sorted(acknowledged) for place in range(EVENTS)]
    assert [event["event"]["id"] for event in store.events.events(ids)] == ids
    assert store.events.count_events() == _distinct(folder)
    for number in acknowledged:
        assert [entry.id for entry in store.incidents.history(f"{INCIDENT}-{number}")] == ["opened", "n"]
    assert [entry.id for entry in store.incidents.history(INCIDENT)] == ["opened"]
    store.close()


def _distinct(folder: Path) -> int:
    """How many different events lie in the partitions; each is also in the index, for its id and its one address."""
    total = 0
    for path in (folder / "events").glob("*.db"):
        database = dbapi2.connect(str(path))
        rows, different, indexed = database.execute(
            "SELECT count(*), count(DISTINCT id), (SELECT sum(length(numbers)) / 4 FROM page) FROM document"
        ).fetchone()
        database.close()
        assert rows == different == indexed / 2
        total += rows
    return total
