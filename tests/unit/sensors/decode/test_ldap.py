from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import ldap
from sensors.decode.fault import Undecodable
from tests.unit.sensors.windows_wire import der

#: Built with scapy from `(&(objectClass=user)(!(cn=a*b*))(sn>=b))` below DC=btc,DC=vn.
SEARCH = bytes.fromhex(
    "30580201076353040c44433d6274632c44433d766e0a01020a0100020100020100010100a02ea313040b6f626a656374436c61737304047573"
    "6572a20ea40c0402636e3006800161810162a5070402736e04016230040402636e"
)


def message(number: int, operation: bytes) -> bytes:
    return der(0x30, der(2, bytes((number,))), operation)


def bind(number: int, name: bytes = b"cn=an,dc=btc", choice: bytes = b"\x80\x06secret") -> bytes:
    return message(number, der(0x60, der(2, b"\3"), der(4, name), choice))


def sasl(number: int, token: bytes, mechanism: bytes = b"GSS-SPNEGO") -> bytes:
    return bind(number, b"", der(0xA3, der(4, mechanism), der(4, token)))


def result(number: int, operation: int, code: int = 0, *more: bytes, text: bytes = b"") -> bytes:
    return message(number, der(operation, der(10, bytes((code,))), der(4), der(4, text), *more))


def entry(number: int, size: int = 10) -> bytes:
    return message(
        number, der(0x64, der(4, b"cn=x"), der(0x30, der(0x30, der(4, b"a"), der(0x31, der(4, bytes(size))))))
    )


def contents(data: bytes) -> bytes:
    envelope = ldap.decode_envelope(data)
    return data[envelope.begin : envelope.end]


def test_a_search_is_read_with_its_filter():
    assert ldap.decode_envelope(SEARCH)[:2] == (7, ldap.SEARCH)
    said = ldap.decode_search(contents(SEARCH))
    assert (said.base, said.scope, said.attributes) == ("DC=btc,DC=vn", "tree", ("cn",))
    assert said.filter == "(&(objectClass=user)(!(cn=a*b*))(sn>=b))"


@pytest.mark.parametrize(
    ("tag", "inside", "text"),
    [
        (0x87, b"objectClass", "(objectClass=*)"),
        (0xA3, der(4, b"cn") + der(4, "Tiếng (Việt)*".encode()), "(cn=Tiếng \\28Việt\\29\\2a)"),
        (0xA3, der(4, b"objectSid") + der(4, b"\1\5\xff"), "(objectSid=\\01\\05\\ff)"),
        (0xA4, der(4, b"cn") + der(0x30, der(0x82, b"end")), "(cn=*end)"),
        (0xA6, der(4, b"n") + der(4, b"5"), "(n<=5)"),
        (0xA9, der(0x81, b"1.2.3") + der(0x82, b"uac") + der(0x83, b"2"), "(uac:1.2.3:=2)"),
    ],
)
def test_filters_are_written_as_rfc_4515_does(tag, inside, text):
    assert ldap.printable_filter(tag, inside) == text


def test_filters_inside_of_one_another_end_somewhere():
    inside = der(0x87, b"cn")
    for _ in range(5_000):
        inside = der(0xA2, inside)
    assert ldap.printable_filter(0xA2, inside).count("!") <= ldap.MAX_DEPTH + 1


def test_a_password_is_only_said_to_be_there():
    said = ldap.decode_bind(contents(bind(1)))
    assert (said.name, said.mechanism, said.password, said.token) == ("cn=an,dc=btc", "simple", True, b"")
    assert b"secret" not in repr(said).encode()
    assert ldap.decode_bind(contents(bind(1, b"", b"\x80\0"))).password is False


def test_changes_name_attributes_and_no_values():
    change = der(0x30, der(10, b"\2"), der(0x30, der(4, b"unicodePwd"), der(0x31, der(4, b"secret"))))
    data = message(2, der(ldap.MODIFY, der(4, b"cn=an"), der(0x30, change)))
    assert ldap.decode_modify(contents(data)) == ("cn=an", (("replace", "unicodePwd"),))


def test_a_result_has_its_name():
    said = ldap.decode_result(contents(result(1, ldap.BIND_RESPONSE, 49, text=b"80090308")))
    assert (said.name, said.message, said.fine) == ("invalidCredentials", "80090308", False)


def test_messages_begin_as_the_recogniser_expects():
    for data in (SEARCH, bind(1), sasl(1, b"x"), result(1, ldap.SEARCH_DONE), entry(1), message(3, b"\x42\0")):
        assert ldap.BEGINNING.match(data), data.hex()
    snmp = der(0x30, der(2, b"\1"), der(4, b"public"), der(0xA0, der(2, b"\1")))
    assert not ldap.BEGINNING.match(snmp)


_DECODERS = (
    ldap.decode_bind, ldap.decode_search, ldap.decode_result, ldap.decode_modify, ldap.decode_add, ldap.decode_rename,
    ldap.decode_compare, ldap.decode_extended, ldap.decode_number,
)  # fmt: skip


@settings(max_examples=300, deadline=None)
@given(st.sampled_from((SEARCH, bind(1), result(1, 0x61), entry(1))), st.integers(0, 100), st.binary(max_size=40))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    data = valid[:keep] + tail
    with contextlib.suppress(Undecodable):
        envelope = ldap.decode_envelope(data)
        for decode in _DECODERS:
            with contextlib.suppress(Undecodable):
                decode(data[envelope.begin : envelope.end])
