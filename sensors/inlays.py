"""What goes into the loops' lines and is not written there: names by the public suffix list, facts about bodies,
certificates. Each is a piece of JSON, made from the few bytes that the loop told.
"""

from __future__ import annotations

from functools import lru_cache

from orjson import dumps, loads

from sensors.loops.world import P_DOMAIN
from sensors.takeover import dns, http, tls
from sensors.talks.dns import domain_parts


class Inlays:
    """`write` them; `bodies` are told what went by of each body, in the order of the lines."""

    def __init__(self) -> None:
        self.bodies = http.Bodies()
        self._writers = {P_DOMAIN: _domain} | dns.FRAGMENTS | tls.FRAGMENTS | self.bodies.fragments()

    def write(self, what: int, about: bytes) -> bytes:
        return self._writers[what](about)


@lru_cache(maxsize=16_384)
def _domain(name: bytes) -> bytes:
    """What follows a name in an object that is about it; the name as JSON has it, in lower case."""
    parts = domain_parts(loads(b'"' + name + b'"'))
    return b"," + dumps(parts)[1:-1] if parts else b""
