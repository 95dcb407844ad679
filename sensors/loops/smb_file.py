"""Files and pipes that are open in SMB sessions, as events tell of them. `sensors.talks.smb_files` says the same."""

from __future__ import annotations

from sensors.loops.kept import E_KIND, E_OWNER, ENTRY_HEAD, entry_end, entry_find, entry_first, entry_next, entry_number
from sensors.loops.octets import Bytes, Out, little32
from sensors.loops.smb_kept import (
    Q_OPENED,
    Q_PIPE,
    Q_TREE,
    SMB2_CREATE,
    SMB_ALONE,
    SMB_FAILED,
    SMB_HEADER,
    SMB_OLD,
    SMB_OPEN,
    SMB_OPEN_SAID,
    SMB_TREE,
    SMB_WAITS,
    smb_command,
    smb_id_at,
    smb_is_same_id,
    smb_text,
)
from sensors.loops.smb_words import smb_64, smb_put_guid, smb_put_seconds, smb_put_text, smb_put_time
from sensors.loops.text import put, put_int
from sensors.loops.world import World


def smb_opener(w: World, slot: int, number: int) -> int:
    """The request that opened, is to open or did not open the file of a number; -1 where it is not kept."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        kind = entry_number(w, entry, E_KIND)
        if kind in (SMB_OPEN, SMB_FAILED) and entry_number(w, entry, E_OWNER) == number:
            return entry
        opens = kind == SMB_WAITS and smb_command(w.pool, entry + ENTRY_HEAD) == SMB2_CREATE
        if opens and entry_number(w, entry, Q_OPENED) == number:
            return entry
        entry = entry_next(w, entry)
    return -1


def smb_open_entry(w: World, slot: int, entry: int) -> int:
    """The request that opened, or would open, the file a command is about; -1 where none is known."""
    if entry_number(w, entry, E_KIND) in (SMB_OLD, SMB_ALONE):
        return -1
    if smb_command(w.pool, entry + ENTRY_HEAD) == SMB2_CREATE:
        return entry
    number = entry_number(w, entry, Q_OPENED)
    return smb_opener(w, slot, number) if number else -1


def smb_open_answer(w: World, slot: int, opened: int) -> int:
    """What answered that request, where it was granted: where the message begins in `pool`; else -1."""
    if entry_number(w, opened, E_KIND) != SMB_OPEN:
        return -1
    return entry_find(w, slot, SMB_OPEN_SAID, entry_number(w, opened, E_OWNER)) + ENTRY_HEAD


def smb_is_pipe(w: World, slot: int, entry: int) -> bool:
    """Whether a command is about a pipe that is known."""
    opened = smb_open_entry(w, slot, entry)
    return opened >= 0 and entry_number(w, opened, Q_PIPE) != 0


def smb_put_file_name(w: World, at: int, slot: int, entry: int) -> int:
    """`,"filename":…,"fuid":…` of a command that has a file id (`Command.name_file`)."""
    out, pool, raw = w.out, w.pool, entry + ENTRY_HEAD
    opened = smb_open_entry(w, slot, entry)
    if opened >= 0:
        text = smb_text(pool, opened + ENTRY_HEAD)
        if text & 0xFFFFFFFF:
            at = smb_put_text(out, put(out, at, b',"filename":"'), pool, text >> 32, text & 0xFFFFFFFF)
            at = put(out, at, b'"')
    place = raw + smb_id_at(smb_command(pool, raw))
    if smb_is_same_id(pool, place):
        return at
    at = smb_put_guid(out, put(out, at, b',"fuid":"'), pool, place)
    return put(out, at, b'"')


def smb_put_times(out: Out, at: int, data: Bytes, raw: int) -> int:
    """What an opened file is, and its id (MS-SMB2 §2.2.14)."""
    body = raw + SMB_HEADER
    for n in range(4):
        name = (b',"created":', b',"accessed":', b',"modified":', b',"changed":')[n]
        at = smb_put_seconds(out, put(out, at, name), smb_64(data, body + 8 + 8 * n))
    at = put_int(out, put(out, at, b',"size":'), smb_64(data, body + 48))
    at = smb_put_guid(out, put(out, at, b',"fuid":"'), data, body + 64)
    return put(out, at, b'"')


def smb_put_place(w: World, at: int, slot: int, opened: int) -> int:
    """`,"name":…,"path":…` of a file."""
    out, pool = w.out, w.pool
    name = smb_text(pool, opened + ENTRY_HEAD)
    begin, end = name >> 32, (name >> 32) + (name & 0xFFFFFFFF)
    last = end
    while last > begin and not (pool[last - 2] == 92 and pool[last - 1] == 0):
        last -= 2
    if last < end:
        at = smb_put_text(out, put(out, at, b',"name":"'), pool, last, end - last)
        at = put(out, at, b'"')
    while begin < end and pool[begin] == 92 and pool[begin + 1] == 0:
        begin += 2
    tree = entry_number(w, opened, Q_TREE)
    share = smb_text(pool, entry_find(w, slot, SMB_TREE, tree) + ENTRY_HEAD) if tree else 0
    if begin == end and not share & 0xFFFFFFFF:
        return at
    at = put(out, at, b',"path":"')
    if share & 0xFFFFFFFF:
        at = smb_put_text(out, at, pool, share >> 32, share & 0xFFFFFFFF)
        if begin < end:
            at = put(out, at, b"\\\\")
    at = smb_put_text(out, at, pool, begin, end - begin)
    return put(out, at, b'"')


def smb_put_kind(w: World, at: int, opened: int, answer: int, size: int) -> int:
    """Size, kind and times of a file that is no pipe. The size is what it was when it was opened, unless it is given
    (not -1)."""
    out, pool, body = w.out, w.pool, answer + SMB_HEADER
    options = little32(pool, opened + ENTRY_HEAD + SMB_HEADER + 40)
    if options & 1 or little32(pool, body + 56) & 0x10:
        at = put(out, at, b',"type":"dir"')
    else:
        at = put_int(out, put(out, at, b',"size":'), smb_64(pool, body + 48) if size < 0 else size)
        at = put(out, at, b',"type":"file"')
    for n in range(4):
        name = (b',"created":"', b',"accessed":"', b',"mtime":"', b',"ctime":"')[n]
        at = smb_put_time(out, at, name, smb_64(pool, body + 8 + 8 * n), w.clock)
    return at


def smb_put_file(w: World, at: int, slot: int, entry: int) -> int:
    """`,"file":{…}` of the file that a command is about, where anything is known of it."""
    opened = smb_open_entry(w, slot, entry)
    if opened < 0:
        return at
    first = put(w.out, at, b',"file":')
    end = smb_put_place(w, first, slot, opened)
    answer = smb_open_answer(w, slot, opened)
    if answer >= 0 and not entry_number(w, opened, Q_PIPE):
        end = smb_put_kind(w, end, opened, answer, -1)
    if end == first:
        return at
    w.out[first] = 123
    return put(w.out, end, b"}")


LOOPS = (
    smb_opener, smb_open_entry, smb_open_answer, smb_is_pipe, smb_put_file_name, smb_put_times, smb_put_place,
    smb_put_kind, smb_put_file,
)  # fmt: skip
