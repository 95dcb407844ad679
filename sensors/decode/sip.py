"""SIP messages (RFC 3261 §7) and what their session descriptions offer (RFC 8866)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.lines import printable

#: The longest head, and the most fields in it; values kept of a field that may repeat; characters of a value.
MAX_HEAD = 16_384
MAX_FIELDS = 256
MAX_VALUES = 16
MAX_VALUE = 1_024
#: The longest body (RFC 3261 sets none).
MAX_BODY = 1 << 24
#: Media lines read of one session description.
MAX_MEDIA = 16

_END = re.compile(rb"\r?\n\r?\n")
_REQUEST = re.compile(rb"([A-Z][A-Z!%*_+`'~.-]{1,31}) ([^ \r\n]{1,4096}) SIP/(\d\.\d)\r?")
_RESPONSE = re.compile(rb"SIP/(\d\.\d) ([1-6]\d\d)(?: ([^\r\n]*))?\r?")
#: RFC 3261 §7.3.3 and its extensions.
_COMPACT = {
    "i": "call-id", "m": "contact", "e": "content-encoding", "l": "content-length", "c": "content-type", "f": "from",
    "s": "subject", "k": "supported", "t": "to", "v": "via", "o": "event", "r": "refer-to",
}  # fmt: skip


class Message(NamedTuple):
    """A request (`code` is 0) or a response (`method` and `uri` are empty)."""

    method: str
    uri: str
    version: str
    code: int
    reason: str
    line: str
    fields: dict[str, list[str]]  # by lower-case full names
    size: int  # of the head, with the empty line

    def first(self, name: str) -> str | None:
        values = self.fields.get(name)
        return values[0] if values else None

    @property
    def length(self) -> int | None:
        """Content-Length, or None. Raises Undecodable for one that is no number or no body's."""
        text = self.first("content-length")
        if text is None:
            return None
        if not (text.isascii() and text.isdigit() and len(text) < 10) or int(text) > MAX_BODY:
            raise Undecodable("sip", 0, "content_length")
        return int(text)


def begins_message(data: bytes) -> bool:
    """Whether the first line is one of SIP."""
    line = data[:4_300].partition(b"\n")[0]
    return b"\n" in data[:4_300] and (_REQUEST.fullmatch(line) or _RESPONSE.fullmatch(line)) is not None


def decode_message(data: bytes | bytearray) -> Message | None:
    """The head at the beginning of these bytes, or None while it is not all there."""
    end = _END.search(data, 0, MAX_HEAD)
    if end is None:
        if len(data) > MAX_HEAD:
            raise Undecodable("sip", MAX_HEAD, "head_length")
        return None
    first, *rest = bytes(data[: end.start()]).split(b"\n")
    fields = _fields(rest)
    line = printable(first.rstrip(), MAX_VALUE)
    if match := _REQUEST.fullmatch(first):
        method, uri, version = (printable(part, MAX_VALUE) for part in match.groups())
        return Message(method, uri, version, 0, "", line, fields, end.end())
    if match := _RESPONSE.fullmatch(first):
        version, reason = printable(match[1]), printable(match[3] or b"", MAX_VALUE)
        return Message("", "", version, int(match[2]), reason, line, fields, end.end())
    raise Undecodable("sip", 0, "start_line")


def _fields(lines: list[bytes]) -> dict[str, list[str]]:
    if len(lines) > MAX_FIELDS:
        raise Undecodable("sip", 0, "too_many_fields")
    fields: dict[str, list[str]] = {}
    last: list[str] = []
    for line in lines:
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if line[:1] in (b" ", b"\t") and last:
            last[-1] = f"{last[-1]} {printable(line.strip(), MAX_VALUE)}"[:MAX_VALUE]
        elif colon:
            full = printable(name.strip(), 64).lower()
            last = fields.setdefault(_COMPACT.get(full, full), [])
            if len(last) < MAX_VALUES:
                last.append(printable(value.strip(), MAX_VALUE))
    return fields


class Description(NamedTuple):
    """Of a session: who made it, for what, over which address, with which media."""

    origin: str | None
    name: str | None
    connection: str | None
    media: tuple[str, ...]


def decode_description(body: bytes) -> Description | None:
    """A session description; None where the body is none."""
    if not body.startswith(b"v=0"):
        return None
    found: dict[bytes, str] = {}
    media: list[str] = []
    for line in body[:16_384].splitlines():
        kind, text = line[:2], printable(line[2:], MAX_VALUE)
        if kind == b"m=" and len(media) < MAX_MEDIA:
            media.append(text)
        elif kind in (b"o=", b"s=", b"c="):
            found.setdefault(kind, text)
    return Description(found.get(b"o="), found.get(b"s="), found.get(b"c="), tuple(media))
