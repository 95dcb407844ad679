"""Fields of a mail's head (RFC 5322, RFC 2045 to 2047, RFC 2231): decoded, bounded, and never trusted."""

from __future__ import annotations

import binascii
import re
from contextlib import suppress
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from ipaddress import ip_address
from urllib.parse import unquote_to_bytes

from sensors.decode.lines import MAX_TEXT, fit

#: Characters of a field's value that are looked at; addresses, parameters and addresses of the path kept of one field.
MAX_VALUE = 16_384
MAX_ADDRESSES = 100
MAX_PARAMETERS = 32
MAX_ADDRESS = 320
MAX_URL = 2_048

_WORD = re.compile(r"=\?([A-Za-z0-9_.:-]{1,40})(?:\*[A-Za-z0-9-]{0,40})?\?([bBqQ])\?([^?\r\n]*)\?=")
_QUOTED = re.compile(r'"(?:[^"\\]|\\.)*(?:"|\\?$)')  # to the end where it is not closed, or each quote would be a try
_COMMENT = re.compile(r"\([^()]*\)")
_ANGLE = re.compile(r"<([^<>]*)>")
_PARAMETER = re.compile(r";\s*([^\s=;\"]{1,64})\s*=\s*(\"(?:[^\"\\]|\\.)*\"|[^;]*)")
_URL = re.compile(r"(?:https?|ftps?)://[^\s<>\"'`{}|\\^\x00-\x20\x7f]{3,2048}", re.I)
_HOST = re.compile(r"[a-z]+://(?:[^/?#@\s]{0,256}@)?(\[[0-9a-f:.]{2,45}\]|[^/:?#\[\]\s]{1,253})", re.I)
_HOP = re.compile(r"(?<![\w.:-])(?:IPv6:)?([0-9a-fA-F.:]{3,45})(?![\w:-])")
_BASE64 = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/"
_NOT_BASE64 = bytes(set(range(256)) - set(_BASE64))
#: What stands between the characters of base64 and its padding, and is skipped.
BASE64_NOISE = bytes(set(_NOT_BASE64) - {ord("=")})
#: Charsets of text, by the names that mail uses; Python knows other things (idna, unicode_escape) as charsets too.
_CHARSET = re.compile(
    r"utf-?8|utf-16(?:le|be)?|us-ascii|ascii|iso-8859-(?:[1-9]|1[013-6])|iso-2022-(?:jp|kr)|windows-125[0-8]|cp125[0-8]"
    r"|gb(?:k|2312|18030)|big5|shift_jis|euc-(?:jp|kr)|koi8-[ru]|ks_c_5601-1987|tis-620",
    re.I,
)


def charset_text(data: bytes, charset: str) -> str:
    """The text of bytes in a named charset; in UTF-8 where the name is none of text."""
    known = _CHARSET.fullmatch(charset)
    return data.decode(charset if known else "utf-8", "replace" if known else "backslashreplace")


def decoded(value: str, limit: int = MAX_TEXT) -> str:
    """A value with its encoded words (RFC 2047) read. Bytes of a character may be spread over adjacent words."""
    parts: list[str] = []
    pending, charset, end = b"", "", 0
    for word in _WORD.finditer(value[:MAX_VALUE]):
        between = value[end : word.start()]
        if pending and (between.strip() or word[1].lower() != charset):
            parts.append(charset_text(pending, charset))
            pending = b""
        if between.strip() or not end:
            parts.append(between)
        pending, charset, end = pending + _word_bytes(word[2], word[3]), word[1].lower(), word.end()
    if pending:
        parts.append(charset_text(pending, charset))
    return fit("".join((*parts, value[end:MAX_VALUE])), limit)


def _word_bytes(encoding: str, text: str) -> bytes:
    data = text.encode("utf-8", "backslashreplace")
    if encoding in "qQ":
        return binascii.a2b_qp(data, header=True)
    return from_base64(data)


def from_base64(data: bytes) -> bytes:
    """What base64 text stands for; other characters are skipped, a torn end is dropped (RFC 2045 §6.8)."""
    clean = data.translate(None, _NOT_BASE64)
    tail = len(clean) % 4
    clean = clean[:-1] if tail == 1 else clean + b"=" * (-tail % 4)
    return binascii.a2b_base64(clean)


def addresses(value: str) -> list[str]:
    """The addresses of a field (RFC 5322 §3.4), without names and comments, in their order."""
    found: list[str] = []
    bare = _COMMENT.sub(" ", _QUOTED.sub(_kept_local, value[:MAX_VALUE]))
    for part in re.split("[,;]", bare):
        angle = _ANGLE.search(part)
        text = (angle[1] if angle else part.rpartition(":")[2]).strip()
        if "@" in text or (angle and text):
            found.append(fit(text, MAX_ADDRESS))
        if len(found) >= MAX_ADDRESSES:
            break
    return found


def _kept_local(match: re.Match[str]) -> str:
    """A quoted string is a name and goes; as the local part of an address it stays."""
    follows = match.string[match.end() : match.end() + 1]
    return match[0].replace(",", "_").replace(";", "_") if follows == "@" else " "


def parameters(value: str) -> tuple[str, dict[str, str]]:
    """What stands before the first semicolon, and the parameters with RFC 2231 undone; both names in lower case."""
    if not value:
        return "", {}
    value = value[:MAX_VALUE]
    main = value.partition(";")[0].strip().lower()
    plain: dict[str, str] = {}
    pieces: dict[str, dict[int, tuple[str, bool]]] = {}
    for number, match in enumerate(_PARAMETER.finditer(value)):
        if number >= MAX_PARAMETERS:
            break
        name, text = match[1].lower(), match[2].strip()
        if text.startswith('"'):
            text = re.sub(r"\\(.)", r"\1", text[1:-1])
        base, star, section = name.partition("*")
        if not star:
            plain.setdefault(base, decoded(text))
            continue
        index = section.rstrip("*")
        encoded = name.endswith("*")
        pieces.setdefault(base, {})[int(index) if index.isascii() and index.isdigit() else 0] = (text, encoded)
    for base, sections in pieces.items():
        plain[base] = _joined(sections)
    return fit(main, 128), plain


def _joined(sections: dict[int, tuple[str, bool]]) -> str:
    """The sections of one parameter; `charset'language'` stands before the first where any is encoded (§4.1)."""
    charset, data = "utf-8", b""
    for index, (text, encoded) in sorted(sections.items()):
        if encoded:
            if index == 0 and text.count("'") >= 2:
                charset, _, text = text.split("'", 2)
            data += unquote_to_bytes(text)
        else:
            data += text.encode("utf-8", "backslashreplace")
    return fit(charset_text(data, charset))


def date_ns(value: str) -> int | None:
    """ns since 1970 of a Date field (RFC 5322 §3.3); None where it is none, or before 1970."""
    try:
        instant = parsedate_to_datetime(value[:128])
        if instant.tzinfo is None:
            instant = instant.replace(tzinfo=UTC)
        since = instant - datetime(1970, 1, 1, tzinfo=UTC)
    except (ValueError, OverflowError, TypeError, IndexError):
        return None
    seconds = since.days * 86_400 + since.seconds
    return seconds * 1_000_000_000 if 0 <= seconds <= 253_402_300_799 else None


def urls(text: str, limit: int) -> list[str]:
    """The addresses of pages in a text, each once, in their order."""
    found: dict[str, None] = {}
    for match in _URL.finditer(text):
        found[fit(match[0].rstrip(".,;:!?)]*"), MAX_URL)] = None
        if len(found) >= limit:
            break
    return list(found)


def url_host(url: str) -> str:
    """The host of a URL in lower case; empty where there is none."""
    match = _HOST.match(url)
    return match[1].strip("[]").lower().rstrip(".") if match else ""


def hop_addresses(received: str) -> list[str]:
    """The IP addresses that a Received field names (RFC 5321 §4.4)."""
    found: list[str] = []
    for match in _HOP.finditer(received[:MAX_VALUE]):
        with suppress(ValueError):
            found.append(str(ip_address(match[1].rstrip("."))))
    return found
