"""FTP's control connection: commands and their replies, and word of data connections to the engine. `sensors.talks.ftp`
says the same, and all that is unusual: controls, long lines, TLS, addresses of IPv6, USER behind commands that wait.
"""

from __future__ import annotations

import numpy as np

from sensors.kernel import FAMILY, TURNED
from sensors.loops.documents import tell_row
from sensors.loops.ftp_event import ftp_has_text, ftp_put_raw, ftp_put_verb, ftp_tell, ftp_user
from sensors.loops.ftp_lines import (
    FTP_ADDRESS,
    FTP_AGREED,
    FTP_ANSWERED_NS,
    FTP_CLIENT,
    FTP_CODE,
    FTP_COMMAND,
    FTP_ENDS,
    FTP_LINES,
    FTP_OFFSET,
    FTP_PASSIVE,
    FTP_PORT,
    FTP_REPLY,
    FTP_STATUS,
    FTP_USER,
    FTP_V_APPE,
    FTP_V_AUTH,
    FTP_V_EPRT,
    FTP_V_LIST,
    FTP_V_MLSD,
    FTP_V_NLST,
    FTP_V_PORT,
    FTP_V_REST,
    FTP_V_RETR,
    FTP_V_STOR,
    FTP_V_STOU,
    FTP_V_USER,
    FTP_VERB,
    FTP_WAITING,
    FTP_WHOLE,
    ftp_code,
    ftp_extended,
    ftp_host_port,
    ftp_is_ascii,
    ftp_is_plain,
    ftp_keep,
    ftp_line_end,
    ftp_number,
    ftp_reads_command,
    ftp_set_text,
    ftp_text,
)
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    ENTRY_HEAD,
    entry_drop,
    entry_find,
    entry_next,
    entry_number,
    entry_set,
    recall,
    remember,
)
from sensors.loops.octets import Bytes
from sensors.loops.slots import BYTES_PER_TELLING, next_ordinal
from sensors.loops.text import put_bytes
from sensors.loops.world import OUT, S_ALLOWANCE, S_ORDINALS, T_EXPECT, T_TRANSFER, TAKEN, UNUSUAL, World

#: Commands that wait, and lines of replies that are kept: past these Python's talk cuts.
_FTP_WAITING_MAX, _FTP_REPLIES_MAX = 64, 31
#: Lines that one piece may have: each tells one event at most.
_FTP_PIECE_MAX = 128


def ftp_agree(w: World, flow: int, slot: int, command: int, entry: int, extended: bool, passive: bool) -> bool:
    """What an entry says of the next data connection is its command's, and the engine's; False where it is not for the
    loops."""
    row = w.slots[slot]
    begin, end = ftp_text(w, entry)
    if passive and not ftp_is_ascii(w.pool, begin, end):  # a reply is searched as it is shown
        return False
    port, address = ftp_extended(w.pool, begin, end) if extended else ftp_host_port(w.pool, begin, end)
    if port > 0:
        entry_set(w, command, FTP_PORT, port | FTP_PASSIVE if passive else port)
        entry_set(w, command, FTP_ADDRESS, address)
        row[FTP_AGREED] = 1
        client, record, begin = int(row[FTP_CLIENT]) - 1, w.flows[flow], int(w.numbers[OUT])
        end_of_key = 16 * (int(record[TURNED]) ^ (1 - client if passive else client))
        size = 4 if record[FAMILY] == 4 else 16
        end = put_bytes(w.out, begin, w.keys[flow].view(np.int8), end_of_key, end_of_key + size)
        w.numbers[OUT] = end
        told = w.tells[tell_row(w, T_EXPECT, flow)]
        told[2], told[3], told[4], told[5], told[6] = begin, end, port, 1 if passive else 0, address
    return port >= 0


def ftp_tell_transfer(w: World, flow: int, slot: int, command: int) -> None:
    """The data connection that was agreed on is for this command; where it is -1, there will be none."""
    out, row = w.out, w.slots[slot]
    begin = at = int(w.numbers[OUT])
    offset = 0
    if command >= 0:
        if ftp_is_transfer(entry_number(w, command, FTP_VERB)):
            offset = int(row[FTP_OFFSET])
        at = ftp_put_verb(w, at, command)
        out[at] = 10
        at = ftp_put_raw(w, at + 1, command)
        out[at] = 10
        at += 1
        user = ftp_user(w, slot)
        if user >= 0:
            at = ftp_put_raw(w, at, user)
    w.numbers[OUT] = at
    told = w.tells[tell_row(w, T_TRANSFER, flow)]
    told[2], told[3], told[4] = begin, at, offset
    row[FTP_AGREED] = row[FTP_OFFSET] = 0


def ftp_is_transfer(verb: int) -> bool:
    """Whether a command moves one file."""
    return verb in (FTP_V_RETR, FTP_V_STOR, FTP_V_STOU, FTP_V_APPE)


def ftp_is_listing(verb: int) -> bool:
    return verb in (FTP_V_LIST, FTP_V_NLST, FTP_V_MLSD)


def ftp_hears_command(w: World, flow: int, slot: int, entry: int, end: int) -> bool:
    """A line of the client's; False where it is not for the loops."""
    row = w.slots[slot]
    if w.pool[entry + ENTRY_HEAD] == -1 and end > entry + ENTRY_HEAD:  # a signal of Telnet
        return False
    if not ftp_reads_command(w, entry, end):
        entry_drop(w, slot, entry)
        return True
    verb = entry_number(w, entry, FTP_VERB)
    if row[FTP_WAITING] == _FTP_WAITING_MAX or (verb == FTP_V_USER and row[FTP_WAITING]):
        return False
    row[FTP_WAITING] += 1
    entry_set(w, entry, E_KIND, FTP_COMMAND)
    entry_set(w, entry, E_OWNER, 0)
    entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, S_ORDINALS, entry_number(w, entry, E_POSITION)))
    if verb in (FTP_V_PORT, FTP_V_EPRT):
        return ftp_agree(w, flow, slot, entry, entry, verb == FTP_V_EPRT, False)
    if verb == FTP_V_REST:
        begin, end = ftp_text(w, entry)
        row[FTP_OFFSET] = ftp_number(w.pool, begin, end)
    elif row[FTP_AGREED] and (ftp_is_transfer(verb) or ftp_is_listing(verb)):
        ftp_tell_transfer(w, flow, slot, entry)
    return True


def ftp_forget(w: World, slot: int, command: int) -> None:
    """The command (-1: none) was told with its replies. A USER stays, in place of the one before."""
    row = w.slots[slot]
    if command >= 0:
        row[FTP_WAITING] -= 1
        if entry_number(w, command, FTP_VERB) == FTP_V_USER:
            before = entry_find(w, slot, FTP_USER, 0)
            entry_set(w, command, E_KIND, FTP_USER)
            command = before
    for _ in range(row[FTP_LINES]):
        reply = entry_find(w, slot, FTP_REPLY, 0)
        if reply < command:
            command -= entry_next(w, reply) - reply
        entry_drop(w, slot, reply)
    row[FTP_LINES] = row[FTP_WHOLE] = row[FTP_STATUS] = 0
    if command >= 0:
        entry_drop(w, slot, command)


def ftp_replied(w: World, flow: int, slot: int, entry: int, code: int) -> bool:
    """A reply is whole. It goes to the oldest command; a preliminary one leaves that waiting for the next."""
    command = entry_find(w, slot, FTP_COMMAND, 0)
    if command < 0:
        entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, S_ORDINALS, entry_number(w, entry, E_POSITION)))
        ftp_tell(w, flow, slot, command, entry)
    elif code < 200:
        return True
    else:
        if entry_number(w, command, FTP_VERB) == FTP_V_AUTH and code == 234:
            return False
        if (code == 227 or code == 229) and not ftp_agree(w, flow, slot, command, entry, code == 229, True):
            return False
        ftp_tell(w, flow, slot, command, command)
    ftp_forget(w, slot, command)
    return True


def ftp_hears_reply(w: World, flow: int, slot: int, entry: int, end: int) -> bool:
    """A line of the server's; False where it is not for the loops."""
    row, begin = w.slots[slot], entry + ENTRY_HEAD
    opened, code = int(row[FTP_CODE]), ftp_code(w.pool, begin, end)
    if not opened and not code:
        ftp_set_text(w, entry, begin, end)
        blank = not ftp_has_text(w, entry)
        entry_drop(w, slot, entry)
        return blank
    coded = code > 0 and (not opened or code == opened)
    ftp_set_text(w, entry, min(begin + 4, end) if coded else begin, end)
    entry_set(w, entry, E_KIND, FTP_REPLY)
    entry_set(w, entry, E_OWNER, 0)
    row[FTP_LINES] += 1
    if row[FTP_LINES] > _FTP_REPLIES_MAX:
        return False
    if not coded or (end > begin + 3 and w.pool[begin + 3] == 45):
        row[FTP_CODE] = opened if opened else code
        return True
    row[FTP_CODE] = 0
    row[FTP_WHOLE] = row[FTP_LINES]
    row[FTP_STATUS], row[FTP_ANSWERED_NS] = code, entry_number(w, entry, E_NS)
    entry_set(w, entry, FTP_ENDS, code)
    return ftp_replied(w, flow, slot, entry, code)


def ftp_hears_line(w: World, flow: int, slot: int, side: int, entry: int, position: int, ns: int) -> bool:
    """The side's line is all there; False where it is not for the loops."""
    end = ftp_line_end(w, entry)
    if end < 0:
        return False
    entry_set(w, entry, E_POSITION, position)
    entry_set(w, entry, E_NS, ns)
    if side == w.slots[slot, FTP_CLIENT] - 1:
        return ftp_hears_command(w, flow, slot, entry, end)
    return ftp_hears_reply(w, flow, slot, entry, end)


def ftp_hears(w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int) -> int:
    row = w.slots[slot]
    remember(w, slot)
    if not row[FTP_CLIENT]:
        row[FTP_CLIENT] = 2 - side  # the first piece is a greeting
    heard, lines = ftp_is_plain(data, at, end), 0
    while heard and at < end:
        stop = at
        while stop < end and data[stop] != 10:
            stop += 1
        entry = ftp_keep(w, slot, side, data, at, stop)
        lines += 1
        heard = entry >= 0 and lines <= _FTP_PIECE_MAX
        if heard and stop < end:
            heard = ftp_hears_line(w, flow, slot, side, entry, position, ns)
        at = stop + 1
    if heard and row[S_ALLOWANCE] >= 0:
        return TAKEN
    recall(w, slot)
    return UNUSUAL


def ftp_ends(w: World, flow: int, slot: int) -> int:
    """What waits for replies is told as it is."""
    row = w.slots[slot]
    if row[S_ALLOWANCE] < BYTES_PER_TELLING * row[FTP_WAITING]:
        return UNUSUAL
    if row[FTP_AGREED]:
        ftp_tell_transfer(w, flow, slot, -1)
    for _ in range(row[FTP_WAITING]):
        command = entry_find(w, slot, FTP_COMMAND, 0)
        ftp_tell(w, flow, slot, command, command)
        ftp_forget(w, slot, command)
    return TAKEN


LOOPS = (
    ftp_is_transfer, ftp_is_listing, ftp_agree, ftp_tell_transfer, ftp_hears_command, ftp_forget, ftp_replied,
    ftp_hears_reply, ftp_hears_line, ftp_hears, ftp_ends,
)  # fmt: skip
