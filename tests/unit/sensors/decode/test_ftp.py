from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from sensors.decode.ftp import decode_command, decode_extended, decode_host_port


def test_commands_are_split_and_signals_before_an_abort_skipped():
    assert decode_command(b"retr  a b.txt") == ("RETR", b"a b.txt")
    assert decode_command(b"\xff\xf4\xff\xf2ABOR") == ("ABOR", b"")
    assert decode_command(b"\0\1") == ("", b"")


def test_endpoints_are_read_from_all_forms():
    assert decode_host_port(b"Entering Passive Mode (172,23,0,2,82,16).") == (bytes((172, 23, 0, 2)), 21008)
    assert decode_host_port(b"1,2,3,4,256,1") is None
    assert decode_extended(b"|1|132.235.1.2|6275|") == (bytes((132, 235, 1, 2)), 6275)
    assert decode_extended(b"|2|2001:db8::1|80|") == (bytes.fromhex("20010db8000000000000000000000001"), 80)
    assert decode_extended(b"Extended (|||6446|)") == (None, 6446)
    assert decode_extended(b"|1|999.1.1.1|80|") is None
    assert decode_extended(b"(|||99999|)") is None


@settings(max_examples=200, deadline=None)
@given(st.sampled_from([b"RETR a", b"|2|2001:db8::1|80|", b"1,2,3,4,5,6"]), st.integers(0, 18), st.binary(max_size=40))
def test_any_line_is_read(line, keep, tail):
    decode_command(line[:keep] + tail), decode_host_port(line[:keep] + tail), decode_extended(line[:keep] + tail)
