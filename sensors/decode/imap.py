"""Lines of IMAP (RFC 9051, RFC 3501): commands, responses, and the literals that interrupt them."""

from __future__ import annotations

import re
from typing import NamedTuple

#: The largest literal that is taken for one (RFC 9051 §4.3: 63 bits); larger numbers are text.
MAX_LITERAL = 1 << 40

_LITERAL = re.compile(rb"~?\{(\d{1,19})([+-]?)\}$")
_COMMAND = re.compile(
    rb"([!#$&',./0-9:;<=>?@A-Z\[\]^_`a-z|}~-]{1,64}) ((?:UID )?[A-Za-z]{2,16})(?: (.*))?", re.S | re.I
)
_TAGGED = re.compile(rb"([!-~]{1,64}) (OK|NO|BAD)(?: (.*))?", re.S | re.I)
_GREETING = re.compile(rb"\* (OK|PREAUTH|BYE)(?: (.*))?", re.S | re.I)
_WORD = re.compile(rb'\s*(?:"((?:[^"\\]|\\.)*)(?:"|$)|([^\s"]+))')
_WHOLE = re.compile(rb"(?:BODY\[\](?:<0>)?|RFC822|BINARY\[\])\s*$", re.I)
_HEADER = re.compile(rb"(?:BODY\[HEADER[^\]]{0,2048}\](?:<0>)?|RFC822\.HEADER)\s*$", re.I)


class ImapCommand(NamedTuple):
    tag: str
    verb: str  # upper case; with UID where the numbers are those
    argument: bytes


def literal_size(line: bytes) -> int | None:
    """The bytes of the literal that follows this line; None where the line ends."""
    match = _LITERAL.search(line[-32:])
    return int(match[1]) if match is not None and int(match[1]) <= MAX_LITERAL else None


def without_literal(line: bytes) -> bytes:
    """The line before the announcement of its literal."""
    match = _LITERAL.search(line[-32:])
    return line[: len(line) - len(match[0])] if match else line


def decode_command(line: bytes) -> ImapCommand | None:
    match = _COMMAND.fullmatch(line)
    if match is None:
        return None
    return ImapCommand(match[1].decode("ascii"), match[2].decode("ascii").upper(), match[3] or b"")


def decode_status(line: bytes) -> tuple[str, str, bytes] | None:
    """Tag, status and text of the response that ends a command; the tag is `*` in a greeting or a farewell."""
    match = _TAGGED.fullmatch(line)
    if match is not None:
        return match[1].decode("ascii"), match[2].decode("ascii").upper(), match[3] or b""
    match = _GREETING.fullmatch(line)
    return ("*", match[1].decode("ascii").upper(), match[2] or b"") if match else None


def first_word(argument: bytes) -> bytes:
    """The first atom or quoted string."""
    match = _WORD.match(argument)
    if match is None:
        return b""
    return re.sub(rb"\\(.)", rb"\1", match[1]) if match[1] is not None else match[2]


def quoted(data: bytes) -> bytes:
    """A literal written as a quoted string."""
    return b'"' + data.replace(b"\\", b"\\\\").replace(b'"', b'\\"') + b'"'


def literal_holds(before: bytes) -> str:
    """What of a message a literal of a FETCH response holds: `message`, `header` or nothing that is read."""
    tail = before[-2_100:]  # a list of header fields may be long
    if _WHOLE.search(tail):
        return "message"
    return "header" if _HEADER.search(tail) else ""
