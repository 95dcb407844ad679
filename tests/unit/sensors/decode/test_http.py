from __future__ import annotations

import contextlib
import gzip

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.http import MAX_HEAD, decode_head, page_title, percent_decoded, split_target, text_sample

REQUEST = b"POST /a?b=c HTTP/1.1\r\nHost: cong.example.vn\r\nX-A: 1\r\nx-a: 2\r\n folded\r\n\r\nbody"


def test_a_request_head_is_split():
    head = decode_head(REQUEST)
    assert head is not None
    assert (head.method, head.target, head.version, head.status) == ("POST", "/a?b=c", "1.1", 0)
    assert head.fields == {"host": "cong.example.vn", "x-a": "1, 2 folded"}
    assert REQUEST[head.size :] == b"body"


def test_a_response_head_is_split():
    head = decode_head(b"HTTP/1.0 404 Not Found\nContent-Length: 12\n\n")
    assert head is not None
    assert (head.version, head.status, head.length) == ("1.0", 404, 12)


def test_a_head_that_is_not_all_there_is_waited_for():
    assert decode_head(REQUEST[:-8]) is None


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (b"HTTP/1.1 abc\r\n\r\n", "status_line"),
        (b"GET\r\n\r\n", "request_line"),
        (b"<html> <b HTTP/1.1\r\n\r\n", "request_line"),
        (b"A" * (MAX_HEAD + 1), "head_length"),
        (b"GET / HTTP/1.1\r\n" + b"a: b\r\n" * 300 + b"\r\n", "too_many_fields"),
    ],
)
def test_a_head_that_cannot_be_split_is_named(data, reason):
    with pytest.raises(Undecodable) as caught:
        decode_head(data)
    assert caught.value.reason == reason


def test_two_different_lengths_are_refused():
    head = decode_head(b"POST / HTTP/1.1\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n")
    assert head is not None
    with pytest.raises(Undecodable, match="content_length"):
        _ = head.length


@pytest.mark.parametrize(
    ("method", "target", "host", "parts"),
    [
        ("GET", "/a/b?c=d", "Cong.Example.VN:8080", ("cong.example.vn", 8080, "/a/b", "c=d")),
        ("GET", "http://x.vn/p", "other", ("x.vn", None, "/p", None)),
        ("CONNECT", "x.vn:443", "", ("x.vn", 443, "", None)),
        ("GET", "/", "[2001:db8::1]:81", ("2001:db8::1", 81, "/", None)),
        ("OPTIONS", "*", "", ("", None, "*", None)),
    ],
)
def test_targets_of_all_forms_are_split(method, target, host, parts):
    assert tuple(split_target(method, target, host)) == parts


def test_a_target_is_decoded_once():
    assert percent_decoded("/?id=1%27+OR+1%3D1%2520") == "/?id=1' OR 1=1%20"


def test_a_title_is_read_in_nfc_on_one_line():
    assert page_title("<html><TITLE lang=vi>\n Co\u0302̉ng &amp; thông tin\n</TITLE>") == "Cổng & thông tin"
    assert page_title("<p>no title") is None


def test_a_compressed_body_is_looked_into():
    page = "<title>Cổng</title>".encode()
    assert page_title(text_sample(gzip.compress(page), "text/html; charset=UTF-8", "gzip")) == "Cổng"
    assert page_title(text_sample(gzip.compress(page)[:-9], "text/html", "gzip")) == "Cổng"
    assert text_sample(b"not gzip", "text/html", "gzip") == ""


@pytest.mark.parametrize("charset", ["idna", "unicode_escape", "undefined", "hex", "no-such", "utf-8-sig-x"])
def test_a_charset_that_is_none_is_read_as_utf_8(charset):
    assert text_sample("Cổng \\x".encode(), f"text/html; charset={charset}") == "Cổng \\x"


def test_charsets_are_obeyed():
    assert text_sample("Cổng".encode("utf-16-le"), "text/html; charset=UTF-16LE") == "Cổng"
    assert text_sample("café".encode("latin-1"), 'text/html; charset="ISO-8859-1"') == "café"


@settings(max_examples=200, deadline=None)
@given(st.integers(0, len(REQUEST)), st.binary(max_size=80))
def test_only_the_declared_fault_escapes(keep, tail):
    with contextlib.suppress(Undecodable):
        head = decode_head(REQUEST[:keep] + tail)
        if head is not None:
            _ = head.length
            split_target(head.method, head.target, head.fields.get("host", ""))
