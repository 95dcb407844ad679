from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.mqtt import MAX_BODY, decode_header, decode_packet
from sensors.streams import Moment
from sensors.talks.mqtt import MAX_OPEN, MqttTalk
from tests.unit.sensors.wire import of, sense, tcp


def text(value: bytes) -> bytes:
    return struct.pack("!H", len(value)) + value


def packet(kind: int, body: bytes, flags: int = 0) -> bytes:
    size, length = len(body), b""
    while True:
        size, digit = size >> 7, size & 0x7F
        length += bytes((digit | (0x80 if size else 0),))
        if not size:
            return bytes((kind << 4 | flags,)) + length + body


CONNECT = packet(
    1,
    text(b"MQTT")
    + b"\4\xc6\0\x3c"
    + text(b"cam-1")
    + text(b"will/t")
    + text(b"gone")
    + text(b"lan")
    + text(b"matkhau"),
)
CONNECT_5 = packet(
    1, text(b"MQTT") + b"\5\x02\0\x3c" + b"\x0c\x11\0\0\0\x09\x26" + text(b"a") + text(b"b") + text(b"c5")
)
SESSION = [
    (0, CONNECT),
    (1, packet(2, b"\0\0")),
    (0, packet(8, b"\0\1" + text(b"cam/#") + b"\1", 2)),
    (1, packet(9, b"\0\1\1")),
    (0, packet(3, text(b"cam/1") + b"\0\2" + b"xin ch\xc3\xa0o", 2)),
    (1, packet(4, b"\0\2")),
    (0, packet(3, text(b"q2") + b"\0\3x", 4)),
    (1, packet(5, b"\0\3")),
    (0, packet(6, b"\0\3", 2)),
    (1, packet(7, b"\0\3")),
    (1, packet(3, text(b"q0") + b"y")),
    (0, packet(12, b"") + packet(14, b"")),
]


def told(events):
    return [tuple(e["vonggac"]["mqtt"]) for e in of(events, "mqtt")]


def test_each_exchange_is_one_event():
    for size in (1000, 1):
        events = sense(tcp(SESSION, size=size))
        assert told(events) == [
            ("connect", "connack"),
            ("subscribe", "suback"),
            ("publish", "puback"),
            ("publish", "pubrec", "pubrel", "pubcomp"),
            ("publish",),
            ("pingreq",),
            ("disconnect",),
        ]
        connect = of(events, "mqtt")[0]
        assert connect["user"]["name"] == "lan"
        assert connect["event"]["outcome"] == "success"
        assert connect["vonggac"]["mqtt"]["connect"]["client_id"] == "cam-1"
        assert connect["vonggac"]["mqtt"]["connect"]["will"]["topic"] == "will/t"
        assert connect["vonggac"]["mqtt"]["connect"]["flags"]["password"] is True
        assert "matkhau" not in str(events)
        publish = of(events, "mqtt")[2]["vonggac"]["mqtt"]["publish"]
        assert publish["message"] == "xin chào"
        assert publish["qos"] == 1
        assert of(events, "mqtt")[1]["vonggac"]["mqtt"]["subscribe"]["topics"] == [{"topic": "cam/#", "qos": 1}]
        assert not of(events, "anomaly")
        assert len({e["event"]["id"] for e in events}) == len(events)


def test_version_5_has_properties():
    events = sense(tcp([(0, CONNECT_5), (1, packet(2, b"\0\x87\3\x21\0\x0a"))]))
    (event,) = of(events, "mqtt")
    assert event["vonggac"]["mqtt"]["connect"]["properties"] == {
        "session_expiry_interval": 9,
        "user_property": ["a=b"],
    }
    assert event["vonggac"]["mqtt"]["connack"]["properties"] == {"receive_maximum": 10}
    assert event["event"]["outcome"] == "failure"


def test_a_long_message_is_counted_and_the_next_packet_read():
    long = packet(3, text(b"t") + bytes(300_000))
    frames = [
        bytes(f) for f in tcp([(0, CONNECT), (1, packet(2, b"\0\0")), (0, long), (0, packet(12, b""))], size=1400)
    ]
    events = sense(frames)
    assert told(events) == [("connect", "connack"), ("publish",), ("pingreq",)]
    assert of(events, "mqtt")[1]["vonggac"]["mqtt"]["publish"]["message_bytes"] == 300_000
    holed = sense(frames[:100] + frames[101:])
    assert told(holed)[-1] == ("pingreq",)


def test_one_side_alone_is_told():
    assert ("connect",) in told(sense(tcp([t for t in SESSION if not t[0]])))


def test_memory_is_bounded():
    talk = MqttTalk()
    list(talk.data(0, CONNECT, Moment(0, 0)))
    sent = b"".join(packet(3, text(b"t") + struct.pack("!H", number), 2) for number in range(1, 1001))
    assert len(list(talk.data(0, sent, Moment(1, 1)))) == 1001 - MAX_OPEN
    for at in range(200):
        list(talk.data(0, (b"\x30\xff\xff\xff\x7f" if not at else b"") + bytes(10_000), Moment(at, at)))
    assert sum(map(len, talk._buffers)) <= MAX_BODY + 10_000


def test_broken_packets_are_named():
    with pytest.raises(Undecodable, match="remaining_length"):
        decode_header(b"\x10\xff\xff\xff\xff\x01")
    with pytest.raises(Undecodable, match="packet_type"):
        decode_header(b"\x00\x01")
    events = sense(tcp([(0, CONNECT), (0, packet(8, b"\0\1\0\x09x", 2))]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "string_length"
    assert told(events) == [("connect",)]


@settings(max_examples=300, deadline=None)
@given(
    st.sampled_from([data for _, data in SESSION] + [CONNECT_5]),
    st.integers(0, 60),
    st.binary(max_size=60),
    st.sampled_from([4, 5]),
)
def test_only_the_declared_fault_escapes(valid, keep, tail, version):
    with contextlib.suppress(Undecodable):
        header = decode_header(valid[:keep] + tail)
        if header is not None:
            decode_packet(header, (valid[:keep] + tail)[header.length :], version)
