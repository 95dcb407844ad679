"""Real TLS handshakes between Python's own client and server, recorded as turns of (side, bytes)."""

from __future__ import annotations

import shutil
import ssl
import subprocess
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory

import pytest


@cache
def _server_files() -> tuple[str, str]:
    """A self-signed certificate and its key, made anew by openssl."""
    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl command to make a certificate with")
    with TemporaryDirectory() as folder:
        key, certificate = Path(folder, "key.pem"), Path(folder, "cert.pem")
        command = (
            "openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes -days 2 -subj /CN=cong.example.vn"
        )
        subprocess.run([*command.split(), "-keyout", key, "-out", certificate], check=True, capture_output=True)
        return key.read_text(), certificate.read_text()


def handshake(version: ssl.TLSVersion, name: str = "cong.example.vn") -> list[tuple[int, bytes]]:
    """A whole connection of that version, with some application data each way."""
    key, certificate = _server_files()
    with TemporaryDirectory() as folder:
        path = Path(folder, "both.pem")
        path.write_text(key + certificate)
        serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        serving.load_cert_chain(path)
    serving.set_alpn_protocols(["http/1.1"])
    asking = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    asking.check_hostname, asking.verify_mode = False, ssl.CERT_NONE
    asking.minimum_version = asking.maximum_version = version
    asking.set_alpn_protocols(["h2", "http/1.1"])
    wires = (ssl.MemoryBIO(), ssl.MemoryBIO())
    ends = (
        asking.wrap_bio(wires[1], wires[0], server_hostname=name),
        serving.wrap_bio(wires[0], wires[1], server_side=True),
    )
    turns: list[tuple[int, bytes]] = []
    # wires[side] is what that side has written; the other end must see it too, so it is read and written back.
    done = [False, False]
    while not all(done):
        for side in (0, 1):
            try:
                ends[side].do_handshake()
                done[side] = True
            except ssl.SSLWantReadError:
                pass
            _record(turns, wires, side)
    for side in (0, 1):
        ends[side].write(b"du lieu")
        _record(turns, wires, side)
    return turns


def _record(turns: list[tuple[int, bytes]], wires: tuple[ssl.MemoryBIO, ssl.MemoryBIO], side: int) -> None:
    data = wires[side].read()
    if data:
        turns.append((side, data))
        wires[side].write(data)
