"""TLS handshake messages in the clear (RFC 8446 §4, RFC 5246 §7.4), and the fingerprints JA3, JA3S and JA4.

JA4 is FoxIO's client fingerprint for TLS, BSD 3-Clause; the rest of their suite is under another licence and not here.
"""

from __future__ import annotations

import struct
from hashlib import md5, sha256
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.tls_names import CIPHERS, GROUPS

VERSIONS = {0x0002: "2.0", 0x0300: "3.0", 0x0301: "1.0", 0x0302: "1.1", 0x0303: "1.2", 0x0304: "1.3"}
_JA4_VERSIONS = {0x0304: "13", 0x0303: "12", 0x0302: "11", 0x0301: "10", 0x0300: "s3", 0x0002: "s2"}

#: Certificates read of one chain.
MAX_CERTIFICATES = 16

_SNI, _GROUPS, _FORMATS, _SIGNATURES, _ALPN, _PSK, _VERSIONS, _KEY_SHARE = 0, 10, 11, 13, 16, 41, 43, 51
#: The drafts of TLS 1.3 whose ServerHello has neither session id nor compression (draft-ietf-tls-tls13-21 §4.1.3).
_BARE_DRAFTS = range(0x7F00, 0x7F16)
_NAMED_CURVE = 3


class Hello(NamedTuple):
    """A ClientHello, or a ServerHello (then `ciphers` has the one chosen)."""

    version: int  # the legacy field
    session_id: bytes
    ciphers: tuple[int, ...]
    extensions: tuple[int, ...]  # in order, GREASE included
    server_name: str | None
    alpn: tuple[bytes, ...]
    groups: tuple[int, ...]
    formats: tuple[int, ...]
    signatures: tuple[int, ...]
    versions: tuple[int, ...]  # supported_versions; a server's has one
    group: int = 0  # of the key share that a server chose

    @property
    def best_version(self) -> int:
        """The highest version offered or the one chosen, GREASE left out (RFC 8446 §4.2.1)."""
        return max((v for v in self.versions if not grease(v)), default=self.version)

    @property
    def resumes(self) -> bool:
        """A server's pre_shared_key says that it took up an earlier session (RFC 8446 §4.2.11)."""
        return _PSK in self.extensions


def grease(value: int) -> bool:
    """RFC 8701 §2."""
    return value & 0x0F0F == 0x0A0A and value >> 8 == value & 0xFF


def version_text(value: int) -> str:
    if value >> 8 == 0x7F:
        return f"1.3 draft-{value & 0xFF}"
    return VERSIONS.get(value, f"0x{value:04x}")


def cipher_text(value: int) -> str:
    return CIPHERS.get(value, f"0x{value:04X}")


def group_text(value: int) -> str:
    return GROUPS.get(value, f"0x{value:04X}")


def decode_curve(body: bytes) -> int:
    """The named curve of a ServerKeyExchange up to TLS 1.2 (RFC 8422 §5.4); 0 where it uses none."""
    return body[1] << 8 | body[2] if len(body) > 3 and body[0] == _NAMED_CURVE else 0


def decode_hello(body: bytes, *, client: bool) -> Hello:
    """A ClientHello's or ServerHello's body (RFC 8446 §4.1.2, §4.1.3)."""
    try:
        return _hello(body, client)
    except (IndexError, struct.error) as error:
        raise Undecodable("tls", len(body), "hello_cut") from error


def _hello(body: bytes, client: bool) -> Hello:
    version: int = unpack_from("!H", body)[0]
    if version in _BARE_DRAFTS and not client:
        return Hello(version, b"", unpack_from("!H", body, 34), *_extensions(body, 36, client))
    size = body[34]
    session_id = body[35 : 35 + size]
    at = 35 + size
    if client:
        size = unpack_from("!H", body, at)[0]
        ciphers = _numbers(body, at + 2, size)
        at += 2 + size
        at += 1 + body[at]
    else:
        ciphers = unpack_from("!H", body, at)
        at += 3
    found = _extensions(body, at, client)
    return Hello(version, session_id, ciphers, *found)


class _Extensions(NamedTuple):
    """The fields of Hello from `extensions` on."""

    order: tuple[int, ...]
    server_name: str | None
    alpn: tuple[bytes, ...]
    groups: tuple[int, ...]
    formats: tuple[int, ...]
    signatures: tuple[int, ...]
    versions: tuple[int, ...]
    group: int


def _extensions(body: bytes, at: int, client: bool) -> _Extensions:
    order: list[int] = []
    name: str | None = None
    alpn: tuple[bytes, ...] = ()
    groups: tuple[int, ...] = ()
    formats: tuple[int, ...] = ()
    signatures: tuple[int, ...] = ()
    versions: tuple[int, ...] = ()
    group = 0
    end = at + 2 + unpack_from("!H", body, at)[0] if at + 2 <= len(body) else at
    if end > len(body):
        raise Undecodable("tls", at, "extensions_length")
    at += 2
    while at + 4 <= end:
        kind, size = unpack_from("!HH", body, at)
        at += 4
        if at + size > end:
            raise Undecodable("tls", at - 2, "extension_length")
        value = body[at : at + size]
        at += size
        order.append(kind)
        if kind == _SNI and size > 5:
            length = unpack_from("!H", value, 3)[0]
            name = value[5 : 5 + length].decode("utf-8", "backslashreplace").lower().rstrip(".") or None
        elif kind == _ALPN and size > 2:
            alpn = _strings(value[2:])
        elif kind == _GROUPS and client and size >= 2:
            groups = _numbers(value, 2, size - 2)
        elif kind == _FORMATS and client and size >= 1:
            formats = tuple(value[1 : 1 + value[0]])
        elif kind == _SIGNATURES and client and size >= 2:
            signatures = _numbers(value, 2, size - 2)
        elif kind == _VERSIONS:
            versions = _numbers(value, 1, size - 1) if client else _numbers(value, 0, size)
        elif kind == _KEY_SHARE and not client and size >= 2:
            group = unpack_from("!H", value)[0]
    return _Extensions(tuple(order), name, alpn, groups, formats, signatures, versions, group)


def _numbers(data: bytes, at: int, size: int) -> tuple[int, ...]:
    """The 16-bit numbers in `size` bytes."""
    return unpack_from(f"!{max(0, size) // 2}H", data, at)


def _strings(data: bytes) -> tuple[bytes, ...]:
    texts: list[bytes] = []
    at = 0
    while at < len(data):
        texts.append(data[at + 1 : at + 1 + data[at]])
        at += data[at] + 1
    return tuple(texts)


def decode_certificates(body: bytes) -> tuple[bytes, ...]:
    """The DER certificates of a Certificate message up to TLS 1.2, the owner's first (RFC 5246 §7.4.2)."""
    found: list[bytes] = []
    at = 3
    while at + 3 <= len(body) and len(found) < MAX_CERTIFICATES:
        size = int.from_bytes(body[at : at + 3])
        if at + 3 + size > len(body):
            raise Undecodable("tls", at, "certificate_length")
        found.append(body[at + 3 : at + 3 + size])
        at += 3 + size
    return tuple(found)


def ja3(hello: Hello) -> str:
    """MD5 over version, ciphers, extensions, groups and point formats, GREASE left out (salesforce/ja3)."""
    parts = (hello.ciphers, hello.extensions, hello.groups, hello.formats)
    text = ",".join((str(hello.version), *("-".join(str(n) for n in part if not grease(n)) for part in parts)))
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def ja3s(hello: Hello) -> str:
    """MD5 over version, cipher and extensions of a ServerHello."""
    text = f"{hello.version},{hello.ciphers[0]},{'-'.join(map(str, hello.extensions))}"
    return md5(text.encode(), usedforsecurity=False).hexdigest()


def ja4(hello: Hello, transport: str = "t") -> str:
    """JA4 of a ClientHello (FoxIO's technical details of JA4, TLS client)."""
    ciphers = sorted(f"{n:04x}" for n in hello.ciphers if not grease(n))
    extensions = [n for n in hello.extensions if not grease(n)]
    rest = sorted(f"{n:04x}" for n in extensions if n not in (_SNI, _ALPN))
    signatures = [f"{n:04x}" for n in hello.signatures if not grease(n)]
    start = "".join(
        (
            transport,
            _JA4_VERSIONS.get(hello.best_version, "00"),
            "d" if _SNI in hello.extensions else "i",
            f"{min(len(ciphers), 99):02d}",
            f"{min(len(extensions), 99):02d}",
            _ja4_alpn(hello.alpn),
        )
    )
    ext_text = ",".join(rest) + (f"_{','.join(signatures)}" if signatures else "")
    return f"{start}_{_short(','.join(ciphers))}_{_short(ext_text) if rest else '0' * 12}"


def _ja4_alpn(alpn: tuple[bytes, ...]) -> str:
    """First and last character of the first protocol; of its hexadecimal form where either is not a letter or digit."""
    first = alpn[0] if alpn else b""
    if not first:
        return "00"
    ends = first[:1] + first[-1:]
    return ends.decode("ascii") if ends.isalnum() else first.hex()[0] + first.hex()[-1]


def _short(text: str) -> str:
    return sha256(text.encode()).hexdigest()[:12] if text else "0" * 12
