"""Our events as Suricata's EVE records, and suricata-verify's filters held against them.

Source: Suricata user guide, "EVE JSON Format" (version 8), and its output/ and rust/ sources where the guide is silent.
"""

from __future__ import annotations

import base64
import hashlib
import re
import struct
from collections.abc import Callable, Iterator, Mapping
from datetime import datetime
from ipaddress import ip_address
from typing import Any

from tests.conformance import eve_words
from tests.conformance.checks import Check, address, aside, at, name_parts, of, same, verdict
from vonggac.domain.event import Document

#: Record types that a decoder cannot be held to, and why.
_NOT_OURS = {
    "alert": "needs Suricata and the case's rules",
    "stats": "counters of Suricata's own parts",
    "drop": "what Suricata did as a firewall",
    "anomaly": "names of Suricata's own decoder events",
    "engine": "messages of Suricata's own parts",
    "verdict": "what Suricata did as a firewall",
    "frame": "how Suricata cuts a stream into pieces",
    "netflow": "the flow record's halves; the flow record is checked",
} | dict.fromkeys(
    ("dnp3", "nfs", "rpc", "pgsql", "enip", "bittorrent_dht", "websocket", "doh2", "template"),
    "a protocol of which the sensor tells the flow only",
)
#: Fields of EVE that tell of Suricata and not of the traffic, or for which we have no name.
_UNNAMED = (
    "pcap_cnt", "tx_id", "flow.alerted", "flow_id", "pkt_src", "packet", "packet_info", "pcap_filename", "stream",
    "log_level", "flow.bypassed", "flow.action", "flow.exception_policy", "flow.tx_cnt", "flow.wrong_thread",
    "fileinfo.tx_id", "fileinfo.stored", "fileinfo.file_id", "dns.tx_id",
    "tcp.ts_gap", "tcp.tc_gap", "tcp.ts_max_regions", "tcp.tc_max_regions", "engine", "direction", "ether",
    "parent_id", "app_proto_tc", "app_proto_ts", "app_proto_orig", "app_proto_expected", "suricata_version", "files",
    "capture_file", "metadata", "verdict", "payload", "payload_printable", "in_iface", "host",
)  # fmt: skip
_TYPES = {"ikev2": "ike", "file": "fileinfo"}
#: Of these datasets `vonggac.<dataset>` has Suricata's names.
_ALIKE = {
    "dhcp": "dhcp", "snmp": "snmp", "mqtt": "mqtt", "sip": "sip", "tftp": "tftp", "kerberos": "krb5",
    "ftp_data": "ftp_data", "arp": "arp",
}  # fmt: skip
#: DHCP options that Suricata names among those asked for (rust/src/dhcp/logger.rs); it leaves out the others.
_DHCP_PARAMS = ("subnet_mask", "router", "dns_server", "domain", "arp_timeout", "ntp_server", "tftp_server_name",
                "tftp_server_ip")  # fmt: skip
#: SMB 2 commands of which Suricata makes no record by themselves (rust/src/smb/smb2.rs, smb2_create_new_tx).
_SMB_SILENT = ("SMB2_COMMAND_READ", "SMB2_COMMAND_WRITE", "SMB2_COMMAND_GET_INFO", "SMB2_COMMAND_SET_INFO")
_FLAG_BITS = {letter: 1 << bit for bit, letter in enumerate("FSRPAUEC")}
_FLAG_NAMES = {"F": "fin", "S": "syn", "R": "rst", "P": "psh", "A": "ack", "U": "urg", "E": "ecn", "C": "cwr"}


def as_eve(event: Document, dns_version: int = 3) -> list[dict[str, Any]]:
    """The records Suricata would write for what one of our events tells."""
    kind = event["event"]["dataset"]
    if kind == "dns":
        return list(_dns(event, dns_version))
    if kind == "rdp":
        messages = at(event, "vonggac.rdp.messages", ())
        return [_record(event, "rdp", eve_words.rdp(event, message)) for message in messages]
    if kind == "tls" and at(event, "network.protocol") == "rdp":  # Suricata leaves it to RDP, and has no tls record
        return [_record(event, "rdp", {"event_type": "tls_handshake"})]
    if kind == "dcerpc" and at(event, "network.protocol") == "dcerpc":
        return [_record(event, "dcerpc", dict(event["vonggac"]["dcerpc"]))]
    if kind in _SECTIONS:
        name, make = _SECTIONS[kind]
        section = make(event)
        return [] if section is None else [_record(event, name, section)]
    if kind in _ALIKE:
        record = _record(event, _ALIKE[kind], dict(at(event, f"vonggac.{kind}", {})))
        # Of a message Suricata writes the packet's own ends, we those of the flow.
        if kind == "dhcp" and record["dhcp"].get("type") == "reply":
            _turn(record)
        return [record]
    return []


def _record(event: Document, name: str, section: Mapping[str, Any]) -> dict[str, Any]:
    protocol = at(event, "network.protocol")
    record: dict[str, Any] = {
        "event_type": name,
        "src_ip": at(event, "source.ip"),
        "src_port": at(event, "source.port"),
        "dest_ip": at(event, "destination.ip"),
        "dest_port": at(event, "destination.port"),
        "proto": {"ipv6-icmp": "IPv6-ICMP"}.get(
            str(at(event, "network.transport")), str(at(event, "network.transport")).upper()
        ),
        "app_proto": {"kerberos": "krb5"}.get(str(protocol), protocol),
        "community_id": at(event, "network.community_id"),
        name: section,
    }
    record["ip_v"] = {"ipv4": 4, "ipv6": 6}.get(str(at(event, "network.type")))
    record["tunnel"] = eve_words.tunnel(event)
    record["flow_id"] = at(event, "flow.id")
    vlan = [at(event, "network.vlan.id"), at(event, "network.inner.vlan.id")]
    record["vlan"] = [int(tag) for tag in vlan if tag is not None]
    record |= section.pop("", {}) if isinstance(section, dict) else {}
    return {key: value for key, value in record.items() if value is not None}


def _turn(record: dict[str, Any]) -> None:
    for end in ("ip", "port"):
        src, dst = record.pop(f"src_{end}", None), record.pop(f"dest_{end}", None)
        record |= {f"src_{end}": dst, f"dest_{end}": src}


def _dns(event: Document, version: int) -> Iterator[dict[str, Any]]:
    """One event of ours is Suricata's request and its response. It does not read NetBIOS names, and from version 8 on
    has record types of their own for multicast."""
    dns = event["dns"]
    spoken = at(event, "network.protocol")
    if spoken == "netbios-ns":
        return
    kind = spoken if version == 3 and spoken in ("mdns", "llmnr") else "dns"
    names = at(event, "vonggac.dns.questions") or [dns["question"]] if "question" in dns else []
    queries = [{"rrname": row.get("name"), "rrtype": row.get("type")} for row in names]
    number = int(dns["id"])
    asked = dns["type"] == "query" or "duration" in event["event"]  # an answer without a question has no duration
    if asked and version == 3:
        yield _record(event, kind, {"version": 3, "type": "request", "id": number, "queries": queries})
    elif asked:
        for query in queries:
            yield _record(event, "dns", {"version": 2, "type": "query", "id": number} | query)
    if dns["type"] == "answer":
        section = _dns_answer(dns, number)
        if version == 3:
            section |= {"version": 3, "type": "response", "queries": queries}
        else:
            section |= {"version": 2, "type": "answer"} | (queries[0] if queries else {})
        record = _record(event, kind, section)
        _turn(record)
        yield record


def _dns_answer(dns: Document, number: int) -> dict[str, Any]:
    flags = dns.get("header_flags", ())
    bits = {"AA": 0x0400, "TC": 0x0200, "RD": 0x0100, "RA": 0x0080, "AD": 0x0020, "CD": 0x0010}
    codes = {"NOERROR": 0, "FORMERR": 1, "SERVFAIL": 2, "NXDOMAIN": 3, "NOTIMP": 4, "REFUSED": 5}
    answers = [
        {"rrname": row.get("name"), "rrtype": row.get("type"), "ttl": row.get("ttl"), "rdata": row.get("data")}
        for row in dns.get("answers", ())
    ]
    grouped: dict[str, list[Any]] = {}
    for row in answers:
        grouped.setdefault(str(row["rrtype"]), []).append(row["rdata"])
    section: dict[str, Any] = {"id": number, "qr": True, "rcode": dns.get("response_code"), "answers": answers}
    section["grouped"] = grouped
    section |= {name.lower(): True for name in flags}
    code = codes.get(str(dns.get("response_code")))
    if code is not None and dns.get("op_code") == "QUERY":
        section["flags"] = f"{0x8000 | code | sum(bits.get(name, 0) for name in flags):x}"
    return section


def _http(event: Document) -> dict[str, Any]:
    return {
        "url": at(event, "url.original"),
        "hostname": at(event, "url.domain"),
        "http_method": at(event, "http.request.method"),
        "http_user_agent": at(event, "user_agent.original"),
        "http_refer": at(event, "http.request.referrer"),
        "http_content_type": at(event, "vonggac.http.response.content_type"),
        "protocol": f"HTTP/{at(event, 'http.version')}",
        "version": at(event, "http.version"),
        "http2": {"stream_id": at(event, "vonggac.http.stream_id")},
        "status": at(event, "http.response.status_code"),
        "length": at(event, "http.response.body.bytes"),
        "redirect": at(event, "vonggac.http.response.location"),
        "xff": at(event, "vonggac.http.request.forwarded_for"),
    }


def _file(event: Document) -> dict[str, Any]:
    complete = at(event, "vonggac.file.complete")
    return {
        "filename": _file_name(event),
        "size": at(event, "file.size"),
        "state": "CLOSED" if complete else "TRUNCATED",
        "gaps": at(event, "vonggac.file.missing_bytes", 0) > 0,
        "md5": at(event, "file.hash.md5"),
        "sha1": at(event, "file.hash.sha1"),
        "sha256": at(event, "file.hash.sha256"),
        "mimetype": at(event, "file.mime_type"),
    }


def _file_name(event: Document) -> str | None:
    """Suricata shows a path where we have its last part as the name; a name sent with the file stands."""
    name = at(event, "file.name")
    path = at(event, "file.path") or at(event, "url.path")
    shown = path if path and (name is None or str(path).endswith(str(name))) else name
    return None if shown is None else str(shown)


def _tls(event: Document) -> dict[str, Any]:
    version = at(event, "tls.version")
    old = {"2.0": "SSLv2", "3.0": "SSLv3", "1.0": "TLSv1", "None": "UNDETERMINED"}  # app-layer-ssl.c
    serial = at(event, "tls.server.x509.serial_number")
    sha1 = at(event, "tls.server.hash.sha1")
    return {
        "sni": at(event, "tls.client.server_name"),
        "version": old.get(str(version), f"TLS {version}"),
        "session_resumed": at(event, "tls.resumed") or None,
        "subject": _name(at(event, "tls.server.subject")),
        "issuerdn": _name(at(event, "tls.server.issuer")),
        "serial": serial and ":".join(re.findall("..", serial)),
        "fingerprint": sha1 and ":".join(re.findall("..", sha1.lower())),
        "notbefore": (at(event, "tls.server.not_before") or "")[:19] or None,
        "notafter": (at(event, "tls.server.not_after") or "")[:19] or None,
        # We keep the hash of these strings; _find hashes what a filter asks for.
        "ja3": {"hash": at(event, "tls.client.ja3"), "string": at(event, "tls.client.ja3")},
        "ja3s": {"hash": at(event, "tls.server.ja3s"), "string": at(event, "tls.server.ja3s")},
        "ja4": at(event, "tls.client.ja4"),
        "client_alpns": at(event, "vonggac.tls.client_alpns"),
    }


def _name(distinguished: str | None) -> str | None:
    """Suricata writes a name's parts as they stand in the certificate, we with the most specific first."""
    return None if distinguished is None else ", ".join(reversed(name_parts(distinguished)))


def _quic(event: Document) -> dict[str, Any]:
    own = dict(at(event, "vonggac.quic", {}))
    own |= {
        "sni": at(event, "tls.client.server_name"),
        "ua": at(event, "user_agent.original"),
        "ja3": {"hash": at(event, "tls.client.ja3"), "string": at(event, "tls.client.ja3")},
        "ja3s": {"hash": at(event, "tls.server.ja3s"), "string": at(event, "tls.server.ja3s")},
        "ja4": at(event, "tls.client.ja4"),
    }
    cyu = own.pop("cyu", None)
    return own | ({"cyu": [{"hash": cyu}]} if cyu else {})


def _ssh(event: Document) -> dict[str, Any]:
    section: dict[str, Any] = {}
    for side in ("client", "server"):
        version = at(event, f"ssh.{side}.version")
        hassh = at(event, f"ssh.{side}.hassh")
        parts = (version or "").split("-", 2)
        section[side] = {
            "proto_version": parts[1] if len(parts) > 2 else None,
            "software_version": parts[2].split(" ")[0] if len(parts) > 2 else None,
            "hassh": {"hash": hassh, "string": hassh},
        }
    return section


def _smb(event: Document) -> dict[str, Any] | None:
    own = dict(event["vonggac"]["smb"])
    if "dcerpc" in own:  # told by the dcerpc event, which Suricata writes as this very record
        return None
    changed = "rename" in own or at(own, "set_info.class") in ("FileRenameInformation", "FileDispositionInformation")
    return None if own.get("command") in _SMB_SILENT and not changed else own


def _dcerpc(event: Document) -> dict[str, Any]:
    """Over a pipe Suricata writes it as an smb record."""
    return {"dcerpc": dict(event["vonggac"]["dcerpc"])}


def _smtp(event: Document) -> dict[str, Any]:
    own = event["vonggac"]["smtp"]
    email = {
        "status": "PARSE_DONE" if own.get("complete") else "PARSE_ERROR",
        "from": own.get("from"),
        "to": [own["to"]] if "to" in own else None,
        "cc": [own["cc"]] if "cc" in own else None,
        "subject": at(event, "email.subject"),
        "message_id": at(event, "email.message_id"),
        "date": own.get("date"),
        "url": own.get("urls"),
        "attachment": [at(each, "file.name") for each in at(event, "email.attachments", ())] or None,
    }
    return {
        "helo": own.get("helo"),
        "mail_from": f"<{own['mail_from']}>" if "mail_from" in own else None,
        "rcpt_to": [f"<{each}>" for each in own.get("rcpt_to", ())],
        "": {"email": email} if "message_bytes" in own else {},
    }


def _ftp(event: Document) -> dict[str, Any]:
    return dict(event["vonggac"]["ftp"])


def _flow(event: Document) -> dict[str, Any]:
    start, end = event["event"]["start"], event["event"]["end"]
    outer = at(event, "vonggac.tunnel", ())
    # Suricata takes a packet out of ERSPAN with the 8 octets of ERSPAN's own header, we from its Ethernet header on.
    extra = 8 if outer and outer[-1]["type"] == "erspan" else 0
    section: dict[str, Any] = {"start": _eve_time(start), "end": _eve_time(end)}
    section["age"] = (
        datetime.fromisoformat(end).replace(microsecond=0) - datetime.fromisoformat(start).replace(microsecond=0)
    ).seconds
    for side, name in (("source", "toserver"), ("destination", "toclient")):
        section[f"pkts_{name}"] = event[side]["packets"]
        section[f"bytes_{name}"] = event[side]["bytes"] + extra * event[side]["packets"]
    # Suricata ends a datagram flow after 30 s of silence, after 300 s where it was answered; we after 60. So one of
    # ours may be several of its.
    waits = 300 if event["destination"]["packets"] else 30
    pieces = (
        1
        if at(event, "network.transport") == "tcp"
        else 1 + min(event["network"]["packets"] - 1, event["event"]["duration"] // (waits * 10**9))
    )
    # Why Suricata wrote the record, not how the connection ended: when a capture is over it shuts down.
    section["reason"] = "timeout" if at(event, "vonggac.flow.end_reason") in ("idle", "active") else "shutdown"
    state = at(event, "vonggac.flow.state")
    if state is None:
        section["state"] = "established" if event["destination"]["packets"] else "new"
        icmp = at(event, "vonggac.flow.icmp_type")
        return section | {
            "": {"pieces": pieces, "icmp_type": icmp, "response_icmp_type": at(event, "vonggac.flow.icmp_answer")}
        }
    sent, received = (at(event, f"vonggac.flow.tcp_flags.{side}", "") for side in ("source", "destination"))
    tcp = _tcp(state, sent, received)
    section["state"] = {"closed": "closed", "new": "new"}.get(tcp["state"], "established")
    return section | {"": {"tcp": tcp}}


def _tcp(state: str, sent: str, received: str) -> dict[str, Any]:
    both = set(sent) | set(received)
    names = {
        "S0": "syn_sent",
        "SH": "fin_wait1",
        "S1": "established",
        "S2": "close_wait",
        "S3": "fin_wait2",
        "OTH": "established",
    }
    return {
        "tcp_flags": f"{sum(_FLAG_BITS[letter] for letter in both):02x}",
        "tcp_flags_ts": f"{sum(_FLAG_BITS[letter] for letter in sent):02x}",
        "tcp_flags_tc": f"{sum(_FLAG_BITS[letter] for letter in received):02x}",
        "state": names.get(state, "closed"),
    } | {_FLAG_NAMES[letter]: True for letter in both}


def _eve_time(text: str) -> str:
    return text.replace("Z", "+0000")


_SECTIONS: dict[str, tuple[str, Callable[[Document], dict[str, Any] | None]]] = {
    "http": ("http", _http), "file": ("fileinfo", _file), "tls": ("tls", _tls), "quic": ("quic", _quic),
    "ssh": ("ssh", _ssh), "smb": ("smb", _smb), "dcerpc": ("smb", _dcerpc), "smtp": ("smtp", _smtp),
    "ftp": ("ftp", _ftp), "flow": ("flow", _flow), "ike": ("ike", eve_words.ike),
    "modbus": ("modbus", eve_words.modbus), "rfb": ("rfb", eve_words.rfb), "ldap": ("ldap", eve_words.ldap),
    "pop3": ("pop3", eve_words.pop3), "ntp": ("ntp", eve_words.ntp),
}  # fmt: skip


def _join(records: list[dict[str, Any]]) -> None:
    """What EVE repeats in other records: a file carries the mail it was in."""
    mails = {(r["src_ip"], r.get("src_port")): r for r in records if r["event_type"] == "smtp"}
    for record in records:
        mail = mails.get((record["src_ip"], record.get("src_port")))
        if record["event_type"] == "fileinfo" and mail is not None:
            record |= {"smtp": mail["smtp"], "email": mail.get("email")}


def _quoted(events: list[Document], records: list[dict[str, Any]]) -> None:
    """Suricata counts an ICMP error to the flow whose packet it quotes; with us it is a flow of its own."""
    for event in of(events, "icmp"):
        quoted = at(event, "vonggac.icmp.original")
        # As a frame of Ethernet: 14 octets, the IP header, and ICMP's 8 before its payload.
        size = 14 + (20 if at(event, "network.type") == "ipv4" else 40) + 8 + at(event, "vonggac.icmp.payload_bytes", 0)
        for record in records if quoted else ():
            if record["event_type"] != "flow" or record["proto"].lower() != quoted["transport"]:
                continue
            ends = [(record["src_ip"], record.get("src_port")), (record["dest_ip"], record.get("dest_port"))]
            there = [
                (quoted["source"]["ip"], quoted["source"].get("port")),
                (quoted["destination"]["ip"], quoted["destination"].get("port")),
            ]
            if ends in (there, there[::-1]):
                side = "toclient" if ends == there else "toserver"
                record["flow"][f"pkts_{side}"] += 1
                record["flow"][f"bytes_{side}"] += size


def _codes(events: list[Document], records: list[dict[str, Any]]) -> None:
    """A flow of ICMP has the codes of its first message and of the answer to it; with us its messages tell."""
    first: dict[Any, Document] = {}
    for event in of(events, "icmp"):
        first.setdefault(at(event, "flow.id"), event["vonggac"]["icmp"])
    for record in records:
        icmp = first.get(record.get("flow_id"))
        if icmp is not None and record["event_type"] == "flow":
            record |= {"icmp_code": icmp["code"], "response_icmp_code": 0}  # an echo is answered with code 0


_MISSING = object()


def _find(record: Any, path: str) -> Any:
    here = record
    for part in path.split("."):
        if part == "__len":
            return len(here) if isinstance(here, (list, dict, str)) else -1
        if part.startswith("__"):
            return here
        name, *indexes = re.split(r"\[(\d+)\]", part)
        if not isinstance(here, Mapping) or name not in here:
            return _MISSING
        here = here[name]
        for index in (int(each) for each in indexes if each.isdigit()):
            if not isinstance(here, list) or index >= len(here):
                return _MISSING
            here = here[index]
    return here


def _holds(record: Mapping[str, Any], path: str, wanted: Any) -> bool:
    if path == "event_type":
        return bool(record["event_type"] == _TYPES.get(str(wanted), wanted))
    if path == "app_proto" and wanted in ("failed", "unknown"):  # EVE says so where it knows none, we leave it out
        return "app_proto" not in record
    path = re.sub(r"^ikev2\.", "ike.", path)
    if path in ("has-key", "not-has-key"):
        return (_find(record, str(wanted)) is _MISSING) == (path == "not-has-key")
    if path.endswith((".ja3.string", ".ja3s.string")) or ".hassh.string" in path:
        wanted = hashlib.md5(str(wanted).encode(), usedforsecurity=False).hexdigest()
    ours = _find(record, path)
    if path == "dhcp.params" or path.startswith("dhcp.params["):
        named = [name for name in at(record, "dhcp.params", ()) if name in _DHCP_PARAMS]
        ours = _find({"dhcp": {"params": named}}, path)
    if ours is _MISSING:
        return wanted is False  # EVE leaves out what is not
    if path.endswith(("__contains", "__find")):
        return str(wanted) in (ours if isinstance(ours, list) else str(ours))
    if path.endswith("__startswith"):
        return str(ours).startswith(str(wanted))
    if path.endswith("__endswith"):
        return str(ours).endswith(str(wanted))
    if isinstance(wanted, str) and isinstance(ours, str) and address(wanted) is None:
        return wanted.rstrip("\0") == ours  # text off the wire: we end it at the NUL that ends it there
    return same(wanted, ours)


def _version(value: Any) -> tuple[int, ...]:
    return tuple(int(part) for part in re.findall(r"\d+", str(value))) or (0,)


#: The Suricata whose expectations we take where they differ: newer than any in the data.
_NEWEST = (99,)


def _excluded(requires: Any) -> str | None:
    requires = requires or {}
    if "lt-version" in requires and _version(requires["lt-version"]) <= _NEWEST:
        return "what an older Suricata wrote; the newer's expectation is checked"
    return None


def checks(case: Mapping[str, Any], events: list[Document]) -> Iterator[Check]:
    """Each filter of one suricata-verify case."""
    expect = case["expect"]
    seed = _seed([str(wanted["match"].get("community_id", "")) for wanted in expect["eve_filters"]], events)
    for wanted in expect["eve_filters"]:
        yield _check(case["id"], wanted, events, expect.get("suricata_requires") or {}, seed)


def _seed(wanted: list[str], events: list[Document]) -> int:
    """The seed of Community ID in the case's configuration, which the data does not have: the one number of 16 bits
    under which our flows have all the ids asked for; else 0."""
    asked = {identity for identity in wanted if identity}
    flows = [record for event in of(events, "flow") for record in as_eve(event)]
    if asked <= {record["community_id"] for record in flows}:
        return 0
    return next((seed for seed in range(1, 65_536) if asked <= {_seeded(record, seed) for record in flows}), 0)


def _seeded(record: Mapping[str, Any], seed: int) -> str:
    """Community ID v1 of flows with ports."""
    number = {"TCP": 6, "UDP": 17, "SCTP": 132}.get(str(record["proto"]))
    if number is None or "src_port" not in record:
        return ""
    ends = sorted((ip_address(record[f"{end}_ip"]).packed, int(record[f"{end}_port"])) for end in ("src", "dest"))
    (one, sport), (other, dport) = ends
    key = struct.pack("!H", seed) + one + other + struct.pack("!BBHH", number, 0, sport, dport)
    return "1:" + base64.b64encode(hashlib.sha1(key, usedforsecurity=False).digest()).decode()


def _check(
    case: str, wanted: Mapping[str, Any], events: list[Document], requires: Mapping[str, Any], seed: int
) -> Check:
    match = dict(wanted["match"])
    kind = _TYPES.get(str(match.get("event_type")), str(match.get("event_type", "any")))
    protocol = {"krb5": "kerberos", "fileinfo": "file", "ftp_data": "ftp"}.get(kind, kind)
    what = f"{wanted['count']} x " + ", ".join(f"{key}={_short(value)}" for key, value in match.items())
    if kind in _NOT_OURS:
        return aside("suricata", kind, case, what, _NOT_OURS[kind])
    if kind == "any":
        return aside("suricata", kind, case, what, "a filter without event_type: what it counts is an alert's")
    if (old := _excluded(wanted.get("requires"))) is not None:
        return aside("suricata", protocol, case, what, old)
    if match.get("flow.state") == "bypassed":
        return aside("suricata", protocol, case, what, "whether Suricata took its eyes off the flow")
    unnamed = [path for path in match if path in _UNNAMED or path.split(".")[0] in _UNNAMED]
    held = {path: value for path, value in match.items() if path not in unnamed}
    records = _records(events, _dns_form(match, wanted, requires))
    for record in records if seed else ():
        record["community_id"] = _seeded(record, seed)
    found = [record for record in records if all(_holds(record, path, value) for path, value in held.items())]
    wrong = []
    if not len(found) <= wanted["count"] <= sum(record.get("pieces", 1) for record in found):
        wrong.append(f"{len(found)} records, not {wanted['count']}{_why(kind, held, records)}")
    return verdict("suricata", protocol, case, what, wrong, len(held), unnamed)


def _records(events: list[Document], dns_version: int) -> list[dict[str, Any]]:
    records = [record for event in events for record in as_eve(event, dns_version)]
    _join(records)
    _quoted(events, records)
    _codes(events, records)
    return records


def _dns_form(match: Mapping[str, Any], wanted: Mapping[str, Any], requires: Mapping[str, Any]) -> int:
    """Suricata 8 writes DNS in a third form; a filter's own words say which it means."""
    if match.get("dns.type") in ("query", "answer") or match.get("dns.version") == 2:
        return 2
    if "dns.rrname" in match or "dns.rrtype" in match:
        return 2
    if match.get("dns.type") in ("request", "response") or any(path.startswith("dns.queries") for path in match):
        return 3
    needed = (wanted.get("requires") or {}).get("min-version", requires.get("min-version", 0))
    return 3 if _version(needed) >= (8,) else 2


def _why(kind: str, held: Mapping[str, Any], records: list[dict[str, Any]]) -> str:
    """What keeps the nearest record from matching."""
    alike = [record for record in records if record["event_type"] == kind]
    if not alike:
        return f" (no {kind} records at all)"
    best = min(alike, key=lambda record: sum(not _holds(record, path, value) for path, value in held.items()))
    missing = [path for path, value in held.items() if not _holds(best, path, value)]
    if not missing:
        return ""
    told = (f"{path} {_short(_find(best, path))} not {_short(held[path])}" for path in missing[:4])
    return " (nearest: " + ", ".join(told) + ")"


def _short(value: Any) -> str:
    text = "absent" if value is _MISSING else str(value)
    return text if len(text) <= 60 else text[:57] + "..."
