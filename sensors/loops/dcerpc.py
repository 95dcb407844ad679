"""DCERPC: binds and calls joined with their answers (C706 chapter 12), on TCP connections and for the pipes of SMB.

`sensors.talks.dcerpc` says the same, and all that is unusual: logins by NTLM, big-endian PDUs, answers without calls,
faults of the protocol. `rpc_hears` and `rpc_ends` are for any carrier: what they did is to be recalled where they say
that something is unusual (`sensors.loops.kept`).
"""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc_event import (
    R_ACK,
    R_ANSWERED_NS,
    R_BACK_FRAGMENTS,
    R_BACK_STUB,
    R_FRAGMENTS,
    R_HAD,
    R_OFFERS,
    R_STUB,
    R_WAITS,
    RPC_ALTER,
    RPC_ALTER_RESPONSE,
    RPC_AUTH3,
    RPC_BIND,
    RPC_BIND_NAK,
    RPC_BINDING,
    RPC_CALL,
    RPC_FAULT,
    RPC_HEAD,
    RPC_OFFER,
    RPC_OFFERS,
    RPC_PART,
    RPC_REQUEST,
    RPC_RESPONSE,
    RPC_SYNTAX,
    rpc_offer_size,
    rpc_results,
    rpc_tell,
)
from sensors.loops.dcerpc_kept import (
    RPC_SCRATCH,
    rpc_find,
    rpc_find_bind,
    rpc_offered,
    rpc_secure,
    rpc_syntax,
    rpc_told,
    rpc_wait,
    rpc_waits,
)
from sensors.loops.kept import (
    E_KIND,
    E_NS,
    E_OWNER,
    E_POSITION,
    E_SIZE,
    ENTRY_HEAD,
    entry_add,
    entry_drop,
    entry_end,
    entry_find,
    entry_first,
    entry_more,
    entry_next,
    entry_number,
    entry_set,
    recall,
    remember,
)
from sensors.loops.octets import Bytes, little16, little32, u8
from sensors.loops.world import S_ORDINALS, TAKEN, UNUSUAL, World

#: The most bytes of a PDU that is read as a whole.
_RPC_MOST = 16_384
_RPC_HEADER, _RPC_TRAILER = 16, 8
_RPC_UNKNOWN = 65_536  # a size
#: The most of a call that is looked at: its head, with the object's UUID.
_RPC_CALL_HEAD = 40
_RPC_FIRST, _RPC_LAST, _RPC_OBJECT = 1, 2, 0x80

#: Bounds, none greater than the talk's own: offers that are kept, results and offers of one PDU, a secondary address;
#: and PDUs in one piece.
RPC_MAX_OFFERS = 256
_RPC_MAX_RESULTS = 64
_RPC_MAX_NAME = 1_024
_RPC_MAX_PDUS = 128

#: So many bytes of a connection's first piece might be a DNS message behind its length, which begins as a PDU does.
_RPC_DOUBTFUL = 0x0502

# --- PDUs: the one that `scratch` has


def rpc_binds(w: World, slot: int, owner: int, column: int, size: int, position: int, ns: int) -> int:
    """A bind or alter_context (C706 §12.6.4.3): what is told of it, or -1."""
    said = w.scratch.view(np.int8)
    call_id = little32(said, RPC_SCRATCH + 12)
    if size <= 24 or rpc_find(w, slot, owner, call_id) != -1:
        return -1
    if owner and rpc_find_bind(w, slot, owner, call_id) >= 0:  # a command may still have to tell of that one
        return -1
    offers, offer = u8(said, RPC_SCRATCH + 24), RPC_OFFERS
    if offers > _RPC_MAX_RESULTS or rpc_offered(w, slot, owner) + offers > RPC_MAX_OFFERS:
        return -1
    for _ in range(offers):
        if offer + RPC_OFFER > size:
            return -1
        offer += rpc_offer_size(said, RPC_SCRATCH + offer)
    entry = entry_add(w, slot, RPC_BINDING, owner, said, RPC_SCRATCH, size) if offer <= size or not offers else -1
    if entry < 0:
        return -1
    rpc_wait(w, slot, entry, column, position, ns)
    entry_set(w, entry, R_WAITS, 1)
    entry_set(w, entry, R_OFFERS, offers)
    return rpc_told(call_id, -1, u8(said, RPC_SCRATCH + 2), -1)


def rpc_stub(said: Bytes, size: int, begin: int) -> int:
    """Bytes of a call's stub, which ends before the padding of an authentication trailer; negative where it is cut."""
    auth, end = little16(said, RPC_SCRATCH + 10), size
    if auth:
        end -= auth + _RPC_TRAILER
        end -= u8(said, RPC_SCRATCH + end + 2)
    return end - begin


def rpc_requests(w: World, slot: int, owner: int, column: int, size: int, position: int, ns: int) -> int:
    """A request (C706 §12.6.4.9), or one more fragment of it: what is told of it, or -1."""
    said = w.scratch.view(np.int8)
    flags, call_id = u8(said, RPC_SCRATCH + 3), little32(said, RPC_SCRATCH + 12)
    stub = rpc_stub(said, size, _RPC_CALL_HEAD if flags & _RPC_OBJECT else RPC_HEAD)
    if stub < 0:
        return -1
    operation, context = little16(said, RPC_SCRATCH + 22), little16(said, RPC_SCRATCH + 20)
    entry = rpc_find(w, slot, owner, call_id)
    if entry == -2 or (entry >= 0 and (flags & _RPC_FIRST or entry_number(w, entry, E_KIND) != RPC_CALL)):
        return -1
    if entry < 0:
        syntax, kept = rpc_syntax(w, slot, owner, context), RPC_HEAD
        if syntax >= 0:
            for n in range(RPC_SYNTAX):
                said[RPC_SCRATCH + RPC_HEAD + n] = w.pool[syntax + n]
            kept += RPC_SYNTAX
        entry = entry_add(w, slot, RPC_CALL, owner, said, RPC_SCRATCH, kept)
        if entry < 0:
            return -1
        rpc_wait(w, slot, entry, column, position, ns)
    entry_set(w, entry, R_FRAGMENTS, entry_number(w, entry, R_FRAGMENTS) + 1)
    entry_set(w, entry, R_STUB, entry_number(w, entry, R_STUB) + stub)
    return rpc_told(call_id, operation, RPC_REQUEST, -1)


def rpc_accepts(w: World, slot: int, entry: int, size: int) -> int:
    """A bind_ack or alter_context_response (C706 §12.6.4.4) is kept behind what it answers: where that is, or -1."""
    said = w.scratch.view(np.int8)
    if size < 26:
        return -1
    name, most = RPC_SCRATCH + 26, little16(said, RPC_SCRATCH + 24)
    results = rpc_results(said, RPC_SCRATCH)
    if most > _RPC_MAX_NAME or results >= RPC_SCRATCH + size:
        return -1
    for n in range(most):
        if said[name + n] == 0:
            break
        if not 32 <= said[name + n] < 127:
            return -1
    count = u8(said, results)
    if count > _RPC_MAX_RESULTS or (count and results + 24 * count - 16 > RPC_SCRATCH + size):
        return -1
    had = entry_number(w, entry, E_SIZE)
    entry = entry_more(w, slot, entry, said, RPC_SCRATCH, size)
    if entry >= 0:
        entry_set(w, entry, R_ACK, had)
    return entry


def rpc_answers(w: World, flow: int, slot: int, owner: int, size: int, ns: int, pipe: int, user: int) -> int:
    """What answers a bind or a call: what is told of it, or -1. A call is told behind the last fragment."""
    said = w.scratch.view(np.int8)
    kind, call_id = u8(said, RPC_SCRATCH + 2), little32(said, RPC_SCRATCH + 12)
    last, status, operation = u8(said, RPC_SCRATCH + 3) & _RPC_LAST, 0, -1
    entry = rpc_find(w, slot, owner, call_id)
    calls = kind in (RPC_RESPONSE, RPC_FAULT)
    if entry < 0 or calls != (entry_number(w, entry, E_KIND) == RPC_CALL):
        return -1
    if not calls:
        if kind != RPC_BIND_NAK:
            entry = rpc_accepts(w, slot, entry, size)
        if entry < 0:
            return -1
        entry_set(w, entry, R_WAITS, 0)
    else:
        operation = little16(w.pool, entry + ENTRY_HEAD + 22)
    if not calls or not entry_number(w, entry, R_BACK_FRAGMENTS):
        entry_set(w, entry, R_ANSWERED_NS, ns)
    if kind == RPC_RESPONSE:
        stub = rpc_stub(said, size, RPC_HEAD)
        if stub < 0:
            return -1
        entry_set(w, entry, R_BACK_FRAGMENTS, entry_number(w, entry, R_BACK_FRAGMENTS) + 1)
        entry_set(w, entry, R_BACK_STUB, entry_number(w, entry, R_BACK_STUB) + stub)
    elif kind == RPC_FAULT:
        if size < RPC_HEAD + 4 or not last or entry_number(w, entry, R_BACK_FRAGMENTS):
            return -1
        status = little32(said, RPC_SCRATCH + 24)
    if last or not calls:
        if not rpc_tell(w, flow, slot, entry, kind, status, pipe, user):
            return -1
        if calls:
            entry_drop(w, slot, entry)
    return rpc_told(call_id, operation, -1, kind)


# --- bytes


def rpc_begins(data: Bytes, at: int, end: int) -> bool:
    """Whether these are the first octets of a little-endian PDU (C706 §12.6.3.1)."""
    if end - at < 10 or data[at] != 5 or u8(data, at + 1) > 1 or little32(data, at + 4) != 0x10:
        return False
    kind = u8(data, at + 2)
    return kind in (RPC_REQUEST, RPC_RESPONSE, RPC_FAULT) or RPC_BIND <= kind <= 19


def rpc_is_call(data: Bytes, at: int) -> bool:
    """Whether only the head of the PDU that begins there is looked at."""
    return u8(data, at + 2) <= RPC_FAULT and little16(data, at + 10) == 0


def rpc_is_whole(data: Bytes, at: int, size: int) -> bool:
    """Whether a header is right, and all is read of its PDU that is looked at."""
    auth = little16(data, at + 10)
    if size < _RPC_HEADER or (auth and auth + _RPC_TRAILER + _RPC_HEADER > size):
        return False
    return rpc_begins(data, at, at + _RPC_HEADER) and (size <= _RPC_MOST or rpc_is_call(data, at))


def rpc_gather(w: World, part: int, data: Bytes, at: int, end: int) -> int:
    """The PDU that begins or goes on here as far as it is looked at is in `scratch`: how many bytes of it are there."""
    said, size = w.scratch.view(np.int8)[RPC_SCRATCH:], 0
    if part >= 0:
        size = entry_number(w, part, E_SIZE)
        begin = part + ENTRY_HEAD
        for n in range(size):
            said[n] = w.pool[begin + n]
    most = _RPC_HEADER
    for _ in range(2):  # the header says how much is looked at
        more = max(0, min(most - size, end - at))
        to, source = said[size : size + more], data[at : at + more]
        for n in range(more):
            to[n] = source[n]
        size += more
        at += more
        if size < _RPC_HEADER:
            break
        most = min(little16(said, 8), _RPC_CALL_HEAD if rpc_is_call(said, 0) else _RPC_MOST)
    return size


def rpc_put_by(w: World, slot: int, owner: int, side: int, kept: int, position: int, ns: int) -> int:
    """The beginning of a PDU waits, as far as `scratch` has it: its entry; -1 where there is no room."""
    said = w.scratch.view(np.int8)
    part = entry_find(w, slot, RPC_PART + side, owner)
    if part < 0:
        part = entry_add(w, slot, RPC_PART + side, owner, said, RPC_SCRATCH, kept)
        if part >= 0:
            entry_set(w, part, E_POSITION, position)
            entry_set(w, part, E_NS, ns)
        return part
    had = entry_number(w, part, E_SIZE)
    return entry_more(w, slot, part, said, RPC_SCRATCH + had, kept - had)


def rpc_hears(
    w: World, flow: int, slot: int, owner: int, column: int, side: int, data: Bytes, at: int, end: int, position: int,
    ns: int, pipe: int, user: int,
) -> int:  # fmt: skip
    """`Rpc.data`: what `Rpc.told` has afterwards, or -1.

    `column` is the slot's with the ordinals of `dcerpc`; the pipe's name as JSON, without quotes, and an object about
    its user stand in `scratch`, from the one number's upper half to the lower one (0: none).
    """
    said, told = w.scratch.view(np.int8), 0
    for _ in range(_RPC_MAX_PDUS):
        if at >= end:
            return told
        part, had, begun, begun_ns = entry_find(w, slot, RPC_PART + side, owner), 0, position, ns
        if part >= 0:
            had = entry_number(w, part, R_HAD)
            begun, begun_ns = entry_number(w, part, E_POSITION), entry_number(w, part, E_NS)
        kept = rpc_gather(w, part, data, at, end)
        size = _RPC_UNKNOWN
        if kept >= _RPC_HEADER:
            size = little16(said, RPC_SCRATCH + 8)
            if not rpc_is_whole(said, RPC_SCRATCH, size):
                return -1
        if had + end - at < size:
            part = rpc_put_by(w, slot, owner, side, kept, position, ns)
            if part < 0:
                return -1
            entry_set(w, part, R_HAD, had + end - at)
            return told
        if part >= 0:
            entry_drop(w, slot, part)
        at += size - had
        kind = u8(said, RPC_SCRATCH + 2)
        if RPC_BIND <= kind <= RPC_AUTH3 and kind != RPC_BIND_NAK and not rpc_secure(w, slot, owner, size):
            return -1
        if kind == RPC_REQUEST:
            told = rpc_requests(w, slot, owner, column, size, begun, begun_ns)
        elif kind in (RPC_BIND, RPC_ALTER):
            told = rpc_binds(w, slot, owner, column, size, begun, begun_ns)
        elif kind <= RPC_ALTER_RESPONSE:
            told = rpc_answers(w, flow, slot, owner, size, begun_ns, pipe, user)
        else:
            told = rpc_told(little32(said, RPC_SCRATCH + 12), -1, kind, -1)
        if told < 0:
            return -1
    return -1


def rpc_ends(w: World, flow: int, slot: int, owner: int, pipe: int, user: int) -> int:
    """`Rpc.close`: what waits is told as it is, and the association is forgotten."""
    entry = entry_first(w, slot)
    while entry < entry_end(w, slot):
        if rpc_waits(w, entry, owner):
            calls = entry_number(w, entry, E_KIND) == RPC_CALL
            answer = RPC_RESPONSE if calls and entry_number(w, entry, R_BACK_FRAGMENTS) else -1
            if not rpc_tell(w, flow, slot, entry, answer, 0, pipe, user):
                return UNUSUAL
        if entry_number(w, entry, E_OWNER) == owner and entry_number(w, entry, E_KIND) >= RPC_BINDING:
            entry_drop(w, slot, entry)
        else:
            entry = entry_next(w, entry)
    return TAKEN


# --- an association on a connection of its own


def begins_dcerpc(data: Bytes, at: int, end: int) -> bool:
    """Whether a connection's first piece is of DCERPC."""
    return _RPC_HEADER <= end - at < _RPC_DOUBTFUL and rpc_begins(data, at, end) and little16(data, at + 8) >= RPC_HEAD


def dcerpc_hears(
    w: World, flow: int, slot: int, side: int, data: Bytes, at: int, end: int, position: int, ns: int
) -> int:
    remember(w, slot)
    if rpc_hears(w, flow, slot, 0, S_ORDINALS, side, data, at, end, position, ns, 0, 0) < 0:
        recall(w, slot)
        return UNUSUAL
    return TAKEN


def dcerpc_ends(w: World, flow: int, slot: int) -> int:
    remember(w, slot)
    if rpc_ends(w, flow, slot, 0, 0, 0) == UNUSUAL:
        recall(w, slot)
        return UNUSUAL
    return TAKEN


LOOPS = (
    rpc_binds, rpc_stub, rpc_requests, rpc_accepts, rpc_answers, rpc_begins, rpc_is_call, rpc_is_whole,
    rpc_gather, rpc_put_by, rpc_hears, rpc_ends, begins_dcerpc, dcerpc_hears, dcerpc_ends,
)  # fmt: skip
