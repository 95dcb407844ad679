"""What Windows machines say to each other in the golden captures: RPC, SMB, Kerberos, LDAP and local names."""

from __future__ import annotations

import struct
from collections.abc import Sequence
from uuid import UUID

from sensors.decode import smb2
from sensors.decode.dcerpc_names import INTERFACES
from tests.golden.make import INSIDE, SERVER, Capture
from tests.unit.sensors import windows_wire as wire
from tests.unit.sensors.decode import test_kerberos as kerberos
from tests.unit.sensors.decode import test_ldap as ldap
from tests.unit.sensors.windows_wire import der

Part = tuple[int, bytes]

LOGON_FAILURE = 0xC000006D
_BIND, _BIND_ACK, _REQUEST, _RESPONSE = 11, 12, 0, 2


# --- RPC ------------------------------------------------------------------------------------------------------------


def call(
    capture: Capture,
    at: float,
    endpoint: str,
    *operations: str,
    src: str = INSIDE,
    dst: str = SERVER,
    gap: float = 0.01,
) -> None:
    """A connection to a service of another machine, and these operations called one after the other."""
    uuid, numbers = _interface(endpoint, operations)
    parts: list[Part] = [
        (0, wire.rpc(_BIND, wire.bind(UUID(uuid).bytes_le))),
        (1, wire.rpc(_BIND_ACK, wire.bind_ack(b"49668\0"))),
    ]
    for number, operation in enumerate(operations, 2):
        parts.append((0, wire.rpc(_REQUEST, wire.call(numbers[operation], bytes(40)), number)))
        parts.append((1, wire.rpc(_RESPONSE, wire.reply(bytes(24)), number)))
    capture.tcp(at, src, dst, 49_668, parts, gap)


def _interface(endpoint: str, operations: Sequence[str]) -> tuple[str, dict[str, int]]:
    """UUID and operation numbers of the interface of that name which has all these operations."""
    for uuid, interface in INTERFACES.items():
        numbers = {name: number for number, name in interface.operations.items()}
        if interface.name == endpoint and numbers.keys() >= set(operations):
            return uuid, numbers
    raise LookupError(f"{endpoint} has no {', '.join(operations)}")


# --- SMB ------------------------------------------------------------------------------------------------------------


def smb(capture: Capture, at: float, *parts: Part, src: str = INSIDE, dst: str = SERVER) -> None:
    capture.tcp(at, src, dst, 445, parts)


def asked(command: int, body: bytes, number: int) -> Part:
    return 0, wire.nbt(wire.smb2(command, body, number))


def told(command: int, body: bytes, number: int, status: int = 0) -> Part:
    return 1, wire.nbt(wire.smb2(command, body, number, status=status))


def logged_in(number: int = 1, status: int = 0) -> list[Part]:
    """nguyễn of PC-01 logs in by NTLM."""
    return [
        asked(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_NEGOTIATE), number),
        told(smb2.SESSION_SETUP, wire.setup_response(wire.NTLM_CHALLENGE), number, wire.MORE),
        asked(smb2.SESSION_SETUP, wire.setup_request(wire.NTLM_AUTHENTICATE), number + 1),
        told(smb2.SESSION_SETUP, wire.failure() if status else wire.setup_response(), number + 1, status),
    ]


def mounted(path: str, *, pipe: bool = False, status: int = 0) -> list[Part]:
    body = wire.failure() if status else wire.tree_response(2 if pipe else 1)
    return [
        asked(smb2.TREE_CONNECT, wire.tree_request(path), 3),
        told(smb2.TREE_CONNECT, body, 3, status),
    ]


def opened(name: str, number: int = 4, *, disposition: int = 1) -> list[Part]:
    """Disposition 1 opens what is there, 2 makes it, 5 makes it anew (MS-SMB2 §2.2.13)."""
    return [
        asked(smb2.CREATE, wire.create_request(name, disposition=disposition), number),
        told(smb2.CREATE, wire.create_response(), number),
    ]


def renamed(name: str, number: int) -> list[Part]:
    body = bytes(16) + struct.pack("<I", 2 * len(name)) + wire.wide(name)
    return [
        asked(smb2.SET_INFO, wire.set_info_request(10, body), number),
        told(smb2.SET_INFO, b"\2\0", number),
    ]


def deleted(number: int) -> list[Part]:
    return [
        asked(smb2.SET_INFO, wire.set_info_request(13, b"\1"), number),
        told(smb2.SET_INFO, b"\2\0", number),
    ]


def side_by_side(parts: Sequence[Part]) -> list[Part]:
    """The same messages with two of each side in one segment, which makes a capture smaller."""
    joined: list[Part] = [parts[0], parts[1]]
    for first in range(2, len(parts) - 3, 4):
        joined.append((0, parts[first][1] + parts[first + 2][1]))
        joined.append((1, parts[first + 1][1] + parts[first + 3][1]))
    return [*joined, *parts[len(joined) * 2 - 2 :]]


# --- Kerberos, LDAP and local names ---------------------------------------------------------------------------------


def exchange(capture: Capture, at: float, dport: int, asked: bytes, told: bytes) -> None:
    """One datagram and its answer."""
    sport = capture.port()
    capture.udp(at, INSIDE, SERVER, sport, dport, asked)
    capture.udp(at + 0.01, SERVER, INSIDE, dport, sport, told)


def service_ticket(capture: Capture, at: float, *service: str, cipher: int, offered: int) -> None:
    """A ticket for a service, sealed with this cipher (17 and 18 are AES, 23 is RC4), asked for with that one."""
    request = kerberos.tgs_request(*service, nonce=int(at) + 1, cipher=offered)
    exchange(capture, at, 88, request, kerberos.reply(13, *service, ticket_cipher=cipher))


def first_ticket(capture: Capture, at: float, name: str, answer: bytes) -> None:
    exchange(capture, at, 88, _as_request(name, int(at) + 1), answer)


def _as_request(name: str, nonce: int) -> bytes:
    """An AS-REQ without pre-authentication (RFC 4120 §5.4.1)."""
    body = der(
        0x30,
        der(0xA0, der(3, b"\0\x40\x81\0\0")),
        kerberos.name(0xA1, name),
        kerberos.text(0xA2, "BTC.VN"),
        kerberos.name(0xA3, "krbtgt", "BTC.VN"),
        der(0xA5, der(0x18, b"20370913024805Z")),
        kerberos.number(0xA7, nonce % 100),
        der(0xA8, der(0x30, der(2, b"\x12"))),
    )
    return der(0x6A, der(0x30, kerberos.number(0xA1, 5), kerberos.number(0xA2, 10), der(0xA4, body)))


def directory(capture: Capture, at: float, operation: bytes, answer: int) -> None:
    """One LDAP operation with its result."""
    capture.tcp(at, INSIDE, SERVER, 389, [(0, ldap.message(7, operation)), (1, ldap.result(7, answer))])


def search(condition: bytes) -> bytes:
    """A search of a whole tree (RFC 4511 §4.5.1)."""
    head = der(4, b"dc=btc,dc=vn") + der(10, b"\2") + der(10, b"\0") + der(2, b"\0") + der(2, b"\0") + der(1, b"\0")
    return der(0x63, head, condition, der(0x30))


def changed(attribute: bytes) -> bytes:
    """A modify that replaces one attribute (RFC 4511 §4.6)."""
    partial = der(0x30, der(4, attribute), der(0x31, der(4, b"x")))
    return der(0x66, der(4, b"cn=an,dc=btc,dc=vn"), der(0x30, der(0x30, der(10, b"\2"), partial)))


def local_name(capture: Capture, at: float, name: str, answerer: str | None) -> None:
    """A question by LLMNR (RFC 4795), and who answers that it is his name."""
    sport, ident = capture.port(), struct.pack("!H", capture.port())
    question = bytes((len(name),)) + name.encode() + b"\0\0\1\0\1"
    capture.udp(at, INSIDE, "224.0.0.252", sport, 5355, ident + struct.pack("!5H", 0, 1, 0, 0, 0) + question)
    if answerer:
        record = b"\xc0\x0c\0\1\0\1\0\0\0\x1e\0\4" + bytes(map(int, answerer.split(".")))
        told = ident + struct.pack("!5H", 0x8000, 1, 1, 0, 0) + question + record
        capture.udp(at + 0.01, answerer, INSIDE, 5355, sport, told)
