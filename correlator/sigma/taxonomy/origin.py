"""What tells an event's log source, in few values, so that decisions about them can be remembered."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import lru_cache
from typing import Any

from correlator.sigma.taxonomy.tables import LogSource, tables
from vonggac.domain.event import field as value_at

#: What the reader of JSON records calls those that do not say what they are.
_UNTOLD = frozenset({"", "record"})
#: What a flat record's `event` may hold that says nothing of its origin.
_HEAD = frozenset({"id", "dataset", "kind", "created", "ingested"})
#: The Security event whose kind stands in another of its fields.
_REGISTRY_CHANGED = 4657
_PROGRAM_PATHS = ("process.name", "log.syslog.appname", "program", "appname", "ident", "SYSLOG_IDENTIFIER")
#: Names in a flat record whose values say of its origin.
_TELLING = frozenset({"EventID", "Channel", "Provider_Name", "SourceName", "event.dataset", "event.module"}) | {
    name for path in _PROGRAM_PATHS for name in (path, path.partition(".")[0])
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Origin:
    """Empty is what the event does not say.

    `code` is a Windows event id, of 4657 with what was done (`4657/%%1905`); `channel` is in lower case; `kinds` are
    `event.category` and `category/type` of events from hosts; `log` is the Zeek log a row is of; `program` is who wrote
    a syslog line, where rules ask for it; `told` are the log sources that a flat record tells.
    """

    dataset: str = ""
    module: str = ""
    os: str = ""
    code: str = ""
    channel: str = ""
    kinds: frozenset[str] = frozenset()
    log: str = ""
    program: str = ""
    told: tuple[LogSource, ...] = ()
    _hash: int = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        # Asked for with every event, of an origin that was made once.
        told = (
            self.dataset,
            self.module,
            self.os,
            self.code,
            self.channel,
            self.kinds,
            self.log,
            self.program,
            self.told,
        )
        object.__setattr__(self, "_hash", hash(told))

    def __hash__(self) -> int:
        return self._hash


def origin_of(document: Mapping[str, Any]) -> Origin:
    """The event's origin. Asked of every event, so what network sensors write is told by its dataset alone.

    A flat record (no `event.dataset`, or `record`) says its log source in one of these ways, the first that is there:
    an object `logsource` with `category`, `product` or `service`; `EventID` or `Channel` (then it is of Windows);
    field names that only one log source has (`c-uri`, `TargetObject`; see `data/records.toml`).
    """
    event = document.get("event")
    if type(event) is dict and not ("winlog" in document or "host" in document or "Event" in document):
        dataset, module = event.get("dataset"), event.get("module")
        if type(dataset) is str and dataset in _sensor_datasets():
            twofold = module == "zeek" and (dataset == "smb" or dataset == "tls")  # each of two Zeek logs
            return _of_sensor(dataset, _text(module), _zeek_log(document) if twofold else "")
        if event.keys() <= _HEAD and "logsource" not in document:
            code, channel = document.get("EventID"), document.get("Channel")
            if type(code) is int and code != _REGISTRY_CHANGED and type(channel) is str and type(dataset) is str:
                return _of_flat_windows(dataset, code, channel)
            if type(dataset) is str and _TELLING.isdisjoint(document):
                return _of_flat_record(dataset, tuple(document))
    return _told_in_full(document)


@lru_cache(maxsize=1_024)
def _of_flat_windows(dataset: str, code: int, channel: str) -> Origin:
    """What `_told_in_full` says of a flat record with nothing else to tell."""
    return _told_in_full({"event": {"dataset": dataset}, "EventID": code, "Channel": channel})


@lru_cache(maxsize=4_096)
def _of_flat_record(dataset: str, names: tuple[str, ...]) -> Origin:
    """What `_told_in_full` says of a flat record none of whose values tell anything."""
    return _told_in_full({**dict.fromkeys(names), "event": {"dataset": dataset}})


@lru_cache(maxsize=1)
def _sensor_datasets() -> frozenset[str]:
    """The datasets of our sensors' own events; names with a dot are other programs'."""
    found = {"icmp", "quic"}.union(*(entry.datasets for entry in tables().zeek.values()))
    return frozenset(name for name in found if "." not in name) - {"syslog"}


@lru_cache(maxsize=1_024)
def _of_sensor(dataset: str, module: str, log: str) -> Origin:
    return Origin(dataset, module, log=log)


def _zeek_log(document: Mapping[str, Any]) -> str:
    return next(iter(_map(_map(document.get("vonggac")).get("zeek"))), "")


def _told_in_full(document: Mapping[str, Any]) -> Origin:
    event, winlog = _map(document.get("event")), _map(document.get("winlog"))
    system = _map(_map(document.get("Event")).get("System"))
    dataset = _text(event.get("dataset") or document.get("event.dataset"))
    module = _text(event.get("module") or document.get("event.module"))
    kinds = _pairs(_texts(event.get("category")), _texts(event.get("type")))
    told = _told_by_object(document.get("logsource"))
    if winlog or system or (not told and ("EventID" in document or "Channel" in document)):
        channel = _channel(document, winlog, system)
        os = "linux" if channel.startswith("linux-sysmon") else "windows"
        return _of_host(dataset, module, os, _code(document, event, winlog, system), channel, kinds)
    if not told and not module and dataset in _UNTOLD:
        told = _told_by_names(tuple(document))
    os = _text(value_at(document, "host.os.type") or value_at(document, "host.os.family")).lower()
    return Origin(dataset, module, os, _first(event.get("code")), "", kinds, "", _program(document), told)


@lru_cache(maxsize=4_096)
def _of_host(dataset: str, module: str, os: str, code: str, channel: str, kinds: frozenset[str]) -> Origin:
    return Origin(dataset, module, os, code, channel, kinds)


def _channel(document: Mapping[str, Any], winlog: Mapping[str, Any], system: Mapping[str, Any]) -> str:
    """The channel, or that of the only service the provider writes for."""
    channel = winlog.get("channel") or system.get("Channel") or document.get("Channel")
    if channel:
        return _text(channel).lower().removeprefix("wineventlog:")
    attributes = _map(_map(system.get("Provider")).get("#attributes"))
    flat = document.get("Provider_Name") or document.get("SourceName")
    provider = winlog.get("provider_name") or attributes.get("Name") or flat
    windows = tables().windows
    service = windows.providers.get(_text(provider).lower(), "")
    return windows.first_channel.get(service, "")


def _code(
    document: Mapping[str, Any], event: Mapping[str, Any], winlog: Mapping[str, Any], system: Mapping[str, Any]
) -> str:
    code = _first(event.get("code") or winlog.get("event_id") or system.get("EventID") or document.get("EventID"))
    if code != "4657":
        return code
    data = _map(winlog.get("event_data")) or _map(_map(document.get("Event")).get("EventData")) or document
    return f"{code}/{_text(data.get('OperationType'))}"


@lru_cache(maxsize=1_024)
def _pairs(categories: tuple[str, ...], types: tuple[str, ...]) -> frozenset[str]:
    """Each category by itself, and with each type."""
    return frozenset(categories) | {f"{category}/{kind}" for category in categories for kind in types}


def _program(document: Mapping[str, Any]) -> str:
    """Only a program that some log source is about, so that origins stay few."""
    for path in _PROGRAM_PATHS:
        value = value_at(document, path)
        if isinstance(value, str) and value.lower() in tables().programs:
            return value.lower()
    return ""


def _told_by_object(value: Any) -> tuple[LogSource, ...]:
    if type(value) is not dict:
        return ()
    source = LogSource(*(_text(value.get(key)).lower() for key in ("category", "product", "service")))
    return (source,) if any(source.parts) else ()


@lru_cache(maxsize=4_096)
def _told_by_names(names: tuple[str, ...]) -> tuple[LogSource, ...]:
    """Every log source that the field names tell."""
    held = frozenset(names)
    return tuple(dict.fromkeys(source for each in tables().telltales if each.told_by(held) for source in each.is_))


def _first(value: Any) -> str:
    """A number or text, also where evtx_dump writes it as `{"#text": …}` beside attributes."""
    return _text(value.get("#text") if type(value) is dict else value)


def _text(value: Any) -> str:
    return value if type(value) is str else str(value) if isinstance(value, (str, int)) else ""


def _texts(value: Any) -> tuple[str, ...]:
    if isinstance(value, (list, tuple)):
        return tuple([item for item in value if isinstance(item, str)])
    return (value,) if isinstance(value, str) else ()


def _map(value: object) -> Mapping[str, Any]:
    return value if type(value) is dict else {}
