"""Protocols of lines and of small machines: mail, FTP, RFB."""

from __future__ import annotations

import re

from sensors.talks.known import NOTHING, Verdict

_LABELS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"220[ -][^\r\n]*(?:SMTP|[Mm]ail)"), "smtp"),
    (re.compile(rb"(?:EHLO|HELO) [^\r\n]+\r\n"), "smtp"),
    (re.compile(rb"220[ -][^\r\n]*(?:FTP|ftp|Ftp)"), "ftp"),
    (re.compile(rb"USER [^\r\n]+\r\n"), "ftp"),
    (re.compile(rb"\+OK[ \r]"), "pop3"),
    (re.compile(rb"\* OK[ \[]"), "imap"),
    (re.compile(rb"RFB 00\d\.00\d\n"), "rfb"),
)


def stream(data: bytes, side: int) -> Verdict:
    for pattern, label in _LABELS:
        if pattern.match(data):
            return Verdict(label=label)
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    return NOTHING
