from __future__ import annotations

import contextlib
import struct
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode import dcerpc
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.dcerpc import MAX_WAITING, DcerpcTalk
from sensors.talks.dcerpc_datagrams import DcerpcDatagrams
from tests.unit.sensors import windows_wire as w
from tests.unit.sensors.wire import of, sense, tcp, udp

BIND = [(0, w.rpc(dcerpc.BIND, w.bind())), (1, w.rpc(dcerpc.BIND_ACK, w.bind_ack(b"135\0")))]


def rpc(events: list[Any]) -> list[Any]:
    return [event["vonggac"]["dcerpc"] for event in of(events, "dcerpc")]


def request(number: int, call: int, size: int = 8, **options: Any) -> tuple[int, bytes]:
    return 0, w.rpc(dcerpc.REQUEST, w.call(number, bytes(size)), call, **options)


def response(call: int, size: int = 4, **options: Any) -> tuple[int, bytes]:
    return 1, w.rpc(dcerpc.RESPONSE, w.reply(bytes(size)), call, **options)


#: A login in three legs, and a call.
NTLM = [
    (0, w.rpc(dcerpc.BIND, w.bind(), auth=w.trailer(w.NTLM_NEGOTIATE))),
    (1, w.rpc(dcerpc.BIND_ACK, w.bind_ack(), auth=w.trailer(w.NTLM_CHALLENGE))),
    (0, w.rpc(dcerpc.AUTH3, bytes(4), auth=w.trailer(w.NTLM_AUTHENTICATE))),
    request(57, 2, auth=w.trailer(bytes(16))),
    response(2, auth=w.trailer(bytes(16))),
]


def test_binds_and_calls_are_joined_with_their_answers():
    events = sense(tcp([*BIND, request(64, 2, 92), response(2, 40)], dport=49_667))
    bind, call = rpc(events)
    assert bind == {
        "request": "BIND", "response": "BINDACK", "call_id": 1, "rpc_version": "5.0", "endpoint": "samr",
        "secondary_address": "135",
        "interfaces": [
            {
                "uuid": "12345778-1234-abcd-ef00-0123456789ac", "version": "1.0", "service": "samr", "ack_result": 0,
                "ack_reason": 0,
            }
        ],
    }  # fmt: skip
    assert call == {
        "request": "REQUEST", "response": "RESPONSE", "opnum": 64, "endpoint": "samr", "operation": "SamrConnect5",
        "uuid": "12345778-1234-abcd-ef00-0123456789ac", "version": "1.0", "call_id": 2, "rpc_version": "5.0",
        "req": {"frag_cnt": 1, "stub_data_size": 92}, "res": {"frag_cnt": 1, "stub_data_size": 40},
    }  # fmt: skip
    assert [event["event"]["outcome"] for event in of(events, "dcerpc")] == ["success", "success"]
    assert of(events, "flow")[0]["network"]["protocol"] == "dcerpc"
    assert not of(events, "anomaly")


def test_fragments_are_one_call():
    turns = [
        *BIND, request(13, 2, 100, flags=1), request(13, 2, 50, flags=0), request(13, 2, 25, flags=2),
        response(2, 60, flags=1), response(2, 7, flags=2),
    ]  # fmt: skip
    call = rpc(sense(tcp(turns, size=37)))[1]
    assert call["req"] == {"frag_cnt": 3, "stub_data_size": 175}
    assert call["res"] == {"frag_cnt": 2, "stub_data_size": 67}


def test_a_fault_is_a_failure_with_its_name():
    fault = 1, w.rpc(dcerpc.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, 0x1C010002) + bytes(4), 2)
    events = sense(tcp([*BIND, request(99, 2), fault]))
    assert rpc(events)[1] | {"response": "FAULT", "fault": "nca_s_op_rng_error"} == rpc(events)[1]
    assert of(events, "dcerpc")[1]["event"]["outcome"] == "failure"


def test_a_refused_interface_is_a_failure():
    events = sense(tcp([BIND[0], (1, w.rpc(dcerpc.BIND_ACK, w.bind_ack(result=2)))]))
    assert of(events, "dcerpc")[0]["event"]["outcome"] == "failure"


def test_a_login_in_three_legs_is_told_with_the_first_answer():
    events = sense(tcp(NTLM))
    (ntlm,) = of(events, "ntlm")
    assert ntlm["vonggac"]["ntlm"] | {"username": "nguyễn", "success": True} == ntlm["vonggac"]["ntlm"]
    call = of(events, "dcerpc")[1]
    assert call["user"] == {"name": "nguyễn", "domain": "CONTOSO"}
    assert (call["vonggac"]["dcerpc"]["auth_type"], call["vonggac"]["dcerpc"]["auth_level"]) == ("NTLM", "PKT_PRIVACY")


def test_a_login_that_is_denied_is_a_failure():
    denied = 1, w.rpc(dcerpc.FAULT, struct.pack("<IHBBI", 0, 0, 0, 0, 5) + bytes(4), 2)
    auth3 = 0, w.rpc(dcerpc.AUTH3, bytes(4), auth=w.trailer(w.NTLM_AUTHENTICATE))
    (ntlm,) = of(sense(tcp([*BIND, auth3, request(57, 2), denied])), "ntlm")
    assert ntlm["event"]["outcome"] == "failure"


def test_one_side_alone_is_told_as_it_is():
    turns = [*BIND, request(5, 2), response(2)]
    asked = rpc(sense(tcp([turn for turn in turns if turn[0] == 0])))
    assert ["response" in each for each in asked] == [False, False]
    answered = rpc(sense(tcp([turn for turn in turns if turn[0] == 1], handshake=False)))
    assert [each["response"] for each in answered] == ["BINDACK", "RESPONSE"]


def test_behind_a_gap_the_next_pdu_is_found():
    talk, at = DcerpcTalk(), Moment(1, 1)
    list(talk.data(0, BIND[0][1], at))
    list(talk.data(0, request(13, 2, 500)[1][:100], at))
    list(talk.gap(0, 200, at))
    list(talk.data(0, bytes(224) + request(34, 3)[1], at))
    list(talk.data(0, request(35, 4)[1][:20], at))
    list(talk.gap(0, 9_000, at))
    list(talk.data(0, b"\x05" * 100 + request(36, 5)[1], at))
    told = [found.fields["vonggac"]["dcerpc"].get("opnum") for found in talk.close(False)]
    assert told == [None, 13, 34, 36]


def test_calls_that_wait_are_bounded():
    talk, at = DcerpcTalk(), Moment(1, 1)
    told = sum(len(list(talk.data(0, request(1, call)[1], at))) for call in range(MAX_WAITING + 9))
    assert told == 9


def datagram(kind: int, number: int, sequence: int, body: bytes, *, flags: int = 0, order: str = "<") -> bytes:
    activity = bytes(range(16))
    head = bytes((4, kind, flags, 0, 0x10 if order == "<" else 0, 0, 0, 0)) + bytes(16)
    head += (w.SAMR if order == "<" else w.SAMR[3::-1] + w.SAMR[5:3:-1] + w.SAMR[7:5:-1] + w.SAMR[8:]) + activity
    return head + struct.pack(order + "IIIHHHHHBB", 0, 1, sequence, number, 0xFFFF, 0xFFFF, len(body), 0, 0, 0) + body


def test_calls_over_udp_are_joined_by_activity_and_sequence():
    events = sense([
        udp(datagram(dcerpc.REQUEST, 13, 5, bytes(30), flags=4), dport=1026),
        udp(datagram(dcerpc.REQUEST, 13, 5, bytes(20), flags=6), dport=1026),
        udp(datagram(dcerpc.PING, 13, 5, b""), dport=1026),
        udp(datagram(dcerpc.RESPONSE, 13, 5, bytes(9)), dport=1026, back=True),
        udp(datagram(dcerpc.REQUEST, 34, 6, b"", order=">"), dport=1026),
        udp(datagram(dcerpc.FAULT, 34, 6, struct.pack(">I", 5), order=">"), dport=1026, back=True),
        udp(datagram(dcerpc.REQUEST, 1, 7, b""), dport=1026),
    ])  # fmt: skip
    first, second, third = rpc(events)
    assert first | {
        "request": "REQUEST", "response": "RESPONSE", "operation": "SamrEnumerateUsersInDomain", "seqnum": 5,
        "rpc_version": "4.0", "req": {"frag_cnt": 2, "stub_data_size": 50}, "res": {"frag_cnt": 1, "stub_data_size": 9},
    } == first  # fmt: skip
    assert (second["fault"], second["endpoint"]) == ("ERROR_ACCESS_DENIED", "samr")
    assert "response" not in third
    assert of(events, "flow")[0]["network"]["protocol"] == "dcerpc"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 90), st.binary(max_size=60), st.booleans())
def test_of_a_datagram_only_the_declared_fault_escapes(keep, tail, answered):
    whole = datagram(dcerpc.FAULT if answered else dcerpc.REQUEST, 1, 1, b"12345678")
    talk = DcerpcDatagrams()
    with contextlib.suppress(Undecodable):
        list(talk.data(0, whole[:keep] + tail, Moment(1, 1)))
    list(talk.close(True))


def test_socks_is_not_taken_for_rpc():
    events = sense(tcp([(0, b"\x05\x02\x00\x01"), (1, b"\x05\x00"), (0, b"\x05\x01\x00\x01" + bytes(12))], dport=1080))
    assert of(events, "flow")[0]["network"].get("protocol") != "dcerpc"


_STREAMS = (BIND[0][1] + request(1, 2)[1], BIND[1][1] + response(2)[1])


@settings(max_examples=300, deadline=None)
@given(st.integers(0, 140), st.binary(max_size=100), st.integers(1, 60), st.booleans())
def test_only_the_declared_fault_escapes(keep, tail, size, gap):
    talk, at = DcerpcTalk(), Moment(1, 1)
    with contextlib.suppress(Undecodable):
        for side, stream in enumerate(_STREAMS):
            data = stream[:keep] + tail
            for begin in range(0, len(data), size):
                list(talk.data(side, data[begin : begin + size], at))
            if gap:
                list(talk.gap(side, size, at))
    list(talk.close(False))
