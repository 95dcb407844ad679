"""Windows events as evtx_dump writes them (`Event.System`, `Event.EventData`) in Winlogbeat's ECS fields.

Source: Winlogbeat's exported fields; Sysmon's event schema for the `process.*` fields.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from sensors.adapt import Adapter, packed, text, time_ns, whole
from vonggac.domain.event import Document, put

_HASH = re.compile(r"(MD5|SHA1|SHA256|IMPHASH)=([0-9A-Fa-f]+)")
_SLUG = re.compile(r"[^a-z0-9]+")

#: `event.category` and `event.type` of Sysmon's event ids.
_SYSMON: Mapping[str, tuple[str, str]] = {
    "1": ("process", "start"),
    "2": ("file", "change"),
    "3": ("network", "connection"),
    "5": ("process", "end"),
    "6": ("driver", "start"),
    "7": ("library", "start"),
    "8": ("process", "change"),
    "10": ("process", "access"),
    "11": ("file", "creation"),
    "12": ("registry", "change"),
    "13": ("registry", "change"),
    "14": ("registry", "change"),
    "15": ("file", "creation"),
    "22": ("network", "protocol"),
    "23": ("file", "deletion"),
    "26": ("file", "deletion"),
}
_SECURITY: Mapping[str, tuple[str, str]] = {
    "4624": ("authentication", "start"),
    "4625": ("authentication", "start"),
    "4634": ("authentication", "end"),
    "4688": ("process", "start"),
    "4689": ("process", "end"),
    "4720": ("iam", "creation"),
    "5156": ("network", "connection"),
}


def is_windows(record: Mapping[str, Any]) -> bool:
    event = record.get("Event")
    return isinstance(event, dict) and isinstance(event.get("System"), dict)


def convert(adapter: Adapter, record: Mapping[str, Any], line: int) -> Document | str:
    """The event of one `Event` object."""
    event = record["Event"]
    system = event["System"]
    ns = time_ns(_attribute(system.get("TimeCreated"), "SystemTime"))
    if ns is None:
        return "no_time"
    channel = text(system.get("Channel")) or ""
    code = _plain(system.get("EventID"))
    provider = text(_attribute(system.get("Provider"), "Name"))
    data = event.get("EventData") or event.get("UserData") or {}
    named = _event_data(data if isinstance(data, dict) else {})
    document = adapter.event("windows." + (_SLUG.sub("_", channel.lower()).strip("_") or "event"), ns, line)
    table = _SYSMON if "sysmon" in (provider or "").lower() else _SECURITY
    category, kind = table.get(code, ("host", "info"))
    document["event"] |= {"category": [category], "type": [kind]}
    put(document, "event.code", code or None)
    put(document, "event.provider", provider)
    computer = text(system.get("Computer"))
    put(document, "host.name", computer)
    put(document, "host.os.type", "windows")
    document["winlog"] = winlog = {"event_id": code, "channel": channel, "event_data": named}
    put(winlog, "provider_name", provider)
    put(winlog, "computer_name", computer)
    record_id = _plain(system.get("EventRecordID"))
    put(winlog, "record_id", record_id or None)
    _process(document, named, code, category)
    _network(document, named, code)
    user = text(named.get("User")) or text(named.get("TargetUserName"))
    if user:
        domain, slash, name = user.rpartition("\\")
        document["user"] = {"name": name} | ({"domain": domain} if slash else {})
    _relate(document, computer)
    return document


def _event_data(data: dict[str, Any]) -> Document:
    """Named values as text or numbers. UserData wraps them once more; unnamed ones (`Data`) become param1, param2, …"""
    inner = [value for name, value in data.items() if isinstance(value, dict) and name not in ("#attributes", "Data")]
    if len(data) - ("#attributes" in data) == 1 and inner:
        data = inner[0]
    named: Document = {}
    for name, value in data.items():
        if name == "#attributes":
            continue
        if name == "Data":
            values = value if isinstance(value, list) else [value]
            if isinstance(value, dict):
                unnamed = value.get("#text")
                values = unnamed if isinstance(unnamed, list) else [unnamed]
            named |= {f"param{at}": each for at, each in enumerate(values, 1) if each is not None}
        else:
            named[name] = value
    return named


def _process(document: Document, named: Document, code: str, category: str) -> None:
    image = text(named.get("Image")) or text(named.get("NewProcessName"))
    put(document, "process.executable", image)
    put(document, "process.name", (image or "").rpartition("\\")[2] or None)
    put(document, "process.command_line", text(named.get("CommandLine")))
    put(document, "process.pid", whole(named.get("ProcessId")))
    put(document, "process.entity_id", text(named.get("ProcessGuid")))
    put(document, "process.working_directory", text(named.get("CurrentDirectory")))
    put(document, "process.pe.original_file_name", text(named.get("OriginalFileName")))
    parent = text(named.get("ParentImage")) or text(named.get("ParentProcessName"))
    put(document, "process.parent.executable", parent)
    put(document, "process.parent.name", (parent or "").rpartition("\\")[2] or None)
    put(document, "process.parent.command_line", text(named.get("ParentCommandLine")))
    put(document, "process.parent.pid", whole(named.get("ParentProcessId")))
    target = text(named.get("TargetFilename"))
    put(document, "file.path", target)
    put(document, "file.name", (target or "").rpartition("\\")[2] or None)
    put(document, "registry.path", text(named.get("TargetObject")))
    hashes = _HASH.findall(text(named.get("Hashes")) or "")
    owner = "process" if code == "1" else "dll" if category == "library" else "file"
    for algorithm, value in hashes:
        path = f"{owner}.pe.imphash" if algorithm == "IMPHASH" else f"{owner}.hash.{algorithm.lower()}"
        put(document, path, value.lower())


def _network(document: Document, named: Document, code: str) -> None:
    for end, prefix in (("source", "Source"), ("destination", "Destination")):
        address = text(named.get(f"{prefix}Ip"))
        if address and packed(address) is not None:
            put(document, f"{end}.ip", address)
        put(document, f"{end}.port", whole(named.get(f"{prefix}Port")))
        put(document, f"{end}.domain", text(named.get(f"{prefix}Hostname")))
    remote = text(named.get("IpAddress"))
    if remote and packed(remote) is not None:
        put(document, "source.ip", remote)
    put(document, "network.transport", (text(named.get("Protocol")) or "").lower() or None)
    query = text(named.get("QueryName"))
    if code == "22" and query:
        put(document, "dns.question.name", query.lower().rstrip("."))


def _relate(document: Document, computer: str | None) -> None:
    ips = [document[end]["ip"] for end in ("source", "destination") if "ip" in document.get(end, {})]
    hashes = [
        value for owner in ("process", "file", "dll") for value in document.get(owner, {}).get("hash", {}).values()
    ]
    hosts = [name for name in (computer, document.get("dns", {}).get("question", {}).get("name")) if name]
    users = [document["user"]["name"]] if "user" in document else []
    found = {"ip": ips, "hosts": hosts, "hash": hashes, "user": users}
    document["related"] = {name: list(dict.fromkeys(values)) for name, values in found.items() if values}


def _attribute(value: Any, name: str) -> Any:
    attributes = value.get("#attributes") if isinstance(value, dict) else None
    return attributes.get(name) if isinstance(attributes, dict) else None


def _plain(value: Any) -> str:
    """A number or text, also where evtx_dump writes it as `{"#text": …}` beside attributes."""
    if isinstance(value, dict):
        value = value.get("#text")
    return "" if value is None else str(value)
