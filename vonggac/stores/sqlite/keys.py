"""64 bits by which a value is looked up, in an order that keeps together what is looked up together.

The addresses of a network stand side by side, and so do the names below a name: its last two labels, its last three and
the whole of it make a hash each. Few values share a key; `stores.documents.stands_in` tells them apart.
"""

from __future__ import annotations

from functools import lru_cache
from hashlib import blake2b
from ipaddress import IPv4Network, IPv6Network
from socket import AF_INET, AF_INET6, inet_pton
from zlib import crc32

from vonggac.ports import Wanted
from vonggac.stores.documents import look_up_form, spellings

#: The key of a document's own id is 1 in front of so many bits.
IDENTITY_BITS = 60
# The highest bits say which kind of key it is. IPv6 has all negative numbers: 47 bits of the address, then a hash of
# 16; what a longer prefix means is found among the addresses of those 47 bits.
_V4, _NAME, _IDENTITY = 1 << 62, 1 << 61, 1 << IDENTITY_BITS
_V4_SHIFT = 30
_V6_PREFIX, _V6_HASH = 47, 16
# The bits of the last two labels, those after them, and those after the bits of the last three.
_TWO, _THREE, _WHOLE = 22, 39, 20


@lru_cache(maxsize=65_536)  # values repeat, and so do whole batches of them
def key_of(value: str) -> int:
    packed = _packed(value)
    if packed is not None:
        return _key_of_address(packed)
    if "." not in value or "/" in value:
        return _hash(value, IDENTITY_BITS)
    name = value.encode("utf-8", "surrogatepass")
    two = name.rfind(b".", 0, name.rfind(b"."))  # the dot before the last two labels, or -1
    three = name.rfind(b".", 0, two) if two >= 0 else -1
    return (
        _NAME
        | _checksum(name[two + 1 :], _TWO) << _THREE
        | _checksum(name[three + 1 :], _THREE - _WHOLE) << _WHOLE
        | _checksum(name, _WHOLE)
    )


def identity_key(identity: str) -> int:
    """The key of a document's own id."""
    return _IDENTITY | _hash(identity, IDENTITY_BITS)


def ranges(wanted: Wanted) -> list[tuple[int, int]]:
    """The first and last keys between which all stands that is wanted, and perhaps more."""
    if wanted.network is not None:
        return [_of_network(wanted.network)]
    labels = wanted.value.split(".")
    if wanted.below and len(labels) > 1:
        below = _THREE if len(labels) == 2 else _WHOLE
        first = key_of(".".join(labels[-3:])) >> below << below
        return [(first, first + (1 << below) - 1)]
    keys = {key_of(look_up_form(spelling)) for spelling in spellings(wanted.value)}
    return [(key, key) for key in keys]


def _packed(value: str) -> bytes | None:
    try:
        if ":" in value:
            return inet_pton(AF_INET6, value)
        return inet_pton(AF_INET, value) if value[-1:].isdigit() else None
    except (OSError, ValueError):
        return None


def _key_of_address(packed: bytes) -> int:
    number = int.from_bytes(packed, "big")
    if len(packed) == 4:
        return _V4 | (number << _V4_SHIFT)
    tail = int.from_bytes(blake2b(packed, digest_size=2).digest(), "big")
    return _v6(number) | tail


def _v6(number: int) -> int:
    return (number >> (128 - _V6_PREFIX) << _V6_HASH) - (1 << 63)


def _of_network(network: IPv4Network | IPv6Network) -> tuple[int, int]:
    first, last = int(network.network_address), int(network.broadcast_address)
    if network.version == 4:
        return _V4 | (first << _V4_SHIFT), _V4 | (last << _V4_SHIFT)
    return _v6(first), _v6(last) | ((1 << _V6_HASH) - 1)


def _hash(text: str, bits: int) -> int:
    return int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") >> (64 - bits)


def _checksum(name: bytes, bits: int) -> int:
    """For the few bits of a part of a name: as good as a hash there, and ten times as fast."""
    return crc32(name) >> (32 - bits)
