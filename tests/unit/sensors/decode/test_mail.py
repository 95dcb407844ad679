from __future__ import annotations

import time

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.mail import addresses, date_ns, decoded, hop_addresses, parameters, url_host, urls
from sensors.decode.smtp import auth_user, decode_bdat, decode_command, decode_path


def test_encoded_words_are_read_and_a_character_may_be_spread_over_two():
    assert decoded("=?utf-8?B?VGjDtG5nIGLDoW8=?=") == "Thông báo"
    assert decoded("=?utf-8?Q?Th=C3?= =?utf-8?Q?=B4ng_b=C3=A1o?= x") == "Thông báo x"
    assert decoded("Re: =?windows-1258?Q?H=E0_N=F4i?=") == "Re: Hà Nôi"
    assert decoded("=?iso-8859-1?q?a?= =?utf-8?q?b?=") == "ab"
    assert decoded("plain =?broken text") == "plain =?broken text"
    assert decoded("=?idna?Q?x?=") == "x"


def test_addresses_are_taken_without_names_and_comments():
    assert addresses('"Lan, Văn" <lan@a.vn>, b@c.vn (Bình), Nhóm: d@e.vn; <>') == ["lan@a.vn", "b@c.vn", "d@e.vn"]
    assert addresses('"a b"@c.vn') == ['"a b"@c.vn']
    assert addresses("undisclosed-recipients:;") == []


def test_parameters_are_joined_and_decoded():
    kind, options = parameters("Application/PDF; name*0*=utf-8'vi'B%C3%A1o; name*1*=%20c; name*2=\"áo.pdf\"; x=y z")
    assert kind == "application/pdf"
    assert options == {"name": "Báo cáo.pdf", "x": "y z"}
    assert parameters('attachment; filename="=?utf-8?Q?h=C3=B3a_=C4=91=C6=A1n.exe?="')[1]["filename"] == "hóa đơn.exe"
    assert parameters(r'a; filename="x\"y.zip"')[1] == {"filename": 'x"y.zip'}


def test_dates_are_instants_and_what_is_none_is_none():
    assert date_ns("Mon, 5 Oct 2009 11:36:07 +0530") == 1254722767 * 10**9
    assert date_ns("Mon, 5 Oct 2009 11:36:07 -0000") == 1254742567 * 10**9
    assert date_ns("yesterday") is None
    assert date_ns("Mon, 5 Oct 1969 11:36:07 +0000") is None


def test_pages_and_hops_are_found_in_texts():
    text = 'see <a href="http://a.vn/x?y=1">http://a.vn/x?y=1</a> or (https://user@B.vn:8443/).'
    assert urls(text, 9) == ["http://a.vn/x?y=1", "https://user@B.vn:8443/"]
    assert url_host("https://user@B.vn:8443/") == "b.vn"
    assert url_host("http://[2001:db8::1]:80/") == "2001:db8::1"
    assert hop_addresses("from a (b [IPv6:2001:db8::9]) by [192.0.2.1]; Wed, 11 Dec 2013 22:12:38 -0500") == [
        "2001:db8::9",
        "192.0.2.1",
    ]


def test_lines_of_smtp_are_split():
    assert decode_command(b"mail FROM:<a@b.vn> SIZE=9") == ("MAIL", b"FROM:<a@b.vn> SIZE=9")
    assert decode_command(b"\x16\x03\x01") == ("", b"")
    assert decode_path(b"FROM:<@x.vn,@y.vn:a@b.vn> SIZE=1") == "a@b.vn"
    assert decode_path(b"FROM:<>") == ""
    assert decode_path(b"TO: a@b.vn") == "a@b.vn"
    assert decode_bdat(b"86 LAST") == (86, True)
    assert decode_bdat(b"99999999999") is None


def test_a_log_in_tells_who_but_not_the_secret():
    assert auth_user("PLAIN", 0, b"AGxhbgBzZWNyZXQ=") == "lan"
    assert auth_user("LOGIN", 0, b"bGFu") == "lan"
    assert auth_user("LOGIN", 1, b"c2VjcmV0") is None
    assert auth_user("CRAM-MD5", 0, b"bGFuIDAxMjM=") == "lan"
    assert auth_user("XOAUTH2", 0, b"dXNlcj1sYW5AYS52bgFhdXRoPUJlYXJlciB4AQE=") == "lan@a.vn"
    assert auth_user("SCRAM-SHA-256", 0, b"biwsbj1sYW4scj1hYmM=") == "lan"
    assert auth_user("PLAIN", 0, b"not base64") is None


@settings(max_examples=300, deadline=None)
@given(st.text(max_size=200))
def test_every_value_of_a_field_is_read(text):
    decoded(text), addresses(text), parameters(text), date_ns(text), urls(text, 9), hop_addresses(text), url_host(text)


def test_hostile_values_take_no_long_time():
    begun = time.monotonic()
    for value in ('\\"' * 8000, "(" * 16000, "<" * 16000, "=?a?b?" * 3000, ";a=" + '\\"' * 8000, "; " * 8000,
                  ";" + " " * 16000, "1:" * 8000, "http://" * 2000, '"' * 15999):  # fmt: skip
        decoded(value), addresses('"' + value), parameters(value), hop_addresses(value), urls(value, 9)
    assert time.monotonic() - begun < 1
