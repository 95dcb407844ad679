"""DHCP: one event per message, in Suricata's words (`dhcp` of EVE) under `vonggac.dhcp`."""

from __future__ import annotations

from sensors.decode.address import address_text
from sensors.decode.dhcp import (
    MAX_LIST,
    OPTIONS,
    Message,
    addresses,
    classless_routes,
    client_fqdn,
    decode_dhcp,
    domain_names,
)
from sensors.decode.text import colons, ecs_mac, wire_text
from sensors.talks.message import MessageTalk, Read
from vonggac.domain.event import Document

_ETHERNET = 1
_NOWHERE = bytes(4)
_TEXTS = {
    12: "hostname", 15: "domain", 17: "root_path", 56: "message", 60: "vendor_class_identifier", 66: "tftp_server_name",
    67: "boot_file", 77: "user_class", 114: "captive_portal", 252: "wpad",
}  # fmt: skip
_ADDRESS = {1: "subnet_mask", 28: "broadcast_address", 50: "requested_ip", 54: "server_id"}
_ADDRESSES = {3: "routers", 6: "dns_servers", 42: "ntp_servers", 44: "netbios_name_servers", 150: "tftp_servers"}
_SECONDS = {51: "lease_time", 58: "renewal_time", 59: "rebinding_time"}


def dhcp_talk() -> MessageTalk:
    return MessageTalk("dhcp", "dhcp", read_dhcp)


def read_dhcp(data: bytes) -> Read:
    """Raises Undecodable for a message whose options do not hold together."""
    message = decode_dhcp(data)
    dhcp: Document = {
        "version": 4,
        "type": "request" if message.op == 1 else "reply",
        "id": message.id,
        "client_ip": address_text(message.client_ip),
        "assigned_ip": address_text(message.assigned_ip),
        "next_server_ip": address_text(message.next_server_ip),
        "relay_ip": address_text(message.relay_ip),
        "hops": message.hops,
        "seconds": message.seconds,
        "broadcast": message.broadcast,
    }
    if message.type:
        dhcp["dhcp_type"] = message.type
    if message.client_address:
        dhcp["client_mac"] = colons(message.client_address)
    if message.server_name:
        dhcp["server_name"] = wire_text(message.server_name)
    if message.boot_file:
        dhcp["boot_file"] = wire_text(message.boot_file)
    _options(dhcp, message.options)
    fields: Document = {"vonggac": {"dhcp": dhcp}}
    _ends(fields, message, dhcp)
    event: Document = {"action": message.type} if message.type else {}
    if message.type in ("ack", "nak"):
        event["outcome"] = "success" if message.type == "ack" else "failure"
    hosts = [str(dhcp[name]).lower() for name in ("hostname", "fqdn") if dhcp.get(name)]
    return Read(fields, event, tuple(hosts), _mentioned(message, dhcp))


def _options(dhcp: Document, options: dict[int, bytes]) -> None:
    for code, value in options.items():
        if code in _TEXTS:
            dhcp[_TEXTS[code]] = wire_text(value)
        elif code in _ADDRESS and len(value) >= 4:
            dhcp[_ADDRESS[code]] = address_text(value[:4])
        elif code in _ADDRESSES and len(value) >= 4:
            dhcp[_ADDRESSES[code]] = addresses(value)
        elif code in _SECONDS and len(value) == 4:
            dhcp[_SECONDS[code]] = int.from_bytes(value)
        elif code == 55 and value:
            dhcp["params"] = [OPTIONS.get(each, f"option_{each}") for each in value[:MAX_LIST]]
        elif code == 61 and len(value) > 1:
            dhcp["client_id"] = colons(value[1:64])  # without its hardware type, as Suricata writes it
        elif code == 81:
            dhcp["fqdn"] = client_fqdn(value)
        elif code == 82:
            _relay_agent(dhcp, value)
        elif code == 93 and len(value) >= 2:
            dhcp["client_arch"] = int.from_bytes(value[:2])
        elif code == 97 and len(value) > 1:
            dhcp["client_uuid"] = value[1:17].hex()
        elif code == 119:
            dhcp["domain_search"] = [name for name in domain_names(value) if name]
        elif code in (121, 249):
            dhcp["classless_routes"] = classless_routes(value)


def _relay_agent(dhcp: Document, value: bytes) -> None:
    """Suboptions of the relay agent (RFC 3046 §2): where the client is plugged in."""
    at = 0
    while at + 2 <= len(value):
        kind, size = value[at], value[at + 1]
        inner = value[at + 2 : at + 2 + size]
        if kind in (1, 2):
            text = inner.decode("ascii", "ignore")
            readable = len(text) == len(inner) and text.isprintable()
            dhcp["circuit_id" if kind == 1 else "remote_id"] = wire_text(inner) if readable else colons(inner)
        at += 2 + size


def _ends(fields: Document, message: Message, dhcp: Document) -> None:
    """ECS's client and server: whose address it is, and who gave it."""
    client: Document = {}
    if message.hardware == _ETHERNET and len(message.client_address) == 6:
        client["mac"] = ecs_mac(message.client_address)
    for address in (message.assigned_ip, message.client_ip):
        if address != _NOWHERE:
            client["ip"] = address_text(address)
            break
    if client:
        fields["client"] = client
    if "server_id" in dhcp:
        fields["server"] = {"ip": dhcp["server_id"]}


def _mentioned(message: Message, dhcp: Document) -> tuple[str, ...]:
    named = [address_text(a) for a in (message.assigned_ip, message.client_ip, message.relay_ip) if a != _NOWHERE]
    named += [dhcp[name] for name in ("requested_ip", "server_id") if name in dhcp]
    for name in ("routers", "dns_servers"):
        named += dhcp.get(name, ())
    return tuple(dict.fromkeys(named))
