"""A real Elasticsearch 9.2 for the tests, from Maven's `integ-test-zip`: the server with only its core modules.

Started once for a run: with pytest-xdist the workers share it through a state file, and the last one to leave ends it.
"""

from __future__ import annotations

import fcntl
import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
import urllib.error
import urllib.request
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from tests.real.parts import lacking

VERSION = "9.2.0"
ARTIFACT = f"org.elasticsearch.distribution.integ-test-zip:elasticsearch:{VERSION}:zip"
ARCHIVE = Path(f"org/elasticsearch/distribution/integ-test-zip/elasticsearch/{VERSION}/elasticsearch-{VERSION}.zip")
JAVA_AT_LEAST = 21
READY_SECONDS = 120
#: Elasticsearch refuses to run as root.
UNPRIVILEGED = 65_534

_SETTINGS = """\
cluster.name: vonggac-tests
discovery.type: single-node
network.host: 127.0.0.1
http.port: {http}
transport.port: {transport}
path.data: {folder}/data
path.logs: {folder}/logs
xpack.security.enabled: false
cluster.routing.allocation.disk.threshold_enabled: false
"""


@contextmanager
def running_elasticsearch(shared: Path) -> Iterator[str]:
    """The URL of a server that answers. `shared` is a folder that all workers of this run have in common."""
    state = shared / "elasticsearch.json"
    with _locked(shared):
        known = json.loads(state.read_text()) if state.exists() else None
        server = known or _start()
        server["users"] = server.get("users", 0) + 1
        state.write_text(json.dumps(server))
    try:
        yield server["url"]
    finally:
        with _locked(shared):
            server = json.loads(state.read_text())
            server["users"] -= 1
            if server["users"]:
                state.write_text(json.dumps(server))
            else:
                state.unlink()
                _stop(server)


@contextmanager
def _locked(folder: Path) -> Iterator[None]:
    with (folder / "elasticsearch.lock").open("w") as handle:
        fcntl.flock(handle, fcntl.LOCK_EX)
        yield


def java_home() -> Path | None:
    """A Java new enough for Elasticsearch 9: JAVA_HOME or one of /usr/lib/jvm."""
    named = [Path(os.environ[name]) for name in ("ES_JAVA_HOME", "JAVA_HOME") if os.environ.get(name)]
    installed = Path("/usr/lib/jvm")
    found = sorted(installed.iterdir()) if installed.is_dir() else []
    return next((home for home in (*named, *found) if _java_major(home) >= JAVA_AT_LEAST), None)


def _java_major(home: Path) -> int:
    try:
        match = re.search(r'JAVA_VERSION="(\d+)', (home / "release").read_text())
    except OSError:
        return 0
    return int(match[1]) if match and (home / "bin" / "java").exists() else 0


def _archive() -> Path:
    # Said to Maven too: Java takes the home folder from the user's record, which need not be HOME.
    repository = Path.home() / ".m2" / "repository"
    archive = repository / ARCHIVE
    if not archive.exists():
        maven = shutil.which("mvn")
        if maven is None:
            lacking("there is no Maven (mvn) to fetch Elasticsearch with")
        command = [maven, "-q", f"-Dmaven.repo.local={repository}", "dependency:get"]
        command += [f"-Dartifact={ARTIFACT}", "-Dtransitive=false"]
        fetched = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
        if fetched.returncode:
            lacking(f"Maven could not fetch {ARTIFACT}: {(fetched.stdout + fetched.stderr)[-400:]}")
        if not archive.exists():
            lacking(f"Maven keeps what it fetches elsewhere than in {archive.parent}")
    return archive


def _start() -> dict[str, object]:
    home = java_home()
    if home is None:
        lacking(f"there is no Java {JAVA_AT_LEAST} or newer (JAVA_HOME, /usr/lib/jvm)")
    archive = _archive()
    folder = Path(tempfile.mkdtemp(prefix="vonggac-elasticsearch-"))
    with zipfile.ZipFile(archive) as packed:
        packed.extractall(folder)
    server = folder / f"elasticsearch-{VERSION}"
    http, transport = _free_ports(2)
    (server / "config" / "elasticsearch.yml").write_text(
        _SETTINGS.format(http=http, transport=transport, folder=folder), "utf-8"
    )
    for script in (server / "bin").iterdir():
        script.chmod(0o755)
    root = os.geteuid() == 0
    if root:
        folder.chmod(0o755)
        for path in (folder, *folder.rglob("*")):
            os.chown(path, UNPRIVILEGED, UNPRIVILEGED)
    log = folder / "console.log"
    with log.open("wb") as console:
        process = subprocess.Popen(
            [server / "bin" / "elasticsearch"],
            env={
                "PATH": os.environ["PATH"],
                "HOME": str(folder),
                "ES_JAVA_HOME": str(home),
                "ES_JAVA_OPTS": "-Xms768m -Xmx768m",
            },
            stdout=console,
            stderr=subprocess.STDOUT,
            cwd=folder,
            start_new_session=True,
            user=UNPRIVILEGED if root else None,
            group=UNPRIVILEGED if root else None,
            extra_groups=[] if root else None,
        )
    started: dict[str, object] = {"url": f"http://127.0.0.1:{http}", "group": process.pid, "folder": str(folder)}
    deadline = time.monotonic() + READY_SECONDS
    while not _answers(str(started["url"])):
        if process.poll() is not None or time.monotonic() > deadline:
            tail = log.read_text("utf-8", "replace")[-1500:]
            _stop(started)
            raise RuntimeError(f"Elasticsearch did not become ready: {tail}")
        time.sleep(0.25)  # between two looks at a server that is starting; bounded by `deadline`
    process.returncode = 0  # `_stop` ends it by its process group, maybe from another worker
    return started


def _stop(server: dict[str, object]) -> None:
    with suppress(ProcessLookupError):
        os.killpg(int(str(server["group"])), signal.SIGKILL)
    shutil.rmtree(str(server["folder"]), ignore_errors=True)


def _answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(f"{url}/_cluster/health?wait_for_status=yellow&timeout=5s", timeout=10) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, OSError):
        return False


def _free_ports(count: int) -> list[int]:
    """Ports free a moment ago; all are held until the last is known, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for each in sockets:
            each.bind(("127.0.0.1", 0))
        return [each.getsockname()[1] for each in sockets]
    finally:
        for each in sockets:
            each.close()
