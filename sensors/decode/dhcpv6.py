"""DHCPv6 messages with their options, those inside relay messages and identity associations too (RFC 8415 §8, §21)."""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable

#: Options read of one message, over all depths.
MAX_OPTIONS = 256
#: Relays around a message (RFC 8415 §7.6, HOP_COUNT_LIMIT), and options inside options.
MAX_RELAYS = 8
MAX_DEPTH = 4

MESSAGE_TYPES = {
    1: "solicit", 2: "advertise", 3: "request", 4: "confirm", 5: "renew", 6: "rebind", 7: "reply", 8: "release",
    9: "decline", 10: "reconfigure", 11: "information_request", 12: "relay_forw", 13: "relay_repl", 14: "leasequery",
    15: "leasequery_reply", 16: "leasequery_done", 17: "leasequery_data", 18: "reconfigure_request",
    19: "reconfigure_reply", 20: "dhcpv4_query", 21: "dhcpv4_response",
}  # fmt: skip
RELAY_FORWARD, RELAY_REPLY = 12, 13
CLIENT_ID, SERVER_ID, IA_NA, IA_TA, IA_ADDRESS, OPTION_REQUEST, ELAPSED, RELAYED = 1, 2, 3, 4, 5, 6, 8, 9
STATUS, RAPID_COMMIT, USER_CLASS, VENDOR_CLASS, INTERFACE, DNS, SEARCH, IA_PD, IA_PREFIX = (
    13,
    14,
    15,
    16,
    18,
    23,
    24,
    25,
    26,
)
REMOTE_ID, FQDN, BOOT_URL, LINK_LAYER = 37, 39, 59, 79

OPTIONS = {
    1: "client_id", 2: "server_id", 3: "ia_na", 4: "ia_ta", 6: "option_request", 7: "preference", 8: "elapsed_time",
    11: "authentication", 12: "server_unicast", 13: "status_code", 14: "rapid_commit", 15: "user_class",
    16: "vendor_class", 17: "vendor_options", 21: "sip_server_domain", 22: "sip_server", 23: "dns_server",
    24: "domain_search", 25: "ia_pd", 31: "sntp_server", 32: "information_refresh_time", 37: "remote_id",
    38: "subscriber_id", 39: "client_fqdn", 41: "posix_timezone", 42: "tzdb_timezone", 56: "ntp_server",
    59: "boot_file_url", 60: "boot_file_param", 61: "client_arch", 62: "client_ndi", 64: "aftr_name", 79: "client_mac",
    82: "solicit_max_rt", 83: "information_max_rt", 103: "captive_portal",
}  # fmt: skip
STATUSES = {
    0: "success", 1: "unspec_fail", 2: "no_addrs_avail", 3: "no_binding", 4: "not_on_link", 5: "use_multicast",
    6: "no_prefix_avail",
}  # fmt: skip


class Lease(NamedTuple):
    address: str  # with its prefix length where it is a prefix
    preferred: int  # seconds
    valid: int


class Relay(NamedTuple):
    hops: int
    link: str
    peer: str


class Message(NamedTuple):
    """The innermost message; `relays` outermost first. `options` has each kind's first value, of all depths."""

    type: str
    answering: bool
    id: int
    relays: tuple[Relay, ...]
    addresses: tuple[Lease, ...]
    prefixes: tuple[Lease, ...]
    options: dict[int, bytes]


def decode_dhcpv6(data: bytes) -> Message:
    relays: list[Relay] = []
    options: dict[int, bytes] = {}
    while data and data[0] in (RELAY_FORWARD, RELAY_REPLY):
        if len(data) < 34:
            raise Undecodable("dhcpv6", len(data), "cut")
        if len(relays) >= MAX_RELAYS:
            raise Undecodable("dhcpv6", 0, "too_many_relays")
        relays.append(Relay(data[1], address_text(data[2:18]), address_text(data[18:34])))
        found = _options(data[34:])
        inner = next((value for kind, value in found if kind == RELAYED), b"")
        for kind, value in found:
            if kind != RELAYED:
                options.setdefault(kind, value)
        if not inner:
            raise Undecodable("dhcpv6", 34, "relay_without_message")
        data = inner
    if len(data) < 4:
        raise Undecodable("dhcpv6", len(data), "cut")
    kind = data[0]
    if kind not in MESSAGE_TYPES:
        raise Undecodable("dhcpv6", 0, "message_type")
    leases: tuple[list[Lease], list[Lease]] = ([], [])
    at = 0 if kind in (20, 21) else 4
    _collect(data[at:] if at else b"", options, leases, 0)
    answering = kind in (2, 7, 10, 15, 16, 17, 19, 21)
    ident = int.from_bytes(data[1:4])
    return Message(MESSAGE_TYPES[kind], answering, ident, tuple(relays), tuple(leases[0]), tuple(leases[1]), options)


def _collect(data: bytes, options: dict[int, bytes], leases: tuple[list[Lease], list[Lease]], depth: int) -> None:
    for kind, value in _options(data):
        if kind == IA_ADDRESS and len(value) >= 24:
            leases[0].append(Lease(address_text(value[:16]), *unpack_from("!II", value, 16)))
            inner = value[24:]
        elif kind == IA_PREFIX and len(value) >= 25:
            preferred, valid, width = unpack_from("!IIB", value)
            leases[1].append(Lease(f"{address_text(value[9:25])}/{width}", preferred, valid))
            inner = value[25:]
        elif kind in (IA_NA, IA_PD):
            inner = value[12:]
        elif kind == IA_TA:
            inner = value[4:]
        else:
            options.setdefault(kind, value)
            continue
        if depth < MAX_DEPTH:
            _collect(inner, options, leases, depth + 1)


def _options(data: bytes) -> list[tuple[int, bytes]]:
    found: list[tuple[int, bytes]] = []
    at = 0
    while at < len(data):
        if at + 4 > len(data):
            raise Undecodable("dhcpv6", at, "cut")
        kind, size = unpack_from("!HH", data, at)
        if at + 4 + size > len(data):
            raise Undecodable("dhcpv6", at, "option_length")
        if len(found) >= MAX_OPTIONS:
            raise Undecodable("dhcpv6", at, "too_many_options")
        found.append((kind, data[at + 4 : at + 4 + size]))
        at += 4 + size
    return found


def hardware_address(duid: bytes) -> bytes:
    """The link-layer address inside a DUID-LLT or DUID-LL (RFC 8415 §11.2, §11.4); empty in other kinds."""
    if len(duid) >= 10 and duid[:4] == b"\0\1\0\1":
        return duid[8:14]
    return duid[4:10] if duid[:4] == b"\0\3\0\1" else b""
