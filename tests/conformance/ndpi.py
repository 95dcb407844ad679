"""Our events as the flow lines of nDPI's test results, and those lines held against them.

Source: nDPI's example/ndpiReader.c. nDPI follows a capture's flows without ending them, so that parts of one of ours
that was idle for long are added up.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from tests.conformance.checks import Check, address, at, same, verdict
from vonggac.domain.event import Document

#: What nDPI calls the protocols that we know.
_NAMES = {
    "dns": "DNS", "mdns": "MDNS", "llmnr": "LLMNR", "http": "HTTP", "tls": "TLS", "quic": "QUIC", "ssh": "SSH",
    "ftp": "FTP_CONTROL",
    "ftp-data": "FTP_DATA", "smtp": "SMTP", "pop3": "POP3", "imap": "IMAP", "smb": "SMBv23", "icmp": "ICMP",
    "ipv6-icmp": "ICMPV6",
    "dhcp": "DHCP", "dhcpv6": "DHCPV6", "ntp": "NTP", "snmp": "SNMP", "rdp": "RDP", "telnet": "Telnet", "rfb": "VNC",
    "irc": "IRC",
    "mqtt": "MQTT", "modbus": "Modbus", "sip": "SIP", "ike": "IPSec", "kerberos": "Kerberos", "ldap": "LDAP",
    "dcerpc": "DCERPC",
    "radius": "Radius", "syslog": "Syslog", "tftp": "TFTP", "netbios-ns": "NetBIOS", "stun": "STUN", "dtls": "DTLS",
    "arp": "ARP",
    "wireguard": "WireGuard", "openvpn": "OpenVPN", "bittorrent": "BitTorrent", "ssdp": "SSDP", "bacnet": "BACnet",
    "redis": "Redis",
    "memcached": "Memcached", "rtsp": "RTSP", "xmpp": "Jabber", "postgresql": "PostgreSQL", "mysql": "MySQL",
}  # fmt: skip
#: Names of nDPI's that stand for more than one of ours, or for one beneath.
_OTHERS = {
    "SMBv1": ("smb",), "SMBv23": ("smb",), "NetBIOS": ("netbios-ns", "netbios-dgm", "smb"), "SMTPS": ("tls", "smtp"),
    "IMAPS": ("tls", "imap"), "POPS": ("tls", "pop3"), "FTPS": ("tls", "ftp"), "HTTP_Connect": ("http",),
    "HTTP_Proxy": ("http",), "DoH_DoT": ("tls", "http"), "SOCKS": ("socks4", "socks5"),
}  # fmt: skip
_TRANSPORTS = {"ipv6-icmp": "ICMPV6", "gre": "GRE", "igmp": "IGMP", "esp": "ESP", "sctp": "SCTP"}


def as_ndpi(flow: Document, found: Mapping[str, list[Document]]) -> dict[str, Any]:
    """nDPI's line of one of our flows and what was found on it (`found`: events by `flow.id`)."""
    events = found.get(str(at(flow, "flow.id")), [])
    transport = str(at(flow, "network.transport"))
    line: dict[str, Any] = {
        "transport": _TRANSPORTS.get(transport, transport.upper()),
        "src": (flow["source"]["ip"], flow["source"].get("port", 0)),
        "dst": (flow["destination"]["ip"], flow["destination"].get("port", 0)),
        "pkts_fwd": flow["source"]["packets"],
        "bytes_fwd": flow["source"]["bytes"],
        "pkts_rev": flow["destination"]["packets"],
        "bytes_rev": flow["destination"]["bytes"],
        "direction": "<->" if flow["destination"]["packets"] else "->",
        "proto": at(flow, "network.protocol"),
    }
    for event in events:
        for name, value in _facts(event).items():
            if value is not None:
                line.setdefault(name, []).append(value)
    return line


def _facts(event: Document) -> dict[str, Any]:
    kind = event["event"]["dataset"]
    if kind == "http":
        target = str(at(event, "url.original", ""))
        host, port = at(event, "url.domain"), at(event, "url.port")
        named = f"{host}:{port}" if port not in (None, 80) else host
        return {
            "hostname": host,
            "url": target if "://" in target else f"{named or ''}{target}",
            "status": at(event, "http.response.status_code"),
            "user_agent": at(event, "user_agent.original"),
        }
    if kind in ("tls", "quic"):
        ja4, offered = at(event, "tls.client.ja4"), at(event, "vonggac.tls.client_alpns", ())
        return {
            "hostname": at(event, "tls.client.server_name"),
            "ja3c": at(event, "tls.client.ja3"),
            "ja3s": at(event, "tls.server.ja3s"),
            "ja4": ja4,
            "ja4 of nDPI": ja4 and offered and ja4[:8] + str(offered[0])[:2] + ja4[10:],
            "tls_version": at(event, "tls.version") and f"TLSv{at(event, 'tls.version')}",
            "user_agent": at(event, "user_agent.original"),
        }
    if kind == "dns":
        return {"hostname": at(event, "dns.question.name")}
    return {"hostname": at(event, "ssh.server.version") if kind == "ssh" else None}


def checks(case: Mapping[str, Any], events: list[Document]) -> Iterator[Check]:
    """Each flow line of one capture."""
    found: dict[str, list[Document]] = {}
    for event in events:
        if event["event"]["dataset"] != "flow":
            found.setdefault(str(at(event, "flow.id")), []).append(event)
    flows: dict[tuple[Any, ...], list[dict[str, Any]]] = {}
    for event in events:
        if event["event"]["dataset"] == "flow":
            line = as_ndpi(event, found)
            flows.setdefault(_key(line), []).append(line)
    for wanted in case["expect"]["flows"]:
        yield _check(case["id"], wanted, flows)


def _ends(text: str) -> tuple[str, int]:
    host, _, port = text.rpartition(":")
    return address(host.strip("[]")) or host, int(port)


def _key(line: Mapping[str, Any]) -> tuple[Any, ...]:
    return line["transport"], *sorted((line["src"], line["dst"]))


def _check(case: str, wanted: Mapping[str, Any], flows: Mapping[tuple[Any, ...], list[dict[str, Any]]]) -> Check:
    ends = {"src": _ends(wanted["src"]), "dst": _ends(wanted["dst"])}
    guessed = wanted.get("confidence") != "DPI"
    # nDPI names a service that it knows by its addresses or names behind, or instead of, the protocol that carries it.
    main = wanted["proto"].split(".")[0]
    known = _OTHERS.get(main) or tuple(ours for ours, theirs in _NAMES.items() if theirs == main)
    protocol = known[0] if known and not guessed else "flow"
    what = f"{wanted['transport']} {wanted['src']} {wanted['direction']} {wanted['dst']} {wanted['proto']}"
    mine = flows.get((wanted["transport"], *sorted(ends.values())), [])
    if not mine:
        return verdict("ndpi", protocol, case, what, ["no flow of ours between these ends"], 1)
    wrong, compared = _counts(wanted, ends["src"], mine)
    unnamed = [] if guessed or known else ["proto"]
    if not guessed and known:
        compared += 1
        if not any(line["proto"] in known for line in mine):
            wrong.append(f"protocol {mine[0]['proto']} not {main}")
    for field in ("hostname", "ja3c", "ja3s", "ja4", "url", "status", "user_agent", "tls_version"):
        if wanted.get(field) and not (field == "hostname" and not any("hostname" in line for line in mine) and guessed):
            compared += 1
            told = [value for line in mine for value in line.get(field, ())]
            if field == "ja4":  # nDPI took the first two characters of the ALPN where JA4 takes the first and the last
                told += [value for line in mine for value in line.get("ja4 of nDPI", ())]
            if not any(_alike(field, str(wanted[field]), value) for value in told):
                wrong.append(f"{field} {str(told[:1])[:80]} not {str(wanted[field])[:60]}")
    unnamed += [field for field in ("risks", "category", "breed") if wanted.get(field)]
    return verdict("ndpi", protocol, case, what, wrong, compared, unnamed)


def _counts(wanted: Mapping[str, Any], src: tuple[str, int], mine: list[dict[str, Any]]) -> tuple[list[str], int]:
    """Packets and bytes of both sides over all parts of the flow. nDPI takes the lower port, or the first packet, for
    the side that began; so the sides may be turned."""
    total = {"pkts_fwd": 0, "bytes_fwd": 0, "pkts_rev": 0, "bytes_rev": 0}
    for line in mine:
        straight = line["src"] == src
        for unit in ("pkts", "bytes"):
            total[f"{unit}_fwd"] += line[f"{unit}_{'fwd' if straight else 'rev'}"]
            total[f"{unit}_rev"] += line[f"{unit}_{'rev' if straight else 'fwd'}"]
    wrong = [f"{name} {count} not {wanted[name]}" for name, count in total.items() if count != wanted[name]]
    return wrong, len(total) + 1


def _alike(field: str, wanted: str, ours: Any) -> bool:
    if field in ("hostname", "url"):
        return wanted.lower() == str(ours).lower()
    return same(wanted, ours)
