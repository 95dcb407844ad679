"""TLS, SSH, HTTP of all versions over TCP, and DNS."""

from __future__ import annotations

import re

from sensors.decode.dns import plausible
from sensors.talks.known import MORE, NOTHING, Verdict

_METHOD = re.compile(rb"[A-Z][A-Z_-]{1,23} ")
_REQUEST = re.compile(rb"[A-Z][A-Z_-]{1,23} [^\r\n]{1,8000} HTTP/1\.[01]\r?\n")
_HTTP_METHODS = frozenset(
    b"GET POST HEAD PUT DELETE OPTIONS PATCH CONNECT TRACE PROPFIND PROPPATCH MKCOL COPY MOVE LOCK UNLOCK REPORT "
    b"SEARCH".split()
)
_DNS_PORTS = {53: "dns", 5353: "mdns", 5355: "llmnr"}
#: RFC 9113 §3.4.
_PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
_ENOUGH = 14  # bytes of it, that nothing else begins with


def stream(data: bytes, side: int) -> Verdict:
    if data[0] in (0x16, 0x17):
        return _tls(data)
    if data.startswith(b"SSH-"):
        from sensors.talks.ssh import SshTalk

        return Verdict(SshTalk)
    if b"SSH-".startswith(data[:4]) or b"HTTP/1.".startswith(data[:7]):
        return MORE
    if data[0] == _PREFACE[0] and _PREFACE.startswith(data[: len(_PREFACE)]):
        return _http2() if len(data) >= _ENOUGH else MORE
    if data.startswith(b"HTTP/1.") or _is_request(data):
        from sensors.talks.http import HttpTalk

        return Verdict(HttpTalk)
    if side == 1 and data[0] == 0 and data[3:9] == b"\4\0\0\0\0\0":
        from sensors.decode.http2 import begins_server

        if begins_server(data):
            return _http2()
    if len(data) >= 14 and data[0] < 0x40:
        return _dns(data)
    return MORE if len(data) < 8 or (_METHOD.match(data) and b"\n" not in data) else NOTHING


def _tls(data: bytes) -> Verdict:
    if data[0] == 0x16:
        if len(data) < 6:
            return MORE
        if data[1] == 3 and data[2] <= 4 and data[5] in (1, 2):
            from sensors.talks.tls import TlsTalk

            return Verdict(TlsTalk)
    # Application data is a connection in its middle: it can be named, but nothing of it read.
    return Verdict(label="tls") if data[0] == 0x17 and _sealed_records(data) else NOTHING


def _dns(data: bytes) -> Verdict:
    """A message behind its length; one that is cut between segments has one question (RFC 1035 §4.2.2)."""
    size = data[0] << 8 | data[1]
    if size >= 17 and len(data) >= size + 2 and plausible(data[2 : size + 2]):
        from sensors.talks.dns import DnsTalk

        return Verdict(lambda: DnsTalk(stream=True))
    return MORE if size >= 17 and len(data) < size + 2 and data[6:8] == b"\0\1" else NOTHING


def _sealed_records(data: bytes) -> bool:
    """Whether these bytes are TLS records of application data and nothing else, the last one possibly cut."""
    at = count = 0
    while at + 5 <= len(data):
        size = data[at + 3] << 8 | data[at + 4]
        if data[at] not in (0x15, 0x17) or data[at + 1] != 3 or not 1 <= data[at + 2] <= 3 or not 17 <= size <= 18_432:
            return False
        at += 5 + size
        count += 1
    return at == len(data) or count > 2


def _http2() -> Verdict:
    from sensors.talks.http2 import Http2Talk

    return Verdict(Http2Talk)


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    """The DNS ports only lower the bar: what breaks there is an anomaly."""
    certain = 53 in (sport, dport) or dport in _DNS_PORTS
    name = _DNS_PORTS.get(dport) or _DNS_PORTS.get(sport) or "dns"
    if 137 in (sport, dport) and _is_netbios(data):
        certain, name = True, "netbios-ns"
    if certain or plausible(data):
        from sensors.talks.dns import DnsTalk

        return Verdict(lambda: DnsTalk(stream=False, name=name))
    return NOTHING


def _is_netbios(data: bytes) -> bool:
    """A message about one first-level encoded name (RFC 1002 §4.2.1.2)."""
    return len(data) > 45 and data[12] == 32 and not data[13:45].strip(b"ABCDEFGHIJKLMNOP")


def _is_request(data: bytes) -> bool:
    match = _METHOD.match(data)
    if match is None:
        return False
    return match[0][:-1] in _HTTP_METHODS or _REQUEST.match(data) is not None
