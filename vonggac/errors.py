"""Every error this project raises on purpose, and the exit code each means.

    VonggacError
    ├── UsageRefused          2   the call itself is wrong
    ├── UnknownInput          3   an input does not exist or is of no known kind
    ├── ReadError             1   a place in an input cannot be read (location, offset)
    ├── RuleError             1   a rule cannot be used (path, line)
    ├── InvalidRecord         1   one record of many is refused (location, line)
    ├── NotFound              3   the thing asked for is not there, or not for this reader
    ├── Conflict              4   somebody else changed it first; read again
    ├── TransitionNotAllowed  2   the incident's table of transitions says no
    ├── StoreUnavailable      4   the store does not answer; nothing was lost
    ├── PeerUnavailable       4   a peer or feed does not answer; nothing was lost
    ├── NotAuthenticated      5   nobody is logged in, or the credential is wrong
    └── SharingRefused        5   policy (role, agency, TLP) says no

A subclass exists where a caller acts differently. The sentence a person reads is in `locale/` under `error.<key>`
and is filled from `facts`; `detail` is for the operator's log and never leaves the machine.
"""

from __future__ import annotations

from typing import ClassVar


class VonggacError(Exception):
    """`key` names the public sentence, `facts` fill it, `detail` stays private."""

    exit_code: ClassVar[int] = 1

    def __init__(self, key: str, *, detail: str = "", **facts: object) -> None:
        super().__init__(key, facts)
        self.key = key
        self.facts = facts
        self.detail = detail

    def __str__(self) -> str:
        facts = ", ".join(f"{name}={value}" for name, value in self.facts.items())
        return f"{self.key}({facts})" + (f": {self.detail}" if self.detail else "")


class UsageRefused(VonggacError):
    exit_code = 2


class UnknownInput(VonggacError):
    exit_code = 3


class ReadError(VonggacError):
    """Facts always hold `location` and `offset` (bytes for packets, lines for text)."""


class RuleError(VonggacError):
    """Facts always hold `path`, `line` and `reason`."""


class InvalidRecord(VonggacError):
    """Facts always hold `location`, `line` and `reason`."""


class NotFound(VonggacError):
    exit_code = 3


class Conflict(VonggacError):
    exit_code = 4


class TransitionNotAllowed(VonggacError):
    exit_code = 2


class StoreUnavailable(VonggacError):
    exit_code = 4


class PeerUnavailable(VonggacError):
    exit_code = 4


class NotAuthenticated(VonggacError):
    exit_code = 5


class SharingRefused(VonggacError):
    exit_code = 5
