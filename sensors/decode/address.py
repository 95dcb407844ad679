"""Addresses as text, and the Community ID of a flow."""

from __future__ import annotations

import base64
from functools import lru_cache
from hashlib import sha1
from socket import AF_INET, AF_INET6, inet_ntop
from struct import pack

TCP, UDP, ICMP, ICMPV6, SCTP = 6, 17, 1, 58, 132

#: Message types that answer one another (Community ID v1, as in Zeek): request type -> reply type and back.
ICMP_PAIRS = {8: 0, 0: 8, 13: 14, 14: 13, 15: 16, 16: 15, 17: 18, 18: 17, 10: 9, 9: 10}
ICMPV6_PAIRS = {128: 129, 129: 128, 133: 134, 134: 133, 135: 136, 136: 135, 130: 131, 131: 130, 144: 145, 145: 144}
ICMPV6_PAIRS |= {139: 140, 140: 139}


@lru_cache(maxsize=65_536)
def address_text(packed: bytes) -> str:
    """The usual text of 4 or 16 address bytes (RFC 5952 for IPv6)."""
    return inet_ntop(AF_INET if len(packed) == 4 else AF_INET6, packed)


def community_id(src: bytes, dst: bytes, protocol: int, sport: int, dport: int, *, paired: bool = True) -> str:
    """Community ID v1 with seed 0. For ICMP the ports are type and reply type (or code, and then not `paired`).

    Source: the Community ID specification, version 1.
    """
    ports = protocol in (TCP, UDP, SCTP, ICMP, ICMPV6)
    if paired and (src, sport) > (dst, dport):
        src, dst, sport, dport = dst, src, dport, sport
    blob = b"\0\0" + src + dst + bytes((protocol, 0))
    if ports:
        blob += pack("!HH", sport, dport)
    digest = sha1(blob, usedforsecurity=False).digest()
    return "1:" + base64.b64encode(digest).decode("ascii")
