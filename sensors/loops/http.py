from __future__ import annotations

from sensors.loops.octets import Bytes
from sensors.loops.world import UNUSUAL, World


def begins_http(data: Bytes, at: int, end: int, side: int) -> bool:
    return False


def http_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:
    return UNUSUAL


def http_ends(w: World, flow: int, slot: int) -> int:
    return UNUSUAL


LOOPS = (begins_http, http_hears, http_ends)
