"""Contents of files in SMB sessions, as reads and writes bring them in order: told to the engine, which hashes them,
and a `file` event in the end. `sensors.talks.smb_files` says the same, and contents with holes or out of order.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.documents import SMB, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.http_event import HOLE_FILE
from sensors.loops.kept import (
    E_NS,
    E_ORDINAL,
    E_POSITION,
    ENTRY_HEAD,
    entry_add,
    entry_find,
    entry_number,
    entry_set,
)
from sensors.loops.octets import little32
from sensors.loops.slots import BYTES_PER_TELLING, next_ordinal
from sensors.loops.smb_event import smb_put_who
from sensors.loops.smb_file import smb_put_kind, smb_put_place
from sensors.loops.smb_kept import (
    B_FILE,
    Q_NEXT,
    Q_REFUSED,
    SMB_CONTENT,
    SMB_HEADER,
    SMB_OPEN,
    SMB_OPEN_SAID,
    smb_file_session,
)
from sensors.loops.smb_words import smb_64
from sensors.loops.text import put, put_bytes, put_int
from sensors.loops.world import HOLE_END, OUT, S_ALLOWANCE, T_BODY, TELLS, World

#: The hashes of a content, by its body's number; it is forgotten then.
HOLE_CONTENT = b"\0X"

#: Which way a content goes by.
SMB_READS, SMB_WRITES = 0, 1
_SMB_FILES = 1 << 20


def smb_body(flow: int, number: int, way: int) -> int:
    """The number of a body; HTTP's are not negative."""
    return -1 - (2 * (flow * _SMB_FILES + number) + way)


def smb_is_directory(w: World, slot: int, number: int) -> bool:
    """Whether a file that is open is one."""
    asked = entry_find(w, slot, SMB_OPEN, number) + ENTRY_HEAD + SMB_HEADER
    said = entry_find(w, slot, SMB_OPEN_SAID, number) + ENTRY_HEAD + SMB_HEADER
    return (little32(w.pool, asked + 40) & 1) + (little32(w.pool, said + 56) & 0x10) > 0


def smb_goes_by(
    w: World, flow: int, slot: int, number: int, way: int, offset: int, at: int, size: int, position: int, ns: int
) -> bool:
    """The next bytes of an open file's content stand in `scratch`; False where they are not for the loops."""
    data, owner = w.scratch.view(np.int8), 2 * number + way
    entry = entry_find(w, slot, SMB_CONTENT, owner)
    if entry < 0:
        if number >= _SMB_FILES or smb_is_directory(w, slot, number):
            return False
        entry = entry_add(w, slot, SMB_CONTENT, owner, data, at, 0)
        if entry < 0:
            return False
        entry_set(w, entry, E_POSITION, position)
        entry_set(w, entry, E_NS, ns)
        entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, B_FILE, position))
    if entry_number(w, entry, Q_NEXT) != offset:
        return False
    entry_set(w, entry, Q_NEXT, offset + size)
    begin, told = int(w.numbers[OUT]), w.tells[w.numbers[TELLS]]
    end = put_bytes(w.out, begin, data, at, at + size)
    told[0], told[1], told[2], told[3], told[4] = T_BODY, smb_body(flow, number, way), begin, end, end
    w.numbers[TELLS] += 1
    w.numbers[OUT] = end
    return True


def smb_is_whole(w: World, slot: int, number: int, way: int, clean: bool, final: int) -> bool:
    """Whether all of a file went by; `final` is its size when it was closed, or -1."""
    gone = entry_number(w, entry_find(w, slot, SMB_CONTENT, 2 * number + way), Q_NEXT)
    if way == SMB_READS:
        return smb_64(w.pool, entry_find(w, slot, SMB_OPEN_SAID, number) + ENTRY_HEAD + SMB_HEADER + 48) <= gone
    refused = entry_number(w, entry_find(w, slot, SMB_OPEN, number), Q_REFUSED)
    return clean and not refused and (final < 0 or final == gone)


def smb_tell_content(w: World, flow: int, slot: int, number: int, way: int, whole: bool) -> None:
    """The `file` event of what was read or written of an open file."""
    out = w.out
    begin = int(w.numbers[OUT])
    entry, opened = entry_find(w, slot, SMB_CONTENT, 2 * number + way), entry_find(w, slot, SMB_OPEN, number)
    answer = entry_find(w, slot, SMB_OPEN_SAID, number) + ENTRY_HEAD
    position, size = entry_number(w, entry, E_POSITION), entry_number(w, entry, Q_NEXT)
    if way == SMB_READS:
        size = max(size, smb_64(w.pool, answer + SMB_HEADER + 48))
    at = begin_event(
        w, begin, b"file", b'"category":["file","network"],"type":["info"]', position, entry_number(w, entry, E_NS),
        entry_number(w, entry, E_ORDINAL),
    )  # fmt: skip
    at = put_ends(w, at, flow, SMB, 0, 0)
    first = at = put(out, at, b',"file":')
    at = smb_put_place(w, at, slot, opened)
    at = smb_put_kind(w, at, opened, answer, size)
    out[first] = 123
    at = put_int(out, put(out, at, HOLE_FILE), smb_body(flow, number, way))
    at = put(out, at, b"\n1\0}" if whole else b"\n0\0}")
    before = put(out, at, b',"user":')
    end = smb_put_who(w, out, before, slot, smb_file_session(w, slot, number))
    at = put_source(w, end if end > before else at, position)
    at = put(out, at, b',"file":{"direction":"response"' if way == SMB_READS else b',"file":{"direction":"request"')
    at = put(out, at, b',"protocol":"smb","complete":')
    at = put(out, at, b'true,"missing_bytes":0}}' if whole else b'false,"missing_bytes":0}}')
    at = put(out, put_related(w, at, flow), b"]")
    at = put_int(out, put(out, at, HOLE_CONTENT), smb_body(flow, number, way))
    tell_line(w, begin, put(out, put(out, at, HOLE_END), b"}}"))
    w.slots[slot, S_ALLOWANCE] -= BYTES_PER_TELLING


def smb_tell_contents(w: World, flow: int, slot: int, number: int, clean: bool, final: int) -> None:
    """Those of a file that is closed, or (not `clean`) left open."""
    for way in range(2):
        if entry_find(w, slot, SMB_CONTENT, 2 * number + way) >= 0:
            smb_tell_content(w, flow, slot, number, way, smb_is_whole(w, slot, number, way, clean, final))


LOOPS = (
    smb_body, smb_is_directory, smb_goes_by, smb_is_whole, smb_tell_content, smb_tell_contents,
)  # fmt: skip
