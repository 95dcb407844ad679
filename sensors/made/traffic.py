"""Whole conversations put down packet by packet, the same bytes in every run.

Scapy writes one frame for each pair of hosts; the frames of their conversations are that one with its ports, numbers,
flags, lengths and checksums set, since scapy builds about 800 frames a second and a day has many thousands. It is
imported where a frame is first built: who only wants to know what is planted does not load it.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from functools import lru_cache
from ipaddress import ip_address
from typing import Any

SEGMENT = 1_200
AGENT = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0"
_FLAGS = {"F": 1, "S": 2, "R": 4, "P": 8, "A": 16}
_ETHER = 14


class Capture:
    """Packets put down in any order; `bytes` gives them as a pcap in order of time. Times count from `epoch`, seconds
    since 1970."""

    def __init__(self, epoch: float, resolver: str) -> None:
        self._epoch = epoch
        self._resolver = resolver
        self._records: list[tuple[float, bytes, int]] = []
        self._port = 40_000

    def __len__(self) -> int:
        return len(self._records)

    def port(self) -> int:
        """A client port not used lately."""
        self._port = self._port + 1 if self._port < 60_999 else 40_001
        return self._port

    def put(self, at: float, data: bytes, wire_bytes: int = 0) -> None:
        """`wire_bytes` says how long the packet was on the wire, where the capture cut it."""
        self._records.append((self._epoch + at, data, max(wire_bytes, len(data))))

    def udp(self, at: float, src: str, dst: str, sport: int, dport: int, payload: bytes) -> None:
        self.put(at, udp_frame(src, dst, sport, dport, payload))

    def syn(self, at: float, src: str, dst: str, dport: int, *, refused: bool = False) -> None:
        """A connection attempt without an answer, or with a refusal."""
        sport = self.port()
        self.put(at, tcp_frame(src, dst, sport, dport, "S", 1000, 0))
        if refused:
            self.put(at + 0.001, tcp_frame(dst, src, dport, sport, "RA", 0, 1001))

    def tcp(
        self, at: float, src: str, dst: str, dport: int, parts: Sequence[tuple[int, bytes]], gap: float = 0.01
    ) -> None:
        """A whole connection; parts are (side, bytes), side 0 the client. One packet every `gap` seconds."""
        sport = self.port()
        ends = ((src, dst, sport, dport), (dst, src, dport, sport))
        seq = [1000, 5000]

        def send(side: int, flags: str, payload: bytes = b"") -> None:
            nonlocal at
            ack = seq[1 - side] if "A" in flags else 0
            self.put(at, tcp_frame(*ends[side], flags, seq[side], ack, payload))
            seq[side] += len(payload) + ("S" in flags or "F" in flags)
            at += gap

        send(0, "S")
        send(1, "SA")
        send(0, "A")
        for side, payload in parts:
            for start in range(0, len(payload), SEGMENT):
                send(side, "PA", payload[start : start + SEGMENT])
        send(0, "FA")
        send(1, "FA")
        send(0, "A")

    def http(self, at: float, src: str, dst: str, exchanges: Sequence[tuple[bytes, bytes]], dport: int = 80) -> None:
        self.tcp(at, src, dst, dport, [part for asked, said in exchanges for part in ((0, asked), (1, said))])

    def dns(
        self,
        at: float,
        src: str,
        name: str,
        qtype: str | int = "A",
        *,
        server: str | None = None,
        rcode: int = 0,
        answer: str | None = None,
        over_tcp: bool = False,
    ) -> None:
        """A question and its answer."""
        ident = struct.pack("!H", self.port())
        asked, said = (ident + message for message in _dns(name, qtype, rcode, answer))
        server = server or self._resolver
        if over_tcp:
            framed = [struct.pack("!H", len(part)) + part for part in (asked, said)]
            self.tcp(at, src, server, 53, [(0, framed[0]), (1, framed[1])])
            return
        sport = self.port()
        self.udp(at, src, server, sport, 53, asked)
        self.udp(at + 0.005, server, src, 53, sport, said)

    def ping(self, at: float, src: str, dst: str, size: int = 32, *, sequence: int = 0, answered: bool = True) -> None:
        self.put(at, _ping(src, dst, 8, sequence, size))
        if answered:
            self.put(at + 0.002, _ping(dst, src, 0, sequence, size))

    def transfer(self, at: float, src: str, dst: str, dport: int, megabytes: int) -> None:
        """A large flow from `src`, whose packets the capture cut after their headers."""
        sport = self.port()
        self.put(at, tcp_frame(src, dst, sport, dport, "S", 1, 0))
        self.put(at + 0.001, tcp_frame(dst, src, dport, sport, "SA", 1, 2))
        for number in range(megabytes // 10):
            part = tcp_frame(src, dst, sport, dport, "A", 2, 2)
            self.put(at + 0.01 * (number + 1), part, wire_bytes=10 << 20)
        self.put(at + 2, tcp_frame(src, dst, sport, dport, "R", 2, 2))

    def bytes(self) -> bytes:
        """As a little-endian pcap with microseconds (draft-ietf-opsawg-pcap)."""
        parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x7FFFFFFF, 1)]
        for at, data, wire_bytes in sorted(self._records, key=lambda record: record[0]):
            second, micro = divmod(round(at * 1_000_000), 1_000_000)
            parts += [struct.pack("<IIII", second, micro, len(data), wire_bytes), data]
        return b"".join(parts)


# --- frames ---------------------------------------------------------------------------------------------------------


def tcp_frame(
    src: str, dst: str, sport: int, dport: int, flags: str, seq: int, ack: int, payload: bytes = b""
) -> bytes:
    """An Ethernet frame of one TCP segment; flags as letters of `FSRPA`."""
    template, at, pseudo = _template(src, dst, "tcp")
    bits = sum(_FLAGS[flag] for flag in flags)
    segment = bytearray(template[at:])
    struct.pack_into("!HHIIBB", segment, 0, sport, dport, seq & 0xFFFFFFFF, ack & 0xFFFFFFFF, 5 << 4, bits)
    struct.pack_into("!H", segment, 16, 0)
    segment += payload
    struct.pack_into("!H", segment, 16, _checksum(pseudo, 6, segment))
    return _network(template[:at], len(segment)) + bytes(segment)


def udp_frame(src: str, dst: str, sport: int, dport: int, payload: bytes) -> bytes:
    """An Ethernet frame of one UDP datagram."""
    template, at, pseudo = _template(src, dst, "udp")
    segment = bytearray(template[at:])
    struct.pack_into("!HHHH", segment, 0, sport, dport, 8 + len(payload), 0)
    segment += payload
    struct.pack_into("!H", segment, 6, _checksum(pseudo, 17, segment) or 0xFFFF)
    return _network(template[:at], len(segment)) + bytes(segment)


@lru_cache(maxsize=4096)
def _template(src: str, dst: str, transport: str) -> tuple[bytes, int, bytes]:
    """(scapy's frame without a payload, where its transport header begins, the addresses for the checksum)."""
    from scapy.layers.inet import TCP, UDP

    frame = _frame(src, dst, TCP() if transport == "tcp" else UDP())
    pseudo = ip_address(src).packed + ip_address(dst).packed
    return frame, len(frame) - (20 if transport == "tcp" else 8), pseudo


@lru_cache(maxsize=4096)
def _ping(src: str, dst: str, kind: int, sequence: int, size: int) -> bytes:
    from scapy.layers.inet import ICMP
    from scapy.packet import Raw

    return _frame(src, dst, ICMP(type=kind, id=77, seq=sequence) / Raw(b"\xa5" * size))


def _frame(src: str, dst: str, layers: Any) -> bytes:
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    from scapy.layers.l2 import Ether

    network = IPv6(src=src, dst=dst) if ":" in src else IP(src=src, dst=dst)
    return bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / network / layers)


def _network(head: bytes, size: int) -> bytes:
    """Ethernet and IP header for a transport segment of `size` bytes."""
    changed = bytearray(head)
    if head[_ETHER] >> 4 == 6:
        struct.pack_into("!H", changed, _ETHER + 4, size)
        return bytes(changed)
    struct.pack_into("!H", changed, _ETHER + 2, len(head) - _ETHER + size)
    struct.pack_into("!H", changed, _ETHER + 10, 0)
    struct.pack_into("!H", changed, _ETHER + 10, _sum(bytes(changed[_ETHER:])))
    return bytes(changed)


def _checksum(pseudo: bytes, protocol: int, segment: bytes | bytearray) -> int:
    """TCP's and UDP's checksum over the pseudo header (RFC 9293 §3.1, RFC 768; RFC 8200 §8.1 sums alike)."""
    return _sum(pseudo + struct.pack("!II", len(segment), protocol) + bytes(segment))


def _sum(data: bytes) -> int:
    """The Internet checksum (RFC 1071): 16-bit words summed in ones' complement are the number modulo 65,535."""
    padded = data + b"\0" * (len(data) % 2)
    rest = int.from_bytes(padded, "big") % 0xFFFF
    return 0xFFFF - rest


@lru_cache(maxsize=4096)
def _dns(name: str, qtype: str | int, rcode: int, answer: str | None) -> tuple[bytes, bytes]:
    """Question and answer without their first two bytes, the id."""
    from scapy.layers.dns import DNS, DNSQR, DNSRR

    question = DNSQR(qname=name, qtype=qtype)
    asked = DNS(id=0, rd=1, qd=[question])
    record = DNSRR(rrname=name, type="A", ttl=60, rdata=answer) if answer else None
    said = DNS(id=0, qr=1, rd=1, ra=1, rcode=rcode, qd=[question], an=[record] if record else [])
    return bytes(asked)[2:], bytes(said)[2:]


# --- HTTP -----------------------------------------------------------------------------------------------------------


def request(
    target: str,
    host: str,
    *,
    method: str = "GET",
    agent: str | None = AGENT,
    body: bytes = b"",
    fields: Sequence[str] = (),
) -> bytes:
    lines = [f"{method} {target} HTTP/1.1", f"Host: {host}"]
    if agent is not None:
        lines.append(f"User-Agent: {agent}")
    lines += fields
    if body or method in ("POST", "PUT"):
        lines.append(f"Content-Length: {len(body)}")
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def response(body: bytes = b"ok", status: str = "200 OK", content_type: str = "text/html; charset=utf-8") -> bytes:
    head = f"HTTP/1.1 {status}\r\nServer: test\r\nContent-Type: {content_type}\r\nContent-Length: {len(body)}\r\n\r\n"
    return head.encode() + body


def page(title: str, text: str = "") -> bytes:
    return response(f"<!DOCTYPE html><html><head><title>{title}</title></head><body>{text}</body></html>".encode())
