"""Rows of Zeek's logs for protocols whose fields we name or cut otherwise than Zeek."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from tests.conformance.checks import at, name_parts, of
from vonggac.domain.event import Document

#: A row without the ends of the connection; they are the event's.
Row = dict[str, Any]
#: Numbers of what Zeek also writes by name (IANA, DNS parameters).
CLASSES = {"IN": ("C_INTERNET", 1), "CH": ("C_CHAOS", 3), "HS": ("C_HESIOD", 4), "ANY": ("C_ANY", 255)}
OPCODES = {"query": 0, "iquery": 1, "status": 2, "notify": 4, "update": 5}
TYPES = {
    "A": 1, "NS": 2, "CNAME": 5, "SOA": 6, "NULL": 10, "WKS": 11, "PTR": 12, "HINFO": 13, "MX": 15, "TXT": 16, "RP": 17,
    "AFSDB": 18, "AAAA": 28, "LOC": 29, "NB": 32, "NBSTAT": 33, "SRV": 33, "NAPTR": 35, "CERT": 37, "DNAME": 39,
    "OPT": 41, "DS": 43, "SSHFP": 44, "RRSIG": 46, "NSEC": 47, "DNSKEY": 48, "NSEC3": 50, "NSEC3PARAM": 51, "TLSA": 52,
    "SVCB": 64, "HTTPS": 65, "SPF": 99, "TSIG": 250, "IXFR": 251, "AXFR": 252, "ANY": 255, "*": 255, "CAA": 257,
}  # fmt: skip


def epoch(text: str | None) -> float | None:
    """Zeek's time of one of ours."""
    return None if text is None else datetime.fromisoformat(text).timestamp()


def flag(value: Any) -> str | None:
    return None if value is None else "T" if value else "F"


def vector(values: Any) -> str | None:
    return ",".join(str(value) for value in values) if values else None


def dn(distinguished: str | None) -> str | None:
    """Zeek joins the parts of a distinguished name without a blank."""
    return None if distinguished is None else ",".join(name_parts(distinguished))


def ntp(event: Document) -> Row:
    own = event["vonggac"]["ntp"]
    names = ("version", "mode", "stratum", "ref_id", "num_exts")
    row: Row = {name: own.get(name, 0 if name == "num_exts" else None) for name in names}
    row |= {name: own.get(name) for name in ("poll", "precision", "root_delay", "root_disp")}
    return row | {name: epoch(own.get(name)) or 0.0 for name in ("ref_time", "org_time", "rec_time", "xmt_time")}


def kerberos(event: Document) -> Row:
    own = event["vonggac"]["kerberos"]
    row: Row = {name: own.get(name) for name in ("request_type", "client", "service", "error_msg")}
    row["cipher"] = own.get("encryption")
    return row | {name: flag(own.get(name)) for name in ("success", "forwardable", "renewable")}


def ntlm(event: Document) -> Row:
    own = event["vonggac"]["ntlm"]
    names = (
        "username",
        "hostname",
        "domainname",
        "server_nb_computer_name",
        "server_dns_computer_name",
        "server_tree_name",
    )
    return {name: own.get(name) for name in names} | {"success": flag(own.get("success"))}


def radius(event: Document) -> Row:
    own = event["vonggac"]["radius"]
    names = ("username", "mac", "framed_addr", "tunnel_client", "connect_info", "reply_msg", "result")
    return {name: own.get(name) for name in names}


def irc(event: Document) -> Row:
    own = event["vonggac"]["irc"]
    return {name: own.get(name) for name in ("nick", "command", "value")}


def rfb(event: Document) -> Row:
    own = event["vonggac"]["rfb"]
    row: Row = {"desktop_name": at(own, "framebuffer.name")}
    row |= {name: at(own, f"framebuffer.{name}") for name in ("width", "height")}
    for side in ("client", "server"):
        row |= {f"{side}_{part}_version": at(own, f"{side}_protocol_version.{part}") for part in ("major", "minor")}
    result = own.get("security_result")
    return row | {
        "auth": None if result is None else flag(result == "OK"),
        "share_flag": flag(own.get("screen_shared")),
    }


def modbus_asked(event: Document) -> Row:
    own = event["vonggac"]["modbus"]
    return {
        "tid": own.get("transaction_id"),
        "unit": own.get("unit_id"),
        "func": own.get("function"),
        "pdu_type": "REQ",
    }


def modbus_answered(event: Document) -> Row:
    own = event["vonggac"]["modbus"]
    return modbus_asked(event) | {"pdu_type": "RESP", "exception": at(own, "response.exception.name")}


def mqtt_connect(event: Document) -> Row | None:
    own = at(event, "vonggac.mqtt.connect")
    if own is None:
        return None
    versions = {3: "3.1", 4: "3.1.1", 5: "5.0"}
    row: Row = {"proto_name": own.get("protocol_string"), "client_id": own.get("client_id")}
    row["proto_version"] = versions.get(own.get("protocol_version"), own.get("protocol_version"))
    return row | {"will_topic": at(own, "will.topic"), "will_payload": at(own, "will.message")}


def mqtt_publish(event: Document) -> Row | None:
    own = at(event, "vonggac.mqtt.publish")
    if own is None:
        return None
    row: Row = {"topic": own.get("topic"), "payload": own.get("message"), "retain": flag(own.get("retain"))}
    return row | {"payload_len": own.get("message_bytes", len(str(own.get("message", ""))))}


def sip(event: Document) -> Row | None:
    """Zeek writes a request with its response; of ours the request's part."""
    own = event["vonggac"]["sip"]
    if "method" not in own:
        return None
    row: Row = {name: own.get(name) for name in ("method", "uri", "subject", "content_type", "call_id")}
    return row | {"seq": own.get("cseq"), "user_agent": at(event, "user_agent.original")}


def syslog(event: Document) -> Row:
    row: Row = {"proto": at(event, "network.transport"), "message": event.get("message")}
    for name in ("facility", "severity"):
        row[name] = str(at(event, f"log.syslog.{name}.name", "")).upper() or None
    return row


def x509(event: Document) -> Row | None:
    """The server's own certificate; those further up its chain are only counted."""
    digest = at(event, "tls.server.hash.sha256")
    if digest is None:
        return None
    row: Row = {
        "certificate.subject": dn(at(event, "tls.server.subject")),
        "certificate.issuer": dn(at(event, "tls.server.issuer")),
    }
    row |= {"certificate.serial": at(event, "tls.server.x509.serial_number"), "fingerprint": digest.lower()}
    for name, ours in (("not_valid_before", "not_before"), ("not_valid_after", "not_after")):
        row[f"certificate.{name}"] = epoch(at(event, f"tls.server.{ours}"))
    return row


def dhcp(events: Iterable[Document]) -> list[tuple[Document, Row]]:
    """One row for the messages of one exchange, with the event that began it."""
    exchanges: dict[Any, list[Document]] = {}
    for event in of(events, "dhcp"):
        own = event["vonggac"]["dhcp"]
        if own.get("version") == 4:
            exchanges.setdefault((own.get("id"), own.get("client_mac")), []).append(event)
    return [(parts[0], _exchange([part["vonggac"]["dhcp"] for part in parts])) for parts in exchanges.values()]


def _exchange(parts: list[Document]) -> Row:
    def said(name: str, *kinds: str) -> Any:
        values = [part.get(name) for part in parts if not kinds or part.get("dhcp_type") in kinds]
        return next((value for value in values if value not in (None, "0.0.0.0")), None)

    return {
        "mac": said("client_mac"),
        "host_name": said("hostname"),
        "requested_addr": said("requested_ip"),
        "assigned_addr": said("assigned_ip", "ack"),
        "lease_time": said("lease_time", "ack"),
        "domain": said("domain"),
        "msg_types": vector(str(part.get("dhcp_type", "")).upper() for part in parts),
    }
