"""SMB 2 and 3 messages (MS-SMB2 §2.2). Offsets in messages count from their header's first octet."""

from __future__ import annotations

import struct
from struct import Struct
from typing import Any, NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.windows import eve_guid, utf16

PLAIN, SEALED, COMPRESSED = b"\xfeSMB", b"\xfdSMB", b"\xfcSMB"
HEADER = 64

NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT, TREE_DISCONNECT, CREATE, CLOSE, FLUSH, READ, WRITE = range(10)
LOCK, IOCTL, CANCEL, ECHO, QUERY_DIRECTORY, CHANGE_NOTIFY, QUERY_INFO, SET_INFO, OPLOCK_BREAK = range(10, 19)

#: As Suricata names them in EVE.
COMMANDS = (
    "SMB2_COMMAND_NEGOTIATE_PROTOCOL", "SMB2_COMMAND_SESSION_SETUP", "SMB2_COMMAND_SESSION_LOGOFF",
    "SMB2_COMMAND_TREE_CONNECT", "SMB2_COMMAND_TREE_DISCONNECT", "SMB2_COMMAND_CREATE", "SMB2_COMMAND_CLOSE",
    "SMB2_COMMAND_FLUSH", "SMB2_COMMAND_READ", "SMB2_COMMAND_WRITE", "SMB2_COMMAND_LOCK", "SMB2_COMMAND_IOCTL",
    "SMB2_COMMAND_CANCEL", "SMB2_COMMAND_KEEPALIVE", "SMB2_COMMAND_FIND", "SMB2_COMMAND_CHANGE_NOTIFY",
    "SMB2_COMMAND_GET_INFO", "SMB2_COMMAND_SET_INFO", "SMB2_COMMAND_OPLOCK_BREAK",
)  # fmt: skip

RESPONSE_FLAG, ASYNC_FLAG, RELATED_FLAG = 0x1, 0x2, 0x4
#: A file id that stands for that of the command before it in a compound (MS-SMB2 §3.2.4.1.4).
SAME_FILE = b"\xff" * 16

#: Dialects read of one negotiation.
MAX_DIALECTS = 64

PIPE_TRANSCEIVE = 0x0011C017
_FUNCTIONS = {
    0x00060194: "FSCTL_DFS_GET_REFERRALS",
    0x000601B0: "FSCTL_DFS_GET_REFERRALS_EX",
    0x0009009C: "FSCTL_GET_OBJECT_ID",
    0x000900A4: "FSCTL_SET_REPARSE_POINT",
    0x000900A8: "FSCTL_GET_REPARSE_POINT",
    0x000900C0: "FSCTL_CREATE_OR_GET_OBJECT_ID",
    0x000900C4: "FSCTL_SET_SPARSE",
    0x000980C8: "FSCTL_SET_ZERO_DATA",
    0x00098208: "FSCTL_FILE_LEVEL_TRIM",
    0x000940CF: "FSCTL_QUERY_ALLOCATED_RANGES",
    0x00110018: "FSCTL_PIPE_WAIT",
    0x0011400C: "FSCTL_PIPE_PEEK",
    0x0011C017: "FSCTL_PIPE_TRANSCEIVE",
    0x00140078: "FSCTL_SRV_REQUEST_RESUME_KEY",
    0x00144064: "FSCTL_SRV_ENUMERATE_SNAPSHOTS",
    0x001401D4: "FSCTL_LMR_REQUEST_RESILIENCY",
    0x001401FC: "FSCTL_QUERY_NETWORK_INTERFACE_INFO",
    0x00140204: "FSCTL_VALIDATE_NEGOTIATE_INFO",
    0x001440F2: "FSCTL_SRV_COPYCHUNK",
    0x001480F2: "FSCTL_SRV_COPYCHUNK_WRITE",
    0x001441BB: "FSCTL_SRV_READ_HASH",
}
DISPOSITIONS = (
    "FILE_SUPERSEDE", "FILE_OPEN", "FILE_CREATE", "FILE_OPEN_IF", "FILE_OVERWRITE", "FILE_OVERWRITE_IF",
)  # fmt: skip
_SHARE_TYPES = {1: "FILE", 2: "PIPE", 3: "PRINT"}

#: MS-FSCC §2.4: the classes of SET_INFO that matter here, and their names.
RENAME_INFO, DISPOSITION_INFO, DISPOSITION_INFO_EX, RENAME_INFO_EX = 10, 13, 64, 65
_FILE_CLASSES = {
    1: "FileDirectoryInformation", 2: "FileFullDirectoryInformation", 3: "FileBothDirectoryInformation",
    4: "FileBasicInformation", 5: "FileStandardInformation", 6: "FileInternalInformation", 7: "FileEaInformation",
    8: "FileAccessInformation", 9: "FileNameInformation", 10: "FileRenameInformation", 11: "FileLinkInformation",
    12: "FileNamesInformation", 13: "FileDispositionInformation", 14: "FilePositionInformation",
    15: "FileFullEaInformation", 16: "FileModeInformation", 18: "FileAllInformation", 19: "FileAllocationInformation",
    20: "FileEndOfFileInformation", 21: "FileAlternateNameInformation", 22: "FileStreamInformation",
    23: "FilePipeInformation", 24: "FilePipeLocalInformation", 34: "FileNetworkOpenInformation",
    35: "FileAttributeTagInformation", 37: "FileIdBothDirectoryInformation", 38: "FileIdFullDirectoryInformation",
    48: "FileNormalizedNameInformation", 60: "FileIdExtdDirectoryInformation", 64: "FileDispositionInformationEx",
    65: "FileRenameInformationEx",
}  # fmt: skip
_SYSTEM_CLASSES = {
    1: "FileFsVolumeInformation", 3: "FileFsSizeInformation", 4: "FileFsDeviceInformation",
    5: "FileFsAttributeInformation", 6: "FileFsControlInformation", 7: "FileFsFullSizeInformation",
    8: "FileFsObjectIdInformation", 11: "FileFsSectorSizeInformation",
}  # fmt: skip
#: MS-SMB2 §2.2.39 InfoType, as Suricata's `info_level` names it.
_INFO_LEVELS = {
    1: "SMB2_0_INFO_FILE", 2: "SMB2_0_INFO_FILESYSTEM", 3: "SMB2_0_INFO_SECURITY", 4: "SMB2_0_INFO_QUOTA",
}  # fmt: skip


#: MS-SMB2 §2.2.1: protocol, size, status, command, flags, next command, message id, tree id, session id.
_HEADER = Struct("<4sHxxIHxxIIQ4xIQ")
#: The numbers of bodies, by where the first of them stands behind the header: those of MS-SMB2 §2.2.5, .6, .9, .13,
#: .14, .16, .19, .20, .21, .31, .32, .33, .37 and .39.
_SETUP_REQUEST, _SETUP_RESPONSE, _TREE_REQUEST = (12, Struct("<HH")), (2, Struct("<HHH")), (4, Struct("<HH"))
_CREATE_REQUEST, _CREATE_RESPONSE = (24, Struct("<II4xIIHH")), (8, Struct("<4Q8xQI4x16s"))
_CLOSE_RESPONSE = (8, Struct("<4Q8xQI"))
_READ_REQUEST, _READ_RESPONSE, _WRITE_REQUEST = (4, Struct("<IQ")), (2, Struct("<BxI")), (2, Struct("<HIQ"))
_IOCTL_REQUEST, _IOCTL_RESPONSE = (4, Struct("<I16xII")), (4, Struct("<I24xII"))
_DIRECTORY_PATTERN, _QUERY_INFO, _SET_INFO = (24, Struct("<HH")), (2, Struct("<BB")), (2, Struct("<BBIH"))


class Header(NamedTuple):
    command: int
    status: int
    flags: int
    next: int
    message_id: int
    tree_id: int
    session_id: int

    @property
    def response(self) -> bool:
        return bool(self.flags & RESPONSE_FLAG)


def decode_header(data: bytes, at: int = 0) -> Header:
    """The header of a message in the clear (MS-SMB2 §2.2.1)."""
    try:
        protocol, size, status, command, flags, following, message_id, tree_id, session_id = _HEADER.unpack_from(
            data, at
        )
    except struct.error as error:
        raise Undecodable("smb", at, "header_cut") from error
    if protocol != PLAIN or size != HEADER or command > OPLOCK_BREAK:
        raise Undecodable("smb", at, "header")
    if following and (following < HEADER or following % 8):
        raise Undecodable("smb", at + 20, "next_command")
    if flags & ASYNC_FLAG:
        tree_id = 0  # the place is taken by half of the async id
    return Header(command, status, flags, following, message_id, tree_id, session_id)


def dialect_text(dialect: int) -> str:
    """`2.10`, `3.11`, as Suricata writes it; `2.??` is the wildcard."""
    return "2.??" if dialect == 0x02FF else f"{dialect >> 8}.{dialect & 0xFF:02x}"


class Fields:
    """The numbers and buffers of one message's body; every miss is Undecodable."""

    __slots__ = ("_data",)

    def __init__(self, message: bytes) -> None:
        self._data = message

    def number(self, at: int, size: int) -> int:
        """The little-endian number so many octets behind the header."""
        at += HEADER
        if at + size > len(self._data):
            raise Undecodable("smb", at, "body_cut")
        return int.from_bytes(self._data[at : at + size], "little")

    def numbers(self, layout: tuple[int, Struct]) -> tuple[Any, ...]:
        """Those of one of the layouts above."""
        at, fields = layout
        try:
            return fields.unpack_from(self._data, HEADER + at)
        except struct.error as error:
            raise Undecodable("smb", HEADER + at, "body_cut") from error

    def octets(self, at: int, size: int) -> bytes:
        at += HEADER
        if at + size > len(self._data):
            raise Undecodable("smb", at, "body_cut")
        return self._data[at : at + size]

    def buffer(self, offset: int, size: int) -> bytes:
        """The `size` octets at `offset` from the header's beginning."""
        if not size:
            return b""
        if offset < HEADER or offset + size > len(self._data):
            raise Undecodable("smb", offset, "buffer")
        return self._data[offset : offset + size]

    def begun(self, offset: int, size: int) -> bytes:
        """As much of a buffer as is here: bulk data may go on behind what is kept of a message."""
        if size and not HEADER <= offset <= len(self._data):
            raise Undecodable("smb", offset, "buffer")
        return self._data[offset : offset + size]


class Negotiation(NamedTuple):
    dialects: tuple[str, ...]
    client_guid: str


def negotiate_request(body: Fields) -> Negotiation:
    count = min(body.number(2, 2), MAX_DIALECTS)
    dialects = tuple(dialect_text(body.number(36 + 2 * at, 2)) for at in range(count))
    return Negotiation(dialects, eve_guid(body.octets(12, 16)))


class Agreement(NamedTuple):
    dialect: str
    server_guid: str
    max_read: int
    max_write: int
    signing_required: bool
    token: bytes


def negotiate_response(body: Fields) -> Agreement:
    token = body.buffer(body.number(56, 2), body.number(58, 2))
    return Agreement(
        dialect_text(body.number(4, 2)),
        eve_guid(body.octets(8, 16)),
        body.number(32, 4),
        body.number(36, 4),
        bool(body.number(2, 2) & 2),
        token,
    )


def setup_request(body: Fields) -> bytes:
    """The security token."""
    return body.buffer(*body.numbers(_SETUP_REQUEST))


class Setup(NamedTuple):
    token: bytes
    guest: bool
    anonymous: bool
    encrypted: bool


def setup_response(body: Fields) -> Setup:
    flags, offset, size = body.numbers(_SETUP_RESPONSE)
    return Setup(body.buffer(offset, size), bool(flags & 1), bool(flags & 2), bool(flags & 4))


def tree_request(body: Fields) -> str:
    """The share's path, `\\\\server\\share`."""
    return utf16(body.buffer(*body.numbers(_TREE_REQUEST)))


def tree_response(body: Fields) -> str:
    return _SHARE_TYPES.get(body.number(2, 1), "UNKNOWN")


class Create(NamedTuple):
    name: str
    access: int
    attributes: int
    disposition: str
    options: int

    @property
    def directory(self) -> bool:
        return bool(self.options & 0x1)

    @property
    def delete_on_close(self) -> bool:
        return bool(self.options & 0x1000)


def create_request(body: Fields) -> Create:
    access, attributes, disposition, options, offset, size = body.numbers(_CREATE_REQUEST)
    name = utf16(body.buffer(offset, size))
    known = DISPOSITIONS[disposition] if disposition < len(DISPOSITIONS) else "UNKNOWN"
    return Create(name, access, attributes, known, options)


class Attributes(NamedTuple):
    """Times are FILETIME; `size` is the end of the file."""

    created: int
    accessed: int
    modified: int
    changed: int
    size: int
    flags: int


def create_response(body: Fields) -> tuple[bytes, Attributes]:
    """The file id, and what the file is."""
    *attributes, ident = body.numbers(_CREATE_RESPONSE)
    return ident, Attributes(*attributes)


def close_response(body: Fields) -> Attributes | None:
    """What the file was at its end, where the client asked for it."""
    if not body.number(2, 2) & 1:
        return None
    return Attributes(*body.numbers(_CLOSE_RESPONSE))


#: Where the file id stands in the requests that have one.
_FILE_ID_AT = {
    CLOSE: 8, FLUSH: 8, READ: 16, WRITE: 16, LOCK: 8, IOCTL: 8, QUERY_DIRECTORY: 8, CHANGE_NOTIFY: 8, QUERY_INFO: 24,
    SET_INFO: 16,
}  # fmt: skip


def file_id(command: int, body: Fields) -> bytes | None:
    at = _FILE_ID_AT.get(command)
    return None if at is None else body.octets(at, 16)


class Extent(NamedTuple):
    """A stretch of a file: what a READ asks for, or a WRITE brings; `data` is as much of it as is here."""

    offset: int
    size: int
    data: bytes = b""


def read_request(body: Fields) -> Extent:
    size, offset = body.numbers(_READ_REQUEST)
    return Extent(offset, size)


def read_response(body: Fields) -> Extent:
    """The offset is the request's to know."""
    begin, size = body.numbers(_READ_RESPONSE)
    return Extent(0, size, body.begun(begin, size))


def write_request(body: Fields) -> Extent:
    begin, size, offset = body.numbers(_WRITE_REQUEST)
    return Extent(offset, size, body.begun(begin, size))


class Control(NamedTuple):
    code: int
    name: str
    data: bytes


def ioctl_request(body: Fields) -> Control:
    code, begin, size = body.numbers(_IOCTL_REQUEST)
    return Control(code, _function(code), body.begun(begin, size))


def ioctl_response(body: Fields) -> Control:
    code, begin, size = body.numbers(_IOCTL_RESPONSE)
    return Control(code, _function(code), body.begun(begin, size))


def _function(code: int) -> str:
    return _FUNCTIONS.get(code, f"0x{code:08x}")


def directory_pattern(body: Fields) -> str:
    return utf16(body.buffer(*body.numbers(_DIRECTORY_PATTERN)))


class Info(NamedTuple):
    """`info_class` and `level` as Suricata names them; `code` is the class's number where the level is a file's."""

    info_class: str
    level: str
    code: int
    data: bytes = b""


def query_info(body: Fields) -> Info:
    kind, code = body.numbers(_QUERY_INFO)
    return _info(kind, code, b"")


def set_info(body: Fields) -> Info:
    kind, code, size, begin = body.numbers(_SET_INFO)
    return _info(kind, code, body.begun(begin, size))


def _info(kind: int, code: int, data: bytes) -> Info:
    names = _FILE_CLASSES if kind == 1 else _SYSTEM_CLASSES if kind == 2 else {}
    return Info(names.get(code, str(code)), _INFO_LEVELS.get(kind, str(kind)), code if kind == 1 else -1, data)


def renamed(data: bytes) -> str:
    """The new name in FileRenameInformation (MS-FSCC §2.4.43)."""
    if len(data) < 20:
        raise Undecodable("smb", len(data), "rename_cut")
    size = int.from_bytes(data[16:20], "little")
    if 20 + size > len(data):
        raise Undecodable("smb", 16, "rename_name")
    return utf16(data[20 : 20 + size])
