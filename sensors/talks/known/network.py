"""Protocols of the network itself and of its edges: QUIC, DHCP, NTP."""

from __future__ import annotations

from sensors.talks.known import NOTHING, Verdict


def stream(data: bytes, side: int) -> Verdict:
    return NOTHING


def datagram(data: bytes, sport: int, dport: int) -> Verdict:
    if len(data) >= 1200 and data[0] & 0xC0 == 0xC0 and data[1:5] in (b"\0\0\0\1", b"\x6b\x33\x43\xcf"):
        return Verdict(label="quic")  # a long header of RFC 9000 or RFC 9369 in a full-size datagram
    if len(data) >= 240 and data[236:240] == b"\x63\x82\x53\x63":
        return Verdict(label="dhcp")  # the magic cookie of RFC 2131 §3
    if len(data) == 48 and 123 in (sport, dport) and data[0] & 7 in range(1, 6):
        return Verdict(label="ntp")
    return NOTHING
