"""Evidence as an analyst reads it: each detection with the events it rests on, and an event whole."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.words import defang
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document, field
from vonggac.domain.incident import Evidence, Incident
from vonggac.ports import EventStore

DETECTIONS = 20
EVENTS = 8


@dataclass(frozen=True, slots=True)
class EventLine:
    id: str
    at: str
    dataset: str
    source: str
    destination: str
    telling: str


@dataclass(frozen=True, slots=True)
class Finding:
    """`detection` is None when only the incident's own copy is left. `more` events are not shown; `gone` are no longer
    retained."""

    part: Evidence
    detection: Detection | None
    events: tuple[EventLine, ...]
    total: int
    more: int
    gone: int


@dataclass(frozen=True, slots=True)
class RuleFindings:
    """What one rule found, so that its name is read once."""

    part: Evidence
    author: str
    findings: tuple[Finding, ...]


@dataclass(frozen=True, slots=True)
class Findings:
    """One page of an incident's evidence by rule, the newest first; pages are counted from 1."""

    rules: tuple[RuleFindings, ...]
    page: int
    pages: int


def findings(store: EventStore, incident: Incident, page: int) -> Findings:
    """The evidence with its events, asked from the store in two questions."""
    parts = sorted(incident.evidence, key=lambda part: (part.end, part.detection), reverse=True)
    pages = max(1, -(-len(parts) // DETECTIONS))
    page = min(max(1, page), pages)
    shown = parts[(page - 1) * DETECTIONS : page * DETECTIONS]
    detections = {found.id: found for found in store.detections([part.detection for part in shown])}
    wanted = list(dict.fromkeys(event for part in shown for event in part.events[:EVENTS]))
    events = {str(field(event, "event.id")): event for event in store.events(wanted)}
    by_rule: dict[str, list[Finding]] = {}
    for part in shown:
        by_rule.setdefault(part.rule, []).append(_finding(part, detections.get(part.detection), events))
    return Findings(tuple(_of_one_rule(found) for found in by_rule.values()), page, pages)


def _of_one_rule(found: Sequence[Finding]) -> RuleFindings:
    author = next((each.detection.rule.author for each in found if each.detection), "")
    return RuleFindings(found[0].part, author, tuple(found))


def _finding(part: Evidence, detection: Detection | None, events: Mapping[str, Document]) -> Finding:
    first = part.events[:EVENTS]
    found = tuple(event_line(events[identity]) for identity in first if identity in events)
    total = max(len(part.events), (detection.evidence_count or 0) if detection else 0)
    return Finding(part, detection, found, total, total - len(first), len(first) - len(found))


def event_line(event: Mapping[str, Any]) -> EventLine:
    return EventLine(
        id=str(field(event, "event.id")),
        at=str(event["@timestamp"]),
        dataset=str(field(event, "event.dataset")),
        source=_side(event, "source"),
        destination=_side(event, "destination"),
        telling=telling(event),
    )


def _side(event: Mapping[str, Any], side: str) -> str:
    address, port = field(event, f"{side}.ip") or field(event, f"{side}.address"), field(event, f"{side}.port")
    if not address:
        return ""
    shown = f"[{address}]" if ":" in str(address) and port else str(address)
    return f"{shown}:{port}" if port else shown


def telling(event: Mapping[str, Any]) -> str:
    """The few values that say what this event was."""
    parts: Iterator[str] = (
        text for path in _TELLING.get(str(field(event, "event.dataset")), _FLOW) if (text := _value(event, path))
    )
    return " ".join(parts)


_FLOW = ("network.protocol", "network.transport", "vonggac.flow.state", "network.bytes")
#: In the order in which they are read.
_TELLING: Mapping[str, tuple[str, ...]] = {
    "dns": ("dns.question.type", "dns.question.name", "dns.response_code", "dns.resolved_ip"),
    "http": ("http.request.method", "url.full", "http.response.status_code", "vonggac.http.title"),
    "tls": ("tls.client.server_name", "tls.server.subject", "tls.version", "tls.client.ja4"),
    "ssh": ("vonggac.ssh.client.software", "vonggac.ssh.server.software", "ssh.client.version", "ssh.server.version"),
    "file": ("file.name", "file.mime_type", "file.size", "file.hash.sha256"),
    "icmp": ("vonggac.icmp.type_name", "icmp.type", "icmp.code"),
    "anomaly": ("vonggac.anomaly.reason", "event.reason", "error.message"),
}
_FANGED = frozenset({"dns.question.name", "url.full", "tls.client.server_name"})


def _value(event: Mapping[str, Any], path: str) -> str:
    value = field(event, path)
    if value in (None, "", []):
        return ""
    if path == "network.bytes":
        return f"{value} B"
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    text = text if len(text) <= 200 else text[:199] + "…"
    return defang(text) if path in _FANGED else text


def table(document: Mapping[str, Any], prefix: str = "") -> Iterator[tuple[str, str]]:
    """Every leaf of the document as (dotted field, text), in the document's order."""
    for name, value in document.items():
        path = f"{prefix}{name}"
        if isinstance(value, Mapping):
            yield from table(value, f"{path}.")
        elif isinstance(value, Sequence) and not isinstance(value, str):
            if all(isinstance(item, Mapping) for item in value) and value:
                for index, item in enumerate(value):
                    yield from table(item, f"{path}[{index}].")
            else:
                yield path, ", ".join(map(str, value))
        else:
            yield path, str(value)
