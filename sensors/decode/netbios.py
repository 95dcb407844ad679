"""NetBIOS session service packets (RFC 1002 §4.3), which also frame SMB on port 445 (MS-SMB2 §2.1)."""

from __future__ import annotations

from typing import NamedTuple

from sensors.decode.windows import octets

MESSAGE, REQUEST, POSITIVE, NEGATIVE, RETARGET, KEEP_ALIVE = 0x00, 0x81, 0x82, 0x83, 0x84, 0x85
KINDS = frozenset((MESSAGE, REQUEST, POSITIVE, NEGATIVE, RETARGET, KEEP_ALIVE))

#: Octets of a packet's own header.
HEADER = 4


def is_packet(data: bytes) -> bool:
    """Whether these bytes are one packet, and nothing else."""
    return len(data) >= HEADER and int.from_bytes(data[1:HEADER]) == len(data) - HEADER and data[0] in KINDS


class Names(NamedTuple):
    called: str
    calling: str


def decode_names(data: bytes) -> Names | None:
    """The two names of a session request, or None where they are not in the first-level encoding (RFC 1001 §14.1)."""
    if len(data) < 68 or data[0] != 32 or data[34] != 32:
        return None
    called, calling = _name(data[1:33]), _name(data[35:67])
    return Names(called, calling) if called is not None and calling is not None else None


def _name(data: bytes) -> str | None:
    """Half an octet a letter from `A` to `P`; the 16th octet is a suffix and no part of the name."""
    if any(not 0x41 <= letter <= 0x50 for letter in data):
        return None
    name = bytes((data[at] - 0x41) << 4 | data[at + 1] - 0x41 for at in range(0, 32, 2))
    return octets(name[:15]).rstrip()
