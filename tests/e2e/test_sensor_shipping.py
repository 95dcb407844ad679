"""Capture, spool, shipper and node: killed, down and slow; every event arrives once, and is counted once."""

from __future__ import annotations

import re
import signal
import socket
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
import requests

from sensors.spool import SpoolReader
from tests.e2e.program import command, environment, must, running, serving, until, vonggac

#: Pauses of minutes, in seconds.
QUICK = {
    "VONGGAC_SHIP_RETRY_FIRST_SECONDS": "0.2",
    "VONGGAC_SHIP_RETRY_MOST_SECONDS": "1",
    "VONGGAC_SHIP_POLL_SECONDS": "0.2",
}


@contextmanager
def shipping(spool: Path, url: str, token: str, err: Path) -> Iterator[subprocess.Popen[bytes]]:
    given = command("ship", spool, "--to", url)
    with err.open("ab") as err_file:
        process = subprocess.Popen(
            given, stdout=subprocess.PIPE, stderr=err_file, env=environment(VONGGAC_TOKEN=token, **QUICK)
        )
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def node_at(folder: Path, data: Path, port: int) -> Iterator[subprocess.Popen[bytes]]:
    """A node on this port, which may be killed."""
    folder.mkdir()
    with running(folder, "--data-dir", data, "serve", "--port", port) as (process, out, err):
        until(lambda: out.read_text().endswith("\n"), process, err)
        yield process


def metric(url: str, name: str, **labels: str) -> float:
    text = requests.get(f"{url}/metrics", timeout=20).text
    for line in text.splitlines():
        if line.startswith(f"{name}{{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return 0.0


def events_of(url: str) -> int:
    found = re.search(r"^vonggac_events (\S+)", requests.get(f"{url}/metrics", timeout=20).text, re.M)
    return int(float(found[1])) if found else 0


def held(spool: Path) -> tuple[int, int]:
    """(units taken, events) in a spool."""
    with SpoolReader(spool) as reader:
        batches = [batch for batch, _ in reader]
    return sum(batch.taken for batch in batches), sum(len(batch.events) for batch in batches)


@pytest.mark.slow
def test_node_and_shipper_killed_again_and_again_every_event_arrives_once(
    made_day: dict[str, Path], tmp_path: Path
) -> None:
    """The node is down at first, is killed, is down again; the shipper is killed too. Times are scaled by settings."""
    must("sensor", *made_day.values(), "--to", tmp_path / "dem")
    spool = tmp_path / "dem" / "sensor"
    taken, events = held(spool)
    assert events > 5_000
    data = tmp_path / "nut"
    token = must("--data-dir", data, "token", "create", "--role", "sensor").item["token"]
    port = free_port()
    url = f"http://127.0.0.1:{port}"
    err = tmp_path / "stderr"

    with shipping(spool, url, token, err) as first:
        with node_at(tmp_path / "mot", data, port) as node:
            until(lambda: events_of(url) > 0, first, err)
            node.kill()
        first.kill()
    with shipping(spool, url, token, err) as second, node_at(tmp_path / "hai", data, port) as node:
        before = events_of(url)
        until(lambda: events_of(url) > before, second, err)
        second.kill()
        node.kill()
    with shipping(spool, url, token, err) as third, node_at(tmp_path / "ba", data, port):
        until(lambda: events_of(url) >= events, third, err)
        until(lambda: held(spool) == (0, 0), third, err)
        third.send_signal(signal.SIGTERM)
        out, _ = third.communicate(timeout=30)
        assert b'"refused":0' in out
        assert third.returncode == 0
        assert events_of(url) == events
        # A kill between a batch's events and its account may cost the account of that batch, never count it twice.
        assert metric(url, "vonggac_stage_total", stage="sensor", outcome="taken") <= taken
        again = vonggac("ship", spool, "--to", url, "--once", env={"VONGGAC_TOKEN": token})
        assert again.item == {"sent": 0, "duplicates": 0, "refused": 0, "failures": 0}
    assert "Traceback" not in err.read_text()


def test_a_killed_shipper_is_started_again_and_the_heartbeat_is_heard(tmp_path: Path) -> None:
    try:
        socket.socket(socket.AF_PACKET, socket.SOCK_RAW).close()
    except PermissionError:
        pytest.skip("capturing needs CAP_NET_RAW")
    data = tmp_path / "nut"
    token = must("--data-dir", data, "token", "create", "--role", "sensor").item["token"]
    with serving(tmp_path / "serve", data) as url:
        given = ("--data-dir", tmp_path / "cam-bien", "sensor", "iface:lo", "--to", url, "--sensor", "song")
        env = {"VONGGAC_TOKEN": token, "VONGGAC_SENSOR_BEAT_SECONDS": "0.5", **QUICK}
        with running(tmp_path, *given, env=env) as (process, _, err):
            beat = lambda: metric(url, "vonggac_sensor_heartbeat_seconds", sensor="song")  # noqa: E731
            first = until(beat, process, err)
            shipper = _child(process.pid, "ship")
            assert _status(shipper)["CapEff"].strip("0") == ""
            subprocess.run(["kill", "-9", str(shipper)], check=True)
            until(lambda: beat() > first + 2, process, err)
            assert _child(process.pid, "ship") != shipper
            assert metric(url, "vonggac_sensor_packets_total", sensor="song") > 0
            process.send_signal(signal.SIGTERM)
            assert process.wait(60) == 0
            assert "Traceback" not in err.read_text()


def _child(parent: int, word: str) -> int:
    """The child process whose command has this word."""
    children = Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return next(
        int(child) for child in children if word in Path(f"/proc/{child}/cmdline").read_bytes().decode().split("\0")
    )


def _status(pid: int) -> dict[str, Any]:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)
