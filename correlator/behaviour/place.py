"""What an analytic must be told of the network it watches: what is inside it, and which names it protects."""

from __future__ import annotations

from collections.abc import Iterable
from functools import lru_cache
from ipaddress import IPv4Network, IPv6Network, ip_address, ip_network

from vonggac.domain.agency import Directory

Network = IPv4Network | IPv6Network

#: RFC 1918, RFC 6598, RFC 3927, RFC 4193, RFC 4291 §2.5.6, loopback.
PRIVATE: tuple[Network, ...] = tuple(
    ip_network(text)
    for text in (
        "10.0.0.0/8",
        "172.16.0.0/12",
        "192.168.0.0/16",
        "100.64.0.0/10",
        "169.254.0.0/16",
        "127.0.0.0/8",
        "fc00::/7",
        "fe80::/10",
        "::1/128",
    )
)
_REMEMBERED = 65_536


class Place:
    """Inside are the private ranges and the agencies' own networks; multicast and broadcast are nowhere."""

    def __init__(self, networks: Iterable[Network] = (), names: Iterable[str] = ()) -> None:
        self.names = tuple(sorted({name.lower().strip(".") for name in names if name.strip(".")}))
        self._networks = (*PRIVATE, *networks)
        self.side = lru_cache(_REMEMBERED)(self._side)

    def inside(self, address: str) -> bool:
        return self.side(address) == "inside"

    def outside(self, address: str) -> bool:
        return self.side(address) == "outside"

    def _side(self, address: str) -> str:
        """`inside`, `outside`, or nothing for what is no host's address."""
        try:
            ip = ip_address(address)
        except ValueError:
            return ""
        if ip.is_multicast or ip.is_unspecified or address == "255.255.255.255":
            return ""
        held = any(ip.version == network.version and ip in network for network in self._networks)
        return "inside" if held else "outside"


def place_of(directory: Directory, names: Iterable[str] = ()) -> Place:
    """The place of every agency in the directory, with further names to protect."""
    networks = [network for unit in directory.agencies for network in unit.networks]
    return Place(networks, [*names, *(name for unit in directory.agencies for name in unit.domains)])
