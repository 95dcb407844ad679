"""IMAP on one connection (RFC 9051, RFC 3501): one event for each command with its response.

Messages that a FETCH brings or an APPEND stores are read on their way past. The greeting is an event without a command.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field

from sensors.decode.imap import (
    decode_command,
    decode_status,
    first_word,
    literal_holds,
    literal_size,
    quoted,
    without_literal,
)
from sensors.decode.lines import Lines, begins_tls, printable
from sensors.streams import Moment
from sensors.talks.mail import Mail
from sensors.talks.mail_event import files_found
from sensors.talks.mailbox import Command, command_found
from sensors.talks.sasl import Login
from sensors.talks.talk import Become, Beginnings, Left

#: Commands that wait for their responses; past it the oldest is told without one.
MAX_WAITING = 64
#: Bytes kept of a command or response with its literals; of a literal that is no message; characters of an argument.
MAX_TEXT = 8_192
MAX_SHORT = 1_024
MAX_ARGUMENT = 512


@dataclass(slots=True)
class _Side:
    """One direction: a line may be interrupted by literals, and goes on behind them."""

    lines: Lines = field(default_factory=Lines)
    text: bytearray = field(default_factory=bytearray)  # of the line so far
    left: int = 0  # bytes that the literal at hand still has
    literal: bytearray | None = None  # where it is kept as text
    mail: Mail | None = None
    whole: bool = False  # the mail is all of a message, not its header

    def lose(self) -> None:
        self.lines.clear()
        self.text.clear()
        self.left, self.literal, self.mail = 0, None, None


class ImapTalk:
    name = "imap"

    def __init__(self) -> None:
        self.done = False
        self._client = -1  # the side that gives commands, once it is known
        self._sides = (_Side(), _Side())
        self._waiting: dict[str, Command] = {}  # by tag, in their order
        self._beginnings = Beginnings()
        self._user: str | None = None
        self._login: Login | None = None
        self._appended: Mail | None = None
        self._at = Moment(0, 0)  # of the last bytes

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        if self._client < 0:
            self._client = 1 - side if data[:1] in (b"*", b"+") else side
        self._at = at
        here = self._sides[side]
        here.lines.add(data)
        client = side == self._client
        while len(here.lines) and not self.done:
            if here.left:
                yield from self._literal(here, client, at)
                continue
            if begins_tls(here.lines):
                yield from self._encrypt(here.lines.rest())
                return
            line = here.lines.line()
            if line is None:
                return
            if client and self._login is not None and self._login.open:
                self._response(self._login, line)
                continue
            size = literal_size(line)
            if size is None:
                here.text += line[: MAX_TEXT - len(here.text)]
                text = bytes(here.text)
                here.text.clear()
                yield from self._command(text, at) if client else self._answer(text, here, at)
            else:
                self._begin_literal(here, without_literal(line), size, client)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        """Inside a literal the missing bytes are counted; elsewhere the next whole line is taken up."""
        here = self._sides[side]
        if here.left >= size:
            here.left -= size
            if here.mail is not None:
                here.mail.lose(size)
            if not here.left:
                yield from self._end_literal(here, side == self._client, at)
            return
        here.lose()

    def close(self, clean: bool) -> Iterator[Left]:
        for side, here in enumerate(self._sides):
            if here.mail is not None:
                here.whole = False
                yield from self._end_literal(here, side == self._client, self._at)
        while self._waiting:
            yield self._tell(next(iter(self._waiting)))

    def _begin_literal(self, here: _Side, line: bytes, size: int, client: bool) -> None:
        here.text += line[: MAX_TEXT - len(here.text)]
        here.left = size
        if client:
            command = decode_command(bytes(here.text[:MAX_ARGUMENT]))
            holds = "message" if command is not None and command.verb == "APPEND" else ""
        else:
            holds = literal_holds(line) if b" FETCH " in here.text[:32].upper() else ""
        if holds:
            here.mail, here.whole = Mail(self._beginnings), holds == "message"
        elif size <= MAX_SHORT:
            here.literal = bytearray()
        if not size:
            here.text += b'""'

    def _literal(self, here: _Side, client: bool, at: Moment) -> Iterator[Left]:
        piece = here.lines.take(here.left)
        here.left -= len(piece)
        if here.mail is not None:
            here.mail.feed(piece, at)
        elif here.literal is not None:
            here.literal += piece
        if not here.left:
            yield from self._end_literal(here, client, at)

    def _end_literal(self, here: _Side, client: bool, at: Moment) -> Iterator[Left]:
        if here.literal is not None:
            here.text += quoted(bytes(here.literal))[: MAX_TEXT - len(here.text)]
        mail, here.mail, here.literal = here.mail, None, None
        if mail is None:
            return
        mail.finish(here.whole)
        yield from files_found(mail, "imap", upload=client)
        if client:
            self._appended = mail
            return
        command = next((each for each in self._waiting.values() if each.verb.endswith("FETCH")), None)
        if command is not None:
            command.add(mail)
        else:
            command = Command(at, self._beginnings.next("imap", at))
            command.add(mail)
            yield command_found("imap", command)

    def _command(self, line: bytes, at: Moment) -> Iterator[Left]:
        decoded = decode_command(line)
        if decoded is None:
            return
        tag, verb, argument = decoded
        if tag in self._waiting:
            yield self._tell(tag)
        command = Command(at, self._beginnings.next("imap", at), verb, tag)
        if verb == "LOGIN":
            command.secret = True
            self._user = printable(first_word(argument), MAX_ARGUMENT) or None
        elif verb == "AUTHENTICATE":
            command.secret = True
            self._login = Login(argument)
            command.mechanism = self._login.mechanism
            self._user = self._login.user
        else:
            command.argument = printable(argument, MAX_ARGUMENT)
        command.user = self._user
        if self._appended is not None:
            command.add(self._appended)
            self._appended = None
        self._waiting[tag] = command
        if len(self._waiting) > MAX_WAITING:
            yield self._tell(next(iter(self._waiting)))

    def _response(self, login: Login, line: bytes) -> None:
        login.response(line)
        command = next(reversed(self._waiting.values()), None)
        if login.user and command is not None:
            self._user = command.user = login.user

    def _answer(self, line: bytes, here: _Side, at: Moment) -> Iterator[Left]:
        """The response that ends a command, or the greeting; others are of a command that is still at work."""
        status = decode_status(line)
        if status is None:
            return
        tag, word, text = status
        command = self._waiting.get(tag)
        if command is None:
            if tag == "*" and self._waiting:
                return
            command = Command(at, self._beginnings.next("imap", at), tag="" if tag == "*" else tag)
            asking = self._sides[self._client]
            refused = decode_command(bytes(asking.text)) if asking.left else None
            if refused is not None and refused.tag == tag:  # its literal will not be sent
                command.verb = refused.verb
                asking.lose()
            command.answer(word, printable(text, MAX_ARGUMENT), at)
            yield command_found("imap", command)
            return
        command.answer(word, printable(text, MAX_ARGUMENT), at)
        self._login = None
        if command.verb == "STARTTLS" and word == "OK":
            yield from self._encrypt(here.lines.rest())
            return
        yield self._tell(tag)
        self.done = self.done or (command.verb == "COMPRESS" and word == "OK")

    def _encrypt(self, left: bytes) -> Iterator[Left]:
        """STARTTLS was taken up (RFC 9051 §6.2.1): the rest is TLS."""
        from sensors.talks.tls import TlsTalk

        while self._waiting:
            yield self._tell(next(iter(self._waiting)))
        yield Become(TlsTalk(), left)

    def _tell(self, tag: str) -> Left:
        return command_found("imap", self._waiting.pop(tag))
