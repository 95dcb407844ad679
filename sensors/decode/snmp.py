"""SNMP messages of versions 1, 2c and 3 (RFC 1157, RFC 3416, RFC 3412 with the user-based security of RFC 3414)."""

from __future__ import annotations

from typing import NamedTuple

from sensors.decode import asn1
from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable

#: Variables read of one message.
MAX_VARIABLES = 128

PDUS = {
    0xA0: "get_request", 0xA1: "get_next_request", 0xA2: "response", 0xA3: "set_request", 0xA4: "trap_v1",
    0xA5: "get_bulk_request", 0xA6: "inform_request", 0xA7: "trap_v2", 0xA8: "report",
}  # fmt: skip
ERRORS = (
    "no_error", "too_big", "no_such_name", "bad_value", "read_only", "gen_err", "no_access", "wrong_type",
    "wrong_length", "wrong_encoding", "wrong_value", "no_creation", "inconsistent_value", "resource_unavailable",
    "commit_failed", "undo_failed", "authorization_error", "not_writable", "inconsistent_name",
)  # fmt: skip
TRAPS = (
    "cold_start", "warm_start", "link_down", "link_up", "authentication_failure", "egp_neighbor_loss",
    "enterprise_specific",
)  # fmt: skip
_TRAP_V1, _BULK = 0xA4, 0xA5
_USER_BASED = 3  # RFC 3411 §5, SnmpSecurityModel
#: Types of values beyond ASN.1's own (RFC 2578 §7.1): address, counter, gauge, ticks, opaque, counter64.
_ADDRESS = 0x40
_UNSIGNED = frozenset((0x41, 0x42, 0x43, 0x46, 0x47))


class Variable(NamedTuple):
    oid: str
    value: int | bytes | str | None  # text for an OID or an address, octets for a string


class Pdu(NamedTuple):
    kind: str
    request: int = 0
    error: str = ""
    error_index: int = 0
    non_repeaters: int = 0
    max_repetitions: int = 0
    trap: str = ""
    trap_oid: str = ""
    trap_address: str = ""
    variables: tuple[Variable, ...] = ()
    variable_count: int = 0


class Message(NamedTuple):
    """`pdu` is None where it is encrypted. `version` is 1, 2 (2c) or 3."""

    version: int
    community: bytes | None
    user: bytes | None
    engine: bytes
    context: bytes
    authenticated: bool
    encrypted: bool
    pdu: Pdu | None


def decode_snmp(data: bytes) -> Message:
    tag, body, _ = asn1.take(data, 0, "snmp")
    if tag != asn1.SEQUENCE:
        raise Undecodable("snmp", 0, "message")
    tag, number, at = asn1.take(body, 0, "snmp")
    version = asn1.integer(number, "snmp") if tag == asn1.INTEGER else -1
    if version == 3:
        return _version3(body, at)
    if version not in (0, 1):
        raise Undecodable("snmp", 2, "version")
    tag, community, at = asn1.take(body, at, "snmp")
    if tag != asn1.OCTET_STRING:
        raise Undecodable("snmp", at, "community")
    return Message(version + 1, community, None, b"", b"", False, False, _pdu(body, at))


def _version3(body: bytes, at: int) -> Message:
    header = asn1.children(body[at:], "snmp", 3)
    if [tag for tag, _ in header[:2]] != [asn1.SEQUENCE, asn1.OCTET_STRING] or len(header) < 3:
        raise Undecodable("snmp", at, "header")
    globals_ = asn1.children(header[0][1], "snmp", 4)
    if len(globals_) < 4 or not globals_[2][1]:
        raise Undecodable("snmp", at, "flags")
    flags = globals_[2][1]
    user = engine = b""
    if asn1.integer(globals_[3][1], "snmp") == _USER_BASED and header[1][1]:
        security = asn1.children(asn1.inner(header[1][1], "snmp"), "snmp", 6)
        if len(security) > 3:
            engine, user = security[0][1], security[3][1]
    encrypted = bool(flags[0] & 2)
    context, pdu = b"", None
    tag, scoped = header[2]
    if not encrypted and tag == asn1.SEQUENCE:
        _, _, next_at = asn1.take(scoped, 0, "snmp")  # the context's engine
        _, context, next_at = asn1.take(scoped, next_at, "snmp")  # its name
        pdu = _pdu(scoped, next_at)
    return Message(3, None, user, engine, context, bool(flags[0] & 1), encrypted, pdu)


def _pdu(data: bytes, at: int) -> Pdu:
    tag, body, _ = asn1.take(data, at, "snmp")
    if tag not in PDUS:
        raise Undecodable("snmp", at, "pdu_type")
    parts = asn1.children(body, "snmp", 6)
    if tag == _TRAP_V1:
        return _trap(parts)
    if len(parts) < 4:
        raise Undecodable("snmp", at, "pdu")
    request, first, second = (asn1.integer(value, "snmp") for _, value in parts[:3])
    variables, count = _variables(parts[3][1])
    if tag == _BULK:
        return Pdu(PDUS[tag], request, "", 0, first, second, variables=variables, variable_count=count)
    error = ERRORS[first] if 0 <= first < len(ERRORS) else str(first)
    return Pdu(PDUS[tag], request, error, second, variables=variables, variable_count=count)


def _trap(parts: list[tuple[int, bytes]]) -> Pdu:
    """The Trap-PDU of version 1 (RFC 1157 §4.1.6)."""
    if len(parts) < 6:
        raise Undecodable("snmp", 0, "pdu")
    generic, specific = asn1.integer(parts[2][1], "snmp"), asn1.integer(parts[3][1], "snmp")
    name = TRAPS[generic] if 0 <= generic < len(TRAPS) else str(generic)
    if generic == 6:
        name = f"{name}.{specific}"
    variables, count = _variables(parts[5][1])
    address = address_text(parts[1][1]) if len(parts[1][1]) in (4, 16) else ""
    return Pdu(
        PDUS[_TRAP_V1], trap=name, trap_oid=asn1.oid(parts[0][1]), trap_address=address, variables=variables,
        variable_count=count,
    )  # fmt: skip


def _variables(data: bytes) -> tuple[tuple[Variable, ...], int]:
    """The first variables, and how many there are."""
    found: list[Variable] = []
    at = count = 0
    while at < len(data):
        _, pair, at = asn1.take(data, at, "snmp")
        count += 1
        if len(found) >= MAX_VARIABLES:
            continue
        tag, name, next_at = asn1.take(pair, 0, "snmp")
        if tag != asn1.OID:
            raise Undecodable("snmp", at, "variable")
        kind, value, _ = asn1.take(pair, next_at, "snmp")
        found.append(Variable(asn1.oid(name), _value(kind, value)))
    return tuple(found), count


def _value(tag: int, value: bytes) -> int | bytes | str | None:
    if tag == asn1.INTEGER:
        return asn1.integer(value, "snmp")
    if tag in _UNSIGNED:
        return int.from_bytes(value[:9])
    if tag == asn1.OID:
        return asn1.oid(value)
    if tag == _ADDRESS and len(value) == 4:
        return address_text(value)
    return value if tag == asn1.OCTET_STRING else None


def plausible(data: bytes) -> bool:
    """Whether a datagram on any port is an SNMP message: its outer form, version and header."""
    if len(data) < 12 or data[0] != asn1.SEQUENCE:
        return False
    try:
        _, body, end = asn1.take(data, 0, "snmp")
        if end != len(data) or body[:2] != b"\2\1" or body[2] not in (0, 1, 3):
            return False
        decode_snmp(data)
    except (Undecodable, IndexError):
        return False
    return True
