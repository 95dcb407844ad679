"""Responses in SMB sessions: the command is told, and what it did is known from there on. `sensors.talks.smb2` says the
same of them."""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc import rpc_ends
from sensors.loops.dcerpc_kept import rpc_told_binds, rpc_told_more
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    ENTRY_HEAD,
    entry_add,
    entry_drop,
    entry_end,
    entry_find,
    entry_first,
    entry_next,
    entry_number,
    entry_set,
)
from sensors.loops.octets import Bytes, little16, little32, u8
from sensors.loops.slots import next_ordinal
from sensors.loops.smb_content import SMB_READS, smb_goes_by, smb_tell_contents
from sensors.loops.smb_event import smb_asked, smb_failed, smb_session_of, smb_tell, smb_tree_of
from sensors.loops.smb_kept import (
    B_DIALECT,
    B_TREES,
    Q_OPENED,
    Q_REFUSED,
    Q_RELATED,
    Q_TOLD,
    Q_TREE,
    SMB2_CLOSE,
    SMB2_CREATE,
    SMB2_IOCTL,
    SMB2_LOGOFF,
    SMB2_NEGOTIATE,
    SMB2_READ,
    SMB2_SETUP,
    SMB2_TREE,
    SMB2_UNTREE,
    SMB2_WRITE,
    SMB_ALONE,
    SMB_CONTENT,
    SMB_FAILED,
    SMB_HEADER,
    SMB_OLD,
    SMB_OPEN,
    SMB_OPEN_SAID,
    SMB_PENDING,
    SMB_TRANSCEIVE,
    SMB_TREE,
    SMB_TREE_GONE,
    SMB_TREE_SAID,
    SMB_UNTREE,
    SMB_USER,
    SMB_USER_SAID,
    SMB_WAITS,
    smb_command,
    smb_count,
    smb_flags,
    smb_has_files,
    smb_id_at,
    smb_is_within,
    smb_opened,
    smb_session,
    smb_tree,
    smb_tree_id,
)
from sensors.loops.smb_pipe import smb_is_open_pipe, smb_passes, smb_pipe_text, smb_user_text
from sensors.loops.smb_setup import smb_answers_setup, smb_drop_all, smb_keep
from sensors.loops.smb_words import smb_64
from sensors.loops.world import S_ORDINALS, UNUSUAL, World

#: What is kept of the response to a CREATE (MS-SMB2 §2.2.14), and the longest that connects a tree.
_SMB_CREATED, _SMB_CONNECTED_MAX = SMB_HEADER + 80, 256
_SMB_ASYNC_ANSWER = 2
#: Commands, as bits, whose responses are not read.
_SMB_SAYS_NOTHING = 1 << 7 | 1 << 10 | 1 << 12 | 1 << 13 | 1 << 14 | 1 << 15 | 1 << 16 | 1 << 18


def smb_says_plainly(data: Bytes, at: int, stop: int, command: int) -> bool:
    """Whether all that is read of a response is there, and can be told."""
    size, body = stop - at, at + SMB_HEADER
    if command == SMB2_NEGOTIATE:
        return size >= SMB_HEADER + 60 and smb_is_within(little16(data, body + 56), little16(data, body + 58), size)
    if command == SMB2_TREE:
        return SMB_HEADER + 3 <= size <= _SMB_CONNECTED_MAX
    if command == SMB2_CREATE:
        if size < _SMB_CREATED:
            return False
        for n in range(4):
            if smb_64(data, body + 8 + 8 * n) < 0:
                return False
        return smb_64(data, body + 48) >= 0
    if command == SMB2_CLOSE:
        if size < SMB_HEADER + 4 or not data[body + 2] & 1:
            return size >= SMB_HEADER + 4
        return size >= SMB_HEADER + 60 and smb_64(data, body + 48) >= 0
    if command == SMB2_READ:
        return size >= SMB_HEADER + 8 and smb_is_within(u8(data, body + 2), little32(data, body + 4), size)
    if command == SMB2_IOCTL:
        return size >= SMB_HEADER + 40 and smb_is_within(little32(data, body + 32), little32(data, body + 36), size)
    return True


def smb_waits_with_bind(w: World, slot: int, opened: int, number: int) -> bool:
    """Whether another command waits that brought a bind to a pipe: of what answers the bind it would tell, too."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        about = entry_number(w, entry, E_KIND) == SMB_WAITS and entry_number(w, entry, Q_OPENED) == opened
        binds = about and rpc_told_binds(entry_number(w, entry, Q_TOLD))
        if binds and entry_number(w, entry, E_OWNER) != number:
            return True
        entry = entry_next(w, entry)
    return False


def smb_gets(w: World, flow: int, slot: int, entry: int, at: int, position: int, ns: int) -> bool:
    """What a READ or IOCTL brings from a pipe, and what DCERPC tells of it. Entries move."""
    data, body = w.scratch.view(np.int8), at + SMB_HEADER
    reads = smb_command(data, at) == SMB2_READ
    if not reads and little32(data, body + 4) != SMB_TRANSCEIVE:
        return True
    opened = entry_number(w, entry, Q_OPENED)
    if not opened:  # a file whose opening was not seen is known from here on
        return False
    size = little32(data, body + (4 if reads else 36))
    begin = at + (u8(data, body + 2) if reads else little32(data, body + 32))
    if not size:
        return True
    if not smb_is_open_pipe(w, slot, opened):
        offset = smb_64(w.pool, entry + ENTRY_HEAD + SMB_HEADER + 8)
        return not reads or smb_goes_by(w, flow, slot, opened, SMB_READS, offset, begin, size, position, ns)
    number = entry_number(w, entry, E_OWNER)
    before = entry_number(w, entry, Q_TOLD)
    told = smb_passes(w, flow, slot, opened, 1, begin, begin + size, position, ns)
    if told < 0:
        return False
    told = rpc_told_more(before, told)
    entry_set(w, entry_find(w, slot, SMB_WAITS, number), Q_TOLD, told)
    return bool(told >= 0 and not smb_waits_with_bind(w, slot, opened, number))


def smb_closes(w: World, flow: int, slot: int, entry: int, at: int) -> bool:
    """A file is closed: its content is told and, on a pipe, what waits for an answer. Entries move."""
    opened = entry_number(w, entry, Q_OPENED)
    if not opened:
        return True
    if smb_count(w, slot, SMB_WAITS, Q_OPENED, opened) > 1:
        return False
    if not smb_is_open_pipe(w, slot, opened):
        data, body = w.scratch.view(np.int8), at + SMB_HEADER
        final = smb_64(data, body + 48) if data[body + 2] & 1 else -1
        smb_tell_contents(w, flow, slot, opened, True, final)
        return True
    return bool(
        rpc_ends(w, flow, slot, opened, smb_pipe_text(w, slot, opened), smb_user_text(w, slot, opened)) != UNUSUAL
    )


def smb_is_same_file(w: World, slot: int, entry: int) -> bool:
    """Whether the file that a request was about is what its id means now."""
    raw = entry + ENTRY_HEAD
    place = smb_id_at(smb_command(w.pool, raw))
    if entry_number(w, entry, Q_RELATED):
        return entry_find(w, slot, SMB_OPEN, entry_number(w, entry, Q_OPENED)) >= 0
    return not place or smb_opened(w, slot, w.pool, raw + place) == entry_number(w, entry, Q_OPENED)


def smb_connects(w: World, slot: int, entry: int, at: int, stop: int, position: int, ns: int) -> bool:
    """A tree is connected; False where its answer has no id, or one that another has."""
    row, number = w.slots[slot], smb_tree_id(w.scratch.view(np.int8), at)
    row[B_TREES] += 1
    free = number != 0 and smb_tree(w, slot, number) < 0
    return free and smb_keep(w, slot, entry, SMB_TREE, int(row[B_TREES]), at, stop, position, ns) >= 0


def smb_grants(w: World, flow: int, slot: int, entry: int, at: int, stop: int, position: int, ns: int) -> bool:
    """What a command that did not fail does before it is told; False where that is not for the loops. Entries move."""
    data, row = w.scratch.view(np.int8), w.slots[slot]
    command = smb_command(data, at)
    if not smb_says_plainly(data, at, stop, command):
        return False
    if command == SMB2_NEGOTIATE:
        row[B_DIALECT] = 1 << 16 | little16(data, at + SMB_HEADER + 4)
        return True
    if command == SMB2_LOGOFF:
        session = smb_session_of(w, entry, at)
        return entry_find(w, slot, SMB_USER, session) < 0 or not smb_has_files(w, slot, session)
    if command == SMB2_TREE:
        return smb_connects(w, slot, entry, at, stop, position, ns)
    if command == SMB2_CREATE:
        if smb_opened(w, slot, data, at + SMB_HEADER + 64):
            return False
        opened = entry_number(w, entry, Q_OPENED)
        return smb_keep(w, slot, entry, SMB_OPEN, opened, at, at + _SMB_CREATED, position, ns) >= 0
    if not smb_is_same_file(w, slot, entry):
        return False
    if command == SMB2_CLOSE:
        return smb_closes(w, flow, slot, entry, at)
    if command in (SMB2_READ, SMB2_IOCTL):
        return smb_gets(w, flow, slot, entry, at, position, ns)
    return True


def smb_disconnects(w: World, slot: int, entry: int, at: int, stop: int, position: int, ns: int) -> bool:
    """A tree is no longer connected. While a file of it is open, what connected and disconnected it is kept."""
    said = smb_tree(w, slot, smb_tree_of(w, entry, at))
    if said < 0:
        entry_drop(w, slot, entry)
        return True
    number = entry_number(w, said, E_OWNER)
    if smb_count(w, slot, SMB_OPEN, Q_TREE, number) + smb_count(w, slot, SMB_WAITS, Q_TREE, number):
        entry_set(w, said, E_KIND, SMB_TREE_GONE)
        entry_set(w, entry, E_KIND, SMB_UNTREE)
        answer = entry_add(w, slot, SMB_UNTREE, 0, w.scratch.view(np.int8), at, stop - at)
        if answer < 0:
            return False
        entry_set(w, answer, E_POSITION, position)
        entry_set(w, answer, E_NS, ns)
        return True
    entry_drop(w, slot, entry)
    smb_drop_all(w, slot, SMB_TREE, number)
    smb_drop_all(w, slot, SMB_TREE_SAID, number)
    return True


def smb_settles(w: World, slot: int, entry: int, at: int, stop: int, position: int, ns: int, granted: bool) -> bool:
    """What a command does behind its event."""
    command = smb_asked(w, entry)
    session, opened = smb_session_of(w, entry, at), entry_number(w, entry, Q_OPENED)
    if granted and command == SMB2_UNTREE:
        return smb_disconnects(w, slot, entry, at, stop, position, ns)
    kind = entry_number(w, entry, E_KIND)
    goes_on = smb_count(w, slot, SMB_WAITS, Q_OPENED, opened) > 1 if opened else False
    if kind == SMB_WAITS and command == SMB2_CREATE and goes_on:
        entry_set(w, entry, E_KIND, SMB_FAILED)
        entry_set(w, entry, E_OWNER, opened)
    elif kind in (SMB_WAITS, SMB_OLD):
        entry_drop(w, slot, entry)
        if opened and not goes_on:
            smb_drop_all(w, slot, SMB_FAILED, opened)
    if granted and command == SMB2_LOGOFF:
        smb_drop_all(w, slot, SMB_USER, session)
        smb_drop_all(w, slot, SMB_USER_SAID, session)
    if granted and command == SMB2_CLOSE and opened:
        smb_drop_all(w, slot, SMB_OPEN, opened)
        smb_drop_all(w, slot, SMB_OPEN_SAID, opened)
        smb_drop_all(w, slot, SMB_CONTENT, 2 * opened)
        smb_drop_all(w, slot, SMB_CONTENT, 2 * opened + 1)
    return True


def smb_answers(w: World, flow: int, slot: int, at: int, stop: int, position: int, ns: int) -> bool:
    """A response in `scratch`; False where it is not for the loops."""
    data = w.scratch.view(np.int8)
    command, number, status = smb_command(data, at), smb_64(data, at + 24), little32(data, at + 8)
    if status == SMB_PENDING and smb_flags(data, at) & _SMB_ASYNC_ANSWER:
        return True  # the final one has the same message id (MS-SMB2 §3.3.4.2)
    if smb_session(data, at) < 0:
        return False
    entry = entry_find(w, slot, SMB_WAITS, number)
    if entry < 0 and command == SMB2_NEGOTIATE:
        entry = entry_find(w, slot, SMB_OLD, 0)
    if entry < 0:
        return smb_is_told_alone(w, flow, slot, at, position, ns)
    if smb_asked(w, entry) != command:
        return False
    if command == SMB2_SETUP:
        return smb_answers_setup(w, flow, slot, entry, at, stop, position, ns)
    granted = not smb_failed(status)
    opened = entry_number(w, entry, Q_OPENED)
    if opened and not smb_is_first(w, slot, entry):
        return False
    if command == SMB2_WRITE and not granted and opened:
        entry_set(w, entry_find(w, slot, SMB_OPEN, opened), Q_REFUSED, 1)
    if granted:
        if not smb_grants(w, flow, slot, entry, at, stop, position, ns):
            return False
        entry = smb_answered(w, slot, number, command, opened)
    return smb_tell(w, flow, slot, entry, at, ns) and smb_settles(w, slot, entry, at, stop, position, ns, granted)


def smb_is_told_alone(w: World, flow: int, slot: int, at: int, position: int, ns: int) -> bool:
    """A response without its request; False where it says more than how it went."""
    data = w.scratch.view(np.int8)
    command = smb_command(data, at)
    failed = smb_failed(little32(data, at + 8))
    if command == SMB2_SETUP or not (failed or _SMB_SAYS_NOTHING >> command & 1):
        return False
    entry = entry_add(w, slot, SMB_ALONE, 0, data, at, SMB_HEADER)
    if entry < 0:
        return False
    entry_set(w, entry, E_POSITION, position)
    entry_set(w, entry, E_NS, ns)
    entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, S_ORDINALS, position))
    if not smb_tell(w, flow, slot, entry, at, ns):
        return False
    entry_drop(w, slot, entry)
    return True


def smb_is_first(w: World, slot: int, entry: int) -> bool:
    """Whether what a compound asked of the file that it opens before this was answered."""
    number, before = entry_number(w, entry, Q_OPENED), entry_first(w, slot)
    while entry_number(w, entry, Q_RELATED) and before < entry:
        if entry_number(w, before, E_KIND) == SMB_WAITS and entry_number(w, before, Q_OPENED) == number:
            return False
        before = entry_next(w, before)
    return True


def smb_answered(w: World, slot: int, number: int, command: int, opened: int) -> int:
    """Where the request is that was granted."""
    if command == SMB2_CREATE:
        return entry_find(w, slot, SMB_OPEN, opened)
    if command == SMB2_TREE:
        return entry_find(w, slot, SMB_TREE, int(w.slots[slot, B_TREES]))
    entry = entry_find(w, slot, SMB_WAITS, number)
    return entry if entry >= 0 else entry_find(w, slot, SMB_OLD, 0)


LOOPS = (
    smb_says_plainly, smb_waits_with_bind, smb_gets, smb_closes, smb_is_same_file, smb_connects,
    smb_grants, smb_disconnects, smb_settles, smb_is_told_alone, smb_is_first, smb_answered, smb_answers,
)  # fmt: skip
