from __future__ import annotations

from sensors.decode.address import TCP
from sensors.listener import Slot
from sensors.loops.documents import DCERPC, DNS, FTP, ICMP, ICMPV6, SMB, SSH, TLS
from sensors.loops.world import S_ALLOWANCE, S_FLOW, S_NEXT
from sensors.streams import Budget
from sensors.takeover import dcerpc, dns, ftp, http, icmp, smb, ssh, tls
from sensors.takeover.ftp import Transfers
from sensors.takeover.http import Bodies
from sensors.talks.stream import Stream
from sensors.talks.talk import Talk


def take_over(
    slot: Slot, budget: Budget, bodies: Bodies, transfers: Transfers
) -> tuple[Talk | None, Stream | None, int]:
    """The talk of a flow of datagrams or the stream of a connection, and what the flow may still tell."""
    talk, allowance = _talk(slot, bodies, transfers), slot.row[S_ALLOWANCE]
    if slot.protocol != TCP:
        return talk, None, allowance
    stream = Stream(budget, talk)
    for side in (0, 1):
        if slot.row[S_NEXT + side] >= 0:
            stream.begin(side, slot.row[S_NEXT + side])
    return None, stream, allowance


def _talk(slot: Slot, bodies: Bodies, transfers: Transfers) -> Talk | None:
    if slot.application == DNS:
        return dns.take_over(slot.row, slot.area)
    if slot.application == TLS:
        return tls.take_over(slot.row, slot.area)
    if slot.application == DCERPC:
        return dcerpc.take_over(slot.row, slot.area)
    if slot.application == SMB:
        return smb.take_over(slot.row, slot.area, bodies)
    if slot.application in (ICMP, ICMPV6):
        return icmp.take_over(slot.row, slot.area, 4 if slot.application == ICMP else 6)
    if slot.application == FTP:
        return ftp.take_over(slot.row, slot.area, transfers.pop(slot.row[S_FLOW]))
    if slot.application == SSH:
        return ssh.take_over(slot.row, slot.area)
    return http.take_over(slot.row, slot.area, bodies)
