"""SMB 1 on one connection: each command joined with its response by process and multiplex id (MS-CIFS §3.2.4.1.5)."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from sensors.decode import smb1
from sensors.decode.fault import Undecodable
from sensors.decode.smb1 import Block, Header
from sensors.decode.windows import STATUS_MORE_PROCESSING, failed
from sensors.streams import Moment
from sensors.talks.login import Login
from sensors.talks.smb_event import (
    MAX_WAITING,
    Command,
    SmbState,
    Tree,
    access_fields,
    file_ident,
    spoil,
    times_fields,
)
from sensors.talks.smb_files import READ, WRITE, Open
from sensors.talks.smb_pass import pass_data, pass_pipe
from vonggac.domain.event import put


class _Told(NamedTuple):
    """Where a block stands: its message's header, and when the message began."""

    header: Header
    block: Block
    at: Moment


class Smb1:
    def __init__(self, state: SmbState) -> None:
        self._state = state
        self._waiting: dict[tuple[int, int], list[Command]] = {}  # by process and multiplex id, oldest first

    def message(self, data: bytes, at: Moment, *, whole: bool) -> None:
        """A message, or (not `whole`) its beginning."""
        header = smb1.decode_header(data)
        key = header.process, header.multiplex
        blocks = smb1.blocks(data, header)
        if header.response:
            self._responses(key, [_Told(header, block, at) for block in blocks], whole)
        else:
            self._requests(key, [_Told(header, block, at) for block in blocks], whole)

    def finish(self) -> None:
        while self._waiting:
            self._unanswered(next(iter(self._waiting)))
        if self._state.negotiating is not None:
            self._state.tell(self._state.negotiating)
            self._state.negotiating = None

    def _unanswered(self, key: tuple[int, int]) -> None:
        for command in self._waiting.pop(key):
            self._state.tell(command)

    def _requests(self, key: tuple[int, int], told: list[_Told], whole: bool) -> None:
        commands: list[Command] = []
        for each in told:
            if each.block.command in (smb1.TRANS_SECONDARY, smb1.TRANS2_SECONDARY, smb1.NT_TRANS_SECONDARY):
                return  # more of a transaction that waits already
            command = self._begin(each)
            commands.append(command)
            try:
                self._find_file(command, each.block)
                if handler := _REQUESTS.get(command.number):
                    handler(self._state, command, each)
            except Undecodable as fault:
                spoil(command, fault, whole)
        if commands[0].number == smb1.NT_CANCEL:  # nothing answers it
            self._state.tell(commands[0])
            return
        if commands[0].number == smb1.NEGOTIATE:  # the answer may come in SMB 2
            self._state.negotiating = commands[0]
            return
        if key in self._waiting:
            self._unanswered(key)
        self._waiting[key] = commands
        if len(self._waiting) > MAX_WAITING:
            self._unanswered(next(iter(self._waiting)))

    def _begin(self, told: _Told) -> Command:
        command = self._state.command(told.block.command, smb1.command_name(told.block.command), told.at)
        command.fields |= {"session_id": told.header.user, "tree_id": told.header.tree}
        return command

    def _find_file(self, command: Command, block: Block) -> None:
        ident = smb1.file_id(block)
        if ident is not None:
            command.ident = ident.to_bytes(2)
            command.opened = self._state.opens.get(command.ident)

    def _responses(self, key: tuple[int, int], told: list[_Told], whole: bool) -> None:
        """Each block to its command in the request's chain; a chain that failed early answers the rest with it."""
        first = told[0]
        commands = self._waiting.pop(key, [])
        if first.block.command == smb1.NEGOTIATE and self._state.negotiating is not None:
            commands, self._state.negotiating = [self._state.negotiating], None
        if commands and commands[0].number != first.block.command:
            for command in commands:
                self._state.tell(command)
            commands = []
        if not commands:
            if first.block.command in (smb1.TRANS, smb1.TRANS2, smb1.NT_TRANS, smb1.ECHO):
                return  # a later part of an answer that is told
            commands = [self._begin(each) for each in told]
        for number, command in enumerate(commands):
            each = told[number] if number < len(told) else first
            self._answer(command, each, whole, own=number < len(told))

    def _answer(self, command: Command, told: _Told, whole: bool, *, own: bool) -> None:
        header = told.header
        status = header.status if header.nt_status or not header.status & 0xFF else 0xC0000001
        command.answered(status, told.at)
        if status != header.status:  # class and code of the DOS error (MS-CIFS §2.2.2.4)
            command.fields["status_code"] = f"0x{header.status:x}"
            command.fields["status"] = f"{header.status & 0xFF}/{header.status >> 16}"
        command.fields |= {"session_id": header.user, "tree_id": header.tree}
        try:
            if command.number == smb1.SESSION_SETUP:
                _setup_response(self._state, command, told, status)
            elif own and not failed(status) and (handler := _RESPONSES.get(command.number)):
                handler(self._state, command, told)
            elif command.number in (smb1.WRITE_ANDX, smb1.WRITE) and command.opened is not None:
                command.opened.refused = True
        except Undecodable as fault:
            spoil(command, fault, whole)
        self._state.tell(command)


def _negotiate_request(state: SmbState, command: Command, told: _Told) -> None:
    command.fields["client_dialects"] = list(smb1.offered_dialects(told.block))


def _negotiate_response(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.agreed_dialect(told.block)
    offered = command.fields.get("client_dialects", [])
    state.dialect = offered[said.chosen] if said.chosen < len(offered) else ""
    put(command.fields, "server_guid", said.server_guid or None)


def _setup_request(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.setup_request(told.block)
    session = told.header.user
    command.login = (state.logins.get(session) if session else None) or Login()
    command.login.token(said.token, told.at, state.beginnings)
    if said.user:
        command.user = {"name": said.user} | ({"domain": said.domain} if said.domain else {})
        command.fields["ntlmssp"] = {"user": said.user, "domain": said.domain}
    native = {"native_os": said.native_os, "native_lm": said.native_lm}
    command.fields["request"] = {name: value for name, value in native.items() if value}


def _setup_response(state: SmbState, command: Command, told: _Told, status: int) -> None:
    session = told.header.user
    command.login = command.login or state.logins.get(session) or Login()
    named = command.user
    if status == STATUS_MORE_PROCESSING or not failed(status):
        said = smb1.setup_response(told.block)
        command.login.token(said.token, told.at, state.beginnings)
        native = {"native_os": said.native_os, "native_lm": said.native_lm}
        command.fields["response"] = {name: value for name, value in native.items() if value}
        put(command.fields, "guest", True if not failed(status) and told.block.word(4) & 1 else None)
    if status == STATUS_MORE_PROCESSING:
        state.login(session, command.login)
        return
    state.logged_in(session, command, not failed(status))
    command.user = command.user or named
    if named and not failed(status):
        state.users[session] = named


def _logoff_response(state: SmbState, command: Command, told: _Told) -> None:
    command.user = state.users.pop(told.header.user, {})


def _tree_request(state: SmbState, command: Command, told: _Told) -> None:
    path, service = smb1.tree_request(told.block)
    command.tree = Tree(path, smb1.SERVICES.get(service, ""))
    put(command.fields, "share", path or None)
    put(command.fields, "service.request", service or None)


def _tree_response(state: SmbState, command: Command, told: _Told) -> None:
    service = smb1.tree_response(told.block)
    tree = command.tree = command.tree or Tree("")
    tree.type = smb1.SERVICES.get(service, tree.type)
    put(command.fields, "service.response", service or None)
    put(command.fields, "share_type", tree.type or None)
    if tree.pipes:
        put(command.fields, "named_pipe", tree.path or None)
    state.tree(told.header.tree, tree)


def _untree_response(state: SmbState, command: Command, told: _Told) -> None:
    tree = state.trees.pop(told.header.tree, None)
    put(command.fields, "share", tree.path or None if tree else None)


def _create_request(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.create_request(told.block)
    tree = state.trees.get(told.header.tree)
    command.opened = Open(said.name, tree.path if tree else "", directory=said.directory)
    if tree is not None and tree.pipes:
        command.opened.pipe = state.opens.pipe(said.name)
    command.fields |= {"filename": said.name or "<share_root>", "disposition": said.disposition}
    command.fields |= access_fields(said.access, delete_on_close=said.delete_on_close)


def _create_response(state: SmbState, command: Command, told: _Told) -> None:
    ident, attributes = smb1.create_response(told.block)
    opened = command.opened = command.opened or Open()
    opened.described = None
    opened.attributes, opened.size = attributes, attributes.size
    opened.directory = opened.directory or bool(attributes.flags & 0x10)
    opened.user = state.users.get(told.header.user, {})
    command.ident = ident.to_bytes(2)
    command.fields |= times_fields(opened)
    command.fields["fuid"] = file_ident(command.ident)
    command.act("OPEN")
    state.opens.add(command.ident, opened)


def _close_response(state: SmbState, command: Command, told: _Told) -> None:
    command.act("CLOSE")
    state.opens.close(command.ident, clean=True)


def _named(state: SmbState, command: Command, told: _Told) -> None:
    command.name_file()


def _read_request(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.read_request(told.block)
    command.offset = said.offset
    command.fields |= {"offset": said.offset, "length": said.size}
    command.name_file()


def _read_response(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.read_response(told.block)
    command.act("READ")
    pass_data(state, command, READ, said._replace(offset=command.offset), told.at)


def _write_request(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.write_request(told.block)
    command.fields |= {"offset": said.offset, "length": said.size}
    pass_data(state, command, WRITE, said, told.at)
    command.name_file()


def _write_response(state: SmbState, command: Command, told: _Told) -> None:
    command.act("WRITE")


def _transaction_request(state: SmbState, command: Command, told: _Told) -> None:
    said = smb1.transaction_request(told.block)
    command.fields["subcmd"] = said.subcommand
    put(command.fields, "filename", said.name or None)
    command.name_file()
    if command.number == smb1.TRANS and said.code == smb1.TRANSACT_PIPE:
        pass_pipe(state, command, WRITE, said.data, told.at)


def _transaction_response(state: SmbState, command: Command, told: _Told) -> None:
    if command.number == smb1.TRANS and command.ident:
        pass_pipe(state, command, READ, smb1.transaction_response(told.block), told.at)


def _path_request(state: SmbState, command: Command, told: _Told) -> None:
    """The old commands that name their file."""
    paths = smb1.paths(told.block)
    tree = state.trees.get(told.header.tree)
    if paths:
        command.opened = Open(paths[0], tree.path if tree else "", directory=command.number in _DIRECTORIES)
        command.fields["directory" if command.number in _DIRECTORIES else "filename"] = paths[0]
    if command.number == smb1.RENAME and len(paths) == 2:
        command.fields["rename"] = {"from": paths[0], "to": paths[1]}


def _path_response(state: SmbState, command: Command, told: _Told) -> None:
    command.act("RENAME" if command.number == smb1.RENAME else "DELETE")


_DIRECTORIES = frozenset((smb1.CREATE_DIRECTORY, smb1.DELETE_DIRECTORY, smb1.CHECK_DIRECTORY))

_REQUESTS: dict[int, Callable[[SmbState, Command, _Told], None]] = {
    smb1.NEGOTIATE: _negotiate_request,
    smb1.SESSION_SETUP: _setup_request,
    smb1.TREE_CONNECT: _tree_request,
    smb1.TREE_CONNECT_ANDX: _tree_request,
    smb1.NT_CREATE: _create_request,
    smb1.OPEN_ANDX: _create_request,
    smb1.CLOSE: _named,
    smb1.FLUSH: _named,
    smb1.READ: _read_request,
    smb1.READ_ANDX: _read_request,
    smb1.WRITE: _write_request,
    smb1.WRITE_ANDX: _write_request,
    smb1.TRANS: _transaction_request,
    smb1.TRANS2: _transaction_request,
    smb1.NT_TRANS: _transaction_request,
    smb1.DELETE: _path_request,
    smb1.RENAME: _path_request,
    smb1.QUERY_INFORMATION: _path_request,
    smb1.CREATE_DIRECTORY: _path_request,
    smb1.DELETE_DIRECTORY: _path_request,
    smb1.CHECK_DIRECTORY: _path_request,
}
_RESPONSES: dict[int, Callable[[SmbState, Command, _Told], None]] = {
    smb1.NEGOTIATE: _negotiate_response,
    smb1.LOGOFF: _logoff_response,
    smb1.TREE_CONNECT: _tree_response,
    smb1.TREE_CONNECT_ANDX: _tree_response,
    smb1.TREE_DISCONNECT: _untree_response,
    smb1.NT_CREATE: _create_response,
    smb1.OPEN_ANDX: _create_response,
    smb1.CLOSE: _close_response,
    smb1.READ: _read_response,
    smb1.READ_ANDX: _read_response,
    smb1.WRITE: _write_response,
    smb1.WRITE_ANDX: _write_response,
    smb1.TRANS: _transaction_response,
    smb1.DELETE: _path_response,
    smb1.DELETE_DIRECTORY: _path_response,
    smb1.RENAME: _path_response,
}
