"""Zeek's logs of protocols that ECS has no fields for, under the native sensor's `vonggac.<protocol>.*`.

The rows themselves are kept under `vonggac.zeek` all the same, since rules written for Zeek name their columns.
Passwords are taken out of them: only that one was given is told.
"""

from __future__ import annotations

from typing import Any

from sensors.adapt import text, whole
from sensors.decode.mail import addresses
from vonggac.domain.event import Document, put

Row = dict[str, Any]

_HIDDEN = ("<hidden>", "")


def _told(document: Document, protocol: str, row: Row, names: tuple[tuple[str, str], ...]) -> Document:
    """The row's columns under our names, where they have a value."""
    shown: Document = document["vonggac"].setdefault(protocol, {})
    for name, ours in names:
        value = row.get(name)
        if value not in (None, "", []):
            put(shown, ours, value)
    return shown


def _same(*names: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, name) for name in names)


def _outcome(document: Document, success: Any) -> None:
    if isinstance(success, bool):
        document["event"]["outcome"] = "success" if success else "failure"


def _lasted(document: Document, seconds: Any) -> None:
    if isinstance(seconds, (int, float)) and not isinstance(seconds, bool):
        document["event"]["duration"] = round(seconds * 1_000_000) * 1000


def smtp(document: Document, row: Row) -> None:
    shown = _told(document, "smtp", row, (
        *_same("helo", "date", "in_reply_to", "x_originating_ip", "last_reply", "path", "user_agent", "tls"),
        ("trans_depth", "trans_depth"), ("from", "from"), ("reply_to", "reply_to"),
    ))  # fmt: skip
    put(shown, "mail_from", (text(row.get("mailfrom")) or "").strip("<> ") or None)
    receivers = row.get("rcptto")
    if isinstance(receivers, list) and receivers:
        shown["rcpt_to"] = [str(each).strip("<> ") for each in receivers]
    mail: Document = {}
    for name in ("from", "to", "cc", "reply_to"):
        value = row.get(name)
        values = [str(each) for each in value] if isinstance(value, list) else [str(value)] if text(value) else []
        found = [address for each in values for address in addresses(each)]
        if found:
            mail[name] = {"address": found}
        if values and name != "reply_to":
            shown[name] = ", ".join(values)
    put(mail, "subject", text(row.get("subject")))
    put(mail, "message_id", (text(row.get("msg_id")) or "").strip("<> ") or None)
    if mail:
        document["email"] = mail
    code = (text(row.get("last_reply")) or "")[:3]
    if code.isdigit():
        shown["reply_code"] = int(code)
        _outcome(document, int(code) < 400)


def ftp(document: Document, row: Row) -> None:
    shown = _told(document, "ftp", row, (("command", "command"), ("arg", "command_data"),
                                         ("data_channel.resp_p", "dynamic_port"),
                                         ("data_channel.resp_h", "data_channel.ip")))  # fmt: skip
    user = text(row.get("user"))
    put(document, "user.name", None if user in (None, "<unknown>") else user)
    if text(row.pop("password", None)) not in (None, *_HIDDEN):
        row["password"] = True
    if row.get("command") == "PASS":
        shown.pop("command_data", None)
        row.pop("arg", None)
        shown["password"] = True
    passive = row.get("data_channel.passive")
    if isinstance(passive, bool):
        shown["mode"] = "passive" if passive else "active"
    if reply := text(row.get("reply_msg")):
        shown["reply"] = [reply]
    code = whole(row.get("reply_code"))
    if code is not None:
        shown["reply_code"] = code
        shown["completion_code"] = [str(code)]
        _outcome(document, code < 400)


def smb_files(document: Document, row: Row) -> None:
    shown = _told(document, "smb", row, (("name", "filename"), ("size", "size")))
    action = (text(row.get("action")) or "").rpartition("::")[2]
    put(shown, "action", action or None)
    name = text(row.get("name"))
    put(document, "file.name", (name or "").rpartition("\\")[2] or None)
    put(document, "file.path", name)
    put(document, "file.size", whole(row.get("size")))
    put(shown, "share", text(row.get("path")))
    if before := text(row.get("prev_name")):
        shown["rename"] = {"from": before, "to": name}


def smb_mapping(document: Document, row: Row) -> None:
    shown = _told(document, "smb", row, (("path", "share"), ("service", "service.response")))
    kind = text(row.get("share_type"))
    put(shown, "share_type", "FILE" if kind == "DISK" else kind)
    if kind == "PIPE":
        put(shown, "named_pipe", text(row.get("path")))


def dce_rpc(document: Document, row: Row) -> None:
    _told(document, "dcerpc", row, _same("named_pipe", "endpoint", "operation"))
    _lasted(document, row.get("rtt"))


def kerberos(document: Document, row: Row) -> None:
    shown = _told(document, "kerberos", row, (
        *_same("request_type", "client", "service", "success", "error_msg", "from", "till"),
        *_same("forwardable", "renewable"), ("cipher", "encryption"),
    ))  # fmt: skip
    name, _, realm = (text(row.get("client")) or "").rpartition("/")
    put(document, "user.name", name or None)
    put(document, "user.domain", realm or None)
    put(shown, "cname", name or None)
    put(shown, "realm", realm or None)
    put(shown, "sname", text(row.get("service")))
    if row.get("success") or row.get("error_msg") != "KDC_ERR_PREAUTH_REQUIRED":
        _outcome(document, row.get("success"))


def ntlm(document: Document, row: Row) -> None:
    _told(document, "ntlm", row, _same(
        "username", "hostname", "domainname", "server_nb_computer_name", "server_dns_computer_name",
        "server_tree_name", "success",
    ))  # fmt: skip
    put(document, "user.name", text(row.get("username")))
    put(document, "user.domain", text(row.get("domainname")))
    _outcome(document, row.get("success"))


def rdp(document: Document, row: Row) -> None:
    _told(document, "rdp", row, _same(
        "cookie", "result", "security_protocol", "client_channels", "keyboard_layout", "client_build", "client_name",
        "client_dig_product_id", "desktop_width", "desktop_height", "requested_color_depth", "cert_type", "cert_count",
        "cert_permanent", "encryption_level", "encryption_method",
    ))  # fmt: skip


def dhcp(document: Document, row: Row) -> None:
    """One row per lease, where the native sensor has one event per message: what the client got."""
    _told(document, "dhcp", row, (
        ("mac", "client_mac"), ("assigned_addr", "assigned_ip"), ("requested_addr", "requested_ip"),
        ("host_name", "hostname"), ("client_fqdn", "fqdn"), ("domain", "domain"), ("lease_time", "lease_time"),
    ))  # fmt: skip
    for name, path in (("client_addr", "client.ip"), ("server_addr", "server.ip")):
        put(document, path, text(row.get(name)))
    if "client" not in document:
        put(document, "client.ip", text(row.get("assigned_addr")))
    put(document, "client.mac", (text(row.get("mac")) or "").replace(":", "-").upper() or None)
    types = row.get("msg_types")
    if isinstance(types, list) and types:
        put(document, "event.action", str(types[-1]).lower())
    _lasted(document, row.get("duration"))


def modbus(document: Document, row: Row) -> None:
    shown = _told(document, "modbus", row, (("tid", "transaction_id"), ("unit", "unit_id"), ("func", "function")))
    failed = text(row.get("exception"))
    put(shown, "response.exception.name", failed)
    if failed or row.get("pdu_type") == "RESP":
        _outcome(document, not failed)


def ntp(document: Document, row: Row) -> None:
    _told(document, "ntp", row, _same(
        "version", "mode", "stratum", "poll", "precision", "root_delay", "root_disp", "ref_id", "num_exts",
    ))  # fmt: skip


def radius(document: Document, row: Row) -> None:
    _told(document, "radius", row, _same(
        "username", "mac", "framed_addr", "tunnel_client", "connect_info", "reply_msg", "result",
    ))  # fmt: skip
    put(document, "user.name", text(row.get("username")))
    result = text(row.get("result"))
    if result is not None:
        _outcome(document, result == "success")
    _lasted(document, row.get("ttl"))


def rfb(document: Document, row: Row) -> None:
    shown = _told(document, "rfb", row, (
        ("client_major_version", "client_protocol_version.major"),
        ("client_minor_version", "client_protocol_version.minor"),
        ("server_major_version", "server_protocol_version.major"),
        ("server_minor_version", "server_protocol_version.minor"),
        ("desktop_name", "framebuffer.name"), ("width", "framebuffer.width"), ("height", "framebuffer.height"),
        ("share_flag", "screen_shared"),
    ))  # fmt: skip
    success = row.get("auth")
    if isinstance(success, bool):
        shown["security_result"] = "OK" if success else "FAIL"
    _outcome(document, success)


def syslog(document: Document, row: Row) -> None:
    put(document, "log.syslog.facility.name", (text(row.get("facility")) or "").lower() or None)
    put(document, "log.syslog.severity.name", (text(row.get("severity")) or "").lower() or None)
    put(document, "message", text(row.pop("message", None)))


def snmp(document: Document, row: Row) -> None:
    """One row per connection: version and community are what the native sensor has too."""
    shown = _told(document, "snmp", row, _same("community"))
    version = (text(row.get("version")) or "").removesuffix("c")
    put(shown, "version", int(version) if version.isdigit() else None)
