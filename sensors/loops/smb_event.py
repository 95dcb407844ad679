"""`smb` events as lines: a command as its request and its response tell it. `sensors.talks.smb2` and
`sensors.talks.smb_event` say the same. A request is an entry, its response a message in `scratch`.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc_kept import rpc_put_told, rpc_told_binds
from sensors.loops.documents import SMB, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    E_SIZE,
    ENTRY_HEAD,
    entry_find,
    entry_number,
)
from sensors.loops.octets import Bytes, Out, little16, little32, u8
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.smb_file import smb_is_pipe, smb_put_file, smb_put_file_name, smb_put_times
from sensors.loops.smb_kept import (
    B_BOUND,
    B_DIALECT,
    Q_OPENED,
    Q_SIZE,
    Q_TOLD,
    SMB2_CLOSE,
    SMB2_CREATE,
    SMB2_FIND,
    SMB2_GET_INFO,
    SMB2_IOCTL,
    SMB2_NEGOTIATE,
    SMB2_READ,
    SMB2_SET_INFO,
    SMB2_SETUP,
    SMB2_TREE,
    SMB2_UNTREE,
    SMB2_WRITE,
    SMB_ALONE,
    SMB_HEADER,
    SMB_MORE_PROCESSING,
    SMB_OLD,
    SMB_TREE,
    SMB_USER,
    smb_command,
    smb_id_at,
    smb_session,
    smb_text,
    smb_tree,
    smb_tree_id,
    smb_tree_is_of_pipes,
)
from sensors.loops.smb_login import (
    SMB_SECOND,
    ntlm_size,
    smb_ntlm_of,
    smb_put_hosts,
    smb_put_login,
    smb_put_user,
    smb_step,
)
from sensors.loops.smb_words import (
    SMB_COMMANDS,
    SMB_DISPOSITIONS,
    SMB_FILE_CLASSES,
    SMB_FUNCTIONS,
    SMB_LEVELS,
    SMB_SHARES,
    SMB_STATUSES,
    SMB_SYSTEM_CLASSES,
    smb_64,
    smb_put_dialect,
    smb_put_guid,
    smb_put_hex,
    smb_put_name,
    smb_put_text,
)
from sensors.loops.text import put, put_int, put_json
from sensors.loops.world import OUT, S_ALLOWANCE, World

#: Place of a user's name in an AUTHENTICATE.
_SMB_NAMED = 36


def smb_failed(status: int) -> bool:
    """Whether an NTSTATUS is an error (MS-ERREF §2.3)."""
    return status >> 30 == 3


def smb_asked(w: World, entry: int) -> int:
    """A request's command."""
    return SMB2_NEGOTIATE if entry_number(w, entry, E_KIND) == SMB_OLD else smb_command(w.pool, entry + ENTRY_HEAD)


def smb_session_of(w: World, entry: int, said: int) -> int:
    """In which session a command is: its response knows best."""
    raw = entry + ENTRY_HEAD
    told = smb_session(w.scratch.view(np.int8), said) if said >= 0 else 0
    if told:
        return told
    return little16(w.pool, raw + 28) if entry_number(w, entry, E_KIND) == SMB_OLD else smb_session(w.pool, raw)


def smb_tree_of(w: World, entry: int, said: int) -> int:
    """The same of its tree."""
    raw = entry + ENTRY_HEAD
    told = smb_tree_id(w.scratch.view(np.int8), said) if said >= 0 else 0
    if told:
        return told
    return little16(w.pool, raw + 24) if entry_number(w, entry, E_KIND) == SMB_OLD else smb_tree_id(w.pool, raw)


def smb_put_or(out: Out, at: int, kind: int, code: int, digits: bool) -> int:
    """The name of a number, or the number itself, with or without hexadecimal digits."""
    end = smb_put_name(out, at, kind, code)
    if end > at:
        return end
    return smb_put_hex(out, at, code, 8) if digits else put_int(out, at, code)


def smb_put_info(out: Out, at: int, data: Bytes, body: int, name: bytes) -> int:
    """The class of what is asked for or set."""
    kind, code = u8(data, body + 2), u8(data, body + 3)
    at = put(out, put(out, at, name), b'":{"class":"')
    if kind == 1 or kind == 2:
        at = smb_put_or(out, at, SMB_FILE_CLASSES if kind == 1 else SMB_SYSTEM_CLASSES, code, False)
    else:
        at = put_int(out, at, code)
    at = smb_put_or(out, put(out, at, b'","info_level":"'), SMB_LEVELS, kind, False)
    return put(out, at, b'"}')


def smb_put_dialects(w: World, at: int, entry: int) -> int:
    """What a client offers, SMB 1's with a name (MS-CIFS §2.2.4.52.1)."""
    out, pool, raw = w.out, w.pool, entry + ENTRY_HEAD
    at = put(out, at, b',"client_dialects":[')
    begin = at
    if entry_number(w, entry, E_KIND) == SMB_OLD:
        n, end = raw + 35, raw + entry_number(w, entry, E_SIZE)
        while n < end:
            stop = n
            while stop < end and pool[stop]:
                stop += 1
            if pool[n] == 2:
                at = put(out, at, b',"' if at > begin else b'"')
                at = put_json(out, at, pool, n + 1, stop)
                at = put(out, at, b'"')
            n = stop + 1
        return put(out, at, b"]")
    body = raw + SMB_HEADER
    for n in range(little16(pool, body + 2)):
        at = put(out, at, b',"' if n else b'"')
        at = smb_put_dialect(out, at, little16(pool, body + 36 + 2 * n))
        at = put(out, at, b'"')
    at = smb_put_guid(out, put(out, at, b'],"client_guid":"'), pool, body + 12)
    return put(out, at, b'"')


def smb_put_path(w: World, at: int, text: int, name: bytes) -> int:
    """`,"name":"text"` where there is any."""
    if not text & 0xFFFFFFFF:
        return at
    at = smb_put_text(w.out, put(w.out, at, name), w.pool, text >> 32, text & 0xFFFFFFFF)
    return put(w.out, at, b'"')


def smb_put_create(w: World, at: int, entry: int) -> int:
    """What a CREATE asks for (MS-SMB2 §2.2.13)."""
    out, pool, raw = w.out, w.pool, entry + ENTRY_HEAD
    body, text = raw + SMB_HEADER, smb_text(pool, raw)
    options = little32(pool, body + 40)
    if text & 0xFFFFFFFF:
        at = smb_put_path(w, at, text, b',"directory":"' if options & 1 else b',"filename":"')
    else:
        at = put(out, at, b',"filename":"<share_root>"')
    at = put(out, at, b',"disposition":"')
    end = smb_put_name(out, at, SMB_DISPOSITIONS, little32(pool, body + 36))
    at = end if end > at else put(out, at, b"UNKNOWN")
    at = put(out, at, b'","access":"delete on close"' if options & 0x1000 else b'","access":"normal"')
    at = smb_put_hex(out, put(out, at, b',"desired_access":"'), little32(pool, body + 24), 8)
    return put(out, at, b'"')


def smb_put_told(w: World, at: int, slot: int, entry: int) -> int:
    """`,"dcerpc":{…}` of what went by on a pipe; -1 where that is not for the loops."""
    told = entry_number(w, entry, Q_TOLD)
    if not told:
        return at
    if rpc_told_binds(told):
        w.slots[slot, B_BOUND] = 1
    return int(rpc_put_told(w, put(w.out, at, b',"dcerpc":'), slot, entry_number(w, entry, Q_OPENED), told))


def smb_put_asked(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """What a request says; -1 where that is not for the loops. An IOCTL's function is its response's, where it has
    one (`said`)."""
    out, pool, body = w.out, w.pool, entry + ENTRY_HEAD + SMB_HEADER
    command = smb_asked(w, entry)
    if command == SMB2_NEGOTIATE:
        return smb_put_dialects(w, at, entry)
    if command == SMB2_TREE:
        return smb_put_path(w, at, smb_text(pool, entry + ENTRY_HEAD), b',"share":"')
    if command == SMB2_CREATE:
        return smb_put_create(w, at, entry)
    if command in (SMB2_READ, SMB2_WRITE):
        at = put_int(out, put(out, at, b',"offset":'), smb_64(pool, body + 8))
        size = entry_number(w, entry, Q_SIZE) if command == SMB2_WRITE else little32(pool, body + 4)
        at = put_int(out, put(out, at, b',"length":'), size)
    elif command == SMB2_IOCTL:
        code = little32(w.scratch.view(np.int8), said + SMB_HEADER + 4) if said >= 0 else little32(pool, body + 4)
        at = smb_put_or(out, put(out, at, b',"function":"'), SMB_FUNCTIONS, code, True)
        at = put(out, at, b'"')
    elif command == SMB2_FIND:
        at = smb_put_path(w, at, smb_text(pool, entry + ENTRY_HEAD), b',"search_pattern":"')
    elif command == SMB2_GET_INFO:
        at = smb_put_info(out, at, pool, body, b',"get_info')
    elif command == SMB2_SET_INFO:
        at = smb_put_info(out, at, pool, body, b',"set_info')
    for n in range(2):  # one call in the source is one copy of what it calls
        if (command == SMB2_WRITE and n == 0) or (command == SMB2_IOCTL and n == 1):
            at = smb_put_told(w, at, slot, entry)
            if at < 0:
                return -1
        if n == 0 and smb_id_at(command):
            at = smb_put_file_name(w, at, slot, entry)
    return at


def smb_put_agreed(out: Out, at: int, data: Bytes, body: int) -> int:
    """What a server agrees to (MS-SMB2 §2.2.4)."""
    at = smb_put_dialect(out, put(out, at, b',"dialect":"'), little16(data, body + 4))
    at = smb_put_guid(out, put(out, at, b'","server_guid":"'), data, body + 8)
    at = put_int(out, put(out, at, b'","max_read_size":'), little32(data, body + 32))
    at = put_int(out, put(out, at, b',"max_write_size":'), little32(data, body + 36))
    return put(out, at, b',"signing_required":true' if data[body + 2] & 2 else b',"signing_required":false')


def smb_put_connected(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """What a share is (MS-SMB2 §2.2.10)."""
    out = w.out
    begin = at = put(out, at, b',"share_type":"')
    at = smb_put_name(out, at, SMB_SHARES, u8(w.scratch.view(np.int8), said + SMB_HEADER + 2))
    if at == begin:
        at = put(out, at, b"UNKNOWN")
    at = put(out, at, b'"')
    if smb_tree_is_of_pipes(w, slot, entry_number(w, entry, E_OWNER)):
        at = smb_put_path(w, at, smb_text(w.pool, entry + ENTRY_HEAD), b',"named_pipe":"')
    return at


def smb_put_action(w: World, at: int, slot: int, entry: int, what: bytes) -> int:
    at = put(w.out, at, b',"action":"PIPE_' if smb_is_pipe(w, slot, entry) else b',"action":"FILE_')
    return put(w.out, put(w.out, at, what), b'"')


def smb_sets(pool: Bytes, raw: int) -> bool:
    """Whether a SET_INFO does not delete (MS-FSCC §2.4.11)."""
    body = raw + SMB_HEADER
    code, size = u8(pool, body + 3), little32(pool, body + 4)
    deletes = u8(pool, body + 2) == 1 and (code == 13 or code == 64)
    return not deletes or not size or not pool[raw + little16(pool, body + 8)]


def smb_put_granted(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """What the response to a command says that did not fail; -1 where that is not for the loops."""
    out, data, body = w.out, w.scratch.view(np.int8), said + SMB_HEADER
    command = smb_asked(w, entry)
    if command == SMB2_NEGOTIATE:
        return smb_put_agreed(out, at, data, body)
    if command == SMB2_SETUP:
        flags = u8(data, body + 2)
        at = put(out, at, b',"guest":true') if flags & 1 else at
        at = put(out, at, b',"anonymous":true') if flags & 2 else at
        return put(out, at, b',"encrypt_data":true') if flags & 4 else at
    if command == SMB2_TREE:
        return smb_put_connected(w, at, slot, entry, said)
    if command == SMB2_UNTREE:
        tree = smb_tree(w, slot, smb_tree_of(w, entry, said))
        if tree < 0:
            return at
        connected = entry_find(w, slot, SMB_TREE, entry_number(w, tree, E_OWNER))
        return smb_put_path(w, at, smb_text(w.pool, connected + ENTRY_HEAD), b',"share":"')
    what = b""
    if command == SMB2_CREATE:
        at = smb_put_times(out, at, data, said)
        what = b"OPEN"
    elif command == SMB2_CLOSE:
        what = b"CLOSE"
    elif command == SMB2_READ:
        what = b"READ"
    elif command == SMB2_WRITE:
        what = b"WRITE"
    elif command == SMB2_SET_INFO:
        what = b"SET_ATTRIBUTE" if smb_sets(w.pool, entry + ENTRY_HEAD) else b"DELETE"
    if len(what):
        at = smb_put_action(w, at, slot, entry, what)
    return smb_put_told(w, at, slot, entry) if command == SMB2_READ else at


def smb_put_fields(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """`vonggac.smb`; -1 where it is not for the loops."""
    out, dialect = w.out, int(w.slots[slot, B_DIALECT])
    command = smb_asked(w, entry)
    status = little32(w.scratch.view(np.int8), said + 8) if said >= 0 else 0
    granted = said >= 0 and (not smb_failed(status) or (command == SMB2_SETUP and status == SMB_MORE_PROCESSING))
    at = put(out, at, b',"smb":{"command":"')
    if entry_number(w, entry, E_KIND) == SMB_OLD:
        at = put(out, at, b"SMB1_COMMAND_NEGOTIATE_PROTOCOL")
    else:
        at = smb_put_name(out, at, SMB_COMMANDS, command)
    at = put(out, at, b'"')
    alone = entry_number(w, entry, E_KIND) == SMB_ALONE
    for n in range(2):
        if alone == (n == 1):
            at = put_int(out, put(out, at, b',"session_id":'), smb_session_of(w, entry, said))
            at = put_int(out, put(out, at, b',"tree_id":'), smb_tree_of(w, entry, said))
            at = at if alone else smb_put_asked(w, at, slot, entry, said if granted else -1)
            if at < 0:
                return -1
        elif said >= 0:
            at = smb_put_hex(out, put(out, at, b',"status_code":"'), status, 1)
            begin = put(out, at, b'","status":"')
            end = smb_put_name(out, begin, SMB_STATUSES, status)
            at = put(out, end if end > begin else at, b'"')
    if granted:
        at = smb_put_granted(w, at, slot, entry, said)
        if at < 0:
            return -1
    if dialect and not (granted and command == SMB2_NEGOTIATE):
        at = smb_put_dialect(out, put(out, at, b',"dialect":"'), dialect & 0xFFFF)
        at = put(out, at, b'"')
    if command == SMB2_SETUP:
        at = smb_put_login(w, at, slot, entry, said if granted else -1)
    return put(out, at, b"}")


def smb_put_who(w: World, out: Out, at: int, slot: int, session: int) -> int:
    """ECS `user` of a session as an object; nothing where that is not known."""
    entry = entry_find(w, slot, SMB_USER, session)
    return smb_put_user(w, out, at, smb_ntlm_of(w, entry)) if entry >= 0 else at


def smb_put_subjects(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """`,"user":{…},"file":{…}`, each where it is known."""
    out = w.out
    begin = put(out, at, b',"user":')
    end = begin
    status = little32(w.scratch.view(np.int8), said + 8) if said >= 0 else SMB_MORE_PROCESSING
    if smb_asked(w, entry) == SMB2_SETUP and status != SMB_MORE_PROCESSING:  # who failed to log in is told too
        message = smb_step(w, slot, entry, SMB_SECOND)
        if ntlm_size(w.pool, message, _SMB_NAMED):
            end = smb_put_user(w, out, begin, message)
    if end == begin:
        end = smb_put_who(w, out, begin, slot, smb_session_of(w, entry, said))
    return smb_put_file(w, end if end > begin else at, slot, entry)


def smb_tell(w: World, flow: int, slot: int, entry: int, said: int, ns: int) -> bool:
    """The event of a command, answered at that time by the message `said` in `scratch` or (-1) not at all; False where
    it is not for the loops."""
    out = w.out
    begin = int(w.numbers[OUT])
    position = entry_number(w, entry, E_POSITION)
    at = begin_event(
        w, begin, b"smb", b'"category":["network"],"type":["access","protocol"]', position,
        entry_number(w, entry, E_NS), entry_number(w, entry, E_ORDINAL),
    )  # fmt: skip
    if said >= 0:
        status = little32(w.scratch.view(np.int8), said + 8)
        if status != SMB_MORE_PROCESSING:
            at = put(out, at, b',"outcome":"failure"' if smb_failed(status) else b',"outcome":"success"')
        if entry_number(w, entry, E_KIND) != SMB_ALONE:
            at = put_int(out, put(out, at, b',"duration":'), max(0, ns - entry_number(w, entry, E_NS)))
    at = put_ends(w, at, flow, SMB, 0, 0)
    at = smb_put_subjects(w, at, slot, entry, said)
    at = put_source(w, at, position)
    at = smb_put_fields(w, at, slot, entry, said)
    if at < 0:
        return False
    at = put(out, at, b"}")
    at = put(out, put_related(w, at, flow), b"]")
    if smb_asked(w, entry) == SMB2_SETUP:
        at = smb_put_hosts(w, at, slot, entry)
    tell_line(w, begin, put(out, at, b"}}"))
    w.slots[slot, S_ALLOWANCE] -= BYTES_PER_TELLING
    return True


LOOPS = (
    smb_failed, smb_asked, smb_session_of, smb_tree_of, smb_put_or, smb_put_info, smb_put_dialects, smb_put_path,
    smb_put_create, smb_put_told, smb_put_asked, smb_put_agreed, smb_put_connected, smb_put_action, smb_sets,
    smb_put_granted, smb_put_fields, smb_put_who, smb_put_subjects, smb_tell,
)  # fmt: skip
