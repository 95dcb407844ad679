"""What an SMB command with its response becomes, and what one SMB connection has to remember for that."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

from sensors.decode.fault import Undecodable
from sensors.decode.netbios import Names
from sensors.decode.smb2 import SAME_FILE, Info
from sensors.decode.windows import STATUS_MORE_PROCESSING, eve_guid, failed, status_name
from sensors.streams import Moment
from sensors.talks.login import Login
from sensors.talks.smb_files import Open, Opens, file_fields
from sensors.talks.smb_passage import Sink
from sensors.talks.talk import Beginnings, Found
from vonggac.domain.event import Document

#: Commands of one connection that wait for their responses; past it the oldest is reported without one.
MAX_WAITING = 1_024
#: Sessions, logins and trees remembered of one connection; past it the oldest is forgotten.
MAX_SESSIONS = 64
MAX_TREES = 256


@dataclass(slots=True)
class Tree:
    path: str
    type: str = ""  # FILE, PIPE or PRINT

    @property
    def pipes(self) -> bool:
        return self.type == "PIPE" or self.path.upper().endswith("\\IPC$")


@dataclass(slots=True)
class Command:
    """A command on its way: what its request said, and after that what its response did. `number` is its code."""

    begun: Moment
    ordinal: int
    number: int
    fields: Document  # vonggac.smb
    event: Document = field(default_factory=dict)
    opened: Open | None = None
    offset: int = 0  # where a READ begins in its file
    ident: bytes = b""  # the id of the file it is about
    related: Command | None = None  # the one before it in a compound, whose file it means
    info: Info | None = None  # what a SET_INFO asks for
    tree: Tree | None = None  # what a TREE_CONNECT asks for
    login: Login | None = None
    hosts: tuple[str, ...] = ()
    user: Document = field(default_factory=dict)

    def answered(self, status: int, at: Moment) -> None:
        self.fields["status_code"] = f"0x{status:x}"
        name = status_name(status)
        if name is not None:
            self.fields["status"] = name
        if status != STATUS_MORE_PROCESSING:
            self.event["outcome"] = "failure" if failed(status) else "success"
        self.event["duration"] = max(0, at.ns - self.begun.ns)

    def act(self, what: str) -> None:
        """What was done with a file or pipe, in the words of Zeek's smb_files.log."""
        self.fields["action"] = f"{'PIPE' if self.opened is not None and self.opened.pipe else 'FILE'}_{what}"

    def name_file(self) -> None:
        """Which open file the command is about."""
        if self.opened is not None and self.opened.name:
            self.fields["filename"] = self.opened.name
        if self.ident and self.ident != SAME_FILE:
            self.fields["fuid"] = file_ident(self.ident)

    def found(self) -> Found:
        fields: Document = {"vonggac": {"smb": self.fields}}
        if self.login is not None:
            self.fields |= self.login.fields
            self.hosts += self.login.hosts
        if self.user:
            fields["user"] = dict(self.user)
        if self.opened is not None:
            file = file_fields(self.opened)
            if file:
                fields["file"] = file
        return Found("smb", self.begun, self.ordinal, fields, self.event, self.hosts)


class SmbState:
    """What both dialect families share on one connection: among that what they `found`, until it is taken. `sink` takes
    the bulk data behind a message's kept part."""

    def __init__(self) -> None:
        self.found: list[Found] = []
        self.beginnings = Beginnings()
        self.opens = Opens(self.beginnings, self.found)
        self.dialect = ""
        self.sink: Sink | None = None
        self.negotiating: Command | None = None  # an SMB 1 negotiation that may be answered in SMB 2
        self.names: Names | None = None  # who called whom in a NetBIOS session
        self.trees: dict[int, Tree] = {}
        self.users: dict[int, Document] = {}
        self.logins: dict[int, Login] = {}

    def command(self, number: int, name: str, at: Moment) -> Command:
        command = Command(at, self.beginnings.next("smb", at), number, {"command": name})
        if self.names is not None:
            command.fields["netbios"] = {"called": self.names.called, "calling": self.names.calling}
            self.names = None
        return command

    def tree(self, number: int, tree: Tree) -> None:
        _bounded(self.trees, MAX_TREES)
        self.trees[number] = tree

    def login(self, session: int, login: Login) -> None:
        _bounded(self.logins, MAX_SESSIONS)
        self.logins[session] = login

    def tell(self, command: Command) -> None:
        """The command is found, as far as it got."""
        if self.dialect:
            command.fields["dialect"] = self.dialect
        command.user = command.user or self.users.get(command.fields.get("session_id", 0), {})
        self.found.append(command.found())

    def logged_in(self, session: int, command: Command, success: bool | None) -> None:
        """A login came to its end: who it was is said on what follows in the session."""
        login = command.login
        self.logins.pop(session, None)
        if login is None:
            return
        command.user = login.user
        if success and login.user:
            _bounded(self.users, MAX_SESSIONS)
            self.users[session] = login.user
        self._tell_login(login, success)

    def _tell_login(self, login: Login, success: bool | None) -> None:
        found = login.found(success)
        if found is not None:
            self.found.append(found)

    def finish(self) -> None:
        for login in self.logins.values():
            self._tell_login(login, None)
        self.logins.clear()
        self.opens.finish()


def file_ident(ident: bytes) -> str:
    """Suricata's `fuid`: an SMB 2 file id as a GUID, an SMB 1 one in hexadecimal."""
    return eve_guid(ident) if len(ident) == 16 else ident.hex()


def spoil(command: Command, fault: Undecodable, whole: bool) -> None:
    """A body that does not hold together: the framing goes on, so the command is told with what was read of it."""
    if whole:
        command.fields["malformed"] = fault.reason
    else:
        command.fields["truncated"] = True


def _bounded(known: dict[int, Any], limit: int) -> None:
    """Make room for one more."""
    if len(known) >= limit:
        del known[next(iter(known))]


def access_fields(mask: int, *, delete_on_close: bool) -> Document:
    """Suricata's `access`, and the rights asked for."""
    return {"access": "delete on close" if delete_on_close else "normal", "desired_access": f"0x{mask:08x}"}


def times_fields(opened: Open) -> Document:
    """Suricata's `created`, `accessed`, `modified`, `changed` (seconds since 1970, 0 for none) and `size`."""
    known = opened.attributes
    if known is None:
        return {}
    times = {"created": known.created, "accessed": known.accessed, "modified": known.modified, "changed": known.changed}
    return {name: _seconds(value) for name, value in times.items()} | {"size": known.size}


def _seconds(filetime: int) -> int:
    return max(0, filetime // 10_000_000 - 11_644_473_600)
