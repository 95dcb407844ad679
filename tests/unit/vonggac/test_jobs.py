import threading
from datetime import UTC, datetime, timedelta

import pytest

from vonggac.errors import NotFound
from vonggac.jobs import Jobs, JobSpec
from vonggac.ports import Store

MINUTE = timedelta(minutes=1)


class Watch:
    def __init__(self) -> None:
        self.now = datetime(2026, 11, 22, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


def make(store: Store, watch: Watch, owner: str, *specs: JobSpec) -> Jobs:
    return Jobs(store.records, watch, owner, MINUTE, specs)


def test_of_two_nodes_on_one_store_one_runs_the_job(store: Store) -> None:
    watch = Watch()
    inside, leave = threading.Event(), threading.Event()

    def slow() -> str:
        inside.set()
        assert leave.wait(10)
        return "done"

    first = make(store, watch, "a", JobSpec("pull", MINUTE, slow))
    second = make(store, watch, "b", JobSpec("pull", MINUTE, lambda: "ran beside"))
    results: list[str | None] = []
    thread = threading.Thread(target=lambda: results.append(first.run_now("pull")))
    thread.start()
    assert inside.wait(10)
    assert second.run_now("pull") is None
    leave.set()
    thread.join(10)
    assert results == ["done"]
    assert second.run_now("pull") == "ran beside"


def test_a_dead_nodes_lease_runs_out(store: Store) -> None:
    watch = Watch()
    store.records.put("lease", "pull", {"owner": "dead", "until": "2026-11-22T00:01:00.000000Z"})
    jobs = make(store, watch, "b", JobSpec("pull", MINUTE, lambda: "ran"))
    assert jobs.run_now("pull") is None
    watch.now += timedelta(minutes=2)
    assert jobs.run_now("pull") == "ran"


def test_a_failing_job_is_recorded_and_the_next_one_runs(store: Store, caplog: pytest.LogCaptureFixture) -> None:
    def broken() -> str:
        raise RuntimeError("no good")

    jobs = make(store, Watch(), "a", JobSpec("bad", MINUTE, broken), JobSpec("good", MINUTE, lambda: "fine"))
    jobs.run_now("bad")
    jobs.run_now("good")
    results = {state.name: state.last_result for state in jobs.states()}
    assert results == {"bad": "failed: RuntimeError: no good", "good": "fine"}
    assert "job bad" in caplog.text


def test_an_unknown_job_is_not_found(store: Store) -> None:
    with pytest.raises(NotFound):
        make(store, Watch(), "a").run_now("nothing")


def test_the_scheduler_runs_the_table_and_stops(store: Store) -> None:
    ran = threading.Event()

    def work() -> str:
        ran.set()
        return "ran"

    jobs = make(store, Watch(), "a", JobSpec("often", timedelta(seconds=0.05), work, local=True))
    jobs.start()
    try:
        assert ran.wait(10)
    finally:
        jobs.stop()
