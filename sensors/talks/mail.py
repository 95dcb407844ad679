"""A mail on its way past, in SMTP, POP3 or IMAP: its head is read, its attachments are hashed, nothing is kept.

The reader takes the message in pieces of any size. MIME (RFC 2045, RFC 2046) may nest; text parts without a name are
looked through for addresses of pages, every other part is an attachment.
"""

from __future__ import annotations

import binascii
import html
import re

from sensors.decode.lines import Lines
from sensors.decode.magic import LOOK_BYTES
from sensors.decode.mail import BASE64_NOISE, charset_text, from_base64, parameters, urls
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.talk import Beginnings

#: Bytes of one head that are read, its lines, multiparts inside one another, and attachments told of one message.
MAX_HEAD = 65_536
MAX_FIELDS = 256
MAX_DEPTH = 16
MAX_ATTACHMENTS = 64
#: Parts that a message may have beyond one for every so many of its bytes; delimiters of more are content.
FREE_PARTS = 16
PART_BYTES = 64
#: Bytes of the texts of one message that are looked through for addresses of pages, and how many are kept.
MAX_TEXT_BYTES = 65_536
MAX_URLS = 64
#: The longest line that can be a delimiter (RFC 2046 §5.1.1 allows 70 characters after the dashes).
MAX_DELIMITER = 256

_DELIMITER = re.compile(rb"\n--([^\r\n]{1,250})\r?(?=\n)")
_FIELD = re.compile(rb"([!-9;-~]{1,128})[ \t]*:")
#: What is no text and no container is a file, named or not (RFC 2046 §3).
_FILES = ("application/", "image/", "audio/", "video/", "font/", "model/")


class Attachment:
    """A part that is a file. `ordinal` and `begun` are those of its event."""

    __slots__ = ("begun", "body", "name", "ordinal")

    def __init__(self, name: str, begun: Moment, ordinal: int) -> None:
        self.name = name
        self.begun = begun
        self.ordinal = ordinal
        self.body = Body()


class _Part:
    """The entity whose content is going by: its transfer encoding is undone on the way."""

    __slots__ = ("_encoding", "_pending", "attachment", "charset", "is_html", "text")

    def __init__(self, encoding: str, attachment: Attachment | None, charset: str | None, is_html: bool) -> None:
        self._encoding = encoding
        self._pending = b""
        self.attachment = attachment
        self.charset = charset  # of a text that is looked through; None of everything else
        self.is_html = is_html
        self.text = bytearray()

    def add(self, data: bytes, *, last: bool = False) -> None:
        if self.attachment is None and (self.charset is None or len(self.text) >= MAX_TEXT_BYTES):
            return
        if self._encoding == "base64":
            data = self._base64(data, last)
        elif self._encoding == "quoted-printable":
            data = self._quoted(data, last)
        if self.attachment is not None:
            self.attachment.body.add(data)
        else:
            self.text += data[: MAX_TEXT_BYTES - len(self.text)]

    def _base64(self, data: bytes, last: bool) -> bytes:
        """Whole groups of four; what is left waits. Padding ends a group, as where texts were put together."""
        *ended, open_end = (self._pending + data.translate(None, BASE64_NOISE)).split(b"=")
        size = len(open_end) if last else len(open_end) // 4 * 4
        self._pending = open_end[size:]
        return b"".join((*map(from_base64, filter(None, ended)), from_base64(open_end[:size])))

    def _quoted(self, data: bytes, last: bool) -> bytes:
        """Whole lines; a line that goes on waits (RFC 2045 §6.7), as does what an equals sign begins."""
        data = self._pending + data
        end = len(data)
        if not last:
            end = data.rfind(b"\n") + 1
            if len(data) - end > MAX_DELIMITER:
                equals = data.rfind(b"=", len(data) - 3)
                end = equals if equals >= 0 else len(data)
        self._pending = data[end:]
        return binascii.a2b_qp(data[:end])


class Mail:
    """One message: feed its bytes, then `finish`."""

    def __init__(self, beginnings: Beginnings) -> None:
        self.fields: dict[str, list[str]] = {}  # of the message's own head, by lower-case names, not decoded
        self.attachments: list[Attachment] = []
        self.attachments_count = 0
        self.urls: list[str] = []
        self.size = 0
        self.missing = 0
        self.complete = False
        self._beginnings = beginnings
        self._boundaries: list[bytes] = []  # of the multiparts that are open, from the outside in
        self._delimiters: dict[bytes, tuple[int, bool]] = {}  # what their lines say: which of them, and whether it ends
        self._lines: Lines | None = Lines(MAX_HEAD)  # while a head is read
        self._head: list[tuple[bytes, bytearray]] = []
        self._head_size = 0
        self._top = True  # the head is the message's own, not of a part
        self._digest = False
        self._buffer = b""  # of a body: a line that may become a delimiter
        self._skip = False  # the first byte of the body is a line end of ours
        self._part: _Part | None = None
        self._left_text = MAX_TEXT_BYTES
        self._parts = 0
        self._at = Moment(0, 0)  # of the last bytes

    def feed(self, data: bytes, at: Moment) -> None:
        self.size += len(data)
        self._at = at
        while data:
            data = self._in_head(data, at) if self._lines is not None else self._in_body(data)

    def lose(self, size: int) -> None:
        """So many bytes are missing: a head goes on with its next line, a part is no longer whole."""
        self.missing += size
        if self._lines is not None:
            self._lines.clear()
            return
        self._give(self._buffer)
        self._buffer = b""
        if self._part is not None and self._part.attachment is not None:
            self._part.attachment.body.lose(size)

    def finish(self, complete: bool) -> None:
        """The message ended, or was cut off."""
        if self._lines is not None:
            self._end_head(self._at)
        if self._boundaries:
            self._in_body(b"\n")  # a last delimiter may lack its line end
            self._buffer = self._buffer.removesuffix(b"\n")
        self._give(self._buffer)
        self.complete = complete and not self.missing
        self._end_part(complete)

    def _in_head(self, data: bytes, at: Moment) -> bytes:
        """Take the lines of a head; what follows the empty line is left over."""
        lines = self._lines
        if lines is None:
            return data
        lines.add(data)
        while (line := lines.line()) is not None:
            if not line:
                rest = lines.rest()
                self._end_head(at)
                return rest
            if line.startswith(b"--") and line[2:].rstrip() in self._delimiters:
                rest = b"\n" + line + b"\n" + lines.rest()
                self._end_head(at)
                self._lines = None
                return rest
            self._line(line)
        return b""

    def _line(self, line: bytes) -> None:
        self._head_size += len(line)
        if self._head_size > MAX_HEAD or len(self._head) > MAX_FIELDS:
            return
        if line[:1] in (b" ", b"\t"):
            if self._head:
                self._head[-1][1].extend(line.replace(b"\t", b" "))
        elif match := _FIELD.match(line):
            self._head.append((match[1].lower(), bytearray(line[match.end() :])))

    def _end_head(self, at: Moment) -> None:
        """What the head says decides how the body behind it is read."""
        head: dict[str, list[str]] = {}
        for name, value in self._head:
            text = value.decode("utf-8", "backslashreplace").strip()
            head.setdefault(name.decode("ascii"), []).append(text)
        self._head, self._head_size, self._lines = [], 0, None
        if self._top:
            self.fields, self._top = head, False
        kind, options = parameters(_first(head, "content-type"))
        kind = kind or ("message/rfc822" if self._digest else "text/plain")
        encoding = _first(head, "content-transfer-encoding").strip().lower()
        self._digest = kind == "multipart/digest"
        boundary = options.get("boundary", "")
        self._buffer, self._skip = b"\n", True  # a delimiter may be the body's first line
        if kind.startswith("multipart/") and boundary and len(self._boundaries) < MAX_DEPTH:
            self._boundaries.append(boundary.encode("utf-8", "backslashreplace").rstrip())
            self._know_delimiters()
        elif kind == "message/rfc822" and encoding in ("", "7bit", "8bit", "binary"):
            self._begin_head()
        else:
            self._part = self._begin_part(kind, options, head, encoding, at)

    def _begin_part(
        self, kind: str, options: dict[str, str], head: dict[str, list[str]], encoding: str, at: Moment
    ) -> _Part:
        disposition, settings = parameters(_first(head, "content-disposition"))
        name = settings.get("filename") or options.get("name") or ""
        attached = None
        is_file = bool(name) or disposition == "attachment" or kind.startswith(_FILES)
        if is_file:
            self.attachments_count += 1
            if len(self.attachments) < MAX_ATTACHMENTS:
                name = name.replace("\\", "/").rpartition("/")[2]
                attached = Attachment(name, at, self._beginnings.next("file", at))
                self.attachments.append(attached)
        charset = None if is_file or self._left_text <= 0 else options.get("charset", "utf-8")
        return _Part(encoding, attached, charset, kind == "text/html")

    def _know_delimiters(self) -> None:
        """The same boundary in two multiparts is the inner one's."""
        self._delimiters = {}
        for depth, boundary in enumerate(self._boundaries):
            self._delimiters[boundary] = (depth, False)
            self._delimiters[boundary + b"--"] = (depth, True)

    def _begin_head(self) -> None:
        self._parts += 1
        self._lines = Lines(MAX_HEAD)
        self._buffer = b""

    def _in_body(self, data: bytes) -> bytes:
        """Give a body's bytes to its part up to the next delimiter; what follows a delimiter is left over."""
        data, self._buffer = self._buffer + data, b""
        if not self._boundaries:
            self._give(data)
            return b""
        for match in _DELIMITER.finditer(data):
            delimits = self._delimiters.get(match[1].rstrip())
            if delimits is None or (not delimits[1] and self._parts > FREE_PARTS + self.size // PART_BYTES):
                continue
            self._give(data[: match.start()].removesuffix(b"\r"))
            self._end_part(True)
            depth, ends = delimits
            del self._boundaries[depth + (not ends) :]
            self._know_delimiters()
            if ends:
                return data[match.end() :]
            self._begin_head()
            return data[match.end() + 1 :]
        keep = _open_line(data)
        self._give(data[:keep])
        self._buffer = data[keep:]
        return b""

    def _give(self, data: bytes) -> None:
        """Content of the part at hand."""
        if self._skip and data:
            data, self._skip = data[1:], False
        if self._part is not None and data:
            self._part.add(data)

    def _end_part(self, complete: bool) -> None:
        part, self._part, self._skip = self._part, None, False
        if part is None:
            return
        part.add(b"", last=True)
        if part.attachment is not None:
            body = part.attachment.body
            body.complete, body.sample = complete, body.sample[:LOOK_BYTES]
        elif part.charset is not None and len(self.urls) < MAX_URLS:
            text = charset_text(bytes(part.text), part.charset)
            if part.is_html:
                text = html.unescape(text)
            self._left_text -= len(part.text)
            self.urls = list(dict.fromkeys((*self.urls, *urls(text, MAX_URLS))))[:MAX_URLS]


def _open_line(data: bytes) -> int:
    """Where the last line begins (with the line end before it) if it may become a delimiter, else the end."""
    start = data.rfind(b"\n")
    line = data[start + 1 :]
    if start < 0 or len(line) > MAX_DELIMITER or not b"--".startswith(line[:2]):
        return len(data) - data.endswith(b"\r")
    return start - (data[start - 1 : start] == b"\r")


def _first(fields: dict[str, list[str]], name: str) -> str:
    values = fields.get(name)
    return values[0] if values else ""
