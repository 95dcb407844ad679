"""LDAP messages (RFC 4511): operations and results. Attribute values, passwords among them, are not read."""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.asn1 import INTEGER, children, integer, take
from sensors.decode.fault import Undecodable
from sensors.decode.windows import MAX_TEXT, octets

BIND, BIND_RESPONSE, UNBIND, SEARCH, ENTRY, SEARCH_DONE, REFERENCE = 0x60, 0x61, 0x42, 0x63, 0x64, 0x65, 0x73
MODIFY, MODIFY_RESPONSE, ADD, ADD_RESPONSE, DELETE, DELETE_RESPONSE = 0x66, 0x67, 0x68, 0x69, 0x4A, 0x6B
RENAME, RENAME_RESPONSE, COMPARE, COMPARE_RESPONSE, ABANDON = 0x6C, 0x6D, 0x6E, 0x6F, 0x50
EXTENDED, EXTENDED_RESPONSE, INTERMEDIATE = 0x77, 0x78, 0x79

#: As Suricata names requests in EVE.
REQUESTS = {
    BIND: "bind_request", UNBIND: "unbind_request", SEARCH: "search_request", MODIFY: "modify_request",
    ADD: "add_request", DELETE: "del_request", RENAME: "mod_dn_request", COMPARE: "compare_request",
    ABANDON: "abandon_request", EXTENDED: "extended_request",
}  # fmt: skip
RESPONSES = {
    BIND_RESPONSE: "bind_response", SEARCH_DONE: "search_result_done", MODIFY_RESPONSE: "modify_response",
    ADD_RESPONSE: "add_response", DELETE_RESPONSE: "del_response", RENAME_RESPONSE: "mod_dn_response",
    COMPARE_RESPONSE: "compare_response", EXTENDED_RESPONSE: "extended_response",
}  # fmt: skip

START_TLS = "1.3.6.1.4.1.1466.20037"
_EXTENSIONS = {
    START_TLS: "StartTLS", "1.3.6.1.4.1.4203.1.11.1": "passwordModify", "1.3.6.1.4.1.4203.1.11.3": "whoAmI",
    "1.3.6.1.1.8": "cancel", "1.3.6.1.4.1.1466.101.119.1": "dynamicRefresh",
    "1.2.840.113556.1.4.1781": "fastBind", "1.3.6.1.4.1.1466.20036": "noticeOfDisconnection",
}  # fmt: skip
_RESULTS = {
    0: "success", 1: "operationsError", 2: "protocolError", 3: "timeLimitExceeded", 4: "sizeLimitExceeded",
    5: "compareFalse", 6: "compareTrue", 7: "authMethodNotSupported", 8: "strongerAuthRequired", 10: "referral",
    11: "adminLimitExceeded", 12: "unavailableCriticalExtension", 13: "confidentialityRequired",
    14: "saslBindInProgress", 16: "noSuchAttribute", 17: "undefinedAttributeType", 18: "inappropriateMatching",
    19: "constraintViolation", 20: "attributeOrValueExists", 21: "invalidAttributeSyntax", 32: "noSuchObject",
    33: "aliasProblem", 34: "invalidDNSyntax", 36: "aliasDereferencingProblem", 48: "inappropriateAuthentication",
    49: "invalidCredentials", 50: "insufficientAccessRights", 51: "busy", 52: "unavailable", 53: "unwillingToPerform",
    54: "loopDetect", 64: "namingViolation", 65: "objectClassViolation", 66: "notAllowedOnNonLeaf",
    67: "notAllowedOnRDN", 68: "entryAlreadyExists", 69: "objectClassModsProhibited", 71: "affectsMultipleDSAs",
    80: "other",
}  # fmt: skip
#: compareFalse, compareTrue, referral and saslBindInProgress are answers, not failures.
_FINE = frozenset((0, 5, 6, 10, 14))
SASL_IN_PROGRESS = 14
_SCOPES = {0: "base", 1: "single", 2: "tree"}  # Zeek's words for RFC 4511 §4.5.1.2
_ALIASES = {0: "never", 1: "searching", 2: "finding", 3: "always"}
_CHANGES = {0: "add", 1: "delete", 2: "replace", 3: "increment"}

#: Attributes, changes and parts of a filter read; how deep a filter may nest; characters kept of its text.
MAX_ITEMS = 128
MAX_DEPTH = 24
MAX_FILTER = 4_096

_LAYER = "ldap"

_LENGTH = rb"(?:[\0-\x7f]|\x81[\0-\xff]|\x82[\0-\xff]{2}|\x83[\0-\xff]{3}|\x84\0[\0-\xff]{3})"
#: How a message begins: SEQUENCE, message id, and an operation with what its contents begin with.
BEGINNING = re.compile(
    rb"\x30" + _LENGTH + rb"\x02(?:\x01[\0-\x7f]|\x02[\0-\x7f][\0-\xff]|\x03[\0-\x7f][\0-\xff]{2}|"
    rb"\x04[\0-\x7f][\0-\xff]{3})(?:\x42\0|\x4a[\x01-\xff]|\x50[\x01-\x04]|\x60" + _LENGTH + rb"\x02\x01[\x02\x03]\x04|"
    rb"[\x61\x65\x67\x69\x6b\x6d\x6f\x78]" + _LENGTH + rb"\x0a\x01[\0-\x7f]\x04|"
    rb"[\x63\x64\x66\x68\x6c\x6e\x73]" + _LENGTH + rb"\x04|[\x77\x79]" + _LENGTH + rb"[\x80\x81])"
)


class Envelope(NamedTuple):
    """A message: its id, the operation's tag, and where the operation's contents begin and end."""

    id: int
    operation: int
    begin: int
    end: int


def decode_envelope(data: bytes) -> Envelope:
    """The outside of a message (RFC 4511 §4.1.1) that is here as a whole, or only its beginning."""
    at = _head(data, 0)[1]
    if data[at : at + 1] != bytes((INTEGER,)):
        raise Undecodable(_LAYER, at, "message_id")
    size, at = _head(data, at)
    number = integer(data[at : at + size], _LAYER)
    at += size
    if at >= len(data):
        raise Undecodable(_LAYER, at, "cut")
    operation = data[at]
    size, at = _head(data, at)
    return Envelope(number, operation, at, at + size)


def _head(data: bytes, at: int) -> tuple[int, int]:
    """The length at `at + 1`, and where the contents begin."""
    if at + 2 > len(data):
        raise Undecodable(_LAYER, at, "cut")
    size = data[at + 1]
    if not size & 0x80:
        return size, at + 2
    octets_ = size & 0x7F
    if not 1 <= octets_ <= 4 or at + 2 + octets_ >= len(data):
        raise Undecodable(_LAYER, at + 1, "length_form")
    return int.from_bytes(data[at + 2 : at + 2 + octets_]), at + 2 + octets_


class Bind(NamedTuple):
    """`token` is what a SASL or Sicily bind carries; `password` says only that one was given."""

    version: int
    name: str
    mechanism: str
    password: bool = False
    token: bytes = b""


def decode_bind(data: bytes) -> Bind:
    """RFC 4511 §4.2; Sicily is MS-ADTS §5.1.1.1.3."""
    fields = _parts(data, 3)
    version, name = integer(fields[0][1], _LAYER), octets(fields[1][1])
    tag, contents = fields[2]
    if tag == 0x80:
        return Bind(version, name, "simple", bool(contents))
    if tag == 0xA3:
        inside = _parts(contents, 1)
        return Bind(version, name, octets(inside[0][1]), token=inside[1][1] if len(inside) > 1 else b"")
    if tag in (0x89, 0x8A, 0x8B):
        return Bind(version, name, "Sicily", token=contents)
    raise Undecodable(_LAYER, 0, "bind")


class Search(NamedTuple):
    base: str
    scope: str
    aliases: str
    size_limit: int
    filter: str
    attributes: tuple[str, ...]


def decode_search(data: bytes) -> Search:
    """RFC 4511 §4.5.1."""
    fields = _parts(data, 8)
    scope, aliases = integer(fields[1][1], _LAYER), integer(fields[2][1], _LAYER)
    tag, contents = fields[6]
    return Search(
        octets(fields[0][1]),
        _SCOPES.get(scope, str(scope)),
        _ALIASES.get(aliases, str(aliases)),
        integer(fields[3][1], _LAYER),
        printable_filter(tag, contents),
        tuple(octets(name) for _, name in children(fields[7][1], _LAYER, MAX_ITEMS)),
    )


def printable_filter(tag: int, contents: bytes) -> str:
    """A search filter as RFC 4515 writes it, at most MAX_FILTER characters."""
    text = _filter(tag, contents, 0)
    return text if len(text) <= MAX_FILTER else text[:MAX_FILTER] + "…"


def _filter(tag: int, contents: bytes, depth: int) -> str:
    if depth > MAX_DEPTH:
        return "(…)"
    if tag in (0xA0, 0xA1):
        parts = children(contents, _LAYER, MAX_ITEMS)
        return f"({'&' if tag == 0xA0 else '|'}{''.join(_filter(*part, depth + 1) for part in parts)})"
    if tag == 0xA2:
        return f"(!{_filter(*take(contents, 0, _LAYER)[:2], depth + 1)})"
    if tag == 0x87:
        return f"({octets(contents)}=*)"
    if tag == 0xA4:
        return _substrings(contents)
    if tag == 0xA9:
        return _extensible(contents)
    sign = {0xA3: "=", 0xA5: ">=", 0xA6: "<=", 0xA8: "~="}.get(tag)
    if sign is None:
        raise Undecodable(_LAYER, 0, "filter")
    name, value = _parts(contents, 2)[:2]
    return f"({octets(name[1])}{sign}{_value(value[1])})"


def _substrings(contents: bytes) -> str:
    name, pieces = _parts(contents, 2)[:2]
    found = children(pieces[1], _LAYER, MAX_ITEMS)
    text = "".join(_value(piece) if tag == 0x80 else "*" + _value(piece) for tag, piece in found)
    if not found or found[-1][0] != 0x82:  # RFC 4511 §4.5.1.7.2: [0] initial, [1] any, [2] final
        text += "*"
    return f"({octets(name[1])}={text})"


def _extensible(contents: bytes) -> str:
    """`(attribute:dn:rule:=value)`."""
    fields = dict(children(contents, _LAYER, 4))
    text = octets(fields.get(0x82, b""))
    if fields.get(0x84, b"\0") != b"\0":
        text += ":dn"
    if 0x81 in fields:
        text += ":" + octets(fields[0x81])
    return f"({text}:={_value(fields.get(0x83, b''))})"


def _value(data: bytes) -> str:
    """An assertion value with RFC 4515 §3's escapes; bytes that are no text are escaped too."""
    try:
        text = data[:MAX_TEXT].decode("utf-8")
        whole = text.isprintable()
    except UnicodeDecodeError:
        whole = False
    if not whole:
        return "".join(f"\\{octet:02x}" for octet in data[:MAX_TEXT])
    return "".join(f"\\{ord(c):02x}" if c in "*()\\" else c for c in text)


class Result(NamedTuple):
    code: int
    name: str
    matched: str
    message: str
    token: bytes = b""  # of a SASL bind
    oid: str = ""  # of an extended response

    @property
    def fine(self) -> bool:
        return self.code in _FINE


def decode_result(data: bytes) -> Result:
    """LDAPResult (RFC 4511 §4.1.9) with what bind and extended responses add to it."""
    fields = _parts(data, 3)
    code = integer(fields[0][1], _LAYER)
    more = dict(fields[3:])
    return Result(
        code,
        _RESULTS.get(code, str(code)),
        octets(fields[1][1]),
        octets(fields[2][1]),
        more.get(0x87, b""),
        octets(more.get(0x8A, b"")),
    )


class Change(NamedTuple):
    operation: str
    attribute: str


def decode_modify(data: bytes) -> tuple[str, tuple[Change, ...]]:
    """The object's name, and which attributes are changed and how (RFC 4511 §4.6)."""
    fields = _parts(data, 2)
    changes: list[Change] = []
    for _, change in children(fields[1][1], _LAYER, MAX_ITEMS):
        how, attribute = _parts(change, 2)[:2]
        number = integer(how[1], _LAYER)
        changes.append(Change(_CHANGES.get(number, str(number)), octets(_parts(attribute[1], 1)[0][1])))
    return octets(fields[0][1]), tuple(changes)


def decode_add(data: bytes) -> tuple[str, tuple[str, ...]]:
    """The object's name and the names of its attributes (RFC 4511 §4.7)."""
    fields = _parts(data, 2)
    rows = children(fields[1][1], _LAYER, MAX_ITEMS)
    return octets(fields[0][1]), tuple(octets(_parts(row, 1)[0][1]) for _, row in rows)


class Rename(NamedTuple):
    name: str
    new_name: str
    delete_old: bool
    new_parent: str


def decode_rename(data: bytes) -> Rename:
    """RFC 4511 §4.9."""
    fields = _parts(data, 3)
    parent = octets(fields[3][1]) if len(fields) > 3 else ""
    return Rename(octets(fields[0][1]), octets(fields[1][1]), any(fields[2][1]), parent)


def decode_compare(data: bytes) -> tuple[str, str]:
    """The object's name and the attribute that is compared (RFC 4511 §4.10)."""
    fields = _parts(data, 2)
    return octets(fields[0][1]), octets(_parts(fields[1][1], 1)[0][1])


def decode_extended(data: bytes) -> tuple[str, str]:
    """The OID of an extended request, and its usual name (RFC 4511 §4.12)."""
    fields = dict(children(data, _LAYER, 4))
    oid = octets(fields.get(0x80, b""))
    return oid, _EXTENSIONS.get(oid, oid)


def decode_number(data: bytes) -> int:
    """The message id that an ABANDON means."""
    return integer(data, _LAYER)


def decode_name(data: bytes) -> str:
    """The name that a DELETE means."""
    return octets(data)


def _parts(data: bytes, least: int) -> list[tuple[int, bytes]]:
    found = children(data, _LAYER, MAX_ITEMS)
    if len(found) < least:
        raise Undecodable(_LAYER, 0, "fields")
    return found
