"""Suricata's EVE records in the native sensor's vocabulary; what has no field there stays under `vonggac.eve`.

Source: Suricata user guide, "EVE JSON Format", versions 4 to 8.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import partial
from typing import Any

from sensors import eve_map
from sensors.adapt import Adapter, dns_question, relate, text, time_ns, url_parts, whole
from sensors.base import Origin
from sensors.decode.http import percent_decoded
from sensors.document import flags_text, instant_text
from sensors.records import Convert, LineReader, whole_objects
from vonggac.domain.event import Document, put

_DATASETS = {"fileinfo": "file", "krb5": "kerberos", "ikev2": "ike", "mdns": "dns", "llmnr": "dns"}
_PROTOCOLS = {"krb5": "kerberos", "ikev2": "ike", "http2": "http", "dcerpc_udp": "dcerpc"}
_NO_PROTOCOLS = frozenset({"alert", "anomaly", "email", "fileinfo", "flow", "netflow", "tcp"})
#: Why a flow's event was written, in the native sensor's words.
_END_REASONS = {"timeout": "idle", "forced": "evicted", "shutdown": "end-of-input", "tcp_reuse": "closed"}
_HEX = re.compile(r"[0-9a-fA-F]{1,2}")
_KEYS = frozenset(
    {
        "timestamp", "event_type", "src_ip", "src_port", "dest_ip", "dest_port", "proto", "flow_id", "app_proto",
        "community_id", "vlan", "in_iface", "host", "pcap_cnt", "tx_id", "pkt_src", "ip_v", "direction",
    }
)  # fmt: skip


class EveReader(LineReader):
    name = "eve"

    def accepts(self, head: bytes) -> bool:
        first = next(whole_objects(head), None)
        return first is not None and "event_type" in first and "timestamp" in first

    def begin(self, origin: Origin) -> Callable[[str], Convert]:
        def of(source: str) -> Convert:
            adapter = Adapter(origin, source, "suricata")
            return lambda record, line: convert(adapter, record, line)

        return of


def convert(adapter: Adapter, record: dict[str, Any], line: int) -> Document | str:
    """The event of one EVE record."""
    kind = text(record.get("event_type"))
    if kind is None:
        return "not_an_event"
    ns = time_ns(record.get("timestamp"))
    if ns is None:
        return "no_time"
    section = record.get(kind)
    own: dict[str, Any] = dict(section) if isinstance(section, dict) else {}
    document = adapter.event(_DATASETS.get(kind, kind.lower()), ns, line)
    _common(adapter, document, record, kind)
    mapped = _SECTIONS.get(kind)
    if mapped is not None:
        mapped(document, own)
    left: Document = {kind: own} if own else {}
    for other, mapping in _SECTIONS.items():  # an alert or a file carries the transaction it was found in
        if other != kind and other != "alert" and isinstance(record.get(other), dict):
            rest = dict(record[other])
            mapping(document, rest)
            if rest and other not in ("flow", "fileinfo"):
                left[other] = rest
    left |= {name: value for name, value in record.items() if name not in _KEYS and name not in (kind, *_SECTIONS)}
    if left:
        document["vonggac"]["eve"] = left
    relate(document)
    return document


def _common(adapter: Adapter, document: Document, record: dict[str, Any], kind: str) -> None:
    transport = (text(record.get("proto")) or "").lower() or None
    source = (record.get("src_ip"), record.get("src_port"))
    destination = (record.get("dest_ip"), record.get("dest_port"))
    if _from_server(record, kind):
        source, destination = destination, source
    adapter.endpoints(document, source, destination, transport)
    network = document["network"]
    put(network, "community_id", text(record.get("community_id")))
    protocol = text(record.get("app_proto")) or (kind if kind in _SECTIONS and kind not in _NO_PROTOCOLS else None)
    put(network, "protocol", None if protocol in ("failed", "unknown") else _PROTOCOLS.get(protocol or "", protocol))
    vlan = record.get("vlan")
    tags = vlan if isinstance(vlan, list) else [vlan] if vlan is not None else []
    if tags:
        network["vlan"] = {"id": str(tags[0])}
    if len(tags) > 1:
        network["inner"] = {"vlan": {"id": str(tags[1])}}
    put(document, "observer.ingress.interface.name", text(record.get("in_iface")))
    put(document, "observer.hostname", text(record.get("host")))
    if not network:
        del document["network"]
    connection = record.get("flow_id")
    if connection is not None:
        identity = adapter.flow_id(str(connection))
        document["flow"] = {"id": identity}
        if kind == "flow":
            document["event"]["id"] = identity
    if kind == "stats":
        document["event"] |= {"kind": "metric", "category": ["host"]}


def _from_server(record: dict[str, Any], kind: str) -> bool:
    """Whether the record's source is the answering side: EVE writes the packet's direction, we the connection's."""
    sport, dport = whole(record.get("src_port")), whole(record.get("dest_port"))
    if kind == "dns":
        section = record.get("dns")
        answer = isinstance(section, dict) and section.get("type") in ("answer", "response")
        return answer and sport in (53, 5353, 5355) and dport != sport
    if kind == "fileinfo":
        return sport is not None and dport is not None and sport < 1024 <= dport
    return False


def _alert(document: Document, own: dict[str, Any]) -> None:
    document["event"] |= {"kind": "alert", "category": ["intrusion_detection", "network"]}
    number = own.pop("signature_id", None)
    put(document, "rule.id", None if number is None else str(number))
    put(document, "rule.name", text(own.pop("signature", None)))
    put(document, "rule.category", text(own.pop("category", None)))
    revision = own.pop("rev", None)
    put(document, "rule.version", None if revision is None else str(revision))
    put(document, "event.severity", whole(own.pop("severity", None)))
    put(document, "event.action", text(own.pop("action", None)))
    metadata = own.get("metadata")
    techniques = metadata.get("mitre_technique_id") if isinstance(metadata, dict) else None
    if isinstance(techniques, list):
        document["threat"] = {"technique": {"id": [str(each) for each in techniques]}}


def _flow(document: Document, own: dict[str, Any]) -> None:
    counted: dict[str, list[int]] = {}
    for end, suffix in (("source", "toserver"), ("destination", "toclient")):
        for unit, name in (("bytes", "bytes"), ("packets", "pkts")):
            number = whole(own.pop(f"{name}_{suffix}", None))
            if number is not None:
                document.setdefault(end, {})[unit] = number
                counted.setdefault(unit, []).append(number)
    if document["event"]["dataset"] != "flow":  # the flow so far, in an alert: the sides are known, the end is not
        return
    for unit, numbers in counted.items():
        if len(numbers) == 2:
            put(document, f"network.{unit}", sum(numbers))
    start, end_ns = time_ns(own.pop("start", None)), time_ns(own.pop("end", None))
    if start is not None:
        document["event"]["start"] = instant_text(start)
    if end_ns is not None:
        document["event"]["end"] = document["@timestamp"] = instant_text(end_ns)
    if start is not None and end_ns is not None:
        document["event"]["duration"] = max(0, end_ns - start)
    reason = text(own.pop("reason", None))
    put(document, "vonggac.flow.end_reason", _END_REASONS.get(reason or "", reason))


def _tcp(document: Document, own: dict[str, Any]) -> None:
    """Flags of both sides, written as one hexadecimal byte each."""
    for name, side in (("tcp_flags_ts", "source"), ("tcp_flags_tc", "destination")):
        value = own.pop(name, None)
        if isinstance(value, str) and _HEX.fullmatch(value):
            put(document, f"vonggac.flow.tcp_flags.{side}", flags_text(int(value, 16)))


def _dns(document: Document, own: dict[str, Any]) -> None:
    kind = own.pop("type", None)
    answer = kind in ("answer", "response")
    dns: Document = {"type": "answer" if answer else "query"}
    number = own.pop("id", None)
    put(dns, "id", None if number is None else str(number))
    queries = own.pop("queries", None) or own.pop("query", None)
    first = queries[0] if isinstance(queries, list) and queries and isinstance(queries[0], dict) else own
    question = dns_question(text(first.get("rrname")), text(first.get("rrtype")))
    if question:
        dns["question"] = question
    put(dns, "response_code", text(own.pop("rcode", None)) if answer else None)
    flags = [name.upper() for name in ("aa", "tc", "rd", "ra", "ad", "cd") if own.pop(name, None) is True]
    if flags:
        dns["header_flags"] = flags
    rows = own.pop("answers", None)
    if not isinstance(rows, list):
        rows = [own] if answer and "rdata" in own else []
    answers = [_dns_answer(row) for row in rows if isinstance(row, dict)]
    if answers:
        dns["answers"] = answers
        ips = [row["data"] for row in answers if row.get("type") in ("A", "AAAA") and row.get("data")]
        if ips:
            dns["resolved_ip"] = list(dict.fromkeys(ips))
    for name in ("rrname", "rrtype", "rdata", "ttl"):
        own.pop(name, None)
    document["dns"] = dns


def _dns_answer(row: dict[str, Any]) -> Document:
    answer: Document = {}
    put(answer, "name", (text(row.get("rrname")) or "").lower() or None)
    put(answer, "type", text(row.get("rrtype")))
    put(answer, "ttl", whole(row.get("ttl")))
    put(answer, "data", text(row.get("rdata")))
    return answer


def _http(document: Document, own: dict[str, Any]) -> None:
    target, host = text(own.pop("url", None)), text(own.pop("hostname", None))
    port = whole(own.pop("http_port", None))
    if target is not None:
        document["url"] = url_parts(target, host, port)
        put(document, "vonggac.http.request.decoded", percent_decoded(target))
    elif host is not None:
        document["url"] = {"domain": host.lower()}
    put(document, "user_agent.original", text(own.pop("http_user_agent", None)))
    put(document, "http.request.method", text(own.pop("http_method", None)))
    put(document, "http.request.referrer", text(own.pop("http_refer", None)))
    put(document, "http.version", (text(own.pop("protocol", None)) or "").removeprefix("HTTP/") or None)
    put(document, "http.response.status_code", whole(own.pop("status", None)))
    put(document, "http.response.body.bytes", whole(own.pop("length", None)))
    put(document, "vonggac.http.response.content_type", text(own.pop("http_content_type", None)))
    put(document, "vonggac.http.response.location", text(own.pop("redirect", None)))
    put(document, "vonggac.http.request.forwarded_for", text(own.pop("xff", None)))


def _tls(document: Document, own: dict[str, Any]) -> None:
    tls: Document = {}
    version = (text(own.pop("version", None)) or "").removeprefix("TLSv").removeprefix("TLS ").strip()
    put(tls, "version", None if version in ("", "UNDETERMINED") else version)
    put(tls, "resumed", own.pop("session_resumed", None))
    put(tls, "client.server_name", (text(own.pop("sni", None)) or "").lower().rstrip(".") or None)
    put(tls, "server.subject", text(own.pop("subject", None)))
    put(tls, "server.issuer", text(own.pop("issuerdn", None)))
    serial = (text(own.pop("serial", None)) or "").replace(":", "").upper()
    put(tls, "server.x509.serial_number", serial or None)
    sha1 = (text(own.pop("fingerprint", None)) or "").replace(":", "").upper()
    put(tls, "server.hash.sha1", sha1 or None)
    for name, ours in (("notbefore", "not_before"), ("notafter", "not_after")):
        ns = time_ns(f"{own.get(name)}Z") if text(own.get(name)) else None
        if ns is not None:
            put(tls, f"server.{ours}", instant_text(ns))
            del own[name]
    for name, path in (("ja3", "client.ja3"), ("ja3s", "server.ja3s")):
        value = own.pop(name, None)
        put(tls, path, text(value.get("hash")) if isinstance(value, dict) else text(value))
    put(tls, "client.ja4", text(own.pop("ja4", None)))
    document["tls"] = tls


def _ssh(document: Document, own: dict[str, Any]) -> None:
    ssh: Document = {}
    for side in ("client", "server"):
        end = own.pop(side, None)
        if isinstance(end, dict):
            software = text(end.get("software_version"))
            put(ssh, f"{side}.version", software and f"SSH-{end.get('proto_version', '2.0')}-{software}")
            hassh = end.get("hassh")
            put(ssh, f"{side}.hassh", text(hassh.get("hash")) if isinstance(hassh, dict) else None)
    document["ssh"] = ssh


def _file(document: Document, own: dict[str, Any]) -> None:
    name = text(own.pop("filename", None))
    put(document, "file.name", (name or "").replace("\\", "/").rpartition("/")[2] or None)
    put(document, "file.size", whole(own.pop("size", None)))
    put(document, "file.mime_type", text(own.pop("mimetype", None)))
    for algorithm in ("md5", "sha1", "sha256"):
        put(document, f"file.hash.{algorithm}", text(own.pop(algorithm, None)))
    state = text(own.pop("state", None))
    put(document, "vonggac.file.complete", None if state is None else state == "CLOSED" and own.get("gaps") is not True)


def _same(protocol: str, document: Document, own: dict[str, Any]) -> None:
    eve_map.same(protocol, document, own)


_SECTIONS: dict[str, Callable[[Document, dict[str, Any]], None]] = {
    "alert": _alert,
    "flow": _flow,
    "dns": _dns,
    "http": _http,
    "tls": _tls,
    "ssh": _ssh,
    "fileinfo": _file,
    "tcp": _tcp,
    "dhcp": eve_map.dhcp,
    "snmp": eve_map.snmp,
    "ike": partial(_same, "ike"),
    "ikev2": partial(_same, "ike"),
    "tftp": eve_map.tftp,
    "arp": eve_map.arp,
    "ftp": eve_map.ftp,
    "ftp_data": eve_map.ftp_data,
    "mqtt": eve_map.mqtt,
    "sip": eve_map.sip,
    "smtp": eve_map.smtp,
    "email": eve_map.email,
    "quic": eve_map.quic,
    "smb": eve_map.smb,
    "dcerpc": partial(_same, "dcerpc"),
    "krb5": eve_map.kerberos,
    "ntp": partial(_same, "ntp"),
    "rfb": eve_map.rfb,
    "pop3": eve_map.pop3,
    "modbus": eve_map.modbus,
    "rdp": eve_map.rdp,
    "ldap": eve_map.ldap,
    "mdns": _dns,
    "llmnr": _dns,
    "anomaly": eve_map.anomaly,
}
