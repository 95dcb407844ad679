"""Requests in SMB sessions: each is kept until its response comes. `sensors.talks.smb2` says the same of them."""

from __future__ import annotations

import numpy as np

from sensors.loops.kept import (
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    ENTRY_HEAD,
    entry_add,
    entry_drop,
    entry_find,
    entry_number,
    entry_set,
)
from sensors.loops.octets import Bytes, little16, little32
from sensors.loops.slots import next_ordinal
from sensors.loops.smb_content import SMB_WRITES, smb_goes_by
from sensors.loops.smb_event import smb_tell
from sensors.loops.smb_kept import (
    B_OPENED,
    Q_NTLM,
    Q_OPENED,
    Q_PIPE,
    Q_RELATED,
    Q_SIZE,
    Q_TOLD,
    Q_TREE,
    SMB2_CANCEL,
    SMB2_CREATE,
    SMB2_IOCTL,
    SMB2_SETUP,
    SMB2_WRITE,
    SMB_HEADER,
    SMB_TRANSCEIVE,
    SMB_WAITS,
    smb_asks_plainly,
    smb_command,
    smb_flags,
    smb_id_at,
    smb_is_same_id,
    smb_opened,
    smb_session,
    smb_tree,
    smb_tree_id,
    smb_tree_is_of_pipes,
)
from sensors.loops.smb_pipe import smb_is_open_pipe, smb_passes
from sensors.loops.smb_setup import smb_begins_setup
from sensors.loops.smb_words import smb_64
from sensors.loops.world import S_ORDINALS, World

#: The longest request that is kept, and what is kept of those that bring data.
_SMB_REQUEST_MAX = 8_192
_SMB_WRITE_KEPT, _SMB_IOCTL_KEPT = SMB_HEADER + 48, SMB_HEADER + 56
_SMB_ASYNC, _SMB_RELATED = 2, 4


def smb_relates(w: World, slot: int, data: Bytes, at: int, before: int) -> int:
    """A request of a compound has session, tree and file of the one before it, where it means those (MS-SMB2
    §3.2.4.1.4). The number of the file that the compound is to open, where it means that, else 0; -1 where it means
    none."""
    place = smb_id_at(smb_command(data, at))
    same_file = before >= 0 and place != 0 and smb_is_same_id(data, at + place)
    related = before >= 0 and smb_flags(data, at) & _SMB_RELATED != 0
    if not same_file and not related:
        return 0
    entry = entry_find(w, slot, SMB_WAITS, before)
    if entry < 0:
        return -1
    raw = entry + ENTRY_HEAD
    command = smb_command(w.pool, raw)
    if related:
        for n in range(12):  # tree id and session id
            data[at + 36 + n] = w.pool[raw + 36 + n]
    if not same_file:
        return 0
    if command == SMB2_CREATE or (entry_number(w, entry, Q_RELATED) and smb_id_at(command)):
        return entry_number(w, entry, Q_OPENED)
    known = smb_id_at(command)
    if not known:
        return -1
    for n in range(16):
        data[at + place + n] = w.pool[raw + known + n]
    return 0


def smb_kept_size(data: Bytes, at: int, stop: int) -> int:
    """How much of a request is kept: not the data that it brings, of which it says no more then. -1 where it is too
    long."""
    command, size = smb_command(data, at), stop - at
    place = at + SMB_HEADER + (4 if command == SMB2_WRITE else 28)
    if command in (SMB2_WRITE, SMB2_IOCTL):
        for n in range(4):
            data[place + n] = 0
        return min(size, _SMB_WRITE_KEPT if command == SMB2_WRITE else _SMB_IOCTL_KEPT)
    return size if size <= _SMB_REQUEST_MAX else -1


def smb_brings(w: World, flow: int, slot: int, opened: int, at: int, position: int, ns: int) -> int:
    """What DCERPC told of the data that a WRITE or IOCTL brings, 0 where that is nothing; -1 where it is not for the
    loops."""
    data, body = w.scratch.view(np.int8), at + SMB_HEADER
    writes = smb_command(data, at) == SMB2_WRITE
    if not opened:  # a file whose opening was not seen is known from here on
        return -1
    size = little32(data, body + (4 if writes else 28))
    begin = at + (little16(data, body + 2) if writes else little32(data, body + 24))
    if not smb_is_open_pipe(w, slot, opened):
        if not writes or not size:
            return 0
        offset = smb_64(data, body + 8)
        return 0 if smb_goes_by(w, flow, slot, opened, SMB_WRITES, offset, begin, size, position, ns) else -1
    return smb_passes(w, flow, slot, opened, 0, begin, begin + size, position, ns) if size else 0


def smb_asks(w: World, flow: int, slot: int, at: int, stop: int, before: int, position: int, ns: int) -> bool:
    """A request in `scratch`; False where it is not for the loops. `before` is the message id of the one before it in a
    compound, or -1."""
    data = w.scratch.view(np.int8)
    command, number = smb_command(data, at), smb_64(data, at + 24)
    cancels = command == SMB2_CANCEL
    if number < 0 or smb_session(data, at) < 0 or (smb_flags(data, at) & _SMB_ASYNC != 0 and not cancels):
        return False
    if not smb_asks_plainly(data, at, stop) or (not cancels and entry_find(w, slot, SMB_WAITS, number) >= 0):
        return False
    related = smb_relates(w, slot, data, at, before)
    brings = command == SMB2_WRITE or (command == SMB2_IOCTL and little32(data, at + SMB_HEADER + 4) == SMB_TRANSCEIVE)
    if related < 0 or (related and brings):
        return False
    place = smb_id_at(command)
    opened = smb_opened(w, slot, data, at + place) if place and not related else related
    told, size, login, tree = 0, 0, 0, -1
    if command in (SMB2_WRITE, SMB2_IOCTL):
        size = little32(data, at + SMB_HEADER + 4)
        told = smb_brings(w, flow, slot, opened, at, position, ns) if brings else 0
    elif command == SMB2_SETUP:
        login = smb_begins_setup(w, slot, data, at, position)
    elif command == SMB2_CREATE:
        tree = smb_tree(w, slot, smb_tree_id(data, at))
        w.slots[slot, B_OPENED] += 1
        opened = int(w.slots[slot, B_OPENED])
    kept = smb_kept_size(data, at, stop)
    if told < 0 or login < 0 or kept < 0:
        return False
    share = entry_number(w, tree, E_OWNER) if tree >= 0 else 0
    pipes = share > 0 and smb_tree_is_of_pipes(w, slot, share)
    entry = entry_add(w, slot, SMB_WAITS, number, data, at, kept)
    if entry < 0:
        return False
    entry_set(w, entry, E_POSITION, position)
    entry_set(w, entry, E_NS, ns)
    entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, S_ORDINALS, position))
    entry_set(w, entry, Q_OPENED, opened)
    entry_set(w, entry, Q_TREE, share)
    entry_set(w, entry, Q_PIPE, 1 if pipes or related else 0)  # or Q_RELATED
    entry_set(w, entry, Q_TOLD, told)
    entry_set(w, entry, Q_SIZE, size)
    entry_set(w, entry, Q_NTLM, login)
    if cancels:  # nothing answers it
        if not smb_tell(w, flow, slot, entry, -1, 0):
            return False
        entry_drop(w, slot, entry)
    return True


LOOPS = (smb_relates, smb_kept_size, smb_brings, smb_asks)
