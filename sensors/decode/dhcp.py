"""DHCP and BOOTP messages (RFC 2131 §2, options of RFC 2132, long options of RFC 3396).

Pure: bytes in, a Message out, or Undecodable.
"""

from __future__ import annotations

from struct import unpack_from
from typing import NamedTuple

from sensors.decode.address import address_text
from sensors.decode.fault import Undecodable
from sensors.decode.text import wire_text

#: Option occurrences read of one message, and values kept of one list.
MAX_OPTIONS = 256
MAX_LIST = 64

COOKIE = b"\x63\x82\x53\x63"
#: Octets before the options (RFC 951 §3), without the cookie.
HEADER = 236

MESSAGE_TYPES = {
    1: "discover", 2: "offer", 3: "request", 4: "decline", 5: "ack", 6: "nak", 7: "release", 8: "inform",
    9: "forcerenew", 10: "leasequery", 11: "leaseunassigned", 12: "leaseunknown", 13: "leaseactive",
    14: "bulkleasequery", 15: "leasequerydone", 16: "activeleasequery", 17: "leasequerystatus", 18: "tls",
}  # fmt: skip
#: Suricata's names where it has one, else IANA's in the same style.
OPTIONS = {
    1: "subnet_mask", 2: "time_offset", 3: "router", 4: "time_server", 5: "name_server", 6: "dns_server",
    7: "log_server", 9: "lpr_server", 12: "hostname", 13: "boot_file_size", 14: "merit_dump", 15: "domain",
    17: "root_path", 18: "extensions_path", 19: "ip_forwarding", 20: "non_local_source_routing", 21: "policy_filter",
    22: "max_datagram_size", 23: "default_ttl", 26: "interface_mtu", 28: "broadcast_address", 31: "router_discovery",
    33: "static_route", 35: "arp_timeout", 37: "tcp_ttl", 38: "tcp_keepalive", 40: "nis_domain", 41: "nis_server",
    42: "ntp_server", 43: "vendor_specific", 44: "netbios_name_server", 45: "netbios_dd_server",
    46: "netbios_node_type", 47: "netbios_scope", 48: "x_window_font_server", 50: "requested_ip", 51: "lease_time",
    52: "overload", 53: "message_type", 54: "server_id", 55: "parameter_list", 56: "message", 57: "max_message_size",
    58: "renewal_time", 59: "rebinding_time", 60: "vendor_class_identifier", 61: "client_id", 66: "tftp_server_name",
    67: "boot_file_name", 69: "smtp_server", 70: "pop3_server", 77: "user_class", 78: "slp_directory_agent",
    79: "slp_service_scope", 80: "rapid_commit", 81: "client_fqdn", 82: "relay_agent_information", 93: "client_arch",
    94: "client_ndi", 95: "ldap", 97: "client_uuid", 100: "posix_timezone", 101: "tzdb_timezone",
    108: "ipv6_only_preferred", 112: "netinfo_address", 113: "netinfo_tag", 114: "captive_portal",
    116: "auto_config", 117: "name_service_search", 118: "subnet_selection", 119: "domain_search", 120: "sip_server",
    121: "classless_static_route", 124: "vendor_class", 125: "vendor_information", 138: "capwap_ac",
    145: "forcerenew_nonce", 150: "tftp_server_ip", 249: "ms_classless_static_route", 252: "wpad",
}  # fmt: skip


class Message(NamedTuple):
    """Addresses are packed. `options` has each option's octets, those of repeated ones joined (RFC 3396 §7)."""

    op: int  # 1 request, 2 reply
    hardware: int
    hops: int
    id: int
    seconds: int
    broadcast: bool
    client_ip: bytes
    assigned_ip: bytes
    next_server_ip: bytes
    relay_ip: bytes
    client_address: bytes  # as long as the message says, at most 16
    server_name: bytes
    boot_file: bytes
    options: dict[int, bytes]

    @property
    def type(self) -> str:
        """The DHCP message type; empty for BOOTP without option 53."""
        kind = self.options.get(53, b"")
        return MESSAGE_TYPES.get(kind[0], str(kind[0])) if kind else ""


def decode_dhcp(data: bytes) -> Message:
    if len(data) < HEADER + 4:
        raise Undecodable("dhcp", len(data), "cut")
    op, hardware, size, hops, ident, seconds, flags = unpack_from("!BBBBIHH", data)
    if op not in (1, 2):
        raise Undecodable("dhcp", 0, "op")
    if size > 16:
        raise Undecodable("dhcp", 2, "hardware_length")
    if data[HEADER : HEADER + 4] != COOKIE:
        raise Undecodable("dhcp", HEADER, "cookie")
    options: dict[int, bytes] = {}
    _options(data, HEADER + 4, len(data), options)
    overload = options.get(52, b"\0")[:1]
    server_name, boot_file = data[44:108], data[108:236]
    if overload in (b"\1", b"\3"):
        _options(data, 108, 236, options)
        boot_file = b""
    if overload in (b"\2", b"\3"):
        _options(data, 44, 108, options)
        server_name = b""
    return Message(
        op,
        hardware,
        hops,
        ident,
        seconds,
        broadcast=bool(flags & 0x8000),
        client_ip=data[12:16],
        assigned_ip=data[16:20],
        next_server_ip=data[20:24],
        relay_ip=data[24:28],
        client_address=data[28 : 28 + size],
        server_name=server_name.partition(b"\0")[0],
        boot_file=boot_file.partition(b"\0")[0],
        options=options,
    )


def _options(data: bytes, at: int, end: int, options: dict[int, bytes]) -> None:
    """The options in one field; a field may end without the end option where it is full (RFC 2131 §4.1)."""
    for _ in range(MAX_OPTIONS):
        while at < end and data[at] == 0:
            at += 1
        if at >= end or data[at] == 255:
            return
        if at + 2 > end or at + 2 + data[at + 1] > end:
            raise Undecodable("dhcp", at, "option_length")
        value = data[at + 2 : at + 2 + data[at + 1]]
        options[data[at]] = options.get(data[at], b"") + value
        at += 2 + len(value)
    raise Undecodable("dhcp", at, "too_many_options")


def addresses(value: bytes) -> list[str]:
    """Each four octets as an address."""
    return [address_text(value[at : at + 4]) for at in range(0, min(len(value), 4 * MAX_LIST) - 3, 4)]


def classless_routes(value: bytes) -> list[dict[str, str]]:
    """Destination and gateway of RFC 3442's routes. Raises Undecodable for a prefix longer than 32."""
    routes: list[dict[str, str]] = []
    at = 0
    while at < len(value) and len(routes) < MAX_LIST:
        width = value[at]
        size = (width + 7) // 8
        if width > 32 or at + 1 + size + 4 > len(value):
            raise Undecodable("dhcp", at, "route")
        destination = value[at + 1 : at + 1 + size].ljust(4, b"\0")
        gateway = value[at + 1 + size : at + 5 + size]
        routes.append({"destination": f"{address_text(destination)}/{width}", "gateway": address_text(gateway)})
        at += 5 + size
    return routes


def client_fqdn(value: bytes) -> str:
    """The name of option 81, in either encoding (RFC 4702 §2.1)."""
    if len(value) < 4:
        return ""
    return domain_names(value[3:])[0] if value[0] & 4 and value[3] else wire_text(value[3:]).rstrip(".").lower()


def domain_names(value: bytes) -> list[str]:
    """Names in the DNS encoding, with pointers inside the value (RFC 3397 §2); one empty name where there is none."""
    names: list[str] = []
    at = 0
    while at < len(value) and len(names) < MAX_LIST:
        name, at = _domain_name(value, at)
        if name:
            names.append(name)
    return names or [""]


def _domain_name(value: bytes, at: int) -> tuple[str, int]:
    labels: list[str] = []
    after = -1
    while at < len(value) and value[at]:
        size = value[at]
        if size >= 0xC0 and at + 1 < len(value):
            target = (size & 0x3F) << 8 | value[at + 1]
            after = at + 2 if after < 0 else after
            if target >= at:
                raise Undecodable("dhcp", at, "name_pointer")
            at = target
            continue
        if size > 63 or at + 1 + size > len(value) or len(labels) > 127:
            raise Undecodable("dhcp", at, "name")
        labels.append(wire_text(value[at + 1 : at + 1 + size]).lower())
        at += 1 + size
    return ".".join(labels), at + 1 if after < 0 else after
