"""A capturing process and a shipping one, started and watched by a third that does neither."""

from __future__ import annotations

import ctypes
import json
import os
import signal
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import fields
from typing import Any

from vonggac.settings import Settings

#: A shipper that ended by itself is started again after so many seconds.
AGAIN_SECONDS = 1.0
LOOK_SECONDS = 0.2
_PR_SET_PDEATHSIG = 1
_libc = ctypes.CDLL(None)


def supervise(
    settings: Settings, capture: Sequence[str], shipping: Sequence[str], token: str, *, quiet: bool
) -> tuple[int, dict[str, Any]]:
    """Runs both until the capture ends and the rest is sent: (exit code, what the shipper counted).

    Signals are handed to the capture, which ends in order; a second one ends the sending too. Killed, this process
    takes the capture with it, and the shipper sends what is left.
    """
    environment = _environment(settings)
    capturing = _start(capture, environment, quiet, stdin=None)
    sending = _start(shipping, environment | {"VONGGAC_TOKEN": token}, quiet)
    asked = 0

    def forward(number: int, _: object) -> None:
        nonlocal asked
        asked += 1
        capturing.send_signal(number)
        if asked > 1:
            sending.terminate()

    before = {number: signal.signal(number, forward) for number in (signal.SIGINT, signal.SIGTERM)}
    total: dict[str, Any] = {}
    try:
        while not _ended(capturing, LOOK_SECONDS):
            if sending.poll() is not None:
                _add(total, _said(sending))
                if not _ended(capturing, AGAIN_SECONDS):
                    sending = _start(shipping, environment | {"VONGGAC_TOKEN": token}, quiet)
        _said(capturing)
        _add(total, _said(sending))
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        for process in (capturing, sending):
            if process.poll() is None:
                process.terminate()
                process.wait()
    seen = capturing.returncode
    code = seen if seen not in (0, 1) else sending.returncode or seen
    return (code if code >= 0 else 128 - code), total


def _start(
    arguments: Sequence[str], environment: dict[str, str], quiet: bool, stdin: int | None = subprocess.PIPE
) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "vonggac", *(["--quiet"] if quiet else []), *arguments]
    parent = os.getpid()

    def with_parent() -> None:
        """In the child: it ends with us, unless it waits for our end by itself."""
        _libc.prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:
            os._exit(0)

    return subprocess.Popen(  # noqa: S603
        command,
        env=environment,
        stdin=stdin,
        stdout=subprocess.PIPE,
        start_new_session=True,
        preexec_fn=None if stdin == subprocess.PIPE else with_parent,
    )


def _ended(process: subprocess.Popen[bytes], seconds: float) -> bool:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired:
        return False
    return True


def _said(process: subprocess.Popen[bytes]) -> dict[str, Any]:
    """What it printed, once it has ended; our end of its standard input is closed first."""
    out, _ = process.communicate()
    said: dict[str, Any] = json.loads(out) if out.startswith(b"{") else {}
    return said


def _add(total: dict[str, Any], said: dict[str, Any]) -> None:
    for name, count in said.items():
        total[name] = total.get(name, 0) + count


def _environment(settings: Settings) -> dict[str, str]:
    """This call's settings, wherever they came from, for another process."""
    given = {
        f"VONGGAC_{field.name.upper()}": str(getattr(settings, field.name))
        for field in fields(Settings)
        if getattr(settings, field.name) != field.default
    }
    return {**os.environ, **given}
