from __future__ import annotations

import struct

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.unit.sensors.wire import of, sense, tcp

DESKTOP = struct.pack("!HHBBBBHHHBBB3xI", 1280, 720, 32, 24, 0, 1, 255, 255, 255, 16, 8, 0, 5) + b"lan:1"
SESSION = [
    (1, b"RFB 003.008\n"),
    (0, b"RFB 003.008\n"),
    (1, b"\2\2\x13"),
    (0, b"\2"),
    (1, bytes(range(16))),
    (0, bytes(range(16, 32))),
    (1, b"\0\0\0\0"),
    (0, b"\1"),
    (1, DESKTOP),
    (0, b"\3\0\0\0"),
    (1, bytes(1000)),
]


def test_a_connection_is_one_event():
    for size in (1000, 1):
        events = sense(tcp(SESSION, dport=5900, size=size))
        (event,) = of(events, "rfb")
        assert event["vonggac"]["rfb"] == {
            "server_protocol_version": {"major": "003", "minor": "008"},
            "client_protocol_version": {"major": "003", "minor": "008"},
            "security_types": ["vnc", "vencrypt"],
            "security_type": "vnc",
            "password": True,
            "security_result": "OK",
            "screen_shared": True,
            "framebuffer": {"width": 1280, "height": 720, "bits_per_pixel": 32, "depth": 24, "name": "lan:1"},
        }
        assert event["event"]["outcome"] == "success"
        assert not of(events, "anomaly")


def test_a_refused_log_in_tells_why():
    turns = [*SESSION[:6], (1, b"\0\0\0\1\0\0\0\x08too many")]
    (event,) = of(sense(tcp(turns)), "rfb")
    assert event["event"]["outcome"] == "failure"
    assert event["vonggac"]["rfb"]["security_failure_reason"] == "too many"


def test_older_versions_and_no_password_are_read():
    old = [(1, b"RFB 003.003\n"), (0, b"RFB 003.003\n"), (1, b"\0\0\0\1"), (0, b"\0"), (1, DESKTOP)]
    assert of(sense(tcp(old)), "rfb")[0]["vonggac"]["rfb"]["framebuffer"]["name"] == "lan:1"
    middle = [(1, b"RFB 003.007\n"), (0, b"RFB 003.007\n"), (1, b"\1\1"), (0, b"\1\0"), (1, DESKTOP)]
    assert of(sense(tcp(middle)), "rfb")[0]["vonggac"]["rfb"]["security_type"] == "none"


def test_what_was_seen_before_a_gap_or_the_end_is_told():
    frames = [bytes(f) for f in tcp(SESSION)]
    lost = next(index for index, frame in enumerate(frames) if frame.endswith(bytes(range(16))))
    assert of(sense(frames[:lost] + frames[lost + 1 :]), "rfb")[0]["vonggac"]["rfb"]["security_type"] == "vnc"
    server = of(sense(tcp([t for t in SESSION if t[0]])), "rfb")
    assert server[0]["vonggac"]["rfb"]["server_protocol_version"]["minor"] == "008"


def test_an_endless_text_is_an_anomaly():
    events = sense(tcp([*SESSION[:6], (1, b"\0\0\0\1\xff\xff\xff\xffx")]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "text_length"
    assert len(of(events, "rfb")) == 1


@settings(max_examples=80, deadline=None)
@given(st.integers(1, 110), st.binary(min_size=1, max_size=60), st.booleans())
def test_any_tail_gives_events_or_an_anomaly(keep, tail, server):
    turns, left = [], keep
    for side, data in SESSION:
        turns.append((side, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    sense(tcp([*turns, (int(server), tail)]))
