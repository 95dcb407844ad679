from __future__ import annotations

from sensors.decode.ssh import decode_offer, take_banner, take_packet
from sensors.loops.ssh_event import SSH_BANNER, SSH_NEW_KEYS, SSH_OFFER
from sensors.loops.world import S_BEGUN, S_BEGUN_NS
from sensors.streams import Moment
from sensors.takeover.entries import entries
from sensors.talks.ssh import SshTalk


def take_over(row: list[int], area: bytes) -> SshTalk:
    """The talk that has heard what the slot's area keeps: lines and packets, whole or not."""
    talk = SshTalk()
    talk._begun = Moment(row[S_BEGUN], row[S_BEGUN_NS])
    for entry in entries(row, area):
        data = bytearray(entry.data)
        if entry.kind == SSH_BANNER:
            talk._banners[entry.owner] = take_banner(data)
        elif entry.kind == SSH_OFFER:
            talk._offers[entry.owner] = decode_offer(take_packet(data) or b"")
        else:
            talk._buffers[entry.owner].extend(data)
    for side in (0, 1):
        talk._new_keys[side] = bool(row[SSH_NEW_KEYS + side])
    return talk
