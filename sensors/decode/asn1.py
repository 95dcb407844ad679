"""ASN.1 values in BER and DER (X.690): identifier, length, contents.

Definite lengths and single-octet identifiers only; certificates, Kerberos, SPNEGO and LDAP need no more.
"""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache

from sensors.decode.fault import Undecodable
from vonggac.domain.times import format_instant

#: Values read of one constructed value; the rest of a longer one is left out.
MAX_CHILDREN = 256
#: Octets of a length that are read (X.690 §8.1.3.5 allows 126), of an integer, and arcs of an object identifier.
MAX_LENGTH_OCTETS = 4
MAX_INTEGER_OCTETS = 8
MAX_ARCS = 32

INTEGER, OCTET_STRING, OID, UTC_TIME, SEQUENCE = 0x02, 0x04, 0x06, 0x17, 0x30


def whole_size(data: bytes | bytearray, layer: str) -> int | None:
    """How many bytes the value at the beginning takes, identifier and length with it; None while that is not known."""
    if len(data) < 2:
        return None
    if not data[1] & 0x80:
        return 2 + data[1]
    octets = _length_octets(data[1], layer, 1)
    if len(data) < 2 + octets:
        return None
    return 2 + octets + int.from_bytes(data[2 : 2 + octets])


def take(data: bytes, at: int, layer: str) -> tuple[int, bytes, int]:
    """(identifier octet, contents, where the next value begins) of the value at `at`. Undecodable is `layer`'s."""
    if at + 2 > len(data):
        raise Undecodable(layer, at, "cut")
    tag, size = data[at], data[at + 1]
    if tag & 0x1F == 0x1F:
        raise Undecodable(layer, at, "tag_form")
    at += 2
    if size & 0x80:
        octets = _length_octets(size, layer, at - 1)
        if at + octets > len(data):
            raise Undecodable(layer, at, "cut")
        size = int.from_bytes(data[at : at + octets])
        at += octets
    if at + size > len(data):
        raise Undecodable(layer, at, "length")
    return tag, data[at : at + size], at + size


def _length_octets(first: int, layer: str, at: int) -> int:
    octets = first & 0x7F
    if not 1 <= octets <= MAX_LENGTH_OCTETS:
        raise Undecodable(layer, at, "length_form")
    return octets


def children(data: bytes, layer: str, limit: int = MAX_CHILDREN) -> list[tuple[int, bytes]]:
    """(identifier octet, contents) of the values in a constructed value's contents."""
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data) and len(found) < limit:
        tag, contents, at = take(data, at, layer)
        found.append((tag, contents))
    return found


def tagged(data: bytes, layer: str) -> dict[int, bytes]:
    """The contents of a SEQUENCE whose fields have context tags: number -> what stands inside (explicit tagging)."""
    return {tag & 0x1F: contents for tag, contents in children(data, layer) if tag & 0xC0 == 0x80}


def inner(data: bytes, layer: str) -> bytes:
    """The contents of the one value inside (explicit tagging)."""
    return take(data, 0, layer)[1]


def integer(contents: bytes, layer: str) -> int:
    """A two's complement INTEGER or ENUMERATED."""
    if not 1 <= len(contents) <= MAX_INTEGER_OCTETS:
        raise Undecodable(layer, 0, "integer")
    return int.from_bytes(contents, signed=True)


def oid(contents: bytes) -> str:
    """The dotted form of an OBJECT IDENTIFIER (X.690 §8.19), up to 32 arcs."""
    arcs: list[int] = []
    value = 0
    for octet in contents:
        value = (value << 7 | octet & 0x7F) & 0xFFFFFFFFFFFFFFFF
        if not octet & 0x80:
            if not arcs:
                first = min(value // 40, 2)
                arcs += [first, value - 40 * first]
            else:
                arcs.append(value)
            value = 0
            if len(arcs) >= MAX_ARCS:
                break
    return ".".join(map(str, arcs))


@lru_cache(maxsize=1_024)
def instant(tag: int, contents: bytes) -> str:
    """RFC 3339 of a UTCTime (years 1950 to 2049) or GeneralizedTime, RFC 5280 §4.1.2.5; empty where it is no date."""
    text = contents.decode("ascii", "replace")
    if tag == UTC_TIME:
        text = ("19" if text[:2] >= "50" else "20") + text
    try:
        when = datetime.strptime(text, "%Y%m%d%H%M%SZ").replace(tzinfo=UTC)
    except ValueError:
        return ""
    return format_instant(when) if when.year >= 1000 else ""
