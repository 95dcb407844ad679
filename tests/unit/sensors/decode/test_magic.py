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


@pytest.mark.parametrize(
    ("data", "name"),
    [
        (b"RIFF....WEBPVP8", "image/webp"),
        (b"RIFFftypWAVE", "audio/x-wav"),
        (b" \n\0\0ftypisom", "video/mp4"),
        (b"<123ftyp<html>", "video/mp4"),
        (b" \t\r\n\x0b\x0c<svg>", "image/svg+xml"),
        (b"<?xml version='1.0'?><p>", "text/xml"),
        (b"  [1, 2]", "application/json"),
        (b"{a}", "text/plain"),
        (b" \n ", "text/plain"),
        (b"a\x7f", None),
        (b"\xef\xbb\xbf", None),
    ],
)
def test_space_may_come_first_where_text_begins(data, name):
    assert mime_type(data) == name
