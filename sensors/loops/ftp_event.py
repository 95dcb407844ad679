"""`ftp` events: `sensors.talks.ftp` says the same of a command with its replies."""

from __future__ import annotations

import numpy as np

from sensors.kernel import FAMILY
from sensors.loops.documents import FTP, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.ftp_lines import (
    FTP_ADDRESS,
    FTP_ANSWERED_NS,
    FTP_COMMAND,
    FTP_ENDS,
    FTP_PASSIVE,
    FTP_PORT,
    FTP_REPLY,
    FTP_STATUS,
    FTP_TEXT,
    FTP_TEXT_END,
    FTP_USER,
    FTP_V_ACCT,
    FTP_V_ADAT,
    FTP_V_PASS,
    FTP_V_USER,
    FTP_VERB,
    FTP_VERB_SIZE,
    FTP_WHOLE,
    HOLE_FTP_TEXT,
    ftp_is_ascii,
    ftp_text,
)
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_POSITION,
    ENTRY_HEAD,
    entry_find,
    entry_first,
    entry_next,
    entry_number,
)
from sensors.loops.octets import u32
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_bytes, put_int, put_json
from sensors.loops.world import HOLE_END, OUT, S_ALLOWANCE, World


def ftp_put_text(w: World, at: int, entry: int) -> int:
    """An entry's text as JSON, without quotes."""
    begin, end = ftp_text(w, entry)
    if ftp_is_ascii(w.pool, begin, end):
        return put_json(w.out, at, w.pool, begin, end)
    at = put(w.out, at, HOLE_FTP_TEXT)
    at = put_bytes(w.out, at, w.pool, begin, end)
    return put(w.out, at, HOLE_END)


def ftp_put_raw(w: World, at: int, entry: int) -> int:
    """An entry's text as it is."""
    begin, end = ftp_text(w, entry)
    return put_bytes(w.out, at, w.pool, begin, end)


def ftp_has_text(w: World, entry: int) -> bool:
    return entry_number(w, entry, FTP_TEXT) < entry_number(w, entry, FTP_TEXT_END)


def ftp_put_verb(w: World, at: int, command: int) -> int:
    begin = command + ENTRY_HEAD
    end = put_bytes(w.out, at, w.pool, begin, begin + entry_number(w, command, FTP_VERB_SIZE))
    for n in range(at, end):
        w.out[n] &= 0xDF  # in upper case
    return end


def ftp_user(w: World, slot: int) -> int:
    """The USER that counts now, which has a name; -1 where there is none."""
    entry = entry_find(w, slot, FTP_COMMAND, 0)  # behind others no USER waits
    if entry < 0 or entry_number(w, entry, FTP_VERB) != FTP_V_USER:
        entry = entry_find(w, slot, FTP_USER, 0)
    return entry if entry >= 0 and ftp_has_text(w, entry) else -1


def ftp_is_secret(verb: int) -> bool:
    """Whether a command's argument is not for telling."""
    return verb in (FTP_V_PASS, FTP_V_ACCT, FTP_V_ADAT)


def ftp_put_command(w: World, at: int, command: int) -> int:
    at = put(w.out, at, b',"command":"')
    at = ftp_put_verb(w, at, command)
    at = put(w.out, at, b'"')
    if ftp_is_secret(entry_number(w, command, FTP_VERB)):
        return put(w.out, at, b',"password":true')
    if ftp_has_text(w, command):
        at = put(w.out, at, b',"command_data":"')
        at = ftp_put_text(w, at, command)
        at = put(w.out, at, b'"')
    return at


def ftp_put_replies(w: World, at: int, slot: int) -> int:
    """Codes and lines of all whole replies."""
    whole = int(w.slots[slot, FTP_WHOLE])
    for lines in range(2):
        at = put(w.out, at, b',"reply":[' if lines else b',"completion_code":[')
        entry, left, first = entry_first(w, slot), whole, True
        while left:
            if entry_number(w, entry, E_KIND) == FTP_REPLY:
                left -= 1
                code = entry_number(w, entry, FTP_ENDS)
                if lines or code:
                    at = put(w.out, at, b'"' if first else b',"')
                    first = False
                    at = ftp_put_text(w, at, entry) if lines else put_int(w.out, at, code)
                    at = put(w.out, at, b'"')
            entry = entry_next(w, entry)
        at = put(w.out, at, b"]")
    return at


def ftp_put_ip(w: World, at: int, address: int) -> int:
    """An IPv4 address between quotes."""
    for n in range(4):
        at = put(w.out, at, b"." if n else b'"')
        at = put_int(w.out, at, address >> 24 - 8 * n & 255)
    return put(w.out, at, b'"')


def ftp_put_endpoint(w: World, at: int, command: int) -> int:
    """Where a data connection is opened to."""
    port, address = entry_number(w, command, FTP_PORT), entry_number(w, command, FTP_ADDRESS)
    if not port:
        return at
    at = put(w.out, at, b',"mode":"passive"' if port & FTP_PASSIVE else b',"mode":"active"')
    at = put(w.out, at, b',"dynamic_port":')
    at = put_int(w.out, at, port & 0xFFFF)
    if address >= 0:
        at = put(w.out, at, b',"data_channel":{"ip":')
        at = ftp_put_ip(w, at, address)
        at = put(w.out, at, b"}")
    return at


def ftp_put_related(w: World, at: int, flow: int, command: int) -> int:
    """Both ends, and the address that the command or its reply told, to the line's end."""
    at = put_related(w, at, flow)
    if command >= 0 and entry_number(w, command, FTP_PORT):
        address, key = entry_number(w, command, FTP_ADDRESS), w.keys[flow].view(np.int8)
        known = w.flows[flow, FAMILY] == 4 and (u32(key, 0) == address or u32(key, 16) == address)
        if address >= 0 and not known:
            at = put(w.out, at, b",")
            at = ftp_put_ip(w, at, address)
    return put(w.out, at, b"]}}")


def ftp_tell(w: World, flow: int, slot: int, command: int, begun: int) -> None:
    """The event of a command as far as it was seen; where it is -1, of a reply that nobody asked for, which is the
    entry `begun`."""
    out, row = w.out, w.slots[slot]
    begin, status = int(w.numbers[OUT]), int(row[FTP_STATUS])
    verb = entry_number(w, command, FTP_VERB) if command >= 0 else 0
    position, ns = entry_number(w, begun, E_POSITION), entry_number(w, begun, E_NS)
    kinds = b'"category":["network"],"type":["access","protocol"]'
    if verb in (FTP_V_USER, FTP_V_PASS) and status in (230, 530):
        kinds = b'"category":["network","authentication"],"type":["protocol","start"]'
    at = begin_event(w, begin, b"ftp", kinds, position, ns, entry_number(w, begun, E_ORDINAL))
    if status:
        at = put(out, at, b',"outcome":"success"' if status < 400 else b',"outcome":"failure"')
        if command >= 0:
            at = put(out, at, b',"duration":')
            at = put_int(out, at, max(0, int(row[FTP_ANSWERED_NS]) - ns))
    at = put_ends(w, at, flow, FTP, 0, 0)
    user = ftp_user(w, slot) if command >= 0 else -1
    if user >= 0:
        at = put(out, at, b',"user":{"name":"')
        at = ftp_put_text(w, at, user)
        at = put(out, at, b'"}')
    at = put_source(w, at, position)
    at = put(out, at, b',"ftp":')
    first = at
    if command >= 0:
        at = ftp_put_command(w, at, command)
    if status:
        at = ftp_put_replies(w, at, slot)
    if command >= 0:
        at = ftp_put_endpoint(w, at, command)
    if status:
        at = put(out, at, b',"reply_code":')
        at = put_int(out, at, status)
    out[first] = 123  # an object begins where its first field had a comma
    at = put(out, at, b"}}")
    tell_line(w, begin, ftp_put_related(w, at, flow, command))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING


LOOPS = (
    ftp_put_text, ftp_put_raw, ftp_has_text, ftp_put_verb, ftp_user, ftp_is_secret, ftp_put_command, ftp_put_replies,
    ftp_put_ip, ftp_put_endpoint, ftp_put_related, ftp_tell,
)  # fmt: skip
