from __future__ import annotations

import base64
import ssl
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Moment
from sensors.talks.pop3 import MAX_WAITING, Pop3Talk
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.talks.test_smtp import MALWARE, MESSAGE
from tests.unit.sensors.wire import of, sense, tcp

STUFFED = MESSAGE.replace(b"\r\n.", b"\r\n..") + b".\r\n"
SESSION = [
    (1, b"+OK Dovecot ready.\r\n"),
    (0, b"CAPA\r\n"),
    (1, b"+OK\r\nUSER\r\nSTLS\r\n.\r\n"),
    (0, b"USER lan\r\n"),
    (1, b"+OK\r\n"),
    (0, b"PASS matkhau\r\n"),
    (1, b"+OK 2 messages\r\n"),
    (0, b"LIST\r\nRETR 1\r\nDELE 9\r\n"),
    (1, b"+OK\r\n1 7000\r\n.\r\n+OK 7000 octets\r\n" + STUFFED + b"-ERR no such message\r\n"),
    (0, b"QUIT\r\n"),
    (1, b"+OK bye\r\n"),
]


def told(events):
    return [(e["vonggac"]["pop3"].get("command"), e["vonggac"]["pop3"].get("status")) for e in of(events, "pop3")]


def test_each_command_is_one_event_and_a_message_fetched_is_read():
    for size in (1000, 5):
        events = sense(tcp(SESSION, size=size))
        assert told(events) == [
            (None, "OK"),
            ("CAPA", "OK"),
            ("USER", "OK"),
            ("PASS", "OK"),
            ("LIST", "OK"),
            ("RETR", "OK"),
            ("DELE", "ERR"),
            ("QUIT", "OK"),
        ]
        fetched = of(events, "pop3")[5]
        assert fetched["email"]["subject"] == "Hóa đơn"
        assert fetched["vonggac"]["pop3"]["command_data"] == "1"
        assert fetched["user"]["name"] == "lan"
        assert "http://evil.example/a" in fetched["vonggac"]["pop3"]["urls"]
        (file,) = of(events, "file")
        assert file["file"]["hash"]["sha256"] == sha256(MALWARE).hexdigest()
        assert file["vonggac"]["file"]["direction"] == "response"
        assert file["vonggac"]["file"]["protocol"] == "pop3"
        assert of(events, "pop3")[3]["event"]["category"] == ["email", "network", "authentication"]
        assert "matkhau" not in str(events)
        assert len({e["event"]["id"] for e in events}) == len(events)


def test_a_log_in_by_sasl_names_the_user():
    secret = base64.b64encode(b"\0lan\0matkhau")
    turns = [SESSION[0], (0, b"AUTH PLAIN\r\n"), (1, b"+ \r\n"), (0, secret + b"\r\n"), (1, b"-ERR no\r\n")]
    events = sense(tcp(turns))
    login = of(events, "pop3")[1]
    assert login["user"]["name"] == "lan"
    assert login["event"]["outcome"] == "failure"
    assert login["vonggac"]["pop3"]["auth_mechanism"] == "PLAIN"
    assert secret.decode() not in str(events)


def test_after_stls_the_stream_is_tls():
    turns = [SESSION[0], (0, b"STLS\r\n"), (1, b"+OK go\r\n"), *handshake(ssl.TLSVersion.TLSv1_2)]
    events = sense(tcp(turns))
    assert told(events) == [(None, "OK"), ("STLS", "OK")]
    assert len(of(events, "tls")) == 1


def test_a_server_that_says_something_else_is_an_anomaly():
    events = sense(tcp([*SESSION[:4], (1, b"what?\r\n")]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "status_line"
    assert told(events)[-1] == ("USER", None)


def test_one_side_alone_is_told():
    assert told(sense(tcp([t for t in SESSION if not t[0]])))[0] == ("CAPA", None)
    server = sense(tcp([t for t in SESSION if t[0]]))
    assert not of(server, "anomaly")
    assert told(server)[0] == (None, "OK")


def test_a_lost_segment_of_a_message_is_counted():
    frames = [bytes(frame) for frame in tcp(SESSION, size=400)]
    lost = [index for index, frame in enumerate(frames) if len(frame) == 454][6]
    events = sense(frames[:lost] + frames[lost + 1 :])
    (file,) = of(events, "file")
    assert file["vonggac"]["file"]["missing_bytes"] == 400
    assert ("RETR", "OK") in told(events)


def test_what_waits_for_replies_is_bounded():
    talk = Pop3Talk()
    found = sum(len(list(talk.data(0, b"NOOP\r\n" * 100, Moment(at, at)))) for at in range(10))
    assert found == 1000 - MAX_WAITING


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 400), st.binary(min_size=1, max_size=120), st.booleans())
def test_any_tail_gives_events_or_an_anomaly(keep, tail, server):
    turns, left = [], keep
    for side, data in SESSION:
        turns.append((side, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    sense(tcp([*turns, (int(server), tail)]))
