"""What a certificate says of itself: names, validity, serial number (RFC 5280 §4.1), read from DER without trust."""

from __future__ import annotations

from collections.abc import Iterator
from functools import lru_cache
from hashlib import sha1, sha256
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.asn1 import children, inner, instant, take
from sensors.decode.fault import Undecodable

_LAYER = "x509"

_ATTRIBUTES = {
    "550403": "CN", "550404": "SN", "550405": "serialNumber", "550406": "C", "550407": "L", "550408": "ST",
    "550409": "street", "55040a": "O", "55040b": "OU", "55040c": "title", "55042a": "GN",
    "550461": "organizationIdentifier",
    "2a864886f70d010901": "emailAddress", "0992268993f22c640119": "DC", "0992268993f22c640101": "UID",
}  # fmt: skip
_SUBJECT_ALT_NAME = "551d11"


class Certificate(NamedTuple):
    subject: str
    issuer: str
    not_before: str  # RFC 3339; empty where it is no date
    not_after: str
    serial: str  # upper-case hexadecimal
    alternative_names: tuple[str, ...]
    sha1: str  # upper-case hexadecimal, as ECS has it
    sha256: str


@lru_cache(maxsize=512)  # a network sees the same few certificates all day
def decode_certificate(der: bytes) -> Certificate:
    """The certificate; Undecodable where its DER does not hold together."""
    _, outer, _ = take(der, 0, _LAYER)
    _, tbs, _ = take(outer, 0, _LAYER)
    fields = _parts(tbs)
    if fields and fields[0][0] == 0xA0:  # the version
        fields = fields[1:]
    if len(fields) < 6:
        raise Undecodable("x509", 0, "fields")
    serial, _, issuer, validity, subject = (value for _, value in fields[:5])
    dates = _parts(validity)
    if len(dates) < 2:
        raise Undecodable("x509", 0, "validity")
    alternatives: tuple[str, ...] = ()
    for tag, value in fields[6:]:
        if tag == 0xA3:
            alternatives = tuple(_alternative_names(value))
    return Certificate(
        _distinguished_name(subject),
        _distinguished_name(issuer),
        instant(*dates[0]),
        instant(*dates[1]),
        serial.lstrip(b"\0").hex().upper() or "00",
        alternatives,
        sha1(der, usedforsecurity=False).hexdigest().upper(),
        sha256(der).hexdigest().upper(),
    )


def _parts(data: bytes) -> list[tuple[int, bytes]]:
    return children(data, _LAYER)


def _distinguished_name(data: bytes) -> str:
    """`CN=…, O=…`: the most specific part first, as RFC 4514 §2.1 and ECS have it."""
    parts: list[str] = []
    for _, group in _parts(data):
        for _, pair in _parts(group):
            values = _parts(pair)
            if len(values) == 2:
                kind, (tag, value) = values[0][1].hex(), values[1]
                parts.append(f"{_ATTRIBUTES.get(kind, kind)}={_escaped(_string(tag, value))}")
    return ", ".join(reversed(parts))


def _escaped(text: str) -> str:
    return "".join("\\" + c if c in ',+"\\<>;' else c for c in text)


def _string(tag: int, value: bytes) -> str:
    if tag == 0x1E:  # BMPString
        return value.decode("utf-16-be", "replace")
    return value.decode("latin-1" if tag == 0x14 else "utf-8", "backslashreplace")


def _alternative_names(extensions: bytes) -> Iterator[str]:
    for _, extension in _parts(inner(extensions, _LAYER)):
        parts = _parts(extension)
        if parts and parts[0][1].hex() == _SUBJECT_ALT_NAME:
            for tag, value in _parts(inner(parts[-1][1], _LAYER)):
                if tag == 0x82:
                    yield value.decode("utf-8", "backslashreplace")
                elif tag == 0x87 and len(value) in (4, 16):
                    yield address_text(value)
