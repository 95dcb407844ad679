from __future__ import annotations

import pytest

from sensors.decode.asn1 import children, instant, integer, oid, take, whole_size
from sensors.decode.fault import Undecodable


def test_lengths_may_be_longer_than_they_need_to_be():
    assert take(b"\x04\x84\0\0\0\x02ab!", 0, "x") == (4, b"ab", 8)
    assert whole_size(b"\x04\x84\0\0\0\x02", "x") == 8
    assert whole_size(b"\x04\x84\0\0", "x") is None


@pytest.mark.parametrize("data", [b"", b"\x04", b"\x04\x05ab", b"\x04\x80", b"\x04\x85\0\0\0\0\1a", b"\x1f\x01a"])
def test_what_does_not_hold_together_is_the_asking_layers_fault(data):
    with pytest.raises(Undecodable) as fault:
        take(data, 0, "kerberos")
    assert fault.value.layer == "kerberos"


def test_children_are_bounded():
    assert len(children(b"\x05\0" * 1000, "x")) == 256


def test_integers_are_signed_and_bounded():
    assert integer(b"\xff\x7b", "x") == -133
    with pytest.raises(Undecodable):
        integer(bytes(9), "x")


def test_object_identifiers_have_two_arcs_in_their_first_octets():
    assert oid(bytes.fromhex("2b0601050502")) == "1.3.6.1.5.5.2"
    assert oid(bytes.fromhex("883703")) == "2.999.3"


def test_times_without_a_calendar_are_empty():
    assert instant(0x18, b"20370913024805Z") == "2037-09-13T02:48:05.000000Z"
    assert instant(0x18, b"20371399024805Z") == ""
