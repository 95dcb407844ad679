"""Sigma's field names as ECS paths, per log source; and which events a log source means.

A rule may always name ECS fields directly, and a name that no table holds is looked for under itself, so that flat
records match rules written for them. Sigma taxonomy, appendix "Sigma Taxonomy" of the specification 2.1; Zeek names are
those of its logs. Windows names are looked for where Winlogbeat (`winlog.event_data`), evtx_dump (`Event.EventData`)
and flat records hold them.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from vonggac.domain.event import field

Paths = tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LogSource:
    """A rule's `logsource`; what is not given is empty and means any."""

    category: str = ""
    product: str = ""
    service: str = ""


@dataclass(frozen=True, slots=True)
class Origin:
    """What tells an event's log source: few values, so decisions about them can be remembered."""

    dataset: str
    module: str
    os: str
    code: str
    channel: str


_ENDPOINTS: Mapping[str, Paths] = {
    "src_ip": ("source.ip",),
    "src_port": ("source.port",),
    "dst_ip": ("destination.ip",),
    "dst_port": ("destination.port",),
    "protocol": ("network.transport", "network.protocol"),
    "action": ("event.action",),
}
_DNS: Mapping[str, Paths] = {
    **_ENDPOINTS,
    "query": ("dns.question.name",),
    "record_type": ("dns.question.type",),
    "answer": ("dns.answers.data",),
    "parent_domain": ("dns.question.registered_domain",),
}
_HTTP: Mapping[str, Paths] = {
    **_ENDPOINTS,
    "c-uri": ("url.original",),
    "c-uri-extension": ("url.extension",),
    "c-uri-query": ("url.query",),
    "c-uri-stem": ("url.path",),
    "c-useragent": ("user_agent.original",),
    "c-ip": ("source.ip",),
    "c-referer": ("http.request.referrer",),
    "c-cookie": ("http.request.headers.cookie",),
    "cs-bytes": ("http.request.body.bytes",),
    "cs-cookie": ("http.request.headers.cookie",),
    "cs-host": ("url.domain",),
    "cs-method": ("http.request.method",),
    "cs-referer": ("http.request.referrer",),
    "cs-uri": ("url.original",),
    "cs-uri-query": ("url.query",),
    "cs-uri-stem": ("url.path",),
    "cs-user-agent": ("user_agent.original",),
    "cs-version": ("http.version",),
    "dst_ip": ("destination.ip",),
    "r-dns": ("url.domain",),
    "sc-bytes": ("http.response.body.bytes",),
    "sc-status": ("http.response.status_code",),
}
_ZEEK: Mapping[str, Paths] = {
    "id.orig_h": ("source.ip",),
    "id.orig_p": ("source.port",),
    "id.resp_h": ("destination.ip",),
    "id.resp_p": ("destination.port",),
    "proto": ("network.transport",),
    "uid": ("zeek.session_id",),
}
_ZEEK_BY_SERVICE: Mapping[str, Mapping[str, Paths]] = {
    "dns": {
        "query": ("dns.question.name",),
        "qtype_name": ("dns.question.type",),
        "answers": ("dns.answers.data",),
        "rcode_name": ("dns.response_code",),
    },
    "http": {
        "method": ("http.request.method",),
        "host": ("url.domain",),
        "uri": ("url.original",),
        "user_agent": ("user_agent.original",),
        "referrer": ("http.request.referrer",),
        "status_code": ("http.response.status_code",),
        "request_body_len": ("http.request.body.bytes",),
        "response_body_len": ("http.response.body.bytes",),
        "resp_mime_types": ("http.response.mime_type",),
    },
    "conn": {
        "service": ("network.protocol",),
        "orig_bytes": ("source.bytes",),
        "resp_bytes": ("destination.bytes",),
    },
    "ssl": {"server_name": ("tls.client.server_name",), "ja3": ("tls.client.ja3",), "cipher": ("tls.cipher",)},
    "files": {"md5": ("file.hash.md5",), "sha1": ("file.hash.sha1",), "sha256": ("file.hash.sha256",)},
}
_WINDOWS: Mapping[str, Paths] = {
    "EventID": ("event.code", "winlog.event_id", "Event.System.EventID", "EventID"),
    "Provider_Name": (
        "event.provider",
        "winlog.provider_name",
        "Event.System.Provider.#attributes.Name",
        "Provider_Name",
    ),
    "Channel": ("winlog.channel", "Event.System.Channel", "Channel"),
    "ComputerName": ("winlog.computer_name", "Event.System.Computer", "Computer", "host.name"),
}
_BY_CATEGORY: Mapping[str, Mapping[str, Paths]] = {
    "dns": _DNS,
    "proxy": _HTTP,
    "webserver": _HTTP,
    "firewall": {**_ENDPOINTS, "blocked": ("event.outcome",)},
    "network_connection": {
        **_ENDPOINTS,
        "SourceIp": ("source.ip",),
        "SourcePort": ("source.port",),
        "DestinationIp": ("destination.ip",),
        "DestinationPort": ("destination.port",),
        "DestinationHostname": ("destination.domain",),
        "Protocol": ("network.transport",),
        "Image": ("process.executable",),
        "User": ("user.name",),
    },
    "dns_query": {**_DNS, "QueryName": ("dns.question.name",), "Image": ("process.executable",)},
}


def only_zeek_says(name: str, source: LogSource) -> bool:
    """Whether ECS has no name for the field, so that only some Zeek logs hold it.

    An event that holds none of a rule's such fields is not one the rule speaks of: `not Z: 0` must not be true of it.
    """
    return source.product == "zeek" and "." not in name and not _zeek(name, source)


def _zeek(name: str, source: LogSource) -> Paths:
    return _ZEEK_BY_SERVICE.get(source.service, {}).get(name) or _ZEEK.get(name, ())


def paths_of(name: str, source: LogSource) -> Paths:
    """Where an event may hold the field that a rule of that log source names."""
    if source.product == "zeek":
        kept = f"vonggac.zeek.{source.service}.{name}"  # where the Zeek reader keeps what ECS has no name for
        return _zeek(name, source) or (kept, f"zeek.{source.service}.{name}", name)
    found = _BY_CATEGORY.get(source.category, {}).get(name, ())
    if source.product == "windows":
        found += _WINDOWS.get(name, ()) or (f"winlog.event_data.{name}", f"Event.EventData.{name}")
    return found if name in found else (*found, name)


_OWN = "vonggac"
_DATASETS_BY_CATEGORY: Mapping[str, frozenset[str]] = {
    "dns": frozenset({"dns"}),
    "dns_query": frozenset({"dns"}),
    "proxy": frozenset({"http", "tls"}),
    "webserver": frozenset({"http"}),
    "firewall": frozenset({"flow"}),
    "network_connection": frozenset({"flow"}),
}
_DATASETS_BY_ZEEK_LOG: Mapping[str, str] = {
    "conn": "flow",
    "ssl": "tls",
    "x509": "tls",
    "files": "file",
    "smb_files": "smb",
    "smb_mapping": "smb",
    "dce_rpc": "dcerpc",
}
#: Sysmon and Security event ids by Sigma category (Sigma specification, log source table for Windows).
_WINDOWS_CODES: Mapping[str, frozenset[str]] = {
    "process_creation": frozenset({"1", "4688"}),
    "file_change": frozenset({"2"}),
    "network_connection": frozenset({"3", "5156"}),
    "process_termination": frozenset({"5"}),
    "driver_load": frozenset({"6"}),
    "image_load": frozenset({"7"}),
    "create_remote_thread": frozenset({"8"}),
    "raw_access_thread": frozenset({"9"}),
    "process_access": frozenset({"10"}),
    "file_event": frozenset({"11"}),
    "registry_add": frozenset({"12"}),
    "registry_delete": frozenset({"12"}),
    "registry_set": frozenset({"13"}),
    "registry_rename": frozenset({"14"}),
    "registry_event": frozenset({"12", "13", "14"}),
    "create_stream_hash": frozenset({"15"}),
    "pipe_created": frozenset({"17", "18"}),
    "wmi_event": frozenset({"19", "20", "21"}),
    "dns_query": frozenset({"22"}),
    "file_delete": frozenset({"23", "26"}),
    "clipboard_capture": frozenset({"24"}),
    "process_tampering": frozenset({"25"}),
    "ps_script": frozenset({"4104"}),
    "ps_module": frozenset({"4103"}),
}


def origin_of(document: Mapping[str, Any]) -> Origin:
    """Asked of every event, so it looks only where the answer can be."""
    event = _map(document.get("event"))
    winlog = _map(document.get("winlog"))
    system = _map(_map(document.get("Event")).get("System"))
    windows = bool(winlog or system)
    code = event.get("code") or winlog.get("event_id") or system.get("EventID")
    if isinstance(code, Mapping):  # evtx_dump writes qualifiers beside the number
        code = code.get("#text")
    return Origin(
        dataset=str(event.get("dataset") or document.get("event.dataset") or ""),
        module=str(event.get("module") or ""),
        os="windows" if windows else str(field(document, "host.os.type") or ""),
        code="" if code is None else str(code),
        channel=str(winlog.get("channel") or system.get("Channel") or "").lower(),
    )


def _map(value: object) -> Mapping[str, Any]:
    return value if isinstance(value, Mapping) else {}


def applies(source: LogSource, origin: Origin) -> bool:
    """Whether events of that origin are of the rule's log source."""
    category, product, service = source.category, source.product, source.service
    if product == _OWN:
        return not service or origin.dataset == service
    if product == "zeek":
        return not service or origin.dataset in (
            service,
            _DATASETS_BY_ZEEK_LOG.get(service, service),
            f"zeek.{service}",
        )
    if product == "windows":
        return origin.os == "windows" and _windows(category, service, origin)
    if not product and category in _DATASETS_BY_CATEGORY:
        return origin.dataset in _DATASETS_BY_CATEGORY[category] or category in origin.dataset.split(".")
    words = {*origin.dataset.split("."), origin.module, origin.os}
    return all(part in words for part in (category, product, service) if part)


def _windows(category: str, service: str, origin: Origin) -> bool:
    if category and origin.code not in _WINDOWS_CODES.get(category, frozenset({category})):
        return False
    return not service or service.replace("-", " ") in origin.channel.replace("-", " ").replace("/", " ")
