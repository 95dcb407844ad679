"""What goes by on the pipes that are open in SMB sessions: DCERPC. `sensors.talks.smb_pass` says the same."""

from __future__ import annotations

import numpy as np

from sensors.loops.dcerpc import rpc_hears
from sensors.loops.kept import ENTRY_HEAD, entry_find, entry_number
from sensors.loops.smb_event import smb_put_who
from sensors.loops.smb_kept import B_RPC, Q_PIPE, SMB_OPEN, smb_file_session, smb_text
from sensors.loops.smb_words import smb_put_text
from sensors.loops.world import World

#: Where `scratch` has a pipe's name and its user while DCERPC is heard.
_SMB_PIPE_TEXT, _SMB_USER_TEXT = 2_048, 4_096


def smb_pipe_text(w: World, slot: int, number: int) -> int:
    """The name of an open pipe in `scratch`, as JSON: where it begins << 16 | where it ends; 0 where it has none."""
    text = smb_text(w.pool, entry_find(w, slot, SMB_OPEN, number) + ENTRY_HEAD)
    if not text & 0xFFFFFFFF:
        return 0
    end = smb_put_text(w.scratch, _SMB_PIPE_TEXT, w.pool, text >> 32, text & 0xFFFFFFFF)
    return _SMB_PIPE_TEXT << 16 | end


def smb_user_text(w: World, slot: int, number: int) -> int:
    """The same of who opened it."""
    end = smb_put_who(w, w.scratch, _SMB_USER_TEXT, slot, smb_file_session(w, slot, number))
    return _SMB_USER_TEXT << 16 | end if end > _SMB_USER_TEXT else 0


def smb_is_open_pipe(w: World, slot: int, number: int) -> bool:
    return entry_number(w, entry_find(w, slot, SMB_OPEN, number), Q_PIPE) != 0


def smb_passes(
    w: World, flow: int, slot: int, number: int, side: int, at: int, stop: int, position: int, ns: int
) -> int:
    """What DCERPC told of data in `scratch` that was written to a pipe (side 0) or read from it; -1 where it is not for
    the loops. Entries move."""
    pipe, user = smb_pipe_text(w, slot, number), smb_user_text(w, slot, number)
    data = w.scratch.view(np.int8)
    return int(rpc_hears(w, flow, slot, number, B_RPC, side, data, at, stop, position, ns, pipe, user))


LOOPS = (smb_pipe_text, smb_user_text, smb_is_open_pipe, smb_passes)
