"""SSH before encryption (RFC 4253): who speaks what, until the keys change. `sensors.talks.ssh` says the same, and all
that is unusual: other text than printable ASCII, offers made anew, faults.

A slot's area keeps as entries each side's identification, its offer, and what is not all there of a line or packet.
"""

from __future__ import annotations

from sensors.loops.kept import (
    E_KIND,
    E_SIZE,
    ENTRY_HEAD,
    entry_add,
    entry_drop,
    entry_find,
    entry_more,
    entry_number,
    entry_set,
    recall,
    remember,
)
from sensors.loops.octets import Bytes, u8, u32
from sensors.loops.ssh_event import (
    SSH_BANNER,
    SSH_NEW_KEYS,
    SSH_OFFER,
    SSH_PART,
    SSH_TEXT_SIZE,
    ssh_list,
    ssh_tell,
)
from sensors.loops.world import DONE, TAKEN, UNUSUAL, World

#: Longer lines and packets in the clear are not for the loops.
_SSH_LINE_MAX, _SSH_PACKET_MAX = 255, 8_192
#: What shows a packet's size and padding (§6).
_SSH_HEAD = 6
_SSH_KEXINIT, _SSH_NEWKEYS = 20, 21


def begins_ssh(data: Bytes, at: int, end: int) -> bool:
    """Whether a connection's first piece is an identification."""
    return end - at >= 4 and u32(data, at) == 0x5353482D  # SSH-


def ssh_is_plain(data: Bytes, at: int, end: int) -> bool:
    """Whether it is printable ASCII."""
    for n in range(at, end):  # noqa: SIM110 a generator is not for the compiler
        if not 32 <= data[n] < 127:
            return False
    return True


def ssh_hears_banner(w: World, slot: int, entry: int) -> bool:
    """A line before the packets (§4.2), with its end; False where it is not for the loops."""
    begin = entry + ENTRY_HEAD
    end = begin + entry_number(w, entry, E_SIZE) - 1
    while end > begin and w.pool[end - 1] == 13:
        end -= 1
    if not begins_ssh(w.pool, begin, end):
        entry_drop(w, slot, entry)
        return True
    entry_set(w, entry, E_KIND, SSH_BANNER)
    entry_set(w, entry, SSH_TEXT_SIZE, end - begin)
    return ssh_is_plain(w.pool, begin, end)


def ssh_hears_packet(w: World, slot: int, side: int, entry: int) -> bool:
    """A packet is all there; False where it is not for the loops."""
    kind = w.pool[entry + ENTRY_HEAD + 5]
    if kind == _SSH_KEXINIT:
        begin, end = ssh_list(w, entry, 9)
        if begin < 0 or entry_find(w, slot, SSH_OFFER, side) >= 0:
            return False
        entry_set(w, entry, E_KIND, SSH_OFFER)
        for n in range(8):
            begin, end = ssh_list(w, entry, n)
            if not ssh_is_plain(w.pool, begin, end):
                return False
        return True
    if kind == _SSH_NEWKEYS:
        w.slots[slot, SSH_NEW_KEYS + side] = 1
    entry_drop(w, slot, entry)
    return True


def ssh_missing(w: World, entry: int) -> int:
    """How many bytes are missing of a packet that begins with the entry's bytes, or of its head; 0 where none are, -1
    where it is not for the loops."""
    had, begin = entry_number(w, entry, E_SIZE), entry + ENTRY_HEAD
    if had < _SSH_HEAD:
        return _SSH_HEAD - had
    size = u32(w.pool, begin)
    return size + 4 - had if u8(w.pool, begin + 4) + 2 <= size <= _SSH_PACKET_MAX else -1


def ssh_keep(w: World, slot: int, side: int, entry: int, data: Bytes, at: int, size: int) -> int:
    """The entry of the side's line or packet, `entry` (-1: none) with these bytes more; -1 where there is no room."""
    if entry < 0:
        return entry_add(w, slot, SSH_PART, side, data, at, size)
    return entry_more(w, slot, entry, data, at, size)


def ssh_hears_part(w: World, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    """Where the bytes of a line or a packet, or of its head, end which begins or goes on here; -1 where they are not
    for the loops."""
    entry = entry_find(w, slot, SSH_PART, side)
    in_line = entry_find(w, slot, SSH_BANNER, side) < 0
    if in_line:
        stop = at
        while stop < end and data[stop] != 10:
            stop += 1
        whole, stop = stop < end, min(stop + 1, end)
        if stop - at + (entry_number(w, entry, E_SIZE) if entry >= 0 else 0) > _SSH_LINE_MAX:
            return -1
    else:
        whole, stop = False, min(end, at + (ssh_missing(w, entry) if entry >= 0 else _SSH_HEAD))
    entry = ssh_keep(w, slot, side, entry, data, at, stop - at)
    if entry < 0:
        return -1
    if in_line:
        return stop if not whole or ssh_hears_banner(w, slot, entry) else -1
    missing = ssh_missing(w, entry)
    if missing < 0 or (missing == 0 and not ssh_hears_packet(w, slot, side, entry)):
        return -1
    return stop


def ssh_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int) -> int:
    row = w.slots[slot]
    remember(w, slot)
    while 0 <= at < end and not row[SSH_NEW_KEYS + side]:
        at = ssh_hears_part(w, slot, side, data, at, end)
    if at < 0:
        recall(w, slot)
        return UNUSUAL
    if row[SSH_NEW_KEYS] and row[SSH_NEW_KEYS + 1]:
        ssh_tell(w, flow, slot)
        return DONE
    return TAKEN


def ssh_ends(w: World, flow: int, slot: int) -> int:
    """What was seen is told as it is."""
    ssh_tell(w, flow, slot)
    return TAKEN


LOOPS = (
    begins_ssh, ssh_is_plain, ssh_hears_banner, ssh_hears_packet, ssh_missing, ssh_keep, ssh_hears_part, ssh_hears,
    ssh_ends,
)  # fmt: skip
