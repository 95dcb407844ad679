from __future__ import annotations

import base64
import ssl
import time
from hashlib import sha256

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.streams import Moment
from sensors.talks.mail import MAX_ATTACHMENTS, Mail
from sensors.talks.smtp import MAX_OPEN, SmtpTalk
from sensors.talks.talk import Beginnings
from tests.unit.sensors.handshake import handshake
from tests.unit.sensors.wire import of, sense, tcp

MALWARE = b"MZ" + bytes(range(256)) * 20
MESSAGE = (
    b"Received: from [203.0.113.7] by mail.a.vn;\r\n\tWed, 11 Dec 2013 22:12:38 -0500\r\n"
    b"From: =?utf-8?Q?L=C3=A2m?= <lam@a.vn>\r\nTo: b@b.vn, c@c.vn\r\nCc: d@d.vn\r\nReply-To: r@evil.example\r\n"
    b"Subject: =?utf-8?B?SMOzYSDEkcahbg==?=\r\nDate: Mon, 5 Oct 2009 11:36:07 +0700\r\nMessage-ID: <1@a.vn>\r\n"
    b'X-Mailer: Test 1\r\nMIME-Version: 1.0\r\nContent-Type: multipart/mixed; boundary="out"\r\n\r\npreamble\r\n'
    b'--out\r\nContent-Type: multipart/alternative; boundary="in"\r\n\r\n'
    b"--in\r\nContent-Type: text/plain; charset=utf-8\r\n\r\nxem http://evil.example/a\r\n.dot\r\n"
    b"--in\r\nContent-Type: text/html\r\nContent-Transfer-Encoding: quoted-printable\r\n\r\n"
    b'<a href=3D"https://evil.example/=\r\nb?c&amp;d">b</a>\r\n--in--\r\n\r\n'
    b"--out\r\nContent-Type: application/octet-stream; name=\"x\"\r\nContent-Transfer-Encoding: base64\r\n"
    b"Content-Disposition: attachment; filename=\"../h=C3=B3a.exe\"\r\n\r\n"
    + base64.encodebytes(MALWARE).replace(b"\n", b"\r\n")
    + b"\r\n--out--\r\n"
)  # fmt: skip


def session(message: bytes = MESSAGE, *, verdict: bytes = b"250 2.0.0 queued as 1\r\n") -> list[tuple[int, bytes]]:
    return [
        (1, b"220 mail.b.vn ESMTP\r\n"),
        (0, b"EHLO pc.a.vn\r\n"),
        (1, b"250-mail.b.vn\r\n250 PIPELINING\r\n"),
        (0, b"MAIL FROM:<lam@a.vn> SIZE=100\r\nRCPT TO:<b@b.vn>\r\nRCPT TO:<no@b.vn>\r\nDATA\r\n"),
        (1, b"250 ok\r\n250 ok\r\n550 no such user\r\n354 go\r\n"),
        (0, message.replace(b"\r\n.", b"\r\n..") + b".\r\n"),
        (1, verdict),
        (0, b"QUIT\r\n"),
        (1, b"221 bye\r\n"),
    ]


def test_a_message_is_one_event_with_its_head_its_way_and_its_attachment():
    for size in (1000, 17, 5):
        events = sense(tcp(session(), dport=2525, size=size))
        (event,) = of(events, "smtp")
        assert event["email"]["subject"] == "Hóa đơn"
        assert event["email"]["from"]["address"] == ["lam@a.vn"]
        assert event["email"]["to"]["address"] == ["b@b.vn", "c@c.vn"]
        assert event["email"]["reply_to"]["address"] == ["r@evil.example"]
        assert event["email"]["origination_timestamp"] == "2009-10-05T04:36:07.000000Z"
        assert event["email"]["attachments"][0]["file"]["hash"]["sha256"] == sha256(MALWARE).hexdigest()
        own = event["vonggac"]["smtp"]
        assert own["helo"] == "pc.a.vn"
        assert own["mail_from"] == "lam@a.vn"
        assert own["rcpt_to"] == ["b@b.vn", "no@b.vn"]
        assert own["rcpt_refused"] == ["no@b.vn"]
        assert own["urls"] == ["http://evil.example/a", "https://evil.example/b?c&d"]
        assert own["last_reply"] == "250 2.0.0 queued as 1"
        assert own["path"] == ["203.0.113.7"]
        assert event["event"]["outcome"] == "success"
        assert {"evil.example", "a.vn", "pc.a.vn"} <= set(event["related"]["hosts"])
        (file,) = of(events, "file")
        assert file["file"]["name"] == "h=C3=B3a.exe"
        assert file["file"]["size"] == len(MALWARE)
        assert file["file"]["mime_type"] == "application/vnd.microsoft.portable-executable"
        assert file["vonggac"]["file"] == {
            "direction": "request",
            "complete": True,
            "missing_bytes": 0,
            "protocol": "smtp",
        }
        assert not of(events, "anomaly")
        assert of(events, "flow")[0]["network"]["protocol"] == "smtp"


def test_each_message_of_a_connection_is_an_event_of_its_own():
    turns = session()[:-2] + session()[3:-2] + session()[-2:]
    first, second = of(sense(tcp(turns)), "smtp")
    assert [first["vonggac"]["smtp"]["trans_depth"], second["vonggac"]["smtp"]["trans_depth"]] == [1, 2]
    assert first["event"]["id"] != second["event"]["id"]


def test_messages_sent_ahead_of_all_replies_stay_apart():
    part = b"MAIL FROM:<%d@a.vn>\r\nRCPT TO:<b@b.vn>\r\nDATA\r\nSubject: %d\r\n\r\nx\r\n.\r\n"
    turns = [
        (1, b"220 smtp\r\n"),
        (0, b"HELO a\r\n" + part % (1, 1) + part % (2, 2)),
        (
            1,
            b"250 hi\r\n"
            + b"250 ok\r\n250 ok\r\n354 go\r\n250 first\r\n"
            + b"250 ok\r\n250 ok\r\n354 go\r\n452 full\r\n",
        ),
    ]
    events = of(sense(tcp(turns)), "smtp")
    assert [(e["email"]["subject"], e["vonggac"]["smtp"]["last_reply"], e["event"]["outcome"]) for e in events] == [
        ("1", "250 first", "success"),
        ("2", "452 full", "failure"),
    ]


def test_chunks_make_a_message_as_data_does():
    half = len(MESSAGE) // 2
    turns = [
        *session()[:3],
        (0, b"MAIL FROM:<a@a.vn>\r\nRCPT TO:<b@b.vn>\r\nBDAT %d\r\n" % half + MESSAGE[:half]),
        (1, b"250 ok\r\n250 ok\r\n250 half\r\n"),
        (0, b"BDAT %d LAST\r\n" % (len(MESSAGE) - half) + MESSAGE[half:] + b"QUIT\r\n"),
        (1, b"250 taken\r\n221 bye\r\n"),
    ]
    for size in (1000, 7):
        (event,) = of(sense(tcp(turns, size=size)), "smtp")
        assert event["email"]["attachments"][0]["file"]["hash"]["sha256"] == sha256(MALWARE).hexdigest()
        assert event["vonggac"]["smtp"]["last_reply"] == "250 taken"


def test_a_log_in_names_the_user_and_never_the_password():
    turns = [
        (1, b"220 ESMTP\r\n"),
        (0, b"EHLO a\r\n"),
        (1, b"250 AUTH LOGIN\r\n"),
        (0, b"AUTH LOGIN\r\n"),
        (1, b"334 VXNlcm5hbWU6\r\n"),
        (0, base64.b64encode(b"lan") + b"\r\n"),
        (1, b"334 UGFzc3dvcmQ6\r\n"),
        (0, base64.b64encode(b"matkhau") + b"\r\n"),
        (1, b"535 no\r\n"),
        (0, b"QUIT\r\n"),
        (1, b"221 bye\r\n"),
    ]
    events = sense(tcp(turns))
    (event,) = of(events, "smtp")
    assert event["user"]["name"] == "lan"
    assert event["vonggac"]["smtp"]["password"] is True
    assert event["vonggac"]["smtp"]["auth_success"] is False
    assert event["vonggac"]["smtp"]["auth_failures"] == 1
    for secret in ("matkhau", base64.b64encode(b"matkhau").decode()):
        assert secret not in str(events)


def test_after_starttls_the_stream_is_tls():
    turns = [
        (1, b"220 ESMTP\r\n"),
        (0, b"EHLO a\r\n"),
        (1, b"250 STARTTLS\r\n"),
        (0, b"STARTTLS\r\n"),
        (1, b"220 go\r\n"),
    ]
    events = sense(tcp([*turns, *handshake(ssl.TLSVersion.TLSv1_3)]))
    (event,) = of(events, "smtp")
    assert event["vonggac"]["smtp"]["tls"] is True
    assert len(of(events, "tls")) == 1
    assert not of(events, "anomaly")


def test_a_connection_with_refused_recipients_only_is_one_event():
    turns = [*session()[:3], (0, b"MAIL FROM:<a@a.vn>\r\n"), (1, b"250 ok\r\n"), (0, b"RCPT TO:<x@b.vn>\r\n"),
                             (1, b"554 relay denied\r\n"), (0, b"QUIT\r\n"), (1, b"221 bye\r\n")]  # fmt: skip
    (event,) = of(sense(tcp(turns)), "smtp")
    assert event["vonggac"]["smtp"]["rcpt_refused"] == ["x@b.vn"]


def test_a_greeting_alone_is_one_event_and_a_banner_alone_is_none():
    assert len(of(sense(tcp(session()[:3])), "smtp")) == 1
    events = sense(tcp(session()[:1]))
    assert not of(events, "smtp")
    assert of(events, "flow")[0]["network"]["protocol"] == "smtp"


def test_one_side_alone_is_told():
    client = sense(tcp([turn for turn in session() if turn[0] == 0]))
    assert of(client, "smtp")[0]["email"]["subject"] == "Hóa đơn"
    assert of(client, "file")[0]["vonggac"]["file"]["complete"] is True
    server = sense(tcp([turn for turn in session() if turn[0] == 1]))
    assert not of(server, "anomaly")


def test_a_lost_segment_of_an_attachment_is_counted_and_the_next_message_read():
    turns = session()[:-2] + session()[3:]
    frames = [bytes(frame) for frame in tcp(turns, size=500)]
    big = [index for index, frame in enumerate(frames) if len(frame) == 554]
    events = sense(frames[: big[4]] + frames[big[4] + 1 :])
    first, second = of(events, "file")
    assert first["vonggac"]["file"]["missing_bytes"] == 500
    assert "hash" not in first["file"]
    assert second["file"]["hash"]["sha256"] == sha256(MALWARE).hexdigest()


def test_a_message_whose_end_was_lost_ends_with_its_reply():
    turns = session()[:-2] + session()[3:]
    frames = [bytes(frame) for frame in tcp(turns, size=len(MESSAGE) + 100)]
    lost = next(index for index, frame in enumerate(frames) if b"--out--\r\n.\r\n" in frame)
    events = of(sense(frames[:lost] + frames[lost + 1 :]), "smtp")
    assert len(events) == 2
    assert events[0]["vonggac"]["smtp"]["complete"] is False
    assert events[1]["email"]["subject"] == "Hóa đơn"


def read(message: bytes, size: int = 1000) -> Mail:
    mail, at = Mail(Beginnings()), Moment(0, 0)
    for start in range(0, len(message), size):
        mail.feed(message[start : start + size], at)
    mail.finish(True)
    return mail


def test_a_mail_in_a_mail_is_looked_into():
    mail = read(
        b"Content-Type: multipart/mixed; boundary=q\n\n--q\nContent-Type: message/rfc822\n\n" + MESSAGE + b"\n--q--"
    )
    assert [one.body.hashes["sha256"] for one in mail.attachments] == [sha256(MALWARE).hexdigest()]


def test_a_mail_that_is_one_attachment_and_lacks_its_last_delimiter_is_read():
    assert read(b"Content-Disposition: attachment; filename=a.txt\r\n\r\nabc").attachments[0].body.size == 3
    open_end = b"Content-Type: multipart/mixed; boundary=q\r\n\r\n--q\r\nContent-Type: image/png\r\n\r\nabc\r\n--qq"
    for size in (1, 3, 1000):
        assert read(open_end, size).attachments[0].body.sample == b"abc\r\n--qq"


def test_messages_without_replies_do_not_pile_up():
    part = b"MAIL FROM:<%d@a.vn>\r\nDATA\r\nSubject: x\r\n\r\nx\r\n.\r\n"
    talk = SmtpTalk()
    found = [len(list(talk.data(0, part % number, Moment(number, number)))) for number in range(100)]
    assert sum(found) == 100 - MAX_OPEN
    assert len(list(talk.close(True))) == MAX_OPEN


def test_memory_of_a_message_is_bounded():
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    part = b"--b\r\nContent-Type: application/x; name=n\r\n\r\n" + b"x" * 40 + b"\r\n"
    mail = read(head + part * 1000)
    assert len(mail.attachments) == MAX_ATTACHMENTS
    assert mail.attachments_count == 1000
    endless = read(b"a" * 3_000_000 + b": b\r\n" * 1000)
    assert sum(len(value) for values in endless.fields.values() for value in values) < 100_000


def test_hostile_messages_take_less_than_a_second_for_a_megabyte():
    head = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n"
    nest = b"Content-Type: multipart/mixed; boundary=%d\r\n\r\n--%d\r\n"
    nested = b"".join(nest % (number, number) for number in range(20))
    for message in (head + b"\n--x" * 250_000, head + b"--b\n\n" * 200_000, nested + b"\n--7\n" * 200_000,
                    b"a:b\n" * 250_000, b"Content-Transfer-Encoding: base64\n\n" + b"=" * 1_000_000):  # fmt: skip
        begun = time.monotonic()
        read(message)
        assert time.monotonic() - begun < 1.2, message[:60]


@settings(max_examples=150, deadline=None)
@given(st.integers(0, len(MESSAGE)), st.binary(max_size=120), st.integers(1, 400))
def test_any_tail_of_a_message_is_read(keep, tail, size):
    read(MESSAGE[:keep] + tail, size)


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 5000), st.binary(max_size=120), st.booleans())
def test_any_tail_of_a_session_gives_events_or_an_anomaly(keep, tail, server):
    turns, left = [], keep
    for side, data in session():
        turns.append((side, data[:left]))
        left -= len(data)
        if left <= 0:
            break
    sense(tcp([*turns, (int(server), tail or b"x")], size=900))
