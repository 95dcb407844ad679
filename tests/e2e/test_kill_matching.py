"""`kill -9` a hundred times while events are stored and matched: what is detected is as if nothing had happened."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest

from tests.e2e.match_victim import BATCHES, EVENTS
from tests.e2e.program import ROOT, environment
from tests.e2e.test_kill import everything
from tests.unit.correlator.samples import START
from vonggac.domain.suppression import Act, ActKind, Condition, Operator, Suppression
from vonggac.stores.sqlite import open_sqlite
from vonggac.suppressions.kept import put_suppression

KILLS = 100
#: What one of the sources does opens no incident.
HELD_BACK = Suppression(
    "sup-1",
    None,
    None,
    None,
    (Condition("source.ip", Operator.IS, ("192.0.2.1",)),),
    START,
    (Act(ActKind.MADE, START, "lan", "máy quét của ta", START + timedelta(days=90)),),
)


def victim(folder: Path, start: int, how_many: int = 0) -> list[str]:
    arguments = [folder / "vonggac.store", start, how_many]
    return [sys.executable, "-m", "tests.e2e.match_victim", *map(str, arguments)]


def killed_after(lines: int, folder: Path, start: int) -> int:
    """The batch that the source sends next, as far as it has heard; the victim works on while we react."""
    with subprocess.Popen(
        victim(folder, start), cwd=ROOT, env=environment(), stdout=subprocess.PIPE, text=True
    ) as process:
        assert process.stdout is not None
        said = [process.stdout.readline() for _ in range(lines)]
        process.send_signal(signal.SIGKILL)
    assert process.returncode == -signal.SIGKILL
    return (int(said[-1]) + 1) % BATCHES if said else start


@pytest.mark.slow
def test_killed_a_hundred_times_it_detects_what_an_undisturbed_run_does(tmp_path: Path) -> None:
    calm, stormy = tmp_path / "yên", tmp_path / "bão"
    for folder, times in ((calm, 1), (stormy, 0)):
        folder.mkdir()
        with closing(open_sqlite(folder / "vonggac.store")) as store:
            put_suppression(store.records, HELD_BACK, 0)
        subprocess.run(victim(folder, 0, times * BATCHES or 1), cwd=ROOT, env=environment(), check=True, timeout=60)
    chance = random.Random(20_261_127)
    start = 0
    for _ in range(KILLS):
        start = killed_after(chance.randrange(0, 6), stormy, start)
    subprocess.run(victim(stormy, 0, BATCHES), cwd=ROOT, env=environment(), check=True, timeout=60)

    quiet, storm = everything(calm / "vonggac.store"), everything(stormy / "vonggac.store")
    assert len(quiet["events"]) == BATCHES * EVENTS
    assert len(quiet["detections"]) > 40
    assert storm["events"] == quiet["events"]
    assert storm["detections"] == quiet["detections"]
    assert storm["incidents"] == quiet["incidents"]
    assert storm["suppressed"] == quiet["suppressed"]
    assert quiet["suppressed"]["sup-1"].count > 10
