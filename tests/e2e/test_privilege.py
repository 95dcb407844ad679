"""A capturing sensor as an ordinary user with CAP_NET_RAW, in a network of its own: it captures, and can do no more."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sensors.spool import SpoolReader
from tests.e2e.program import ROOT, environment, until
from tests.real.parts import lacking

NOBODY = 65534
PLACE = Path("/mnt")


@pytest.fixture
def network() -> Iterator[list[str]]:
    """A command that runs another in a network namespace with two connected interfaces, `trong` and `ngoai`."""
    if os.geteuid() != 0:
        lacking("making a network namespace needs root")
    missing = [name for name in ("ip", "setpriv") if shutil.which(name) is None]
    if missing:
        lacking(f"this machine has no {', '.join(missing)}")
    name = f"vonggac{os.getpid()}"
    made = subprocess.run(["ip", "netns", "add", name], capture_output=True, timeout=20)
    if made.returncode != 0:
        lacking(f"no network namespace can be made here: {made.stderr.decode().strip()}")
    inside = ["ip", "netns", "exec", name]
    try:
        for words in ("link add trong type veth peer name ngoai", "link set trong up", "link set ngoai up"):
            done = subprocess.run([*inside, "ip", *words.split()], capture_output=True, timeout=20)
            if done.returncode != 0:
                lacking(f"no interfaces can be made here: {done.stderr.decode().strip()}")
        yield inside
    finally:
        subprocess.run(["ip", "netns", "delete", name], check=True, timeout=20)


@pytest.fixture
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder that belongs to nobody, under a path that nobody may walk."""
    base = Path("/tmp") / f"vonggac-{os.getpid()}"  # noqa: S108  pytest's own folders are closed to other users
    base.mkdir(mode=0o755)
    os.chown(base, NOBODY, NOBODY)
    try:
        yield base
    finally:
        shutil.rmtree(base)


def as_nobody(inside: list[str], command: list[str]) -> list[str]:
    rights = ["--inh-caps=-all,+net_raw", "--ambient-caps=-all,+net_raw", "--bounding-set=-all,+net_raw"]
    # `ip netns exec` has given a mount namespace of its own: there the program stands where everybody may walk.
    placed = [*inside, "sh", "-c", 'mount --bind "$0" "$1" && shift && exec "$@"', str(ROOT), str(PLACE)]
    return [*placed, "setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", *rights, *command]


def seen_from_place(path: str) -> str:
    """The path of something of the program's as the ordinary user sees it."""
    return path.replace(str(ROOT), str(PLACE), 1)


def status(pid: int) -> list[dict[str, str]]:
    """/proc/PID/status of every thread."""
    texts = [path.read_text() for path in Path(f"/proc/{pid}/task").glob("*/status")]
    return [dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line) for text in texts]


def spooled(folder: Path) -> list[dict[str, Any]]:
    if not (folder / "spool").exists():
        return []
    with SpoolReader(folder) as reader:
        return [event for batch, _ in reader for event in batch.events]


SEND = """
import socket
from tests.unit.sensors.talks.test_dns import answer, query
from tests.unit.sensors.wire import udp
with socket.socket(socket.AF_PACKET, socket.SOCK_RAW) as wire:
    wire.bind(("ngoai", 0))
    wire.send(bytes(udp(query())))
    wire.send(bytes(udp(answer(), back=True)))
"""


@pytest.mark.slow
def test_an_ordinary_user_with_cap_net_raw_captures_and_keeps_no_right(network: list[str], home: Path) -> None:
    arguments = ["--data-dir", str(home), "--lang", "en", "sensor", "iface:trong", "--to", str(home / "dem")]
    given = environment(
        PYTHONPATH=str(PLACE), HOME=str(home), VONGGAC_SENSOR_BEAT_SECONDS="0.5", NUMBA_CACHE_DIR=str(home / "numba")
    )
    err = home / "stderr"
    with err.open("wb") as err_file:
        process = subprocess.Popen(
            as_nobody(network, [seen_from_place(sys.executable), "-m", "vonggac", *arguments]),
            env=given, stdout=subprocess.PIPE, stderr=err_file, cwd=home,
        )  # fmt: skip
    try:
        until(lambda: "Capturing with few rights" in err.read_text(), process, err, seconds=90)
        spool = home / "dem" / "sensor"
        until(lambda: any(e["event"]["dataset"] == "heartbeat" for e in spooled(spool)), process, err)
        subprocess.run([*network, sys.executable, "-c", SEND], env=environment(), check=True, timeout=60, cwd=ROOT)
        until(lambda: any(e["event"]["dataset"] == "dns" for e in spooled(spool)), process, err)

        threads = status(process.pid)
        assert len(threads) >= 2
        for thread in threads:
            assert thread["Uid"].split()[0] == str(NOBODY)
            assert {int(thread[f"Cap{kind}"], 16) for kind in ("Eff", "Prm", "Inh", "Amb")} == {0}
            assert thread["NoNewPrivs"] == "1"
        sockets = [str(path.readlink()) for path in Path(f"/proc/{process.pid}/fd").iterdir()]
        held = {name for name in sockets if name.startswith("socket:")}
        assert len(held) == 1  # the packet socket
        tables = [(Path(f"/proc/{process.pid}/net") / kind).read_text() for kind in ("tcp", "udp", "tcp6", "udp6")]
        assert not any(name[8:-1] in table for name in held for table in tables)
        process.send_signal(signal.SIGTERM)
        out, _ = process.communicate(timeout=60)
    finally:
        process.kill()
        process.wait()
    assert process.returncode == 0, err.read_text()
    assert json.loads(out)["spool"] == str(spool)
    flows = [event for event in spooled(spool) if event["event"]["dataset"] == "flow"]
    assert {flow["vonggac"]["flow"]["end_reason"] for flow in flows} == {"end-of-input"}  # open ones were told
    assert "Traceback" not in err.read_text()


TRIES = """
import json, os, socket, sys, threading
from pathlib import Path
from sensors.confine import confine, no_more_threads

mine, elsewhere = Path(sys.argv[1]), Path(sys.argv[2])
wire = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
before = socket.socket()
applied = confine([mine])
done = {"applied": applied}

def attempt(name, act):
    try:
        act()
        done[name] = "done"
    except OSError as error:
        done[name] = error.errno

attempt("write below", lambda: (mine / "a").write_text("x"))
attempt("rename below", lambda: (mine / "a").replace(mine / "b"))
attempt("remove below", lambda: (mine / "b").unlink())
attempt("read elsewhere", lambda: Path("/etc/passwd").read_text())
attempt("thread", lambda: threading.Thread(target=int).start())
attempt("write elsewhere", lambda: (elsewhere / "a").write_text("x"))
attempt("change elsewhere", lambda: (elsewhere / "there").write_text("x"))
attempt("remove elsewhere", lambda: (elsewhere / "there").unlink())
attempt("link out", lambda: os.rename(elsewhere / "there", mine / "there"))
attempt("inet", socket.socket)
attempt("inet6", lambda: socket.socket(socket.AF_INET6))
attempt("unix", lambda: socket.socket(socket.AF_UNIX))
attempt("netlink", lambda: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW))
attempt("packet", lambda: socket.socket(socket.AF_PACKET, socket.SOCK_RAW))
attempt("connect", lambda: before.connect(("127.0.0.1", 9)))
attempt("bind", lambda: before.bind(("127.0.0.1", 0)))
attempt("inject", lambda: wire.sendto(bytes(60), ("lo", 0)))
attempt("exec", lambda: os.execv("/bin/true", ["true"]))
attempt("fork", os.fork)
attempt("spawn", lambda: os.posix_spawn("/bin/true", ["true"], {}))
attempt("chroot", lambda: os.chroot("/tmp"))
attempt("setuid", lambda: os.setuid(0))
attempt("signal another", lambda: os.kill(1, 0))
import ctypes
libc = ctypes.CDLL(None, use_errno=True)
def call(name, *arguments):
    if libc.__getattr__(name)(*arguments) == -1:
        raise OSError(ctypes.get_errno(), name)
attempt("ptrace", lambda: call("ptrace", 16, 1, 0, 0))
attempt("mount", lambda: call("mount", b"none", b"/mnt", b"tmpfs", 0, None))
attempt("unshare", lambda: call("unshare", 0x10000000))
no_more_threads()
print(json.dumps(done))
"""


def test_every_try_beyond_its_work_fails(network: list[str], home: Path, tmp_path: Path) -> None:
    mine, elsewhere = home / "dem", home / "khac"
    for folder in (mine, elsewhere):
        folder.mkdir()
        os.chown(folder, NOBODY, NOBODY)
    (elsewhere / "there").write_text("x")
    os.chown(elsewhere / "there", NOBODY, NOBODY)
    command = [seen_from_place(sys.executable), "-c", textwrap.dedent(TRIES), str(mine), str(elsewhere)]
    done = subprocess.run(
        as_nobody(network, command), env=environment(PYTHONPATH=str(PLACE)), capture_output=True, timeout=60, cwd="/"
    )
    assert done.returncode == 0, done.stderr.decode()
    found = json.loads(done.stdout)
    applied = found.pop("applied")
    if "seccomp" not in applied or not any(layer.startswith("landlock") for layer in applied):
        pytest.skip(f"this kernel gave only {', '.join(applied)}")
    assert "no-capabilities" in applied
    may = {"write below", "rename below", "remove below", "read elsewhere", "thread"}
    assert {name for name, outcome in found.items() if outcome == "done"} == may
    refused = {name: outcome for name, outcome in found.items() if name not in may}
    assert set(refused.values()) <= {1, 13, 18}, refused  # EPERM, EACCES, EXDEV
    assert (elsewhere / "there").read_text() == "x"
