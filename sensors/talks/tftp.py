"""TFTP: one event per request, in Suricata's words (`tftp` of EVE). The data goes between other ports."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.tftp import decode_request
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document


class TftpTalk:
    name = "tftp"
    done = False

    def __init__(self) -> None:
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        request = decode_request(data)
        if request is None:
            return
        tftp: Document = {"packet": "write" if request.writes else "read", "file": request.file, "mode": request.mode}
        if request.options:
            tftp["options"] = [f"{name}={value}" for name, value in request.options.items()]
        name = request.file.replace("\\", "/").rpartition("/")[2]
        fields: Document = {"vonggac": {"tftp": tftp}}
        if name:
            fields["file"] = {"name": name}
        yield Found("tftp", at, self._beginnings.next("tftp", at), fields, {"action": tftp["packet"]})

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        return iter(())
