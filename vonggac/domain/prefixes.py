"""What holds an address, the longest prefix first, at the cost of one look-up for each length of prefix there is."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address
from typing import Generic, TypeVar

T = TypeVar("T")

#: Texts of addresses whose reading is remembered: most events come from few machines, and reading one takes 5 µs.
_REMEMBERED = 16_384
Network = IPv4Network | IPv6Network
Address = IPv4Address | IPv6Address

#: `::ffff:0:0/96`, the addresses of version 4 as version 6 writes them (RFC 4291 §2.5.5.2).
_MAPPED = IPv6Network("::ffff:0:0/96")


class Prefixes(Generic[T]):
    """Things by the networks they hold; several may hold the same one, and come in the order given."""

    def __init__(self, held: Iterable[tuple[Network, T]]) -> None:
        # IP version -> how far an address is shifted to be a number of that prefix -> number -> holders
        self._tables: dict[int, dict[int, dict[int, list[T]]]] = {4: {}, 6: {}}
        for given, holder in held:
            network = unmapped(given)
            shift = network.max_prefixlen - network.prefixlen
            table = self._tables[network.version].setdefault(shift, {})
            table.setdefault(int(network.network_address) >> shift, []).append(holder)
        for version, tables in self._tables.items():
            self._tables[version] = dict(sorted(tables.items()))

    def __bool__(self) -> bool:
        """Whether it can hold anything."""
        return any(self._tables.values())

    def holding(self, address: Address) -> Iterator[T]:
        """Everything that holds the address, which `address_of` gave."""
        number = int(address)
        for shift, table in self._tables[address.version].items():
            yield from table.get(number >> shift, ())


@lru_cache(_REMEMBERED)
def address_of(text: str) -> Address | None:
    """The address that is written there, a mapped one as the one of version 4 that it is; None for anything else."""
    try:
        address = ip_address(text)
    except ValueError:
        return None
    mapped = address.ipv4_mapped if isinstance(address, IPv6Address) else None
    return mapped or address


def unmapped(network: Network) -> Network:
    """The network, one of mapped addresses as the one of version 4 that it is."""
    if isinstance(network, IPv6Network) and network.subnet_of(_MAPPED):
        number = int(network.network_address) & 0xFFFFFFFF
        return IPv4Network((number, network.prefixlen - 96))
    return network
