"""FTP's control connection (RFC 959): one event for each command with its replies, and word of the data connections.

A reply that no command asked for (the greeting, a 421) is an event without a command, as in Suricata.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode.address import address_text
from sensors.decode.ftp import LISTINGS, TRANSFERS, Endpoint, decode_command, decode_extended, decode_host_port
from sensors.decode.lines import Lines, begins_tls, printable
from sensors.decode.reply import Replies, Reply
from sensors.streams import Moment
from sensors.talks.ftp_data import FtpDataTalk, Transfer
from sensors.talks.talk import Become, Beginnings, Expect, Found, Left, taken
from vonggac.domain.event import Document

#: Commands that wait for their replies; past it the oldest is told without one.
MAX_WAITING = 64
#: Lines of replies kept of one command, and characters of its argument.
MAX_REPLIES = 32
MAX_ARGUMENT = 1_024

_SECRET = frozenset(("PASS", "ACCT", "ADAT"))


@dataclass(slots=True)
class _Command:
    begun: Moment
    ordinal: int
    verb: str = ""
    argument: str = ""
    user: str | None = None
    codes: list[str] = field(default_factory=list)
    replies: list[str] = field(default_factory=list)
    reply: Reply | None = None
    answered_ns: int = 0
    endpoint: Endpoint | None = None
    passive: bool | None = None


class FtpTalk:
    name = "ftp"

    def __init__(self) -> None:
        self.done = False
        self._left: list[Left] = []  # until it is taken
        self._client = -1  # the side that gives commands, once it is known
        self._lines = (Lines(), Lines())
        self._replies = Replies("ftp")
        self._waiting: deque[_Command] = deque()
        self._beginnings = Beginnings()
        self._user: str | None = None
        self._transfer: Transfer | None = None  # of the data connection that was agreed on last
        self._offset = 0

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        try:
            self._read(side, data, at)
        finally:  # a fault comes behind what was found before it
            yield from taken(self._left)

    def _read(self, side: int, data: bytes, at: Moment) -> None:
        if self._client < 0:
            self._client = 1 - side if data[:3].isdigit() else side
        lines = self._lines[side]
        lines.add(data)
        if begins_tls(lines):
            self._encrypt(lines.rest())
            return
        while (line := lines.line()) is not None:
            if side == self._client:
                self._command(line, at)
                continue
            reply = self._replies.line(line)
            if reply is None:
                continue
            verb = self._waiting[0].verb if self._waiting else ""
            self._reply(reply, at)
            if verb == "AUTH" and reply.code == 234:
                self._encrypt(lines.rest())
                return

    def gap(self, side: int, size: int, at: Moment) -> list[Left]:
        """Replies may be among what is lost, so what waits for one is told without."""
        self._lines[side].clear()
        if side != self._client:
            self._replies.lose()
        self._tell_all()
        return taken(self._left)

    def close(self, clean: bool) -> list[Left]:
        self._tell_all()
        return taken(self._left)

    def _command(self, line: bytes, at: Moment) -> None:
        verb, argument = decode_command(line)
        if not verb:
            return
        command = _Command(at, self._beginnings.next("ftp", at), verb)
        command.argument = "" if verb in _SECRET else printable(argument, MAX_ARGUMENT)
        if verb == "USER":
            self._user = command.argument or None
        command.user = self._user
        if verb == "PORT":
            self._agree(command, decode_host_port(argument), passive=False)
        elif verb == "EPRT":
            self._agree(command, decode_extended(argument), passive=False)
        elif verb == "REST":
            self._offset = int(argument) if argument.isdigit() and len(argument) < 19 else 0
        elif (verb in TRANSFERS or verb in LISTINGS) and self._transfer is not None:
            self._transfer.begin(verb, command.argument, self._user, self._offset if verb in TRANSFERS else 0)
            self._transfer, self._offset = None, 0
        self._waiting.append(command)
        if len(self._waiting) > MAX_WAITING:
            self._tell(self._waiting.popleft())

    def _reply(self, reply: Reply, at: Moment) -> None:
        """A reply goes to the oldest command; a preliminary one leaves it waiting for the next."""
        unasked = not self._waiting
        command = _Command(at, self._beginnings.next("ftp", at)) if unasked else self._waiting[0]
        command.codes.append(str(reply.code))
        command.replies += reply.lines[: MAX_REPLIES - len(command.replies)]
        command.reply = reply
        command.answered_ns = at.ns
        if unasked:
            self._tell(command)
            return
        if reply.preliminary and len(command.codes) < MAX_REPLIES:
            return
        self._waiting.popleft()
        if reply.code == 227:
            self._agree(command, decode_host_port(reply.text.encode("utf-8")), passive=True)
        elif reply.code == 229:
            self._agree(command, decode_extended(reply.text.encode("utf-8")), passive=True)
        self._tell(command)

    def _agree(self, command: _Command, endpoint: Endpoint | None, *, passive: bool) -> None:
        """The next transfer comes over a connection to this endpoint: the server's where passive, else the client's."""
        if endpoint is None:
            return
        command.endpoint, command.passive = endpoint, passive
        transfer = self._transfer = Transfer(passive)
        side = 1 - self._client if passive else self._client
        # Behind address translation the server names an address that nobody connects to; its own is expected too.
        for address in dict.fromkeys((None, endpoint.address)):
            self._left.append(Expect(endpoint.port, lambda: FtpDataTalk(transfer), side, address))

    def _encrypt(self, left: bytes) -> None:
        """AUTH was taken up (RFC 4217): the rest is TLS."""
        from sensors.talks.tls import TlsTalk

        self._tell_all()
        self._left.append(Become(TlsTalk(), left))

    def _tell_all(self) -> None:
        while self._waiting:
            self._tell(self._waiting.popleft())

    def _tell(self, command: _Command) -> None:
        """The event of a command as far as it was seen."""
        own: Document = {}
        if command.verb:
            own["command"] = command.verb
        if command.argument:
            own["command_data"] = command.argument
        if command.verb in _SECRET:
            own["password"] = True
        if command.codes:
            own |= {"completion_code": command.codes, "reply": command.replies}
        if command.endpoint is not None:
            own["mode"] = "passive" if command.passive else "active"
            own["dynamic_port"] = command.endpoint.port
            if command.endpoint.address is not None:
                own["data_channel"] = {"ip": address_text(command.endpoint.address)}
        fields: Document = {"vonggac": {"ftp": own}}
        if command.user is not None:
            fields["user"] = {"name": command.user}
        event: Document = {}
        if command.reply is not None:
            own["reply_code"] = command.reply.code
            event["outcome"] = "success" if command.reply.code < 400 else "failure"
            if command.verb:
                event["duration"] = max(0, command.answered_ns - command.begun.ns)
        if (command.verb in ("USER", "PASS") and command.reply is not None) and command.reply.code in (230, 530):
            event |= {"category": ["network", "authentication"], "type": ["protocol", "start"]}
        ips = (own["data_channel"]["ip"],) if "data_channel" in own else ()
        self._left.append(Found("ftp", command.begun, command.ordinal, fields, event, (), ips))
