"""SMB 1 messages (MS-CIFS §2.2, MS-SMB §2.2): header, the blocks of an AndX chain, and what is read of each command."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.fault import Undecodable
from sensors.decode.smb2 import DISPOSITIONS, Attributes, Create, Extent
from sensors.decode.windows import eve_guid, octets, utf16

PLAIN = b"\xffSMB"
HEADER = 32

#: Commands read of one AndX chain, and dialects of one negotiation.
MAX_CHAIN = 8
MAX_DIALECTS = 64

CREATE_DIRECTORY, DELETE_DIRECTORY, CLOSE, FLUSH, DELETE, RENAME, QUERY_INFORMATION = 0x00, 0x01, 4, 5, 6, 7, 8
READ, WRITE, CHECK_DIRECTORY, TRANS, TRANS_SECONDARY, ECHO, OPEN_ANDX = 0x0A, 0x0B, 0x10, 0x25, 0x26, 0x2B, 0x2D
READ_ANDX, WRITE_ANDX, TRANS2, TRANS2_SECONDARY, TREE_CONNECT, TREE_DISCONNECT = 0x2E, 0x2F, 0x32, 0x33, 0x70, 0x71
NEGOTIATE, SESSION_SETUP, LOGOFF, TREE_CONNECT_ANDX = 0x72, 0x73, 0x74, 0x75
NT_TRANS, NT_TRANS_SECONDARY, NT_CREATE, NT_CANCEL, NO_ANDX = 0xA0, 0xA1, 0xA2, 0xA4, 0xFF

_NAMES = {
    0x00: "CREATE_DIRECTORY", 0x01: "DELETE_DIRECTORY", 0x02: "OPEN", 0x03: "CREATE", 0x04: "CLOSE", 0x05: "FLUSH",
    0x06: "DELETE", 0x07: "RENAME", 0x08: "QUERY_INFORMATION", 0x09: "SET_INFORMATION", 0x0A: "READ", 0x0B: "WRITE",
    0x0C: "LOCK_BYTE_RANGE", 0x0D: "UNLOCK_BYTE_RANGE", 0x0E: "CREATE_TEMPORARY", 0x0F: "CREATE_NEW",
    0x10: "CHECK_DIRECTORY", 0x11: "PROCESS_EXIT", 0x12: "SEEK", 0x13: "LOCK_AND_READ", 0x14: "WRITE_AND_UNLOCK",
    0x22: "SET_INFORMATION2", 0x23: "QUERY_INFORMATION2", 0x24: "LOCKING_ANDX", 0x25: "TRANS",
    0x26: "TRANS_SECONDARY", 0x2B: "ECHO", 0x2C: "WRITE_AND_CLOSE", 0x2D: "OPEN_ANDX", 0x2E: "READ_ANDX",
    0x2F: "WRITE_ANDX", 0x32: "TRANS2", 0x33: "TRANS2_SECONDARY", 0x34: "FIND_CLOSE2", 0x35: "FIND_NOTIFY_CLOSE",
    0x70: "TREE_CONNECT", 0x71: "TREE_DISCONNECT", 0x72: "NEGOTIATE_PROTOCOL", 0x73: "SESSION_SETUP_ANDX",
    0x74: "LOGOFF_ANDX", 0x75: "TREE_CONNECT_ANDX", 0x80: "QUERY_INFO_DISK", 0x81: "SEARCH", 0x82: "FIND",
    0x83: "FIND_UNIQUE", 0x84: "FIND_CLOSE", 0xA0: "NT_TRANS", 0xA1: "NT_TRANS_SECONDARY", 0xA2: "NT_CREATE_ANDX",
    0xA4: "NT_CANCEL", 0xA5: "NT_RENAME", 0xC0: "OPEN_PRINT_FILE", 0xC1: "WRITE_PRINT_FILE", 0xC2: "CLOSE_PRINT_FILE",
}  # fmt: skip
#: Commands whose first words lead to a next command (MS-CIFS §2.2.3.4).
_ANDX = frozenset((0x24, 0x2D, 0x2E, 0x2F, 0x73, 0x74, 0x75, 0xA2))
_TRANS2 = {
    0: "OPEN2", 1: "FIND_FIRST2", 2: "FIND_NEXT2", 3: "QUERY_FS_INFORMATION", 4: "SET_FS_INFORMATION",
    5: "QUERY_PATH_INFORMATION", 6: "SET_PATH_INFORMATION", 7: "QUERY_FILE_INFORMATION", 8: "SET_FILE_INFORMATION",
    9: "FSCTL", 10: "IOCTL2", 11: "FIND_NOTIFY_FIRST", 12: "FIND_NOTIFY_NEXT", 13: "CREATE_DIRECTORY",
    14: "SESSION_SETUP", 16: "GET_DFS_REFERRAL", 17: "REPORT_DFS_INCONSISTENCY",
}  # fmt: skip
_PIPE_FUNCTIONS = {
    0x01: "SET_NMPIPE_STATE", 0x11: "RAW_READ_NMPIPE", 0x21: "QUERY_NMPIPE_STATE", 0x22: "QUERY_NMPIPE_INFO",
    0x23: "PEEK_NMPIPE", 0x26: "TRANSACT_NMPIPE", 0x31: "RAW_WRITE_NMPIPE", 0x36: "READ_NMPIPE", 0x37: "WRITE_NMPIPE",
    0x53: "WAIT_NMPIPE", 0x54: "CALL_NMPIPE",
}  # fmt: skip
_NT_FUNCTIONS = {
    1: "NT_TRANSACT_CREATE", 2: "NT_TRANSACT_IOCTL", 3: "NT_TRANSACT_SET_SECURITY_DESC",
    4: "NT_TRANSACT_NOTIFY_CHANGE", 5: "NT_TRANSACT_RENAME", 6: "NT_TRANSACT_QUERY_SECURITY_DESC",
    7: "NT_TRANSACT_GET_USER_QUOTA", 8: "NT_TRANSACT_SET_USER_QUOTA",
}  # fmt: skip
TRANSACT_PIPE = 0x26
#: MS-CIFS §2.2.1.4: what a share is, in Suricata's words.
SERVICES = {"A:": "FILE", "IPC": "PIPE", "LPT1:": "PRINT"}

_UNICODE, _NT_STATUS = 0x8000, 0x4000
_EXTENDED_SECURITY = 0x80000000


class Header(NamedTuple):
    command: int
    status: int
    response: bool
    nt_status: bool
    unicode: bool
    tree: int
    process: int
    user: int
    multiplex: int


def command_name(command: int) -> str:
    name = _NAMES.get(command)
    return f"SMB1_COMMAND_{name}" if name else f"SMB1_COMMAND_0x{command:02x}"


def decode_header(data: bytes) -> Header:
    """MS-CIFS §2.2.3.1."""
    if len(data) < HEADER or data[:4] != PLAIN:
        raise Undecodable("smb", 0, "header_cut")
    command, status, flags, flags2, high = unpack_from("<BIBHH", data, 4)
    tree, low, user, multiplex = unpack_from("<HHHH", data, 24)
    return Header(
        command, status, bool(flags & 0x80), bool(flags2 & _NT_STATUS), bool(flags2 & _UNICODE), tree,
        high << 16 | low, user, multiplex,
    )  # fmt: skip


class Block(NamedTuple):
    """One command of a message: its words, and where in the message its bytes are."""

    command: int
    words: bytes
    message: bytes
    begin: int
    unicode: bool

    def word(self, at: int, size: int = 2) -> int:
        if at + size > len(self.words):
            raise Undecodable("smb", at, "words_cut")
        return int.from_bytes(self.words[at : at + size], "little")

    def text(self, at: int, *, wide: bool | None = None) -> tuple[str, int]:
        """The NUL-terminated string at `at` in the message, and where it ends. UTF-16 is aligned to the header."""
        if not (self.unicode if wide is None else wide):
            end = self.message.find(b"\0", at)
            end = len(self.message) if end < 0 else end
            return octets(self.message[at:end]), end + 1
        at += at & 1
        end = at
        while (end := self.message.find(b"\0\0", end)) >= 0 and (end - at) & 1:
            end += 1
        end = len(self.message) if end < 0 else end
        return utf16(self.message[at:end]), end + 2

    def piece(self, offset: int, size: int) -> bytes:
        """As much as is here of what stands at `offset` in the message."""
        if size and not HEADER <= offset <= len(self.message):
            raise Undecodable("smb", offset, "buffer")
        return self.message[offset : offset + size]


def blocks(data: bytes, header: Header) -> list[Block]:
    """The commands of an AndX chain; where one is cut, those before it."""
    found: list[Block] = []
    command, at = header.command, HEADER
    while len(found) < MAX_CHAIN:
        if at >= len(data):
            break
        end = at + 1 + 2 * data[at]
        if end + 2 > len(data):
            if not found:
                raise Undecodable("smb", at, "words_cut")
            break
        found.append(Block(command, data[at + 1 : end], data, end + 2, header.unicode))
        if command not in _ANDX or data[at] < 2:
            break
        command, following = found[-1].words[0], found[-1].word(2)
        if command == NO_ANDX or following <= at:  # only forwards: no loops
            break
        at = following
    if not found:
        raise Undecodable("smb", HEADER, "words_cut")
    return found


def offered_dialects(block: Block) -> tuple[str, ...]:
    """MS-CIFS §2.2.4.52.1: each behind the octet 2."""
    parts = block.message[block.begin :].split(b"\0")[:MAX_DIALECTS]
    return tuple(octets(part[1:]) for part in parts if part[:1] == b"\x02")


class Agreement(NamedTuple):
    chosen: int
    server_guid: str
    token: bytes


def agreed_dialect(block: Block) -> Agreement:
    chosen = block.word(0)
    if len(block.words) >= 34 and block.word(19, 4) & _EXTENDED_SECURITY and len(block.message) >= block.begin + 16:
        return Agreement(
            chosen, eve_guid(block.message[block.begin : block.begin + 16]), block.message[block.begin + 16 :]
        )
    return Agreement(chosen, "", b"")


class Setup(NamedTuple):
    token: bytes = b""
    user: str = ""
    domain: str = ""
    native_os: str = ""
    native_lm: str = ""


def setup_request(block: Block) -> Setup:
    """MS-SMB §2.2.4.6.1 (12 words), MS-CIFS §2.2.4.53.1 (13 or 10 words). Passwords are stepped over."""
    if len(block.words) == 24:
        token = block.piece(block.begin, block.word(14))
        native_os, at = block.text(block.begin + len(token))
        native_lm, _ = block.text(at)
        return Setup(token, "", "", native_os, native_lm)
    passwords = block.word(14) + block.word(16) if len(block.words) == 26 else block.word(14)
    user, at = block.text(block.begin + passwords)
    domain, at = block.text(at)
    native_os, at = block.text(at)
    native_lm, _ = block.text(at)
    return Setup(b"", user, domain, native_os, native_lm)


def setup_response(block: Block) -> Setup:
    token = block.piece(block.begin, block.word(6)) if len(block.words) == 8 else b""
    native_os, at = block.text(block.begin + len(token))
    native_lm, at = block.text(at)
    domain, _ = block.text(at)
    return Setup(token, "", domain, native_os, native_lm)


def tree_request(block: Block) -> tuple[str, str]:
    """The share's path, and the service asked for."""
    if block.command == TREE_CONNECT:
        path, at = block.text(block.begin + 1)
        _, at = block.text(at + 1, wide=False)
        return path, block.text(at + 1, wide=False)[0]
    path, at = block.text(block.begin + block.word(6))
    return path, block.text(at, wide=False)[0]


def tree_response(block: Block) -> str:
    """The service that answers: `A:`, `IPC`, `LPT1:`, `COMM`."""
    return block.text(block.begin, wide=False)[0] if block.command == TREE_CONNECT_ANDX else ""


def create_request(block: Block) -> Create:
    """NT_CREATE_ANDX (MS-CIFS §2.2.4.64.1), or OPEN_ANDX (§2.2.4.41.1) as far as it says the same."""
    name, _ = block.text(block.begin)
    if block.command == OPEN_ANDX:
        mode = block.word(16)
        disposition = ("FILE_OPEN", "FILE_OPEN_IF")[bool(mode & 0x10)] if mode & 3 == 1 else "FILE_OVERWRITE_IF"
        return Create(name, block.word(6), block.word(10), disposition, 0)
    disposition_code = block.word(35, 4)
    known = DISPOSITIONS[disposition_code] if disposition_code < len(DISPOSITIONS) else "UNKNOWN"
    return Create(name, block.word(15, 4), block.word(27, 4), known, block.word(39, 4))


def create_response(block: Block) -> tuple[int, Attributes]:
    """The file id, and what the file is."""
    if block.command == OPEN_ANDX:
        return block.word(4), Attributes(0, 0, 0, 0, block.word(12, 4), block.word(6))
    times = (block.word(11, 8), block.word(19, 8), block.word(27, 8), block.word(35, 8))
    return block.word(5), Attributes(*times, block.word(55, 8), block.word(43, 4))


#: Where the file id stands in the words of the requests that have one.
_FILE_ID_AT = {CLOSE: 0, FLUSH: 0, READ: 0, WRITE: 0, READ_ANDX: 4, WRITE_ANDX: 4, 0x24: 4}


def file_id(block: Block) -> int | None:
    at = _FILE_ID_AT.get(block.command)
    if at is not None:
        return block.word(at)
    if block.command == TRANS and len(block.words) >= 32 and block.word(28) != 0x53:  # all but WAIT_NMPIPE
        return block.word(30)
    return None


def read_request(block: Block) -> Extent:
    if block.command == READ:
        return Extent(block.word(4, 4), block.word(2))
    high = block.word(20, 4) << 32 if len(block.words) >= 24 else 0
    more = block.word(14) << 16 if block.word(14, 4) != 0xFFFFFFFF else 0
    return Extent(high | block.word(6, 4), block.word(10) | more)


def read_response(block: Block) -> Extent:
    if block.command == READ:
        size = block.word(0)
        return Extent(0, size, block.piece(block.begin + 3, size))
    size = block.word(10) | (block.word(14) << 16 if len(block.words) >= 16 else 0)
    return Extent(0, size, block.piece(block.word(12), size))


def write_request(block: Block) -> Extent:
    if block.command == WRITE:
        size = block.word(2)
        return Extent(block.word(4, 4), size, block.piece(block.begin + 3, size))
    high = block.word(24, 4) << 32 if len(block.words) >= 28 else 0
    size = block.word(20) | block.word(18) << 16
    return Extent(high | block.word(6, 4), size, block.piece(block.word(22), size))


class Transaction(NamedTuple):
    """`name` is a TRANS's (`\\PIPE\\`); `code` its function; `data` as much of its data as is here."""

    subcommand: str
    code: int
    name: str
    data: bytes


def transaction_request(block: Block) -> Transaction:
    """TRANS, TRANS2 (MS-CIFS §2.2.4.33, .46) and NT_TRANS (§2.2.4.62)."""
    if block.command == NT_TRANS:
        code = block.word(36)
        return Transaction(_NT_FUNCTIONS.get(code, str(code)), code, "", b"")
    code = block.word(28) if block.word(26, 1) else -1
    if block.command == TRANS2:
        return Transaction(_TRANS2.get(code, str(code)), code, _trans2_name(block, code), b"")
    name, _ = block.text(block.begin)
    data = block.piece(block.word(24), block.word(22))
    return Transaction(_PIPE_FUNCTIONS.get(code, str(code)), code, name, data)


def _trans2_name(block: Block, code: int) -> str:
    """The path in the parameters of the sub-commands that have one."""
    skip = {0: 28, 1: 12, 5: 6, 6: 6, 13: 4, 16: 2}.get(code)
    return block.text(block.word(20) + skip)[0] if skip is not None else ""


def transaction_response(block: Block) -> bytes:
    """The data of the first part of a TRANS's answer; empty for the later ones."""
    if len(block.words) < 20 or block.word(16):
        return b""
    return block.piece(block.word(14), block.word(12))


def paths(block: Block) -> list[str]:
    """The one or two paths of the old file commands, each behind the octet 4 (MS-CIFS §2.2.4.6, .7)."""
    found: list[str] = []
    at = block.begin
    while at < len(block.message) and block.message[at] == 4 and len(found) < 2:
        path, at = block.text(at + 1)
        found.append(path)
    return found
