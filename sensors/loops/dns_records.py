"""What DNS records say, as `sensors.decode.rdata` writes it. All give -1 for what they leave to it."""

from __future__ import annotations

import numpy as np

from sensors.loops.dns_names import dns_is_utf8, dns_key, dns_name, dns_skip, dns_type
from sensors.loops.octets import Bytes, Out, u8, u16, u32
from sensors.loops.text import put_address, put_hex, put_int, put_json

DNS_MAX_TYPES = 128
DNS_MAX_PARAMETERS = 32
#: How a record's data is read, by its type: as none of the others in hexadecimal.
DNS_BYTES, DNS_NAME, DNS_STRINGS, DNS_KEYED, DNS_NAMED, DNS_SOA, DNS_SERVICE, DNS_PROOF, DNS_TEXTS, DNS_LEFT = range(10)
_DNS_FORMS = {
    DNS_NAME: (2, 3, 4, 5, 7, 8, 9, 12, 23, 39), DNS_STRINGS: (13, 16, 19, 20, 99),
    DNS_KEYED: (25, 43, 44, 48, 52, 53, 59, 60), DNS_NAMED: (15, 18, 21, 33, 36), DNS_SOA: (6,), DNS_SERVICE: (64, 65),
    DNS_PROOF: (24, 46, 47, 50, 51), DNS_TEXTS: (35, 257), DNS_LEFT: (14, 17, 37, 108, 109, 256),
}  # fmt: skip
DNS_FORMS = np.zeros(258, np.int64)
for _form, _kinds in _DNS_FORMS.items():
    DNS_FORMS[list(_kinds)] = _form
#: The fewest octets of data that are read so; and the octets of the numbers that it begins with, as decimal digits, the
#: first one's last.
_DNS_LEAST = {
    6: 22, 13: 2, 14: 2, 15: 3, 17: 2, 18: 3, 19: 1, 20: 1, 21: 3, 24: 19, 25: 4, 33: 7, 35: 8, 36: 3, 37: 5, 43: 4,
    44: 2, 46: 19, 47: 1, 48: 4, 50: 6, 51: 5, 52: 3, 53: 3, 59: 4, 60: 4, 64: 3, 65: 3, 108: 6, 109: 8, 256: 4, 257: 2,
}  # fmt: skip
_DNS_SIZES = {
    6: 44444, 15: 2, 18: 2, 21: 2, 24: 244411, 25: 112, 33: 222, 35: 22, 36: 2, 43: 112, 44: 11, 46: 244411, 48: 112,
    50: 211, 51: 211, 52: 111, 53: 111, 59: 112, 60: 112, 64: 2, 65: 2, 257: 1,
}  # fmt: skip
DNS_LEAST = np.array([_DNS_LEAST.get(n, 0) for n in range(258)], np.int64)
DNS_SIZES = np.array([_DNS_SIZES.get(n, 0) for n in range(258)], np.int64)


def dns_strings(pool: Bytes, out: Out, to: int, at: int, end: int, between: int) -> int:
    """Character strings (RFC 1035 §3.3) that are UTF-8, with this character between them where it is not 0."""
    begun = at
    while at < end:
        last = min(end, at + 1 + u8(pool, at))
        if not dns_is_utf8(pool, at + 1, last):
            return -1
        if between and at > begun:
            out[to] = between
            to += 1
        to = put_json(out, to, pool, at + 1, last)
        at += 1 + u8(pool, at)
    return to


def dns_wire_text(pool: Bytes, out: Out, to: int, at: int, end: int) -> int:
    """`sensors.decode.text.wire_text` of printable ASCII."""
    while end > at and pool[end - 1] == 0:
        end -= 1
    if end - at > 1_024:
        return -1
    for n in range(at, end):
        if pool[n] < 32 or pool[n] == 127:  # bytes are seen as signed
            return -1
    return put_json(out, to, pool, at, end)


def dns_numbers(pool: Bytes, out: Out, to: int, at: int, kind: int) -> int:
    """The numbers that such a record has, each with a space behind it."""
    sizes = int(DNS_SIZES[kind])
    while sizes:
        size = sizes % 10
        number = u8(pool, at) if size == 1 else u16(pool, at) if size == 2 else u32(pool, at)
        to = put_int(out, to, number)
        out[to] = 32
        to += 1
        at += size
        sizes //= 10
    return to


def dns_bitmap(pool: Bytes, out: Out, to: int, at: int, end: int) -> int:
    """The types of an NSEC bitmap (RFC 4034 §4.1.2), each behind a space."""
    kinds = 0
    while at + 2 <= end and kinds < DNS_MAX_TYPES:
        window, size = u8(pool, at), u8(pool, at + 1)
        for n in range(at + 2, min(end, at + 2 + size)):
            octet = u8(pool, n)
            for bit in range(8):
                if octet & 0x80 >> bit and kinds < DNS_MAX_TYPES:
                    out[to] = 32
                    to = dns_type(out, to + 1, window << 8 | (n - at - 2) << 3 | bit)
                    kinds += 1
        at += 2 + size
    return to


def dns_parameter(pool: Bytes, out: Out, to: int, key: int, at: int, end: int) -> int:
    """One parameter's value of SVCB (RFC 9460 §14.3.2)."""
    if key == 1:
        return dns_strings(pool, out, to, at, end, 44 if key else 0)
    if key == 3 and end - at == 2:
        return put_int(out, to, u16(pool, at))
    if key == 4 or key == 6 or key == 0:
        width = 4 if key == 4 else 16 if key == 6 else 2
        begun = to
        for n in range(at, end - width + 1, width):
            if to > begun:
                out[to] = 44
                to += 1
            to = put_address(out, to, pool, n, width) if key else dns_key(out, to, u16(pool, n))
        return to
    if key == 7:
        return dns_wire_text(pool, out, to, at, end)
    return put_hex(out, to, pool, at, end)


def dns_service(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """SVCB and HTTPS (RFC 9460 §2.1)."""
    to = dns_numbers(pool, out, to, at, kind)
    named = to
    to = dns_name(pool, out, to, base, at + 2, end)
    at = dns_skip(pool, at + 2, end)
    if to < 0 or at < 0:
        return -1
    if to == named:
        out[to] = 46
        to += 1
    parts = 2
    while at + 4 <= last and parts < DNS_MAX_PARAMETERS:
        key, size = u16(pool, at), u16(pool, at + 2)
        out[to] = 32
        to = dns_key(out, to + 1, key)
        out[to] = 61
        ended = dns_parameter(pool, out, to + 1, key, at + 4, min(last, at + 4 + size))
        if ended < 0:
            return -1
        to = ended if ended > to + 1 else to
        at += 4 + size
        parts += 1
    return to


def dns_proof(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """RRSIG and SIG (RFC 4034 §3.1), NSEC (§4.1), NSEC3 (RFC 5155 §3.2) and its parameters."""
    if kind == 46 or kind == 24:
        to = dns_type(out, to, u16(pool, at))
        out[to] = 32
        to = dns_numbers(pool, out, to + 1, at + 2, kind)
        to = dns_name(pool, out, to, base, at + 18, end)
        at = dns_skip(pool, at + 18, end)
        if to < 0 or at < 0:
            return -1
        out[to] = 32
        return put_hex(out, to + 1, pool, at, max(at, last))
    if kind == 47:
        to = dns_name(pool, out, to, base, at, end)
        at = dns_skip(pool, at, end)
        return dns_bitmap(pool, out, to, at, last) if to >= 0 and at >= 0 else -1
    to = dns_numbers(pool, out, to, at, kind)
    salt = u8(pool, at + 4)
    at += 5
    if at + salt > last:
        return -1
    if salt:
        to = put_hex(out, to, pool, at, at + salt)
    else:
        out[to] = 45
        to += 1
    if kind == 51:
        return to
    at += salt
    if at >= last or at + 1 + u8(pool, at) > last:
        return -1
    out[to] = 32
    to = put_hex(out, to + 1, pool, at + 1, at + 1 + u8(pool, at))
    return dns_bitmap(pool, out, to, at + 1 + u8(pool, at), last)


def dns_texts(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, last: int, end: int) -> int:
    """CAA (RFC 8659 §4.1) and NAPTR (RFC 3403 §4.1)."""
    if kind == 257:
        to = dns_numbers(pool, out, to, at, kind)
        size = u8(pool, at + 1)
        at += 2
        if at + size > last:
            return -1
        to = dns_wire_text(pool, out, to, at, at + size)
        if to < 0:
            return -1
        out[to] = 32
        return dns_wire_text(pool, out, to + 1, at + size, last)
    to = dns_numbers(pool, out, to, at, kind)
    at += 4
    for _ in range(3):
        if at >= last or at + 1 + u8(pool, at) > last:
            return -1
        to = dns_wire_text(pool, out, to, at + 1, at + 1 + u8(pool, at))
        if to < 0:
            return -1
        out[to] = 32
        to += 1
        at += 1 + u8(pool, at)
    return dns_name(pool, out, to, base, at, end)


def dns_authority(pool: Bytes, out: Out, to: int, base: int, kind: int, at: int, end: int) -> int:
    """SOA."""
    to = dns_name(pool, out, to, base, at, end)
    at = dns_skip(pool, at, end)
    if to < 0 or at < 0:
        return -1
    out[to] = 32
    to = dns_name(pool, out, to + 1, base, at, end)
    at = dns_skip(pool, at, end)
    if to < 0 or at < 0 or at + 20 > end:
        return -1
    out[to] = 32
    return dns_numbers(pool, out, to + 1, at, kind) - 1


def dns_data(pool: Bytes, out: Out, to: int, base: int, number: int, at: int, last: int, end: int) -> int:
    """The text of a record's data at[:last], within JSON; names in it may go on as far as the message's `end`."""
    size = last - at
    if (number == 1 and size == 4) or (number == 28 and size == 16):
        return put_address(out, to, pool, at, size)
    kind = number if number < 258 else 43 if number == 32_769 else 0
    least = int(DNS_LEAST[kind])
    form = int(DNS_FORMS[kind]) if size >= least else DNS_BYTES
    if form == DNS_NAME:
        return dns_name(pool, out, to, base, at, end)
    if form == DNS_STRINGS:
        return dns_strings(pool, out, to, at, last, 32 if least else 0)
    if form == DNS_NAMED:
        to = dns_numbers(pool, out, to, at, kind)
        return dns_name(pool, out, to, base, at + least - 1, end)
    if form == DNS_SOA:
        return dns_authority(pool, out, to, base, kind, at, end)
    if form == DNS_PROOF:
        return dns_proof(pool, out, to, base, kind, at, last, end)
    if form == DNS_SERVICE:
        return dns_service(pool, out, to, base, kind, at, last, end)
    if form == DNS_TEXTS:
        return dns_texts(pool, out, to, base, kind, at, last, end)
    if form == DNS_LEFT:
        return -1
    if form == DNS_KEYED:
        to = dns_numbers(pool, out, to, at, kind)
        at += least
    return put_hex(out, to, pool, at, last)


LOOPS = (
    dns_strings, dns_wire_text, dns_numbers, dns_bitmap, dns_parameter, dns_service, dns_proof, dns_texts,
    dns_authority, dns_data,
)  # fmt: skip
