from __future__ import annotations

import contextlib
import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.modbus import begins_modbus, decode_message, request_fields, response_fields
from sensors.streams import Moment
from sensors.talks.modbus import MAX_WAITING, ModbusTalk
from tests.unit.sensors.wire import of, sense, tcp


def adu(pdu: bytes, number: int = 1, unit: int = 17) -> bytes:
    return struct.pack("!HHHB", number, 0, len(pdu) + 1, unit) + pdu


READ = adu(b"\x03\x00\x6b\x00\x03")
READ_ANSWER = adu(b"\x03\x06\x02\x2b\x00\x00\x00\x64")
WRITE = adu(b"\x10\x00\x01\x00\x02\x04\x00\x0a\x01\x02", 2)
WRITE_ANSWER = adu(b"\x10\x00\x01\x00\x02", 2)
REFUSED = adu(b"\x81\x02", 3)
SESSION = [
    (0, READ),
    (1, READ_ANSWER),
    (0, WRITE),
    (1, WRITE_ANSWER),
    (0, adu(b"\x01\x04\xa1\x00\x01", 3)),
    (1, REFUSED),
]


def own(events):
    return [e["vonggac"]["modbus"] for e in of(events, "modbus")]


def test_each_request_is_one_event_with_its_response():
    for size in (1000, 1):
        events = sense(tcp(SESSION, dport=502, size=size))
        read, write, refused = own(events)
        assert read == {
            "transaction_id": 1,
            "unit_id": 17,
            "function_code": 3,
            "function": "READ_HOLDING_REGISTERS",
            "request": {"read": {"address": 107, "quantity": 3}},
            "response": {"data": "022b00000064"},
        }
        assert write["request"]["write"] == {"address": 1, "quantity": 2, "data": "000a0102"}
        assert refused["response"]["exception"] == {"code": 2, "name": "ILLEGAL_DATA_ADDRESS"}
        assert [e["event"]["outcome"] for e in of(events, "modbus")] == ["success", "success", "failure"]
        assert of(events, "flow")[0]["network"]["protocol"] == "modbus"


def test_one_side_alone_is_told():
    assert [one["function_code"] for one in own(sense(tcp([t for t in SESSION if not t[0]])))] == [3, 16, 1]
    server = own(sense(tcp([t for t in SESSION if t[0]])))
    assert "request" not in server[0]
    assert server[0]["response"]["data"] == "022b00000064"


def test_an_unknown_function_is_told_by_its_number():
    events = own(sense(tcp([*SESSION[:2], (0, adu(b"\x64\1\2", 9)), (1, adu(b"\xe4\1", 9))])))
    assert events[1]["function"] == "unknown-100"
    assert events[1]["request"] == {"data": "0102"}
    assert events[1]["response"]["exception"]["name"] == "ILLEGAL_FUNCTION"


def test_what_breaks_the_header_is_an_anomaly():
    events = sense(tcp([*SESSION[:2], (0, b"\0\1\0\1\0\2\1\1")]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "protocol_id"
    with pytest.raises(Undecodable, match="length"):
        decode_message(b"\0\1\0\0\xff\xff")


def test_only_what_has_the_form_of_a_message_begins_one():
    assert begins_modbus(READ)
    assert begins_modbus(READ + WRITE)
    assert begins_modbus(READ[:-1]) is None
    assert begins_modbus(adu(b"\x03\x00\x6b\xff\xff")) is False
    assert begins_modbus(READ + b"\1\2\3\4") is False


def test_what_waits_for_responses_is_bounded():
    sent = b"".join(adu(b"\x03\0\0\0\1", number) for number in range(1000))
    assert len(list(ModbusTalk().data(0, sent, Moment(0, 0)))) == 1000 - MAX_WAITING


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([data for _, data in SESSION]), st.integers(0, 20), st.binary(max_size=40))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    data = valid[:keep] + tail
    begins_modbus(data)
    with contextlib.suppress(Undecodable):
        message = decode_message(data)
        if message is not None:
            request_fields(message), response_fields(message)
