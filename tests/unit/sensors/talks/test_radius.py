from __future__ import annotations

import struct

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.radius import decode_radius, plausible
from sensors.streams import Moment
from sensors.talks.radius import MAX_WAITING, RadiusTalk
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, sense, udp


def packet(code: int, ident: int, **values: bytes) -> bytes:
    attributes = b"".join(bytes((int(kind[1:]), len(value) + 2)) + value for kind, value in values.items())
    return struct.pack("!BBH", code, ident, 20 + len(attributes)) + bytes(16) + attributes


ASK = packet(
    1, 7, a1=b"nguyenvana", a2=bytes(16), a4=b"\xc0\0\2\1", a5=b"\0\0\0\3", a31=b"00-11-22-33-44-55", a32=b"wlc1"
)
ACCEPT = packet(2, 7, a8=b"\x0a\0\0\x09", a18=b"Xin ", a27=b"\0\0\x0e\x10")
REJECT = packet(3, 7)


def test_a_request_is_joined_with_its_answer():
    (event,) = of(sense([udp(ASK, dport=1812), udp(ACCEPT, dport=1812, back=True)]), "radius")
    assert event["vonggac"]["radius"] == {
        "id": 7, "request": "access_request", "response": "access_accept", "username": "nguyenvana", "password": True,
        "nas_ip": "192.0.2.1", "nas_port": 3, "mac": "00-11-22-33-44-55", "nas_identifier": "wlc1",
        "result": "success", "framed_addr": "10.0.0.9", "reply_msg": "Xin ", "session_timeout": 3600,
    }  # fmt: skip
    assert event["user"] == {"name": "nguyenvana"}
    assert (event["event"]["outcome"], event["event"]["duration"]) == ("success", 1_000_000)
    assert "10.0.0.9" in event["related"]["ip"]


def test_a_refusal_is_a_failure_and_a_request_alone_is_told():
    events = of(sense([udp(ASK, dport=1812), udp(REJECT, dport=1812, back=True), udp(ASK, dport=1812)]), "radius")
    assert [event["event"].get("outcome") for event in events] == ["failure", None]
    assert len({event["event"]["id"] for event in events}) == 2


def test_accounting_tells_its_status():
    (event,) = of(sense([udp(packet(4, 1, a1=b"b", a40=b"\0\0\0\2", a44=b"s1"), dport=1813)]), "radius")
    assert event["vonggac"]["radius"]["accounting_status"] == "stop"
    assert event["vonggac"]["radius"]["session_id"] == "s1"


def test_the_password_is_in_no_event():
    secret = packet(1, 7, a1=b"a", a2=b"matkhaumatkhau16")
    assert "matkhau" not in str(of(sense([udp(secret, dport=1812)]), "radius"))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (ASK[:10], "cut"),
        (b"\x63" + ASK[1:], "code"),
        (ASK[:2] + b"\0\5" + ASK[4:], "length"),
        (packet(1, 1, a1=b"ab")[:20] + b"\1\x09ab", "attribute_length"),
    ],
)
def test_broken_packets_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        decode_radius(data)
    assert caught.value.reason == reason


def test_other_lengths_are_not_taken_for_radius():
    assert plausible(ASK)
    assert not plausible(ASK + b"\0")
    assert not plausible(packet(1, 1))


def test_what_one_flow_may_keep_is_bounded():
    talk = RadiusTalk()
    found = [f for n in range(2 * MAX_WAITING) for f in talk.data(0, packet(1, n % 256, a1=b"u"), Moment(n, n))]
    assert len(found) == MAX_WAITING


def test_only_the_declared_fault_escapes():
    def read(data: bytes) -> None:
        talk = RadiusTalk()
        list(talk.data(0, data, Moment(0, 0)))
        list(talk.close(True))

    only_undecodable_escapes(read, ASK, ACCEPT)
