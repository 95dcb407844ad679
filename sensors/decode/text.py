"""Text off the wire, fit to be shown and stored."""

from __future__ import annotations

from vonggac.domain.text import nfc

#: Characters kept of one value, unless its field has a limit of its own.
MAX_TEXT = 1_024


def wire_text(data: bytes, limit: int = MAX_TEXT) -> str:
    """UTF-8 in NFC on one line, without NULs behind it; bytes that are no UTF-8 and control characters as \\xNN."""
    text = data[: 4 * limit].rstrip(b"\0").decode("utf-8", "backslashreplace")
    if not text.isprintable():
        text = "".join(c if c.isprintable() else _escaped(c) for c in text)
    return nfc(text)[:limit]


def _escaped(character: str) -> str:
    number = ord(character)
    return f"\\x{number:02x}" if number < 256 else f"\\u{number:04x}" if number < 65_536 else f"\\U{number:08x}"


def colons(data: bytes) -> str:
    """Bytes as Suricata writes them: `00:11:32`."""
    return data.hex(":")


def ecs_mac(data: bytes) -> str:
    """A hardware address as ECS has it: `00-11-32-17-49-F0` (RFC 7042 §2.1)."""
    return data.hex("-").upper()
