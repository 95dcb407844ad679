"""Repeating work on APScheduler. The table of jobs is ours (kind `job`), rebuilt at each start; the scheduler's own
store is memory only, since its others pickle. A lease in the shared store lets one of several nodes run a job at a
time.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from vonggac.domain.times import format_instant, parse_instant
from vonggac.errors import Conflict, NotFound, StoreUnavailable, VonggacError
from vonggac.ports import Clock, RecordStore

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class JobSpec:
    """`run` returns one line on what it did. A `local` job is each node's own; the others run on one node at a time."""

    name: str
    every: timedelta
    run: Callable[[], str]
    local: bool = False


@dataclass(frozen=True, slots=True)
class JobState:
    name: str
    every: timedelta
    last_run: datetime | None
    last_result: str
    owner: str


class Jobs:
    """The node's repeating work; `owner` names the node in leases."""

    def __init__(
        self, records: RecordStore, clock: Clock, owner: str, lease: timedelta, specs: Sequence[JobSpec]
    ) -> None:
        self._records = records
        self._clock = clock
        self._owner = owner
        self._lease = lease
        self._specs = {spec.name: spec for spec in specs}
        self._scheduler: Any = None

    def start(self) -> None:
        """Every job of our table that this program knows is scheduled; new ones enter the table with their default."""
        from apscheduler.executors.pool import ThreadPoolExecutor
        from apscheduler.schedulers.background import BackgroundScheduler

        # A job that is still running when its time comes again is not worth a line.
        logging.getLogger("apscheduler.scheduler").setLevel(logging.ERROR)
        self._scheduler = BackgroundScheduler(
            executors={"default": ThreadPoolExecutor(4)},
            job_defaults={"coalesce": True, "max_instances": 1, "misfire_grace_time": 300},
            timezone="UTC",
        )
        for spec in self._specs.values():
            every = self._every(spec)
            jitter = 0 if spec.local else min(5, int(every.total_seconds() // 10))
            self._scheduler.add_job(
                self.run_now,
                "interval",
                [spec.name],
                id=spec.name,
                seconds=every.total_seconds(),
                jitter=jitter or None,
            )
        self._scheduler.start()

    def stop(self) -> None:
        if self._scheduler is not None:
            self._scheduler.shutdown(wait=True)
            self._scheduler = None

    def run_now(self, name: str) -> str | None:
        """The job's line, or None when another node holds its lease. A failure is recorded, not raised."""
        spec = self._specs.get(name)
        if spec is None:
            raise NotFound("unknown_job", name=name, known=", ".join(self._specs))
        try:
            if not spec.local and not self._hold(name):
                return None
            result = _result(spec)
            if not spec.local:
                self._record(spec, result)
                self._release(name)
        except StoreUnavailable as error:
            _log.warning("job %s: %s", name, error)
            return None
        return result

    def states(self) -> list[JobState]:
        """Each job of the table, as it last ran anywhere."""
        return [
            JobState(
                record.key,
                timedelta(seconds=record.body["every_seconds"]),
                parse_instant(record.body["last_run"]) if record.body.get("last_run") else None,
                record.body.get("last_result", ""),
                record.body.get("owner", ""),
            )
            for record in self._records.list("job")
        ]

    def _every(self, spec: JobSpec) -> timedelta:
        if spec.local:
            return spec.every
        record = self._records.get("job", spec.name)
        body = {**(record.body if record else {}), "every_seconds": spec.every.total_seconds()}
        self._records.put("job", spec.name, body)
        return spec.every

    def _record(self, spec: JobSpec, result: str) -> None:
        body = {
            "every_seconds": spec.every.total_seconds(),
            "last_run": format_instant(self._clock()),
            "last_result": result,
            "owner": self._owner,
        }
        self._records.put("job", spec.name, body)

    def _hold(self, name: str) -> bool:
        """True when this node holds the job's lease now: it was free, over, or ours."""
        record = self._records.get("lease", name)
        now = self._clock()
        if record is not None and record.body["owner"] != self._owner and parse_instant(record.body["until"]) > now:
            return False
        body = {"owner": self._owner, "until": format_instant(now + self._lease)}
        try:
            self._records.put("lease", name, body, expected_version=record.version if record else 0)
        except Conflict:
            return False
        return True

    def _release(self, name: str) -> None:
        """The lease ends now, but stays in the table so that its version goes on counting."""
        record = self._records.get("lease", name)
        if record is not None and record.body["owner"] == self._owner:
            body = {"owner": self._owner, "until": format_instant(self._clock())}
            try:
                self._records.put("lease", name, body, expected_version=record.version)
            except Conflict:
                _log.info("lease of %s went to another node before its release", name)


def _result(spec: JobSpec) -> str:
    try:
        return spec.run()
    except VonggacError as error:
        return f"failed: {error}"
    except Exception as error:
        _log.exception("job %s", spec.name)
        return f"failed: {type(error).__name__}: {error}"
