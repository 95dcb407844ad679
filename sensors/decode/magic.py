"""The media type of bytes, told from how they begin. Names and extensions are never asked."""

from __future__ import annotations

import re

#: How many first bytes are looked at.
LOOK_BYTES = 1_024

_PREFIXES: tuple[tuple[bytes, str], ...] = (
    (b"MZ", "application/vnd.microsoft.portable-executable"),
    (b"\x7fELF", "application/x-elf"),
    (b"\xca\xfe\xba\xbe", "application/java-vm"),
    (b"\xfe\xed\xfa\xcf", "application/x-mach-binary"),
    (b"\xcf\xfa\xed\xfe", "application/x-mach-binary"),
    (b"%PDF-", "application/pdf"),
    (b"PK\x03\x04", "application/zip"),
    (b"PK\x05\x06", "application/zip"),
    (b"\x1f\x8b", "application/gzip"),
    (b"BZh", "application/x-bzip2"),
    (b"\xfd7zXZ\0", "application/x-xz"),
    (b"\x28\xb5\x2f\xfd", "application/zstd"),
    (b"7z\xbc\xaf\x27\x1c", "application/x-7z-compressed"),
    (b"Rar!\x1a\x07", "application/vnd.rar"),
    (b"MSCF\0\0\0\0", "application/vnd.ms-cab-compressed"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", "application/x-ole-storage"),
    (b"{\\rtf", "application/rtf"),
    (b"L\0\0\0\x01\x14\x02\0", "application/x-ms-shortcut"),
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
    (b"GIF87a", "image/gif"),
    (b"GIF89a", "image/gif"),
    (b"BM", "image/bmp"),
    (b"\0\0\1\0", "image/vnd.microsoft.icon"),
    (b"II*\0", "image/tiff"),
    (b"MM\0*", "image/tiff"),
    (b"OggS", "application/ogg"),
    (b"ID3", "audio/mpeg"),
    (b"FLV\x01", "video/x-flv"),
    (b"FWS", "application/vnd.adobe.flash-movie"),
    (b"CWS", "application/vnd.adobe.flash-movie"),
    (b"wOFF", "font/woff"),
    (b"wOF2", "font/woff2"),
    (b"SQLite format 3\0", "application/vnd.sqlite3"),
    (b"#!", "text/x-shellscript"),
    (b"<?php", "text/x-php"),
)
#: Each behind the bytes of which one comes first, but for space; nothing where that may be any byte.
_PATTERNS: tuple[tuple[bytes, re.Pattern[bytes], str], ...] = (
    (b"R", re.compile(rb"RIFF....WEBP", re.S), "image/webp"),
    (b"R", re.compile(rb"RIFF....WAVE", re.S), "audio/x-wav"),
    (b"", re.compile(rb"....ftyp", re.S), "video/mp4"),
    (
        b"<",
        re.compile(
            rb"\s*(?:<!--.{0,256}?-->\s*)?<(?:!doctype html|html|head|body|title|script|iframe|h1|div)\b", re.I | re.S
        ),
        "text/html",
    ),
    (b"<", re.compile(rb"\s*(?:<\?xml[^>]{0,256}>\s*)?<svg\b", re.I), "image/svg+xml"),
    (b"<", re.compile(rb"\s*<\?xml\b"), "text/xml"),
    (b"{[", re.compile(rb"\s*(?:\{\s*(?:\"|\})|\[\s*(?:[\[{\"\d\]]))"), "application/json"),
)
#: What may be there by the first byte.
_PREFIXES_BY_BYTE = [
    tuple((prefix, name) for prefix, name in _PREFIXES if prefix[0] == byte) for byte in range(256)
]  # fmt: skip
_PATTERNS_BY_BYTE = [
    tuple((pattern, name) for first, pattern, name in _PATTERNS if not first or byte in first) for byte in range(256)
]
_TEXT = bytes((*b"\t\n\x0b\x0c\r\x1b", *range(32, 127), *range(128, 256)))


def mime_type(sample: bytes) -> str | None:
    """The media type of these first bytes; None where they are empty or tell nothing."""
    head = sample[:LOOK_BYTES].removeprefix(b"\xef\xbb\xbf")
    if not head:
        return None
    for prefix, name in _PREFIXES_BY_BYTE[head[0]]:
        if head.startswith(prefix):
            return name
    for pattern, name in _PATTERNS_BY_BYTE[(head.lstrip() or head)[0]]:
        if pattern.match(head):
            return name
    return None if head.translate(None, _TEXT) else "text/plain"
