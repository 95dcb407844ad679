"""Protocols of the network itself: addresses, time, management. What content leaves open, a port settles."""

from __future__ import annotations

from sensors.decode.dhcp import COOKIE, HEADER
from sensors.decode.dhcpv6 import MESSAGE_TYPES as DHCPV6_TYPES
from sensors.talks.known import NOTHING, Verdict

_DHCPV6_PORTS = frozenset((546, 547))


def stream(data: bytes, side: int) -> Verdict:
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    ports = {sport, dport}
    if data[0] & 0x89:
        from sensors.decode.quic import plausible as is_quic

        if is_quic(data):
            from sensors.talks.quic import QuicTalk

            return Verdict(QuicTalk)
    if data[HEADER : HEADER + 4] == COOKIE and data[0] in (1, 2) and data[2] <= 16:
        from sensors.talks.dhcp import dhcp_talk

        return Verdict(dhcp_talk)
    if not ports.isdisjoint(_DHCPV6_PORTS) and len(data) >= 4 and data[0] in DHCPV6_TYPES:
        from sensors.talks.dhcpv6 import dhcpv6_talk

        return Verdict(dhcpv6_talk)
    if 123 in ports:
        from sensors.decode.ntp import plausible as is_ntp

        if is_ntp(data):
            from sensors.talks.ntp import ntp_talk

            return Verdict(ntp_talk)
    if data[0] == 0x30:
        from sensors.decode.snmp import plausible as is_snmp

        if is_snmp(data) or not ports.isdisjoint((161, 162)):
            from sensors.talks.snmp import snmp_talk

            return Verdict(snmp_talk)
    if len(data) >= 28:
        from sensors.decode.ike import NON_ESP
        from sensors.decode.ike import plausible as is_ike

        if is_ike(data[4:] if data[:4] == NON_ESP else data):
            from sensors.talks.ike import IkeTalk

            return Verdict(IkeTalk)
    return NOTHING
