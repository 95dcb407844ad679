"""TLS 1.2 handshakes as far as a watcher can read them, with certificates whose keys and signatures are zeros."""

from __future__ import annotations

from sensors.made.traffic import Capture


def handshake(
    capture: Capture, at: float, src: str, dst: str, dport: int, server_name: str | None, cert: bytes | None = None
) -> None:
    """A connection that shakes hands, says something sealed and ends."""
    answer = server_hello(cert if cert is not None else certificate("www.example.com", "Example CA"))
    capture.tcp(at, src, dst, dport, [(0, client_hello(server_name)), (1, answer), (0, sealed()), (1, sealed())])


def client_hello(server_name: str | None) -> bytes:
    """A TLS 1.2 ClientHello (RFC 5246 §7.4.1.2)."""
    extensions = b"\x00\x0a" + _vector(_vector(b"\x00\x1d\x00\x17", 2), 2) + b"\x00\x0b" + _vector(b"\x01\x00", 2)
    if server_name is not None:
        name = _vector(b"\x00" + _vector(server_name.encode(), 2), 2)
        extensions = b"\x00\x00" + _vector(name, 2) + extensions
    ciphers = b"\xc0\x2b\xc0\x2f\x00\x9c\x00\x2f"
    hello = b"\x03\x03" + bytes(range(32)) + b"\x00" + _vector(ciphers, 2) + b"\x01\x00" + _vector(extensions, 2)
    return _record(22, b"\x01" + _vector(hello, 3))


def server_hello(cert: bytes) -> bytes:
    """ServerHello, Certificate and ServerHelloDone of TLS 1.2."""
    hello = b"\x03\x03" + bytes(range(32, 64)) + b"\x00\x00\x9c\x00"
    chain = _vector(_vector(cert, 3), 3)
    return _record(22, b"\x02" + _vector(hello, 3) + b"\x0b" + _vector(chain, 3) + b"\x0e" + _vector(b"", 3))


def sealed() -> bytes:
    """ChangeCipherSpec and something encrypted."""
    return _record(20, b"\x01") + _record(22, bytes(40))


def certificate(subject: str, issuer: str) -> bytes:
    """An X.509 certificate (RFC 5280 §4.1) with a key and a signature of zeros."""

    def name(text: str) -> bytes:
        return _der(0x30, _der(0x31, _der(0x30, _der(0x06, b"\x55\x04\x03"), _der(0x0C, text.encode()))))

    algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d01010b")), _der(0x05))
    key_algorithm = _der(0x30, _der(0x06, bytes.fromhex("2a864886f70d010101")), _der(0x05))
    validity = _der(0x30, _der(0x17, b"250101000000Z"), _der(0x17, b"350101000000Z"))
    modulus = _der(0x30, _der(0x02, b"\x01" * 64), _der(0x02, b"\x01\x00\x01"))
    key = _der(0x30, key_algorithm, _der(0x03, b"\x00" + modulus))
    version, serial = _der(0xA0, _der(0x02, b"\x02")), _der(0x02, b"\x2a")
    signed = _der(0x30, version, serial, algorithm, name(issuer), validity, name(subject), key)
    return _der(0x30, signed, algorithm, _der(0x03, bytes(65)))


def _vector(data: bytes, size: int) -> bytes:
    return len(data).to_bytes(size, "big") + data


def _record(kind: int, data: bytes) -> bytes:
    return bytes((kind, 3, 3)) + _vector(data, 2)


def _der(tag: int, *parts: bytes) -> bytes:
    data = b"".join(parts)
    length = bytes((len(data),)) if len(data) < 128 else b"\x82" + len(data).to_bytes(2, "big")
    return bytes((tag,)) + length + data
