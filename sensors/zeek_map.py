"""Zeek's fields, log by log, as ECS; every mapper takes what it maps out of the row, and the rest is kept."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from sensors import zeek_protocols
from sensors.adapt import Adapter, dns_question, packed, relate, text, time_ns, url_parts, whole
from sensors.decode.http import percent_decoded
from sensors.document import instant_text
from vonggac.domain.event import Document, put

_DATASETS = {
    "conn": "flow", "ssl": "tls", "files": "file", "weird": "anomaly", "smb_files": "smb", "smb_mapping": "smb",
    "dce_rpc": "dcerpc",
}  # fmt: skip
_TRANSPORTS = {"icmp": "icmp", "tcp": "tcp", "udp": "udp", "unknown_transport": None}
_CLASSES = {"C_INTERNET": "IN", "C_CHAOS": "CH", "C_HESIOD": "HS", "C_ANY": "ANY"}
_TLS_VERSIONS = {"TLSv13": "1.3", "TLSv12": "1.2", "TLSv11": "1.1", "TLSv10": "1.0", "SSLv3": "3.0", "SSLv2": "2.0"}
_SERVICES = {
    "ssl": "tls", "krb_tcp": "kerberos", "krb": "kerberos", "dce_rpc": "dcerpc", "smb_files": "smb",
    "smb_mapping": "smb",
}  # fmt: skip
_RELATIVES = {5353: "mdns", 5355: "llmnr", 137: "netbios-ns"}
_TYPES = {"*": "ANY"}
_NETBIOS_TYPES = {"NIMLOC": "NB", "SRV": "NBSTAT"}
#: Logs of one protocol each. NTLM is carried by others.
_SPOKEN = frozenset(
    {
        "dns", "http", "ssl", "ssh", "smtp", "ftp", "rdp", "dhcp", "snmp", "ntp", "smb_files", "smb_mapping", "dce_rpc",
        "kerberos", "modbus", "radius", "rfb", "syslog",
    }
)  # fmt: skip
#: What carries each log, for logs whose rows do not say.
_CARRIER = {
    "http": "tcp", "ssl": "tcp", "ssh": "tcp", "smtp": "tcp", "ftp": "tcp", "rdp": "tcp", "smb_files": "tcp",
    "smb_mapping": "tcp", "dce_rpc": "tcp", "ntlm": "tcp", "rfb": "tcp", "modbus": "tcp", "ntp": "udp", "dhcp": "udp",
    "snmp": "udp",
}  # fmt: skip


def convert(adapter: Adapter, path: str, row: dict[str, Any], line: int) -> Document | str:
    """The event of one row of the log `path`."""
    ns = time_ns(row.pop("ts", None))
    if ns is None:
        return "no_time"
    document = adapter.event(_DATASETS.get(path, path.lower()), ns, line)
    uid = text(row.get("uid"))
    _common(adapter, document, row, path)
    mapped = _LOGS.get(path)
    if mapped is not None:
        mapped(document, row)
    if path == "conn":
        end = ns + round(float(row.pop("duration", None) or 0) * 1_000_000) * 1000
        document["event"] |= {"start": instant_text(ns), "end": instant_text(end), "duration": end - ns}
        document["@timestamp"] = document["event"]["end"]
        if uid:
            document["event"]["id"] = adapter.flow_id(uid)
    row.pop("_write_ts", None)
    if row:
        document["vonggac"]["zeek"] = {path: _nested(row)}
    relate(document)
    return document


def _common(adapter: Adapter, document: Document, row: dict[str, Any], path: str) -> None:
    transport = text(row.pop("proto", None)) or _CARRIER.get(path)
    transport = _TRANSPORTS.get(transport, transport) if transport else None
    ends = [(row.pop(f"id.{end}_h", None), row.pop(f"id.{end}_p", None)) for end in ("orig", "resp")]
    address = packed(str(ends[0][0]))
    if transport == "icmp" and address is not None and len(address) == 16:
        transport = "ipv6-icmp"
    adapter.endpoints(document, ends[0], ends[1], transport)
    network = document["network"]
    put(network, "community_id", text(row.pop("community_id", None)))
    if path in _SPOKEN:
        network["protocol"] = _protocol(_SERVICES.get(path, path), ends[1][1])
    if not network:
        del document["network"]
    uid = text(row.get("uid"))
    if uid:
        document["flow"] = {"id": adapter.flow_id(uid)}


def _protocol(name: str, port: Any) -> str:
    """Zeek calls all of DNS's relatives dns."""
    return _RELATIVES.get(whole(port) or 0, name) if name == "dns" else name


def _conn(document: Document, row: dict[str, Any]) -> None:
    network = document.setdefault("network", {})
    service = text(row.pop("service", None))
    if service:
        names = [_SERVICES.get(name, name) for name in service.split(",")]
        network["protocol"] = _protocol(names[0], document.get("destination", {}).get("port"))
    for unit, fields in (("bytes", ("ip_bytes", "bytes")), ("packets", ("pkts",))):
        total = 0
        for end, prefix in (("source", "orig"), ("destination", "resp")):
            number = next((n for name in fields if (n := whole(row.get(f"{prefix}_{name}"))) is not None), None)
            if number is not None:
                document.setdefault(end, {})[unit] = number
                total += number
        network[unit] = total
    for name in ("orig_pkts", "resp_pkts", "orig_ip_bytes", "resp_ip_bytes"):
        row.pop(name, None)
    put(document, "vonggac.flow.state", text(row.pop("conn_state", None)))
    vlan, inner = row.pop("vlan", None), row.pop("inner_vlan", None)
    put(network, "vlan.id", None if vlan is None else str(vlan))
    put(network, "inner.vlan.id", None if inner is None else str(inner))


def _dns(document: Document, row: dict[str, Any]) -> None:
    class_ = text(row.pop("qclass_name", None))
    rcode = text(row.pop("rcode_name", None))
    number = row.pop("trans_id", None)
    dns: Document = {"type": "answer" if rcode or row.get("answers") else "query"}
    put(dns, "id", None if number is None else str(number))
    kind = text(row.pop("qtype_name", None))
    if document.get("network", {}).get("protocol") == "netbios-ns":  # its types have DNS's numbers of other types
        kind = _NETBIOS_TYPES.get(kind or "", kind)
    question = dns_question(
        text(row.pop("query", None)), _TYPES.get(kind or "", kind), _CLASSES.get(class_ or "", class_)
    )
    if question:
        dns["question"] = question
    put(dns, "response_code", rcode)
    flags = [name for name in ("AA", "TC", "RD", "RA") if row.pop(name, None) is True]
    if flags:
        dns["header_flags"] = flags
    data, ttls = row.pop("answers", None) or [], row.pop("TTLs", None) or []
    if isinstance(data, list) and data:
        lifetimes = [whole(ttl) for ttl in ttls] if isinstance(ttls, list) and len(ttls) == len(data) else None
        dns["answers"] = [
            {"data": str(value)} | ({} if lifetimes is None or lifetimes[at] is None else {"ttl": lifetimes[at]})
            for at, value in enumerate(data)
        ]
        ips = [str(value) for value in data if packed(str(value)) is not None]
        if ips:
            dns["resolved_ip"] = list(dict.fromkeys(ips))
    for name in ("qclass", "qtype", "rcode"):
        row.pop(name, None)
    took = row.pop("rtt", None)
    if isinstance(took, (int, float)):
        document["event"]["duration"] = round(took * 1_000_000) * 1000
    if rcode:
        document["event"]["outcome"] = "success" if rcode == "NOERROR" else "failure"
    document["dns"] = dns


def _http(document: Document, row: dict[str, Any]) -> None:
    target, host = text(row.pop("uri", None)), text(row.pop("host", None))
    if target is not None:
        document["url"] = url_parts(target, host)
        put(document, "vonggac.http.request.decoded", percent_decoded(target))
    elif host is not None:
        document["url"] = {"domain": host.lower()}
    put(document, "http.request.method", text(row.pop("method", None)))
    put(document, "http.request.referrer", text(row.pop("referrer", None)))
    put(document, "vonggac.http.response.version", text(row.pop("version", None)))  # Zeek's is the answer's
    put(document, "user_agent.original", text(row.pop("user_agent", None)))
    put(document, "http.request.body.bytes", whole(row.pop("request_body_len", None)))
    put(document, "http.response.body.bytes", whole(row.pop("response_body_len", None)))
    status = whole(row.pop("status_code", None))
    put(document, "http.response.status_code", status)
    if status is not None:
        document["event"]["outcome"] = "success" if status < 400 else "failure"
    for prefix, path in (("orig", "http.request.mime_type"), ("resp", "http.response.mime_type")):
        types = row.pop(f"{prefix}_mime_types", None)
        put(document, path, str(types[0]) if isinstance(types, list) and types else None)


def _ssl(document: Document, row: dict[str, Any]) -> None:
    tls: Document = {}
    version = text(row.pop("version", None))
    put(tls, "version", _TLS_VERSIONS.get(version or "", version))
    put(tls, "version_protocol", "ssl" if version in ("SSLv2", "SSLv3") else "tls" if version else None)
    for name, path in (
        ("cipher", "cipher"), ("next_protocol", "next_protocol"), ("subject", "server.subject"),
        ("issuer", "server.issuer"), ("client_subject", "client.subject"), ("client_issuer", "client.issuer"),
        ("ja3", "client.ja3"), ("ja4", "client.ja4"), ("ja3s", "server.ja3s"), ("curve", "curve"),
    ):  # fmt: skip
        put(tls, path, text(row.pop(name, None)))
    put(tls, "client.server_name", (text(row.pop("server_name", None)) or "").lower().rstrip(".") or None)
    for name in ("resumed", "established"):
        put(tls, name, row.pop(name, None))
    prints = row.pop("cert_chain_fps", None)
    first = str(prints[0]) if isinstance(prints, list) and prints else ""
    put(tls, "server.hash.sha256", first.upper() if len(first) == 64 else None)
    document["tls"] = tls


def _x509(document: Document, row: dict[str, Any]) -> None:
    certificate: Document = {}
    put(certificate, "subject.distinguished_name", text(row.pop("certificate.subject", None)))
    put(certificate, "issuer.distinguished_name", text(row.pop("certificate.issuer", None)))
    put(certificate, "serial_number", text(row.pop("certificate.serial", None)))
    for name, ours in (("not_valid_before", "not_before"), ("not_valid_after", "not_after")):
        ns = time_ns(row.get(f"certificate.{name}"))
        if ns is not None:
            certificate[ours] = instant_text(ns)
            del row[f"certificate.{name}"]
    names = row.pop("san.dns", None)
    put(certificate, "alternative_names", names if isinstance(names, list) and names else None)
    document["x509"] = certificate


def _files(document: Document, row: dict[str, Any]) -> None:
    senders, receivers = row.pop("tx_hosts", None) or [], row.pop("rx_hosts", None) or []
    upload = row.get("is_orig") is True
    if "source" not in document and senders and receivers:
        client, server = (senders, receivers) if upload else (receivers, senders)
        document["source"], document["destination"] = {"ip": str(client[0])}, {"ip": str(server[0])}
    file: Document = {}
    put(file, "name", text(row.pop("filename", None)))
    put(file, "mime_type", text(row.pop("mime_type", None)))
    seen, total = whole(row.get("seen_bytes")), whole(row.get("total_bytes"))
    put(file, "size", total if total is not None else seen)
    for algorithm in ("md5", "sha1", "sha256"):
        put(file, f"hash.{algorithm}", text(row.pop(algorithm, None)))
    document["file"] = file
    missing = whole(row.pop("missing_bytes", None)) or 0
    whole_seen = not missing and (total is None or seen == total)
    document["vonggac"]["file"] = {
        "direction": "request" if upload else "response",
        "complete": whole_seen,
        "missing_bytes": missing,
    }


def _ssh(document: Document, row: dict[str, Any]) -> None:
    ssh: Document = {}
    put(ssh, "client.version", text(row.pop("client", None)))
    put(ssh, "server.version", text(row.pop("server", None)))
    put(ssh, "client.hassh", text(row.pop("hassh", None)))
    put(ssh, "server.hassh", text(row.pop("hasshServer", None)))
    document["ssh"] = ssh
    success = row.pop("auth_success", None)
    if isinstance(success, bool):
        document["event"]["outcome"] = "success" if success else "failure"
        document["event"]["category"] = ["network", "authentication"]
        document["event"]["type"] = ["connection", "protocol", "start"]


def _notice(document: Document, row: dict[str, Any]) -> None:
    document["event"] |= {"kind": "alert", "category": ["intrusion_detection", "network"]}
    put(document, "rule.name", text(row.pop("note", None)))
    put(document, "message", text(row.pop("msg", None)))


def _weird(document: Document, row: dict[str, Any]) -> None:
    put(document, "vonggac.anomaly.reason", text(row.pop("name", None)))
    put(document, "vonggac.anomaly.layer", (text(row.pop("source", None)) or "").lower() or None)


def _nested(row: dict[str, Any]) -> Document:
    """Dotted names as objects; where a name is both a value and an object, the dotted one stays as it is."""
    nested: Document = {}
    for name, value in row.items():
        *parents, last = name.split(".")
        here: Any = nested
        for part in parents:
            here = here.setdefault(part, {}) if isinstance(here, dict) else None
        if isinstance(here, dict) and last not in here:
            here[last] = value
        else:
            nested[name] = value
    return nested


_LOGS: dict[str, Callable[[Document, dict[str, Any]], None]] = {
    "conn": _conn,
    "dns": _dns,
    "http": _http,
    "ssl": _ssl,
    "x509": _x509,
    "files": _files,
    "ssh": _ssh,
    "notice": _notice,
    "weird": _weird,
    "smtp": zeek_protocols.smtp,
    "ftp": zeek_protocols.ftp,
    "smb_files": zeek_protocols.smb_files,
    "smb_mapping": zeek_protocols.smb_mapping,
    "dce_rpc": zeek_protocols.dce_rpc,
    "kerberos": zeek_protocols.kerberos,
    "ntlm": zeek_protocols.ntlm,
    "rdp": zeek_protocols.rdp,
    "dhcp": zeek_protocols.dhcp,
    "modbus": zeek_protocols.modbus,
    "ntp": zeek_protocols.ntp,
    "radius": zeek_protocols.radius,
    "rfb": zeek_protocols.rfb,
    "syslog": zeek_protocols.syslog,
    "snmp": zeek_protocols.snmp,
}
