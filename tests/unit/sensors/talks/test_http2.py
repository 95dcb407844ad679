from __future__ import annotations

from hashlib import sha256

import pytest

from sensors.decode.fault import Undecodable
from sensors.decode.http2 import PREFACE, begins_server
from sensors.streams import Moment
from sensors.talks.http2 import MAX_STREAMS, Http2Talk
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.talks.test_http import request
from tests.unit.sensors.wire import of, sense, tcp


def frame(kind: int, stream: int, payload: bytes = b"", flags: int = 0) -> bytes:
    return len(payload).to_bytes(3) + bytes((kind, flags)) + stream.to_bytes(4) + payload


def literal(name: bytes, value: bytes) -> bytes:
    return b"\0" + bytes((len(name),)) + name + bytes((len(value),)) + value


SETTINGS = frame(4, 0, b"\0\3\0\0\0\x64")
ASK = literal(b":method", b"GET") + literal(b":path", b"/a?b=c") + literal(b":scheme", b"http") + literal(
    b":authority", b"cong.example.vn"
) + literal(b"user-agent", b"curl/8") + literal(b"cookie", b"a=1") + literal(b"cookie", b"b=2")  # fmt: skip
OK = b"\x88" + literal(b"content-type", b"text/html")
PAGE = b"<html><title>Xin</title>"
CLIENT = PREFACE + SETTINGS + frame(1, 1, ASK, 5)
SERVER = SETTINGS + frame(1, 1, OK, 4) + frame(0, 1, PAGE[:10]) + frame(0, 1, PAGE[10:], 1)


def test_a_stream_is_a_request_with_its_response():
    events = sense(tcp([(0, CLIENT), (1, SERVER)], size=17))
    (event,) = of(events, "http")
    assert event["http"] == {
        "version": "2",
        "request": {"method": "GET", "body": {"bytes": 0}},
        "response": {"status_code": 200, "body": {"bytes": len(PAGE)}, "mime_type": "text/html"},
    }
    assert event["url"]["full"] == "http://cong.example.vn/a?b=c"
    assert event["user_agent"]["original"] == "curl/8"
    assert event["vonggac"]["http"]["stream_id"] == 1
    assert event["vonggac"]["http"]["title"] == "Xin"
    assert event["network"]["protocol"] == "http2"
    (file,) = of(events, "file")
    assert file["file"]["hash"]["sha256"] == sha256(PAGE).hexdigest()


def test_streams_in_between_each_other_are_kept_apart():
    asked = PREFACE + SETTINGS + b"".join(frame(1, n, ASK, 5) for n in (1, 3, 5))
    answers = frame(1, 5, OK, 4) + frame(1, 3, OK, 4) + frame(0, 3, b"ba", 0) + frame(0, 5, b"nam", 1)
    answers += frame(0, 3, b"ba", 1) + frame(3, 1, bytes(4))
    events = sense(tcp([(0, asked), (1, SETTINGS + answers)]))
    found = [(e["vonggac"]["http"]["stream_id"], e["http"].get("response", {}).get("body", {}).get("bytes"))
             for e in of(events, "http")]  # fmt: skip
    assert found == [(5, 3), (3, 4), (1, None)]
    assert len({e["event"]["id"] for e in events}) == len(events)


def test_a_header_block_goes_on_in_continuation_frames():
    blocks = frame(1, 1, ASK[:10], 1) + frame(9, 1, ASK[10:40]) + frame(9, 1, ASK[40:], 4)
    (event,) = of(sense(tcp([(0, PREFACE + SETTINGS + blocks)])), "http")
    assert event["url"]["path"] == "/a"


def test_padding_and_priority_are_left_out():
    head = frame(1, 1, b"\3" + b"\0\0\0\0\x10" + ASK + b"xxx", 0x2C)
    body = frame(0, 1, b"\4" + b"du lieu" + b"yyyy", 9)
    for size in (1, 1000):
        (event,) = of(sense(tcp([(0, PREFACE + SETTINGS + head + body)], size=size)), "http")
        assert event["http"]["request"]["body"]["bytes"] == 7
        assert event["vonggac"]["http"]["request"]["body"] == "du lieu"


def test_an_upgrade_goes_on_with_the_request_on_stream_1():
    asked = request("/h2c", Upgrade="h2c", HTTP2_Settings="AAMAAABk")
    switched = b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n"
    events = of(sense(tcp([(0, asked), (1, switched + SERVER), (0, PREFACE + SETTINGS)])), "http")
    assert [(e["http"]["response"]["status_code"], e["url"]["path"]) for e in events] == [(101, "/h2c"), (200, "/h2c")]
    assert events[0]["vonggac"]["http"]["upgrade"] == "h2c"
    assert len({e["event"]["id"] for e in events}) == 2


def test_a_pushed_stream_has_the_request_that_was_promised():
    pushed = frame(5, 1, (2).to_bytes(4) + ASK, 4) + frame(1, 2, OK, 4) + frame(0, 2, b"x", 1)
    events = of(sense(tcp([(0, CLIENT), (1, SERVER[: len(SETTINGS)] + pushed)])), "http")
    assert [e["vonggac"]["http"]["stream_id"] for e in events] == [2, 1]
    assert events[0]["http"]["request"]["method"] == "GET"


def test_a_server_heard_alone_is_told_as_it_is():
    (event,) = of(sense(tcp([(1, SERVER)])), "http")
    assert event["http"]["response"]["status_code"] == 200
    assert "method" not in event["http"].get("request", {})


def test_bytes_missing_in_a_body_are_counted_and_elsewhere_end_that_side():
    packets = list(tcp([(0, CLIENT), (1, SETTINGS + frame(1, 1, OK, 4)), (1, frame(0, 1, bytes(300), 1))], size=100))
    del packets[-5]
    events = sense(packets)
    (event,) = of(events, "http")
    (file,) = of(events, "file")
    assert event["http"]["response"]["status_code"] == 200
    assert file["vonggac"]["file"] == {"direction": "response", "complete": False, "missing_bytes": 100}
    assert "hash" not in file["file"]
    lost = list(tcp([(0, CLIENT), (1, SERVER), (0, frame(1, 3, ASK, 5))], size=40))
    del lost[5]
    assert of(sense(lost), "http")


def test_a_bearer_of_other_frames_is_not_http2():
    assert begins_server(SETTINGS)
    assert not begins_server(frame(4, 0, b"\7\3\0\0\0\x64"))
    assert not begins_server(frame(4, 0, bytes(7)))
    assert not begins_server(frame(0, 1, bytes(6)))


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (frame(9, 1, ASK, 4), "continuation"),
        (frame(1, 1, ASK[:5], 0) + frame(0, 1, b"x"), "continuation"),
        (b"\1\0\1\1\4\0\0\0\1", "frame_length"),
        (frame(1, 1, b"\x09ab", 0x0C), "padding"),
        (frame(0, 1, b"\x09ab", 8), "padding"),
        (frame(1, 1, literal(b":status", b"abc"), 4), "status"),
    ],
)
def test_broken_frames_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        list(Http2Talk().data(0, PREFACE + SETTINGS + data, Moment(0, 0)))
    assert caught.value.reason == reason


def test_what_one_connection_may_keep_is_bounded():
    talk = Http2Talk()
    found = list(talk.data(0, PREFACE, Moment(0, 0)))
    for n in range(MAX_STREAMS + 40):
        found += talk.data(0, frame(1, 2 * n + 1, ASK, 4), Moment(n, n))
    assert len(found) == 40
    with pytest.raises(Undecodable) as caught:
        for _ in range(30):
            list(talk.data(1, frame(1, 1, bytes(16000)) if _ == 0 else frame(9, 1, bytes(16000)), Moment(0, 0)))
    assert caught.value.reason == "header_block"


def test_only_the_declared_fault_escapes():
    def read(data: bytes) -> None:
        talk = Http2Talk()
        for side, part in ((0, CLIENT), (0, data), (1, data)):
            list(talk.data(side, part, Moment(0, 0)))
        list(talk.gap(0, 5, Moment(1, 1)))
        list(talk.close(True))

    only_undecodable_escapes(read, SERVER, CLIENT[len(PREFACE) :], frame(5, 1, (2).to_bytes(4) + ASK, 4))
