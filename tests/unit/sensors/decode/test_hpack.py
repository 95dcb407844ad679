from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sensors.decode.fault import Undecodable
from sensors.decode.hpack import MAX_FIELDS, Decoder, huffman_decoded
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.wire import scapy

s = scapy()

#: RFC 7541 §C.4, three requests on one connection.
REQUESTS = (
    "828684418cf1e3c2e5f23a6ba0ab90f4ff",
    "828684be5886a8eb10649cbf",
    "828785bf408825a849e95ba97d7f8925a849e95bb8e8b4bf",
)


def test_the_rfcs_requests_are_read_one_after_another():
    decoder = Decoder()
    lists = [dict(decoder.decode(bytes.fromhex(block))) for block in REQUESTS]
    start = {b":method": b"GET", b":scheme": b"http", b":path": b"/", b":authority": b"www.example.com"}
    assert lists[0] == start
    assert lists[1] == start | {b"cache-control": b"no-cache"}
    assert lists[2] == start | {b":scheme": b"https", b":path": b"/index.html", b"custom-key": b"custom-value"}


def test_entries_leave_a_table_that_shrinks():
    """RFC 7541 §4.3: a size update to nothing empties the table."""
    decoder = Decoder()
    decoder.decode(bytes.fromhex(REQUESTS[0]))
    with pytest.raises(Undecodable) as caught:
        decoder.decode(b"\x20\xbe")
    assert caught.value.reason == "index"


@given(st.binary(max_size=60))
def test_huffman_codes_are_those_another_implementation_writes(text):
    from scapy.contrib.http2 import HPackZString

    number, bits = HPackZString.huffman_encode(text)
    coded = number.to_bytes(bits // 8) if bits else b""
    assert huffman_decoded(coded) == text


@pytest.mark.parametrize(
    ("block", "reason"),
    [
        (b"\x80", "index"),
        (b"\xfe", "index"),
        (b"\x3f\xff\xff\x7f", "table_size"),
        (b"\xff\xff\xff\xff\xff\xff\xff", "integer"),
        (b"\x40\x05ab", "string_length"),
        (b"\x40\x82\xff\xff\0", "huffman_padding"),
        (b"\x40\x84\xff\xff\xff\xff\0", "huffman_end"),
        (b"\x40", "cut"),
        (b"\x82" * (MAX_FIELDS + 1), "list_size"),
    ],
)
def test_broken_blocks_say_why(block, reason):
    with pytest.raises(Undecodable) as caught:
        Decoder().decode(block)
    assert caught.value.reason == reason


def test_a_small_block_cannot_become_a_large_list():
    """The bomb of RFC 7541 §7.3: one large entry, named again and again."""
    decoder = Decoder()
    decoder.decode(b"\x40\x01a\x7f\xa1\x1e" + b"b" * 4000)
    with pytest.raises(Undecodable) as caught:
        decoder.decode(b"\xbe" * 900)
    assert caught.value.reason == "list_size"


def test_only_the_declared_fault_escapes():
    blocks = [bytes.fromhex(block) for block in REQUESTS]
    only_undecodable_escapes(lambda data: Decoder().decode(data), *blocks)
    only_undecodable_escapes(huffman_decoded, bytes.fromhex("f1e3c2e5f23a6ba0ab90f4ff"))
