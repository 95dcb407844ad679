"""Heads of HTTP/1.x messages (RFC 9112 §2 to §6) and what is worth knowing of a body's first bytes.

Lenient as servers are: lone LF, odd spaces and unknown methods pass; what cannot be split is Undecodable.
"""

from __future__ import annotations

import html
import re
import zlib
from typing import NamedTuple
from urllib.parse import unquote_plus

from sensors.decode.fault import Undecodable
from vonggac.domain.text import nfc

#: The longest head (start line and fields), the most fields in it, and the longest text kept of one value.
MAX_HEAD = 65_536
MAX_FIELDS = 256
MAX_TEXT = 8_192
#: Characters kept of a title and of a reason phrase; bytes shown of a body.
MAX_TITLE = 200
MAX_REASON = 200
MAX_SAMPLE = 512
#: Bytes a compressed body's beginning may grow to when it is looked into.
_MAX_INFLATED = 65_536

_END = re.compile(rb"\r?\n\r?\n")
_TOKEN = re.compile(rb"[!#$%&'*+.^_`|~0-9A-Za-z-]{1,64}")
_TITLE = re.compile(r"<title[^>]{0,256}>(.{0,4096}?)</title", re.I | re.S)
#: Charsets of text that a body may name; Python knows others under such names (idna, unicode_escape) that are not text.
_CHARSET = re.compile(
    r"charset\s*=\s*[\"']?(utf-?8|utf-16(?:le|be)?|us-ascii|iso-8859-(?:[1-9]|1[013-6])|windows-125[0-8]|gb(?:k|2312|18030)"
    r"|big5|shift_jis|euc-(?:jp|kr)|koi8-[ru])(?![\w-])",
    re.I,
)
_CONTROL = re.compile(r"[\x00-\x1f\x7f]+")


class Head(NamedTuple):
    """A request's head (`status` is 0) or a response's (`method` and `target` are empty)."""

    method: str
    target: str
    version: str
    status: int
    fields: dict[str, str]  # lower-case names; repeated ones joined with ", "
    size: int  # bytes, with the empty line
    reason: str = ""  # a response's words for its status

    @property
    def length(self) -> int | None:
        """`Content-Length`, or None. Raises Undecodable for one that is no number (RFC 9112 §6.3)."""
        text = self.fields.get("content-length")
        if text is None:
            return None
        values = {part.strip() for part in text.split(",")}
        value = values.pop()
        if values or not value.isascii() or not value.isdigit() or len(value) > 18:
            raise Undecodable("http", 0, "content_length")
        return int(value)

    @property
    def chunked(self) -> bool:
        return "chunked" in self.fields.get("transfer-encoding", "").lower()


def decode_head(buffer: bytes | bytearray, looked: int = 0) -> Head | None:
    """The head at the beginning of the buffer, or None while it is not all there; its end is not in `looked` bytes."""
    end = _END.search(buffer, max(0, looked - 3))
    if end is None:
        if len(buffer) > MAX_HEAD:
            raise Undecodable("http", MAX_HEAD, "head_length")
        return None
    lines = bytes(buffer[: end.start()]).split(b"\n")
    start = lines[0].rstrip(b"\r")
    fields = _fields(lines[1:])
    if start.startswith(b"HTTP/"):
        version, _, rest = start[5:].partition(b" ")
        status = rest.strip()[:3]
        if not status.isdigit():
            raise Undecodable("http", 9, "status_line")
        reason = header_text(rest.strip()[4:].strip())[:MAX_REASON]
        return Head("", "", header_text(version), int(status), fields, end.end(), reason)
    method, _, rest = start.partition(b" ")
    target, space, version = rest.rpartition(b" HTTP/")
    if not space:
        target, version = rest, b"0.9"
    if _TOKEN.fullmatch(method) is None or not target.strip():
        raise Undecodable("http", 0, "request_line")
    return Head(header_text(method), header_text(target.strip()), header_text(version.strip()), 0, fields, end.end())


def _fields(lines: list[bytes]) -> dict[str, str]:
    if len(lines) > MAX_FIELDS:
        raise Undecodable("http", 0, "too_many_fields")
    fields: dict[str, str] = {}
    last = ""
    for line in lines:
        name, colon, value = line.rstrip(b"\r").partition(b":")
        if line[:1] in (b" ", b"\t") and last:  # an obsolete folded line belongs to the field before it
            fields[last] = f"{fields[last]} {header_text(line.strip())}"[:MAX_TEXT]
        elif colon:
            last = header_text(name.strip()).lower()
            text = header_text(value.strip())
            fields[last] = f"{fields[last]}, {text}"[:MAX_TEXT] if last in fields else text
    return fields


def header_text(data: bytes) -> str:
    """A name or value as it was sent, capped."""
    return data[:MAX_TEXT].decode("utf-8", "backslashreplace")


class Target(NamedTuple):
    """A request target with its Host: ECS's parts of a URL."""

    domain: str
    port: int | None
    path: str
    query: str | None


def split_target(method: str, target: str, host: str) -> Target:
    """The parts, from any of the four forms of RFC 9112 §3.2. Nothing is decoded; what does not split stays a path."""
    rest = target
    if method == "CONNECT":
        host, rest = target, ""
    elif match := re.match(r"[A-Za-z][A-Za-z0-9+.-]{0,20}://([^/?#]*)", target):
        host, rest = match[1] or host, target[match.end() :]
    name, port = _host(host.rpartition("@")[2])
    path, mark, query = rest.partition("?")
    return Target(name, port, path, query.partition("#")[0] if mark else None)


def _host(text: str) -> tuple[str, int | None]:
    """`name:port`, `[v6]:port` or either without a port."""
    match = re.fullmatch(r"\[([^\]]*)\](?::(\d{1,5}))?|([^:]*)(?::(\d{1,5}))?", text.strip())
    if match is None:
        return text.strip().lower(), None
    port = match[2] or match[4]
    return (match[1] or match[3] or "").lower().rstrip("."), int(port) if port else None


def percent_decoded(text: str) -> str:
    """What the target or form means to the server: %XX and + undone once."""
    return unquote_plus(text, errors="backslashreplace")


def text_sample(data: bytes, content_type: str, encoding: str = "") -> str:
    """The first bytes of a body as text: decompressed where its encoding is gzip or deflate, in its charset."""
    if encoding:
        data = _inflated(data, encoding)
    match = _CHARSET.search(content_type)
    return data.decode(match[1] if match else "utf-8", "replace")


def _inflated(data: bytes, encoding: str) -> bytes:
    """The beginning of a gzip or deflate body; empty where it is neither."""
    for bits in {"gzip": (47,), "x-gzip": (47,), "deflate": (15, -15)}.get(encoding.strip().lower(), ()):
        try:
            return zlib.decompressobj(bits).decompress(data, _MAX_INFLATED)
        except zlib.error:
            continue
    return b""


def page_title(text: str) -> str | None:
    """The text of the first <title>, in NFC and on one line."""
    match = _TITLE.search(text)
    if match is None:
        return None
    return nfc(" ".join(_CONTROL.sub(" ", html.unescape(match[1])).split()))[:MAX_TITLE] or None
