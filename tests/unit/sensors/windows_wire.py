"""Messages of Windows protocols, built by hand: NetBIOS frames, SMB 1 and 2, DCERPC, NTLM, ASN.1."""

from __future__ import annotations

import struct

#: Built with scapy from known names: NEGOTIATE, CHALLENGE of DC1, AUTHENTICATE of CONTOSO\\nguyễn at PC-01.
NTLM_NEGOTIATE = bytes.fromhex("4e544c4d5353500001000000978208e2000000002800000000000000280000000a00614a0000000f")
NTLM_CHALLENGE = bytes.fromhex(
    "4e544c4d53535000020000000e000e0038000000158289e20000000000000000000000000000000046004600460000000a0063450000000f43"
    "004f004e0054004f0053004f000100060044004300310003001c006400630031002e0063006f006e0074006f0073006f002e0076006e000500"
    "140063006f006e0074006f0073006f002e0076006e0000000000"
)
NTLM_AUTHENTICATE = bytes.fromhex(
    "4e544c4d5353500003000000180018007c00000018001800940000000e000e00580000000c000c00660000000a000a007200000000000000ac"
    "000000158288e20a00614a0000000f0000000000000000000000000000000043004f004e0054004f0053004f006e00670075007900c51e6e00"
    "500043002d0030003100000000000000000000000000000000000000000000000000010101010101010101010101010101010101010101010101"
)
SESSION, TREE, FILE = 0x2001, 5, b"\x2a\0\0\0\x08\0\0\0\x09\0\0\0\x08\0\0\0"
ACCESS_DENIED, MORE = 0xC0000022, 0xC0000016


def nbt(message: bytes, kind: int = 0) -> bytes:
    return bytes((kind,)) + len(message).to_bytes(3) + message


def der(tag: int, *parts: bytes) -> bytes:
    contents = b"".join(parts)
    if len(contents) < 0x80:
        return bytes((tag, len(contents))) + contents
    size = len(contents).to_bytes((len(contents).bit_length() + 7) // 8)
    return bytes((tag, 0x80 | len(size))) + size + contents


def smb2(
    command: int,
    body: bytes,
    number: int,
    *,
    status: int | None = None,
    flags: int = 0,
    next_: int = 0,
    tree: int = TREE,
) -> bytes:
    """A message without its frame; a response where a status is given."""
    flags |= 0 if status is None else 1
    head = struct.pack("<HHIHHIIQIIQ", 64, 1, status or 0, command, 1, flags, next_, number, 0xFEFF, tree, SESSION)
    return b"\xfeSMB" + head + bytes(16) + body


def wide(text: str) -> bytes:
    return text.encode("utf-16-le")


def negotiate_request(*dialects: int) -> bytes:
    return (
        struct.pack("<HHHHI", 36, len(dialects), 1, 0, 0)
        + bytes(range(16))
        + bytes(8)
        + struct.pack(f"<{len(dialects)}H", *dialects)
    )


def negotiate_response(dialect: int = 0x0302) -> bytes:
    return struct.pack(
        "<HHHH16sIIIIQQHHI", 65, 3, dialect, 0, bytes(range(16)), 0, 1 << 20, 1 << 20, 1 << 20, 0, 0, 128, 0, 0
    )


def setup_request(token: bytes) -> bytes:
    return struct.pack("<HBBIIHHQ", 25, 0, 1, 0, 0, 88, len(token), 0) + token


def setup_response(token: bytes = b"", flags: int = 0) -> bytes:
    return struct.pack("<HHHH", 9, flags, 72, len(token)) + token


def tree_request(path: str) -> bytes:
    return struct.pack("<HHHH", 9, 0, 72, len(wide(path))) + wide(path)


def tree_response(kind: int = 1) -> bytes:
    return struct.pack("<HBBIII", 16, kind, 0, 0, 0, 0x1F01FF)


def create_request(name: str, *, disposition: int = 1, options: int = 0) -> bytes:
    head = struct.pack(
        "<HBBIQQIIIIIHHII", 57, 0, 0, 2, 0, 0, 0x120089, 0, 7, disposition, options, 120, len(wide(name)), 0, 0
    )
    return head + (wide(name) or b"\0")


def create_response(size: int = 0, *, attributes: int = 0x80, file: bytes = FILE, filetime: int = 0) -> bytes:
    return struct.pack("<HBBIQQQQQQII16sII", 89, 0, 0, 1, *[filetime] * 4, size, size, attributes, 0, file, 0, 0)


def read_request(offset: int, size: int, file: bytes = FILE) -> bytes:
    return struct.pack("<HBBIQ16sIIIHH", 49, 0, 0, size, offset, file, 0, 0, 0, 0, 0) + b"\0"


def read_response(data: bytes) -> bytes:
    return struct.pack("<HBBIII", 17, 80, 0, len(data), 0, 0) + data


def write_request(offset: int, data: bytes, file: bytes = FILE) -> bytes:
    return struct.pack("<HHIQ16sIIHHI", 49, 112, len(data), offset, file, 0, 0, 0, 0, 0) + data


def write_response(size: int) -> bytes:
    return struct.pack("<HHIIHH", 17, 0, size, 0, 0, 0)


def close_request(file: bytes = FILE) -> bytes:
    return struct.pack("<HHI16s", 24, 0, 0, file)


def close_response() -> bytes:
    return struct.pack("<HHI", 60, 0, 0) + bytes(52)


def ioctl_request(code: int, data: bytes, file: bytes = FILE) -> bytes:
    return struct.pack("<HHI16sIIIIIIII", 57, 0, code, file, 120, len(data), 0, 120, 0, 1024, 1, 0) + data


def ioctl_response(code: int, data: bytes, file: bytes = FILE) -> bytes:
    return struct.pack("<HHI16sIIIIII", 49, 0, code, file, 112, 0, 112, len(data), 0, 0) + data


def set_info_request(kind: int, data: bytes, file: bytes = FILE) -> bytes:
    return struct.pack("<HBBIHHI16s", 33, 1, kind, len(data), 96, 0, 0, file) + data


def failure() -> bytes:
    return struct.pack("<HBBI", 9, 0, 0, 0) + b"\0"


def smb1(command: int, words: bytes, data: bytes, number: int, *, status: int | None = None, tree: int = 9) -> bytes:
    """A message without its frame, with UTF-16 texts; a response where a status is given."""
    flags = 0x18 if status is None else 0x98
    head = struct.pack("<BIBHHQHHHHH", command, status or 0, flags, 0xC801, 0, 0, 0, tree, 77, 0x801, number)
    return b"\xffSMB" + head + bytes((len(words) // 2,)) + words + struct.pack("<H", len(data)) + data


SAMR = bytes.fromhex("785734123412cdabef000123456789ac")
NDR = bytes.fromhex("045d888aeb1cc9119fe808002b104860")


def rpc(kind: int, body: bytes, call: int = 1, *, flags: int = 3, auth: bytes = b"", order: str = "<") -> bytes:
    """A PDU; `auth` is a whole authentication trailer with its token."""
    size = 16 + len(body) + len(auth)
    drep = b"\x10\0\0\0" if order == "<" else b"\0\0\0\0"
    head = struct.pack(order + "HHI", size, max(0, len(auth) - 8), call)
    return bytes((5, 0, kind, flags)) + drep + head + body + auth


def bind(uuid: bytes = SAMR, version: int = 1) -> bytes:
    context = struct.pack("<HBB", 0, 1, 0) + uuid + struct.pack("<I", version) + NDR + struct.pack("<I", 2)
    return struct.pack("<HHIB3x", 4280, 4280, 0, 1) + context


def bind_ack(address: bytes = b"\\pipe\\lsass\0", result: int = 0) -> bytes:
    head = struct.pack("<HHIH", 4280, 4280, 1, len(address)) + address
    head += bytes(-(len(head) + 16) % 4)
    return head + struct.pack("<B3xHH", 1, result, 0) + NDR + struct.pack("<I", 2)


def call(number: int, stub: bytes) -> bytes:
    return struct.pack("<IHH", len(stub), 0, number) + stub


def reply(stub: bytes) -> bytes:
    return struct.pack("<IHBB", len(stub), 0, 0, 0) + stub


def trailer(token: bytes, kind: int = 10, level: int = 6) -> bytes:
    return struct.pack("<BBBBI", kind, level, 0, 0, 1) + token
