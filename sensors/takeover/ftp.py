"""FTP outside the loops: data connections that were agreed on, and control connections that became unusual."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import lru_cache, partial

from orjson import dumps

from sensors.decode.lines import printable
from sensors.flows import Row
from sensors.loops import ftp_lines as f
from sensors.loops.kept import E_OWN
from sensors.loops.world import S_ORDINALS, T_EXPECT
from sensors.takeover.entries import entries
from sensors.talks.ftp import FtpTalk
from sensors.talks.ftp_data import FtpDataTalk, Transfer
from sensors.talks.talk import Talk

#: Address and port that a connection is expected at, and what it will speak.
Expected = tuple[bytes, int, Callable[[], Talk]]


class Transfers:
    """What control connections agreed on and have given no command for yet, by flow."""

    def __init__(self) -> None:
        self._waiting: dict[int, Transfer] = {}

    def __len__(self) -> int:
        return len(self._waiting)

    def follow(self, row: Row, text: bytes) -> Iterator[Expected]:
        """What a row of the loops about data connections says of these."""
        kind, flow, begin, end = row[:4]
        if kind == T_EXPECT:
            yield from self._agree(flow, text[begin:end], *row[4:7])
        elif (transfer := self.pop(flow)) and begin < end:
            command, *names = text[begin:end].split(b"\n")
            filename, user = map(printable, names)
            transfer.begin(command.decode(), filename, user or None, row[4])

    def _agree(self, flow: int, own: bytes, port: int, passive: int, address: int) -> Iterator[Expected]:
        self._waiting[flow] = transfer = Transfer(bool(passive))
        told = () if address < 0 else (address.to_bytes(4, "big"),)
        for end in (own, *told):
            yield end, port, partial(FtpDataTalk, transfer)

    def pop(self, flow: int) -> Transfer | None:
        """What the flow agreed on last, which is no longer known here."""
        return self._waiting.pop(flow, None)


def take_over(row: list[int], area: bytes, transfer: Transfer | None) -> FtpTalk:
    """The talk that heard the lines which the slot's area keeps. Replies are of commands that wait, though a line's
    entry may stand before that of its command."""
    talk = FtpTalk()
    talk._client = row[f.FTP_CLIENT] - 1
    kept = sorted(entries(row, area), key=lambda entry: entry.kind == f.FTP_REPLY)
    for entry in kept:
        line = entry.data.rstrip(b"\r")
        if entry.kind == f.FTP_PART:
            talk._lines[entry.owner].add(entry.data)
        elif entry.kind == f.FTP_USER:
            begin, end = f.FTP_TEXT - E_OWN, f.FTP_TEXT_END - E_OWN
            talk._user = printable(line[entry.own[begin] : entry.own[end]]) or None
        elif entry.kind == f.FTP_COMMAND:
            talk._command(line, entry.begun)
            talk._waiting[-1].ordinal = entry.ordinal
        elif (reply := talk._replies.line(line)) is not None:
            talk._reply(reply, entry.begun)
    if row[S_ORDINALS] >= 0:
        talk._beginnings._last["ftp"] = (row[S_ORDINALS], row[S_ORDINALS + 1])
    talk._left.clear()
    talk._transfer, talk._offset = transfer, row[f.FTP_OFFSET]
    return talk


@lru_cache(maxsize=1_024)
def _text(about: bytes) -> bytes:
    """Text as it is shown; what is shown of it is short enough."""
    return dumps(printable(about))[1:-1]


#: What goes into the holes of the loop's events.
HOLES: dict[bytes, Callable[[bytes], bytes]] = {f.HOLE_FTP_TEXT: _text}
