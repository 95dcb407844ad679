from __future__ import annotations

from sensors.loops.octets import Bytes
from sensors.loops.world import UNUSUAL, World


def begins_tls(data: Bytes, at: int, end: int) -> bool:
    return False


def tls_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    return UNUSUAL


def tls_ends(w: World, flow: int, slot: int) -> int:
    return UNUSUAL


LOOPS = (begins_tls, tls_hears, tls_ends)
