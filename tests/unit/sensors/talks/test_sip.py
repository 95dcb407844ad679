from __future__ import annotations

import contextlib
import time

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.sip import begins_message, decode_description, decode_message
from tests.unit.sensors.wire import of, sense, tcp, udp

SDP = b"v=0\r\no=lan 1 1 IN IP4 192.0.2.77\r\ns=goi\r\nc=IN IP4 192.0.2.78\r\nt=0 0\r\nm=audio 49170 RTP/AVP 0\r\n"
INVITE = (
    b"INVITE sip:binh@b.vn SIP/2.0\r\nVia: SIP/2.0/UDP 192.0.2.10:5060\r\nv: SIP/2.0/UDP 192.0.2.11\r\n"
    b"f: Lan <sip:lan@a.vn>;tag=1\r\nTo: <sip:binh@b.vn>\r\ni: 99@a.vn\r\nCSeq: 1 INVITE\r\n"
    b"User-Agent: friendly-scanner\r\n"
    b'Authorization: Digest username="100", realm="b.vn", response="00ff"\r\n'
    b"Contact: <sip:lan@192.0.2.10>\r\nContent-Type: application/sdp\r\nContent-Length: %d\r\n\r\n" % len(SDP)
) + SDP
REFUSED = b"SIP/2.0 401 Unauthorized\r\nCall-ID: 99@a.vn\r\nServer: pbx\r\nContent-Length: 0\r\n\r\n"


def check(events):
    invite, refused = of(events, "sip")
    own = invite["vonggac"]["sip"]
    assert own["method"] == "INVITE"
    assert own["uri"] == "sip:binh@b.vn"
    assert own["request_line"] == "INVITE sip:binh@b.vn SIP/2.0"
    assert own["call_id"] == "99@a.vn"
    assert len(own["via"]) == 2
    assert own["sdp"]["media"] == ["audio 49170 RTP/AVP 0"]
    assert invite["user_agent"]["original"] == "friendly-scanner"
    assert invite["user"]["name"] == "100"
    assert "00ff" not in str(invite)
    assert {"192.0.2.77", "192.0.2.78"} <= set(invite["related"]["ip"])
    assert {"a.vn", "b.vn"} <= set(invite["related"]["hosts"])
    assert refused["vonggac"]["sip"]["code"] == 401
    assert refused["event"]["outcome"] == "failure"
    assert refused["vonggac"]["sip"]["call_id"] == "99@a.vn"


def test_each_message_over_udp_is_one_event():
    events = sense(
        [
            udp(INVITE, sport=5060, dport=5060),
            udp(REFUSED, sport=5060, dport=5060, back=True),
            udp(b"\r\n\r\n", sport=5060, dport=5060),
        ]
    )
    check(events)
    assert of(events, "flow")[0]["network"]["protocol"] == "sip"
    assert not of(events, "anomaly")


def test_each_message_over_tcp_is_one_event():
    for size in (1000, 13):
        events = sense(tcp([(0, INVITE + b"\r\n\r\n"), (1, REFUSED)], dport=5060, size=size))
        check(events)
        assert not of(events, "anomaly")


def test_a_torn_message_is_told_and_the_next_is_read():
    frames = [bytes(f) for f in tcp([(0, INVITE), (0, INVITE)], size=len(INVITE) - len(SDP) + 20)]
    big = [index for index, frame in enumerate(frames) if b"m=audio" in frame]
    events = sense(frames[: big[0]] + frames[big[0] + 1 :])
    assert len(of(events, "sip")) == 2
    assert not of(events, "anomaly")


def test_what_is_no_message_is_an_anomaly():
    events = sense([udp(INVITE, sport=5060, dport=5060), udp(b"hello\r\n\r\n", sport=5060, dport=5060)])
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "start_line"


def test_a_head_without_end_takes_no_long_time():
    begun = time.monotonic()
    events = sense(tcp([(0, b"INVITE sip:a SIP/2.0\r\n" + b"a: b\r\n" * 5000)], size=100))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "head_length"
    assert time.monotonic() - begun < 5


@settings(max_examples=300, deadline=None)
@given(st.sampled_from([INVITE, REFUSED]), st.integers(0, 600), st.binary(max_size=80))
def test_only_the_declared_fault_escapes(valid, keep, tail):
    data = valid[:keep] + tail
    begins_message(data)
    decode_description(SDP[:keep] + tail)
    with contextlib.suppress(Undecodable):
        message = decode_message(data)
        if message is not None:
            _ = message.length
