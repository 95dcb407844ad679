"""What DNS records say, as text: the presentation forms of the RFCs that define each type, without quotes.

Addresses, names, numbers and strings stand as people write them; keys and digests in hexadecimal.
"""

from __future__ import annotations

from collections.abc import Callable
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.text import wire_text

#: Types read of one NSEC bitmap, and parameters of one SVCB record.
MAX_TYPES = 128
MAX_PARAMETERS = 32

_SVCB_KEYS = {
    0: "mandatory", 1: "alpn", 2: "no-default-alpn", 3: "port", 4: "ipv4hint", 5: "ech", 6: "ipv6hint", 7: "dohpath",
    8: "ohttp",
}  # fmt: skip


class Names(NamedTuple):
    """How the name at an offset of the message is read (with where it ends), and what a type's number is called."""

    read: Callable[[int], tuple[str, int]]
    type: Callable[[int], str]


def decode_rdata(data: bytes, kind: int, at: int, size: int, names: Names) -> str:
    """The text of a record's data; of a type or a form not known here its octets in hexadecimal (RFC 3597 §5).

    Raises IndexError, struct.error or Undecodable where names or numbers in it are cut.
    """
    raw = data[at : at + size]
    if (kind == 1 and size == 4) or (kind == 28 and size == 16):
        return address_text(raw)
    if kind in _ONE_NAME:
        return names.read(at)[0]
    if kind in (16, 99):
        return "".join(_strings(raw))
    read = _READERS.get(kind)
    if read is not None and size >= read[0]:
        return read[1](data, at, at + size, names)
    return raw.hex()


def _preferred(data: bytes, at: int, end: int, names: Names) -> str:
    """MX, KX, AFSDB, RT: a preference and a name."""
    return f"{unpack_from('!H', data, at)[0]} {names.read(at + 2)[0]}"


def _srv(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 2782."""
    priority, weight, port = unpack_from("!HHH", data, at)
    return f"{priority} {weight} {port} {names.read(at + 6)[0]}"


def _soa(data: bytes, at: int, end: int, names: Names) -> str:
    primary, at = names.read(at)
    mailbox, at = names.read(at)
    return " ".join((primary, mailbox, *map(str, unpack_from("!IIIII", data, at))))


def _two_names(data: bytes, at: int, end: int, names: Names) -> str:
    """RP (RFC 1183 §2.2), MINFO."""
    first, at = names.read(at)
    return f"{first} {names.read(at)[0]}"


def _texts(data: bytes, at: int, end: int, names: Names) -> str:
    """HINFO, X25, ISDN: strings with spaces between."""
    return " ".join(_strings(data[at:end]))


def _caa(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 8659 §4.1."""
    size = data[at + 1]
    return f"{data[at]} {wire_text(data[at + 2 : at + 2 + size])} {wire_text(data[at + 2 + size : end])}"


def _naptr(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 3403 §4.1."""
    order, preference = unpack_from("!HH", data, at)
    at += 4
    texts: list[str] = []
    for _ in range(3):
        texts.append(wire_text(data[at + 1 : at + 1 + data[at]]))
        at += 1 + data[at]
    return " ".join((str(order), str(preference), *texts, names.read(at)[0]))


def _uri(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 7553 §4."""
    priority, weight = unpack_from("!HH", data, at)
    return f"{priority} {weight} {wire_text(data[at + 4 : end])}"


def _ds(data: bytes, at: int, end: int, names: Names) -> str:
    """DS, CDS, DLV (RFC 4034 §5.1): key tag, algorithm, digest type, digest."""
    tag, algorithm, digest = unpack_from("!HBB", data, at)
    return f"{tag} {algorithm} {digest} {data[at + 4 : end].hex()}"


def _dnskey(data: bytes, at: int, end: int, names: Names) -> str:
    """DNSKEY, CDNSKEY, KEY (RFC 4034 §2.1): flags, protocol, algorithm, key."""
    flags, protocol, algorithm = unpack_from("!HBB", data, at)
    return f"{flags} {protocol} {algorithm} {data[at + 4 : end].hex()}"


def _rrsig(data: bytes, at: int, end: int, names: Names) -> str:
    """RRSIG and SIG (RFC 4034 §3.1); times in seconds since 1970, the signature in hexadecimal."""
    kind, algorithm, labels, ttl, expires, begins, tag = unpack_from("!HBBIIIH", data, at)
    signer, at = names.read(at + 18)
    numbers = " ".join(map(str, (algorithm, labels, ttl, expires, begins, tag)))
    return f"{names.type(kind)} {numbers} {signer} {data[at:end].hex()}"


def _nsec(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 4034 §4.1."""
    following, at = names.read(at)
    return " ".join((following, *_bitmap(data, at, end, names)))


def _nsec3(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 5155 §3.2; salt and next hash in hexadecimal."""
    algorithm, flags, iterations, salt = unpack_from("!BBHB", data, at)
    at += 5
    salted = data[at : at + salt].hex() or "-"
    at += salt
    following = data[at + 1 : at + 1 + data[at]].hex()
    at += 1 + data[at]
    return " ".join((f"{algorithm} {flags} {iterations} {salted} {following}", *_bitmap(data, at, end, names)))


def _nsec3param(data: bytes, at: int, end: int, names: Names) -> str:
    algorithm, flags, iterations, salt = unpack_from("!BBHB", data, at)
    return f"{algorithm} {flags} {iterations} {data[at + 5 : at + 5 + salt].hex() or '-'}"


def _bitmap(data: bytes, at: int, end: int, names: Names) -> list[str]:
    """The types of an NSEC bitmap (RFC 4034 §4.1.2)."""
    kinds: list[str] = []
    while at + 2 <= end and len(kinds) < MAX_TYPES:
        window, size = data[at], data[at + 1]
        for index, octet in enumerate(data[at + 2 : min(end, at + 2 + size)]):
            kinds += [names.type(window << 8 | index << 3 | bit) for bit in range(8) if octet & 0x80 >> bit]
        at += 2 + size
    return kinds[:MAX_TYPES]


def _tlsa(data: bytes, at: int, end: int, names: Names) -> str:
    """TLSA and SMIMEA (RFC 6698 §2.1)."""
    return f"{data[at]} {data[at + 1]} {data[at + 2]} {data[at + 3 : end].hex()}"


def _sshfp(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 4255 §3.1."""
    return f"{data[at]} {data[at + 1]} {data[at + 2 : end].hex()}"


def _cert(data: bytes, at: int, end: int, names: Names) -> str:
    """RFC 4398 §2."""
    kind, tag, algorithm = unpack_from("!HHB", data, at)
    return f"{kind} {tag} {algorithm} {data[at + 5 : end].hex()}"


def _svcb(data: bytes, at: int, end: int, names: Names) -> str:
    """SVCB and HTTPS (RFC 9460 §2.1); the root as a target is the owner itself and written `.`."""
    priority = unpack_from("!H", data, at)[0]
    target, at = names.read(at + 2)
    parts = [str(priority), target or "."]
    while at + 4 <= end and len(parts) < MAX_PARAMETERS:
        key, size = unpack_from("!HH", data, at)
        value = data[at + 4 : min(end, at + 4 + size)]
        text = _parameter(key, value, names)
        parts.append(_SVCB_KEYS.get(key, f"key{key}") + (f"={text}" if text else ""))
        at += 4 + size
    return " ".join(parts)


def _parameter(key: int, value: bytes, names: Names) -> str:
    if key == 1:
        return ",".join(_strings(value))
    if key == 3 and len(value) == 2:
        return str(int.from_bytes(value))
    if key in (4, 6):
        width = 4 if key == 4 else 16
        return ",".join(address_text(value[n : n + width]) for n in range(0, len(value) - width + 1, width))
    if key == 0:
        numbers = unpack_from(f"!{len(value) // 2}H", value)
        return ",".join(_SVCB_KEYS.get(number, f"key{number}") for number in numbers)
    return wire_text(value) if key == 7 else value.hex()


def _hardware(data: bytes, at: int, end: int, names: Names) -> str:
    """EUI48 and EUI64 (RFC 7043 §3.2)."""
    return data[at:end].hex("-")


def _strings(raw: bytes) -> list[str]:
    """Character strings (RFC 1035 §3.3)."""
    texts: list[str] = []
    at = 0
    while at < len(raw):
        size = raw[at]
        texts.append(raw[at + 1 : at + 1 + size].decode("utf-8", "backslashreplace"))
        at += size + 1
    return texts


_ONE_NAME = frozenset((2, 3, 4, 5, 7, 8, 9, 12, 23, 39))
#: The fewest octets of each type's data, and how it is read.
_READERS: dict[int, tuple[int, Callable[[bytes, int, int, Names], str]]] = {
    6: (22, _soa), 13: (2, _texts), 14: (2, _two_names), 15: (3, _preferred), 17: (2, _two_names), 18: (3, _preferred),
    19: (1, _texts), 20: (1, _texts), 21: (3, _preferred), 24: (19, _rrsig), 25: (4, _dnskey), 33: (7, _srv),
    35: (8, _naptr), 36: (3, _preferred), 37: (5, _cert), 43: (4, _ds), 44: (2, _sshfp), 46: (19, _rrsig),
    47: (1, _nsec), 48: (4, _dnskey), 50: (6, _nsec3), 51: (5, _nsec3param), 52: (3, _tlsa), 53: (3, _tlsa),
    59: (4, _ds), 60: (4, _dnskey), 64: (3, _svcb), 65: (3, _svcb), 108: (6, _hardware), 109: (8, _hardware),
    256: (4, _uri), 257: (2, _caa), 32769: (4, _ds),
}  # fmt: skip
