from __future__ import annotations

from sensors.loops.octets import Bytes
from sensors.loops.world import UNUSUAL, World


def is_dns_port(sport: int, dport: int) -> bool:
    return False


def dns_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    return UNUSUAL


def dns_ends(w: World, flow: int, slot: int) -> int:
    return UNUSUAL


LOOPS = (is_dns_port, dns_hears, dns_ends)
