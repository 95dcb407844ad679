"""Protocols of the network itself: addresses, time, management. What content leaves open, a port settles."""

from __future__ import annotations

import re
from collections.abc import Callable

from sensors.decode.dhcp import COOKIE, HEADER
from sensors.decode.dhcpv6 import MESSAGE_TYPES as DHCPV6_TYPES
from sensors.talks.known import NOTHING, Verdict
from sensors.talks.talk import Talk

Make = Callable[[], Talk]

_DHCPV6_PORTS = frozenset((546, 547))
_SNMP_PORTS = frozenset((161, 162))
_RADIUS_PORTS = frozenset((1645, 1646, 1812, 1813, 3799))
_STUN_COOKIE = b"\x21\x12\xa4\x42"
_DTLS_VERSIONS = (b"\xfe\xff", b"\xfe\xfd")
#: The first message of a WireGuard handshake and its answer: type and length.
_WIREGUARD = frozenset(((b"\1\0\0\0", 148), (b"\2\0\0\0", 92)))
_SSDP = re.compile(rb"(?:M-SEARCH|NOTIFY) \* HTTP/1\.1\r\n")


def stream(data: bytes, side: int) -> Verdict:
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    ports = {sport, dport}
    for ask in _ASKED:
        talk = ask(data, ports)
        if talk is not None:
            return Verdict(talk)
    label = _name(data, ports)
    return Verdict(label=label) if label else NOTHING


def _quic(data: bytes, ports: set[int]) -> Make | None:
    if data[0] & 0x89:  # a long header, or Google's public header with a version
        from sensors.decode.quic import plausible

        if plausible(data):
            from sensors.talks.quic import QuicTalk

            return QuicTalk
    return None


def _dhcp(data: bytes, ports: set[int]) -> Make | None:
    if data[HEADER : HEADER + 4] == COOKIE and data[0] in (1, 2) and data[2] <= 16:
        from sensors.talks.dhcp import dhcp_talk

        return dhcp_talk
    if not ports.isdisjoint(_DHCPV6_PORTS) and len(data) >= 4 and data[0] in DHCPV6_TYPES:
        from sensors.talks.dhcpv6 import dhcpv6_talk

        return dhcpv6_talk
    return None


def _ntp(data: bytes, ports: set[int]) -> Make | None:
    if 123 in ports:
        from sensors.decode.ntp import plausible

        if plausible(data):
            from sensors.talks.ntp import ntp_talk

            return ntp_talk
    return None


def _snmp(data: bytes, ports: set[int]) -> Make | None:
    if data[0] == 0x30:
        from sensors.decode.snmp import plausible

        if plausible(data) or not ports.isdisjoint(_SNMP_PORTS):
            from sensors.talks.snmp import snmp_talk

            return snmp_talk
    return None


def _ike(data: bytes, ports: set[int]) -> Make | None:
    if len(data) >= 28:
        from sensors.decode.ike import NON_ESP, plausible

        if plausible(data[4:] if data[:4] == NON_ESP else data):
            from sensors.talks.ike import IkeTalk

            return IkeTalk
    return None


def _radius(data: bytes, ports: set[int]) -> Make | None:
    if not ports.isdisjoint(_RADIUS_PORTS):
        from sensors.decode.radius import plausible

        if plausible(data):
            from sensors.talks.radius import RadiusTalk

            return RadiusTalk
    return None


def _syslog(data: bytes, ports: set[int]) -> Make | None:
    if data[0] == 0x3C:
        from sensors.decode.syslog import plausible

        if plausible(data):
            from sensors.talks.syslog import syslog_talk

            return syslog_talk
    return None


def _tftp(data: bytes, ports: set[int]) -> Make | None:
    if data[:2] in (b"\0\1", b"\0\2"):
        from sensors.decode.tftp import decode_request

        if decode_request(data) is not None:
            from sensors.talks.tftp import TftpTalk

            return TftpTalk
    return None


_ASKED: tuple[Callable[[bytes, set[int]], Make | None], ...] = (
    _quic,
    _dhcp,
    _ntp,
    _snmp,
    _ike,
    _radius,
    _syslog,
    _tftp,
)


def _name(data: bytes, ports: set[int]) -> str:
    """Protocols that are only named: what is unmistakable in one datagram."""
    first = data[0]
    if data[4:8] == _STUN_COOKIE and first < 0x40 and len(data) == 20 + (data[2] << 8 | data[3]):
        return "stun"  # RFC 8489 §5
    if 20 <= first <= 25 and data[1:3] in _DTLS_VERSIONS and len(data) >= 13 + int.from_bytes(data[11:13]) > 13:
        return "dtls"  # RFC 6347 §4.1
    if (data[:4], len(data)) in _WIREGUARD:
        return "wireguard"
    if _SSDP.match(data):
        return "ssdp"
    if 138 in ports and 0x10 <= first <= 0x16 and len(data) >= 14 and data[8:10] == b"\0\x8a":
        return "netbios-dgm"  # RFC 1002 §4.4.1
    if first == 0x81 and len(data) >= 4 and data[1] <= 0x0B and len(data) == data[2] << 8 | data[3]:
        return "bacnet"  # BACnet/IP's virtual link control: ASHRAE 135 annex J
    if 1194 in ports and first == 0x38 and 14 <= len(data) <= 90:
        return "openvpn"  # P_CONTROL_HARD_RESET_CLIENT_V2 of key 0, with or without a signature
    return ""
