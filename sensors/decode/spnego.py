"""Security tokens as protocols carry them: SPNEGO (RFC 4178) around NTLM or Kerberos, or either on its own."""

from __future__ import annotations

from typing import NamedTuple

from sensors.decode.asn1 import OID, inner, oid, tagged, take
from sensors.decode.fault import Undecodable
from sensors.decode.ntlm import SIGNATURE

SPNEGO = "1.3.6.1.5.5.2"
#: RFC 4121 §4.1; the second is what Windows 2000 wrote, with one bit lost.
KERBEROS = ("1.2.840.113554.1.2.2", "1.2.840.48018.1.2.2")
_TOKEN_AP_REQ, _TOKEN_AP_REP = b"\1\0", b"\2\0"
_STATES = ("accept-completed", "accept-incomplete", "reject", "request-mic")


class Token(NamedTuple):
    """`ntlm` is a message from its signature on; `kerberos` an AP-REQ or AP-REP from its first octet on."""

    ntlm: bytes = b""
    kerberos: bytes = b""
    mechanisms: tuple[str, ...] = ()
    state: str = ""


def decode_token(data: bytes) -> Token:
    """What a security blob holds; an empty Token for mechanisms other than these. Raises Undecodable."""
    if not data:
        return Token()
    if data.startswith(SIGNATURE):
        return Token(ntlm=data)
    if data[0] == 0x60:  # [APPLICATION 0], RFC 2743 §3.1
        contents = inner(data, "spnego")
        tag, mechanism, at = take(contents, 0, "spnego")
        if tag != OID:
            raise Undecodable("spnego", 0, "mechanism")
        if oid(mechanism) in KERBEROS:
            return _kerberos(contents[at:])
        if oid(mechanism) != SPNEGO:
            return Token()
        data = contents[at:]
    if data[:1] == b"\xa0":
        return _init(tagged(inner(inner(data, "spnego"), "spnego"), "spnego"))
    if data[:1] == b"\xa1":
        return _response(tagged(inner(inner(data, "spnego"), "spnego"), "spnego"))
    return Token(kerberos=data) if data[:1] in (b"\x6e", b"\x6f") else Token()


def _kerberos(data: bytes) -> Token:
    """Behind RFC 4121 §4.1's two octets of token id."""
    return Token(kerberos=data[2:]) if data[:2] in (_TOKEN_AP_REQ, _TOKEN_AP_REP) else Token()


def _init(fields: dict[int, bytes]) -> Token:
    """NegTokenInit: the mechanisms offered and the token of the first (RFC 4178 §4.2.1)."""
    mechanisms: list[str] = []
    if 0 in fields:
        contents, at = inner(fields[0], "spnego"), 0
        while at < len(contents) and len(mechanisms) < 16:
            _, mechanism, at = take(contents, at, "spnego")
            mechanisms.append(oid(mechanism))
    token = _inside(fields.get(2, b""))
    return token._replace(mechanisms=tuple(mechanisms))


def _response(fields: dict[int, bytes]) -> Token:
    """NegTokenResp (RFC 4178 §4.2.2)."""
    state = inner(fields[0], "spnego") if 0 in fields else b""
    mechanisms = (oid(inner(fields[1], "spnego")),) if 1 in fields else ()
    known = _STATES[state[0]] if len(state) == 1 and state[0] < len(_STATES) else ""
    return _inside(fields.get(2, b""))._replace(mechanisms=mechanisms, state=known)


def _inside(field: bytes) -> Token:
    """The mechanism's own token: an OCTET STRING that holds NTLM or Kerberos, never another negotiation."""
    data = inner(field, "spnego") if field else b""
    if data.startswith(SIGNATURE):
        return Token(ntlm=data)
    if data[:1] == b"\x60":
        contents = inner(data, "spnego")
        _, mechanism, at = take(contents, 0, "spnego")
        return _kerberos(contents[at:]) if oid(mechanism) in KERBEROS else Token()
    return Token(kerberos=data) if data[:1] in (b"\x6e", b"\x6f") else Token()
