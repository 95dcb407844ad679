"""A running node: the HTTP application with its jobs and the sensors' intake beside it, in one process."""

from __future__ import annotations

import asyncio
import json
import socket
import ssl
import sys
import threading
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta
from errno import EADDRINUSE
from ipaddress import ip_address
from pathlib import Path

import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from api.app import create_app
from api.services import JobLine, Services
from sensors.base import Batch
from sensors.probing.prober import Prober
from sensors.spool import SpoolReader, spool_id
from sharing.taxii import TaxiiServer
from vonggac.bootstrap import Node
from vonggac.comparison import answer_data
from vonggac.connected import HEARTBEAT
from vonggac.definitions import definitions
from vonggac.domain.event import PROBE, Document
from vonggac.domain.event import field as value_at
from vonggac.domain.stats import By
from vonggac.domain.times import VIETNAM, Period, day_in_vietnam, format_instant, parse_instant
from vonggac.duties.watch import watch
from vonggac.errors import UsageRefused
from vonggac.evidence import packets_behind
from vonggac.hunting import hunt_received
from vonggac.jobs import Jobs, JobSpec
from vonggac.pipeline import Pipeline, Summary, accounts, keep_accounts
from vonggac.probing import probe_all, prober_of, targets_of
from vonggac.statistics import Question, answer

#: A sensor that has not been heard of for so long is silent.
SILENT_AFTER = timedelta(minutes=5)
SHIPPED = "shipped"
BEAT_FIGURES = (
    "up_seconds",
    "interfaces",
    "packets",
    "bytes",
    "dropped_kernel",
    "lag_seconds",
    "spool_bytes",
    "flows_open",
)
SNAPSHOT = "snapshot"


class Running:
    """One node's moving parts. A `worker` drains spools and runs jobs; without it the node answers HTTP only."""

    def __init__(self, node: Node, pipeline: Pipeline, *, worker: bool = True, indicators: Sequence[str] = ()) -> None:
        self.node = node
        self._indicators = indicators  # files that were named for this run
        self.pipeline = pipeline
        self.worker = worker
        self._heard: dict[str, datetime] = {}
        self._heard_lock = threading.Lock()
        self._draining = threading.Lock()
        self._taking = threading.Lock()
        self._ending = threading.Event()
        self._readers: dict[tuple[Path, str], SpoolReader] = {}
        self.taxii = TaxiiServer(node.store, node.exchange, node.clock, node.ids, node.settings.node_name)
        self.jobs = Jobs(
            node.store.records,
            node.clock,
            owner=f"{node.settings.node_name}/{node.ids()[:8]}",
            lease=timedelta(seconds=node.settings.lease_seconds),
            specs=self._specs(),
        )

    def app(self) -> FastAPI:
        """The application; entering its lifespan starts what runs beside it, leaving stops it."""
        node = self.node
        node.exchange.ensure_collections()
        settings = node.settings
        services = Services(
            store=node.store,
            accounts=node.accounts,
            clock=node.clock,
            directory=node.directory,
            exchange=node.exchange,
            taxii=self.taxii,
            subscriber=node.subscriber,
            take=self.take,
            packets=lambda documents: packets_behind(node.store.events, settings, documents),
            stages=lambda: accounts(node.store.records),
            matching=self.pipeline.matching,
            suppressing=node.suppressing,
            reporting=node.reporting,
            publisher=lambda: node.publisher,
            outbox=lambda: node.outbox,
            told=lambda: self.pipeline.told,
            jobs=self._job_lines,
            node_name=settings.node_name,
            secure=bool(settings.serve_tls_cert),
        )

        @asynccontextmanager
        async def lifespan(_: FastAPI) -> AsyncIterator[None]:
            self._ending.clear()
            if self.worker:
                keep_accounts(node.store.records, self.pipeline.catch_up().stages)
                self.jobs.start()
            try:
                yield
            finally:
                self._ending.set()
                if self.worker:
                    self.jobs.stop()
                    with self._draining:
                        self.close_spools()
                    self.pipeline.save()

        return create_app(services, lifespan)

    def take(self, batch: Batch, identity: str = "") -> Mapping[str, object]:
        """A batch through the pipeline, its account kept, its sensors heard. With an identity (`SPOOL/NUMBER`) one that
        was taken before is a duplicate: batches of a spool come in order."""
        records = self.node.store.records
        spool, _, number = identity.partition("/")
        with self._taking:
            known = records.get(SHIPPED, spool) if spool else None
            if known is not None and int(number) <= known.body["number"]:
                return {**Summary().data(), "duplicate": True}
            summary = self.pipeline.take(batch)
            if spool:
                records.put(SHIPPED, spool, {"number": int(number), "at": format_instant(self.node.clock())})
            keep_accounts(records, summary.stages)
        self._hear(batch)
        return summary.data()

    def drain_spools(self) -> str:
        """What the sensors have spooled is taken; each batch is acknowledged after it is stored."""
        total = Summary()
        with self._draining:  # a spool has one reader
            try:
                for reader in self._open_spools():
                    for batch, acknowledge in reader:
                        summary = self.pipeline.take(batch)
                        acknowledge()
                        self._hear(batch)
                        total += summary
            except BaseException:
                self.close_spools()  # what was not taken comes again
                raise
            finally:
                keep_accounts(self.node.store.records, total.stages)
        return f"{total.events} events, {total.detections} detections"

    def _open_spools(self) -> list[SpoolReader]:
        """A reader for each spool, kept open so that it goes on where it was."""
        found = {(folder, identity) for folder in _spools(self.node.settings.spool) if (identity := spool_id(folder))}
        for gone in set(self._readers) - found:
            self._readers.pop(gone).close()
        for key in found - set(self._readers):
            self._readers[key] = SpoolReader(key[0])
        return [self._readers[key] for key in sorted(found)]

    def close_spools(self) -> None:
        while self._readers:
            self._readers.popitem()[1].close()

    def _hear(self, batch: Batch) -> None:
        """Whose events came, but probes, and what a sensor's heartbeat said of itself, with the rules that this node
        matches."""
        now = self.node.clock()
        events = [event for event in batch.events if value_at(event, "event.dataset") != PROBE]
        beats = {
            str(value_at(event, "observer.name")): event
            for event in events
            if value_at(event, "event.dataset") == "heartbeat"
        }
        agencies = {str(value_at(event, "observer.name")): value_at(event, "organization.id") for event in events}
        for name, agency in agencies.items():
            with self._heard_lock:
                recent = name in self._heard and now - self._heard[name] < timedelta(seconds=30)
                self._heard[name] = now
            if recent and name not in beats:
                continue
            known = self.node.store.records.get(HEARTBEAT, name)
            body = {**(known.body if known else {}), "at": format_instant(now)}
            if isinstance(agency, str):
                body["agency"] = agency
            if name in beats:
                body |= beat_figures(beats[name]) | {"rules": self.pipeline.rules}
            self.node.store.records.put(HEARTBEAT, name, body)

    # --- jobs

    def _specs(self) -> list[JobSpec]:
        settings = self.node.settings
        specs = [
            JobSpec("intake", timedelta(seconds=settings.intake_poll_seconds), self.drain_spools, local=True),
            JobSpec("catch-up", timedelta(minutes=1), self._catch_up, local=True),
            JobSpec("feed-pull", timedelta(minutes=settings.feeds_pull_minutes), self._pull_feeds),
            JobSpec("hunt", timedelta(minutes=1), self._hunt),
            JobSpec("retention", timedelta(hours=24), self._retain),
            JobSpec("statistics-snapshot", timedelta(minutes=settings.snapshot_minutes), self._snapshot),
            JobSpec("reporting", timedelta(minutes=1), self._report),
            JobSpec("duties", timedelta(minutes=15), self._watch_duties),
            JobSpec("heartbeat-check", timedelta(minutes=1), self._check_heartbeats),
            JobSpec("forget-expired", timedelta(hours=1), self._forget),
        ]
        if settings.probe_minutes:
            prober = prober_of(settings)
            specs.append(JobSpec("probing", timedelta(minutes=settings.probe_minutes), lambda: self._probe(prober)))
        return specs

    def _job_lines(self) -> list[JobLine]:
        return [
            JobLine(
                state.name,
                state.every.total_seconds(),
                format_instant(state.last_run) if state.last_run else "",
                state.last_result,
                state.owner,
            )
            for state in self.jobs.states()
        ]

    def _catch_up(self) -> str:
        """What another process has stored and not matched, should it have been killed."""
        summary = self.pipeline.catch_up()
        keep_accounts(self.node.store.records, summary.stages)
        return f"{summary.detections} detections"

    def _pull_feeds(self) -> str:
        line = self.node.subscriber.pull_all(self.node.directory())
        self.pipeline.use_indicators(self.node.all_indicators(self._indicators))
        return line

    def _hunt(self) -> str:
        """What feeds, hand-overs and peers brought since is looked for in all retained events."""
        received = self.node.received_indicators()
        found = hunt_received(self.node.store, self.node.clock, received, self.pipeline.detected)
        return ", ".join(f"{count} {status}" for status, count in sorted(found.items())) or "-"

    def _retain(self) -> str:
        before = self.node.clock() - timedelta(days=self.node.settings.retention_days)
        return f"{self.node.store.events.drop_events_before(before)} events dropped"

    def _snapshot(self) -> str:
        """This year so far against the same days a year before, kept under today's date."""
        now = self.node.clock().astimezone(VIETNAM)
        tomorrow = now.replace(hour=0, minute=0, second=0, microsecond=0) + timedelta(days=1)
        period = Period(tomorrow.replace(month=1, day=1, year=now.year), tomorrow, f"{now.year}")
        question = Question(period, period.year_before(), By.CATEGORY, None, definitions().id)
        found = answer(self.node.store, self.node.directory(), question, now=self.node.clock())
        body = answer_data(found, "vi")
        self.node.store.records.put(SNAPSHOT, now.date().isoformat(), body)
        return f"{body['total']['current']} incidents this year"

    def _check_heartbeats(self) -> str:
        limit = self.node.clock() - SILENT_AFTER
        records = self.node.store.records.list(HEARTBEAT)
        silent = [record.key for record in records if parse_instant(record.body["at"]) < limit]
        lossy = ("dropped_kernel", "dropped_spool")
        losing = [record.key for record in records if any(record.body.get(name) for name in lossy)]
        return f"{len(records)} sensors, silent: {', '.join(silent) or '-'}, with losses: {', '.join(losing) or '-'}"

    def _report(self) -> str:
        """The tables of the month before are published in time, and sent until they are taken."""
        return self.node.schedule.run()

    def _watch_duties(self) -> str:
        """Warnings before the law's time limits, and what was missed."""
        return watch(self.node.store, self.node.directory(), self.node.clock())

    def _probe(self, prober: Prober) -> str:
        now = self.node.clock()
        targets = targets_of(self.node.directory(), day_in_vietnam(now))
        return probe_all(prober, targets, now, self.take, self._ending)

    def _forget(self) -> str:
        sessions, statuses = self.node.accounts.forget_expired(), self.taxii.forget_statuses()
        return f"{sessions} sessions and links, {statuses} TAXII statuses forgotten"


def beat_figures(event: Document) -> dict[str, object]:
    """What a heartbeat says, as far as it is numbers: it comes from another machine."""
    said = value_at(event, "vonggac.heartbeat")
    said = said if isinstance(said, dict) else {}
    lost = said.get("dropped_spool")
    counts = {str(name): count for name, count in lost.items() if _is_count(count)} if isinstance(lost, dict) else {}
    figures = {name: said[name] for name in BEAT_FIGURES if _is_count(said.get(name))}
    return {"beat": str(event["@timestamp"]), "dropped_spool": dict(sorted(counts.items())[:100]), **figures}


def _is_count(value: object) -> bool:
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value < 1 << 63


def _spools(folder: Path) -> list[Path]:
    """The spool folders of the sensors: one below `folder` for each."""
    return sorted(path for path in folder.iterdir() if path.is_dir()) if folder.is_dir() else []


# --- HTTP ----------------------------------------------------------------------------------------------------------


def check_address(host: str, *, tls: bool, insecure: bool) -> None:
    """Raises UsageRefused for plain HTTP where others could listen."""
    try:
        loopback = host == "localhost" or ip_address(host).is_loopback
    except ValueError:
        loopback = False
    if not (loopback or tls or insecure):
        raise UsageRefused("not_loopback", host=host)


def bind(host: str, port: int) -> socket.socket:
    """A listening socket; port 0 takes a free one. Raises UsageRefused when it cannot be had."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listener.bind((host, port))
    except OSError as error:
        listener.close()
        if error.errno == EADDRINUSE:
            raise UsageRefused("port_taken", host=host, port=port, detail=str(error)) from error
        raise UsageRefused("address_unusable", host=host, port=port, reason=error.strerror) from error
    except (OverflowError, UnicodeError) as error:  # a port over 65535, a name that cannot be one
        listener.close()
        raise UsageRefused("address_unusable", host=host, port=port, reason=error) from error
    listener.listen(128)
    return listener


def address_of(listener: socket.socket, *, tls: bool) -> str:
    host, port = listener.getsockname()[:2]
    shown = f"[{host}]" if ":" in host else host
    return f"{'https' if tls else 'http'}://{shown}:{port}"


class Server(uvicorn.Server):
    """Tells when it answers."""

    def __init__(self, config: uvicorn.Config, on_ready: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_ready = on_ready

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets)
        if self.started:
            self._on_ready()


class Beside:
    """A server on a thread of its own. Who waits for it may be interrupted and still stop it properly: an interrupted
    `Thread.join` of Python 3.11 and 3.12 takes a living thread for an ended one.
    """

    def __init__(self, server: Server, listener: socket.socket) -> None:
        self._server = server
        self._listener = listener
        self._ended = threading.Event()

    def start(self) -> None:
        threading.Thread(target=self._run, name="console").start()

    def wait(self) -> None:
        self._ended.wait()

    def stop(self, seconds: float) -> bool:
        """Asks the server to end; whether it did in this time."""
        self._server.should_exit = True
        return self._ended.wait(seconds)

    def _run(self) -> None:
        try:
            self._server.run(sockets=[self._listener])
        finally:
            self._ended.set()


class Showing(H11Protocol):
    """Tells the application which certificate a client has shown: `request.state.certificate`, DER."""

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        tls = transport.get_extra_info("ssl_object")
        if tls is not None and (certificate := tls.getpeercert(binary_form=True)):
            self.app_state = {**self.app_state, "certificate": certificate}


def make_server(
    app: FastAPI, on_ready: Callable[[], None], *, cert: str = "", key: str = "", client_ca: str = ""
) -> Server:
    """A server for one listening socket (`server.run(sockets=[…])`). `client_ca` is a file of the authorities whose
    client certificates are taken; one that none of them has signed ends the handshake."""
    config = uvicorn.Config(
        app,
        http=Showing,
        log_level="warning",
        access_log=False,
        server_header=False,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=5,
        ssl_certfile=cert or None,
        ssl_keyfile=key or None,
        ssl_ca_certs=client_ca or None,
        ssl_cert_reqs=ssl.CERT_OPTIONAL if client_ca else ssl.CERT_NONE,
    )
    return Server(config, on_ready)


def say_ready(url: str) -> None:
    """The contract's line on stdout."""
    sys.stdout.write(json.dumps({"ready": url}) + "\n")
    sys.stdout.flush()


def require_accounts(node: Node) -> None:
    """Raises UsageRefused when nobody could come in."""
    if not node.accounts.users() and not node.store.records.list("token"):
        raise UsageRefused("no_accounts")
