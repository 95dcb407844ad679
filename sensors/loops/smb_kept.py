"""What is kept of an SMB connection: messages as they came, each an entry, and what is read in them again.

Only what a message is about is kept of it; data that was passed on is not. In the order in which they are kept they
make the connection's state again (`sensors.takeover.smb`).
"""

from __future__ import annotations

import numpy as np

from sensors.loops.kept import (
    E_KIND,
    E_OWN,
    E_OWNER,
    ENTRY_HEAD,
    entry_end,
    entry_find,
    entry_first,
    entry_next,
    entry_number,
)
from sensors.loops.octets import Bytes, little16, little32, same_bytes, u8
from sensors.loops.smb_words import smb_64, smb_is_plain, smb_text_size
from sensors.loops.world import S_OWN, World

# --- a slot's columns
#: Pairs of ordinals of the datasets `ntlm` and `dcerpc`; the dialect with a bit above it, 0 where none is agreed on.
B_NTLM, B_RPC, B_DIALECT = S_OWN, S_OWN + 2, S_OWN + 4
#: How many files and trees were opened; 1 where an event told of a bind's interfaces in this payload.
B_OPENED, B_TREES, B_BOUND = S_OWN + 5, S_OWN + 6, S_OWN + 7
#: The pair of the dataset `file`.
B_FILE = S_OWN + 8

# --- kinds of entries, and whose they are
#: The beginning of a message (side); a command that waits (message id); SMB 1's negotiation.
SMB_HALF, SMB_WAITS, SMB_OLD = 1, 2, 3
#: What connected a tree; the answer, while it is connected and after that (the tree's number); what disconnected it.
SMB_TREE, SMB_TREE_SAID, SMB_TREE_GONE, SMB_UNTREE = 4, 5, 6, 7
#: What opened a file, and the answer (the file's number).
SMB_OPEN, SMB_OPEN_SAID = 8, 9
#: The first step of a login that goes on, and its answer; the step that told who it is, and that one's (session).
SMB_LOGIN, SMB_LOGIN_SAID, SMB_USER, SMB_USER_SAID = 10, 11, 12, 13
#: A response alone, while it is told; a content that goes by, of no bytes (twice the file's number, and which way).
SMB_ALONE, SMB_CONTENT = 14, 15
#: What did not open a file that its compound goes on about (the file's number).
SMB_FAILED = 16

# --- numbers of an entry
#: The file it is about or will open, or 0; the tree in which it opens one, or 0, and whether that is of pipes.
Q_OPENED, Q_TREE, Q_PIPE = E_OWN, E_OWN + 1, E_OWN + 2
#: What DCERPC told of it; the size of the data it had; a login's ordinal + 1, or 0 where it has none.
Q_TOLD, Q_SIZE, Q_NTLM = E_OWN + 3, E_OWN + 4, E_OWN + 5
#: Of what opened a file: whether a WRITE failed. Of a content: the offset wanted next.
Q_REFUSED, Q_NEXT = E_OWN + 3, E_OWN
#: Of a command: whether it is about the file that its compound opens.
Q_RELATED = E_OWN + 2

# --- commands
SMB2_NEGOTIATE, SMB2_SETUP, SMB2_LOGOFF, SMB2_TREE, SMB2_UNTREE, SMB2_CREATE, SMB2_CLOSE, SMB2_FLUSH = range(8)
SMB2_READ, SMB2_WRITE, SMB2_LOCK, SMB2_IOCTL, SMB2_CANCEL, SMB2_ECHO, SMB2_FIND, SMB2_NOTIFY = range(8, 16)
SMB2_GET_INFO, SMB2_SET_INFO, SMB2_BREAK = range(16, 19)

SMB_HEADER = 64
SMB_MORE_PROCESSING, SMB_PENDING = 0xC0000016, 0x103
SMB_TRANSCEIVE = 0x11C017

#: By command: the least bytes of a request's body; where its file id stands; where the offset and size of its text do.
_SMB_LEAST = np.array([36, 16, 0, 8, 0, 48, 24, 24, 32, 32, 24, 32, 0, 0, 28, 24, 40, 32, 0], np.int64)
_SMB_ID_AT = np.array([0, 0, 0, 0, 0, 0, 8, 8, 16, 16, 8, 8, 0, 0, 8, 8, 24, 16, 0], np.int64)
_SMB_TEXT_AT = np.array([0, 12, 0, 4, 0, 44, 0, 0, 0, 0, 0, 0, 0, 0, 24, 0, 0, 0, 0], np.int64)


def smb_command(data: Bytes, at: int) -> int:
    return little16(data, at + 12)


def smb_flags(data: Bytes, at: int) -> int:
    return little32(data, at + 16)


def smb_tree_id(data: Bytes, at: int) -> int:
    """0 where its place is taken by half of an async id (MS-SMB2 §2.2.1.1)."""
    return 0 if smb_flags(data, at) & 2 else little32(data, at + 36)


def smb_session(data: Bytes, at: int) -> int:
    return smb_64(data, at + 40)


def smb_id_at(command: int) -> int:
    """Where a request's file id stands in its message; 0 where it has none."""
    at = int(_SMB_ID_AT[command])
    return SMB_HEADER + at if at else 0


def smb_is_same_id(data: Bytes, at: int) -> bool:
    """Whether a file id stands for that of the command before (MS-SMB2 §3.2.4.1.4)."""
    for n in range(16):  # noqa: SIM110 a generator is not for the compiler
        if data[at + n] != -1:
            return False
    return True


def smb_text(data: Bytes, at: int) -> int:
    """The text of a request that begins at `at`: where it begins << 32 | its size before a NUL."""
    place = at + SMB_HEADER + int(_SMB_TEXT_AT[smb_command(data, at)])
    begin = at + little16(data, place)
    return begin << 32 | smb_text_size(data, begin, little16(data, place + 2))


def smb_is_within(offset: int, size: int, end: int) -> bool:
    """Whether a buffer is in a message of that size."""
    return not size or (offset >= SMB_HEADER and offset + size <= end)


def smb_asks_plainly(data: Bytes, at: int, end: int) -> bool:
    """Whether all that is read of a request is there, and can be told."""
    command, size, body = smb_command(data, at), end - at, at + SMB_HEADER
    if size < SMB_HEADER + _SMB_LEAST[command]:
        return False
    place = int(_SMB_TEXT_AT[command])
    if place:
        begin, length = little16(data, body + place), little16(data, body + place + 2)
        if not smb_is_within(begin, length, size):
            return False
        if command != SMB2_SETUP and not smb_is_plain(data, at + begin, length):
            return False
    if command == SMB2_NEGOTIATE:
        count = little16(data, body + 2)
        return count <= 64 and size >= SMB_HEADER + 36 + 2 * count
    if command == SMB2_READ:
        return smb_64(data, body + 8) >= 0
    if command == SMB2_WRITE:
        return smb_64(data, body + 8) >= 0 and smb_is_within(little16(data, body + 2), little32(data, body + 4), size)
    if command == SMB2_IOCTL:
        return smb_is_within(little32(data, body + 24), little32(data, body + 28), size)
    if command == SMB2_SET_INFO:
        kind, code = u8(data, body + 2), u8(data, body + 3)
        renames = kind == 1 and (code == 10 or code == 65)
        return not renames and smb_is_within(little16(data, body + 8), little32(data, body + 4), size)
    return True


def smb_opened(w: World, slot: int, data: Bytes, at: int) -> int:
    """The number of the open file whose id stands there; 0 where it is not known."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        if entry_number(w, entry, E_KIND) == SMB_OPEN_SAID and same_bytes(
            w.pool, entry + ENTRY_HEAD + 128, data, at, 16
        ):
            return entry_number(w, entry, E_OWNER)
        entry = entry_next(w, entry)
    return 0


def smb_tree(w: World, slot: int, tree_id: int) -> int:
    """The entry that answered the connection of a tree; -1 where there is none."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        if entry_number(w, entry, E_KIND) == SMB_TREE_SAID and smb_tree_id(w.pool, entry + ENTRY_HEAD) == tree_id:
            return entry
        entry = entry_next(w, entry)
    return -1


def smb_count(w: World, slot: int, kind: int, column: int, number: int) -> int:
    """How many entries of a kind have this number."""
    entry, end, count = entry_first(w, slot), entry_end(w, slot), 0
    while entry < end:
        if entry_number(w, entry, E_KIND) == kind and entry_number(w, entry, column) == number:
            count += 1
        entry = entry_next(w, entry)
    return count


def smb_file_session(w: World, slot: int, number: int) -> int:
    """In which session a file was opened."""
    said = smb_session(w.pool, entry_find(w, slot, SMB_OPEN_SAID, number) + ENTRY_HEAD)
    return said if said else smb_session(w.pool, entry_find(w, slot, SMB_OPEN, number) + ENTRY_HEAD)


def smb_has_files(w: World, slot: int, session: int) -> bool:
    """Whether a file is open in a session."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        is_open = entry_number(w, entry, E_KIND) == SMB_OPEN_SAID
        if is_open and smb_file_session(w, slot, entry_number(w, entry, E_OWNER)) == session:
            return True
        entry = entry_next(w, entry)
    return False


def smb_tree_is_of_pipes(w: World, slot: int, number: int) -> bool:
    """`sensors.talks.smb_event.Tree.pipes` of a tree that is connected."""
    said = entry_find(w, slot, SMB_TREE_SAID, number)
    if w.pool[said + ENTRY_HEAD + SMB_HEADER + 2] == 2:
        return True
    return smb_ipc(w, entry_find(w, slot, SMB_TREE, number))


def smb_ipc(w: World, entry: int) -> bool:
    """Whether a tree's path is one of pipes, `\\\\server\\IPC$`."""
    path = smb_text(w.pool, entry + ENTRY_HEAD)
    word = b"\\IPC$"
    begin, size = path >> 32, path & 0xFFFFFFFF
    if size < 10:
        return False
    for n in range(5):
        char = little16(w.pool, begin + size - 10 + 2 * n)
        if 97 <= char <= 122:
            char -= 32
        if char != word[n]:
            return False
    return True


LOOPS = (
    smb_command, smb_flags, smb_tree_id, smb_session, smb_id_at, smb_is_same_id, smb_text, smb_is_within,
    smb_asks_plainly, smb_opened, smb_tree, smb_count, smb_file_session, smb_has_files, smb_ipc, smb_tree_is_of_pipes,
)  # fmt: skip
