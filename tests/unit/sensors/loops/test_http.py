"""HTTP's loop beside its talk: the same lines, or nothing at all."""

from __future__ import annotations

import gzip

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from sensors.loops import http, world
from sensors.loops.documents import HTTP
from sensors.talks.http import HttpTalk
from sensors.talks.recognise import recognise_stream
from tests.unit.sensors.loops.ear import Ear, Speech, partly, run, same, same_anyway, slot_of, wholly
from tests.unit.sensors.loops.pieces import Piece, changed, cut, holed, several
from tests.unit.sensors.talks.test_http import PAGE, request, response


def ends(w: world.World, flow: int, slot: int) -> int:
    """However it ends, the loops tell of it."""
    assert http.http_ends(w, flow, slot) == world.TAKEN
    return world.TAKEN


TELLS = world.T_LINE, world.T_BODY
SPEECH = Speech("http", 80, slot_of(HTTP), http.http_hears, ends, tells=TELLS, apart=(3, 100, 1))


def chunked(*chunks: bytes, trailer: bytes = b"", **fields: str) -> bytes:
    head = "".join(f"{name.replace('_', '-')}: {value}\r\n" for name, value in fields.items()).encode()
    body = b"".join(b"%x\r\n%b\r\n" % (len(chunk), chunk) for chunk in chunks)
    return b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n" + head + b"\r\n" + body + b"0\r\n" + trailer + b"\r\n"


GZIPPED = response(gzip.compress(PAGE, mtime=0), Content_Encoding="gzip", Server="nginx")
JSON = response(b'{"a": [1, 2]}', **{"Content-Type": "application/json"})
ORDINARY: dict[str, list[Piece]] = {
    "a page": [(0, request("/tim?q=1%27+OR+1", Referer='http://a.vn/"x\\')), (1, response(Server="nginx"))],
    "a page in pieces": [*cut(request("/a/b.php"), 0, 3, 2, 40), *cut(response(), 1, 2, 3, 30, 70, 20)],
    "gzip": [(0, request()), (1, GZIPPED)],
    "not gzip": [(0, request()), (1, response(b"\x1f\x8bxx", Content_Encoding="gzip"))],
    "keep-alive": [(0, request("/1")), (1, JSON), (0, request("/2")), (1, JSON), (0, request("/3", "HEAD")),
                   (1, response(b"")), (0, request()), (1, response(b"", "304 Not Modified"))],
    "posts": [(0, request("/x", "POST", b"a=1&b=%20", Content_Type="application/x-www-form-urlencoded")), (1, JSON),
              *cut(request("/y", "PUT", bytes(300)), 0, 200), (1, response(b"", "201 Created", Location="/y/1"))],
    "expected": [*cut(request("/x", "POST", b"abc", Expect="100-continue"), 0, 130)[:1]],
    "continued": [(0, request("/x", "POST", b"abc")[:-3]), (1, b"HTTP/1.1 100 Continue\r\n\r\n"), (0, b"abc"),
                  (1, b"HTTP/1.1 102 P\r\n\r\n" + JSON)],
    "chunked": [(0, request("/")), (1, chunked(PAGE[:10], PAGE[10:], Content_Type="text/html"))],
    "chunked in pieces": [(0, request("/")), *cut(chunked(b"a" * 20, b"b", trailer=b"X: y\r\n"), 1, 46, 1, 1, 5, 17, 1,
                                                  1, 2, 2, 1, 1, 2, 1, 4)],
    "chunked one after the other": [(0, request("/1")), (1, chunked(PAGE)), (0, request("/2")), (1, chunked(b"abc"))],
    "chunked request": [(0, b"POST / HTTP/1.1\r\nTransfer-Encoding: gzip, Chunked\r\n\r\n5;x=y\r\nhel"),
                        (0, b"lo\r\n0  \r\n\r\n\r\n"), (1, JSON)],
    "to the end": [(0, request("/f.tar.gz")), (1, b"HTTP/1.0 200 OK\r\nServer: x\r\n\r\nMZ"), (1, b"more" * 50)],
    "nothing to the end": [(0, request("/")), (1, b"HTTP/1.1 200\r\n\r\n")],
    "unanswered": [(0, request("/f.a.b-c?#x?y"))],
    "half a body": [(0, request("/f/x.js")), (1, response(PAGE)[:-10])],
    "half a request": [(0, request("/f", "POST", b"abcd")[:-1])],
    "half a head": [(0, request("/f")[:-1])],
    "half an answer": [(0, request("/f")), (1, response()[:20])],
    "lone LF": [(0, b"GET /x HTTP/1.0\nHost: A.vn.\n\n"), (1, b"HTTP/1.1 404 Not Found\nContent-Length: 0\n\n")],
    "no host": [(0, b"GET /x HTTP/1.1\r\n\r\n"), (1, JSON)],
    "port": [(0, b"GET / HTTP/1.1\r\nHost: a.com.vn:08080\r\n\r\n"), (1, JSON)],
    "port 80": [(0, b"GET ?a HTTP/1.1\r\nHost: localhost:80\r\n\r\n"), (1, JSON)],
    "only a port": [(0, b"GET / HTTP/1.1\r\nHost: :81\r\n\r\n"), (1, JSON)],
    "address": [(0, b"GET /a.b/ HTTP/1.1\r\nHost: 10.0.0.1:81\r\n\r\n"), (1, JSON)],
    "an end's address": [(0, b"GET /a.b/ HTTP/1.1\r\nHost: 198.51.100.7\r\n\r\n"), (1, JSON)],
    "part of an end's address": [(0, b"GET / HTTP/1.1\r\nHost: 92.0.2.1\r\n\r\n"), (1, JSON)],
    "no address": [(0, b"GET / HTTP/1.1\r\nHost: 010.0.0.1\r\n\r\n"), (1, JSON)],
    "proxy": [(0, b"GET http://Www.Example.com:80/a.gif?x=%41%zz%u0041%4 HTTP/1.1\r\nHost: other\r\n\r\n"), (1, JSON)],
    "proxy to a host": [(0, b"GET http:///a HTTP/1.1\r\nHost: other.vn\r\n\r\n"), (1, JSON)],
    "everything": [(0, b"OPTIONS * HTTP/1.1\r\nHost: x.vn\r\n\r\n"), (1, JSON)],
    "decoded": [(0, b"GET /%e1%ba%a1%ff+%00%22 HTTP/1.1\r\nHost: x.vn\r\n\r\n"), (1, JSON)],
    "decoded controls": [(0, b"GET /%00%5c%22%0a%1f%7f%2B%25 HTTP/1.1\r\nHost: x.vn\r\n\r\n"), (1, JSON)],
    "forwarded": [(0, request(X_Forwarded_For="10.1.1.1, 192.0.2.1, unknown, 010.2.2.2:80, [2001:db8::1]:5")),
                  (1, JSON)],
    "empty fields": [(0, b"GET / HTTP/1.1\r\nHost:\r\nUser-Agent:\r\nReferer: \r\nX-Forwarded-For:\r\n\r\n"),
                     (1, b"HTTP/1.1 200 OK\r\nServer:\r\nContent-Type:\r\nContent-Length: 1\r\n\r\nx")],
    "attached": [(0, request("/dl?id=1")),
                 (1, response(b"x", Content_Disposition='attachment; filename="C:\\a\\b.exe"'))],
    "attached without a name": [(0, request("/dl/x.zip")), (1, response(b"x", Content_Disposition="attachment"))],
    "sent with a name": [(0, request("/dl", "POST", b"abc", Content_Disposition="form-data; filename=a")), (1, JSON),
                         (0, request("/dl", "POST", b"abc", Content_Disposition="form-data")), (1, JSON)],
    "empty lines": [(0, b"\r\n" + request("/")), (1, b"\r\n" + JSON), (0, b"\r\n"), (0, request("/2")), (0, b"\r\n"),
                    (1, JSON + b"\r\n")],
    "odd fields": [(0, b"GET / HTTP/1.1\r\nno colon\r\nHOST : a.vn\r\n: x\r\nX: 1\r\nX: 2\r\n\r\n"), (1, JSON)],
    "a page that nothing is said of": [(0, request()), (1, b"HTTP/1.1 200 \r\nContent-Length: 9\r\n\r\n<html>abc")],
    "titled": [(0, request()), (1, b"HTTP/1.1 200\r\nContent-Length: 31\r\n\r\n<html><title>a &lt; \x01 b</title>")],
    "a tab": [(0, request()), (1, response(b"<p>", **{"Content-Type": "text/html;\tcharset=utf-8"}))],
    "the longest": [(0, request("/" + "%00" * 2_000)), (1, response(b"<p>", Location='"' * 5_700))],
    "the longest that is escaped": [(0, request("/?" + '"' * 3_000)), (1, response(b"<p>", Server="\\" * 5_700))],
    "long fields": [(0, request("/", Cookie="a" * 5_000)), (1, response(b"<p>", Set_Cookie="b" * 5_000))],
}  # fmt: skip
UNUSUAL: dict[str, list[Piece]] = {
    "pipelined": [(0, request("/1") + request("/2")), (1, JSON + JSON)],
    "pipelined apart": [(0, request("/1")), (0, request("/2")), (1, JSON), (1, JSON)],
    "answered early": [(0, request("/", "POST", b"abc")[:-1]), (1, JSON), (0, b"c")],
    "upgraded": [(0, request()), (1, b"HTTP/1.1 101 Switching\r\nUpgrade: websocket\r\n\r\nxx")],
    "tunnel": [(0, request()), (1, JSON), (0, b"CONNECT a:443 HTTP/1.1\r\n\r\n"), (1, b"HTTP/1.1 200 OK\r\n\r\n")],
    "first version": [(0, b"GET /\r\n\r\n"), (1, b"<html>")],
    "another version": [(0, b"GET / HTTP/1.2\r\n\r\n"), (1, JSON)],
    "unknown method": [(0, b"FOO / HTTP/1.1\r\n\r\n"), (1, JSON)],
    "more behind a response": [(0, request()), (1, JSON + b"x")],
    "no response": [(0, request()), (1, b"HT"), (1, b"XX")],
    "headless": [(0, request()), (1, b"<html>")],
    "folded": [(0, b"GET / HTTP/1.1\r\nHost: a\r\n b\r\n\r\n"), (1, JSON)],
    "repeated": [(0, b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"), (1, JSON)],
    "not ASCII": [(0, "GET /ạ HTTP/1.1\r\n\r\n".encode()), (1, JSON)],
    "bare CR": [(0, b"GET /\rx HTTP/1.1\r\n\r\n"), (1, JSON)],
    "user of a host": [(0, b"GET http://u@h/ HTTP/1.1\r\n\r\n"), (1, JSON)],
    "v6 host": [(0, b"GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), (1, JSON)],
    "no length": [(0, request()), (1, b"HTTP/1.1 200 OK\r\nContent-Length: x\r\n\r\n")],
    "lengths": [(0, request()), (1, b"HTTP/1.1 200 OK\r\nContent-Length: 3, 3\r\n\r\nabc")],
    "no status": [(0, request()), (1, b"HTTP/1.1 OK\r\n\r\n")],
    "no chunk": [(0, request()), (1, chunked(b"a").replace(b"1\r\na", b"x\r\na"))],
    "signed chunk": [(0, request()), (1, chunked(b"a").replace(b"1\r\na", b"+1\r\na"))],
    "no chunk end": [(0, request()), (1, chunked(b"a").replace(b"a\r\n", b"ab\r\n"))],
    "odd trailer": [(0, request()), (1, chunked(b"a", trailer=b"  \r\n"))],
    "a hole in a head": [(0, request()), (1, b""), (1, JSON)],
    "a hole in a body": [(0, request()), (1, response(bytes(300))[:-200]), (1, b""), (1, bytes(100))],
    "a hole in a body's end": [(0, request()), (1, response(bytes(300))[:-100]), (1, b""), (0, request()), (1, JSON)],
    "a hole in a chunk": [(0, request()), (1, chunked(bytes(300))[:-207]), (1, b""),
                          (1, bytes(100) + b"\r\n0\r\n\r\n")],
    "a hole in a request": [(0, request("/", "POST", bytes(300))[:-200]), (0, b""), (0, bytes(100)), (1, JSON)],
    "a hole in the rest": [(0, request()), (1, b"HTTP/1.0 200 OK\r\n\r\nMZ"), (1, b""), (1, b"x")],
    "interim in pieces": [(0, request()), (1, b"HTTP/1.1 100 C"), (1, b"\r\n\r\n" + JSON)],
    "both half": [(0, b"POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n3"), (1, b"HTTP/1.1 1"), (0, b"\r\nabc")],
    "very long": [(0, request("/" + "a" * 9_000)), (1, JSON)],
    "long and escaped": [(0, request("/", Cookie='"' * 5_000)), (1, JSON)],
    "many chunks": [(0, request()), (1, chunked(*[b"x"] * 1_000))],
    "many lines": [(0, request()[:-2] + b"a:b\r\n" * 220 + b"\r\n"), (1, JSON)],
    "a long line": [(0, request()), (1, chunked(b"a", trailer=b"X: " + b"x" * 300)[:-4]), (1, b"\r\n\r\n")],
}  # fmt: skip


@pytest.mark.parametrize("clean", [True, False])
@pytest.mark.parametrize("name", ORDINARY)
def test_the_ordinary_is_heard_in_the_loops(name, clean):
    assert wholly(SPEECH, ORDINARY[name], clean) or "head" in name


@pytest.mark.parametrize("name", UNUSUAL)
def test_the_unusual_is_left_to_the_talk(name):
    partly(SPEECH, UNUSUAL[name])


@pytest.mark.parametrize("name", [*ORDINARY, *UNUSUAL])
def test_a_connection_is_claimed_only_where_it_is_sure_to_be_http(name):
    side, first = {**ORDINARY, **UNUSUAL}[name][0]
    data = np.frombuffer(b"GET " + first, np.int8)
    if http.begins_http(data, 4, len(data), side):
        assert recognise_stream(first, side).talk is HttpTalk
        assert not http.begins_http(data, 4, len(data), 1)


@pytest.mark.parametrize(
    "begin", [b"GET", b"CONNECT a HTTP/1.1", b"GETS /", b"\x16\3\1", b"HTTP/1.1 200 OK", b"get / ", b"G"]
)
def test_other_connections_are_not_claimed(begin):
    assert not http.begins_http(np.frombuffer(begin, np.int8), 0, len(begin), 0)


PACKET = 1_460


def download(size: int, port: int = 0) -> list[Piece]:
    """A body of so many bytes, in packets."""
    body = bytes(n * n % 251 + port for n in range(size))
    answer = response(body, **{"Content-Type": "application/x"})
    return [(0, request("/f.bin")), *((1, answer[n : n + PACKET]) for n in range(0, len(answer), PACKET))]


@pytest.mark.parametrize(("size", "rows"), [(1, 1), (1_400, 1), (16_384, 1), (16_385, 2), (40_000, 3)])
def test_a_body_is_gathered_in_bays(size, rows):
    pieces = download(size)
    wanted, _ = run(SPEECH, pieces, 0)
    ear = Ear(SPEECH, apart=1_000)
    for n, piece in enumerate(pieces):
        ear.hear(n, *piece)
    assert rows <= ear.read() <= rows + 1  # a bay's last bytes may be too few for a packet
    ear.end(True)
    assert ear.lines == wanted
    for apart in (1, 2, 5):
        assert run(SPEECH, pieces, -1, apart=apart) == (wanted, len(pieces))


def test_bodies_of_two_connections_are_gathered_apart():
    both = [download(15_000), download(12_000, port=1)]
    ears = [Ear(SPEECH, 1_000, which) for which in (0, 1)]
    talks = [Ear(SPEECH, 1_000, which) for which in (0, 1)]
    for which in (0, 1):
        talks[which].leave()
    for n in range(max(map(len, both))):
        for which, pieces in enumerate(both):
            if n < len(pieces):
                ears[which].hear(n, *pieces[n])
                talks[which].hear(n, *pieces[n])
    assert ears[0].read() == 2
    assert sorted(ears[0].lines) == sorted(talks[0].lines + talks[1].lines)
    for ear in ears + talks:
        ear.end(True)


def test_bytes_that_are_not_heard_after_all_are_taken_out_of_their_bay():
    answer = response(PAGE)
    pieces = [(0, request()), (1, answer[:-20]), (1, answer[-20:] + b"nothing of HTTP"), (1, b"x")]
    lines, heard = same(SPEECH, pieces)
    assert heard == 2
    assert lines


ALL = [*ORDINARY.values(), *UNUSUAL.values()]


@st.composite
def connections(draw):
    """Connections one behind the other, cut anew, some bytes changed, some pieces lost."""
    pieces: list[Piece] = []
    for side, data in several(draw, ALL):
        if len(data) > 4_000:
            pieces.append((side, data[:600]))
        else:
            altered = changed(draw, data, b"\r\n :/?%0a\x00\xc3\"'=;x1HC")
            pieces += cut(altered, side, *draw(st.lists(st.integers(1, 60), max_size=4))) if data else [(side, b"")]
    return holed(draw, pieces, 4)


@settings(deadline=None, max_examples=300)
@given(connections(), st.integers(0, 30), st.booleans(), st.integers(1, 9))
@example([(0, request()), (1, chunked(b"x")[:-2] + b" \r\n\r\n")], 9, True, 1)
def test_whatever_comes_is_told_as_the_talk_tells_it(pieces, leave, clean, apart):
    same_anyway(SPEECH, pieces, leave, clean, apart)
