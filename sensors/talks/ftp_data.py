"""FTP's data connection: one file on its way past, or a listing. Which it is, the control connection tells."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.ftp import TRANSFERS
from sensors.streams import Moment
from sensors.talks.body import Body
from sensors.talks.mail_event import file_found
from sensors.talks.talk import Found, Left
from vonggac.domain.event import Document, put


class Transfer:
    """What the control connection knows of one data connection; filled in when its command is given."""

    __slots__ = ("command", "filename", "offset", "passive", "user")

    def __init__(self, passive: bool) -> None:
        self.passive = passive
        self.command = ""
        self.filename = ""
        self.user: str | None = None
        self.offset = 0

    def begin(self, command: str, filename: str, user: str | None, offset: int) -> None:
        self.command, self.filename, self.user, self.offset = command, filename, user, offset


class FtpDataTalk:
    name = "ftp-data"

    def __init__(self, transfer: Transfer) -> None:
        self.done = False
        self._transfer = transfer
        self._body = Body()
        self._begun: Moment | None = None

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        self._begun = self._begun or at
        self._body.add(data)
        return iter(())

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        self._begun = self._begun or at
        self._body.lose(size)
        return iter(())

    def close(self, clean: bool) -> Iterator[Left]:
        transfer, body = self._transfer, self._body
        if self._begun is None or transfer.command not in TRANSFERS:
            return
        body.complete = clean and not transfer.offset
        name = transfer.filename.replace("\\", "/").rpartition("/")[2]
        own: Document = {"command": transfer.command}
        put(own, "filename", transfer.filename or None)
        put(own, "offset", transfer.offset or None)
        own["mode"] = "passive" if transfer.passive else "active"
        upload = TRANSFERS[transfer.command]
        found = file_found(name, body, "ftp", self._begun, 0, upload=upload)
        fields: Document = {"file": found.fields["file"], "vonggac": {"ftp_data": own}}
        for one in (found.fields, fields):
            put(one, "user.name", transfer.user)
            put(one, "file.path", transfer.filename if "/" in transfer.filename else None)
        yield found
        yield Found("ftp_data", self._begun, 0, fields, {}, (), (), found.hashes)
