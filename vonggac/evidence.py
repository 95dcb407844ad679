"""From an event to its packets: which flow, from when to when, and what the rings of this machine still hold of it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from functools import reduce
from ipaddress import ip_address
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import quote

from vonggac.domain.event import Document, field
from vonggac.domain.times import parse_instant, to_epoch_us
from vonggac.errors import NotFound
from vonggac.ports import EventStore
from vonggac.settings import Settings

if TYPE_CHECKING:
    from sensors.base import Origin
    from sensors.evidence import Found, Wanted

#: A flow whose own event is not there yet is looked for so long before and after what was seen on it.
AROUND = timedelta(minutes=30)


def keeping(settings: Settings, origin: Origin) -> Origin:
    """The origin with this sensor's ring; without one where the settings keep no packets."""
    if not settings.evidence_max_mb:
        return origin
    from sensors.evidence import Ring

    folder = settings.evidence / quote(origin.sensor, safe="")
    age = timedelta(days=settings.evidence_days)
    return replace(origin, ring=Ring(folder, settings.evidence_max_mb << 20, int(age.total_seconds()) * 10**9))


def events_behind(events: EventStore, identity: str) -> list[Document]:
    """The event of this id, or those that the detection of this id rests on. Raises NotFound."""
    found = events.events([identity])
    if not found and (detections := events.detections([identity])):
        found = events.events(detections[0].evidence)
    if not found:
        raise NotFound("unknown_event", id=identity)
    return found


def packets_behind(events: EventStore, settings: Settings, documents: Sequence[Document]) -> Found:
    """The packets of these events' flows, and the packet of each event that is of no flow. Raises NotFound
    (`evidence_not_retained`) when none is left."""
    from sensors.evidence import Found, packet_at, packets_of

    folders = sorted(path for path in settings.evidence.iterdir() if path.is_dir()) if _is_there(settings) else []
    ids = {str(flow) for document in documents if (flow := field(document, "flow.id"))}
    flows = {str(field(flow, "event.id")): flow for flow in events.events(sorted(ids))}
    wanted = {
        _wanted(document, flows.get(str(field(document, "flow.id")))) for document in documents if _ends(document)
    }
    alone = {_place(document) for document in documents if not _ends(document)} - {None}
    parts = [packets_of(folders, sorted(wanted))] if wanted else []
    parts += [packet_at(folders, *place) for place in sorted(place for place in alone if place is not None)]
    parts = [part for part in parts if part.packets]
    if not parts:
        raise NotFound("evidence_not_retained", id=field(documents[0], "event.id"))

    def joined(before: Found, after: Found) -> Found:
        counts = (one + other for one, other in zip(before[1:], after[1:], strict=True))
        return Found(before.pcap + after.pcap[24:], *counts)

    return reduce(joined, parts)


def _is_there(settings: Settings) -> bool:
    return Path(settings.evidence).is_dir()


def _ends(document: Document) -> bool:
    return bool(field(document, "flow.id") and field(document, "source.ip") and field(document, "destination.ip"))


def _place(document: Document) -> tuple[str, int] | None:
    """(source, position) of an event that a capture gave."""
    source, position = field(document, "vonggac.source.fingerprint"), field(document, "vonggac.source.position")
    known = field(document, "vonggac.source.segment") is not None
    return (str(source), int(position)) if known else None


def _wanted(document: Document, flow: Document | None) -> Wanted:
    from sensors.evidence import Wanted

    about = flow or document
    at = parse_instant(document["@timestamp"])
    begin, end = at - AROUND, at + AROUND
    if flow is not None:
        begin, end = parse_instant(flow["event"]["start"]), parse_instant(flow["event"]["end"])
    src, dst = (ip_address(str(field(about, f"{side}.ip"))).packed for side in ("source", "destination"))
    sport = field(about, "source.port") or field(about, "vonggac.flow.icmp_type") or 0
    dport = field(about, "destination.port") or field(about, "vonggac.flow.icmp_answer") or 0
    protocol = int(str(field(about, "network.iana_number") or 0))
    return Wanted(src, dst, protocol, int(sport), int(dport), to_epoch_us(begin) * 1000, to_epoch_us(end) * 1000 + 999)
