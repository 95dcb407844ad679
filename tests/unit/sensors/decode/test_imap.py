from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.imap import decode_command, decode_status, first_word, literal_holds, literal_size, without_literal


def test_lines_are_split():
    assert decode_command(b"a1 uid fetch 1 (BODY[])") == ("a1", "UID FETCH", b"1 (BODY[])")
    assert decode_command(b"+ go") is None
    assert decode_status(b"a1 ok [X] done") == ("a1", "OK", b"[X] done")
    assert decode_status(b"* PREAUTH hi") == ("*", "PREAUTH", b"hi")
    assert decode_status(b"* 12 FETCH ()") is None
    assert first_word(b'"a \\"b\\"" c') == b'a "b"'
    assert first_word(b"lan x") == b"lan"


def test_literals_are_found_at_the_end_of_a_line():
    assert literal_size(b"a APPEND x {310}") == 310
    assert literal_size(b"a APPEND x ~{310+}") == 310
    assert literal_size(b"a SEARCH {x}") is None
    assert without_literal(b"x {310+}") == b"x "
    assert literal_holds(b"* 1 FETCH (BODY[] ") == "message"
    assert literal_holds(b"* 1 FETCH (RFC822.HEADER ") == "header"
    assert literal_holds(b"* 1 FETCH (BODY[HEADER.FIELDS (FROM TO)] ") == "header"
    assert literal_holds(b"* 1 FETCH (BODY[2] ") == ""


@settings(max_examples=200, deadline=None)
@given(
    st.sampled_from([b"a1 LOGIN lan {3}", b"* OK x", b"a1 OK x", b'"a\\"']), st.integers(0, 16), st.binary(max_size=60)
)
def test_any_line_is_read(line, keep, tail):
    data = line[:keep] + tail
    decode_command(data), decode_status(data), first_word(data), literal_size(data), literal_holds(data)
