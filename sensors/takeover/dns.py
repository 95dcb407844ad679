"""The DNS talk of a flow that the loops leave: the questions that wait there are asked again."""

from __future__ import annotations

from collections import deque
from struct import unpack_from

from sensors.loops.dns import S_DNS_HEARD, S_DNS_WAITING
from sensors.loops.dns_event import DNS_HEAD
from sensors.streams import Moment
from sensors.talks.dns import DnsTalk


def take_over(row: list[int], area: bytes) -> DnsTalk | None:
    """The talk as if it had heard all: only waiting questions matter, and each packet brought one datagram.

    None before the first message: whether the flow is one of DNS is still to be said.
    """
    if not row[S_DNS_HEARD]:
        return None
    talk = DnsTalk(stream=False)
    at = 0
    for _ in range(row[S_DNS_WAITING]):
        position, ns, what = unpack_from("<qqq", area, at)
        begin, at = at + DNS_HEAD, at + DNS_HEAD + (what >> 1)
        deque(talk.data(what & 1, area[begin:at], Moment(position, ns)), maxlen=0)
    return talk
