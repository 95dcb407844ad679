"""What goes into the holes of the loops' lines: names by the public suffix list, facts about bodies, certificates. Each
is a piece of JSON, made from the few bytes that the hole is about (`sensors.loops.world`).
"""

from __future__ import annotations

from functools import lru_cache

from orjson import dumps, loads

from sensors.loops.world import HOLE_DOMAIN
from sensors.takeover import dcerpc, ftp, http, smb, tls
from sensors.talks.dns import domain_parts


class Inlays:
    """`fill` lines with them; `bodies` are told what went by of each body, in the order of the lines."""

    def __init__(self) -> None:
        self.bodies = http.Bodies()
        writers = {HOLE_DOMAIN: _domain} | tls.HOLES | ftp.HOLES | dcerpc.HOLES | smb.holes(self.bodies)
        writers |= self.bodies.holes()
        self._writers = {hole[1]: writer for hole, writer in writers.items()}

    def fill(self, text: bytes) -> bytes:
        """The lines that stand there, without holes."""
        pieces = text.split(b"\0")
        for n in range(1, len(pieces), 2):
            hole = pieces[n]
            pieces[n] = self._writers[hole[0]](hole[1:])
        return b"".join(pieces)


@lru_cache(maxsize=16_384)
def _domain(name: bytes) -> bytes:
    """What follows a name in an object that is about it; the name as JSON has it, in lower case."""
    parts = domain_parts(loads(b'"' + name + b'"'))
    return b"," + dumps(parts)[1:-1] if parts else b""
