from __future__ import annotations

from struct import iter_unpack, pack

from sensors.loops.icmp import ECHO_COLUMNS, S_WAITING
from sensors.streams import Moment
from sensors.talks.icmp import IcmpTalk


def take_over(row: list[int], area: bytes, version: int) -> IcmpTalk:
    """The talk that has heard the echoes which wait in the area, oldest first."""
    talk = IcmpTalk(version)
    size = 8 * ECHO_COLUMNS
    for key, kind, position, ns, length, _ in iter_unpack(f"={ECHO_COLUMNS}q", area[: size * row[S_WAITING]]):
        list(talk.data(0, pack("!HHI", kind, 0, key) + bytes(length), Moment(position, ns)))
    return talk
