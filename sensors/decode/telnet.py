"""Telnet's commands among its text (RFC 854, RFC 855), and the options that tell of a terminal."""

from __future__ import annotations

from typing import NamedTuple

from sensors.decode.lines import printable

#: Bytes kept of one subnegotiation; the rest of it is dropped.
MAX_SUBNEGOTIATION = 2_048

IAC, DONT, DO, WONT, WILL, SB, SE = 255, 254, 253, 252, 251, 250, 240

OPTIONS = {
    0: "binary", 1: "echo", 3: "suppress-go-ahead", 5: "status", 6: "timing-mark", 24: "terminal-type",
    31: "window-size", 32: "terminal-speed", 33: "remote-flow-control", 34: "linemode", 35: "x-display-location",
    36: "environment", 37: "authentication", 38: "encryption", 39: "new-environment", 42: "charset", 44: "com-port",
    46: "start-tls",
}  # fmt: skip


class Option(NamedTuple):
    """A negotiation (`verb` is will, wont, do or dont) or, with the verb `sb`, what was said on an option."""

    verb: str
    number: int
    data: bytes = b""

    @property
    def name(self) -> str:
        return OPTIONS.get(self.number, str(self.number))


_VERBS = {DONT: "dont", DO: "do", WONT: "wont", WILL: "will"}


class Commands:
    """Takes the commands off one direction; what is left is text."""

    __slots__ = ("_buffer", "_data", "_state")

    def __init__(self) -> None:
        self._state = 0  # 0 text, IAC, a verb, SB, SE (an IAC inside a subnegotiation), 1 (the option of one)
        self._data = bytearray()
        self._buffer = bytearray()

    def feed(self, data: bytes) -> tuple[bytes, list[Option]]:
        """The text and the options in these bytes."""
        if not self._state and IAC not in data:
            return data, []
        text, options = self._buffer, []
        text.clear()
        for byte in data:
            state = self._state
            if not state:
                if byte == IAC:
                    self._state = IAC
                else:
                    text.append(byte)
            elif state == IAC:
                if byte == IAC:
                    text.append(byte)
                self._state = byte if byte in _VERBS or byte == SB else 0
                self._data.clear()
            elif state in _VERBS:
                options.append(Option(_VERBS[state], byte))
                self._state = 0
            elif state == SE:
                if byte == SE:
                    if self._data:
                        options.append(Option("sb", self._data[0], bytes(self._data[1:])))
                    self._state = 0
                else:
                    self._state = SB
                    self._keep(byte)
            elif byte == IAC:
                self._state = SE
            else:
                self._keep(byte)
        return bytes(text), options

    def _keep(self, byte: int) -> None:
        if len(self._data) < MAX_SUBNEGOTIATION:
            self._data.append(byte)


def terminal(data: bytes) -> str | None:
    """The text that an IS brings (RFC 1091, RFC 1079, RFC 1096)."""
    return printable(data[1:], 128) or None if data[:1] == b"\0" else None


def window(data: bytes) -> tuple[int, int] | None:
    """Columns and rows (RFC 1073)."""
    return (int.from_bytes(data[:2]), int.from_bytes(data[2:4])) if len(data) == 4 else None


def environment(data: bytes) -> dict[str, str]:
    """The variables that an IS or INFO brings (RFC 1572 §2): VAR or USERVAR, name, VALUE, text; ESC escapes a byte."""
    found: dict[str, str] = {}
    if data[:1] not in (b"\0", b"\2"):
        return found
    names: list[bytearray] = []
    values: list[bytearray | None] = []
    plain = False
    for byte in data[1:]:
        if plain or byte > 3:
            plain = False
            if names:
                target = values[-1]
                (names[-1] if target is None else target).append(byte)
        elif byte == 2:
            plain = True
        elif byte == 1 and names:
            values[-1] = bytearray()
        elif byte in (0, 3):
            names.append(bytearray())
            values.append(None)
    for name, value in zip(names[:32], values, strict=False):
        if name and value is not None:
            found[printable(name, 64)] = printable(value, 256)
    return found
