"""What hellos and certificates become: ECS's `tls.*`, wherever the handshake was carried (TLS, QUIC)."""

from __future__ import annotations

from sensors.decode.tls import Hello, cipher_text, group_text, ja3, ja3s, ja4, version_text
from sensors.decode.x509 import Certificate
from vonggac.domain.event import Document

#: Names of ciphers and of protocols offered that are shown.
MAX_OFFERED = 64


def client_fields(hello: Hello, transport: str = "t") -> Document:
    """`tls.client` of a ClientHello; `transport` is JA4's letter (`t` TCP, `q` QUIC)."""
    client: Document = {"ja3": ja3(hello), "ja4": ja4(hello, transport)}
    if hello.server_name:
        client["server_name"] = hello.server_name
    if hello.ciphers:
        client["supported_ciphers"] = [cipher_text(n) for n in hello.ciphers[:MAX_OFFERED]]
    return client


def server_fields(hello: Hello) -> Document:
    """`tls` as far as a ServerHello decides it; whether a session was resumed is known from it in TLS 1.3 only."""
    tls: Document = {"version": version_text(hello.best_version), "cipher": cipher_text(hello.ciphers[0])}
    if hello.alpn:
        tls["next_protocol"] = protocol_text(hello.alpn[0])
    tls["server"] = {"ja3s": ja3s(hello)}
    if hello.best_version >= 0x0304:
        tls["resumed"] = hello.resumes
    if hello.group:
        tls["curve"] = group_text(hello.group)
    return tls


def offered_protocols(hello: Hello) -> list[str]:
    return [protocol_text(name) for name in hello.alpn[:MAX_OFFERED] if name]


def protocol_text(name: bytes) -> str:
    return name.decode("ascii", "backslashreplace")


def certificate_fields(certificate: Certificate) -> Document:
    """`tls.server` or `tls.client` of whoever showed this certificate."""
    fields: Document = {
        "subject": certificate.subject,
        "issuer": certificate.issuer,
        "hash": {"sha1": certificate.sha1, "sha256": certificate.sha256},
        "x509": {"serial_number": certificate.serial},
    }
    if certificate.not_before:
        fields["not_before"] = certificate.not_before
    if certificate.not_after:
        fields["not_after"] = certificate.not_after
    if certificate.alternative_names:
        fields["x509"]["alternative_names"] = list(certificate.alternative_names)
    return fields
