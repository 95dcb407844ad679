"""IRC (RFC 2812): one event for each NICK, USER and JOIN of the client, as in Zeek."""

from __future__ import annotations

from collections.abc import Iterator

from sensors.decode.lines import Lines, printable
from sensors.streams import Moment
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document, put

#: Characters kept of a name.
MAX_NAME = 256

_TOLD = frozenset((b"NICK", b"USER", b"JOIN"))


class IrcTalk:
    name = "irc"

    def __init__(self) -> None:
        self.done = False
        self._client = -1
        self._lines = (Lines(), Lines())
        self._nick: str | None = None
        self._user: str | None = None
        self._beginnings = Beginnings()

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        if self._client < 0:
            self._client = 1 - side if data[:1] == b":" else side
        if side != self._client:
            return
        lines = self._lines[side]
        lines.add(data)
        while (line := lines.line()) is not None:
            command, _, rest = line.partition(b" ")
            if command.upper() in _TOLD and rest:
                yield self._found(command.upper(), rest, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        self._lines[side].clear()
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        return iter(())

    def _found(self, command: bytes, rest: bytes, at: Moment) -> Found:
        words = rest.removeprefix(b":").split(b" ")
        own: Document = {"command": command.decode("ascii")}
        value = printable(words[0], MAX_NAME)
        if command == b"NICK":
            self._nick = value
        elif command == b"USER":
            self._user = value
            put(own, "real_name", printable(rest.partition(b" :")[2], MAX_NAME) or None)
        own["value"] = value
        put(own, "nick", self._nick)
        fields: Document = {"vonggac": {"irc": own}}
        put(fields, "user.name", self._user)
        return Found("irc", at, self._beginnings.next("irc", at), fields)
