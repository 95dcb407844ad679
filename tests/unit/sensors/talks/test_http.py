from __future__ import annotations

import gzip
from hashlib import md5, sha256

from tests.unit.sensors.wire import of, sense, tcp

PAGE = "<html><title>Cổng thông tin</title><body>Xin chào</body></html>".encode()


def request(target: str = "/", method: str = "GET", body: bytes = b"", **fields: str) -> bytes:
    lines = {"Host": "cong.example.gov.vn", "User-Agent": "Mozilla/5.0", **fields}
    if body:
        lines["Content-Length"] = str(len(body))
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"{method} {target} HTTP/1.1\r\n{head}\r\n".encode() + body


def response(body: bytes = PAGE, status: str = "200 OK", **fields: str) -> bytes:
    lines = {"Content-Type": "text/html; charset=utf-8", "Content-Length": str(len(body)), **fields}
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in lines.items())
    return f"HTTP/1.1 {status}\r\n{head}\r\n".encode() + body


def test_a_request_is_joined_with_its_response():
    asked = request("/tim?q=1%27+OR+1", Referer="http://a.vn/")
    events = sense(tcp([(0, asked), (1, response(Server="nginx"))], size=40))
    (event,) = of(events, "http")
    assert event["http"] == {
        "version": "1.1",
        "request": {"method": "GET", "referrer": "http://a.vn/", "body": {"bytes": 0}},
        "response": {"status_code": 200, "body": {"bytes": len(PAGE)}, "mime_type": "text/html"},
    }
    assert event["url"] == {
        "original": "/tim?q=1%27+OR+1",
        "scheme": "http",
        "path": "/tim",
        "query": "q=1%27+OR+1",
        "domain": "cong.example.gov.vn",
        "full": "http://cong.example.gov.vn/tim?q=1%27+OR+1",
        "registered_domain": "example.gov.vn",
        "top_level_domain": "gov.vn",
        "subdomain": "cong",
    }
    own = event["vonggac"]["http"]
    assert own["request"]["decoded"] == "/tim?q=1' OR 1"
    assert own["title"] == "Cổng thông tin"
    assert own["response"]["body_sample"].startswith("<html><title>")
    assert event["user_agent"]["original"] == "Mozilla/5.0"
    assert event["event"]["outcome"] == "success"


def test_a_body_is_hashed_as_a_file():
    (event,) = of(sense(tcp([(0, request("/a/virus.exe")), (1, response(b"MZ" + bytes(5000)))], size=700)), "file")
    body = b"MZ" + bytes(5000)
    assert event["file"]["name"] == "virus.exe"
    assert event["file"]["size"] == 5002
    assert event["file"]["mime_type"] == "application/vnd.microsoft.portable-executable"
    assert event["file"]["hash"]["md5"] == md5(body, usedforsecurity=False).hexdigest()
    assert sha256(body).hexdigest() in event["related"]["hash"]
    assert event["vonggac"]["file"] == {"direction": "response", "complete": True, "missing_bytes": 0}


def test_a_form_is_shown_as_text():
    (event,) = of(sense(tcp([(0, request("/login", "POST", "tên=an&mk=1".encode())), (1, response())])), "http")
    assert event["vonggac"]["http"]["request"]["body"] == "tên=an&mk=1"
    assert event["http"]["request"]["body"]["bytes"] == len("tên=an&mk=1".encode())


def test_pipelined_requests_find_their_responses():
    asked = b"".join(request(f"/{number}") for number in range(5))
    replied = b"".join(response(b"x" * number, f"40{number} No") for number in range(5))
    events = of(sense(tcp([(0, asked), (1, replied)], size=4000)), "http")
    assert [(e["url"]["path"], e["http"]["response"]["status_code"]) for e in events] == [
        (f"/{number}", 400 + number) for number in range(5)
    ]
    assert len({e["event"]["id"] for e in events}) == 5


def test_chunks_are_put_together():
    chunked = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\nhello\r\n3\r\n vn\r\n0\r\nT: 1\r\n\r\n"
    events = sense(tcp([(0, request()), (1, chunked), (0, request("/b")), (1, response(b"y"))], size=3))
    assert [e["http"]["response"]["body"]["bytes"] for e in of(events, "http")] == [8, 1]
    assert of(events, "file")[0]["file"]["hash"]["sha256"] == sha256(b"hello vn").hexdigest()


def test_a_compressed_body_is_hashed_as_sent_and_still_gives_its_title():
    body = gzip.compress(PAGE)
    events = sense(tcp([(0, request()), (1, response(body, Content_Encoding="gzip"))]))
    assert of(events, "http")[0]["vonggac"]["http"]["title"] == "Cổng thông tin"
    assert of(events, "file")[0]["file"]["hash"]["sha256"] == sha256(body).hexdigest()


def test_interim_responses_head_and_not_modified_have_no_body():
    turns = [
        (0, request("/up", "POST", b"abc", Expect="100-continue")),
        (1, b"HTTP/1.1 100 Continue\r\n\r\n" + response(b"ok")),
        (0, request("/h", "HEAD")),
        (1, b"HTTP/1.1 200 OK\r\nContent-Length: 999\r\n\r\n"),
        (0, request("/n")),
        (1, b"HTTP/1.1 304 Not Modified\r\nContent-Length: 999\r\n\r\n"),
    ]
    events = of(sense(tcp(turns)), "http")
    assert [(e["url"]["path"], e["http"]["response"]["status_code"]) for e in events] == [
        ("/up", 200),
        ("/h", 200),
        ("/n", 304),
    ]


def test_a_body_until_the_end_is_whole_when_the_server_closed():
    events = sense(tcp([(0, request()), (1, b"HTTP/1.0 200 OK\r\n\r\nall of it")]))
    assert of(events, "file")[0]["vonggac"]["file"]["complete"] is True
    torn = sense(tcp([(0, request()), (1, b"HTTP/1.0 200 OK\r\n\r\nall of it")], fin=False))
    assert of(torn, "file")[0]["vonggac"]["file"]["complete"] is False
    assert "hash" not in of(torn, "file")[0]["file"]


def test_a_lost_segment_inside_a_body_is_counted_and_the_next_message_read():
    turns = [(0, request("/1")), (1, response(b"z" * 900)), (0, request("/2")), (1, response(b"w"))]
    frames = [bytes(frame) for frame in tcp(turns, size=300)]
    lost = next(index for index, frame in enumerate(frames) if frame.endswith(b"z" * 300))
    events = sense(frames[:lost] + frames[lost + 1 :])
    assert [e["url"]["path"] for e in of(events, "http")] == ["/1", "/2"]
    file = of(events, "file")[0]
    assert file["vonggac"]["file"] == {"direction": "response", "complete": False, "missing_bytes": 300}
    assert file["file"]["size"] == 900
    assert "hash" not in file["file"]


def test_an_answer_of_the_first_http_has_no_head():
    (event,) = of(sense(tcp([(0, b"GET /\r\n\r\n"), (1, b"<html>old</html>")])), "http")
    assert event["http"]["version"] == "0.9"
    assert event["http"]["response"]["body"]["bytes"] == 16


def test_a_server_that_does_not_speak_http_is_an_anomaly_and_the_request_stays():
    events = sense(tcp([(0, request("/x")), (1, b"\x00\x01\x02 what is this\r\n\r\n")]))
    assert of(events, "anomaly")[0]["vonggac"]["anomaly"]["reason"] == "status_line"
    assert [e["url"]["path"] for e in of(events, "http")] == ["/x"]


def test_a_forwarded_address_is_related():
    (event,) = of(sense(tcp([(0, request(X_Forwarded_For="203.0.113.9, junk")), (1, response())])), "http")
    assert event["vonggac"]["http"]["request"]["forwarded_for"] == "203.0.113.9, junk"
    assert "203.0.113.9" in event["related"]["ip"]
