"""SMB 2 and 3 on one connection (MS-SMB2 §3.2.5), begun as SMB 1 or not: each command is told with its response.

`sensors.talks.smb` and `sensors.talks.smb2` say the same, and all that is unusual: SMB 1, sealed and compressed
messages, faults, contents of files, compounds about a file that they open.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc import rpc_ends
from sensors.loops.documents import SMB
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    E_SIZE,
    ENTRY_HEAD,
    entry_add,
    entry_drop,
    entry_end,
    entry_find,
    entry_first,
    entry_more,
    entry_next,
    entry_number,
    entry_set,
    recall,
    remember,
)
from sensors.loops.octets import Bytes, little32, u8, u24
from sensors.loops.slots import next_ordinal, take_slot
from sensors.loops.smb_answer import smb_answers
from sensors.loops.smb_ask import smb_asks
from sensors.loops.smb_content import smb_tell_contents
from sensors.loops.smb_event import smb_asked, smb_tell
from sensors.loops.smb_kept import (
    B_BOUND,
    B_FILE,
    B_NTLM,
    B_RPC,
    Q_PIPE,
    SMB2_CANCEL,
    SMB2_SETUP,
    SMB_HALF,
    SMB_HEADER,
    SMB_LOGIN,
    SMB_OLD,
    SMB_OPEN,
    SMB_OPEN_SAID,
    SMB_WAITS,
    smb_command,
    smb_flags,
)
from sensors.loops.smb_login import ntlm_tell, smb_first_step
from sensors.loops.smb_pipe import smb_pipe_text, smb_user_text
from sensors.loops.smb_words import smb_64, smb_same
from sensors.loops.text import put_bytes
from sensors.loops.world import S_ALLOWANCE, S_ORDINALS, TAKEN, UNUSUAL, World

#: Where a message stands in `scratch` while it is read, and the longest; a NetBIOS packet's header (RFC 1002 §4.3.1).
_SMB_MESSAGE, _SMB_MESSAGE_MAX = 8_192, 32_768
_SMB_FRAME = 4
#: Messages of a compound, and steps that one piece may take.
_SMB_COMPOUND_MAX, _SMB_STEPS_MAX = 16, 64
#: Where SMB 1's negotiation has its dialects: behind header, count of words and count of bytes (MS-CIFS §2.2.4.52.1).
_SMB_OLD_DIALECTS, _SMB_OLD_MAX = 35, 1_024


def begins_smb(data: Bytes, at: int, end: int) -> bool:
    """Whether a connection's first piece begins with SMB in the clear."""
    if end - at < 10 or data[at] or data[at + 5] != 83 or data[at + 6] != 77 or data[at + 7] != 66:
        return False
    return u8(data, at + 4) == 0xFF or (u8(data, at + 4) == 0xFE and data[at + 8] == 64 and data[at + 9] == 0)


def smb_slot(w: World, flow: int, position: int, ns: int) -> int:
    """`take_slot` for SMB."""
    slot = take_slot(w, flow, SMB, position, ns)
    if slot >= 0:
        w.slots[slot, B_NTLM] = w.slots[slot, B_RPC] = w.slots[slot, B_FILE] = -1
    return slot


def smb_hears_old(w: World, slot: int, at: int, stop: int, position: int, ns: int) -> bool:
    """SMB 1's negotiation, which SMB 2 may answer."""
    data = w.scratch.view(np.int8)
    size = stop - at
    if not _SMB_OLD_DIALECTS <= size <= _SMB_OLD_MAX or u8(data, at + 4) != 0x72 or u8(data, at + 9) & 0x80:
        return False
    if data[at + 32] or entry_find(w, slot, SMB_OLD, 0) >= 0:
        return False
    count = 0
    for n in range(at + _SMB_OLD_DIALECTS, stop):
        byte = u8(data, n)
        count += 0 if byte else 1
        if byte and byte != 2 and not 32 <= byte < 127:
            return False
        if byte == 2 and n > at + _SMB_OLD_DIALECTS and data[n - 1]:
            return False
    if count >= 64:
        return False
    entry = entry_add(w, slot, SMB_OLD, 0, data, at, size)
    if entry < 0:
        return False
    entry_set(w, entry, E_POSITION, position)
    entry_set(w, entry, E_NS, ns)
    entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, S_ORDINALS, position))
    return True


def smb_message(w: World, flow: int, slot: int, size: int, position: int, ns: int) -> bool:
    """A whole message or compound in `scratch`; False where it is not for the loops."""
    data = w.scratch.view(np.int8)
    at, end = _SMB_MESSAGE, _SMB_MESSAGE + size
    if size >= 4 and smb_same(data, at, b"\xffSMB"):
        return smb_hears_old(w, slot, at, end, position, ns)
    before, answers = -1, 0
    for n in range(_SMB_COMPOUND_MAX):
        if end - at < SMB_HEADER or not smb_same(data, at, b"\xfeSMB\x40\0") or smb_command(data, at) > 18:
            return False
        following = little32(data, at + 20)
        stop = at + following if following else end
        if stop > end or (following and (following < SMB_HEADER or following & 7)):
            return False
        for k in range(4):  # what is kept of it stands alone
            data[at + 20 + k] = 0
        answer = smb_flags(data, at) & 1
        if n and (answer != answers or w.slots[slot, B_BOUND]):
            return False
        answers = answer
        if answer:
            heard = smb_answers(w, flow, slot, at, stop, position, ns)
        else:
            heard = smb_asks(w, flow, slot, at, stop, before, position, ns)
            before = smb_64(data, at + 24)
            if smb_command(data, at) == SMB2_CANCEL and stop < end:
                return False
        if not heard:
            return False
        if stop == end:
            return True
        at = stop
    return False


def smb_gather(w: World, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    """More of a packet is in the entry of what is not whole: where its bytes end; -1 where it is not for the loops."""
    entry = entry_find(w, slot, SMB_HALF, side)
    had = entry_number(w, entry, E_SIZE) if entry >= 0 else 0
    wanted = _SMB_FRAME
    if had >= _SMB_FRAME:
        wanted += u24(w.pool, entry + ENTRY_HEAD + 1)
    size = min(wanted - had, end - at)
    if entry < 0:
        entry = entry_add(w, slot, SMB_HALF, side, data, at, size)
        if entry < 0:
            return -1
        entry_set(w, entry, E_POSITION, position)
        entry_set(w, entry, E_NS, ns)
    else:
        entry = entry_more(w, slot, entry, data, at, size)
        if entry < 0:
            return -1
    begin = entry + ENTRY_HEAD
    if w.pool[begin] or (had + size >= _SMB_FRAME and not 0 < u24(w.pool, begin + 1) <= _SMB_MESSAGE_MAX):
        return -1
    return at + size


def smb_hears_piece(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> bool:
    """The messages that are whole with these bytes; False where they are not for the loops."""
    row = w.slots[slot]
    for _ in range(_SMB_STEPS_MAX):
        if at >= end:
            return True
        if row[B_BOUND]:
            return False
        begun, begun_ns, size = position, ns, 0
        half = entry_find(w, slot, SMB_HALF, side)
        if half < 0 and end - at >= _SMB_FRAME and _SMB_FRAME + u24(data, at + 1) <= end - at:
            size = u24(data, at + 1)
            if data[at] or not 0 < size <= _SMB_MESSAGE_MAX:
                return False
            at += _SMB_FRAME
            put_bytes(w.scratch, _SMB_MESSAGE, data, at, at + size)
            at += size
        else:
            at = smb_gather(w, slot, side, data, at, end, position, ns)
            if at < 0:
                return False
            half = entry_find(w, slot, SMB_HALF, side)
            begin, had = half + ENTRY_HEAD, entry_number(w, half, E_SIZE)
            if had >= _SMB_FRAME and had == _SMB_FRAME + u24(w.pool, begin + 1):
                size = had - _SMB_FRAME
                put_bytes(w.scratch, _SMB_MESSAGE, w.pool, begin + _SMB_FRAME, begin + had)
                begun, begun_ns = entry_number(w, half, E_POSITION), entry_number(w, half, E_NS)
                entry_drop(w, slot, half)
        if size and not smb_message(w, flow, slot, size, begun, begun_ns):
            return False
    return False


def smb_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    row = w.slots[slot]
    remember(w, slot)
    row[B_BOUND] = 0
    if smb_hears_piece(w, flow, slot, side, data, at, end, position, ns) and row[S_ALLOWANCE] >= 0:
        return TAKEN
    recall(w, slot)
    return UNUSUAL


def smb_finishes(w: World, flow: int, slot: int) -> bool:
    """All that was begun is told as it is, in the order in which the talk tells it; False where that is not for the
    loops."""
    for kind in (SMB_OLD, SMB_WAITS, SMB_LOGIN, SMB_OPEN_SAID):
        entry = entry_first(w, slot)
        while entry < entry_end(w, slot):
            if entry_number(w, entry, E_KIND) != kind:
                entry = entry_next(w, entry)
                continue
            if kind == SMB_LOGIN:
                ntlm_tell(w, flow, slot, entry, -1)
            elif kind != SMB_OPEN_SAID:
                if smb_asked(w, entry) == SMB2_SETUP and smb_first_step(w, slot, entry) != entry:
                    return False  # the login knows of it already
                if not smb_tell(w, flow, slot, entry, -1, 0):
                    return False
            if kind != SMB_OPEN_SAID:
                entry = entry_next(w, entry)
                continue
            number = entry_number(w, entry, E_OWNER)
            if entry_number(w, entry_find(w, slot, SMB_OPEN, number), Q_PIPE):
                pipe, user = smb_pipe_text(w, slot, number), smb_user_text(w, slot, number)
                if rpc_ends(w, flow, slot, number, pipe, user) == UNUSUAL:
                    return False
            else:
                smb_tell_contents(w, flow, slot, number, False, -1)
            entry_drop(w, slot, entry_find(w, slot, SMB_OPEN_SAID, number))
            entry = entry_first(w, slot)
    return True


def smb_ends(w: World, flow: int, slot: int) -> int:
    remember(w, slot)
    if smb_finishes(w, flow, slot) and w.slots[slot, S_ALLOWANCE] >= 0:
        return TAKEN
    recall(w, slot)
    return UNUSUAL


LOOPS = (
    begins_smb, smb_slot, smb_hears_old, smb_message, smb_gather, smb_hears_piece, smb_hears, smb_finishes, smb_ends,
)  # fmt: skip
