"""Kerberos 5 messages (RFC 4120 §5, with the types of RFC 6113, RFC 8009 and MS-KILE): names, times and ciphers.

Tickets and everything else that is encrypted are only asked which cipher they use.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from sensors.decode.asn1 import SEQUENCE, children, inner, instant, integer, tagged, take
from sensors.decode.fault import Undecodable
from sensors.decode.windows import octets

AS_REQ, AS_REP, TGS_REQ, TGS_REP, AP_REQ, AP_REP = 10, 11, 12, 13, 14, 15
SAFE, PRIV, CRED, ERROR = 20, 21, 22, 30

#: As Suricata names them in EVE.
TYPES = {
    AS_REQ: "KRB_AS_REQ", AS_REP: "KRB_AS_REP", TGS_REQ: "KRB_TGS_REQ", TGS_REP: "KRB_TGS_REP", AP_REQ: "KRB_AP_REQ",
    AP_REP: "KRB_AP_REP", SAFE: "KRB_SAFE", PRIV: "KRB_PRIV", CRED: "KRB_CRED", ERROR: "KRB_ERROR",
}  # fmt: skip

#: How a message of the KDC begins: its APPLICATION tag, a SEQUENCE, and the protocol version 5 (RFC 4120 §5.4, §5.9).
BEGINNING = re.compile(
    rb"[\x6a-\x6d\x7e](?:[\0-\x7f]|\x81[\0-\xff]|\x82[\0-\xff]{2}|\x83[\0-\xff]{3})"
    rb"\x30(?:[\0-\x7f]|\x81[\0-\xff]|\x82[\0-\xff]{2}|\x83[\0-\xff]{3})[\xa0\xa1]\x03\x02\x01\x05"
)
#: Parts of a name, encryption types and pre-authentication data read of one message.
MAX_PARTS = 16

_LAYER = "kerberos"

_CIPHERS = {
    1: "des-cbc-crc", 2: "des-cbc-md4", 3: "des-cbc-md5", 5: "des3-cbc-md5", 7: "des3-cbc-sha1", 16: "des3-cbc-sha1-kd",
    17: "aes128-cts-hmac-sha1-96", 18: "aes256-cts-hmac-sha1-96", 19: "aes128-cts-hmac-sha256-128",
    20: "aes256-cts-hmac-sha384-192", 23: "rc4-hmac", 24: "rc4-hmac-exp", 25: "camellia128-cts-cmac",
    26: "camellia256-cts-cmac", 65: "subkey-keymaterial", -128: "rc4-md4", -133: "rc4-hmac-old",
    -135: "rc4-hmac-old-exp",
}  # fmt: skip
#: DES, export RC4, RC4 and triple DES (RFC 6649, RFC 8429).
_WEAK = frozenset((1, 2, 3, 5, 7, 16, 23, 24, -128, -133, -135))

_ERRORS = {
    0: "KDC_ERR_NONE", 1: "KDC_ERR_NAME_EXP", 2: "KDC_ERR_SERVICE_EXP", 3: "KDC_ERR_BAD_PVNO",
    4: "KDC_ERR_C_OLD_MAST_KVNO", 5: "KDC_ERR_S_OLD_MAST_KVNO", 6: "KDC_ERR_C_PRINCIPAL_UNKNOWN",
    7: "KDC_ERR_S_PRINCIPAL_UNKNOWN", 8: "KDC_ERR_PRINCIPAL_NOT_UNIQUE", 9: "KDC_ERR_NULL_KEY",
    10: "KDC_ERR_CANNOT_POSTDATE", 11: "KDC_ERR_NEVER_VALID", 12: "KDC_ERR_POLICY", 13: "KDC_ERR_BADOPTION",
    14: "KDC_ERR_ETYPE_NOSUPP", 15: "KDC_ERR_SUMTYPE_NOSUPP", 16: "KDC_ERR_PADATA_TYPE_NOSUPP",
    17: "KDC_ERR_TRTYPE_NOSUPP", 18: "KDC_ERR_CLIENT_REVOKED", 19: "KDC_ERR_SERVICE_REVOKED",
    20: "KDC_ERR_TGT_REVOKED", 21: "KDC_ERR_CLIENT_NOTYET", 22: "KDC_ERR_SERVICE_NOTYET", 23: "KDC_ERR_KEY_EXPIRED",
    24: "KDC_ERR_PREAUTH_FAILED", 25: "KDC_ERR_PREAUTH_REQUIRED", 26: "KDC_ERR_SERVER_NOMATCH",
    27: "KDC_ERR_MUST_USE_USER2USER", 28: "KDC_ERR_PATH_NOT_ACCEPTED", 29: "KDC_ERR_SVC_UNAVAILABLE",
    31: "KRB_AP_ERR_BAD_INTEGRITY", 32: "KRB_AP_ERR_TKT_EXPIRED", 33: "KRB_AP_ERR_TKT_NYV", 34: "KRB_AP_ERR_REPEAT",
    35: "KRB_AP_ERR_NOT_US", 36: "KRB_AP_ERR_BADMATCH", 37: "KRB_AP_ERR_SKEW", 38: "KRB_AP_ERR_BADADDR",
    39: "KRB_AP_ERR_BADVERSION", 40: "KRB_AP_ERR_MSG_TYPE", 41: "KRB_AP_ERR_MODIFIED", 42: "KRB_AP_ERR_BADORDER",
    44: "KRB_AP_ERR_BADKEYVER", 45: "KRB_AP_ERR_NOKEY", 46: "KRB_AP_ERR_MUT_FAIL", 47: "KRB_AP_ERR_BADDIRECTION",
    48: "KRB_AP_ERR_METHOD", 49: "KRB_AP_ERR_BADSEQ", 50: "KRB_AP_ERR_INAPP_CKSUM", 51: "KRB_AP_PATH_NOT_ACCEPTED",
    52: "KRB_ERR_RESPONSE_TOO_BIG", 60: "KRB_ERR_GENERIC", 61: "KRB_ERR_FIELD_TOOLONG",
    62: "KDC_ERR_CLIENT_NOT_TRUSTED", 63: "KDC_ERR_KDC_NOT_TRUSTED", 64: "KDC_ERR_INVALID_SIG",
    65: "KDC_ERR_KEY_TOO_WEAK", 66: "KDC_ERR_CERTIFICATE_MISMATCH", 67: "KRB_AP_ERR_NO_TGT", 68: "KDC_ERR_WRONG_REALM",
    69: "KRB_AP_ERR_USER_TO_USER_REQUIRED", 70: "KDC_ERR_CANT_VERIFY_CERTIFICATE", 71: "KDC_ERR_INVALID_CERTIFICATE",
    72: "KDC_ERR_REVOKED_CERTIFICATE", 73: "KDC_ERR_REVOCATION_STATUS_UNKNOWN",
    74: "KDC_ERR_REVOCATION_STATUS_UNAVAILABLE", 75: "KDC_ERR_CLIENT_NAME_MISMATCH", 76: "KDC_ERR_KDC_NAME_MISMATCH",
    90: "KDC_ERR_PREAUTH_EXPIRED", 91: "KDC_ERR_MORE_PREAUTH_DATA_REQUIRED",
}  # fmt: skip
#: RFC 4120 §7.5.2 and RFC 6113: what proves the client before the KDC answers.
_PROOFS = frozenset((1, 2, 13, 14, 15, 16, 17, 136, 138, 141, 144, 151))
#: KDCOptions (RFC 4120 §5.4.1), bits counted from the most significant.
_FORWARDABLE, _RENEWABLE = 1, 8


def cipher_name(number: int) -> str:
    return _CIPHERS.get(number, str(number))


def weak(number: int) -> bool:
    return number in _WEAK


def error_name(number: int) -> str:
    return _ERRORS.get(number, str(number))


class Ticket(NamedTuple):
    realm: str
    sname: tuple[str, ...]
    cipher: int


class Message(NamedTuple):
    """What a message tells; each kind fills what it has. Times are RFC 3339 or empty."""

    type: int
    realm: str = ""
    cname: tuple[str, ...] = ()
    client_realm: str = ""
    sname: tuple[str, ...] = ()
    options: int = 0
    start: str = ""
    till: str = ""
    renew_till: str = ""
    nonce: int = 0
    ciphers: tuple[int, ...] = ()
    proofs: bool = False
    proof_types: tuple[int, ...] = ()
    cipher: int | None = None
    ticket: Ticket | None = None
    error: int | None = None
    error_text: str = ""

    @property
    def forwardable(self) -> bool:
        return bool(self.options >> (31 - _FORWARDABLE) & 1)

    @property
    def renewable(self) -> bool:
        return bool(self.options >> (31 - _RENEWABLE) & 1)


def decode_message(data: bytes) -> Message:
    """Any message of RFC 4120, from its APPLICATION tag on."""
    tag, contents, _ = take(data, 0, _LAYER)
    kind = tag & 0x1F
    if tag & 0xE0 != 0x60 or kind not in TYPES:
        raise Undecodable(_LAYER, 0, "message_type")
    fields = _sequence(contents)
    if kind in (AS_REQ, TGS_REQ):
        return _request(kind, fields)
    if kind in (AS_REP, TGS_REP):
        return _reply(kind, fields)
    if kind == ERROR:
        return _error(fields)
    ticket = _ticket(fields[3]) if kind == AP_REQ and 3 in fields else None
    return Message(kind, ticket=ticket)


def decode_ap_request(data: bytes) -> Ticket:
    """The ticket inside an AP-REQ."""
    message = decode_message(data)
    if message.ticket is None:
        raise Undecodable(_LAYER, 0, "no_ticket")
    return message.ticket


def _sequence(data: bytes) -> dict[int, bytes]:
    tag, contents, _ = take(data, 0, _LAYER)
    if tag != SEQUENCE:
        raise Undecodable(_LAYER, 0, "sequence")
    return tagged(contents, _LAYER)


def _request(kind: int, fields: dict[int, bytes]) -> Message:
    """KDC-REQ (RFC 4120 §5.4.1)."""
    if 4 not in fields:
        raise Undecodable(_LAYER, 0, "no_body")
    body = _sequence(fields[4])
    proofs = _proofs(fields.get(3, b""))
    ciphers = children(inner(body[8], _LAYER), _LAYER, MAX_PARTS) if 8 in body else []
    return Message(
        kind,
        _text(body, 2),
        _name(body, 1),
        sname=_name(body, 3),
        options=int.from_bytes(inner(body[0], _LAYER)[1:5].ljust(4, b"\0")) if 0 in body else 0,
        start=_time(body, 4),
        till=_time(body, 5),
        renew_till=_time(body, 6),
        nonce=integer(inner(body[7], _LAYER), _LAYER) if 7 in body else 0,
        ciphers=tuple(integer(value, _LAYER) for _, value in ciphers),
        proofs=not _PROOFS.isdisjoint(proofs),
        proof_types=proofs,
    )


def _proofs(data: bytes) -> tuple[int, ...]:
    """The types of pre-authentication data."""
    if not data:
        return ()
    found = [tagged(item, _LAYER) for _, item in children(inner(data, _LAYER), _LAYER, MAX_PARTS)]
    return tuple(integer(inner(item[1], _LAYER), _LAYER) for item in found if 1 in item)


def _reply(kind: int, fields: dict[int, bytes]) -> Message:
    """KDC-REP (RFC 4120 §5.4.2)."""
    ticket = _ticket(fields[5]) if 5 in fields else None
    return Message(
        kind,
        ticket.realm if ticket else "",
        _name(fields, 4),
        _text(fields, 3),
        ticket.sname if ticket else (),
        cipher=_cipher(fields[6]) if 6 in fields else None,
        ticket=ticket,
    )


def _error(fields: dict[int, bytes]) -> Message:
    """KRB-ERROR (RFC 4120 §5.9.1)."""
    return Message(
        ERROR,
        _text(fields, 9),
        _name(fields, 8),
        _text(fields, 7),
        _name(fields, 10),
        error=integer(inner(fields[6], _LAYER), _LAYER) if 6 in fields else None,
        error_text=_text(fields, 11),
    )


def _ticket(data: bytes) -> Ticket:
    """RFC 4120 §5.3; the tag [APPLICATION 1] is outside."""
    tag, contents, _ = take(data, 0, _LAYER)
    if tag != 0x61:
        raise Undecodable(_LAYER, 0, "ticket")
    fields = _sequence(contents)
    if 3 not in fields:
        raise Undecodable(_LAYER, 0, "ticket")
    return Ticket(_text(fields, 1), _name(fields, 2), _cipher(fields[3]))


def _cipher(data: bytes) -> int:
    """Of EncryptedData (RFC 4120 §5.2.9)."""
    fields = _sequence(data)
    if 0 not in fields:
        raise Undecodable(_LAYER, 0, "cipher")
    return integer(inner(fields[0], _LAYER), _LAYER)


def _text(fields: dict[int, bytes], number: int) -> str:
    return octets(inner(fields[number], _LAYER)) if number in fields else ""


def _time(fields: dict[int, bytes], number: int) -> str:
    return instant(*take(fields[number], 0, _LAYER)[:2]) if number in fields else ""


def _name(fields: dict[int, bytes], number: int) -> tuple[str, ...]:
    """The components of a PrincipalName (RFC 4120 §5.2.2)."""
    if number not in fields:
        return ()
    parts = _sequence(fields[number])
    if 1 not in parts:
        return ()
    return tuple(octets(part) for _, part in children(inner(parts[1], _LAYER), _LAYER, MAX_PARTS))
