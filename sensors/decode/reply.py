"""Replies of three digits, as SMTP and FTP servers give them (RFC 5321 §4.2, RFC 959 §4.2)."""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.lines import printable

#: Lines kept of one reply, and characters of each.
MAX_LINES = 64
MAX_LINE_TEXT = 512

_LINE = re.compile(rb"([1-9]\d\d)(?:([ -])(.*))?", re.S)


class Reply(NamedTuple):
    code: int
    lines: tuple[str, ...]  # without the code

    @property
    def preliminary(self) -> bool:
        """Another reply to the same command follows (RFC 959 §4.2, first digit 1)."""
        return self.code < 200

    @property
    def accepted(self) -> bool:
        return 200 <= self.code < 400

    @property
    def text(self) -> str:
        return self.lines[-1] if self.lines else ""


class Replies:
    """Puts the lines of one server's replies together."""

    __slots__ = ("_code", "_layer", "_lines", "_lost")

    def __init__(self, layer: str) -> None:
        self._layer = layer
        self._code = b""  # of the reply that is open
        self._lines: list[str] = []
        self._lost = False

    def line(self, line: bytes) -> Reply | None:
        """The reply that this line ends. Raises Undecodable for a line that belongs to none."""
        match = _LINE.fullmatch(line)
        if self._code:
            same = match is not None and match[1] == self._code
            self._keep((match[3] or b"") if match is not None and same else line)
            return self._end() if match is not None and same and match[2] != b"-" else None
        if match is None:
            if not line.strip() or self._lost:
                return None
            raise Undecodable(self._layer, 0, "reply_line")
        self._lost = False
        self._code = match[1]
        self._keep(match[3] or b"")
        return None if match[2] == b"-" else self._end()

    def lose(self) -> None:
        """Bytes are missing: what follows is taken up at the next line that begins a reply."""
        self._code, self._lines, self._lost = b"", [], True

    def _keep(self, text: bytes) -> None:
        if len(self._lines) < MAX_LINES:
            self._lines.append(printable(text.strip(), MAX_LINE_TEXT))

    def _end(self) -> Reply:
        reply = Reply(int(self._code), tuple(self._lines))
        self._code, self._lines = b"", []
        return reply
