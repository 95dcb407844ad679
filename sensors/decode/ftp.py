"""Lines of FTP (RFC 959, RFC 2228, RFC 2428): commands, and where a data connection will be opened."""

from __future__ import annotations

import re
from ipaddress import ip_address
from typing import NamedTuple

#: Commands that move one file, by whether the client sends it (RFC 959 §4.1.3).
TRANSFERS = {"RETR": False, "STOR": True, "STOU": True, "APPE": True}
#: Commands that open a data connection for a listing (RFC 959 §4.1.3, RFC 3659 §7).
LISTINGS = frozenset(("LIST", "NLST", "MLSD"))

_COMMAND = re.compile(rb"([A-Za-z]{3,10})(?:[ \t]+(.*))?", re.S)
_HOST_PORT = re.compile(rb"(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3}),(\d{1,3})")
_EXTENDED = re.compile(rb"(.)([12]?)\1([0-9a-fA-F:.]{0,45})\1(\d{1,5})\1", re.S)


class Endpoint(NamedTuple):
    """Where a data connection is opened to; `address` is None where it is the speaker's own."""

    address: bytes | None
    port: int


def decode_command(line: bytes) -> tuple[str, bytes]:
    """The verb in upper case and its argument; empty where the line is no command. Telnet's signals are skipped."""
    match = _COMMAND.fullmatch(_without_telnet(line).rstrip())
    return (match[1].decode("ascii").upper(), match[2] or b"") if match else ("", b"")


def _without_telnet(line: bytes) -> bytes:
    """Without what Telnet puts before an ABOR (RFC 959 §4.1.3: IP and Synch)."""
    while line[:1] == b"\xff":
        line = line[2:]
    return line


def decode_host_port(text: bytes) -> Endpoint | None:
    """`h1,h2,h3,h4,p1,p2` of a PORT, or in the text of a reply 227."""
    match = _HOST_PORT.search(text)
    if match is None:
        return None
    numbers = [int(part) for part in match.groups()]
    if max(numbers) > 255:
        return None
    return _endpoint(bytes(numbers[:4]), numbers[4] << 8 | numbers[5])


def decode_extended(text: bytes) -> Endpoint | None:
    """`|1|132.235.1.2|6275|` of an EPRT, or `(|||6446|)` in a reply 229 (RFC 2428 §2, §3)."""
    match = _EXTENDED.search(text)
    if match is None:
        return None
    try:
        address = ip_address(match[3].decode("ascii")).packed if match[3] else None
    except ValueError:
        return None
    return _endpoint(address, int(match[4]))


def _endpoint(address: bytes | None, port: int) -> Endpoint | None:
    return Endpoint(address, port) if 0 < port <= 0xFFFF else None
