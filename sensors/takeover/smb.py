"""SMB outside the loops: connections that they leave, and what logins without NTLM tell."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache

import orjson

from sensors.decode import dcerpc as rpc
from sensors.decode import netbios, smb2
from sensors.loops import smb_kept as kept
from sensors.loops.dcerpc_kept import rpc_told_binds, rpc_told_request
from sensors.loops.kept import E_OWN
from sensors.loops.smb_content import HOLE_CONTENT, smb_body
from sensors.loops.smb_login import HOLE_LOGIN
from sensors.loops.world import S_FLOW, S_ORDINALS
from sensors.streams import Moment
from sensors.takeover.dcerpc import restore
from sensors.takeover.entries import Entry, entries
from sensors.takeover.http import Bodies
from sensors.talks.body import Body
from sensors.talks.login import Login
from sensors.talks.smb import SmbTalk
from sensors.talks.smb_event import Command
from sensors.talks.smb_files import Open
from sensors.talks.smb_passage import Passage
from sensors.talks.talk import Beginnings
from vonggac.domain.event import Document

#: A slot's columns of ordinals by dataset.
_ORDINALS = {"smb": S_ORDINALS, "ntlm": kept.B_NTLM, "dcerpc": kept.B_RPC, "file": kept.B_FILE}
_OPENED, _RELATED = kept.Q_OPENED - E_OWN, kept.Q_RELATED - E_OWN
_TOLD, _SIZE, _NTLM = kept.Q_TOLD - E_OWN, kept.Q_SIZE - E_OWN, kept.Q_NTLM - E_OWN
#: Where a response that opened a file has its id.
_ID = slice(kept.SMB_HEADER + 64, kept.SMB_HEADER + 80)


def take_over(row: list[int], area: bytes, bodies: Bodies) -> SmbTalk:
    """The talk that heard what the loops did; `row` and `area` are the slot's."""
    talk, known = SmbTalk(), entries(row, area)
    state = talk._state
    if row[kept.B_DIALECT]:
        state.dialect = smb2.dialect_text(row[kept.B_DIALECT] & 0xFFFF)
    makers = _replay(talk, known)
    _adjust(talk, known, makers, row[S_FLOW], bodies)
    state.found.clear()
    for dataset, column in _ORDINALS.items():
        state.beginnings._last.pop(dataset, None)
        if row[column] >= 0:
            state.beginnings._last[dataset] = (row[column], row[column + 1])
    return talk


def _replay(talk: SmbTalk, known: list[Entry]) -> dict[int, Command]:
    """The talk hears what is kept. The commands that did not open a file, by the file's number."""
    makers: dict[int, Command] = {}
    for entry in known:
        if entry.kind == kept.SMB_HALF:
            here = talk._sides[entry.owner]
            here.buffer += entry.data
            here.begun = entry.begun
        elif entry.kind <= kept.SMB_USER_SAID or entry.kind == kept.SMB_FAILED:
            talk._message(talk._sides[0], netbios.MESSAGE, entry.data, entry.begun, whole=True)
        if entry.kind == kept.SMB_FAILED:
            makers[entry.owner] = talk._smb2._waiting.popitem()[1]
    return makers


def _adjust(talk: SmbTalk, known: list[Entry], makers: dict[int, Command], flow: int, bodies: Bodies) -> None:
    """The talk knows what is not in the messages that are kept."""
    state = talk._state
    files = {entry.owner: state.opens.get(entry.data[_ID]) for entry in known if entry.kind == kept.SMB_OPEN_SAID}
    for number, opened in files.items():
        if opened is not None and opened.pipe is not None:
            opened.pipe.user = opened.user
            restore(opened.pipe, state.found, known, number)
    for entry in known:
        if entry.kind == kept.SMB_WAITS:
            _wait(talk, entry)
            _relate(talk, entry, files, makers)
        elif entry.kind == kept.SMB_LOGIN:
            state.logins[entry.owner]._ordinal = entry.own[_NTLM] - 1
        elif entry.kind == kept.SMB_CONTENT:
            _go_by(files[entry.owner >> 1], entry, flow, bodies)
        elif entry.kind == kept.SMB_OPEN:
            _refuse(files[entry.owner], entry)
        elif entry.kind == kept.SMB_OLD and state.negotiating is not None:
            state.negotiating.ordinal = entry.ordinal


def _go_by(opened: Open | None, entry: Entry, flow: int, bodies: Bodies) -> None:
    """What went by of a file's content."""
    if opened is not None:
        way = entry.owner & 1
        passage = opened.passages[way] = Passage(entry.begun, entry.ordinal)
        passage.body = bodies.pop(smb_body(flow, entry.owner >> 1, way)) or Body()
        passage.next = entry.own[kept.Q_NEXT - E_OWN]


def _refuse(opened: Open | None, entry: Entry) -> None:
    if opened is not None:
        opened.refused = bool(entry.own[kept.Q_REFUSED - E_OWN])


def _relate(talk: SmbTalk, entry: Entry, files: dict[int, Open | None], makers: dict[int, Command]) -> None:
    """A request about the file that its compound opens knows of it. What is to open a file or did not open it is in
    `makers`, by the file's number."""
    command, number = talk._smb2._waiting[entry.owner], entry.own[_OPENED]
    if command.number == smb2.CREATE:
        makers[number] = command
    if command.number == smb2.CREATE or not entry.own[_RELATED]:
        return
    command.ident, command.related = b"", makers.get(number)
    if command.related is None:
        command.opened = files[number]
        command.ident = next(ident for ident, opened in talk._state.opens._opens.items() if opened is command.opened)
        command.name_file()
        command.fields.pop("fuid")
    else:
        command.opened = command.related.opened
        command.name_file()
        makers[number] = command


def _wait(talk: SmbTalk, entry: Entry) -> None:
    """What a request that waits says beyond what is kept of it."""
    command = talk._smb2._waiting[entry.owner]
    command.ordinal = entry.ordinal
    if command.login is not None and entry.own[_NTLM]:
        command.login._ordinal = entry.own[_NTLM] - 1
    if command.number == smb2.WRITE:
        command.fields["length"] = entry.own[_SIZE]
    if entry.own[_TOLD]:
        _tell_rpc(command, entry.own[_TOLD])


def _tell_rpc(command: Command, told: int) -> None:
    """What DCERPC told of the data that a request brought, where the talk puts it."""
    operation, request = (told >> 32 & 0x1FFFF) - 1, rpc_told_request(told)
    said: Document = {"call_id": told & 0xFFFFFFFF}
    if request >= 0:
        said["request"] = rpc.TYPES[request]
    if operation >= 0:
        said["opnum"] = operation
    pipe = command.opened.pipe if command.opened is not None else None
    call = pipe._calls.get(told & 0xFFFFFFFF) if pipe is not None else None
    if call is not None and rpc_told_binds(told):
        said["interfaces"] = call.fields["interfaces"]  # what the answer says of them is written into the same list
    behind: Document = {name: command.fields.pop(name) for name in ("filename", "fuid") if command.number == smb2.WRITE
              and name in command.fields}  # fmt: skip
    command.fields["dcerpc"] = said
    command.fields |= behind


@lru_cache(maxsize=256)
def _login(about: bytes) -> bytes:
    """What a command says of a login, of the tokens of its request and its response."""
    login = Login()
    for token in about.split(b"\n"):
        login.token(bytes.fromhex(token.decode()), Moment(0, 0), Beginnings())
    fields = login.fields
    return b"," + orjson.dumps(fields)[1:-1] if fields else b""


def holes(bodies: Bodies) -> dict[bytes, Callable[[bytes], bytes]]:
    """What goes into the holes of the loops' events."""

    def hashes(about: bytes) -> bytes:
        """Those of a content, which is told with that."""
        body = bodies.pop(int(about))
        return b',"hash":' + orjson.dumps(body.digests) if body is not None and body.digests else b""

    return {HOLE_LOGIN: _login, HOLE_CONTENT: hashes}
