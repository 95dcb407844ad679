from __future__ import annotations

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.snmp import decode_snmp, plausible
from sensors.talks.snmp import read_snmp
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, scapy, sense, udp

s = scapy()


def ber(tag: int, *parts: bytes) -> bytes:
    body = b"".join(parts)
    size = bytes((len(body),)) if len(body) < 128 else b"\x82" + len(body).to_bytes(2)
    return bytes((tag,)) + size + body


def number(value: int) -> bytes:
    return ber(2, value.to_bytes(4, signed=True))


DESCRIPTION = ber(6, bytes.fromhex("2b06010201010100"))
GET = bytes(s.SNMP(community="public", PDU=s.SNMPget(varbindlist=[s.SNMPvarbind(oid=s.ASN1_OID("1.3.6.1.2.1.1.1.0"))])))
RESPONSE = ber(
    0x30, number(1), ber(4, b"public"),
    ber(0xA2, number(7), number(0), number(0),
        ber(0x30, ber(0x30, DESCRIPTION, ber(4, "Thiết bị".encode())),
            ber(0x30, DESCRIPTION, ber(0x40, b"\x0a\0\0\1")))),
)  # fmt: skip
BULK = ber(0x30, number(1), ber(4, b"c"), ber(0xA5, number(7), number(1), number(50), ber(0x30)))
TRAP = ber(
    0x30, number(0), ber(4, b"trap"),
    ber(0xA4, ber(6, bytes.fromhex("2b06010401bf08")), ber(0x40, b"\x0a\0\0\2"), number(6), number(17),
        ber(0x43, b"\5"), ber(0x30)),
)  # fmt: skip
USM = ber(4, ber(0x30, ber(4, b"\x80\0\x1f\x88\4"), number(1), number(2), ber(4, b"giamsat"), ber(4), ber(4)))
SCOPED = ber(0x30, ber(4, b"\x80"), ber(4, b"vung1"), ber(0xA0, number(9), number(0), number(0), ber(0x30)))
V3 = ber(0x30, number(3), ber(0x30, number(5), number(65507), ber(4, b"\5"), number(3)), USM, SCOPED)
SEALED = ber(
    0x30, ber(2, b"\3"), ber(0x30, number(5), number(65507), ber(4, b"\7"), ber(2, b"\3")), USM, ber(4, bytes(16))
)


def snmp(data: bytes) -> dict[str, object]:
    return read_snmp(data).fields["vonggac"]["snmp"]  # type: ignore[no-any-return]


def test_a_question_and_its_answer_are_two_events():
    events = of(sense([udp(GET, dport=161), udp(RESPONSE, dport=161, back=True)]), "snmp")
    assert events[0]["vonggac"]["snmp"] == {
        "version": 2, "community": "public", "pdu_type": "get_request", "request_id": 0, "vars": ["1.3.6.1.2.1.1.1.0"],
    }  # fmt: skip
    assert events[1]["vonggac"]["snmp"]["values"] == [
        "1.3.6.1.2.1.1.1.0=Thiết bị",
        "1.3.6.1.2.1.1.1.0=10.0.0.1",
    ]
    assert events[1]["event"]["outcome"] == "success"


def test_a_bulk_request_has_its_counts():
    assert snmp(BULK) == {
        "version": 2, "community": "c", "pdu_type": "get_bulk_request", "request_id": 7, "non_repeaters": 1,
        "max_repetitions": 50,
    }  # fmt: skip


def test_a_trap_of_version_1_has_who_and_what():
    assert snmp(TRAP) == {
        "version": 1, "community": "trap", "pdu_type": "trap_v1", "trap_type": "enterprise_specific.17",
        "trap_oid": "1.3.6.1.4.1.8072", "trap_address": "10.0.0.2",
    }  # fmt: skip


def test_version_3_tells_the_user_and_what_is_not_encrypted():
    read = read_snmp(V3)
    assert read.fields["user"] == {"name": "giamsat"}
    assert snmp(V3) == {
        "version": 3, "authenticated": True, "encrypted": False, "usm": "giamsat", "engine_id": "80:00:1f:88:04",
        "context": "vung1", "pdu_type": "get_request", "request_id": 9,
    }  # fmt: skip
    assert "pdu_type" not in snmp(SEALED)
    assert snmp(SEALED)["encrypted"] is True


def test_an_error_is_named_and_a_failure():
    data = ber(0x30, number(0), ber(4, b"p"), ber(0xA2, number(7), number(2), number(1), ber(0x30)))
    read = read_snmp(data)
    assert (snmp(data)["error"], snmp(data)["error_index"]) == ("no_such_name", 1)
    assert read.event["outcome"] == "failure"


def test_snmp_is_recognised_on_any_port_but_not_other_asn1():
    assert of(sense([udp(GET, dport=16100)]), "snmp")
    kerberos = ber(0x6A, ber(0x30, b"\xa1\3\2\1\5"))
    assert not plausible(kerberos)
    assert not plausible(ber(0x30, ber(2, b"\1"), ber(0x60, bytes(10))))  # an LDAP bind


def test_many_variables_are_counted_and_the_first_are_kept():
    pair = ber(0x30, DESCRIPTION, ber(5))
    data = ber(0x30, number(1), ber(4, b"p"), ber(0xA0, number(1), number(0), number(0), ber(0x30, pair * 300)))
    assert len(snmp(data)["vars"]) == 128  # type: ignore[arg-type]
    assert snmp(data)["vars_count"] == 300


def test_broken_messages_on_the_port_are_an_anomaly():
    (event,) = of(sense([udp(GET[:-3], dport=161)]), "anomaly")
    assert event["vonggac"]["anomaly"]["layer"] == "snmp"
    with pytest.raises(Undecodable):
        decode_snmp(GET[:20])


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(read_snmp, GET, RESPONSE, BULK, TRAP, V3, SEALED)
