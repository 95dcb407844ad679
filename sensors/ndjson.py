"""JSON records: ECS events (Winlogbeat's too) pass through, Windows events and flat records become ECS."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, BinaryIO

from sensors import windows
from sensors.adapt import Adapter, relate, time_ns
from sensors.base import SNIFF_BYTES, Batch, Origin
from sensors.document import instant_text
from sensors.records import Convert, LineReader, batches, json_values, whole_objects
from vonggac.domain.event import Document, field, put

#: Where a flat record's time may stand, first wins.
_TIMES = ("@timestamp", "timestamp", "_time", "time", "ts", "date", "datetime", "EventTime", "UtcTime", "TimeCreated")
_NO_ZONE = re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}:\d{2}(?:[.]\d+)?")
#: Objects of ECS that a dotted flat key may belong to.
_ECS = frozenset(
    {
        "agent", "client", "cloud", "container", "destination", "device", "dll", "dns", "ecs", "email", "error",
        "event", "file", "group", "host", "http", "log", "network", "observer", "organization", "package", "process",
        "registry", "related", "rule", "server", "service", "source", "ssh", "threat", "tls", "url", "user",
        "user_agent", "vonggac", "vulnerability", "winlog", "x509",
    }
)  # fmt: skip


class NdjsonReader(LineReader):
    name = "ndjson"

    def accepts(self, head: bytes) -> bool:
        if any(whole_objects(head)):
            return True
        return len(head) >= SNIFF_BYTES and head.lstrip()[:1] == b"{" and b"\n" not in head and b"\0" not in head

    def begin(self, origin: Origin) -> Callable[[str], Convert]:
        return _begin(origin)


class JsonReader:
    """Objects that take several lines each: a JSON array, or evtx_dump's default output."""

    name = "json"

    def accepts(self, head: bytes) -> bool:
        text = head.removeprefix(b"\xef\xbb\xbf").lstrip()
        if text.startswith(b"Record "):
            text = text.partition(b"\n")[2].lstrip()
        elif text.startswith(b"["):
            text = text[1:].lstrip()
        return text.startswith(b"{") and text[1:].lstrip()[:1] == b'"'

    def read(self, stream: BinaryIO, location: str, origin: Origin) -> Iterator[Batch]:
        return batches(json_values(stream), location, _begin(origin))


def _begin(origin: Origin) -> Callable[[str], Convert]:
    def begin(source: str) -> Convert:
        adapters = {module: Adapter(origin, source, module) for module in ("windows", "ndjson")}

        def record(value: dict[str, Any], line: int) -> Document | str:
            if windows.is_windows(value):
                return windows.convert(adapters["windows"], value, line)
            return convert(adapters["ndjson"], value, line)

        return record

    return begin


def convert(adapter: Adapter, record: dict[str, Any], line: int) -> Document | str:
    """The event of an ECS or flat record: what it says stands, what every event has is added where it is missing."""
    ns = next((found for name in _TIMES if (found := _time(record.get(name))) is not None), None)
    if ns is None:
        return "no_time"
    document = _unfolded(record)
    dataset = field(document, "event.dataset")
    base = adapter.event(dataset if isinstance(dataset, str) and dataset else "record", ns, line)
    del base["event"]["module"]
    for name in ("observer", "organization"):  # another's name beside our type or title would be a lie
        if isinstance(document.get(name), dict) and document[name].get("name" if name == "observer" else "id"):
            base.pop(name, None)
    kept = isinstance(field(document, "event.id"), str) and field(document, "event.id")
    merged = _over(base, document)
    if not kept:
        merged["event"]["id"] = base["event"]["id"]
    merged["@timestamp"] = instant_text(ns)
    code = field(merged, "winlog.event_id")
    if code is not None and field(merged, "event.code") is None:
        put(merged, "event.code", str(code))
    if not field(merged, "related.ip"):
        _relate(merged)
    return merged


def _time(value: Any) -> int | None:
    """As `time_ns`; a date and time without a zone is taken for UTC, as Sysmon's `UtcTime` is."""
    if isinstance(value, str) and _NO_ZONE.fullmatch(value):
        value += "Z"
    return time_ns(value)


def _unfolded(record: Mapping[str, Any]) -> Document:
    """Dotted ECS keys as objects; every other key as it is, so that rules written for the record's own names match."""
    document: Document = {}
    for name, value in record.items():
        parents = name.split(".")
        if len(parents) == 1 or parents[0] not in _ECS:
            known = document.get(name)
            document[name] = _over(value, known) if isinstance(known, dict) and isinstance(value, dict) else value
            continue
        here = document
        for part in parents[:-1]:
            inner = here.get(part)
            if not isinstance(inner, dict):
                inner = here[part] = {}
            here = inner
        here[parents[-1]] = value
    return document


def _over(under: Mapping[str, Any], over: Mapping[str, Any]) -> Document:
    """Both objects as one; where both have a value, the second's, unless it is empty."""
    merged: Document = dict(under)
    for name, value in over.items():
        known = merged.get(name)
        if isinstance(known, dict) and isinstance(value, dict):
            merged[name] = _over(known, value)
        elif isinstance(known, dict) or (known is not None and value in (None, "", [])):
            continue
        else:
            merged[name] = value
    return merged


def _relate(document: Document) -> None:
    """`related.*`, where the record's own objects have ECS's shapes; a record of other shapes goes without."""
    before = document.pop("related", None)
    try:
        relate(document)
    except (AttributeError, TypeError, ValueError):
        document.pop("related", None)
    if isinstance(before, dict):
        document["related"] = _over(document.get("related", {}), before)
