"""Syslog messages as they come over UDP: RFC 5424, and the older form that RFC 3164 describes."""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.text import wire_text

#: Characters kept of a message, and of each part of its head.
MAX_MESSAGE = 2_048
MAX_PART = 255

FACILITIES = (
    "kernel", "user", "mail", "daemon", "auth", "syslog", "lpr", "news", "uucp", "clock", "authpriv", "ftp", "ntp",
    "log_audit", "log_alert", "cron", "local0", "local1", "local2", "local3", "local4", "local5", "local6", "local7",
)  # fmt: skip
SEVERITIES = ("emergency", "alert", "critical", "error", "warning", "notice", "informational", "debug")

_PRIORITY = re.compile(rb"<(0|[1-9]\d{0,2})>")
_NEW = re.compile(rb"1 (\S{1,64}) (\S{1,255}) (\S{1,48}) (\S{1,128}) (\S{1,32}) ")
_OLD = re.compile(rb"(?:[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d) (\S{1,255}) ([\w./-]{1,64})(?:\[(\d{1,10})\])?: ?")


class Entry(NamedTuple):
    """Parts that the message does not have are empty; `version` is 0 in the older form."""

    priority: int
    version: int
    host: str
    program: str
    process: str
    message_id: str
    message: str


def plausible(data: bytes) -> bool:
    """Whether a datagram is a syslog message: a priority in range, and text behind it."""
    match = _PRIORITY.match(data)
    if match is None or int(match[1]) > 191 or len(data) < match.end() + 2:
        return False
    return not any(octet < 9 or 13 < octet < 27 for octet in data[match.end() : match.end() + 64])


def decode_syslog(data: bytes) -> Entry:
    match = _PRIORITY.match(data)
    if match is None or int(match[1]) > 191:
        raise Undecodable("syslog", 0, "priority")
    rest = data[match.end() :]
    if new := _NEW.match(rest):
        host, program, process, ident = (_part(new[n]) for n in (2, 3, 4, 5))
        return Entry(int(match[1]), 1, host, program, process, ident, wire_text(rest[new.end() :], MAX_MESSAGE))
    if old := _OLD.match(rest):
        message = wire_text(rest[old.end() :], MAX_MESSAGE)
        return Entry(int(match[1]), 0, _part(old[1]), _part(old[2]), _part(old[3] or b""), "", message)
    return Entry(int(match[1]), 0, "", "", "", "", wire_text(rest.strip(), MAX_MESSAGE))


def _part(value: bytes) -> str:
    """A part of the head; `-` stands for none (RFC 5424 §6)."""
    return "" if value == b"-" else wire_text(value, MAX_PART)
