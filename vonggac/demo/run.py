"""Runs the demonstration: the node in this process, the maker of captures and the sensors in processes of their own."""

from __future__ import annotations

import re
import secrets
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from socket import socket

from correlator.engine import Correlator
from correlator.indicators import IndicatorSet
from sensors.made import day
from sharing.exchange import Sender, collection_id
from vonggac.bootstrap import Node, load_rules
from vonggac.call import Call
from vonggac.casework import Casework
from vonggac.definitions import definitions
from vonggac.demo import material
from vonggac.directory import import_directory
from vonggac.domain.access import OPERATOR, UserRole
from vonggac.domain.incident import Incident
from vonggac.domain.marking import Tlp
from vonggac.errors import Conflict, NotFound, ReadError, SharingRefused
from vonggac.old_cases import import_cases
from vonggac.ports import IncidentQuery
from vonggac.server import Beside, Running, address_of, make_server

ADMIN, SUBSCRIBER = "quan-tri", "tinh-mau-a"
SUBSCRIBER_AGENCY = day.PROVINCE_A.agency
#: What the demo's analyst opens to the whole community; the rest stays AMBER.
OPEN_KINDS = frozenset({"phishing-lookalike", "known-bad-file"})
CHILD_SECONDS = 120


@dataclass
class Figures:
    """Seconds since the program began (after an install); counts of what went through."""

    console_ready_s: float = 0.0
    first_detection_s: float = 0.0
    total_s: float = 0.0
    packets: int = 0
    events: int = 0
    detections: int = 0
    incidents: int = 0
    shared_objects: int = 0
    child_rss_mb: float = 0.0


@dataclass
class Demo:
    """One run. `start` leaves the console answering; `play` does the day; `stop` ends what was started.

    `folder` holds its files and must be there.
    """

    call: Call
    node: Node
    listener: socket
    folder: Path
    password: str = field(default_factory=lambda: secrets.token_urlsafe(12))
    figures: Figures = field(default_factory=Figures)

    @property
    def url(self) -> str:
        return address_of(self.listener, tls=False)

    @property
    def taxii_collection(self) -> str:
        identity = collection_id(self.node.settings.node_name, "incidents")
        return f"{self.url}/taxii2/root/collections/{identity}/"

    def start(self) -> None:
        """The store holds agencies, people and the indicator; the console answers."""
        self._tell("agencies")
        import_directory(self.node.store.records, material.write_agencies(self.folder / "co-quan.csv"))
        import_directory(self.node.store.records, material.write_systems(self.folder / "he-thong.csv"))
        self._people()
        self._indicators()
        loaded = load_rules(self.node.settings, ())
        self._tell("rules", count=len(loaded.rules))
        correlator = Correlator(loaded.rules, IndicatorSet(self.node.received_indicators()))
        self.running = Running(self.node, self.node.pipeline(correlator))
        ready = threading.Event()
        self.console = Beside(make_server(self.running.app(), ready.set), self.listener)
        self.console.start()
        if not ready.wait(30):
            raise NotFound("demo_console_silent", url=self.url)
        self.figures.console_ready_s = self.call.seconds()
        self._tell("console", url=self.url, seconds=f"{self.figures.console_ready_s:.1f}")

    def play(self, captures: Iterator[Path]) -> None:
        """The day's captures go sensor by sensor through spool, intake, correlator and store; then sharing."""
        history = threading.Thread(target=self._history, name="history")
        for path in captures:
            self._site(path)
            if not history.ident:
                history.start()
        history.join()
        self._share()
        self.figures.total_s = self.call.seconds()

    def stop(self) -> None:
        self.console.stop(30)

    def incidents(self) -> list[Incident]:
        """What the watch found, without the back-loaded cases."""
        found: list[Incident] = []
        cursor: str | None = None
        while True:
            page = self.node.store.incidents.find(IncidentQuery(limit=500, cursor=cursor))
            found += [incident for incident in page.items if incident.key]
            cursor = page.next
            if cursor is None:
                return found

    def admin_link(self) -> str:
        """Opens one session for the administrator, once."""
        principal = next(user.principal for user in self.node.accounts.users() if user.name == ADMIN)
        return f"{self.url}/login/link?code={self.node.accounts.one_time_link(principal)}"

    # --- steps

    def _tell(self, step: str, **facts: object) -> None:
        self.call.tell(f"demo.{step}", **facts)

    def _people(self) -> None:
        for name, role, agency in ((ADMIN, UserRole.ADMIN, None), (SUBSCRIBER, UserRole.SUBSCRIBER, SUBSCRIBER_AGENCY)):
            try:
                self.node.accounts.add_user(name, role, agency)
            except Conflict:
                continue  # a second run on the same folder
        self.node.accounts.set_password(SUBSCRIBER, self.password)

    def _indicators(self) -> None:
        import orjson

        path = material.write_indicators(self.folder / "chi-dau.json", day.BAD_SHA256)
        objects = orjson.loads(path.read_bytes())["objects"]
        self.node.exchange.accept(objects, Sender("demo"), self.node.directory())

    def _history(self) -> None:
        path = material.write_history(self.folder / "ho-so-cu.csv")
        imported = import_cases(self.node.store.incidents, path, definitions())
        self._tell("history", rows=imported.rows)

    def _site(self, path: Path) -> None:
        """One capture through a sensor process into its spool, and from there into the node."""
        site = next(site for site in day.SITES if site.sensor == path.stem)
        command = [sys.executable, "-m", "vonggac", "--quiet", "--data-dir", str(self.node.settings.data_dir)]
        command += [
            "sensor",
            str(path),
            "--to",
            str(self.node.settings.spool),
            "--sensor",
            site.sensor,
            "--agency",
            site.agency,
        ]
        code, said, peak = _run(command)
        self.figures.child_rss_mb = max(self.figures.child_rss_mb, peak)
        if code != 0:
            raise ReadError("demo_child", location=path, offset=0, reason=said[-300:])
        self.running.drain_spools()
        detections = self.node.store.events.count_detections()
        if detections and not self.figures.first_detection_s:
            self.figures.first_detection_s = self.call.seconds()
            self._tell("first", seconds=f"{self.figures.first_detection_s:.1f}")
        self._tell("site", sensor=site.sensor, detections=detections)

    def _share(self) -> None:
        work = Casework(self.node.store.incidents, self.node.clock, OPERATOR)
        for incident in self.incidents():
            if incident.kind in OPEN_KINDS and incident.tlp is not Tlp.GREEN:
                work.mark(incident.id, Tlp.GREEN)
            try:
                results = self.node.exchange.share(incident.id, OPERATOR, self.node.directory())
            except SharingRefused as error:
                self.call.refuse(error)
                continue
            self.figures.shared_objects += len(results)
        self._tell("shared", objects=self.figures.shared_objects)


def _run(command: Sequence[str]) -> tuple[int, str, float]:
    """(exit code, stderr, most memory in MB) of a child that ends within CHILD_SECONDS.

    Its own `/proc` entry is asked: what `getrusage` tells of children counts this process's memory, which they share
    until they begin.
    """
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE)  # noqa: S603
    peak, deadline = 0.0, time.monotonic() + CHILD_SECONDS
    while True:
        peak = max(peak, peak_rss_mb(process.pid))
        try:
            _, said = process.communicate(timeout=0.1)
        except subprocess.TimeoutExpired:
            if time.monotonic() > deadline:
                process.kill()
        else:
            return process.returncode, said.decode(errors="replace").strip(), peak


def peak_rss_mb(process: int | str = "self") -> float:
    """The most memory that a process held so far, in MB; 0 when it has ended."""
    try:
        status = Path(f"/proc/{process}/status").read_text()
    except OSError:
        return 0.0
    found = re.search(r"VmHWM:\s+(\d+) kB", status)
    return int(found[1]) * 1024 / 1e6 if found else 0.0


@contextmanager
def made_captures(folder: Path, *, quiet: bool = False) -> Iterator[Iterator[Path]]:
    """The captures' paths, each as soon as it is written; the maker is a process of its own and works meanwhile."""
    command = [sys.executable, "-m", "sensors.made", str(folder), *(["--quiet"] if quiet else [])]
    maker = subprocess.Popen(command, stdout=subprocess.PIPE, text=True)  # noqa: S603
    try:
        yield _paths(maker, folder)
    finally:
        if maker.poll() is None:
            maker.kill()
            maker.wait()
        if maker.stdout is not None:
            maker.stdout.close()


def _paths(maker: subprocess.Popen[str], folder: Path) -> Iterator[Path]:
    for line in maker.stdout or ():
        yield Path(line.rstrip("\n"))
    if maker.wait(CHILD_SECONDS) != 0:
        raise ReadError("demo_child", location=folder, offset=0, reason=f"sensors.made: {maker.returncode}")
