from __future__ import annotations

from sensors.decode.netbios import decode_names
from sensors.decode.windows import MAX_TEXT, failed, filetime_ns, octets, printable, status_name, utf16


def encoded(name: str) -> bytes:
    padded = name.ljust(15).encode() + b"\x20"
    return b"\x20" + bytes(half for octet in padded for half in (0x41 + (octet >> 4), 0x41 + (octet & 15))) + b"\0"


def test_the_names_of_a_session_are_read():
    names = decode_names(encoded("*SMBSERVER") + encoded("PC-01"))
    assert names is not None
    assert (names.called, names.calling) == ("*SMBSERVER", "PC-01")


def test_names_in_another_encoding_are_none():
    assert decode_names(b"\x20" + b"z" * 67) is None
    assert decode_names(b"\x20AB") is None


def test_text_is_composed_printable_and_bounded():
    assert utf16("Tie\u0302\u0301ng\0rest".encode("utf-16-le")) == "Tiếng"
    assert octets(b"a\x1bb\xff") == "a\\x1bb\\xff"
    assert len(printable("\x01" * 5000)) == MAX_TEXT


def test_a_filetime_before_1970_is_no_time():
    assert filetime_ns(116_444_736_000_000_000 + 10_000_000) == 1_000_000_000
    assert filetime_ns(0) is None
    assert filetime_ns(0x7FFFFFFFFFFFFFFF) is None


def test_only_errors_have_failed():
    assert status_name(0xC0000022) == "STATUS_ACCESS_DENIED"
    assert failed(0xC0000022)
    assert not failed(0x80000005)
