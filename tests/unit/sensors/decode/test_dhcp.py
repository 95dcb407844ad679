from __future__ import annotations

import pytest

from sensors.decode.dhcp import classless_routes, client_fqdn, decode_dhcp, domain_names
from sensors.decode.fault import Undecodable
from tests.unit.sensors.hostile import only_undecodable_escapes
from tests.unit.sensors.talks.test_dhcp import bootp


def test_the_parts_of_a_long_option_are_joined():
    """RFC 3396 §7."""
    data = bootp(options=b"\x35\1\1" + b"\x0c\3may" + b"\x0c\2-1" + b"\xff")
    assert decode_dhcp(data).options[12] == b"may-1"


def test_options_go_on_in_the_fields_that_option_overload_names():
    data = bytearray(bootp(options=b"\x35\1\1\x34\1\3\xff"))
    data[108:115] = b"\x0c\4ten1\xff"
    data[44:49] = b"\x0f\2vn\xff"
    message = decode_dhcp(bytes(data))
    assert (message.options[12], message.options[15]) == (b"ten1", b"vn")
    assert (message.server_name, message.boot_file) == (b"", b"")


def test_a_message_that_ends_without_the_end_option_is_whole():
    assert decode_dhcp(bootp(options=b"\x35\1\5\0\0")).type == "ack"


def test_bootp_without_a_message_type_has_none():
    assert decode_dhcp(bootp(options=b"\xff")).type == ""


@pytest.mark.parametrize(
    ("data", "reason"),
    [
        (bootp(options=b"\x35\7\1"), "option_length"),
        (bootp(options=b"\x50\0" * 300), "too_many_options"),
        (b"\3" + bootp()[1:], "op"),
        (bootp()[:2] + b"\xff" + bootp()[3:], "hardware_length"),
        (bootp()[:200], "cut"),
        (bootp()[:236] + b"abcd", "cookie"),
    ],
)
def test_broken_messages_say_why(data, reason):
    with pytest.raises(Undecodable) as caught:
        decode_dhcp(data)
    assert caught.value.reason == reason


def test_classless_routes_are_read():
    """RFC 3442's own example: 10.0.0.0/8 and a default route."""
    routes = classless_routes(bytes.fromhex("080a0a000001 000a000001"))
    assert routes == [
        {"destination": "10.0.0.0/8", "gateway": "10.0.0.1"},
        {"destination": "0.0.0.0/0", "gateway": "10.0.0.1"},
    ]


def test_domain_search_follows_pointers_backwards_only():
    """RFC 3397 §3."""
    value = b"\3eng\5apple\3com\0\tmarketing\xc0\x04"
    assert domain_names(value) == ["eng.apple.com", "marketing.apple.com"]
    with pytest.raises(Undecodable):
        domain_names(b"\xc0\x00")
    with pytest.raises(Undecodable):
        domain_names(b"\1a\xc0\x00")


@pytest.mark.parametrize("value", [b"\5\0\0\4may1\2vn\0", b"\1\0\0May1.vn"])
def test_a_client_name_is_read_in_both_encodings(value):
    assert client_fqdn(value) == "may1.vn"


def test_only_the_declared_fault_escapes():
    only_undecodable_escapes(decode_dhcp, bootp(options=b"\x35\1\1\x34\1\3\x0c\3abc\xff"))
    only_undecodable_escapes(domain_names, b"\3eng\5apple\3com\0\tmarketing\xc0\x04")
    only_undecodable_escapes(classless_routes, bytes.fromhex("080a0a000001000a000001"))
