"""Where the data of SMB reads and writes goes: into the content of an open file, or to the DCERPC on a pipe."""

from __future__ import annotations

from sensors.decode.fault import Undecodable
from sensors.decode.smb2 import Extent
from sensors.streams import Moment
from sensors.talks.smb_event import Command, SmbState
from sensors.talks.smb_files import WRITE, Open, speaks_rpc


def pass_data(state: SmbState, command: Command, direction: int, extent: Extent, at: Moment) -> None:
    """The data of a READ's response or a WRITE's request; what is not here yet follows through `state.sink`."""
    opened = _opened(state, command, extent.data)
    if opened is None or not extent.size:
        return
    if opened.pipe is not None:
        pass_pipe(state, command, direction, extent.data, at)
        return
    stretch = state.opens.passing(opened, direction, at).at(extent.offset)
    stretch.add(extent.data)
    if len(extent.data) < extent.size:
        state.sink = stretch


def pass_pipe(state: SmbState, command: Command, direction: int, data: bytes, at: Moment) -> None:
    """Data written to a pipe or read from it. What breaks DCERPC is marked, and the pipe begins anew."""
    opened = _opened(state, command, data)
    if opened is None or opened.pipe is None or not data:
        return
    opened.pipe.user = opened.pipe.user or opened.user
    opened.pipe.told = {}
    try:
        opened.pipe.data(0 if direction == WRITE else 1, data, at)
    except Undecodable as fault:
        command.fields["dcerpc"] = {"malformed": fault.reason}
        opened.pipe.close()
        opened.pipe = state.opens.pipe(opened.name)
    if opened.pipe.told:
        command.fields.setdefault("dcerpc", {}).update(opened.pipe.told)


def _opened(state: SmbState, command: Command, data: bytes) -> Open | None:
    """The open file that a command is about; one whose opening was not seen is known from here on."""
    if command.opened is None and command.ident:
        command.opened = state.opens.get(command.ident)
        if command.opened is None:
            command.opened = Open(pipe=state.opens.pipe("") if speaks_rpc(data) else None)
            state.opens.add(command.ident, command.opened)
    return command.opened
