from __future__ import annotations

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.ntp import decode_ntp
from sensors.talks.ntp import read_ntp
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import of, sense, udp

#: A server's answer: version 4, stratum 2, reference 192.0.2.1; origin, receive and transmit within a second.
ANSWER = bytes.fromhex(
    "240206e9 00000da1 00000c45 c0000201 e4df13a0 80000000 e4df13c4 00000000 e4df13c4 40000000 e4df13c4 80000000"
)
ASK = b"\x23" + bytes(39) + ANSWER[24:32]
MONLIST = bytes.fromhex("1700032a00000000") + bytes(40)


def test_a_question_and_its_answer_are_two_events():
    events = of(sense([udp(ASK, dport=123), udp(ANSWER, dport=123, back=True)]), "ntp")
    assert [event["vonggac"]["ntp"]["mode_name"] for event in events] == ["client", "server"]
    assert events[1]["vonggac"]["ntp"] == {
        "version": 4, "mode": 4, "mode_name": "server", "leap": 0, "stratum": 2, "poll": 64.0, "precision": 2.0**-23,
        "root_delay": 0xDA1 / 65536, "root_disp": 0xC45 / 65536, "ref_id": "192.0.2.1", "num_exts": 0,
        "authenticated": False, "ref_time": "2021-09-05T10:00:00.500000Z", "org_time": "2021-09-05T10:00:36.000000Z",
        "rec_time": "2021-09-05T10:00:36.250000Z", "xmt_time": "2021-09-05T10:00:36.500000Z",
    }  # fmt: skip
    assert events[0]["network"]["protocol"] == "ntp"


def test_the_request_that_amplifies_is_told():
    (event,) = of(sense([udp(MONLIST, dport=123)]), "ntp")
    ntp = event["vonggac"]["ntp"]
    assert (ntp["mode"], ntp["version"], ntp["private"]["request"], ntp["private"]["response"]) == (
        7, 2, "mon_getlist_1", False,
    )  # fmt: skip


def test_a_control_message_is_told():
    (event,) = of(sense([udp(bytes.fromhex("1682 0001 0000 0000 0000 0000"), dport=123)]), "ntp")
    assert event["vonggac"]["ntp"]["control"]["opcode"] == "read_variables"
    assert event["vonggac"]["ntp"]["control"]["response"] is True


def test_a_time_after_2036_is_of_the_next_era():
    """RFC 4330 §3."""
    packet = read_ntp(ANSWER[:40] + bytes.fromhex("0000000180000000")).fields["vonggac"]["ntp"]
    assert packet["xmt_time"] == "2036-02-07T06:28:17.500000Z"


def test_a_kiss_code_is_text_and_zero_times_are_absent():
    packet = read_ntp(b"\xe4\0\6\xe9" + bytes(8) + b"RATE" + bytes(32)).fields["vonggac"]["ntp"]
    assert packet["ref_id"] == "RATE"
    assert "xmt_time" not in packet


def test_extension_fields_and_a_digest_behind_them_are_told():
    extension = bytes.fromhex("0104 0020") + bytes(28)
    packet = read_ntp(ANSWER + extension + bytes(20)).fields["vonggac"]["ntp"]
    assert (packet["num_exts"], packet["authenticated"]) == (1, True)


def test_other_bytes_on_the_port_stay_unknown_and_ntp_elsewhere_too():
    events = sense([udp(b"GET / HTTP/1.1", dport=123), udp(ASK, sport=40001, dport=9999)])
    assert not of(events, "ntp")
    assert not of(events, "anomaly")


def test_a_cut_message_says_so():
    with pytest.raises(Undecodable) as caught:
        decode_ntp(ANSWER[:40])
    assert caught.value.reason == "cut"


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(read_ntp, ANSWER + bytes(60), MONLIST, bytes.fromhex("168200010000000000000000"))
