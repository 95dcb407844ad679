from __future__ import annotations

from sensors import fragments
from sensors.decode.frame import Fragment
from sensors.fragments import TIMEOUT_NS, Reassembly
from sensors.streams import Moment

AT = Moment(0, 0)


def piece(offset: int, data: bytes, more: bool, ident: int = 1) -> Fragment:
    return Fragment((b"\x0a\0\0\1", b"\x0a\0\0\2", ident, 17), 17, offset, more, data, 0, (), 100)


def test_fragments_in_any_order_make_the_datagram():
    table = Reassembly()
    assert table.add(piece(16, b"c" * 4, False), AT) is None
    assert table.add(piece(0, b"a" * 8, True), AT) is None
    whole = table.add(piece(8, b"b" * 8, True), AT)
    assert whole is not None
    datagram, payload = whole
    assert payload == b"aaaaaaaabbbbbbbbcccc"
    assert (datagram.packets, datagram.wire_bytes, datagram.overlap) == (3, 300, False)


def test_an_overlap_is_flagged():
    table = Reassembly()
    table.add(piece(0, b"a" * 16, True), AT)
    whole = table.add(piece(8, b"b" * 16, False), AT)
    assert whole is not None
    assert whole[0].overlap


def test_what_does_not_complete_is_given_up_after_a_minute():
    table = Reassembly()
    table.add(piece(0, b"a" * 8, True), AT)
    assert table.expired(TIMEOUT_NS - 1) == []
    assert [datagram.packets for datagram in table.expired(TIMEOUT_NS)] == [1]
    assert table.finish() == []


def test_the_oldest_goes_first_when_there_are_too_many(monkeypatch):
    monkeypatch.setattr(fragments, "MAX_DATAGRAMS", 2)
    table = Reassembly()
    for ident in range(3):
        table.add(piece(0, b"a" * 8, True, ident), Moment(ident, 0))
    assert [datagram.begun.position for datagram in table.expired(1)] == [0]
