"""Which protocol a payload speaks, told from its content and never from its port alone."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import NamedTuple

from sensors.decode.dns import plausible
from sensors.talks.talk import Talk


class Verdict(NamedTuple):
    """A talk to hand the bytes to, or only a name; `hopeless` when these bytes begin nothing we know."""

    talk: Callable[[], Talk] | None = None
    label: str = ""
    hopeless: bool = False


_MORE = Verdict()
_NOTHING = Verdict(hopeless=True)
_METHOD = re.compile(rb"[A-Z][A-Z_-]{1,23} ")
_REQUEST = re.compile(rb"[A-Z][A-Z_-]{1,23} [^\r\n]{1,8000} HTTP/1\.[01]\r?\n")
_HTTP_METHODS = frozenset(
    b"GET POST HEAD PUT DELETE OPTIONS PATCH CONNECT TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT "
    b"SEARCH".split()
)

#: Protocols that are named but not read yet: the first bytes of a side, and the name.
_LABELS: tuple[tuple[re.Pattern[bytes], str], ...] = (
    (re.compile(rb"\0...[\xfe\xff]SMB", re.S), "smb"),
    (re.compile(rb"\x81\0\0.\x20", re.S), "smb"),  # NetBIOS session request, RFC 1002 §4.3.2
    (re.compile(rb"\x03\0..[\x02-\xff][\xe0\xd0]\0\0..\0", re.S), "rdp"),  # TPKT with an X.224 connection request
    (re.compile(rb"220[ -][^\r\n]*(?:SMTP|[Mm]ail)"), "smtp"),
    (re.compile(rb"(?:EHLO|HELO) [^\r\n]+\r\n"), "smtp"),
    (re.compile(rb"220[ -][^\r\n]*(?:FTP|ftp|Ftp)"), "ftp"),
    (re.compile(rb"USER [^\r\n]+\r\n"), "ftp"),
    (re.compile(rb"\+OK[ \r]"), "pop3"),
    (re.compile(rb"\* OK[ \[]"), "imap"),
    (re.compile(rb"RFB 00\d\.00\d\n"), "rfb"),
    (re.compile(rb"\x05\0\x0b[\0-\x0f]\x10\0\0\0"), "dcerpc"),
)


def recognise_stream(data: bytes, side: int) -> Verdict:
    """The verdict over the first bytes of one side of a TCP connection."""
    if not data:
        return _MORE
    first = data[0]
    if first == 0x16:
        if len(data) < 6:
            return _MORE
        if data[1] == 3 and data[2] <= 4 and data[5] in (1, 2):
            from sensors.talks.tls import TlsTalk

            return Verdict(TlsTalk)
    if data.startswith(b"SSH-"):
        from sensors.talks.ssh import SshTalk

        return Verdict(SshTalk)
    if b"SSH-".startswith(data[:4]) or b"HTTP/1.".startswith(data[:7]):
        return _MORE
    if data.startswith(b"HTTP/1.") or _is_request(data):
        from sensors.talks.http import HttpTalk

        return Verdict(HttpTalk)
    for pattern, label in _LABELS:
        if pattern.match(data):
            return Verdict(label=label)
    if len(data) >= 14 and data[0] < 0x40:
        size = data[0] << 8 | data[1]
        if size >= 17 and len(data) >= size + 2 and plausible(data[2 : size + 2]):
            from sensors.talks.dns import DnsTalk

            return Verdict(lambda: DnsTalk(stream=True))
        if size >= 17 and len(data) < size + 2 and data[6:8] == b"\0\1":
            return _MORE  # a DNS message cut between segments: one question, RFC 1035 §4.2.2
    return _MORE if len(data) < 8 or (_METHOD.match(data) and b"\n" not in data) else _NOTHING


def recognise_datagram(data: bytes, sport: int, dport: int) -> Verdict:
    """The verdict over one UDP payload. The DNS ports only lower the bar: what breaks there is an anomaly."""
    on_dns_port = not {sport, dport}.isdisjoint((53, 5353, 5355))
    if on_dns_port or plausible(data):
        from sensors.talks.dns import DnsTalk

        return Verdict(lambda: DnsTalk(stream=False))
    if len(data) >= 1200 and data[0] & 0xC0 == 0xC0 and data[1:5] in (b"\0\0\0\1", b"\x6b\x33\x43\xcf"):
        return Verdict(label="quic")  # a long header of RFC 9000 or RFC 9369 in a full-size datagram
    if len(data) >= 240 and data[236:240] == b"\x63\x82\x53\x63":
        return Verdict(label="dhcp")  # the magic cookie of RFC 2131 §3
    if len(data) == 48 and 123 in (sport, dport) and data[0] & 7 in range(1, 6):
        return Verdict(label="ntp")
    return _NOTHING


def _is_request(data: bytes) -> bool:
    match = _METHOD.match(data)
    if match is None:
        return False
    return match[0][:-1] in _HTTP_METHODS or _REQUEST.match(data) is not None
