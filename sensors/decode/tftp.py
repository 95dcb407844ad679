"""TFTP requests with their options (RFC 1350 §5, RFC 2347)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.text import wire_text

#: Characters of a file's name, and options read of one request.
MAX_NAME = 512
MAX_OPTIONS = 8

_REQUEST = re.compile(rb"\0[\1\2]([\x20-\x7e\x80-\xff]{1,512})\0(netascii|octet|mail)\0", re.I)


class Request(NamedTuple):
    writes: bool
    file: str
    mode: str
    options: dict[str, str]


def decode_request(data: bytes) -> Request | None:
    """A read or write request; None for any other packet."""
    match = _REQUEST.match(data)
    if match is None:
        return None
    parts = data[match.end() :].split(b"\0", 2 * MAX_OPTIONS)
    names, values = parts[0:-1:2], parts[1::2]
    options = {
        wire_text(name, 32).lower(): wire_text(value, 32) for name, value in zip(names, values, strict=False) if name
    }
    return Request(data[1] == 2, wire_text(match[1], MAX_NAME), match[2].decode("ascii").lower(), options)
