"""`db` and `doctor`: is the store whole, and does this machine have what is needed?"""

from __future__ import annotations

import shutil
import sys

import click

from vonggac.call import Call
from vonggac.commands.options import node_of
from vonggac.errors import StoreUnavailable

#: The first SQLite without the WAL-reset race that corrupted databases from 3.7.0 on.
SAFE_SQLITE = (3, 51, 3)


@click.group()
def db() -> None:
    """Checks on the store."""


@db.command()
@click.pass_obj
def verify(call: Call) -> None:
    """Whether the store answers and is whole."""
    store = node_of(call).store
    store.check()
    events, detections = store.events.count_events(), store.events.count_detections()
    call.show({"store": store.describe(), "events": events, "detections": detections, "status": "ok"})


@click.command()
@click.pass_obj
def doctor(call: Call) -> None:
    """What this machine has and what is missing; one object a finding, exit code 1 when something needed is."""
    findings = [
        _finding("python", sys.version_info >= (3, 11), sys.version.split()[0], "Python >= 3.11"),
        _sqlite(),
        _store(call),
        _rules(call),
        _finding("capture", _may_capture(), "", "CAP_NET_RAW: needed for iface: sources only", needed=False),
        _confinement(),
        _finding("java", shutil.which("java") is not None, "", "for tests on Elasticsearch only", needed=False),
    ]
    call.table(findings, ("name", "ok", "found", "wanted"))
    call.refused += sum(not each["ok"] and bool(each["needed"]) for each in findings)


def _finding(name: str, ok: bool, found: str, wanted: str, *, needed: bool = True) -> dict[str, object]:
    return {"name": name, "ok": ok, "found": found, "wanted": wanted, "needed": needed}


def _sqlite() -> dict[str, object]:
    from pysqlite3 import dbapi2

    version: str = dbapi2.sqlite_version
    ok = tuple(map(int, version.split("."))) >= SAFE_SQLITE
    return _finding("sqlite", ok, version, "SQLite >= " + ".".join(map(str, SAFE_SQLITE)))


def _store(call: Call) -> dict[str, object]:
    try:
        store = node_of(call).store
        store.check()
    except StoreUnavailable as error:
        return _finding("store", False, str(error), "a store that answers")
    return _finding("store", True, store.describe(), "a store that answers")


def _rules(call: Call) -> dict[str, object]:
    from vonggac.bootstrap import load_rules

    loaded = load_rules(call.settings, ())
    return _finding("rules", not loaded.faults, f"{len(loaded.rules)} rules", "rules without faults")


def _confinement() -> dict[str, object]:
    from sensors.confine import available

    layers = available()
    wanted = "seccomp and Landlock: without them a live sensor keeps rights it does not need"
    return _finding("confinement", len(layers) > 1, ", ".join(layers) or "-", wanted, needed=False)


def _may_capture() -> bool:
    import socket

    try:
        with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
            return True
    except (OSError, AttributeError):
        return False
