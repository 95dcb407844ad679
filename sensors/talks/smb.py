"""SMB on one connection: NetBIOS frames cut from the stream, told apart by dialect family, bulk data passed through."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode import netbios, smb1, smb2
from sensors.decode.fault import Undecodable
from sensors.streams import Moment
from sensors.talks.smb1 import Smb1
from sensors.talks.smb2 import Smb2
from sensors.talks.smb_event import SmbState
from sensors.talks.smb_passage import Sink
from sensors.talks.talk import Found, taken

#: Bytes kept of one message; the bulk data behind them is hashed as it comes and not kept.
MAX_KEPT = 65_536

_BEGINNING = re.compile(rb"\0[\0-\xff]{3}[\xfc-\xff]SMB")


@dataclass(slots=True)
class _Side:
    buffer: bytearray = field(default_factory=bytearray)
    begun: Moment | None = None
    left: int = 0  # bytes of the message behind what was kept of it
    sink: Sink | None = None
    lost: bool = False  # behind a gap; the next message is looked for


class SmbTalk:
    name = "smb"
    done = False

    def __init__(self) -> None:
        self._state = SmbState()
        self._sides = (_Side(), _Side())
        self._smb1 = Smb1(self._state)
        self._smb2 = Smb2(self._state)

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        try:
            self._read(self._sides[side], data, at)
        finally:  # a fault comes behind what was found before it
            yield from taken(self._state.found)

    def quiet(self, side: int) -> int:
        """The bulk data of a message is only passed on."""
        return self._sides[side].left

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        try:
            self._lose(self._sides[side], size, at)
        finally:
            yield from taken(self._state.found)

    def close(self, clean: bool) -> list[Found]:
        self._smb1.finish()
        self._smb2.finish()
        self._state.finish()
        return taken(self._state.found)

    def _read(self, here: _Side, data: bytes, at: Moment) -> None:
        if here.left:
            bulk = data[: here.left]
            data = data[here.left :]
            here.left -= len(bulk)
            if here.sink is not None:
                here.sink.add(bulk)
        if not data:
            return
        if not here.buffer:
            here.begun = at
            if not here.lost and netbios.is_packet(data) and len(data) <= MAX_KEPT:
                self._message(here, data[0], data[netbios.HEADER :], at, whole=True)  # one a segment, as nearly always
                return
        here.buffer += data
        if here.lost and not self._regain(here):
            return
        while len(here.buffer) >= netbios.HEADER:
            size = int.from_bytes(here.buffer[1:4])
            kept = min(size, MAX_KEPT)
            if here.buffer[0] not in netbios.KINDS:
                raise Undecodable("netbios", 0, "type")
            if len(here.buffer) < netbios.HEADER + kept:
                return
            kind, begun = here.buffer[0], here.begun or at
            message = bytes(here.buffer[netbios.HEADER : netbios.HEADER + kept])
            del here.buffer[: netbios.HEADER + kept]
            here.begun = at
            self._message(here, kind, message, begun, whole=kept == size)
            self._stream(here, size - kept)

    def _lose(self, here: _Side, size: int, at: Moment) -> None:
        """Inside a message the missing bytes are counted and its beginning is told; else the next one is looked for."""
        if not here.left and not here.lost and len(here.buffer) >= netbios.HEADER:
            left = netbios.HEADER + int.from_bytes(here.buffer[1:4]) - len(here.buffer)
            if size <= left:
                message = bytes(here.buffer[netbios.HEADER :])
                here.buffer.clear()
                if len(message) >= smb1.HEADER:
                    self._message(here, netbios.MESSAGE, message, here.begun or at, whole=False)
                here.left = left
        missing = min(here.left, size)
        here.left -= missing
        if here.sink is not None:
            here.sink.lose(missing)
        if missing < size:
            here.buffer.clear()
            here.lost = True

    @staticmethod
    def _regain(here: _Side) -> bool:
        match = _BEGINNING.search(here.buffer)
        if match is None:
            del here.buffer[: max(0, len(here.buffer) - 7)]
            return False
        del here.buffer[: match.start()]
        here.lost = False
        return True

    @staticmethod
    def _stream(here: _Side, left: int) -> None:
        """Pass on what is already here of the bulk data behind a message's kept part."""
        bulk = bytes(here.buffer[:left])
        del here.buffer[:left]
        here.left = left - len(bulk)
        if here.sink is not None and bulk:
            here.sink.add(bulk)

    def _message(self, here: _Side, kind: int, message: bytes, at: Moment, *, whole: bool) -> None:
        here.sink = self._state.sink = None
        if kind == netbios.REQUEST:
            self._state.names = netbios.decode_names(message)
        if kind != netbios.MESSAGE or not message:
            return
        protocol = message[:4]
        if protocol == smb2.PLAIN:
            self._smb2.message(message, at, whole=whole)
        elif protocol == smb1.PLAIN:
            self._smb1.message(message, at, whole=whole)
        elif protocol == smb2.SEALED:
            self._smb2.sealed(message, at)
        elif protocol == smb2.COMPRESSED:
            self._smb2.compressed(at)
        else:
            raise Undecodable("smb", 0, "signature")
        here.sink, self._state.sink = self._state.sink, None
