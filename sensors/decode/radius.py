"""RADIUS packets and the attributes that tell who asks for what (RFC 2865 §3, §5; RFC 2866, RFC 5176)."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable

#: Attributes read of one packet (RFC 2865 §3: a packet has at most 4096 octets).
MAX_ATTRIBUTES = 256
MAX_PACKET = 4_096

CODES = {
    1: "access_request", 2: "access_accept", 3: "access_reject", 4: "accounting_request", 5: "accounting_response",
    11: "access_challenge", 12: "status_server", 13: "status_client", 40: "disconnect_request", 41: "disconnect_ack",
    42: "disconnect_nak", 43: "coa_request", 44: "coa_ack", 45: "coa_nak",
}  # fmt: skip
#: Which code a code answers.
REQUESTS = frozenset((1, 4, 12, 40, 43))
ACCEPTS, REJECTS = frozenset((2, 5, 41, 44)), frozenset((3, 42, 45))


class Packet(NamedTuple):
    code: int
    id: int
    attributes: dict[int, bytes]  # the first value of each kind; messages in parts are joined


def decode_radius(data: bytes) -> Packet:
    if len(data) < 20:
        raise Undecodable("radius", len(data), "cut")
    code, ident, size = unpack_from("!BBH", data)
    if code not in CODES:
        raise Undecodable("radius", 0, "code")
    if not 20 <= size <= min(len(data), MAX_PACKET):
        raise Undecodable("radius", 2, "length")
    attributes: dict[int, bytes] = {}
    at, count = 20, 0
    while at < size:
        if at + 2 > size or data[at + 1] < 2 or at + data[at + 1] > size:
            raise Undecodable("radius", at, "attribute_length")
        count += 1
        if count > MAX_ATTRIBUTES:
            raise Undecodable("radius", at, "too_many_attributes")
        kind, value = data[at], data[at + 2 : at + data[at + 1]]
        if kind in (18, 79) and kind in attributes:  # Reply-Message and EAP-Message come in parts
            attributes[kind] += value
        else:
            attributes.setdefault(kind, value)
        at += data[at + 1]
    return Packet(code, ident, attributes)


def plausible(data: bytes) -> bool:
    """Whether a datagram is a RADIUS packet: a known code, its exact length, attributes that fill it."""
    if len(data) < 22 or data[0] not in CODES or unpack_from("!H", data, 2)[0] != len(data):
        return False
    try:
        packet = decode_radius(data)
    except Undecodable:
        return False
    return bool(packet.attributes) and 0 not in packet.attributes
