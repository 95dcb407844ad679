from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import kerberos as krb
from sensors.decode.fault import Undecodable
from tests.unit.sensors.windows_wire import der

#: Built with scapy: AS-REQ of an@BTC.VN for krbtgt/BTC.VN, AES-256 and RC4 offered, no pre-authentication.
AS_REQ = bytes.fromhex(
    "6a8195308192a103020105a20302010aa3023000a48181307fa0080306074080000000a10f300da003020101a10630041b02616ea2081b0642"
    "54432e564ea31b3019a003020102a11230101b066b72627467741b064254432e564ea511180f32303337303931333032343830355aa611180f"
    "32303236313132323036333332355aa70302014da8083006020112020117a9023000ab023000"
)


def number(tag: int, value: int) -> bytes:
    return der(tag, der(2, value.to_bytes(1 if value < 128 else 4)))


def text(tag: int, value: str) -> bytes:
    return der(tag, der(0x1B, value.encode()))


def name(tag: int, *parts: str) -> bytes:
    return der(tag, der(0x30, number(0xA0, 2), der(0xA1, der(0x30, *(der(0x1B, part.encode()) for part in parts)))))


def encrypted(tag: int, cipher: int) -> bytes:
    return der(tag, der(0x30, number(0xA0, cipher), der(0xA2, der(4, bytes(20)))))


def ticket(tag: int, *sname: str, cipher: int = 18) -> bytes:
    body = der(0x30, number(0xA0, 5), text(0xA1, "BTC.VN"), name(0xA2, *sname), encrypted(0xA3, cipher))
    return der(tag, der(0x61, body))


def reply(kind: int = 11, *sname: str, cipher: int = 18, ticket_cipher: int = 18) -> bytes:
    parts = (
        number(0xA0, 5), number(0xA1, kind), text(0xA3, "BTC.VN"), name(0xA4, "an"),
        ticket(0xA5, *(sname or ("krbtgt", "BTC.VN")), cipher=ticket_cipher), encrypted(0xA6, cipher),
    )  # fmt: skip
    return der(0x60 | kind, der(0x30, *parts))


def error(code: int, *sname: str) -> bytes:
    parts = (number(0xA0, 5), number(0xA1, 30), number(0xA6, code), text(0xA9, "BTC.VN"))
    return der(0x7E, der(0x30, *parts, name(0xAA, *(sname or ("krbtgt", "BTC.VN")))))


def tgs_request(*sname: str, nonce: int = 1, cipher: int = 23) -> bytes:
    proof = der(0x30, number(0xA1, 1), der(0xA2, der(4, b"?")))
    body = der(
        0x30, der(0xA0, der(3, b"\0\x40\x81\0\0")), text(0xA2, "BTC.VN"), name(0xA3, *sname),
        der(0xA5, der(0x18, b"20370913024805Z")), number(0xA7, nonce), der(0xA8, der(0x30, der(2, bytes((cipher,))))),
    )  # fmt: skip
    return der(0x6C, der(0x30, number(0xA1, 5), number(0xA2, 12), der(0xA3, der(0x30, proof)), der(0xA4, body)))


def test_a_request_for_a_first_ticket_is_read():
    said = krb.decode_message(AS_REQ)
    assert (said.type, said.realm, said.cname, said.sname) == (krb.AS_REQ, "BTC.VN", ("an",), ("krbtgt", "BTC.VN"))
    assert (said.forwardable, said.renewable, said.proofs) == (True, True, False)
    assert said.till == "2037-09-13T02:48:05.000000Z"
    assert said.ciphers == (18, 23)
    assert said.nonce == 77


def test_a_reply_says_which_ciphers_it_uses():
    said = krb.decode_message(reply(13, "HTTP", "web.btc.vn", ticket_cipher=23))
    assert said.ticket == ("BTC.VN", ("HTTP", "web.btc.vn"), 23)
    assert said.cipher == 18
    assert krb.weak(23)
    assert not krb.weak(18)
    assert krb.cipher_name(23) == "rc4-hmac"


def test_an_error_has_its_name():
    said = krb.decode_message(error(6))
    assert krb.error_name(said.error or 0) == "KDC_ERR_C_PRINCIPAL_UNKNOWN"


def test_a_service_ticket_inside_of_a_login_is_read():
    request = der(0x6E, der(0x30, number(0xA0, 5), number(0xA1, 14), ticket(0xA3, "cifs", "dc1.btc.vn")))
    assert krb.decode_ap_request(request).sname == ("cifs", "dc1.btc.vn")
    with pytest.raises(Undecodable):
        krb.decode_ap_request(AS_REQ)


def test_messages_begin_as_the_recogniser_expects():
    assert all(krb.BEGINNING.match(each) for each in (AS_REQ, reply(), error(6), tgs_request("a")))
    assert not krb.BEGINNING.match(b"\x6a" + bytes(20))


_VALID = (AS_REQ, reply(), error(25), tgs_request("cifs", "a"))


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_VALID), st.integers(0, 160), st.binary(max_size=40))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    with contextlib.suppress(Undecodable):
        krb.decode_message(valid[:keep] + tail)
