"""ARP packets (RFC 826, RFC 5227), as the fields of an `arp` event in Suricata's words (`arp` of EVE)."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable
from sensors.decode.text import colons, ecs_mac
from vonggac.domain.event import Document

OPCODES = {
    1: "request", 2: "reply", 3: "request_reverse", 4: "reply_reverse", 5: "drarp_request", 6: "drarp_reply",
    7: "drarp_error", 8: "inarp_request", 9: "inarp_reply", 10: "arp_nak",
}  # fmt: skip
_HARDWARE = {
    1: "ethernet", 6: "ieee802", 15: "frame_relay", 16: "atm", 18: "fibre_channel", 24: "ieee1394", 32: "infiniband",
}  # fmt: skip
_IPV4 = 0x0800


class Packet(NamedTuple):
    """Addresses are packed; the protocol's are IPv4 addresses where `protocol` is 0x0800."""

    hardware: int
    protocol: int
    opcode: int
    sender_mac: bytes
    sender_ip: bytes
    target_mac: bytes
    target_ip: bytes


def decode_arp(data: bytes) -> Packet:
    """The packet behind EtherType 0x0806 or 0x8035; padding behind it is not looked at."""
    if len(data) < 8:
        raise Undecodable("arp", len(data), "cut")
    hardware, protocol, long, wide, opcode = unpack_from("!HHBBH", data)
    if len(data) < 8 + 2 * (long + wide):
        raise Undecodable("arp", 4, "address_length")
    if protocol == _IPV4 and wide != 4:
        raise Undecodable("arp", 5, "protocol_length")
    at = 8
    parts: list[bytes] = []
    for size in (long, wide, long, wide):
        parts.append(data[at : at + size])
        at += size
    return Packet(hardware, protocol, opcode, *parts)


def arp_fields(data: bytes) -> Document:
    """The fields of an `arp` event beyond those of every event. Raises Undecodable."""
    packet = decode_arp(data)
    arp: Document = {
        "opcode": OPCODES.get(packet.opcode, str(packet.opcode)),
        "hw_type": _HARDWARE.get(packet.hardware, str(packet.hardware)),
        "proto_type": "ipv4" if packet.protocol == _IPV4 else f"0x{packet.protocol:04x}",
    }
    fields: Document = {"network": {"type": "arp", "protocol": "arp"}, "vonggac": {"arp": arp}}
    for end, prefix, mac, address in (
        ("source", "src", packet.sender_mac, packet.sender_ip),
        ("destination", "dest", packet.target_mac, packet.target_ip),
    ):
        known: Document = {}
        if mac:
            arp[f"{prefix}_mac"] = colons(mac)
            if any(mac):
                known["mac"] = ecs_mac(mac)
        if packet.protocol == _IPV4:
            arp[f"{prefix}_ip"] = address_text(address)
            if any(address):
                known["ip"] = address_text(address)
        if known:
            fields[end] = known
    if packet.protocol == _IPV4:
        arp["gratuitous"] = any(packet.sender_ip) and packet.sender_ip == packet.target_ip
        arp["probe"] = packet.opcode == 1 and not any(packet.sender_ip)  # RFC 5227 §2.1.1
    return fields
