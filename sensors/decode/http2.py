"""HTTP/2 frames (RFC 9113 §4, §6) and the heads that their header lists stand for (§8.3)."""

from __future__ import annotations

from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.http import MAX_FIELDS, MAX_TEXT, Head, header_text

PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
#: Octets of a frame's header, and of the longest frame that is read whole; DATA is read as it comes.
HEADER = 9
MAX_FRAME = 65_536

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, PADDED, PRIORITY_FLAG = 0x1, 0x4, 0x8, 0x20


class Frame(NamedTuple):
    size: int
    kind: int
    flags: int
    stream: int


def frame_header(data: bytes | bytearray) -> Frame:
    """The nine octets before a frame's payload."""
    return Frame(int.from_bytes(data[:3]), data[3], data[4], int.from_bytes(data[5:9]) & 0x7FFFFFFF)


def begins_server(data: bytes) -> bool:
    """Whether these bytes are the SETTINGS frame with which a server begins (RFC 9113 §3.4)."""
    if len(data) < HEADER or data[3:HEADER] != bytes((SETTINGS, 0, 0, 0, 0, 0)):
        return False
    size = int.from_bytes(data[:3])
    if size % 6 or size > 120:
        return False
    return all(data[at : at + 1] in (b"", b"\0") for at in range(HEADER, HEADER + size, 6))


def unpadded(payload: bytes, frame: Frame) -> bytes:
    """The payload without padding and priority fields (RFC 9113 §6.1, §6.2)."""
    end = len(payload)
    begin = 0
    if frame.flags & PADDED:
        if not payload or payload[0] >= end:
            raise Undecodable("http2", 0, "padding")
        begin, end = 1, end - payload[0]
    if frame.kind == HEADERS and frame.flags & PRIORITY_FLAG:
        begin += 5
    if begin > end:
        raise Undecodable("http2", 0, "frame_length")
    return payload[begin:end]


def head_of(fields: list[tuple[bytes, bytes]]) -> Head:
    """The head that a header list stands for: `:authority` is the Host, cookies are joined (RFC 9113 §8.2.3, §8.3)."""
    pseudo: dict[bytes, bytes] = {}
    plain: dict[str, str] = {}
    for name, value in fields:
        if name.startswith(b":"):
            pseudo.setdefault(name, value)
        elif len(plain) < MAX_FIELDS:
            key, text = header_text(name).lower(), header_text(value)
            joined = "; " if key == "cookie" else ", "
            plain[key] = f"{plain[key]}{joined}{text}"[:MAX_TEXT] if key in plain else text
    if b":status" in pseudo:
        status = pseudo[b":status"]
        if len(status) != 3 or not status.isdigit():
            raise Undecodable("http2", 0, "status")
        return Head("", "", "2", int(status), plain, 0)
    authority = header_text(pseudo.get(b":authority", b""))
    if authority:
        plain["host"] = authority
    method = header_text(pseudo.get(b":method", b""))
    target = header_text(pseudo.get(b":path", b"")) or authority
    return Head(method, target, "2", 0, plain, 0)
