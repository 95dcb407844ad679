"""NTP packets (RFC 5905 §7.3, versions 1 to 4), control messages (RFC 9327) and ntpd's private ones (mode 7)."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable
from sensors.decode.text import wire_text

#: Seconds from 1900 to 1970, and the length of an era (RFC 5905 §6).
_TO_1970 = 2_208_988_800
_ERA = 1 << 32
#: Extension fields counted of one packet.
MAX_EXTENSIONS = 32

MODES = {
    0: "reserved", 1: "symmetric_active", 2: "symmetric_passive", 3: "client", 4: "server", 5: "broadcast",
    6: "control", 7: "private",
}  # fmt: skip
CONTROL_OPCODES = {
    0: "reserved", 1: "read_status", 2: "read_variables", 3: "write_variables", 4: "read_clock_variables",
    5: "write_clock_variables", 6: "set_trap", 7: "trap_response", 8: "configure", 9: "save_configuration",
    10: "read_mru", 11: "read_ordered_list", 12: "request_nonce", 31: "unset_trap",
}  # fmt: skip
#: ntpd's mode 7 requests that amplify or change: ntp_request.h.
PRIVATE_REQUESTS = {
    0: "peer_list", 1: "peer_list_sum", 2: "peer_info", 3: "peer_stats", 4: "sys_info", 5: "sys_stats", 6: "io_stats",
    7: "mem_stats", 8: "loop_info", 9: "timer_stats", 10: "config", 11: "unconfig", 16: "get_restrict",
    20: "mon_getlist", 23: "trust_key", 31: "if_stats", 42: "mon_getlist_1",
}  # fmt: skip


class Packet(NamedTuple):
    """Times are ns since 1970, None where the field is zero; durations are seconds."""

    leap: int
    version: int
    mode: int
    stratum: int
    poll: int  # exponent of 2
    precision: int
    root_delay: float
    root_dispersion: float
    reference: str
    times: tuple[int | None, int | None, int | None, int | None]  # reference, origin, receive, transmit
    extensions: int
    authenticated: bool


class Control(NamedTuple):
    version: int
    response: bool
    error: bool
    more: bool
    opcode: int
    sequence: int
    association: int
    size: int  # octets of data


class Private(NamedTuple):
    version: int
    response: bool
    more: bool
    authenticated: bool
    sequence: int
    implementation: int
    request: int
    error: int
    items: int


def decode_ntp(data: bytes) -> Packet | Control | Private:
    if not data:
        raise Undecodable("ntp", 0, "cut")
    mode, version = data[0] & 7, data[0] >> 3 & 7
    if not 1 <= version <= 4:
        raise Undecodable("ntp", 0, "version")
    if mode == 6:
        return _control(data, version)
    if mode == 7:
        return _private(data, version)
    if len(data) < 48:
        raise Undecodable("ntp", len(data), "cut")
    stratum, poll, precision, delay, dispersion = unpack_from("!BbbiI", data, 1)
    extensions, rest = _extensions(data)
    times = tuple(_time(data, at) for at in (16, 24, 32, 40))
    return Packet(
        data[0] >> 6, version, mode, stratum, poll, precision, delay / 65_536, dispersion / 65_536,
        _reference(stratum, version, data[12:16]), (times[0], times[1], times[2], times[3]), extensions,
        rest in (4, 12, 20, 24, 36),
    )  # fmt: skip


def _time(data: bytes, at: int) -> int | None:
    """A 64-bit timestamp; one without its top bit is of the era from 2036 (RFC 4330 §3)."""
    seconds, fraction = unpack_from("!II", data, at)
    if not seconds and not fraction:
        return None
    if seconds < 0x80000000:
        seconds += _ERA
    return (int(seconds) - _TO_1970) * 1_000_000_000 + (int(fraction) * 1_000_000_000 >> 32)


def _reference(stratum: int, version: int, data: bytes) -> str:
    """A kiss code or a clock's name up to stratum 1, above it an address (RFC 5905 §7.3)."""
    if stratum <= 1:
        return wire_text(data.rstrip(b"\0 "))
    return address_text(data)


def _extensions(data: bytes) -> tuple[int, int]:
    """How many extension fields there are, and how many octets behind them (RFC 7822 §3)."""
    at, count = 48, 0
    while len(data) - at >= 28 and count < MAX_EXTENSIONS:
        size = unpack_from("!H", data, at + 2)[0]
        if size < 16 or size % 4 or at + size > len(data):
            break
        at += size
        count += 1
    return count, len(data) - at


def _control(data: bytes, version: int) -> Control:
    if len(data) < 12:
        raise Undecodable("ntp", len(data), "cut")
    bits, sequence, _, association, _, count = unpack_from("!BHHHHH", data, 1)
    return Control(version, bool(bits & 128), bool(bits & 64), bool(bits & 32), bits & 31, sequence, association, count)


def _private(data: bytes, version: int) -> Private:
    if len(data) < 8:
        raise Undecodable("ntp", len(data), "cut")
    sequence, implementation, request, counts = unpack_from("!BBBH", data, 1)
    response, more = bool(data[0] & 128), bool(data[0] & 64)
    return Private(
        version,
        response,
        more,
        bool(sequence & 128),
        sequence & 127,
        implementation,
        request,
        counts >> 12,
        counts & 4095,
    )


def plausible(data: bytes) -> bool:
    """Whether a datagram of port 123 is NTP."""
    if len(data) < 8:
        return False
    mode, version = data[0] & 7, data[0] >> 3 & 7
    if mode == 6:
        return len(data) >= 12 and 1 <= version <= 4 and (data[1] & 31 in CONTROL_OPCODES)
    if mode == 7:
        return 1 <= version <= 4 and data[2] <= 3
    return len(data) >= 48 and data[1] <= 16 and ((1 <= mode <= 5 and version in (2, 3, 4)) or version == 1)
