"""POP3 on one connection (RFC 1939, RFC 2449, RFC 2595, RFC 5034): one event for each command with its reply.

A reply that no command asked for (the greeting) is an event without a command.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator

from sensors.decode.fault import Undecodable
from sensors.decode.lines import Dotted, Lines, begins_tls, printable
from sensors.decode.smtp import decode_command
from sensors.streams import Moment
from sensors.talks.mail import Mail
from sensors.talks.mail_event import files_found
from sensors.talks.mailbox import Command, command_found
from sensors.talks.sasl import Login
from sensors.talks.talk import Become, Beginnings, Left

#: Commands that wait for their replies; past it the oldest is told without one.
MAX_WAITING = 64
#: Characters kept of an argument and of a reply.
MAX_ARGUMENT = 512

_MESSAGES = frozenset(("RETR", "TOP"))
_LISTS = frozenset(("LIST", "UIDL", "AUTH"))  # of many lines where they have no argument


class Pop3Talk:
    name = "pop3"

    def __init__(self) -> None:
        self.done = False
        self._client = -1  # the side that gives commands, once it is known
        self._lines = (Lines(), Lines())
        self._waiting: deque[Command] = deque()
        self._beginnings = Beginnings()
        self._user: str | None = None
        self._login: Login | None = None
        self._dotted: Dotted | None = None  # while a reply of many lines goes by
        self._mail: Mail | None = None
        self._lost = False

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        if self._client < 0:
            self._client = 1 - side if data[:1] in (b"+", b"-") else side
        lines = self._lines[side]
        lines.add(data)
        while len(lines):
            if side != self._client and self._dotted is not None:
                yield from self._many(self._dotted, lines, at)
                continue
            if begins_tls(lines):
                yield from self._encrypt(lines.rest())
                return
            line = lines.line()
            if line is None:
                return
            if side == self._client:
                yield from self._command(line, at)
                continue
            verb = self._waiting[0].verb if self._waiting else ""
            yield from self._status(line, at)
            if verb == "STLS" and line.startswith(b"+OK"):
                yield from self._encrypt(lines.rest())
                return

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        """Inside a message the missing bytes are counted; elsewhere what waits for a reply is told without."""
        if side != self._client and self._dotted is not None:
            held = self._dotted.lose()
            if self._mail is not None:
                self._mail.feed(held, at)
                self._mail.lose(size)
            return
        self._lines[side].clear()
        self._lost = self._lost or side != self._client
        yield from self._tell_all()

    def close(self, clean: bool) -> Iterator[Left]:
        if self._mail is not None and self._waiting:
            yield from self._end_mail(self._waiting[0], self._mail, complete=False)
        yield from self._tell_all()

    def _command(self, line: bytes, at: Moment) -> Iterator[Left]:
        login = self._login
        if login is not None and login.open and self._waiting and self._waiting[-1].verb == "AUTH":
            login.response(line)
            self._user = self._waiting[-1].user = login.user or self._waiting[-1].user
            return
        self._login = None
        verb, argument = decode_command(line)
        if not verb:
            return
        command = Command(at, self._beginnings.next("pop3", at), verb)
        command.secret = verb in ("PASS", "APOP") or (verb == "AUTH" and bool(argument))
        if verb in ("USER", "APOP"):
            self._user = printable(argument.split(b" ")[0], MAX_ARGUMENT) or None
        elif verb == "AUTH" and argument:
            self._login = Login(argument)
            command.mechanism = self._login.mechanism
            self._user = self._login.user
        if not command.secret:
            command.argument = printable(argument, MAX_ARGUMENT)
        command.user = self._user
        self._waiting.append(command)
        if len(self._waiting) > MAX_WAITING:
            yield command_found("pop3", self._waiting.popleft())

    def _status(self, line: bytes, at: Moment) -> Iterator[Left]:
        """A status goes to the oldest command; a reply of many lines leaves it waiting for their end."""
        word, _, text = line.partition(b" ")
        if word not in (b"+OK", b"-ERR"):
            if word == b"+" or self._lost or not self._waiting:
                return
            raise Undecodable("pop3", 0, "status_line")
        self._lost = False
        unasked = not self._waiting
        command = Command(at, self._beginnings.next("pop3", at)) if unasked else self._waiting[0]
        command.answer(word[1:].decode("ascii"), printable(text, MAX_ARGUMENT), at)
        self._login = None
        if unasked:
            yield command_found("pop3", command)
            return
        lists = command.verb in _LISTS and not command.argument and not command.secret
        if command.status == "OK" and (command.verb in _MESSAGES or command.verb == "CAPA" or lists):
            self._dotted = Dotted()
            self._mail = Mail(self._beginnings) if command.verb in _MESSAGES else None
            return
        self._waiting.popleft()
        yield command_found("pop3", command)

    def _many(self, dotted: Dotted, lines: Lines, at: Moment) -> Iterator[Left]:
        """The lines of a long reply, up to the one that ends it."""
        text, rest = dotted.feed(lines.rest())
        if self._mail is not None:
            self._mail.feed(text, at)
        if rest is None:
            return
        lines.add(rest)
        self._dotted = None
        if not self._waiting:
            return
        command = self._waiting.popleft()
        if self._mail is not None:
            yield from self._end_mail(command, self._mail, complete=command.verb == "RETR")
        yield command_found("pop3", command)

    def _end_mail(self, command: Command, mail: Mail, *, complete: bool) -> Iterator[Left]:
        mail.finish(complete)
        self._mail = None
        command.add(mail)
        yield from files_found(mail, "pop3", upload=False)

    def _encrypt(self, left: bytes) -> Iterator[Left]:
        """STLS was taken up (RFC 2595): the rest is TLS."""
        from sensors.talks.tls import TlsTalk

        yield from self._tell_all()
        yield Become(TlsTalk(), left)

    def _tell_all(self) -> Iterator[Left]:
        while self._waiting:
            yield command_found("pop3", self._waiting.popleft())
