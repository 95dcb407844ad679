"""DCERPC PDUs with and without connection (C706 chapter 12, MS-RPCE §2.2): headers; stub data is only measured."""

from __future__ import annotations

import re
import struct
from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.windows import guid, octets

REQUEST, PING, RESPONSE, FAULT, WORKING, NOCALL, REJECT, ACK = range(8)
BIND, BIND_ACK, BIND_NAK, ALTER, ALTER_RESPONSE, AUTH3, SHUTDOWN, CANCEL, ORPHANED = range(11, 20)

#: As Suricata names them in EVE.
TYPES = {
    REQUEST: "REQUEST", PING: "PING", RESPONSE: "RESPONSE", FAULT: "FAULT", WORKING: "WORKING", NOCALL: "NOCALL",
    REJECT: "REJECT", ACK: "ACK", BIND: "BIND", BIND_ACK: "BINDACK", BIND_NAK: "BINDNAK", ALTER: "ALTER_CONTEXT",
    ALTER_RESPONSE: "ALTER_CONTEXT_RESP", AUTH3: "AUTH3", SHUTDOWN: "SHUTDOWN", CANCEL: "CO_CANCEL",
    ORPHANED: "ORPHANED",
}  # fmt: skip

HEADER = 16
#: Presentation contexts and transfer syntaxes read of one negotiation.
MAX_CONTEXTS = 64

_FIRST, _LAST, _OBJECT = 0x01, 0x02, 0x80
_AUTH_TRAILER = 8
#: The first octets of a PDU (version 5.0 or 5.1, a known type, little- or big-endian with ASCII and IEEE floats).
BEGINNING = re.compile(rb"\x05[\0\1][\0\2\3\x0b-\x13][\0-\xff][\0\x10]\0\0\0[\0-\xff]{2}")

_VERSIONS = ("5.0", "5.1")
#: Of the header: the PDU's size, that of its authentication, the call's id.
_SIZES = {order: struct.Struct(f"{order}HHI") for order in "<>"}

_BIND_TIME_FEATURES = "6cb71c2c-9812-4540-"

_AUTH_TYPES = {
    9: "SPNEGO", 10: "NTLM", 14: "TLS", 16: "KERBEROS", 68: "NETLOGON",
}  # fmt: skip
_AUTH_LEVELS = {1: "NONE", 2: "CONNECT", 3: "CALL", 4: "PKT", 5: "PKT_INTEGRITY", 6: "PKT_PRIVACY"}
#: MS-RPCE §2.2.2.4 and MS-ERREF: the faults that say something to a reader.
FAULTS = {
    0x00000005: "ERROR_ACCESS_DENIED", 0x000006F7: "RPC_X_BAD_STUB_DATA", 0x00000721: "RPC_S_SEC_PKG_ERROR",
    0x1C010002: "nca_s_op_rng_error", 0x1C010003: "nca_s_unk_if", 0x1C010006: "nca_s_wrong_boot_time",
    0x1C010014: "nca_s_server_too_busy", 0x1C00001A: "nca_s_fault_context_mismatch",
    0x1C00001B: "nca_s_fault_remote_no_memory", 0x1C000009: "nca_s_fault_remote_comm_failure",
    0x1C00000D: "nca_s_fault_cancel", 0x1C010001: "nca_s_comm_failure", 0x1C01000B: "nca_s_proto_error",
}  # fmt: skip


class Pdu(NamedTuple):
    type: int
    flags: int
    size: int
    auth_size: int
    call_id: int
    order: str  # struct's byte order
    version: str

    @property
    def first(self) -> bool:
        return bool(self.flags & _FIRST)

    @property
    def last(self) -> bool:
        return bool(self.flags & _LAST)


def decode_header(data: bytes | bytearray) -> Pdu | None:
    """The common header at the beginning; None while it is not all there. Raises Undecodable where it is none."""
    if len(data) < HEADER:
        return None
    if BEGINNING.match(data) is None:
        raise Undecodable("dcerpc", 0, "header")
    order = "<" if data[4] & 0x10 else ">"
    size, auth_size, call_id = _SIZES[order].unpack_from(data, 8)
    if size < HEADER or (auth_size and auth_size + _AUTH_TRAILER + HEADER > size):
        raise Undecodable("dcerpc", 8, "fragment_length")
    return Pdu(data[2], data[3], size, auth_size, call_id, order, _VERSIONS[data[1]])


class Context(NamedTuple):
    """A presentation context that a bind offers."""

    number: int
    uuid: str
    version: str

    @property
    def negotiates_features(self) -> bool:
        """Bind time feature negotiation (MS-RPCE §3.3.1.5.3) is no interface."""
        return self.uuid.startswith(_BIND_TIME_FEATURES)


def decode_contexts(pdu: Pdu, data: bytes) -> tuple[Context, ...]:
    """The presentation contexts of a bind or alter_context PDU (C706 §12.6.4.3), one per offer."""
    contexts: list[Context] = []
    try:
        count, at = data[24], 28
        for _ in range(min(count, MAX_CONTEXTS)):
            number, syntaxes = unpack_from(pdu.order + "HB", data, at)
            uuid, version = _syntax(data, at + 4, pdu.order)
            at += 24 + 20 * syntaxes
            if at > len(data):
                raise Undecodable("dcerpc", at, "contexts")
            contexts.append(Context(number, uuid, version))
    except (struct.error, IndexError) as error:
        raise Undecodable("dcerpc", len(data), "contexts") from error
    return tuple(contexts)


def _syntax(data: bytes, at: int, order: str) -> tuple[str, str]:
    """An interface's UUID, and its version as `major.minor`."""
    if at + 20 > len(data):
        raise Undecodable("dcerpc", at, "syntax")
    number = unpack_from(order + "I", data, at + 16)[0]
    return _uuid(data[at : at + 16], order), f"{number & 0xFFFF}.{number >> 16}"


def _uuid(raw: bytes, order: str) -> str:
    return guid(raw if order == "<" else raw[3::-1] + raw[5:3:-1] + raw[7:5:-1] + raw[8:])


class Answer(NamedTuple):
    """A bind's answer: the port or pipe behind it, and (result, reason) of each context in the order of the offer."""

    endpoint: str
    results: tuple[tuple[int, int], ...]


def decode_answer(pdu: Pdu, data: bytes) -> Answer:
    """Of a bind_ack or alter_context_response PDU (C706 §12.6.4.4)."""
    try:
        size = unpack_from(pdu.order + "H", data, 24)[0]
        endpoint = octets(data[26 : 26 + size])
        at = 26 + size + 3 & ~3
        count = data[at]
        results = [
            unpack_from(pdu.order + "HH", data, at + 4 + 24 * number) for number in range(min(count, MAX_CONTEXTS))
        ]
    except (struct.error, IndexError) as error:
        raise Undecodable("dcerpc", len(data), "answer") from error
    return Answer(endpoint, tuple(results))


class Call(NamedTuple):
    """A fragment of a request, response or fault; `number` is the operation's, `status` a fault's."""

    context: int
    stub_size: int
    number: int = -1
    status: int = 0


def decode_call(pdu: Pdu, data: bytes) -> Call:
    """Of a request, response or fault PDU (C706 §12.6.4.9, .10, .7)."""
    try:
        context, number = unpack_from(pdu.order + "HH", data, 20)
        if pdu.type == REQUEST:
            return Call(context, _stub_size(pdu, data, 40 if pdu.flags & _OBJECT else 24), number)
        if pdu.type == FAULT:
            return Call(context, 0, status=unpack_from(pdu.order + "I", data, 24)[0])
    except struct.error as error:
        raise Undecodable("dcerpc", len(data), "call") from error
    return Call(context, _stub_size(pdu, data, 24))


def _stub_size(pdu: Pdu, data: bytes, begin: int) -> int:
    end = pdu.size
    if pdu.auth_size:
        end -= pdu.auth_size + _AUTH_TRAILER
        end -= data[end + 2] if end + 2 < len(data) else 0
    if end < begin:
        raise Undecodable("dcerpc", begin, "stub")
    return end - begin


class Security(NamedTuple):
    type: str
    level: str
    token: bytes


def decode_security(pdu: Pdu, data: bytes) -> Security | None:
    """The authentication trailer (C706 §13.2.6.1, MS-RPCE §2.2.2.11), where the PDU has one."""
    if not pdu.auth_size:
        return None
    at = pdu.size - pdu.auth_size - _AUTH_TRAILER
    if pdu.size > len(data):
        raise Undecodable("dcerpc", at, "auth_cut")
    kind, level = data[at], data[at + 1]
    token = data[at + _AUTH_TRAILER : pdu.size]
    return Security(_AUTH_TYPES.get(kind, str(kind)), _AUTH_LEVELS.get(level, str(level)), token)


#: The header of a PDU without connection (C706 §12.5.1).
DATAGRAM_HEADER = 80
_CL_LAST, _CL_FRAGMENT = 0x02, 0x04


class Datagram(NamedTuple):
    """A PDU without connection. A call is known by its activity and sequence number."""

    type: int
    uuid: str
    version: str
    activity: str
    sequence: int
    number: int
    stub_size: int
    last: bool
    status: int  # of a FAULT or REJECT


def is_datagram(data: bytes) -> bool:
    """Whether this is a PDU without connection: its first octets, and a length that is the datagram's."""
    if len(data) < DATAGRAM_HEADER or data[0] != 4 or data[1] & 0x1F > 10 or data[4] & 0xEF or data[5] > 3:
        return False
    size = int.from_bytes(data[74:76], "little" if data[4] else "big")
    return size == len(data) - DATAGRAM_HEADER or (data[78] != 0 and 0 < size < len(data) - DATAGRAM_HEADER)


def decode_datagram(data: bytes) -> Datagram:
    """C706 §12.5.2."""
    if not is_datagram(data):
        raise Undecodable("dcerpc", 0, "datagram")
    order = "<" if data[4] & 0x10 else ">"
    version, sequence, number = unpack_from(order + "IIH", data, 60)
    size = unpack_from(order + "H", data, 74)[0]
    kind = data[1] & 0x1F
    failed = kind in (FAULT, REJECT) and len(data) >= DATAGRAM_HEADER + 4
    return Datagram(
        kind,
        _uuid(data[24:40], order),
        f"{version & 0xFFFF}.{version >> 16}",
        _uuid(data[40:56], order),
        sequence,
        number,
        size,
        not data[2] & _CL_FRAGMENT or bool(data[2] & _CL_LAST),
        unpack_from(order + "I", data, DATAGRAM_HEADER)[0] if failed else 0,
    )
