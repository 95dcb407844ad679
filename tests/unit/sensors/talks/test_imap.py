from __future__ import annotations

import base64
import ssl
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Moment
from sensors.talks.imap import MAX_WAITING, ImapTalk
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.talks.test_smtp import MALWARE, MESSAGE
from tests.unit.sensors.wire import of, sense, tcp

SIZE = b"{%d}\r\n" % len(MESSAGE)
SHORT = b"From: b@b.vn\r\nSubject: hai\r\n\r\n"
SESSION = [
    (1, b"* OK [CAPABILITY IMAP4rev1] ready\r\n"),
    (0, b"a1 LOGIN {3}\r\n"),
    (1, b"+ go\r\n"),
    (0, b'lan "mat khau"\r\n'),
    (1, b"* CAPABILITY x\r\na1 OK done\r\n"),
    (0, b"a2 SELECT INBOX\r\na3 UID FETCH 1:2 (FLAGS BODY[])\r\n"),
    (1, b"* 2 EXISTS\r\na2 OK [READ-WRITE] ok\r\n"),
    (1, b"* 1 FETCH (UID 1 FLAGS () BODY[] " + SIZE + MESSAGE + b")\r\n"),
    (1, b"* 2 FETCH (UID 2 FLAGS () BODY[HEADER] {%d}\r\n" % len(SHORT) + SHORT + b")\r\na3 OK done\r\n"),
    (0, b"a4 APPEND Sent (\\Seen) " + SIZE),
    (1, b"+ go\r\n"),
    (0, MESSAGE + b"\r\n"),
    (1, b"a4 NO over quota\r\n"),
    (0, b"a5 LOGOUT\r\n"),
    (1, b"* BYE\r\na5 OK bye\r\n"),
]


def told(events):
    return [(e["vonggac"]["imap"].get("command"), e["vonggac"]["imap"].get("status")) for e in of(events, "imap")]


def test_each_command_is_one_event_and_messages_are_read_both_ways():
    for size in (1000, 5):
        events = sense(tcp(SESSION, size=size))
        assert told(events) == [
            (None, "OK"),
            ("LOGIN", "OK"),
            ("SELECT", "OK"),
            ("UID FETCH", "OK"),
            ("APPEND", "NO"),
            ("LOGOUT", "OK"),
        ]
        login, _, fetch, append = of(events, "imap")[1:5]
        assert login["user"]["name"] == "lan"
        assert login["vonggac"]["imap"]["password"] is True
        assert fetch["email"]["subject"] == "Hóa đơn"
        assert fetch["vonggac"]["imap"]["messages_count"] == 2
        assert fetch["vonggac"]["imap"]["messages"] == [{"subject": "hai", "from": ["b@b.vn"]}]
        assert append["email"]["subject"] == "Hóa đơn"
        assert append["event"]["outcome"] == "failure"
        down, up = of(events, "file")
        assert down["file"]["hash"]["sha256"] == up["file"]["hash"]["sha256"] == sha256(MALWARE).hexdigest()
        assert [f["vonggac"]["file"]["direction"] for f in (down, up)] == ["response", "request"]
        assert "mat khau" not in str(events)
        assert len({e["event"]["id"] for e in events}) == len(events)


def test_a_log_in_by_sasl_names_the_user():
    secret = base64.b64encode(b"\0lan\0matkhau")
    turns = [SESSION[0], (0, b"a AUTHENTICATE PLAIN\r\n"), (1, b"+ \r\n"), (0, secret + b"\r\n"), (1, b"a NO no\r\n")]
    events = sense(tcp(turns))
    login = of(events, "imap")[1]
    assert login["user"]["name"] == "lan"
    assert login["event"]["outcome"] == "failure"
    assert secret.decode() not in str(events)


def test_a_refused_literal_is_not_waited_for():
    turns = [
        SESSION[0],
        (0, b"a APPEND x {99999999}\r\n"),
        (1, b"a NO too big\r\n"),
        (0, b"b NOOP\r\n"),
        (1, b"b OK\r\n"),
    ]
    assert told(sense(tcp(turns))) == [(None, "OK"), ("APPEND", "NO"), ("NOOP", "OK")]


def test_after_starttls_the_stream_is_tls():
    turns = [SESSION[0], (0, b"a STARTTLS\r\n"), (1, b"a OK go\r\n"), *handshake(ssl.TLSVersion.TLSv1_2)]
    events = sense(tcp(turns))
    assert told(events) == [(None, "OK"), ("STARTTLS", "OK")]
    assert len(of(events, "tls")) == 1


def test_one_side_alone_is_told():
    assert ("LOGIN", None) in told(sense(tcp([t for t in SESSION if not t[0]])))
    server = sense(tcp([t for t in SESSION if t[0]]))
    assert len(of(server, "file")) == 1
    assert not of(server, "anomaly")


def test_a_lost_segment_of_a_literal_is_counted():
    frames = [bytes(frame) for frame in tcp(SESSION, size=400)]
    lost = [index for index, frame in enumerate(frames) if len(frame) == 454][6]
    events = sense(frames[:lost] + frames[lost + 1 :])
    assert [f["vonggac"]["file"]["missing_bytes"] for f in of(events, "file")].count(400) == 1
    assert ("UID FETCH", "OK") in told(events)


def test_what_waits_for_responses_is_bounded():
    talk = ImapTalk()
    sent = b"".join(b"t%d NOOP\r\n" % number for number in range(1000))
    assert len(list(talk.data(0, sent, Moment(0, 0)))) == 1000 - MAX_WAITING


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 500), st.binary(min_size=1, max_size=120), st.booleans())
def test_any_tail_gives_events_or_an_anomaly(keep, tail, server):
    turns, left = [], keep
    for side, data in SESSION:
        turns.append((side, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    sense(tcp([*turns, (int(server), tail)]))
