from __future__ import annotations

import pytest

from sensors.decode.magic import mime_type


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"MZ\x90\0", "application/vnd.microsoft.portable-executable"),
        (b"\x7fELF\2", "application/x-elf"),
        (b"PK\x03\x04....", "application/zip"),
        (b"\n<!DOCTYPE html><p>", "text/html"),
        (b"\xef\xbb\xbf<html>", "text/html"),
        (b'{"a": 1}', "application/json"),
        (b"<?php echo 1;", "text/x-php"),
        ("xin chào".encode(), "text/plain"),
        (b"\0\1\2\3", None),
        (b"", None),
    ],
)
def test_types_are_told_from_the_first_bytes(data, name):
    assert mime_type(data) == name
