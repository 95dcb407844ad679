"""Certificate messages: what `sensors.decode.x509` decodes without a fault, and nothing else, holds."""

from __future__ import annotations

from sensors.loops.octets import Bytes, u8, u24
from sensors.loops.tls_hello import TLS_LEAF_BYTES

TLS_MAX_CERTIFICATES, TLS_MAX_CHILDREN = 16, 256


def der_take(data: Bytes, at: int, end: int) -> tuple[int, int, int]:
    """Identifier octet, begin and end of the contents of the DER value there; the identifier is -1 where it breaks."""
    if at + 2 > end:
        return -1, at, at
    tag, size = u8(data, at), u8(data, at + 1)
    if tag & 31 == 31:
        return -1, at, at
    at += 2
    if size & 128:
        octets = size & 127
        if octets < 1 or octets > 4 or at + octets > end:
            return -1, at, at
        size = 0
        for n in range(octets):
            size = size << 8 | u8(data, at + n)
        at += octets
    if at + size > end:
        return -1, at, at
    return tag, at, at + size


def der_count(data: Bytes, at: int, end: int) -> int:
    """How many values stand there; -1 where one breaks or they are too many."""
    count = 0
    while at < end:
        tag, _, at = der_take(data, at, end)
        count += 1
        if tag < 0 or count > TLS_MAX_CHILDREN:
            return -1
    return count


def der_name_holds(data: Bytes, at: int, end: int) -> bool:
    """Whether a distinguished name's groups, the pairs in them and what is in these hold together."""
    groups = 0
    while at < end:
        tag, begin, at = der_take(data, at, end)
        groups += 1
        if tag < 0 or groups > TLS_MAX_CHILDREN:
            return False
        pairs = 0
        while begin < at:
            tag, inside, begin = der_take(data, begin, at)
            pairs += 1
            if tag < 0 or pairs > TLS_MAX_CHILDREN or der_count(data, inside, begin) < 0:
                return False
    return True


def der_extensions_hold(data: Bytes, at: int, end: int) -> bool:
    """Whether a certificate's extensions hold together, and the alternative names among them."""
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    extensions = 0
    while at < end:
        tag, begin, at = der_take(data, at, end)
        extensions += 1
        if tag < 0 or extensions > TLS_MAX_CHILDREN:
            return False
        parts, names, inside = 0, False, begin
        while begin < at:
            tag, inside, begin = der_take(data, begin, at)
            parts += 1
            if tag < 0 or parts > TLS_MAX_CHILDREN:
                return False
            if parts == 1:
                names = begin - inside == 3 and u24(data, inside) == 0x551D11
        if names:
            tag, inside, begin = der_take(data, inside, begin)
            if tag < 0 or der_count(data, inside, begin) < 0:
                return False
    return True


def der_certificate_holds(data: Bytes, at: int, end: int) -> bool:
    """Whether a certificate can be decoded."""
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    tag, at, end = der_take(data, at, end)
    if tag < 0:
        return False
    left = der_count(data, at, end)
    tag, _, behind = der_take(data, at, end)
    if left > 0 and tag == 0xA0:
        left -= 1
        at = behind
    if left < 6:
        return False
    for n in range(left):
        tag, begin, at = der_take(data, at, end)
        if (n == 2 or n == 4) and not der_name_holds(data, begin, at):
            return False
        if n == 3 and der_count(data, begin, at) < 2:
            return False
        if n >= 6 and tag == 0xA3 and not der_extensions_hold(data, begin, at):
            return False
    return True


def tls_chain(data: Bytes, at: int, end: int) -> int:
    """How many certificates a message's body has; -1 where one is for the decoder."""
    count = 0
    at += 3
    while at + 3 <= end and count < TLS_MAX_CERTIFICATES:
        size = u24(data, at)
        at += 3
        if at + size > end or (not count and size > TLS_LEAF_BYTES) or not der_certificate_holds(data, at, at + size):
            return -1
        at += size
        count += 1
    return count


LOOPS = (
    der_take, der_count, der_name_holds, der_extensions_hold, der_certificate_holds, tls_chain,
)  # fmt: skip
