"""`dcerpc` events as lines, from the entries that an association keeps; names of interfaces and operations are holes.

An association is a TCP connection's, or that of one of the pipes which are open in an SMB session: its entries have its
number as their owner. `sensors.talks.dcerpc` says the same.
"""

from __future__ import annotations

import numpy as np

from sensors.kernel import APPLICATION
from sensors.loops.documents import begin_event, put_ends, put_related, put_source, tell_line
from sensors.loops.kept import E_KIND, E_NS, E_ORDINAL, E_OWN, E_POSITION, E_SIZE, ENTRY_HEAD, entry_number
from sensors.loops.octets import Bytes, Out, little16, little32, u8
from sensors.loops.slots import BYTES_PER_TELLING
from sensors.loops.text import put, put_bytes, put_hex, put_int, put_json, put_nibbles
from sensors.loops.world import HOLE_END, OUT, S_ALLOWANCE, World

#: Holes: `,"endpoint":…,"operation":…` of a UUID and, on a line of its own, an operation's number; `,"service":…`.
HOLE_OPERATION, HOLE_SERVICE = b"\0e", b"\0s"

# --- types of PDUs (C706 §12.6.4)
RPC_REQUEST, RPC_RESPONSE, RPC_FAULT = 0, 2, 3
RPC_BIND, RPC_BIND_ACK, RPC_BIND_NAK, RPC_ALTER, RPC_ALTER_RESPONSE = 11, 12, 13, 14, 15
RPC_AUTH3 = 16

# --- words of events, as `sensors.decode.dcerpc` has them
#: Types of PDUs by number; types of authentication; its levels by number; faults, in the order of their statuses here.
_RPC_WORDS = (
    b"REQUEST - RESPONSE FAULT - - - - - - - BIND BINDACK BINDNAK ALTER_CONTEXT ALTER_CONTEXT_RESP AUTH3 SHUTDOWN"
    b" CO_CANCEL ORPHANED SPNEGO NTLM TLS KERBEROS NETLOGON - NONE CONNECT CALL PKT PKT_INTEGRITY PKT_PRIVACY"
    b" ERROR_ACCESS_DENIED RPC_X_BAD_STUB_DATA RPC_S_SEC_PKG_ERROR nca_s_op_rng_error nca_s_unk_if"
    b" nca_s_wrong_boot_time nca_s_server_too_busy nca_s_fault_context_mismatch nca_s_fault_remote_no_memory"
    b" nca_s_fault_remote_comm_failure nca_s_fault_cancel nca_s_comm_failure nca_s_proto_error"
).split()
_RPC_TYPES, _RPC_LEVELS, _RPC_FAULTS = 20, 25, 32
_RPC_SECURED = np.array([9, 10, 14, 16, 68])
_RPC_STATUSES = np.array([
    0x00000005, 0x000006F7, 0x00000721, 0x1C010002, 0x1C010003, 0x1C010006, 0x1C010014, 0x1C00001A, 0x1C00001B,
    0x1C000009, 0x1C00000D, 0x1C010001, 0x1C01000B,
])  # fmt: skip
_RPC_TEXT = np.frombuffer(b"".join(_RPC_WORDS), np.int8)
_RPC_BORDERS = np.cumsum([0, *map(len, _RPC_WORDS)])

# --- kinds of entries
#: A bind or alter_context, and behind it the PDU that accepts it, once that was heard. It is kept for its contexts.
RPC_BINDING = 101
#: A request that waits for the end of its response: the head of its first PDU, and the syntax of its context, if known.
RPC_CALL = 102
#: A PDU that is not whole: this and side. Of requests and responses only the head is kept.
RPC_PART = 103

#: What secures the association: see `rpc_put_security`.
RPC_SECURITY = 105

# --- numbers of their own
R_CALL_ID = E_OWN  # of a bind or a call, with what secures it above 32 bits
R_WAITS, R_OFFERS, R_ACK = E_OWN + 1, E_OWN + 2, E_OWN + 3  # of a bind; where the PDU that accepts it begins, or 0
R_FRAGMENTS, R_STUB = E_OWN + 1, E_OWN + 2  # of a call: how many, and bytes of their stubs
R_BACK_FRAGMENTS, R_BACK_STUB = E_OWN + 3, E_OWN + 4  # the same of its response
R_ANSWERED_NS = E_OWN + 5
R_HAD = E_OWN  # of a part: how many bytes of it were heard
R_SECURITY = E_OWN  # of what secures an association

#: What a call keeps of a PDU, and of a syntax: UUID and version.
RPC_HEAD = 24
RPC_SYNTAX = 20
#: Offers of a bind begin here; one is its number and syntax, and the transfer syntaxes.
RPC_OFFERS = 28
RPC_OFFER = 24


def rpc_offer_size(data: Bytes, at: int) -> int:
    """Of the presentation context that is offered there (C706 §12.6.3.1)."""
    return RPC_OFFER + RPC_SYNTAX * u8(data, at + 2)


def rpc_results(data: Bytes, at: int) -> int:
    """Where an accepting PDU that begins there has its list of results: behind the secondary address (§12.6.4.4)."""
    return at + (26 + little16(data, at + 24) + 3 & ~3)


def rpc_negotiates_features(data: Bytes, at: int) -> bool:
    """Whether a UUID is one of bind time feature negotiation (MS-RPCE §3.3.1.5.3), which is no interface."""
    return little32(data, at) == 0x6CB71C2C and little32(data, at + 4) == 0x45409812


def rpc_put_uuid(out: Out, at: int, data: Bytes, begin: int) -> int:
    at = put_nibbles(out, at, little32(data, begin), 8)
    for n in range(2):
        out[at] = 45
        at = put_nibbles(out, at + 1, little16(data, begin + 4 + 2 * n), 4)
    out[at] = 45
    at = put_hex(out, at + 1, data, begin + 8, begin + 10)
    out[at] = 45
    return put_hex(out, at + 1, data, begin + 10, begin + 16)


def rpc_put_version(out: Out, at: int, data: Bytes, begin: int) -> int:
    """`"major.minor"` of an interface."""
    out[at] = 34
    at = put_int(out, at + 1, little16(data, begin))
    out[at] = 46
    at = put_int(out, at + 1, little16(data, begin + 2))
    out[at] = 34
    return at + 1


def rpc_put_hole(out: Out, at: int, hole: bytes, data: Bytes, begin: int, number: int) -> int:
    """A hole about a UUID and, where it is not negative, a number."""
    at = rpc_put_uuid(out, put(out, at, hole), data, begin)
    if number >= 0:
        out[at] = 10
        at = put_int(out, at + 1, number)
    return put(out, at, HOLE_END)


def rpc_put_number(out: Out, at: int, name: bytes, number: int) -> int:
    return put_int(out, put(out, at, name), number)


def rpc_put_word(out: Out, at: int, number: int) -> int:
    return put_bytes(out, at, _RPC_TEXT, int(_RPC_BORDERS[number]), int(_RPC_BORDERS[number + 1]))


def rpc_put_type(out: Out, at: int, name: bytes, kind: int) -> int:
    """A PDU's type, behind a field's name and a quote."""
    at = rpc_put_word(out, put(out, at, name), kind)
    out[at] = 34
    return at + 1


def rpc_put_security(out: Out, at: int, security: int) -> int:
    """Type and level of authentication (C706 §13.1.2.1, MS-RPCE §2.2.1.1.7, .8), one byte each, and 1 more; nothing
    for 0."""
    if not security:
        return at
    kind, level = security - 1 >> 8, security - 1 & 255
    at = put(out, at, b',"auth_type":"')
    word = -1
    for n in range(len(_RPC_SECURED)):
        if _RPC_SECURED[n] == kind:
            word = n
    at = rpc_put_word(out, at, _RPC_TYPES + word) if word >= 0 else put_int(out, at, kind)
    at = put(out, at, b'","auth_level":"')
    word = _RPC_LEVELS + level
    at = rpc_put_word(out, at, word) if 0 < level < _RPC_FAULTS - _RPC_LEVELS else put_int(out, at, level)
    out[at] = 34
    return at + 1


def rpc_put_fault(out: Out, at: int, status: int) -> int:
    """The name of a fault's status, without quotes."""
    for n in range(len(_RPC_STATUSES)):
        if _RPC_STATUSES[n] == status:
            return rpc_put_word(out, at, _RPC_FAULTS + n)
    return put_nibbles(out, put(out, at, b"0x"), status, 8)


def rpc_put_interfaces(w: World, at: int, entry: int) -> int:
    """`,"interfaces":[…]` that a bind offers, with what was said to each."""
    out, data, begin = w.out, w.pool, entry + ENTRY_HEAD
    ack = entry_number(w, entry, R_ACK)
    results = rpc_results(data, begin + ack)
    answered = u8(data, results) if ack else 0
    offer = begin + RPC_OFFERS
    at = put(out, at, b',"interfaces":[')
    for n in range(entry_number(w, entry, R_OFFERS)):
        if n:
            out[at] = 44
            at += 1
        at = rpc_put_uuid(out, put(out, at, b'{"uuid":"'), data, offer + 4)
        at = rpc_put_version(out, put(out, at, b'","version":'), data, offer + 20)
        at = rpc_put_hole(out, at, HOLE_SERVICE, data, offer + 4, -1)
        if n < answered:
            at = rpc_put_number(out, at, b',"ack_result":', little16(data, results + 4 + 24 * n))
            at = rpc_put_number(out, at, b',"ack_reason":', little16(data, results + 6 + 24 * n))
        out[at] = 125
        at += 1
        offer += rpc_offer_size(data, offer)
    out[at] = 93
    return at + 1


def rpc_put_bind(w: World, at: int, entry: int) -> int:
    """What is told of a bind before where it stands."""
    out, data, begin = w.out, w.pool, entry + ENTRY_HEAD
    at = rpc_put_type(out, at, b'"request":"', u8(data, begin + 2))
    at = rpc_put_interfaces(w, at, entry)
    offer = begin + RPC_OFFERS
    for _ in range(entry_number(w, entry, R_OFFERS)):
        if not rpc_negotiates_features(data, offer + 4):
            return rpc_put_hole(out, at, HOLE_OPERATION, data, offer + 4, -1)
        offer += rpc_offer_size(data, offer)
    return at


def rpc_put_call(w: World, at: int, entry: int) -> int:
    """What is told of a request before where it stands."""
    out, data, begin = w.out, w.pool, entry + ENTRY_HEAD
    number = little16(data, begin + 22)
    at = rpc_put_number(out, at, b'"request":"REQUEST","opnum":', number)
    if entry_number(w, entry, E_SIZE) > RPC_HEAD:
        syntax = begin + RPC_HEAD
        at = rpc_put_hole(out, at, HOLE_OPERATION, data, syntax, number)
        at = rpc_put_uuid(out, put(out, at, b',"uuid":"'), data, syntax)
        at = rpc_put_version(out, put(out, at, b'","version":'), data, syntax + 16)
    at = rpc_put_number(out, at, b',"req":{"frag_cnt":', entry_number(w, entry, R_FRAGMENTS))
    at = rpc_put_number(out, at, b',"stub_data_size":', entry_number(w, entry, R_STUB))
    return put(out, at, b"}")


def rpc_put_answer(w: World, at: int, entry: int, answer: int, status: int) -> int:
    """What the answer adds, behind where the call stands."""
    out, data, begin = w.out, w.pool, entry + ENTRY_HEAD
    at = rpc_put_type(out, at, b',"response":"', answer)
    if answer == RPC_RESPONSE:
        at = rpc_put_number(out, at, b',"res":{"frag_cnt":', entry_number(w, entry, R_BACK_FRAGMENTS))
        at = rpc_put_number(out, at, b',"stub_data_size":', entry_number(w, entry, R_BACK_STUB))
        return put(out, at, b"}")
    if answer == RPC_FAULT:
        at = rpc_put_fault(out, put(out, at, b',"fault":"'), status)
        return put(out, at, b'"')
    if answer == RPC_BIND_NAK:
        return at
    name = begin + entry_number(w, entry, R_ACK) + 26
    size = 0
    while size < little16(data, name - 2) and data[name + size]:
        size += 1
    if size:
        at = put_json(out, put(out, at, b',"secondary_address":"'), data, name, name + size)
        at = put(out, at, b'"')
    return at


def rpc_succeeds(w: World, entry: int, answer: int) -> bool:
    """Whether an answer is a success: of a bind, where an interface that it offers is accepted, or one that it does not
    offer."""
    if answer in (RPC_RESPONSE, RPC_FAULT, RPC_BIND_NAK):
        return answer == RPC_RESPONSE
    data, begin = w.pool, entry + ENTRY_HEAD
    results = rpc_results(data, begin + entry_number(w, entry, R_ACK))
    offers = entry_number(w, entry, R_OFFERS)
    offer = begin + RPC_OFFERS
    for n in range(u8(data, results)):
        if little16(data, results + 4 + 24 * n) == 0 and not (n < offers and rpc_negotiates_features(data, offer + 4)):
            return True
        if n < offers:
            offer += rpc_offer_size(data, offer)
    return False


def rpc_tell(w: World, flow: int, slot: int, entry: int, answer: int, status: int, pipe: int, user: int) -> bool:
    """The event of a bind or a call as it stands: `answer` is the type of what answers it, -1 where nothing does. False
    where the flow may not tell so much."""
    out, row = w.out, w.slots[slot]
    if row[S_ALLOWANCE] < BYTES_PER_TELLING:
        return False
    begin = int(w.numbers[OUT])
    position, ns = entry_number(w, entry, E_POSITION), entry_number(w, entry, E_NS)
    kinds = b'"category":["network"],"type":["protocol"]'
    at = begin_event(w, begin, b"dcerpc", kinds, position, ns, entry_number(w, entry, E_ORDINAL))
    if answer >= 0:
        at = rpc_put_number(out, at, b',"duration":', max(0, entry_number(w, entry, R_ANSWERED_NS) - ns))
        done = rpc_succeeds(w, entry, answer)
        at = put(out, at, b',"outcome":"success"' if done else b',"outcome":"failure"')
    at = put_ends(w, at, flow, int(w.flows[flow, APPLICATION]), 0, 0)
    if user:
        at = put_bytes(out, put(out, at, b',"user":'), w.scratch, user >> 16, user & 0xFFFF)
    at = put(out, put_source(w, at, position), b',"dcerpc":{')
    at = rpc_put_bind(w, at, entry) if entry_number(w, entry, E_KIND) == RPC_BINDING else rpc_put_call(w, at, entry)
    call_id = entry_number(w, entry, R_CALL_ID)
    at = rpc_put_security(out, at, call_id >> 32)
    at = rpc_put_number(out, at, b',"call_id":', call_id & 0xFFFFFFFF)
    at = rpc_put_number(out, at, b',"rpc_version":"5.', u8(w.pool, entry + ENTRY_HEAD + 1))
    at = put(out, at, b'"')
    if pipe:
        at = put_bytes(out, put(out, at, b',"named_pipe":"'), w.scratch, pipe >> 16, pipe & 0xFFFF)
        at = put(out, at, b'"')
    if answer >= 0:
        at = rpc_put_answer(w, at, entry, answer, status)
    at = put_related(w, put(out, at, b"}}"), flow)
    tell_line(w, begin, put(out, at, b"]}}"))
    row[S_ALLOWANCE] -= BYTES_PER_TELLING
    return True


LOOPS = (
    rpc_offer_size, rpc_results, rpc_negotiates_features, rpc_put_uuid, rpc_put_version, rpc_put_hole, rpc_put_number,
    rpc_put_word, rpc_put_type, rpc_put_security, rpc_put_fault, rpc_put_interfaces,
    rpc_put_bind, rpc_put_call, rpc_put_answer, rpc_succeeds, rpc_tell,
)  # fmt: skip
