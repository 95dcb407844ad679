"""EVE records of protocols whose fields the native sensor writes under `vonggac.<protocol>.*` by EVE's own names.

Mappers take what they map out of the record's section; what is left of it is kept under `vonggac.eve`. Passwords are
not kept at all: only that one was given.
"""

from __future__ import annotations

from typing import Any

from sensors.adapt import text, whole
from sensors.decode.mail import addresses
from vonggac.domain.event import Document, put

Section = dict[str, Any]

_LOGINS = ("PASS", "PASSWORD")


def same(protocol: str, document: Document, own: Section) -> Document:
    """The whole section as it is, under the native sensor's name of the protocol."""
    told: Document = document["vonggac"].setdefault(protocol, {})
    told |= own
    own.clear()
    return told


def dhcp(document: Document, own: Section) -> None:
    kind = text(own.get("dhcp_type")) or text(own.get("type"))
    put(document, "event.action", kind)
    put(document, "client.mac", (text(own.get("client_mac")) or "").replace(":", "-").upper() or None)
    same("dhcp", document, own)


def snmp(document: Document, own: Section) -> None:
    put(document, "user.name", text(own.get("usm")))
    same("snmp", document, own)


def tftp(document: Document, own: Section) -> None:
    put(document, "file.name", _last_part(text(own.get("file"))))
    same("tftp", document, own)


def arp(document: Document, own: Section) -> None:
    document.setdefault("network", {}).update({"type": "arp", "protocol": "arp"})
    for ours, side in (("source", "src"), ("destination", "dest")):
        put(document, f"{ours}.mac", (text(own.get(f"{side}_mac")) or "").replace(":", "-").upper() or None)
        put(document, f"{ours}.ip", text(own.get(f"{side}_ip")))
    same("arp", document, own)


def ftp(document: Document, own: Section) -> None:
    if (text(own.get("command")) or "").upper() in _LOGINS:
        own.pop("command_data", None)
        own["password"] = True
    elif own.get("command") == "USER":
        put(document, "user.name", text(own.get("command_data")))
    codes = own.get("completion_code")
    last = whole(codes[-1]) if isinstance(codes, list) and codes else None
    put(own, "reply_code", last)
    if last is not None:
        document["event"]["outcome"] = "success" if last < 400 else "failure"
    same("ftp", document, own)


def ftp_data(document: Document, own: Section) -> None:
    document.setdefault("network", {})["protocol"] = "ftp-data"
    put(document, "file.name", _last_part(text(own.get("filename"))))
    same("ftp_data", document, own)


def mqtt(document: Document, own: Section) -> None:
    connect = own.get("connect")
    if isinstance(connect, dict):
        connect = own["connect"] = {name: value for name, value in connect.items() if name != "password"}
        put(document, "user.name", text(connect.get("username")))
    same("mqtt", document, own)


def sip(document: Document, own: Section) -> None:
    put(document, "user_agent.original", text(own.pop("user_agent", None)))
    code = whole(own.get("code"))
    if code is not None:
        own["code"] = code
        if code >= 200:
            document["event"]["outcome"] = "success" if code < 300 else "failure"
    same("sip", document, own)


def smtp(document: Document, own: Section) -> None:
    for name in ("mail_from", "rcpt_to"):
        value = own.get(name)
        if isinstance(value, str):
            own[name] = value.strip("<> ")
        elif isinstance(value, list):
            own[name] = [str(each).strip("<> ") for each in value]
    same("smtp", document, own)


def email(document: Document, own: Section) -> None:
    """The message's head: ECS's `email.*`, and its fields as written under the protocol that carried it."""
    protocol = document["event"]["dataset"] if document["event"]["dataset"] in ("pop3", "imap") else "smtp"
    mail: Document = {}
    told: Document = {}
    for name in ("from", "to", "cc"):
        value = own.pop(name, None)
        values = [str(each) for each in value] if isinstance(value, list) else [str(value)] if text(value) else []
        if values:
            told[name] = ", ".join(values)
            mail[name] = {"address": [address for each in values for address in addresses(each)]}
    put(mail, "subject", text(own.pop("subject", None)))
    put(mail, "message_id", (text(own.pop("message_id", None)) or "").strip("<> ") or None)
    put(mail, "x_mailer", text(own.pop("x_mailer", None)))
    put(told, "date", text(own.pop("date", None)))
    names = own.pop("attachment", None)
    if isinstance(names, list) and names:
        mail["attachments"] = [{"file": {"name": str(name)}} for name in names]
    urls = own.pop("url", None)
    put(told, "urls", [str(url) for url in urls] if isinstance(urls, list) and urls else None)
    received = own.pop("received", None)
    put(told, "received", received if isinstance(received, list) and received else None)
    if mail:
        document["email"] = mail
    if told:
        document["vonggac"].setdefault(protocol, {}).update(told)


def quic(document: Document, own: Section) -> None:
    tls: Document = {}
    put(tls, "client.server_name", (text(own.pop("sni", None)) or "").lower().rstrip(".") or None)
    for name, path in (("ja3", "client.ja3"), ("ja3s", "server.ja3s"), ("ja4", "client.ja4")):
        value = own.pop(name, None)
        put(tls, path, text(value.get("hash")) if isinstance(value, dict) else text(value))
    if tls:
        document["tls"] = tls
        put(document, "destination.domain", tls.get("client", {}).get("server_name"))
    put(document, "user_agent.original", text(own.pop("ua", None)))
    prints = own.pop("cyu", None)
    if isinstance(prints, list) and prints and isinstance(prints[0], dict):
        put(own, "cyu", text(prints[0].get("hash")))
    same("quic", document, own)


def smb(document: Document, own: Section) -> None:
    login = own.get("ntlmssp")
    if isinstance(login, dict):
        put(document, "user.name", text(login.get("user")))
        put(document, "user.domain", text(login.get("domain")))
    put(document, "file.name", _last_part(text(own.get("filename"))))
    status = text(own.get("status"))
    if status is not None:
        document["event"]["outcome"] = "success" if status == "STATUS_SUCCESS" else "failure"
    same("smb", document, own)


def kerberos(document: Document, own: Section) -> None:
    put(document, "user.name", text(own.get("cname")))
    put(document, "user.domain", text(own.get("realm")))
    if own.get("error_code") in ("", None):
        own.pop("error_code", None)
    same("kerberos", document, own)


def rfb(document: Document, own: Section) -> None:
    shown: Document = {}
    for name in ("server_protocol_version", "client_protocol_version", "screen_shared"):
        put(shown, name, own.pop(name, None))
    login = own.pop("authentication", None)
    if isinstance(login, dict):
        put(shown, "security_type", login.get("security_type"))
        result = login.get("security_result")
        put(shown, "security_result", result.upper() if isinstance(result, str) else result)
    put(shown, "security_failure_reason", text(own.pop("server_security_failure_reason", None)))
    frame = own.pop("framebuffer", None)
    if isinstance(frame, dict):
        pixels = frame.get("pixel_format")
        kept = {name: frame[name] for name in ("name", "width", "height") if name in frame}
        if isinstance(pixels, dict):
            kept |= {name: pixels[name] for name in ("bits_per_pixel", "depth") if name in pixels}
        shown["framebuffer"] = kept
    same("rfb", document, shown)


def pop3(document: Document, own: Section) -> None:
    request, response = own.pop("request", None), own.pop("response", None)
    shown: Document = {}
    if isinstance(request, dict):
        command = text(request.get("command"))
        put(shown, "command", command)
        words = request.get("args")
        if command in ("PASS", "APOP", "AUTH"):
            shown["password"] = True
        elif isinstance(words, list) and words:
            shown["command_data"] = " ".join(str(word) for word in words)
            if command == "USER":
                put(document, "user.name", shown["command_data"])
    if isinstance(response, dict):
        good = response.get("success")
        if isinstance(good, bool):
            shown["status"] = "OK" if good else "ERR"
            document["event"]["outcome"] = "success" if good else "failure"
        put(shown, "reply", text(response.get("header")))
    same("pop3", document, shown)


def modbus(document: Document, own: Section) -> None:
    request, response = own.get("request"), own.get("response")
    shown: Document = {}
    first = request if isinstance(request, dict) else response if isinstance(response, dict) else {}
    put(shown, "transaction_id", first.get("transaction_id"))
    put(shown, "unit_id", first.get("unit_id"))
    put(shown, "function_code", first.get("function_raw"))
    if isinstance(request, dict):
        for name in ("read", "write", "mei"):
            put(shown, f"request.{name}", request.get(name))
    failed = response.get("exception") if isinstance(response, dict) else None
    if isinstance(failed, dict):
        put(shown, "response.exception.code", failed.get("raw"))
        put(shown, "response.exception.name", failed.get("code"))
    if isinstance(response, dict):
        document["event"]["outcome"] = "failure" if failed else "success"
    same("modbus", document, shown)


def rdp(document: Document, own: Section) -> None:
    shown: Document = {}
    put(shown, "cookie", text(own.pop("cookie", None)))
    client = own.get("client")
    if isinstance(client, dict):
        for name, ours in (
            ("client_name", "client_name"), ("build", "client_build"), ("version", "client_version"),
            ("keyboard_layout", "keyboard_layout"), ("desktop_width", "desktop_width"),
            ("desktop_height", "desktop_height"), ("product_id", "client_dig_product_id"),
        ):  # fmt: skip
            put(shown, ours, client.get(name))
    channels = own.pop("channels", None)
    put(shown, "client_channels", channels if isinstance(channels, list) and channels else None)
    if shown:
        same("rdp", document, shown)


def ldap(document: Document, own: Section) -> None:
    """Operation, result and names; the rest of Suricata's nested requests is kept as it is, without passwords."""
    request, responses = own.get("request"), own.get("responses")
    shown: Document = {}
    if isinstance(request, dict):
        put(shown, "operation", text(request.get("operation")))
        put(shown, "message_id", whole(request.get("message_id")))
        search, bind = request.get("search_request"), request.get("bind_request")
        if isinstance(search, dict):
            put(shown, "base_object", text(search.get("base_object")))
        if isinstance(bind, dict):
            put(shown, "version", whole(bind.get("version")))
            put(shown, "object", text(bind.get("name")))
            sasl = bind.get("sasl")
            if isinstance(sasl, dict):
                put(shown, "mechanism", text(sasl.get("mechanism")))
            kept = {name: value for name, value in bind.items() if name not in ("sasl", "password", "simple")}
            own["request"] = {**request, "bind_request": kept}
    if isinstance(responses, list):
        for response in responses:
            inner = [each for each in response.values() if isinstance(each, dict)] if isinstance(response, dict) else []
            for each in inner:
                put(shown, "result_code", each.get("result_code"))
    same("ldap", document, shown)


def anomaly(document: Document, own: Section) -> None:
    put(document, "vonggac.anomaly.reason", text(own.pop("event", None)))
    put(document, "vonggac.anomaly.layer", (text(own.pop("app_proto", None)) or text(own.get("type")) or "") or None)


def _last_part(path: str | None) -> str | None:
    return (path or "").replace("\\", "/").rpartition("/")[2] or None
