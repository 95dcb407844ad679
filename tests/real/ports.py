"""Loopback ports and servers that answer, for tests that cross a socket."""

from __future__ import annotations

import socket
import subprocess
import time


def free_port() -> int:
    """A loopback port that nothing listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def wait_for_port(port: int, process: subprocess.Popen[bytes] | None = None, seconds: float = 30.0) -> None:
    """Returns when somebody listens there. Raises AssertionError when nobody does in time or the process has ended."""
    until = time.monotonic() + seconds
    while time.monotonic() < until:
        if process is not None and process.poll() is not None:
            break
        with socket.socket() as probe:
            probe.settimeout(0.2)
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.05)  # between two looks at a port that will open; bounded by `until`
    raise AssertionError(f"nothing listens on port {port}")
