"""Files and pipes that are open on one SMB connection: their contents are counted and hashed on their way past."""

from __future__ import annotations

from dataclasses import dataclass, field

from sensors.decode import dcerpc
from sensors.decode.smb2 import Attributes
from sensors.decode.windows import filetime_ns
from sensors.document import instant_text
from sensors.streams import Moment
from sensors.talks.dcerpc import Rpc
from sensors.talks.smb_passage import Passage
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

#: Open files and pipes of one connection; past it the one opened first is reported as it is.
MAX_OPEN = 256

READ, WRITE = 0, 1


@dataclass(slots=True)
class Open:
    """One open file or pipe. `size` is the file's when it was opened, -1 where that is not known."""

    name: str = ""
    share: str = ""
    size: int = -1
    pipe: Rpc | None = None
    attributes: Attributes | None = None
    directory: bool = False
    refused: bool = False  # a WRITE failed: what went by is not what the file holds
    user: Document = field(default_factory=dict)
    described: Document | None = None  # `file_fields` of it, once asked for; None again when it is renamed
    passages: list[Passage | None] = field(default_factory=lambda: [None, None])

    @property
    def path(self) -> str:
        return "\\".join(part for part in (self.share, self.name.lstrip("\\")) if part)


class Opens:
    """The open files of one connection by the server's id for them. What went by of them is added to `found`."""

    def __init__(self, beginnings: Beginnings, found: list[Found]) -> None:
        self._found = found
        self._beginnings = beginnings
        self._opens: dict[bytes, Open] = {}

    def get(self, ident: bytes) -> Open | None:
        return self._opens.get(ident)

    def add(self, ident: bytes, opened: Open) -> None:
        self.close(ident, clean=False)
        self._opens[ident] = opened
        if len(self._opens) > MAX_OPEN:
            self.close(next(iter(self._opens)), clean=False)

    def close(self, ident: bytes, *, clean: bool, final: Attributes | None = None) -> None:
        """Report what went by of a file. `clean`: the client closed it; `final` is what it was then."""
        opened = self._opens.pop(ident, None)
        if opened is None:
            return
        if opened.pipe is not None:
            opened.pipe.close()
        for direction, passage in enumerate(opened.passages):
            if passage is not None:
                passage.finish()
                self._found.append(_file_found(opened, passage, direction, clean, final))

    def finish(self) -> None:
        while self._opens:
            self.close(next(iter(self._opens)), clean=False)

    def passing(self, opened: Open, direction: int, at: Moment) -> Passage:
        """The content going by in one direction, from its first byte on."""
        passage = opened.passages[direction]
        if passage is None:
            passage = opened.passages[direction] = Passage(at, self._beginnings.next("file", at))
        return passage

    def pipe(self, name: str) -> Rpc:
        return Rpc(self._beginnings, self._found, name)


def speaks_rpc(data: bytes) -> bool:
    """Whether bytes written to an unknown handle begin a DCERPC PDU."""
    return dcerpc.BEGINNING.match(data) is not None


def file_fields(opened: Open) -> Document:
    """ECS `file` of an open file, as far as it is known. Most commands are about a file that was described before."""
    if opened.described is None:
        opened.described = _describe(opened)
    return dict(opened.described)


def _describe(opened: Open) -> Document:
    file: Document = {}
    put(file, "name", opened.name.rpartition("\\")[2] or None)
    put(file, "path", opened.path or None)
    if opened.attributes is not None and opened.pipe is None:
        if not opened.directory:
            file["size"] = opened.attributes.size
        put(file, "type", "dir" if opened.directory else "file")
        for name, value in (
            ("created", opened.attributes.created),
            ("accessed", opened.attributes.accessed),
            ("mtime", opened.attributes.modified),
            ("ctime", opened.attributes.changed),
        ):
            ns = filetime_ns(value)
            if ns is not None:
                file[name] = instant_text(ns)
    return file


def _file_found(opened: Open, passage: Passage, direction: int, clean: bool, final: Attributes | None) -> Found:
    """The `file` event of a content that was read or written."""
    body = passage.body
    if direction == READ:
        size = opened.size if opened.size >= 0 else passage.next
        body.complete = 0 <= opened.size <= passage.next
    else:
        size = passage.next
        body.complete = clean and not opened.refused and (final is None or final.size == passage.next)
    file = file_fields(opened)
    file["size"] = max(size, passage.next)
    file["type"] = "file"
    put(file, "mime_type", body.mime_type)
    hashes = body.hashes
    if hashes:
        file["hash"] = hashes
    about: Document = {
        "direction": "response" if direction == READ else "request",
        "protocol": "smb",
        "complete": body.complete and not body.missing,
        "missing_bytes": body.missing,
    }
    fields: Document = {"file": file, "vonggac": {"file": about}}
    if opened.user:
        fields["user"] = dict(opened.user)
    return Found("file", passage.begun, passage.ordinal, fields, {}, (), (), tuple(hashes.values()))
