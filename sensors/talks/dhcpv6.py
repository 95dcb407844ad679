"""DHCPv6: one `dhcp` event per message, with version 6 and the names that DHCP's fields have."""

from __future__ import annotations

from struct import unpack_from

from sensors.decode import dhcpv6 as wire
from sensors.decode.address import address_text
from sensors.decode.dhcp import MAX_LIST, domain_names
from sensors.decode.text import colons, ecs_mac, wire_text
from sensors.talks.message import MessageTalk, Read
from vonggac.domain.event import Document

#: Octets shown of an identifier (RFC 8415 §11.1: a DUID has at most 130).
MAX_IDENTIFIER = 130


def dhcpv6_talk() -> MessageTalk:
    return MessageTalk("dhcpv6", "dhcp", read_dhcpv6)


def read_dhcpv6(data: bytes) -> Read:
    """Raises Undecodable for a message whose options do not hold together."""
    message = wire.decode_dhcpv6(data)
    dhcp: Document = {
        "version": 6,
        "type": "reply" if message.answering else "request",
        "dhcp_type": message.type,
        "id": message.id,
    }
    if message.addresses:
        dhcp["assigned_ip"] = message.addresses[0].address
        dhcp["assigned_ips"] = [lease.address for lease in message.addresses[:MAX_LIST]]
        dhcp["lease_time"] = message.addresses[0].valid
    if message.prefixes:
        dhcp["prefixes"] = [lease.address for lease in message.prefixes[:MAX_LIST]]
        dhcp.setdefault("lease_time", message.prefixes[0].valid)
    if message.relays:
        relay = message.relays[-1]  # the one nearest to the client
        dhcp |= {"hops": message.relays[0].hops, "relay_ip": relay.link, "peer_ip": relay.peer}
    _options(dhcp, message.options)
    fields: Document = {"vonggac": {"dhcp": dhcp}}
    client = _client(message, dhcp)
    if client:
        fields["client"] = client
    event: Document = {"action": message.type}
    if "status" in dhcp:
        event["outcome"] = "success" if dhcp["status"] == "success" else "failure"
    hosts = (dhcp["fqdn"],) if dhcp.get("fqdn") else ()
    ips = (*dhcp.get("assigned_ips", ()), *dhcp.get("dns_servers", ()))
    return Read(fields, event, hosts, ips)


def _client(message: wire.Message, dhcp: Document) -> Document:
    client: Document = {}
    told = message.options.get(wire.LINK_LAYER, b"")  # by the relay (RFC 6939 §4)
    mac = told[2:8] if told[:2] == b"\0\1" else wire.hardware_address(message.options.get(wire.CLIENT_ID, b""))
    if len(mac) == 6:
        client["mac"] = ecs_mac(mac)
        dhcp["client_mac"] = colons(mac)
    if message.addresses:
        client["ip"] = message.addresses[0].address
    return client


def _options(dhcp: Document, options: dict[int, bytes]) -> None:
    for code, value in options.items():
        if code in (wire.CLIENT_ID, wire.SERVER_ID):
            dhcp["client_id" if code == wire.CLIENT_ID else "server_id"] = colons(value[:MAX_IDENTIFIER])
        elif code == wire.OPTION_REQUEST:
            wanted = unpack_from(f"!{min(len(value) // 2, MAX_LIST)}H", value)
            dhcp["params"] = [wire.OPTIONS.get(each, f"option_{each}") for each in wanted]
        elif code == wire.ELAPSED and len(value) == 2:
            dhcp["seconds"] = int.from_bytes(value) // 100
        elif code == wire.STATUS and len(value) >= 2:
            number = int.from_bytes(value[:2])
            dhcp["status"] = wire.STATUSES.get(number, str(number))
            if len(value) > 2:
                dhcp["message"] = wire_text(value[2:])
        elif code == wire.DNS and len(value) >= 16:
            ends = range(16, min(len(value), 16 * MAX_LIST) + 1, 16)
            dhcp["dns_servers"] = [address_text(value[end - 16 : end]) for end in ends]
        elif code == wire.SEARCH:
            dhcp["domain_search"] = [name for name in domain_names(value) if name]
        elif code == wire.FQDN and len(value) > 1:
            dhcp["fqdn"] = domain_names(value[1:])[0]
        elif code == wire.VENDOR_CLASS and len(value) > 6:
            dhcp["vendor_class_identifier"] = wire_text(value[6:])
        elif code == wire.INTERFACE:
            dhcp["circuit_id"] = wire_text(value)
        elif code == wire.REMOTE_ID and len(value) > 4:
            dhcp["remote_id"] = colons(value[4 : 4 + MAX_IDENTIFIER])
        elif code == wire.BOOT_URL:
            dhcp["boot_file"] = wire_text(value)
