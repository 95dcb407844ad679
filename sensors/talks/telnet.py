"""Telnet on one connection: one event, with the options, the terminal, and the log-ins that can be seen.

What is typed is not kept but for the name that follows a prompt for one; passwords are never read.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from sensors.decode.lines import printable
from sensors.decode.telnet import Commands, Option, environment, terminal, window
from sensors.streams import Moment
from sensors.talks.talk import Found
from vonggac.domain.event import Document, put

#: Bytes of the server's last text looked at for a prompt, and of a line that the client types.
MAX_PROMPT = 256
MAX_TYPED = 256
#: Options told of each side, and names tried that are kept.
MAX_OPTIONS = 64
MAX_USERS = 32

_NAME_PROMPT = re.compile(rb"(?:login|username|user name|user|account|t\xc3\xaan \S+)\s*:\s*$", re.I)
_SECRET_PROMPT = re.compile(rb"(?:password|passcode|passwd|m\xe1\xba\xadt kh\xe1\xba\xa9u)[^\r\n]{0,32}:\s*$", re.I)
_REFUSED = re.compile(rb"incorrect|fail|invalid|denied|refused|bad password|wrong|sai m\xe1\xba\xadt", re.I)
_WELCOME = re.compile(rb"last login|welcome|[#$>%]\s*$", re.I)


class TelnetTalk:
    name = "telnet"

    def __init__(self) -> None:
        self.done = False
        self._commands = (Commands(), Commands())
        self._begun: Moment | None = None
        self._server = 1
        self._prompt = b""  # the end of the server's text
        self._asked = ""  # name, password, result: what the next line is
        self._typed = bytearray()
        self._options: tuple[dict[str, None], dict[str, None]] = ({}, {})
        self._terminal: Document = {}
        self._users: list[str] = []
        self._attempts = 0
        self._failures = 0
        self._outcome: str | None = None

    def data(self, side: int, data: bytes, at: Moment) -> Iterator[Found]:
        self._begun = self._begun or at
        text, options = self._commands[side].feed(data)
        for option in options:
            self._option(side, option)
        if text and side == self._server:
            self._shown(text)
        elif text:
            self._type(text)
        return iter(())

    def gap(self, side: int, size: int, at: Moment) -> Iterator[Found]:
        """What was asked and typed is no longer known."""
        self._begun = self._begun or at
        self._asked, self._prompt = "", b""
        self._typed.clear()
        return iter(())

    def close(self, clean: bool) -> Iterator[Found]:
        if self._begun is None:
            return
        own: Document = dict(self._terminal)
        for side, name in enumerate(("client_options", "server_options")):
            if self._options[side]:
                own[name] = list(self._options[side])
        fields: Document = {"vonggac": {"telnet": own}}
        event: Document = {}
        if self._users:
            put(fields, "user.name", self._users[-1])
            if len(set(self._users)) > 1:
                own["users"] = list(dict.fromkeys(self._users))
        if self._attempts:
            own |= {"password": True, "auth_attempts": self._attempts, "auth_failures": self._failures}
            event |= {"category": ["network", "authentication"], "type": ["connection", "protocol", "start"]}
        if self._outcome is not None:
            event["outcome"] = self._outcome
        yield Found("telnet", self._begun, 0, fields, event)

    def _option(self, side: int, option: Option) -> None:
        told = self._options[side]
        if option.verb in ("will", "do") and len(told) < MAX_OPTIONS:
            told[f"{option.verb} {option.name}"] = None
        if option.verb != "sb":
            return
        if option.name == "terminal-type":
            put(self._terminal, "terminal_type", terminal(option.data))
        elif option.name == "terminal-speed":
            put(self._terminal, "terminal_speed", terminal(option.data))
        elif option.name == "x-display-location":
            put(self._terminal, "x_display", terminal(option.data))
        elif option.name == "window-size" and (size := window(option.data)) is not None:
            self._terminal |= {"columns": size[0], "rows": size[1]}
        elif option.name == "new-environment" and (variables := environment(option.data)):
            # A list of texts: the names are the client's, and would be fields without end.
            self._terminal["environment"] = [f"{name}={value}" for name, value in variables.items()]

    def _shown(self, text: bytes) -> None:
        """The server's text: a prompt says what the client types next, other words how the log-in went."""
        self._prompt = (self._prompt + text)[-MAX_PROMPT:]
        if self._asked == "result":
            if _REFUSED.search(self._prompt) or _NAME_PROMPT.search(self._prompt):  # refused, or asked again
                self._failures += 1
                self._outcome, self._asked = "failure", ""
            elif _WELCOME.search(self._prompt):
                self._outcome, self._asked = "success", ""
        if self._asked != "result":
            if _SECRET_PROMPT.search(self._prompt):
                self._asked = "password"
            elif _NAME_PROMPT.search(self._prompt):
                self._asked = "name"
                self._typed.clear()

    def _type(self, text: bytes) -> None:
        """The client's keys, until a line is ended."""
        if self._asked not in ("name", "password"):
            return
        for byte in text:
            if byte in b"\r\n":
                if self._typed or self._asked == "password":
                    self._line()
                    return
            elif byte in b"\x08\x7f":
                del self._typed[-1:]
            elif byte and len(self._typed) < MAX_TYPED:
                self._typed.append(byte)

    def _line(self) -> None:
        if self._asked == "name":
            self._users = [*self._users[-MAX_USERS + 1 :], printable(self._typed, MAX_TYPED)]
            self._asked = ""
        else:
            self._attempts += 1
            self._asked = "result"
        self._prompt = b""
        self._typed.clear()
