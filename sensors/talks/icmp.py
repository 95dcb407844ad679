"""ICMP and ICMPv6: an echo with its reply is one event, every other message is one of its own."""

from __future__ import annotations

from collections.abc import Iterator
from struct import unpack_from

from sensors.decode.address import TCP, UDP, address_text
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

#: Requests of one flow that wait for a reply.
MAX_WAITING = 64

_ECHO = {8: 0, 128: 129}
_REPLIES = frozenset(_ECHO.values())
#: Errors, which quote the packet they are about from its IP header on (RFC 792; RFC 4443 §2.1).
_V4_ERRORS, _V6_ERRORS = frozenset((3, 4, 5, 11, 12)), frozenset((1, 2, 3, 4))
_TRANSPORTS = {1: "icmp", TCP: "tcp", UDP: "udp", 58: "ipv6-icmp", 132: "sctp"}
_V4_NAMES = {
    0: "echo-reply", 3: "destination-unreachable", 4: "source-quench", 5: "redirect", 8: "echo-request",
    9: "router-advertisement", 10: "router-solicitation", 11: "time-exceeded", 12: "parameter-problem",
    13: "timestamp", 14: "timestamp-reply",
}  # fmt: skip
_V6_NAMES = {
    1: "destination-unreachable", 2: "packet-too-big", 3: "time-exceeded", 4: "parameter-problem",
    128: "echo-request", 129: "echo-reply", 130: "multicast-listener-query", 131: "multicast-listener-report",
    132: "multicast-listener-done", 133: "router-solicitation", 134: "router-advertisement",
    135: "neighbor-solicitation", 136: "neighbor-advertisement", 137: "redirect", 143: "multicast-listener-report-v2",
}  # fmt: skip


class IcmpTalk:
    name = "icmp"
    done = False

    def __init__(self, version: int) -> None:
        self._names = _V4_NAMES if version == 4 else _V6_NAMES
        self._errors = _V4_ERRORS if version == 4 else _V6_ERRORS
        self.name = "icmp" if version == 4 else "ipv6-icmp"
        self._waiting: dict[tuple[int, int], tuple[Document, Moment, int]] = {}
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        """One message, from its type octet on (RFC 792, RFC 4443)."""
        if len(data) < 4:
            raise Undecodable("icmp", 0, "header_short")
        kind, code = data[0], data[1]
        if (kind in _ECHO or kind in _REPLIES) and self._is_echo(kind) and len(data) >= 8:
            yield from self._echo(kind, code, data, at)
        else:
            yield self._found(self._fields(kind, code, data), at, self._beginnings.next("icmp", at))

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        for icmp, at, ordinal in self._waiting.values():
            yield self._found(icmp, at, ordinal)
        self._waiting.clear()

    def _is_echo(self, kind: int) -> bool:
        return self._names.get(kind, "").startswith("echo")

    def _echo(self, kind: int, code: int, data: bytes, at: Moment) -> Iterator[Found]:
        key: tuple[int, int] = unpack_from("!HH", data, 4)
        waiting = self._waiting.pop(key, None)
        if kind in _REPLIES and waiting is not None:
            icmp, begun, ordinal = waiting
            icmp["reply"] = {"payload_bytes": len(data) - 8}
            yield self._found(icmp, begun, ordinal, at.ns - begun.ns)
            return
        if waiting is not None:
            yield self._found(*waiting)
        icmp = self._fields(kind, code, data) | {"id": key[0], "sequence": key[1], "payload_bytes": len(data) - 8}
        ordinal = self._beginnings.next("icmp", at)
        if kind in _REPLIES:
            yield self._found(icmp, at, ordinal)
            return
        self._waiting[key] = (icmp, at, ordinal)
        if len(self._waiting) > MAX_WAITING:
            yield self._found(*self._waiting.pop(next(iter(self._waiting))))

    def _fields(self, kind: int, code: int, data: bytes) -> Document:
        fields: Document = {"type": kind, "code": code, "payload_bytes": max(0, len(data) - 8)}
        if kind in self._names:
            fields["name"] = self._names[kind]
        if kind in self._errors and (original := _original(data[8:])):
            fields["original"] = original
        return fields

    def _found(self, icmp: Document, at: Moment, ordinal: int, took_ns: int | None = None) -> Found:
        event = {} if took_ns is None else {"duration": took_ns}
        return Found("icmp", at, ordinal, {"vonggac": {"icmp": icmp}}, event)


def _original(quoted: bytes) -> Document | None:
    """Whose packet an error is about: both ends, as far as it was quoted; None where that is no IP header."""
    version = quoted[0] >> 4 if quoted else 0
    if version == 4 and len(quoted) >= 20:
        protocol, ends, at = quoted[9], (quoted[12:16], quoted[16:20]), (quoted[0] & 15) * 4
        at = at if unpack_from("!H", quoted, 6)[0] & 0x1FFF == 0 else len(quoted)  # a later fragment has no ports
    elif version == 6 and len(quoted) >= 40:
        protocol, ends, at = quoted[6], (quoted[8:24], quoted[24:40]), 40
    else:
        return None
    original: Document = {"transport": _TRANSPORTS.get(protocol, str(protocol))}
    ports = unpack_from("!HH", quoted, at) if protocol in (TCP, UDP, 132) and len(quoted) >= at + 4 else ()
    for side, name in enumerate(("source", "destination")):
        original[name] = {"ip": address_text(ends[side])}
        if ports:
            original[name]["port"] = ports[side]
    return original
