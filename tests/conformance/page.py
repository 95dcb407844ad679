"""What docs/conformance.md says beyond the checks: the unit of each protocol's events, and why we differ."""

from __future__ import annotations

import re

#: (protocol, dataset, unit)
UNITS = (
    ("any", "flow", "flow, at its end or time-out; of a long one, part"),
    ("any", "file", "body or file that went by"),
    ("any", "anomaly", "place at which bytes could not be decoded"),
    ("ARP", "arp", "packet"),
    ("DCERPC", "dcerpc", "bind with its answer, request with its response"),
    ("DHCP, DHCPv6", "dhcp", "message"),
    ("DNS, mDNS, LLMNR, NetBIOS names", "dns", "question with its answer; an answer without a question alone"),
    ("FTP", "ftp", "command with its replies; the greeting alone"),
    ("FTP data", "ftp_data", "file on a data connection"),
    ("HTTP/1", "http", "request with its response"),
    ("HTTP/2", "http", "stream"),
    ("ICMP, ICMPv6", "icmp", "echo with its reply; any other message"),
    ("IKE", "ike", "message"),
    ("IMAP", "imap", "command with its reply"),
    ("IRC", "irc", "NICK, USER or JOIN of the client"),
    ("Kerberos", "kerberos", "request with its reply"),
    ("LDAP", "ldap", "operation with its result"),
    ("Modbus", "modbus", "request with its response"),
    ("MQTT", "mqtt", "control packet with those that answer it"),
    ("NTLM", "ntlm", "authentication"),
    ("NTP", "ntp", "message"),
    ("POP3", "pop3", "command with its reply"),
    ("QUIC", "quic", "connection"),
    ("RADIUS", "radius", "request with its answer"),
    ("RDP", "rdp", "connection"),
    ("RFB", "rfb", "connection"),
    ("SIP", "sip", "message"),
    ("SMB 1 to 3", "smb", "command with its response"),
    ("SMTP", "smtp", "message, with what led to it; a connection without one"),
    ("SNMP", "snmp", "message"),
    ("SSH", "ssh", "connection"),
    ("syslog", "syslog", "datagram"),
    ("Telnet", "telnet", "connection"),
    ("TFTP", "tftp", "request"),
    ("TLS", "tls", "connection"),
)

#: (source, what the reason of a miss matches, why it is so): differences that are known, whatever capture shows them.
CAUSES = (
    (
        "suricata",
        r"fileinfo\.size \d+ not",
        "libhtp counts bytes behind Content-Length to the body; RFC 9112 §6.3 ends it there",
    ),
    (
        "zeek",
        r"conn_state SHR not SF",
        "a SYN-ACK whose SYN was not seen: Zeek holds the opener for established once it acknowledges",
    ),
    (
        "ndpi",
        r"no flow of ours",
        "no first fragment was ever made whole: ours is an anomaly, nDPI's a flow without ports",
    ),
)


def cause(source: str, reason: str) -> str:
    """Why we differ, where that is known."""
    return next((why for who, pattern, why in CAUSES if who == source and re.search(pattern, reason)), "not known")
