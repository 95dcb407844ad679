"""Protocols of lines: a stream cut at its line ends, and text that is fit to be shown."""

from __future__ import annotations

import base64
import binascii
import re

from vonggac.domain.text import nfc

#: Bytes kept of one line (RFC 5321 §4.5.3.1 allows 512 to 1000; servers allow more); the rest of it is dropped.
MAX_LINE = 8_192
#: Characters kept of one text.
MAX_TEXT = 1_024

_UNFIT = re.compile("[\x00-\x1f\x7f-\x9f\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff\ud800-\udfff]")


def fit(text: str, limit: int = MAX_TEXT) -> str:
    """The text in NFC without control and direction characters, which are shown as escapes; at most `limit` long."""
    text = text[:limit]
    if text.isascii() and text.isprintable():
        return text
    return nfc(_UNFIT.sub(_escape, text))[:limit]


def printable(data: bytes | bytearray, limit: int = MAX_TEXT) -> str:
    """Bytes as text that can be shown: UTF-8 where it is that, escapes for all other bytes."""
    return fit(bytes(data[: 4 * limit]).decode("utf-8", "backslashreplace"), limit)


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"


class Lines:
    """One direction of a stream, taken line by line; what is counted and not in lines can be taken in between."""

    __slots__ = ("_buffer", "_cut", "_limit", "_looked")

    def __init__(self, limit: int = MAX_LINE) -> None:
        self._buffer = bytearray()
        self._limit = limit
        self._looked = 0  # so many bytes of the buffer hold no line end
        self._cut: bytes | None = None  # the beginning of a line that is longer than the limit

    def __len__(self) -> int:
        return len(self._buffer)

    def add(self, data: bytes) -> None:
        self._buffer += data

    def line(self) -> bytes | None:
        """The next line without its end (LF, or CR LF), cut at the limit; None while it is not all there."""
        end = self._buffer.find(b"\n", self._looked)
        if end < 0:
            self._looked = len(self._buffer)
            if self._looked > self._limit:
                if self._cut is None:
                    self._cut = bytes(self._buffer[: self._limit])
                self.clear(keep_cut=True)
            return None
        line = self._cut if self._cut is not None else bytes(self._buffer[: min(end, self._limit)]).rstrip(b"\r")
        self._cut = None
        self._looked = 0
        del self._buffer[: end + 1]
        return line

    def peek(self, size: int) -> bytes:
        """The first bytes, which stay."""
        return bytes(self._buffer[:size])

    def take(self, size: int) -> bytes:
        """At most so many bytes, whatever they are."""
        taken = bytes(self._buffer[:size])
        del self._buffer[:size]
        self._looked = 0
        return taken

    def rest(self) -> bytes:
        """Everything that is there."""
        return self.take(len(self._buffer))

    def clear(self, *, keep_cut: bool = False) -> None:
        """Forget what is there: bytes are missing, and the line they were of is lost."""
        self._buffer.clear()
        self._looked = 0
        if not keep_cut:
            self._cut = None


def begins_tls(lines: Lines) -> bool:
    """Whether a TLS handshake stands where a line should: what agreed to it was not seen (RFC 8446 §5.1)."""
    return lines.peek(2) == b"\x16\x03"


class Dotted:
    """Takes the dots off a text that a line of one dot ends (RFC 5321 §4.5.2, RFC 1939 §3). Lines may end in LF."""

    __slots__ = ("_held", "_skip")

    _END = re.compile(rb"\n\.\r?\n")

    def __init__(self) -> None:
        self._held = b"\n"  # as if a line had just ended
        self._skip = 1

    def feed(self, data: bytes) -> tuple[bytes, bytes | None]:
        """The text in these bytes, and what follows its end; None while it has not ended."""
        data = self._held + data
        end = self._END.search(data)
        if end is not None:
            return self._plain(data[: end.start() + 1]), data[end.end() :]
        keep = next((size for size in (3, 2, 1) if size <= len(data) and b"\n.\r".startswith(data[-size:])), 0)
        self._held = data[len(data) - keep :]
        return self._plain(data[: len(data) - keep]), None

    def lose(self) -> bytes:
        """Bytes are missing: what was held back is text, and what comes may be the middle of a line."""
        held, self._held = self._plain(self._held), b""
        return held

    def _plain(self, data: bytes) -> bytes:
        plain = data.replace(b"\n.", b"\n")
        if self._skip and plain:
            plain, self._skip = plain[1:], 0
        return plain


def base64_text(data: bytes) -> bytes | None:
    """The bytes that one base64 text stands for; None where it is none."""
    try:
        return base64.b64decode(data.strip(), validate=True)
    except (binascii.Error, ValueError):
        return None
