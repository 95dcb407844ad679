"""Logins in SMB sessions: who logs in, and the `ntlm` event. `sensors.talks.login` says the same.

A login is one step that is answered at once, or NTLM's three messages in two steps. What a login without NTLM tells is
a hole.
"""

from __future__ import annotations

import numpy as np

from sensors.loops.documents import SMB, begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_OWNER,
    E_POSITION,
    ENTRY_HEAD,
    entry_find,
    entry_number,
)
from sensors.loops.octets import Bytes, Out, little16, little32
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.smb_kept import Q_NTLM, SMB_HEADER, SMB_LOGIN, SMB_LOGIN_SAID, smb_flags, smb_session
from sensors.loops.smb_token import (
    NTLM_COMPUTER,
    NTLM_DNS_COMPUTER,
    NTLM_DOMAIN,
    NTLM_TREE,
    ntlm_field,
    ntlm_pair,
    ntlm_put_version,
    ntlm_text,
    smb_token,
)
from sensors.loops.smb_words import smb_put_lower, smb_put_text
from sensors.loops.text import put, put_hex
from sensors.loops.world import HOLE_END, OUT, S_ALLOWANCE, World

#: What a login without NTLM tells, of its tokens in hexadecimal.
HOLE_LOGIN = b"\0K"

#: Which step's token: NTLM's NEGOTIATE, CHALLENGE and AUTHENTICATE.
SMB_FIRST, SMB_ANSWER, SMB_SECOND = 0, 1, 2
#: Places of names in an AUTHENTICATE (MS-NLMP §2.2.1.3).
_NTLM_RESPONSE, _NTLM_HOME, _NTLM_USER, _NTLM_STATION = 20, 28, 36, 44


def smb_token_range(data: Bytes, at: int) -> int:
    """The token of a session setup: where it begins << 32 | where it ends."""
    place = at + SMB_HEADER + (4 if smb_flags(data, at) & 1 else 12)
    size = little16(data, place + 2)
    begin = at + little16(data, place) if size else at
    return begin << 32 | begin + size


def smb_first_step(w: World, slot: int, entry: int) -> int:
    """The first step of the login to which a step belongs."""
    session = smb_session(w.pool, entry + ENTRY_HEAD)
    if entry_number(w, entry, E_KIND) == SMB_LOGIN or not session:
        return entry
    first = entry_find(w, slot, SMB_LOGIN, session)
    return entry if first < 0 else first


def smb_ntlm_of(w: World, entry: int) -> int:
    """The NTLM message in a step or its answer: where it begins << 32 | where it ends; 0 where it has none."""
    token = smb_token_range(w.pool, entry + ENTRY_HEAD)
    return max(0, smb_token(w.pool, token >> 32, token & 0xFFFFFFFF))


def smb_step(w: World, slot: int, entry: int, which: int) -> int:
    """An NTLM message of the login to which a step belongs: where it begins << 32 | where it ends; 0 where that is not
    there."""
    first = smb_first_step(w, slot, entry)
    step = first
    if which == SMB_SECOND:
        step = entry if entry != first else -1
    elif which == SMB_ANSWER:
        goes_on = entry_number(w, first, E_KIND) == SMB_LOGIN
        step = entry_find(w, slot, SMB_LOGIN_SAID, entry_number(w, first, E_OWNER)) if goes_on else -1
    return smb_ntlm_of(w, step) if step >= 0 else 0


def ntlm_size(data: Bytes, message: int, place: int) -> int:
    """How long a text of a message is; 0 where there is no message."""
    return ntlm_text(data, message >> 32, message & 0xFFFFFFFF, place) & 0xFFFFFFFF if message else 0


def ntlm_put(out: Out, at: int, data: Bytes, message: int, place: int, name: bytes) -> int:
    """`,"name":"text"` where the message has it."""
    if not ntlm_size(data, message, place):
        return at
    text = ntlm_text(data, message >> 32, message & 0xFFFFFFFF, place)
    at = smb_put_text(out, put(out, at, name), data, text >> 32, text & 0xFFFFFFFF)
    return put(out, at, b'"')


def ntlm_is_anonymous(data: Bytes, message: int) -> bool:
    """Of an AUTHENTICATE."""
    response = ntlm_field(data, message >> 32, message & 0xFFFFFFFF, _NTLM_RESPONSE)
    return not ntlm_size(data, message, _NTLM_USER) and not response & 0xFFFFFFFF


def smb_put_user(w: World, out: Out, at: int, message: int) -> int:
    """ECS `user` of an AUTHENTICATE as an object; nothing where it names nobody."""
    if not ntlm_size(w.pool, message, _NTLM_USER):
        return at
    begin = at
    at = ntlm_put(out, at, w.pool, message, _NTLM_USER, b',"name":"')
    at = ntlm_put(out, at, w.pool, message, _NTLM_HOME, b',"domain":"')
    out[begin] = 123
    return put(out, at, b"}")


def smb_put_login(w: World, at: int, slot: int, entry: int, said: int) -> int:
    """`sensors.talks.login.Login.fields` of the login that a step ends, with a comma before them. The answer to it is
    `said` in `scratch`, where its token is read, else -1."""
    out, pool = w.out, w.pool
    if not entry_number(w, entry, Q_NTLM):
        asked = smb_token_range(pool, entry + ENTRY_HEAD)
        at = put_hex(out, put(out, at, HOLE_LOGIN), pool, asked >> 32, asked & 0xFFFFFFFF)
        out[at] = 10
        at += 1
        if said >= 0:
            answer = smb_token_range(w.scratch.view(np.int8), said)
            at = put_hex(out, at, w.scratch.view(np.int8), answer >> 32, answer & 0xFFFFFFFF)
        return put(out, at, HOLE_END)
    message = smb_step(w, slot, entry, SMB_SECOND)
    if not message:
        return at
    first = at = put(out, at, b',"ntlmssp":')
    at = ntlm_put(out, at, pool, message, _NTLM_HOME, b',"domain":"')
    at = ntlm_put(out, at, pool, message, _NTLM_USER, b',"user":"')
    at = ntlm_put(out, at, pool, message, _NTLM_STATION, b',"host":"')
    at = ntlm_put_version(out, at, pool, message >> 32, message & 0xFFFFFFFF, b',"version":"')
    if ntlm_is_anonymous(pool, message):
        at = put(out, at, b',"anonymous":true')
    if at == first:
        return put(out, at, b"{}")
    out[first] = 123
    return put(out, at, b"}")


def ntlm_put_host(w: World, at: int, begin: int, text: int) -> int:
    """One more name in a list that begins at `begin`, in lower case, where it is not in it."""
    out, size = w.out, text & 0xFFFFFFFF
    if not size:
        return at
    had = at
    at = put(out, at, b',"')
    at = smb_put_lower(out, at, w.pool, text >> 32, size)
    at = put(out, at, b'"')
    for n in range(begin, had - (at - had) + 1):  # a whole element has a comma before it
        same = 0
        while same < at - had and out[n + same] == out[had + same]:
            same += 1
        if same == at - had:
            return had
    return at


def smb_put_hosts(w: World, at: int, slot: int, entry: int) -> int:
    """`,"hosts":[…]` of a login, where any is known."""
    out, pool = w.out, w.pool
    begin = put(out, at, b',"hosts":[') - 1
    end = begin
    message = smb_step(w, slot, entry, SMB_SECOND)
    if message:
        end = ntlm_put_host(w, end, begin, ntlm_text(pool, message >> 32, message & 0xFFFFFFFF, _NTLM_STATION))
    message = smb_step(w, slot, entry, SMB_ANSWER)
    if message:
        for n in range(2):
            kind = NTLM_DNS_COMPUTER if n else NTLM_COMPUTER
            end = ntlm_put_host(w, end, begin, ntlm_pair(pool, message >> 32, message & 0xFFFFFFFF, kind))
    if end == begin:
        return at
    out[begin] = 91
    return put(out, end, b"]")


def ntlm_put_pair(w: World, at: int, message: int, kind: int, name: bytes) -> int:
    pair = ntlm_pair(w.pool, message >> 32, message & 0xFFFFFFFF, kind)
    if not pair:
        return at
    at = smb_put_text(w.out, put(w.out, at, name), w.pool, pair >> 32, pair & 0xFFFFFFFF)
    return put(w.out, at, b'"')


def ntlm_put_facts(w: World, at: int, slot: int, entry: int) -> int:
    """What `vonggac.ntlm` has of the messages, each with a comma before it."""
    out, pool = w.out, w.pool
    message = smb_step(w, slot, entry, SMB_SECOND)
    if message:
        at = ntlm_put(out, at, pool, message, _NTLM_USER, b',"username":"')
        at = ntlm_put(out, at, pool, message, _NTLM_HOME, b',"domainname":"')
        at = ntlm_put(out, at, pool, message, _NTLM_STATION, b',"hostname":"')
    else:
        message = smb_step(w, slot, entry, SMB_FIRST)
    at = ntlm_put_version(out, at, pool, message >> 32, message & 0xFFFFFFFF, b',"version":"')
    if little32(pool, (message >> 32) + 8) == 3 and ntlm_is_anonymous(pool, message):
        at = put(out, at, b',"anonymous":true')
    message = smb_step(w, slot, entry, SMB_ANSWER)
    if message:
        at = ntlm_put_pair(w, at, message, NTLM_COMPUTER, b',"server_nb_computer_name":"')
        at = ntlm_put_pair(w, at, message, NTLM_DNS_COMPUTER, b',"server_dns_computer_name":"')
        at = ntlm_put_pair(w, at, message, NTLM_TREE, b',"server_tree_name":"')
        before = at
        at = ntlm_put_pair(w, at, message, NTLM_DOMAIN, b',"server_nb_domain_name":"')
        if at == before:
            at = ntlm_put(out, at, pool, message, 12, b',"server_nb_domain_name":"')
        at = ntlm_put_version(out, at, pool, message >> 32, message & 0xFFFFFFFF, b',"server_version":"')
    return at


def ntlm_tell(w: World, flow: int, slot: int, entry: int, success: int) -> None:
    """The `ntlm` event of the login to which a step belongs; `success` is -1 where it did not come to its end."""
    out = w.out
    begin = int(w.numbers[OUT])
    first = smb_first_step(w, slot, entry)
    position = entry_number(w, first, E_POSITION)
    at = begin_event(
        w, begin, b"ntlm", b'"category":["authentication","network"],"type":["protocol"]', position,
        entry_number(w, first, E_NS), entry_number(w, first, Q_NTLM) - 1,
    )  # fmt: skip
    if success >= 0:
        at = put(out, at, b',"outcome":"success"' if success else b',"outcome":"failure"')
    at = put_ends(w, at, flow, SMB, 0, 0)
    before = put(out, at, b',"user":')
    end = smb_put_user(w, out, before, smb_step(w, slot, entry, SMB_SECOND))
    if end > before:
        at = end
    at = put_source(w, at, position)
    first = at = put(out, at, b',"ntlm":')
    at = ntlm_put_facts(w, at, slot, entry)
    if success >= 0:
        at = put(out, at, b',"success":true' if success else b',"success":false')
    if at == first:
        at = put(out, at, b"{}")
    else:
        out[first] = 123
        at = put(out, at, b"}")
    at = put(out, at, b"}")
    at = put(out, put_related(w, at, flow), b"]")
    at = smb_put_hosts(w, at, slot, entry)
    tell_line(w, begin, put(out, at, b"}}"))
    w.slots[slot, S_ALLOWANCE] -= BYTES_PER_TELLING


LOOPS = (
    smb_token_range, smb_first_step, smb_ntlm_of, smb_step, ntlm_size, ntlm_put, ntlm_is_anonymous, smb_put_user,
    smb_put_login, ntlm_put_host, smb_put_hosts, ntlm_put_pair, ntlm_put_facts, ntlm_tell,
)  # fmt: skip
