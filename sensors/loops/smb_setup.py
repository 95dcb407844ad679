"""Steps of logins in SMB sessions (MS-SMB2 §2.2.5, §2.2.6): one that is answered at once, or two with NTLM in them."""

from __future__ import annotations

import numpy as np

from sensors.loops.kept import (
    E_KIND,
    E_NS,
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
from sensors.loops.octets import Bytes, little16, little32
from sensors.loops.slots import next_ordinal
from sensors.loops.smb_event import smb_failed, smb_session_of, smb_tell
from sensors.loops.smb_kept import (
    B_NTLM,
    Q_NTLM,
    SMB2_SETUP,
    SMB_HEADER,
    SMB_LOGIN,
    SMB_LOGIN_SAID,
    SMB_MORE_PROCESSING,
    SMB_USER,
    SMB_USER_SAID,
    SMB_WAITS,
    smb_command,
    smb_count,
    smb_has_files,
    smb_is_within,
    smb_session,
)
from sensors.loops.smb_login import SMB_SECOND, ntlm_size, ntlm_tell, smb_step, smb_token_range
from sensors.loops.smb_token import (
    NTLM_AUTHENTICATE,
    NTLM_CHALLENGE,
    NTLM_NEGOTIATE,
    ntlm_kind,
    smb_has_ntlm,
    smb_token,
)
from sensors.loops.smb_words import smb_64
from sensors.loops.world import World

#: The longest token that is told of by a hole, and how many users are kept.
_SMB_TOKEN_MAX, _SMB_USERS_MAX = 8_000, 32
_NTLM_NAMED = 36


def smb_ntlm_kind(data: Bytes, at: int) -> int:
    """The NTLM message in a step or its answer; 0 where it has none, -1 where it is not for the loops."""
    token = smb_token_range(data, at)
    message = smb_token(data, token >> 32, token & 0xFFFFFFFF)
    return ntlm_kind(data, message >> 32, message & 0xFFFFFFFF) if message > 0 else message


def smb_drop_all(w: World, slot: int, kind: int, owner: int) -> None:
    """Forget what an owner has of this kind."""
    entry = entry_find(w, slot, kind, owner)
    while entry >= 0:
        entry_drop(w, slot, entry)
        entry = entry_find(w, slot, kind, owner)


def smb_keep(w: World, slot: int, entry: int, kind: int, owner: int, at: int, stop: int, position: int, ns: int) -> int:
    """A request and its response in `scratch` are kept as what they did: where the request is then; -1 where there is
    no room. The response's kind is the next one."""
    entry_set(w, entry, E_KIND, kind)
    entry_set(w, entry, E_OWNER, owner)
    said = entry_add(w, slot, kind + 1, owner, w.scratch.view(np.int8), at, stop - at)
    if said < 0:
        return -1
    entry_set(w, said, E_POSITION, position)
    entry_set(w, said, E_NS, ns)
    return entry_find(w, slot, kind, owner)


def smb_users(w: World, slot: int) -> int:
    """How many sessions have a user."""
    entry, end, count = entry_first(w, slot), entry_end(w, slot), 0
    while entry < end:
        if entry_number(w, entry, E_KIND) == SMB_USER:
            count += 1
        entry = entry_next(w, entry)
    return count


def smb_is_alone(w: World, slot: int, session: int) -> bool:
    """Whether no login is on its way but that of a session, whose next step is not asked for yet."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        kind = entry_number(w, entry, E_KIND)
        if kind == SMB_LOGIN and entry_number(w, entry, E_OWNER) != session:
            return False
        if kind == SMB_WAITS and smb_command(w.pool, entry + ENTRY_HEAD) == SMB2_SETUP:
            return False
        entry = entry_next(w, entry)
    return True


def smb_begins_setup(w: World, slot: int, data: Bytes, at: int, position: int) -> int:
    """The ordinal + 1 of the login that a step begins or goes on with, 0 without NTLM; -1 where it is not for the
    loops."""
    session = smb_session(data, at)
    if not smb_is_alone(w, slot, session):
        return -1
    token = smb_token_range(data, at)
    first = entry_find(w, slot, SMB_LOGIN, session) if session else -1
    if first >= 0:
        return entry_number(w, first, Q_NTLM) if smb_ntlm_kind(data, at) == NTLM_AUTHENTICATE else -1
    if smb_has_ntlm(data, token >> 32, token & 0xFFFFFFFF):
        return next_ordinal(w, slot, B_NTLM, position) + 1 if smb_ntlm_kind(data, at) == NTLM_NEGOTIATE else -1
    return 0 if (token & 0xFFFFFFFF) - (token >> 32) <= _SMB_TOKEN_MAX else -1


def smb_goes_on(w: World, slot: int, entry: int, at: int, stop: int, position: int, ns: int) -> int:
    """A login's first step was answered with a challenge: where its entry is; -1 where that is not for the loops."""
    data = w.scratch.view(np.int8)
    session = smb_session_of(w, entry, at)
    asked = smb_session(w.pool, entry + ENTRY_HEAD)
    first = entry_find(w, slot, SMB_LOGIN, asked) if asked else -1
    if not session or first >= 0 or not entry_number(w, entry, Q_NTLM):
        return -1
    if smb_ntlm_kind(data, at) != NTLM_CHALLENGE:
        return -1
    return smb_keep(w, slot, entry, SMB_LOGIN, session, at, stop, position, ns)


def smb_ends_setup(w: World, flow: int, slot: int, entry: int, at: int, stop: int, position: int, ns: int) -> int:
    """A login came to its end, with the `ntlm` event where it is one by NTLM: where its last step's entry is; -1 where
    that is not for the loops."""
    data = w.scratch.view(np.int8)
    session = smb_session_of(w, entry, at)
    asked = smb_session(w.pool, entry + ENTRY_HEAD)
    by_ntlm = entry_number(w, entry, Q_NTLM) != 0
    success = not smb_failed(little32(data, at + 8))
    if asked and asked != session:
        return -1
    if success:
        token = smb_token_range(data, at)
        if by_ntlm and smb_token(data, token >> 32, token & 0xFFFFFFFF):
            return -1
        if smb_has_ntlm(data, token >> 32, token & 0xFFFFFFFF):
            return -1
        if (token & 0xFFFFFFFF) - (token >> 32) > _SMB_TOKEN_MAX:
            return -1
    message = smb_step(w, slot, entry, SMB_SECOND) if by_ntlm else 0
    if success and ntlm_size(w.pool, message, _NTLM_NAMED):
        had, others = smb_count(w, slot, SMB_USER, E_OWNER, session), smb_users(w, slot)
        if had and others > 1:  # the talk forgets the one who came first, and would still know this one as that
            return -1
        smb_drop_all(w, slot, SMB_USER, session)
        smb_drop_all(w, slot, SMB_USER_SAID, session)
        entry = entry_find(w, slot, SMB_WAITS, smb_64(data, at + 24))
        if smb_has_files(w, slot, session) or smb_users(w, slot) >= _SMB_USERS_MAX:
            return -1
        entry = smb_keep(w, slot, entry, SMB_USER, session, at, stop, position, ns)
        if entry < 0:
            return -1
    if by_ntlm:
        ntlm_tell(w, flow, slot, entry, 1 if success else 0)
    return entry


def smb_answers_setup(
    w: World, flow: int, slot: int, entry: int, at: int, stop: int, position: int, ns: int
) -> bool:  # fmt: skip
    """The response to a step of a login."""
    data = w.scratch.view(np.int8)
    status = little32(data, at + 8)
    goes_on = status == SMB_MORE_PROCESSING
    if goes_on or not smb_failed(status):
        body = at + SMB_HEADER
        if stop < body + 8 or not smb_is_within(little16(data, body + 4), little16(data, body + 6), stop - at):
            return False
    if goes_on:
        entry = smb_goes_on(w, slot, entry, at, stop, position, ns)
    else:
        entry = smb_ends_setup(w, flow, slot, entry, at, stop, position, ns)
    if entry < 0 or not smb_tell(w, flow, slot, entry, at, ns):
        return False
    if not goes_on:
        session = smb_session(w.pool, entry + ENTRY_HEAD)
        if entry_number(w, entry, E_KIND) == SMB_WAITS:
            entry_drop(w, slot, entry)
        if session:
            smb_drop_all(w, slot, SMB_LOGIN, session)
            smb_drop_all(w, slot, SMB_LOGIN_SAID, session)
    return True


LOOPS = (
    smb_ntlm_kind, smb_drop_all, smb_keep, smb_users, smb_is_alone, smb_begins_setup, smb_goes_on, smb_ends_setup,
    smb_answers_setup,
)  # fmt: skip
