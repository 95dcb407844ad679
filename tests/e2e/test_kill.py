"""`kill -9` in the middle of `ingest`, thirty times, then a rerun: nothing lost, nothing twice."""

from __future__ import annotations

import random
import subprocess
import time
from pathlib import Path
from typing import Any

import pytest

from sensors.made import day
from tests.e2e.program import command, environment, must
from vonggac.bootstrap import bootstrap
from vonggac.ports import EventQuery, IncidentQuery
from vonggac.settings import Settings

KILLS = 30


def calls(data: Path, made: dict[str, Path]) -> list[tuple[object, ...]]:
    """One `ingest` for each site's capture, as its sensor and agency."""
    return [
        ("--data-dir", data, "--quiet", "ingest", made[site.sensor], "--sensor", site.sensor, "--agency", site.agency)
        for site in day.SITES
    ]


def everything(data: Path) -> dict[str, Any]:
    """What a store holds: ids of events and detections, what is held back, each incident's entries by id, kind and
    data."""
    node = bootstrap(Settings(data_dir=data))
    store = node.store
    try:
        held: dict[str, Any] = {"events": [], "detections": [], "incidents": {}}
        held["suppressed"] = store.events.suppressed()
        for name, search in (("events", store.events.search_events), ("detections", store.events.search_detections)):
            cursor: str | None = None
            while True:
                page: Any = search(EventQuery(limit=1_000, cursor=cursor))
                held[name] += [item["event"]["id"] if name == "events" else item.id for item in page.items]
                cursor = page.next
                if cursor is None:
                    break
        for incident in store.incidents.find(IncidentQuery(limit=1_000)).items:
            entries = store.incidents.history(incident.id)
            held["incidents"][incident.id] = sorted(
                # Numbers are given in the order in which incidents are opened, and a killed run may open others first.
                (entry.id, str(entry.kind), repr({**entry.data, "number": ""}))
                for entry in entries
            )
        return {**held, "events": sorted(held["events"]), "detections": sorted(held["detections"])}
    finally:
        node.close()


@pytest.mark.slow
def test_killed_thirty_times_and_run_again_the_store_is_as_if_undisturbed(
    made_day: dict[str, Path], tmp_path: Path
) -> None:
    calm, stormy = tmp_path / "yen", tmp_path / "bao"
    began = time.monotonic()
    for call in calls(calm, made_day):
        must(*call)
    one_run = (time.monotonic() - began) / len(day.SITES)

    random_ = random.Random(20_261_120)
    killed = 0
    while killed < KILLS:
        call = calls(stormy, made_day)[killed % len(day.SITES)]
        process = subprocess.Popen(command(*call), stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, env=environment())
        try:
            # The wait is the test: a point in the run, anywhere from the interpreter's start to the end.
            process.wait(random_.uniform(0.2, 0.95) * one_run)
        except subprocess.TimeoutExpired:
            process.kill()
            killed += 1
        _, said = process.communicate(timeout=60)
        assert b"Traceback" not in said, said.decode()

    summaries = [must(*call).item for call in calls(stormy, made_day)]
    for summary in summaries:
        assert summary["rejected"] == 0
        for name, stage in summary["stages"].items():
            told = stage["passed"] + stage["duplicates"] + sum(stage["refused"].values())
            assert stage["taken"] == told, name
        stages = summary["stages"]
        assert stages["intake"]["passed"] + stages["intake"]["duplicates"] == stages["correlate"]["taken"]
        assert stages["detection"]["passed"] + stages["detection"]["duplicates"] == stages["incident"]["taken"]
    assert sum(summary["duplicates"] for summary in summaries) > 0  # the storm had stored something

    quiet, storm = everything(calm), everything(stormy)
    assert len(quiet["events"]) > 7_000
    assert len(set(storm["events"])) == len(storm["events"])
    assert storm["events"] == quiet["events"]
    assert storm["detections"] == quiet["detections"]
    assert set(storm["incidents"]) == set(quiet["incidents"])
    for identity, entries in quiet["incidents"].items():
        assert storm["incidents"][identity] == entries, identity
