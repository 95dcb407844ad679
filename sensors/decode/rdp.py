"""RDP's connection sequence in the clear (MS-RDPBCGR §2.2.1, T.125, T.124): negotiation, client and server settings."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.asn1 import take
from sensors.decode.fault import Undecodable
from sensors.decode.windows import octets, utf16

#: RFC 1006: a TPKT's length is a 16-bit number.
MAX_TPKT = 65_535
#: Settings blocks and channels read of one message.
MAX_BLOCKS = 32
MAX_CHANNELS = 31

CONNECTION_REQUEST, CONNECTION_CONFIRM, DATA = 0xE0, 0xD0, 0xF0

_LAYER = "rdp"

_PROTOCOLS = {0x1: "SSL", 0x2: "HYBRID", 0x4: "RDSTLS", 0x8: "HYBRID_EX", 0x10: "RDSAAD"}
_FAILURES = {
    1: "SSL_REQUIRED_BY_SERVER", 2: "SSL_NOT_ALLOWED_BY_SERVER", 3: "SSL_CERT_NOT_ON_SERVER",
    4: "INCONSISTENT_FLAGS", 5: "HYBRID_REQUIRED_BY_SERVER", 6: "SSL_WITH_USER_AUTH_REQUIRED_BY_SERVER",
}  # fmt: skip
_LEVELS = {0: "None", 1: "Low", 2: "Client compatible", 3: "High", 4: "FIPS"}
_METHODS = {0: "None", 1: "40bit", 2: "128bit", 8: "56bit", 0x10: "FIPS"}
#: T.125 §7: the results of a connection, in Zeek's words.
_RESULTS = {
    0: "Success", 1: "Domain merging", 2: "Domain not hierarchical", 3: "No such channel", 4: "No such domain",
    5: "No such user", 6: "Not admitted", 7: "Other user ID", 8: "Parameters unacceptable", 9: "Token not available",
    10: "Token not possessed", 11: "Too many channels", 12: "Too many tokens", 13: "Too many users",
    14: "Unspecified failure", 15: "User rejected",
}  # fmt: skip
#: Builds of Windows' own clients, in Zeek's words.
_BUILDS = {
    419: "RDP 4.0", 2195: "RDP 5.0", 2221: "RDP 5.0", 2600: "RDP 5.1", 3790: "RDP 5.2", 6000: "RDP 6.0",
    6001: "RDP 6.1", 6002: "RDP 6.2", 7600: "RDP 7.0", 7601: "RDP 7.1", 9200: "RDP 8.0", 9600: "RDP 8.1",
    25189: "RDP 8.0 (Mac)", 25282: "RDP 8.0 (Mac)",
}  # fmt: skip
#: Keyboard layouts by language (MS-LCID), in Zeek's words where it has them.
_LANGUAGES = {
    0x0401: "Arabic - Saudi Arabia", 0x0404: "Chinese - Taiwan", 0x0405: "Czech", 0x0406: "Danish",
    0x0407: "German - Germany", 0x0408: "Greek", 0x0409: "English - United States", 0x040A: "Spanish - Spain",
    0x040B: "Finnish", 0x040C: "French - France", 0x040D: "Hebrew", 0x040E: "Hungarian", 0x0410: "Italian - Italy",
    0x0411: "Japanese", 0x0412: "Korean", 0x0413: "Dutch - Netherlands", 0x0414: "Norwegian - Bokmal",
    0x0415: "Polish", 0x0416: "Portuguese - Brazil", 0x0418: "Romanian", 0x0419: "Russian", 0x041D: "Swedish",
    0x041E: "Thai", 0x041F: "Turkish", 0x0421: "Indonesian", 0x0422: "Ukrainian", 0x042A: "Vietnamese",
    0x0804: "Chinese - PRC", 0x0807: "German - Switzerland", 0x0809: "English - United Kingdom",
    0x080A: "Spanish - Mexico", 0x080C: "French - Belgium", 0x0816: "Portuguese - Portugal",
    0x0C04: "Chinese - Hong Kong", 0x0C09: "English - Australia", 0x0C0C: "French - Canada", 0x1009: "English - Canada",
}  # fmt: skip


def tpkt_size(buffer: bytes | bytearray) -> int | None:
    """The length of the TPKT at the beginning (RFC 1006 §6), None while its header is not all there."""
    if len(buffer) < 4:
        return None
    size = int.from_bytes(buffer[2:4])
    if buffer[0] != 3 or size < 7:
        raise Undecodable(_LAYER, 0, "tpkt")
    return size


class Request(NamedTuple):
    """An X.224 connection request (MS-RDPBCGR §2.2.1.1); `protocols` is None where none are offered."""

    cookie: str
    protocols: int | None


def decode_request(tpkt: bytes) -> Request:
    cookie, at = "", 11
    if tpkt[at : at + 7] == b"Cookie:" or tpkt[at : at + 3] == b"tsp":
        end = tpkt.find(b"\r\n", at)
        end = len(tpkt) if end < 0 else end
        cookie = octets(tpkt[at:end].removeprefix(b"Cookie: ").removeprefix(b"mstshash="))
        at = end + 2
    offered = unpack_from("<I", tpkt, at + 4)[0] if tpkt[at : at + 1] == b"\1" and len(tpkt) >= at + 8 else None
    return Request(cookie, offered)


class Confirm(NamedTuple):
    """An X.224 connection confirm (MS-RDPBCGR §2.2.1.2): the protocol chosen, or why none was."""

    protocol: str
    failure: str


def decode_confirm(tpkt: bytes) -> Confirm:
    if len(tpkt) < 19:
        return Confirm("RDP", "")  # a server from before negotiation
    kind, number = tpkt[11], unpack_from("<I", tpkt, 15)[0]
    if kind == 3:
        return Confirm("", _FAILURES.get(number, str(number)))
    if kind != 2:
        raise Undecodable(_LAYER, 11, "negotiation_type")
    return Confirm(_PROTOCOLS.get(number, str(number)) if number else "RDP", "")


def protocol_names(flags: int) -> list[str]:
    return ["RDP", *(name for bit, name in _PROTOCOLS.items() if flags & bit)]


class Client(NamedTuple):
    """What a client says of itself (MS-RDPBCGR §2.2.1.3); absent texts are empty, absent numbers None."""

    version: str = ""
    width: int | None = None
    height: int | None = None
    color_depth: str = ""
    keyboard: str = ""
    build: str = ""
    name: str = ""
    product_id: str = ""
    channels: tuple[str, ...] = ()


class Server(NamedTuple):
    """What a server answers (MS-RDPBCGR §2.2.1.4)."""

    result: str
    method: str = ""
    level: str = ""
    certificate_type: str = ""
    certificates: int = 0
    permanent: bool | None = None


def decode_client(tpkt: bytes) -> Client | None:
    """Of an MCS Connect Initial (T.125 §7) in an X.224 data unit; None where it is something else."""
    if tpkt[5:6] != b"\xf0" or tpkt[7:9] != b"\x7f\x65":
        return None
    data = _user_data(_connect(tpkt), skip=6)
    client = Client()
    for kind, block in _blocks(data, b"Duca"):
        if kind == 0xC001:
            client = _core(client, block)
        elif kind == 0xC003 and len(block) >= 4:
            count = min(int.from_bytes(block[:4], "little"), MAX_CHANNELS)
            names = [octets(block[4 + 12 * n : 12 + 12 * n]) for n in range(count)]
            client = client._replace(channels=tuple(name for name in names if name))
    return client


def decode_server(tpkt: bytes) -> Server | None:
    """Of an MCS Connect Response (T.125 §7) in an X.224 data unit; None where it is something else."""
    if tpkt[5:6] != b"\xf0" or tpkt[7:9] != b"\x7f\x66":
        return None
    contents = _connect(tpkt)
    result = take(contents, 0, _LAYER)[1]
    code = int.from_bytes(result)
    server = Server(_RESULTS.get(code, str(code)))
    for kind, block in _blocks(_user_data(contents, skip=3), b"McDn"):
        if kind == 0x0C02 and len(block) >= 8:
            method, level = unpack_from("<II", block)
            server = server._replace(method=_METHODS.get(method, str(method)), level=_LEVELS.get(level, str(level)))
            server = _certificate(server, block)
    return server


def _connect(tpkt: bytes) -> bytes:
    """The contents of the connect message; its BER tag has two octets."""
    return take(b"\x65" + tpkt[9:], 0, _LAYER)[1]


def _user_data(contents: bytes, skip: int) -> bytes:
    """The user data behind so many other values."""
    at = 0
    for _ in range(skip):
        at = take(contents, at, _LAYER)[2]
    return take(contents, at, _LAYER)[1]


def _blocks(data: bytes, key: bytes) -> list[tuple[int, bytes]]:
    """(type, contents) of the settings blocks behind T.124's conference header, which ends with `key` and a length."""
    at = data.find(key, 0, 64)
    if at < 0 or at + 5 > len(data):
        raise Undecodable(_LAYER, 0, "conference")
    at += 6 if data[at + 4] & 0x80 else 5
    found: list[tuple[int, bytes]] = []
    while at + 4 <= len(data) and len(found) < MAX_BLOCKS:
        kind, size = unpack_from("<HH", data, at)
        if size < 4:
            raise Undecodable(_LAYER, at, "block_length")
        found.append((kind, data[at + 4 : at + size]))
        at += size
    return found


def _core(client: Client, block: bytes) -> Client:
    """TS_UD_CS_CORE (MS-RDPBCGR §2.2.1.3.2); older clients send less of it."""
    if len(block) < 52:
        raise Undecodable(_LAYER, len(block), "core_cut")
    minor, major, width, height, depth, _, layout, build = unpack_from("<HHHHHHII", block)
    product = utf16(block[142:206]) if len(block) >= 206 else ""
    return client._replace(
        version=f"{major}.{minor}",
        width=width,
        height=height,
        color_depth=_color_depth(block, depth),
        keyboard=_LANGUAGES.get(layout & 0xFFFF, f"0x{layout:08x}"),
        build=_BUILDS.get(build, str(build)),
        name=utf16(block[20:52]),
        product_id=product,
    )


def _color_depth(block: bytes, depth: int) -> str:
    """`24bit`: of the highest of the three fields that say it (MS-RDPBCGR §2.2.1.3.2)."""
    if len(block) >= 142 and unpack_from("<H", block, 140)[0] & 0x2 and unpack_from("<H", block, 138)[0] & 0x8:
        return "32bit"  # RNS_UD_CS_WANT_32BPP_SESSION
    if len(block) >= 138 and (high := unpack_from("<H", block, 136)[0]):
        return f"{high}bit"
    if len(block) >= 130:
        depth = unpack_from("<H", block, 128)[0]
    return {0xCA00: "4bit", 0xCA01: "8bit", 0xCA02: "15bit", 0xCA03: "16bit", 0xCA04: "24bit"}.get(
        depth, f"0x{depth:04x}"
    )


def _certificate(server: Server, block: bytes) -> Server:
    """TS_UD_SC_SEC1's certificate (MS-RDPBCGR §2.2.1.4.3): a key of its own or an X.509 chain."""
    if len(block) < 16:
        return server
    at = 16 + unpack_from("<I", block, 8)[0]
    if len(block) < at + 8:
        return server
    version, count = unpack_from("<II", block, at)
    plain = version & 0x7FFFFFFF == 1
    return server._replace(
        certificate_type="RSA" if plain else "X.509",
        certificates=1 if plain else min(count, MAX_BLOCKS),
        permanent=not version & 0x80000000,
    )
