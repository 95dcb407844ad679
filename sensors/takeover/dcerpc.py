"""DCERPC outside the loops: associations that they leave, and the names in their events."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import orjson

from sensors.decode import dcerpc as rpc
from sensors.decode.dcerpc_names import endpoint, operation
from sensors.loops import dcerpc_event as loops
from sensors.loops.kept import E_OWN
from sensors.loops.world import S_ORDINALS
from sensors.takeover.entries import Entry, entries
from sensors.talks.dcerpc import DcerpcTalk, Rpc
from sensors.talks.talk import Found
from vonggac.domain.event import Document


def take_over(row: list[int], area: bytes) -> DcerpcTalk:
    """The talk that heard what the loops did; `row` and `area` are the slot's."""
    talk = DcerpcTalk()
    restore(talk._rpc, talk._found, entries(row, area), 0)
    if row[S_ORDINALS] >= 0:
        talk._rpc._beginnings._last["dcerpc"] = (row[S_ORDINALS], row[S_ORDINALS + 1])
    return talk


def restore(association: Rpc, found: list[Found], kept: list[Entry], owner: int) -> None:
    """The association, which has heard nothing yet, knows what these entries of its owner say. `found` is where it puts
    its events: none is added. The ordinals of its dataset are for the caller to set."""
    known, security = len(found), 0
    for entry in kept:
        if entry.owner != owner:
            continue
        if entry.kind in (loops.RPC_BINDING, loops.RPC_CALL):
            call_id = entry.own[loops.R_CALL_ID - E_OWN]
            association._security = _secured(call_id >> 32)
            (_bind if entry.kind == loops.RPC_BINDING else _call)(association, entry, call_id & 0xFFFFFFFF)
        elif entry.kind == loops.RPC_SECURITY:
            security = entry.own[loops.R_SECURITY - E_OWN]
        elif entry.kind in (loops.RPC_PART, loops.RPC_PART + 1):
            here = association._sides[entry.kind - loops.RPC_PART]
            had = entry.own[loops.R_HAD - E_OWN]
            here.buffer += entry.data + bytes(had - len(entry.data))  # a stub is not looked at
            here.begun = entry.begun
    association._security = _secured(security)
    association.told = {}
    del found[known:]


def _secured(security: int) -> Document:
    """As the loops have it in one number."""
    if not security:
        return {}
    kind, level = security - 1 >> 8, security - 1 & 255
    return {
        "auth_type": rpc._AUTH_TYPES.get(kind, str(kind)),
        "auth_level": rpc._AUTH_LEVELS.get(level, str(level)),
    }


def _bind(association: Rpc, entry: Entry, call_id: int) -> None:
    ack = entry.own[loops.R_ACK - E_OWN]
    _hear(association, entry.data[: ack or None], entry)
    if entry.own[loops.R_WAITS - E_OWN]:
        association._calls[call_id].ordinal = entry.ordinal
    else:
        del association._calls[call_id]


def _call(association: Rpc, entry: Entry, call_id: int) -> None:
    head = entry.data[: loops.RPC_HEAD]
    size = int.from_bytes(head[8:10], "little")
    _hear(association, head[:10] + bytes(2) + head[12:] + bytes(size - len(head)), entry)
    _, fragments, stub, back_fragments, back_stub, answered_ns = entry.own
    call = association._calls[call_id]
    call.ordinal = entry.ordinal
    call.fields["req"] = {"frag_cnt": fragments, "stub_data_size": stub}
    if back_fragments:
        call.fields["response"] = rpc.TYPES[rpc.RESPONSE]
        call.fields["res"] = {"frag_cnt": back_fragments, "stub_data_size": back_stub}
        call.event = {"duration": max(0, answered_ns - call.begun.ns), "outcome": "success"}


def _hear(association: Rpc, data: bytes, entry: Entry) -> None:
    """One PDU, whatever else each side has begun."""
    pdu = rpc.decode_header(data)
    if pdu is not None:
        association._pdu(pdu, data, entry.begun)


@lru_cache(maxsize=4_096)
def _names(about: bytes) -> bytes:
    """Of an interface and, where a number is given, of the operation."""
    uuid, _, number = about.decode().partition("\n")
    names = (("endpoint", endpoint(uuid)), ("operation", operation(uuid, int(number)) if number else None))
    return b"".join(b',"%b":%b' % (name.encode(), orjson.dumps(text)) for name, text in names if text is not None)


@lru_cache(maxsize=1_024)
def _service(about: bytes) -> bytes:
    name = endpoint(about.decode())
    return b"" if name is None else b',"service":' + orjson.dumps(name)


#: What goes into the holes of the loops' events.
HOLES: dict[bytes, Callable[[bytes], bytes]] = {loops.HOLE_OPERATION: _names, loops.HOLE_SERVICE: _service}
