"""A log-in by SASL in a mail protocol (RFC 4954, RFC 5034, RFC 9051 §6.2.2): who it is for, never the secret."""

from __future__ import annotations

from sensors.decode.lines import printable
from sensors.decode.smtp import auth_user

#: Client's responses after which a log-in without an end is given up, so that what follows is read again.
MAX_TURNS = 8


class Login:
    """`open` while the client's lines are responses and not commands."""

    __slots__ = ("mechanism", "open", "turns", "user")

    def __init__(self, argument: bytes) -> None:
        """`argument` is what stands behind AUTH or AUTHENTICATE: the mechanism, and perhaps a first response."""
        mechanism, _, initial = argument.partition(b" ")
        self.mechanism = printable(mechanism.strip(), 32).upper()
        self.user: str | None = None
        self.turns = 0
        self.open = True
        if initial.strip() and initial.strip() != b"=":
            self.response(initial)

    def response(self, line: bytes) -> None:
        self.user = self.user or auth_user(self.mechanism, self.turns, line)
        self.turns += 1
        self.open = self.turns < MAX_TURNS and line.strip() != b"*"
