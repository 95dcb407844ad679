"""What is kept of DCERPC's associations: binds with their contexts, and calls that wait; and what a PDU told, as one
number."""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc_event import (
    R_CALL_ID,
    R_OFFERS,
    R_SECURITY,
    R_WAITS,
    RPC_ALTER,
    RPC_BIND,
    RPC_BINDING,
    RPC_CALL,
    RPC_OFFERS,
    RPC_SECURITY,
    rpc_offer_size,
    rpc_put_interfaces,
    rpc_put_number,
    rpc_put_type,
)
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_ORDINAL,
    E_OWNER,
    E_POSITION,
    ENTRY_HEAD,
    entry_add,
    entry_end,
    entry_find,
    entry_first,
    entry_next,
    entry_number,
    entry_set,
)
from sensors.loops.octets import little16, little32, u8
from sensors.loops.slots import next_ordinal
from sensors.loops.world import World

#: Where `scratch` has the PDU that is read: the head of a call, all of another one.
RPC_SCRATCH = 40_960
#: Calls that may wait in the loops: fewer than in the talk.
RPC_MAX_WAITING = 64

# --- what was said, in Suricata's words, as one number


def rpc_told(call_id: int, operation: int, request: int, response: int) -> int:
    """`Rpc.told`; -1 for what it does not have."""
    return call_id | operation + 1 << 32 | request + 1 << 49 | response + 1 << 54


def rpc_told_request(told: int) -> int:
    return (told >> 49 & 31) - 1


def rpc_told_binds(told: int) -> bool:
    """Whether interfaces are told."""
    return rpc_told_request(told) == RPC_BIND or rpc_told_request(told) == RPC_ALTER


def rpc_told_more(before: int, now: int) -> int:
    """What a command told before, and this as well (0: nothing); -1 where its fields would stand in another order."""
    if not before or not now:
        return before | now
    if rpc_told_request(now) >= 0 or (now >> 32 & 0x1FFFF and not before >> 32 & 0x1FFFF):
        return -1
    if rpc_told_binds(before) and before & 0xFFFFFFFF != now & 0xFFFFFFFF:
        return -1
    operation = (now if now >> 32 & 0x1FFFF else before) >> 32 & 0x1FFFF
    return rpc_told(now & 0xFFFFFFFF, operation - 1, rpc_told_request(before), (now >> 54) - 1)


def rpc_put_told(w: World, at: int, slot: int, owner: int, told: int) -> int:
    """The object of what an SMB command told; -1 where the bind that it was about is not kept any longer."""
    out, request, response = w.out, rpc_told_request(told), (told >> 54) - 1
    at = rpc_put_number(out, at, b'{"call_id":', told & 0xFFFFFFFF)
    for n in range(2):
        kind = response if n else request
        if kind >= 0:
            at = rpc_put_type(out, at, b',"response":"' if n else b',"request":"', kind)
        if told >> 32 & 0x1FFFF and kind >= 0 and (n == 0 or request < 0):
            at = rpc_put_number(out, at, b',"opnum":', (told >> 32 & 0x1FFFF) - 1)
        if n == 0 and rpc_told_binds(told):
            bind = rpc_find_bind(w, slot, owner, told & 0xFFFFFFFF)
            if bind < 0:
                return -1
            at = rpc_put_interfaces(w, at, bind)
    out[at] = 125
    return at + 1


# --- what is kept


def rpc_waits(w: World, entry: int, owner: int) -> bool:
    """Whether this is a call or a bind of the association, which waits for its answer."""
    if entry_number(w, entry, E_OWNER) != owner:
        return False
    kind = entry_number(w, entry, E_KIND)
    return kind == RPC_CALL or (kind == RPC_BINDING and entry_number(w, entry, R_WAITS) > 0)


def rpc_find(w: World, slot: int, owner: int, call_id: int) -> int:
    """The entry that waits under this id; where there is none -1, or -2 where no more can wait."""
    entry, end, count = entry_first(w, slot), entry_end(w, slot), 0
    while entry < end:
        if rpc_waits(w, entry, owner):
            if entry_number(w, entry, R_CALL_ID) & 0xFFFFFFFF == call_id:
                return entry
            count += 1
        entry = entry_next(w, entry)
    return -1 if count < RPC_MAX_WAITING else -2


def rpc_find_bind(w: World, slot: int, owner: int, call_id: int) -> int:
    """The bind of this id; -1 where there is none."""
    entry, end = entry_first(w, slot), entry_end(w, slot)
    while entry < end:
        ours = entry_number(w, entry, E_OWNER) == owner and entry_number(w, entry, E_KIND) == RPC_BINDING
        if ours and entry_number(w, entry, R_CALL_ID) & 0xFFFFFFFF == call_id:
            return entry
        entry = entry_next(w, entry)
    return -1


def rpc_offered(w: World, slot: int, owner: int) -> int:
    """How many presentation contexts binds have offered."""
    entry, end, count = entry_first(w, slot), entry_end(w, slot), 0
    while entry < end:
        if entry_number(w, entry, E_OWNER) == owner and entry_number(w, entry, E_KIND) == RPC_BINDING:
            count += entry_number(w, entry, R_OFFERS)
        entry = entry_next(w, entry)
    return count


def rpc_syntax(w: World, slot: int, owner: int, context: int) -> int:
    """Where `pool` has the syntax that was offered last under this number; -1 where none was."""
    entry, end, found = entry_first(w, slot), entry_end(w, slot), -1
    while entry < end:
        if entry_number(w, entry, E_OWNER) == owner and entry_number(w, entry, E_KIND) == RPC_BINDING:
            offer = entry + ENTRY_HEAD + RPC_OFFERS
            for _ in range(entry_number(w, entry, R_OFFERS)):
                if little16(w.pool, offer) == context:
                    found = offer + 4
                offer += rpc_offer_size(w.pool, offer)
        entry = entry_next(w, entry)
    return found


def rpc_secure(w: World, slot: int, owner: int, size: int) -> bool:
    """What the trailer of a PDU of negotiation says is kept (C706 §13.2.6.1); False where it may have a login by NTLM,
    or where there is no room."""
    said = w.scratch.view(np.int8)
    auth = little16(said, RPC_SCRATCH + 10)
    if not auth:
        return True
    token, end = RPC_SCRATCH + size - auth, RPC_SCRATCH + size
    for n in range(token, end - 7):
        if little32(said, n) == 0x4D4C544E and little32(said, n + 4) == 0x00505353:  # NTLMSSP and a NUL
            return False
    entry = entry_find(w, slot, RPC_SECURITY, owner)
    if entry < 0:
        entry = entry_add(w, slot, RPC_SECURITY, owner, said, RPC_SCRATCH, 0)
    if entry >= 0:
        entry_set(w, entry, R_SECURITY, (u8(said, token - 8) << 8 | u8(said, token - 7)) + 1)
    return entry >= 0


def rpc_wait(w: World, slot: int, entry: int, column: int, position: int, ns: int) -> None:
    """The entry is of a call that begins here; what is read is its PDU."""
    call_id = little32(w.scratch.view(np.int8), RPC_SCRATCH + 12)
    security = entry_find(w, slot, RPC_SECURITY, entry_number(w, entry, E_OWNER))
    if security >= 0:
        call_id |= entry_number(w, security, R_SECURITY) << 32
    entry_set(w, entry, E_POSITION, position)
    entry_set(w, entry, E_NS, ns)
    entry_set(w, entry, E_ORDINAL, next_ordinal(w, slot, column, position))
    entry_set(w, entry, R_CALL_ID, call_id)


LOOPS = (
    rpc_told, rpc_told_request, rpc_told_binds, rpc_told_more, rpc_waits, rpc_find, rpc_find_bind, rpc_offered,
    rpc_syntax, rpc_secure, rpc_wait, rpc_put_told,
)  # fmt: skip
