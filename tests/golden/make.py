"""Makes the golden captures: small conversations between reserved addresses, the same bytes in every run.

Inside an agency is 10.0.0.0/8; outside are the documentation networks (RFC 5737, RFC 3849); names are reserved ones
(RFC 2606, RFC 6761, RFC 7686). Scapy writes the packets, so that our own decoders read what somebody else wrote.
"""

from __future__ import annotations

import struct
from collections.abc import Sequence
from typing import Any

from scapy.layers.dns import DNS, DNSQR, DNSRR
from scapy.layers.inet import ICMP, IP, TCP, UDP
from scapy.layers.inet6 import IPv6
from scapy.layers.l2 import Ether
from scapy.packet import Raw

#: 2026-03-02T02:00:00Z, a Monday at nine in Hanoi.
EPOCH = 1_772_416_800.0
INSIDE, SERVER, RESOLVER = "10.1.2.34", "10.1.0.80", "10.1.0.53"
OUTSIDE, FAR = "203.0.113.66", "198.51.100.20"
SEGMENT = 1_200


class Capture:
    """Packets put down in any order; `bytes` gives them as a pcap in order of time."""

    def __init__(self) -> None:
        self._records: list[tuple[float, bytes, int]] = []
        self._port = 40_000

    def port(self) -> int:
        """A client port not used yet."""
        self._port += 1
        return self._port

    def frame(self, at: float, src: str, dst: str, layers: Any, wire_bytes: int = 0) -> None:
        """`wire_bytes` says how long the packet was on the wire, where the capture cut it."""
        network = IPv6(src=src, dst=dst) if ":" in src else IP(src=src, dst=dst)
        data = bytes(Ether(src="02:00:00:00:00:01", dst="02:00:00:00:00:02") / network / layers)
        self._records.append((EPOCH + at, data, max(wire_bytes, len(data))))

    def udp(self, at: float, src: str, dst: str, sport: int, dport: int, payload: Any) -> None:
        self.frame(at, src, dst, UDP(sport=sport, dport=dport) / payload)

    def syn(self, at: float, src: str, dst: str, dport: int, *, refused: bool = False) -> None:
        """A connection attempt without an answer, or with a refusal."""
        sport = self.port()
        self.frame(at, src, dst, TCP(sport=sport, dport=dport, flags="S", seq=1000))
        if refused:
            self.frame(at + 0.001, dst, src, TCP(sport=dport, dport=sport, flags="RA", seq=0, ack=1001))

    def tcp(
        self, at: float, src: str, dst: str, dport: int, parts: Sequence[tuple[int, bytes]], gap: float = 0.01
    ) -> None:
        """A whole connection; parts are (side, bytes), side 0 the client. One packet every `gap` seconds."""
        sport = self.port()
        ends = ((src, dst, sport, dport), (dst, src, dport, sport))
        seq = [1000, 5000]

        def send(side: int, flags: str, payload: bytes = b"") -> None:
            nonlocal at
            here, there, sp, dp = ends[side]
            ack = seq[1 - side] if "A" in flags else 0
            segment = TCP(sport=sp, dport=dp, flags=flags, seq=seq[side], ack=ack)
            self.frame(at, here, there, segment / Raw(payload) if payload else segment)
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
        server: str = RESOLVER,
        rcode: int = 0,
        answer: str | None = None,
        over_tcp: bool = False,
    ) -> None:
        """A question and its answer."""
        question = DNSQR(qname=name, qtype=qtype)
        ident = self.port() & 0xFFFF
        asked = DNS(id=ident, rd=1, qd=question)
        record = DNSRR(rrname=name, type="A", ttl=60, rdata=answer) if answer else None
        said = DNS(id=ident, qr=1, rd=1, ra=1, rcode=rcode, qd=question, an=record)
        if over_tcp:
            framed = [struct.pack("!H", len(bytes(part))) + bytes(part) for part in (asked, said)]
            self.tcp(at, src, server, 53, [(0, framed[0]), (1, framed[1])])
            return
        sport = self.port()
        self.udp(at, src, server, sport, 53, asked)
        self.udp(at + 0.005, server, src, 53, sport, said)

    def ping(self, at: float, src: str, dst: str, size: int = 32, *, sequence: int = 0, answered: bool = True) -> None:
        payload = Raw(b"\xa5" * size)
        self.frame(at, src, dst, ICMP(type=8, id=77, seq=sequence) / payload)
        if answered:
            self.frame(at + 0.002, dst, src, ICMP(type=0, id=77, seq=sequence) / payload)

    def transfer(self, at: float, src: str, dst: str, dport: int, megabytes: int) -> None:
        """A large flow from `src`, whose packets the capture cut after their headers."""
        sport = self.port()
        self.frame(at, src, dst, TCP(sport=sport, dport=dport, flags="S", seq=1))
        self.frame(at + 0.001, dst, src, TCP(sport=dport, dport=sport, flags="SA", seq=1, ack=2))
        for number in range(megabytes // 10):
            part = TCP(sport=sport, dport=dport, flags="A", seq=2, ack=2)
            self.frame(at + 0.01 * (number + 1), src, dst, part, wire_bytes=10 << 20)
        self.frame(at + 2, src, dst, TCP(sport=sport, dport=dport, flags="R", seq=2))

    def bytes(self) -> bytes:
        """As a little-endian pcap with microseconds (draft-ietf-opsawg-pcap)."""
        parts = [struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 0x7FFFFFFF, 1)]
        for at, data, wire_bytes in sorted(self._records, key=lambda record: record[0]):
            second, micro = divmod(round(at * 1_000_000), 1_000_000)
            parts += [struct.pack("<IIII", second, micro, len(data), wire_bytes), data]
        return b"".join(parts)


def request(
    target: str,
    host: str,
    *,
    method: str = "GET",
    agent: str | None = "Mozilla/5.0 (X11; Linux x86_64) Gecko/20100101 Firefox/128.0",
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


# --- TLS ------------------------------------------------------------------------------------------------------------


def _vector(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _record(kind: int, data: bytes) -> bytes:
    return bytes((kind, 3, 3)) + _vector(data, 2)


def client_hello(server_name: str | None) -> bytes:
    """A TLS 1.2 ClientHello (RFC 5246 §7.4.1.2)."""
    extensions = b"\x00\x0a" + _vector(_vector(b"\x00\x1d\x00\x17", 2), 2) + b"\x00\x0b" + _vector(b"\x01\x00", 2)
    if server_name is not None:
        name = _vector(b"\x00" + _vector(server_name.encode(), 2), 2)
        extensions = b"\x00\x00" + _vector(name, 2) + extensions
    ciphers = b"\xc0\x2b\xc0\x2f\x00\x9c\x00\x2f"
    hello = b"\x03\x03" + bytes(range(32)) + b"\x00" + _vector(ciphers, 2) + b"\x01\x00" + _vector(extensions, 2)
    return _record(22, b"\x01" + _vector(hello, 3))


def server_hello(certificate: bytes) -> bytes:
    """ServerHello, Certificate and ServerHelloDone of TLS 1.2."""
    hello = b"\x03\x03" + bytes(range(32, 64)) + b"\x00\x00\x9c\x00"
    chain = _vector(_vector(certificate, 3), 3)
    return _record(22, b"\x02" + _vector(hello, 3) + b"\x0b" + _vector(chain, 3) + b"\x0e" + _vector(b"", 3))


def sealed() -> bytes:
    """ChangeCipherSpec and something encrypted."""
    return _record(20, b"\x01") + _record(22, bytes(40))


def _der(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    length = bytes((len(data),)) if len(data) < 128 else b"\x82" + len(data).to_bytes(2, "big")
    return bytes((tag,)) + length + data


def certificate(subject: str, issuer: str) -> bytes:
    """An X.509 certificate (RFC 5280 §4.1) with a key and a signature of zeros."""

    def name(text: str) -> bytes:
        return _der(0x30, _der(0x31, _der(0x30, _der(0x06, b"\x55\x04\x03"), _der(0x0C, text.encode()))))

    algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01010b")), _der(0x05))
    key_algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d010101")), _der(0x05))
    validity = _der(0x30, _der(0x17, b"250101000000Z"), _der(0x17, b"350101000000Z"))
    key = _der(
        0x30, key_algorithm, _der(0x03, b"\x00" + _der(0x30, _der(0x02, b"\x01" * 64), _der(0x02, b"\x01\x00\x01")))
    )
    signed = _der(
        0x30,
        _der(0xA0, _der(0x02, b"\x02")),
        _der(0x02, b"\x2a"),
        algorithm,
        name(issuer),
        validity,
        name(subject),
        key,
    )
    return _der(0x30, signed, algorithm, _der(0x03, bytes(65)))


def tls(
    capture: Capture, at: float, src: str, dst: str, dport: int, server_name: str | None, cert: bytes | None
) -> None:
    """A TLS 1.2 handshake as far as it can be read."""
    answer = server_hello(cert if cert is not None else certificate("www.example.com", "Example CA"))
    capture.tcp(at, src, dst, dport, [(0, client_hello(server_name)), (1, answer), (0, sealed()), (1, sealed())])
