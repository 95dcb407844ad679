"""SMTP on one connection (RFC 5321): one event for each message, with what went before and what came of it.

A connection without a message (only a greeting, every recipient refused, STARTTLS) gives one event too, as in Suricata
and Zeek. Commands may be sent ahead of their replies (RFC 2920); where only one side was captured, it is told alone.
"""

from __future__ import annotations

import re
from collections import deque
from collections.abc import Iterator
from typing import NamedTuple

from sensors.decode.lines import MAX_LINE, Dotted, Lines, begins_tls, printable
from sensors.decode.reply import Replies, Reply
from sensors.decode.smtp import VERBS, decode_bdat, decode_command, decode_path
from sensors.streams import Moment
from sensors.talks.mail import Mail
from sensors.talks.mail_event import files_found
from sensors.talks.sasl import Login
from sensors.talks.smtp_event import Session, Transaction, smtp_found
from sensors.talks.talk import Become, Beginnings, Left

#: Commands that wait for their replies; past it the oldest is taken as unanswered.
MAX_WAITING = 256
#: Transactions that wait to be settled; past it the oldest is told as it is.
MAX_OPEN = 16

_COMMANDS = re.compile(rb"(?:^|\n)((?:MAIL FROM:|RCPT TO:)[^\r\n]*\r?\n|(?:DATA|RSET|QUIT)\r?\n)", re.I)
_END = "."  # the end of a message waits for its reply like a command


class _Command(NamedTuple):
    """A command that waits for its reply."""

    verb: str
    transaction: Transaction | None
    recipient: str | None = None


class SmtpTalk:
    name = "smtp"

    def __init__(self) -> None:
        self.done = False
        self._client = -1  # the side that gives commands, once it is known
        self._lines = (Lines(), Lines())
        self._replies = Replies("smtp")
        self._waiting: deque[_Command] = deque()
        self._stage = "command"  # command, data, chunk: what the client's next bytes are
        self._dotted = Dotted()
        self._chunk = 0  # bytes that the chunk at hand still has
        self._last_chunk = False
        self._lost = False  # bytes of the message at hand are missing, perhaps its end too
        self._resume = False  # the next bytes are the first behind a gap
        self._early: Reply | None = None  # came before the end of the message at hand was seen
        self._login: Login | None = None
        self._beginnings = Beginnings()
        self._session = Session()
        self._unused: tuple[Moment, int] | None = None  # the first command, while no transaction began with it
        self._now: Transaction | None = None
        self._open: list[Transaction] = []  # those not told yet, in their order

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Left]:
        if self._client < 0:
            self._client = 1 - side if data[:3].isdigit() else side
        self._lines[side].add(data)
        if side == self._client:
            yield from self._commands(at)
        else:
            yield from self._answers(side, at)

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Left]:
        """Inside a message the missing bytes are counted; between commands the next whole line is taken up."""
        if side == self._client and self._stage != "command" and self._now is not None and self._now.mail is not None:
            self._lost = self._resume = True
            if self._stage == "data":
                self._now.mail.feed(self._dotted.lose(), at)
                self._now.mail.lose(size)
            else:
                self._now.mail.lose(min(size, self._chunk))
                self._chunk -= min(size, self._chunk)
                if not self._chunk:
                    self._end_chunk()
            return
        self._lines[side].clear()
        if side != self._client:
            self._replies.lose()
        self._waiting.clear()
        for transaction in [each for each in self._open if each.ended]:
            yield from self._tell(transaction)

    def close(self, clean: bool) -> Iterator[Left]:
        yield from self._tell_all()

    def _commands(self, at: Moment) -> Iterator[Left]:
        """The client's bytes: lines, or a message, or a chunk of one."""
        lines = self._lines[self._client]
        while len(lines):
            if self._stage == "data":
                if self._resume:
                    self._resume = False
                    yield from self._end_unseen(at)
                    continue
                text, rest = self._dotted.feed(lines.rest())
                self._message(text, at)
                if rest is None:
                    return
                lines.add(rest)
                self._end_message()
                if self._early is not None and self._now is not None:
                    yield from self._settled(self._now, self._early, at)
                else:
                    self._wait(_Command(_END, self._now))
            elif self._stage == "chunk":
                piece = lines.take(self._chunk)
                self._chunk -= len(piece)
                self._message(piece, at)
                if not self._chunk:
                    self._end_chunk()
            elif begins_tls(lines):
                yield from self._encrypt(lines.rest())
                return
            else:
                line = lines.line()
                if line is None:
                    return
                yield from self._line(line, at)

    def _line(self, line: bytes, at: Moment) -> Iterator[Left]:
        verb, argument = decode_command(line)
        if self._login is not None and self._login.open and verb not in VERBS:
            self._login.response(line)
            self._session.user = self._login.user or self._session.user
            return
        self._login = None
        if not verb:
            return
        if not self._session.commands and verb != "QUIT":
            self._unused = at, self._beginnings.next("smtp", at)
        self._session.commands += verb != "QUIT"
        recipient = None
        if verb == "MAIL":
            if self._now is not None and not self._now.ended:
                yield from self._tell(self._now)
            yield from self._begin(at, decode_path(argument))
        elif verb == "RCPT":
            recipient = decode_path(argument)
            if self._now is None:
                yield from self._begin(at)
            if self._now is not None:
                self._now.to(recipient)
        elif verb in ("EHLO", "HELO", "LHLO"):
            self._session.helo = printable(argument, 255)
        elif verb == "RSET" and self._now is not None:
            yield from self._tell(self._now)
        elif verb == "AUTH":
            self._login = Login(argument)
            self._session.mechanism = self._login.mechanism
            self._session.user = self._login.user or self._session.user
        self._wait(_Command(verb, self._now, recipient))
        if verb == "DATA":
            yield from self._begin_message(at)
            self._stage, self._dotted = "data", Dotted()
        elif verb == "BDAT" and (chunk := decode_bdat(argument)) is not None:
            yield from self._begin_message(at)
            self._stage = "chunk"
            self._chunk, self._last_chunk = chunk
            if not self._chunk:
                self._end_chunk()

    def _wait(self, command: _Command) -> None:
        self._waiting.append(command)
        if len(self._waiting) > MAX_WAITING:
            self._waiting.popleft()

    def _begin(self, at: Moment, mail_from: str | None = None) -> Iterator[Left]:
        """The next transaction; the first one begins where the connection's first command did."""
        begun, ordinal = self._unused or (at, self._beginnings.next("smtp", at))
        self._unused = None
        self._session.depth += 1
        self._now = Transaction(begun, ordinal, self._session.depth, mail_from)
        self._open.append(self._now)
        if len(self._open) > MAX_OPEN:
            yield from self._tell(self._open[0])

    def _begin_message(self, at: Moment) -> Iterator[Left]:
        if self._now is None or self._now.ended:
            yield from self._begin(at)
        if self._now is not None and self._now.mail is None:
            self._now.mail = Mail(self._beginnings)
            self._lost, self._early = False, None

    def _message(self, data: bytes, at: Moment) -> None:
        if self._now is not None and self._now.mail is not None:
            self._now.mail.feed(data, at)

    def _end_message(self, *, complete: bool = True) -> None:
        """The message is all there; what comes of it the server's reply will say."""
        self._stage = "command"
        if self._now is not None and self._now.mail is not None:
            self._now.mail.finish(complete)
            self._now.ended = True

    def _end_chunk(self) -> None:
        self._stage = "command"
        if self._last_chunk:
            self._end_message()
            if self._waiting:  # the reply to the last BDAT is that to the message
                self._waiting[-1] = _Command(_END, self._now)

    def _answers(self, side: int, at: Moment) -> Iterator[Left]:
        lines = self._lines[side]
        if begins_tls(lines):
            yield from self._encrypt(lines.rest())
            return
        while (line := lines.line()) is not None:
            reply = self._replies.line(line)
            if reply is None:
                continue
            if reply.code == 220 and self._waiting and self._waiting[0].verb == "STARTTLS":
                yield from self._encrypt(lines.rest())
                return
            yield from self._reply(reply, at)

    def _reply(self, reply: Reply, at: Moment) -> Iterator[Left]:
        """A reply goes to the oldest command that has none."""
        if not self._waiting:
            if reply.code == 220 and not self._session.commands:
                self._session.banner = reply.lines[0]
            elif self._stage == "data" and self._now is not None:
                self._early = self._now.reply = reply
            return
        verb, transaction, recipient = self._waiting[0]
        if verb == "AUTH" and reply.code == 334:
            return
        self._waiting.popleft()
        self._session.reply = reply
        if verb == "AUTH":
            self._login = None
            self._session.authenticated = reply.accepted
            self._session.auth_failures += not reply.accepted
        if transaction is None:
            return
        transaction.reply = reply
        if verb == "RCPT" and recipient is not None and not reply.accepted:
            transaction.refuse(recipient)
        elif verb == "DATA" and not reply.accepted and self._stage == "data" and transaction is self._now:
            self._stage, transaction.mail = "command", None
        elif verb == _END:
            yield from self._settled(transaction, reply, at)

    def _end_unseen(self, at: Moment) -> Iterator[Left]:
        """Behind a gap come commands, and the server has answered the message: its end was among what was lost."""
        lines = self._lines[self._client]
        begun = _COMMANDS.search(lines.peek(MAX_LINE))
        if begun is not None and self._early is not None and self._now is not None:
            lines.take(begun.start(1))
            self._end_message(complete=False)
            yield from self._settled(self._now, self._early, at)

    def _settled(self, transaction: Transaction, reply: Reply, at: Moment) -> Iterator[Left]:
        transaction.reply = reply
        transaction.answered_ns = at.ns
        yield from self._tell(transaction)

    def _encrypt(self, left: bytes) -> Iterator[Left]:
        """STARTTLS was taken up (RFC 3207): what was said in the clear is told, the rest is TLS."""
        from sensors.talks.tls import TlsTalk

        self._session.tls = True
        yield from self._tell_all()
        yield Become(TlsTalk(), left)

    def _tell_all(self) -> Iterator[Left]:
        for transaction in list(self._open):
            yield from self._tell(transaction)
        if self._unused is not None:
            yield smtp_found(self._session, Transaction(*self._unused, 0))
            self._unused = None

    def _tell(self, transaction: Transaction) -> Iterator[Left]:
        """Nothing more will be learned of a transaction."""
        if transaction is self._now:
            self._now = None
        if transaction not in self._open:
            return
        self._open.remove(transaction)
        if transaction.mail is not None:
            if not transaction.ended:
                transaction.mail.finish(False)
            yield from files_found(transaction.mail, "smtp", upload=True)
        yield smtp_found(self._session, transaction)
