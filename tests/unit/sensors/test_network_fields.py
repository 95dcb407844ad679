"""docs/ecs-fields.md names every field of DHCP, NTP, SNMP, QUIC, HTTP/2, IKE, RADIUS, TFTP, syslog and ARP events."""

from __future__ import annotations

import re

from sensors.decode.arp import arp_fields
from tests.unit.sensors.decode.test_arp import arp
from tests.unit.sensors.talks import (
    quic_packets,
    test_dhcp,
    test_dhcpv6,
    test_http2,
    test_ike,
    test_ntp,
    test_radius,
    test_snmp,
    test_syslog,
    test_tftp,
)
from tests.unit.sensors.test_ecs_fields import PAGE, paths
from tests.unit.sensors.wire import sense, tcp, udp


def frames() -> list[object]:
    client, server = quic_packets.hellos()
    found = [udp(data, sport=68, dport=67) for data in (test_dhcp.REQUEST, test_dhcp.ACK)]
    found += [test_dhcpv6.datagram(data) for data in (test_dhcpv6.REPLY, test_dhcpv6.RELAYED)]
    control = bytes.fromhex("168200010000000000000000")
    found += [udp(data, sport=41000, dport=123) for data in (test_ntp.ANSWER, test_ntp.MONLIST, control)]
    found += [udp(data, sport=41001, dport=161) for data in
              (test_snmp.RESPONSE, test_snmp.BULK, test_snmp.TRAP, test_snmp.V3)]  # fmt: skip
    found += [udp(data, sport=500, dport=500) for data in (test_ike.INIT, test_ike.AGGRESSIVE)]
    found += [udp(test_radius.ASK, dport=1812), udp(test_radius.ACCEPT, dport=1812, back=True)]
    found += [udp(test_tftp.READ, dport=69), udp(test_syslog.NEW, dport=514)]
    found += [
        udp(quic_packets.initial(quic_packets.crypto(0, client), size=1180), sport=41002, dport=443),
        udp(quic_packets.initial(quic_packets.crypto(0, server), server=True), sport=41002, dport=443, back=True),
        udp(quic_packets.initial(b"\x1c\0\0\1x" + bytes(30), number=1), sport=41002, dport=443),
    ]
    found += tcp([(0, test_http2.CLIENT), (1, test_http2.SERVER)], sport=41003)
    return found


def test_every_field_written_stands_on_the_page():
    known = set(re.findall(r"`([@a-z][\w.@]*)`", PAGE.read_text("utf-8")))
    events = sense(frames())
    written = {path for event in (*events, arp_fields(arp(1, "192.0.2.1", "192.0.2.2"))) for path in paths(event)}
    assert {event["event"]["dataset"] for event in events} >= {
        "dhcp", "ntp", "snmp", "quic", "ike", "radius", "tftp", "syslog", "http", "file", "flow",
    }  # fmt: skip
    assert written <= known
