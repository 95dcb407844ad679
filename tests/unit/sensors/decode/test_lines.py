from __future__ import annotations

import contextlib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.lines import MAX_LINE, Dotted, Lines, printable
from sensors.decode.reply import Replies


def test_lines_end_in_lf_or_crlf_and_counted_bytes_lie_between():
    lines = Lines()
    lines.add(b"a\r\nb\nxyzc\r")
    assert lines.line() == b"a"
    assert lines.line() == b"b"
    assert lines.take(3) == b"xyz"
    assert lines.line() is None
    lines.add(b"\n")
    assert lines.line() == b"c"


def test_a_line_without_end_is_bounded_and_the_next_one_is_whole():
    lines = Lines(10)
    for _ in range(100):
        lines.add(b"abcdefghijklmnop")
        assert lines.line() is None
        assert len(lines) <= 26
    lines.add(b"\nnext\n")
    assert lines.line() == b"abcdefghij"
    assert lines.line() == b"next"


def test_text_of_the_wire_is_shown_without_control_and_direction_characters():
    assert printable("Tie\u0302\u0301ng\u202efdp.exe\x00".encode()) == "Tiếng\\u202efdp.exe\\x00"
    assert printable(b"\xffabc") == "\\xffabc"
    assert len(printable(b"\xff" * MAX_LINE, 100)) == 100


@pytest.mark.parametrize("cut", range(1, 20))
def test_dots_are_undone_wherever_the_stream_is_cut(cut):
    data, dotted, text, rest = b"..a\r\n.b\r\n...\r\n.\r\nQUIT\r\n", Dotted(), b"", None
    pieces = [data[at : at + cut] for at in range(0, len(data), cut)]
    for number, piece in enumerate(pieces):
        plain, rest = dotted.feed(piece)
        text += plain
        if rest is not None:
            rest += b"".join(pieces[number + 1 :])
            break
    assert text == b".a\r\nb\r\n..\r\n"
    assert rest == b"QUIT\r\n"


def test_an_empty_message_ends_with_its_first_line():
    assert Dotted().feed(b".\r\nQUIT\r\n") == (b"", b"QUIT\r\n")


def test_a_reply_of_many_lines_is_one_reply():
    replies = Replies("ftp")
    lines = [b"230-Xin ch\xc3\xa0o", b" 230 is not the end", b"text", b"230 done"]
    answers = [replies.line(line) for line in lines]
    assert answers[:3] == [None] * 3
    assert answers[3] is not None
    assert answers[3].code == 230
    assert answers[3].lines == ("Xin chào", "230 is not the end", "text", "done")


def test_a_line_that_is_no_reply_is_named_unless_bytes_were_lost():
    replies = Replies("smtp")
    with pytest.raises(Undecodable, match="reply_line"):
        replies.line(b"hello")
    replies.lose()
    assert replies.line(b"hello") is None
    assert replies.line(b"250 OK") is not None


@settings(max_examples=200, deadline=None)
@given(st.integers(0, 40), st.binary(max_size=80), st.integers(1, 20))
def test_only_the_declared_fault_escapes(keep, tail, cut):
    data = b"220-host ESMTP\r\n220 ready\r\n250 OK\r\n"[:keep] + tail
    lines, dotted, replies = Lines(32), Dotted(), Replies("smtp")
    for at in range(0, len(data), cut):
        lines.add(data[at : at + cut])
        dotted.feed(data[at : at + cut])
        with contextlib.suppress(Undecodable):
            while (line := lines.line()) is not None:
                replies.line(line)
