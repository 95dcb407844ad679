from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.ntlm import decode_ntlm
from sensors.decode.spnego import KERBEROS, decode_token
from tests.unit.sensors.windows_wire import NTLM_AUTHENTICATE, NTLM_CHALLENGE, NTLM_NEGOTIATE, der

NTLM_OID = bytes.fromhex("2b06010401823702020a")
SPNEGO_OID = bytes.fromhex("2b0601050502")
KERBEROS_OID = bytes.fromhex("2a864886f712010202")


def negotiation(token: bytes) -> bytes:
    inside = der(0x30, der(0xA0, der(0x30, der(6, NTLM_OID))), der(0xA2, der(4, token)))
    return der(0x60, der(6, SPNEGO_OID), der(0xA0, inside))


def answer(token: bytes, state: int) -> bytes:
    return der(0xA1, der(0x30, der(0xA0, der(10, bytes((state,)))), der(0xA2, der(4, token))))


def test_who_logs_in_is_read():
    said = decode_ntlm(NTLM_AUTHENTICATE)
    assert (said.domain, said.user, said.workstation) == ("CONTOSO", "nguyễn", "PC-01")
    assert said.version == "10.0 build 19041 rev 15"
    assert not said.anonymous


def test_who_answers_is_read():
    said = decode_ntlm(NTLM_CHALLENGE)
    assert said.target == {"nb_computer": "DC1", "dns_computer": "dc1.contoso.vn", "tree": "contoso.vn"}
    assert said.domain == "CONTOSO"


def test_a_field_outside_of_its_message_is_refused():
    with pytest.raises(Undecodable):
        decode_ntlm(NTLM_AUTHENTICATE[:90])


def test_tokens_are_found_inside_of_a_negotiation():
    assert decode_token(negotiation(NTLM_NEGOTIATE)).ntlm == NTLM_NEGOTIATE
    token = decode_token(answer(NTLM_CHALLENGE, 1))
    assert (token.ntlm, token.state) == (NTLM_CHALLENGE, "accept-incomplete")
    assert decode_token(NTLM_NEGOTIATE).ntlm == NTLM_NEGOTIATE


def test_kerberos_is_found_bare_and_inside():
    ticket = der(0x6E, der(0x30))
    bare = der(0x60, der(6, KERBEROS_OID), b"\1\0" + ticket)
    assert decode_token(bare).kerberos == ticket
    assert decode_token(negotiation(bare)).kerberos == ticket
    assert KERBEROS[0] == "1.2.840.113554.1.2.2"


def test_negotiations_inside_of_one_another_are_not_followed():
    nested = negotiation(NTLM_NEGOTIATE)
    for _ in range(2_000):
        nested = der(0x60, der(6, SPNEGO_OID), nested)
    assert decode_token(nested).ntlm == b""


_VALID = (
    NTLM_NEGOTIATE, NTLM_CHALLENGE, NTLM_AUTHENTICATE, negotiation(NTLM_NEGOTIATE), answer(NTLM_CHALLENGE, 1),
)  # fmt: skip


@settings(max_examples=400, deadline=None)
@given(st.sampled_from(_VALID), st.integers(0, 200), st.binary(max_size=60))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    with contextlib.suppress(Undecodable):
        decode_ntlm(valid[:keep] + tail)
    with contextlib.suppress(Undecodable):
        decode_token(valid[:keep] + tail)
