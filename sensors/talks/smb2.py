"""SMB 2 and 3 on one connection: each command joined with its response by message id (MS-SMB2 §3.2.5.1)."""

from __future__ import annotations

from collections.abc import Callable

from sensors.decode import smb2
from sensors.decode.fault import Undecodable
from sensors.decode.smb2 import Fields, Header
from sensors.decode.windows import STATUS_MORE_PROCESSING, STATUS_PENDING, failed
from sensors.streams import Moment
from sensors.talks.login import Login
from sensors.talks.smb_event import MAX_WAITING, Command, SmbState, Tree, access_fields, file_ident, spoil, times_fields
from sensors.talks.smb_files import READ, WRITE, Open
from sensors.talks.smb_pass import pass_data, pass_pipe
from vonggac.domain.event import put

#: Messages read of one compound.
MAX_COMPOUND = 64


class Smb2:
    def __init__(self, state: SmbState) -> None:
        self._state = state
        self._waiting: dict[int, Command] = {}  # by message id, oldest first
        self._sealed: set[int] = set()  # sessions whose encryption is told

    def message(self, data: bytes, at: Moment, *, whole: bool) -> None:
        """A message or compound, or (not `whole`) its beginning."""
        begin = 0
        before: tuple[Header, Command | None] | None = None
        for _ in range(MAX_COMPOUND):
            header = smb2.decode_header(data, begin)
            end = begin + header.next if header.next else len(data)
            if whole and end > len(data):
                raise Undecodable("smb", begin + 20, "next_command")
            body = Fields(data[begin:end])
            if header.response:
                self._response(header, body, at, whole)
                before = header, None
            else:
                if before is not None and header.flags & smb2.RELATED_FLAG:
                    header = header._replace(session_id=before[0].session_id, tree_id=before[0].tree_id)
                before = header, self._request(header, body, at, before[1] if before else None, whole)
            if not header.next or end >= len(data):
                return
            begin = end

    def sealed(self, data: bytes, at: Moment) -> None:
        """An encrypted message (MS-SMB2 §2.2.41): the first of each session is told, none is read."""
        if len(data) < 52:
            raise Undecodable("smb", len(data), "transform_cut")
        session = int.from_bytes(data[44:52], "little")
        if session not in self._sealed and len(self._sealed) < MAX_WAITING:
            self._sealed.add(session)
            self._hidden("encrypted", session, at)

    def compressed(self, at: Moment) -> None:
        """A compressed message (MS-SMB2 §2.2.42): the first is told, none is read."""
        if -1 not in self._sealed:
            self._sealed.add(-1)
            self._hidden("compressed", None, at)

    def _hidden(self, how: str, session: int | None, at: Moment) -> None:
        command = self._state.command(-1, "", at)
        command.fields = {how: True}
        put(command.fields, "session_id", session)
        self._state.tell(command)

    def finish(self) -> None:
        while self._waiting:
            self._state.tell(self._waiting.pop(next(iter(self._waiting))))

    def _request(self, header: Header, body: Fields, at: Moment, before: Command | None, whole: bool) -> Command:
        state = self._state
        command = state.command(header.command, smb2.COMMANDS[header.command], at)
        command.fields["session_id"] = header.session_id
        command.fields["tree_id"] = header.tree_id
        try:
            self._find_file(command, body, before)
            if handler := _REQUESTS.get(header.command):
                handler(state, command, body)
        except Undecodable as fault:
            spoil(command, fault, whole)
        if header.command == smb2.CANCEL:  # nothing answers it
            self._state.tell(command)
            return command
        if header.message_id in self._waiting:
            self._state.tell(self._waiting.pop(header.message_id))
        self._waiting[header.message_id] = command
        if len(self._waiting) > MAX_WAITING:
            self._state.tell(self._waiting.pop(next(iter(self._waiting))))
        return command

    def _find_file(self, command: Command, body: Fields, before: Command | None) -> None:
        ident = smb2.file_id(command.number, body)
        if ident == smb2.SAME_FILE and before is not None:
            command.related, command.opened, command.ident = before, before.opened, before.ident
        elif ident is not None:
            command.ident = ident
            command.opened = self._state.opens.get(ident)

    def _response(self, header: Header, body: Fields, at: Moment, whole: bool) -> None:
        if header.status == STATUS_PENDING and header.flags & smb2.ASYNC_FLAG:
            return  # an interim response; the final one has the same message id (MS-SMB2 §3.3.4.2)
        state = self._state
        command = self._waiting.pop(header.message_id, None)
        if command is None and header.command == smb2.NEGOTIATE:
            command, state.negotiating = state.negotiating, None
        if command is None or (command.number != header.command and header.command != smb2.NEGOTIATE):
            if command is not None:
                self._state.tell(command)
            command = state.command(header.command, smb2.COMMANDS[header.command], at)
            command.answered(header.status, at)
            command.event.pop("duration")
        else:
            command.answered(header.status, at)
        command.fields["session_id"] = header.session_id or command.fields.get("session_id", 0)
        command.fields["tree_id"] = header.tree_id or command.fields.get("tree_id", 0)
        if command.related is not None and not command.ident:
            command.ident = command.related.ident
        try:
            if header.command == smb2.SESSION_SETUP:
                _setup_response(state, command, body, header.status, at)
            elif not failed(header.status) and (handler := _RESPONSES.get(header.command)):
                handler(state, command, body, at)
            elif header.command == smb2.WRITE and command.opened is not None:
                command.opened.refused = True
        except Undecodable as fault:
            spoil(command, fault, whole)
        self._state.tell(command)


def _negotiate_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.negotiate_request(body)
    command.fields |= {"client_dialects": list(said.dialects), "client_guid": said.client_guid}


def _negotiate_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    said = smb2.negotiate_response(body)
    state.dialect = command.fields["dialect"] = said.dialect
    command.fields |= {
        "server_guid": said.server_guid,
        "max_read_size": said.max_read,
        "max_write_size": said.max_write,
        "signing_required": said.signing_required,
    }


def _setup_request(state: SmbState, command: Command, body: Fields) -> None:
    session = command.fields["session_id"]
    command.login = state.logins.get(session) if session else None
    if command.login is None:
        command.login = Login()
    command.login.token(smb2.setup_request(body), command.begun, state.beginnings)


def _setup_response(state: SmbState, command: Command, body: Fields, status: int, at: Moment) -> None:
    session = command.fields["session_id"]
    command.login = command.login or state.logins.get(session) or Login()
    if status == STATUS_MORE_PROCESSING or not failed(status):
        said = smb2.setup_response(body)
        command.login.token(said.token, at, state.beginnings)
        for name, value in (("guest", said.guest), ("anonymous", said.anonymous), ("encrypt_data", said.encrypted)):
            put(command.fields, name, value or None)
    if status == STATUS_MORE_PROCESSING:
        state.login(session, command.login)
    else:
        state.logged_in(session, command, not failed(status))


def _logoff_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    command.user = state.users.pop(command.fields["session_id"], {})


def _tree_request(state: SmbState, command: Command, body: Fields) -> None:
    command.tree = Tree(smb2.tree_request(body))
    put(command.fields, "share", command.tree.path or None)


def _tree_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    command.tree = command.tree or Tree("")
    command.tree.type = command.fields["share_type"] = smb2.tree_response(body)
    if command.tree.pipes:
        put(command.fields, "named_pipe", command.tree.path or None)
    state.tree(command.fields["tree_id"], command.tree)


def _untree_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    tree = state.trees.pop(command.fields["tree_id"], None)
    put(command.fields, "share", tree.path or None if tree else None)


def _create_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.create_request(body)
    tree = state.trees.get(command.fields["tree_id"])
    command.opened = Open(said.name, tree.path if tree else "", directory=said.directory)
    if tree is not None and tree.pipes:
        command.opened.pipe = state.opens.pipe(said.name)
    name = "directory" if said.directory and said.name else "filename"
    command.fields |= {name: said.name or "<share_root>", "disposition": said.disposition}
    command.fields |= access_fields(said.access, delete_on_close=said.delete_on_close)


def _create_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    ident, attributes = smb2.create_response(body)
    opened = command.opened = command.opened or Open()
    opened.described = None
    opened.attributes, opened.size = attributes, attributes.size
    opened.directory = opened.directory or bool(attributes.flags & 0x10)  # FILE_ATTRIBUTE_DIRECTORY
    opened.user = state.users.get(command.fields["session_id"], {})
    command.ident = ident
    command.fields |= times_fields(opened)
    command.fields["fuid"] = file_ident(ident)
    command.act("OPEN")
    state.opens.add(ident, opened)


def _close_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    command.act("CLOSE")
    state.opens.close(command.ident, clean=True, final=smb2.close_response(body))


def _named(state: SmbState, command: Command, body: Fields) -> None:
    """A command about an open file, and nothing more."""
    command.name_file()


def _read_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.read_request(body)
    command.offset = said.offset
    command.fields["offset"] = said.offset
    command.fields["length"] = said.size
    command.name_file()


def _read_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    said = smb2.read_response(body)
    command.act("READ")
    pass_data(state, command, READ, said._replace(offset=command.offset), at)


def _write_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.write_request(body)
    command.fields |= {"offset": said.offset, "length": said.size}
    pass_data(state, command, WRITE, said, command.begun)
    command.name_file()


def _write_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    command.act("WRITE")


def _ioctl_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.ioctl_request(body)
    command.fields["function"] = said.name
    command.name_file()
    if said.code == smb2.PIPE_TRANSCEIVE:
        pass_pipe(state, command, WRITE, said.data, command.begun)


def _ioctl_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    said = smb2.ioctl_response(body)
    command.fields["function"] = said.name
    if said.code == smb2.PIPE_TRANSCEIVE:
        pass_pipe(state, command, READ, said.data, at)


def _find_request(state: SmbState, command: Command, body: Fields) -> None:
    put(command.fields, "search_pattern", smb2.directory_pattern(body) or None)
    command.name_file()


def _get_info_request(state: SmbState, command: Command, body: Fields) -> None:
    said = smb2.query_info(body)
    command.fields["get_info"] = {"class": said.info_class, "info_level": said.level}
    command.name_file()


def _set_info_request(state: SmbState, command: Command, body: Fields) -> None:
    said = command.info = smb2.set_info(body)
    command.fields["set_info"] = {"class": said.info_class, "info_level": said.level}
    command.name_file()
    if said.code in (smb2.RENAME_INFO, smb2.RENAME_INFO_EX):
        command.fields["rename"] = {"from": command.fields.get("filename", ""), "to": smb2.renamed(said.data)}


def _set_info_response(state: SmbState, command: Command, body: Fields, at: Moment) -> None:
    if "rename" in command.fields:
        command.act("RENAME")
        if command.opened is not None:
            command.opened.name = command.fields["rename"]["to"]
            command.opened.described = None
    elif command.info is not None:
        deletes = command.info.code in (smb2.DISPOSITION_INFO, smb2.DISPOSITION_INFO_EX)
        command.act("DELETE" if deletes and command.info.data[:1] not in (b"", b"\0") else "SET_ATTRIBUTE")


_REQUESTS: dict[int, Callable[[SmbState, Command, Fields], None]] = {
    smb2.NEGOTIATE: _negotiate_request,
    smb2.SESSION_SETUP: _setup_request,
    smb2.TREE_CONNECT: _tree_request,
    smb2.CREATE: _create_request,
    smb2.CLOSE: _named,
    smb2.FLUSH: _named,
    smb2.LOCK: _named,
    smb2.CHANGE_NOTIFY: _named,
    smb2.READ: _read_request,
    smb2.WRITE: _write_request,
    smb2.IOCTL: _ioctl_request,
    smb2.QUERY_DIRECTORY: _find_request,
    smb2.QUERY_INFO: _get_info_request,
    smb2.SET_INFO: _set_info_request,
}
_RESPONSES: dict[int, Callable[[SmbState, Command, Fields, Moment], None]] = {
    smb2.NEGOTIATE: _negotiate_response,
    smb2.LOGOFF: _logoff_response,
    smb2.TREE_CONNECT: _tree_response,
    smb2.TREE_DISCONNECT: _untree_response,
    smb2.CREATE: _create_response,
    smb2.CLOSE: _close_response,
    smb2.READ: _read_response,
    smb2.WRITE: _write_response,
    smb2.IOCTL: _ioctl_response,
    smb2.SET_INFO: _set_info_response,
}
