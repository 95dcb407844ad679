"""Single frames for the golden captures, which scapy writes: ARP and ICMP messages that are no echo."""

from __future__ import annotations

from scapy.layers.inet import ICMP, IP, UDP
from scapy.layers.l2 import ARP, Ether
from scapy.packet import Packet

GATEWAY, GATEWAY_MAC, OTHER_MAC = "10.1.2.1", "02:00:00:00:00:01", "02:00:00:00:00:99"


def arp_reply(address: str, mac: str, to: str) -> bytes:
    told = ARP(op=2, psrc=address, hwsrc=mac, pdst=to, hwdst="02:00:00:00:00:02")
    return bytes(Ether(src=mac, dst="02:00:00:00:00:02") / told)


def arp_request(address: str, asker: str) -> bytes:
    asked = ARP(op=1, psrc=asker, hwsrc=OTHER_MAC, pdst=address)
    return bytes(Ether(src=OTHER_MAC, dst="ff:ff:ff:ff:ff:ff") / asked)


def redirect(src: str, dst: str, gateway: str) -> bytes:
    return _icmp(src, dst, ICMP(type=5, code=1, gw=gateway))


def unreachable(src: str, dst: str) -> bytes:
    return _icmp(src, dst, ICMP(type=3, code=3))


def _icmp(src: str, dst: str, message: Packet) -> bytes:
    quoted = IP(src=dst, dst="198.51.100.20") / UDP(sport=40_001, dport=53)
    return bytes(Ether(src=GATEWAY_MAC, dst=OTHER_MAC) / IP(src=src, dst=dst) / message / quoted)
