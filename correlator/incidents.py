"""Detections become incidents: the history a detection belongs to, and what it adds to it. No store, no clock."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from vonggac.domain.detection import Detection
from vonggac.domain.incident import (
    Entry,
    EntryKind,
    Evidence,
    Incident,
    Involvement,
    Role,
    Status,
    entry_id,
    evidence_data,
    incident_id,
    severity_of,
)
from vonggac.domain.marking import Tlp, parse_tlp, strictest

ACTOR = "correlator"
#: What has ended is not added to: a new attack is a new incident.
ENDED = frozenset({Status.CLOSED, Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED})


def correlation_key(detection: Detection) -> str:
    """What detections of one incident share: agency, kind of incident, entity."""
    return "|".join((detection.agency or "", detection.rule.kind, detection.entity))


def plan(
    detection: Detection, candidates: Sequence[Incident], now: datetime, window: timedelta, *, origin: str = ""
) -> tuple[str, tuple[Entry, ...]] | None:
    """The incident a detection goes to and the entries that take it there; None when one of them holds it already.

    It joins the candidate with its key that has not ended and that happened within `window` of it, the earliest of
    several; else it opens an incident whose id comes from key and detection, so that a replay opens the same one.
    """
    if any(part.detection == detection.id for incident in candidates for part in incident.evidence):
        return None
    key = correlation_key(detection)
    open_ones = [incident for incident in candidates if incident.key == key and incident.status not in ENDED]
    near = [incident for incident in open_ones if _near(incident, detection, window)]
    if near:
        incident = min(near, key=lambda incident: (incident.first_at, incident.id))
        return incident.id, _joining(incident, detection, now)
    identity = incident_id(key, detection.id)
    return identity, _opening(identity, key, detection, now, origin)


def _near(incident: Incident, detection: Detection, window: timedelta) -> bool:
    return incident.first_at - window <= detection.end and detection.start <= incident.last_at + window


def _opening(identity: str, key: str, detection: Detection, now: datetime, origin: str) -> tuple[Entry, ...]:
    rule = detection.rule
    data = {
        "title": rule.name,
        "title_vi": rule.name_vi,
        "kind": rule.kind,
        "entity": detection.entity,
        "category": rule.category,
        "severity": str(severity_of(rule.level)),
        "tlp": str(_marking(detection)),
        "key": key,
        "origin": origin,
    }
    opened = _entry(identity, EntryKind.OPENED, detection, now, data)
    return (opened, *_involving(identity, frozenset(), detection, now), _detected(identity, detection, now))


def _joining(incident: Incident, detection: Detection, now: datetime) -> tuple[Entry, ...]:
    entries = [
        *_involving(incident.id, frozenset(incident.involvements), detection, now),
        _detected(incident.id, detection, now),
    ]
    marking = _marking(detection)
    if marking.rank > incident.tlp.rank:
        entries.append(_entry(incident.id, EntryKind.MARKED, detection, now, {"tlp": str(marking)}, marking))
    return tuple(entries)


def _involving(identity: str, known: frozenset[Involvement], detection: Detection, now: datetime) -> tuple[Entry, ...]:
    """The agency whose network it was is its victim, and its detector."""
    if not detection.agency:
        return ()
    involved = (Involvement(detection.agency, role) for role in (Role.VICTIM, Role.DETECTOR))
    return tuple(
        _entry(
            identity,
            EntryKind.INVOLVED,
            detection,
            now,
            {"agency": involvement.agency, "role": str(involvement.role)},
            involvement.agency,
            involvement.role,
        )
        for involvement in involved
        if involvement not in known
    )


def _detected(identity: str, detection: Detection, now: datetime) -> Entry:
    part = Evidence(
        detection=detection.id,
        rule=detection.rule.id,
        title=detection.rule.name,
        title_vi=detection.rule.name_vi,
        level=detection.rule.level,
        start=detection.start,
        end=detection.end,
        events=detection.evidence,
        techniques=detection.rule.techniques,
    )
    return _entry(identity, EntryKind.DETECTED, detection, now, evidence_data(part), detection.id)


def _entry(
    identity: str, kind: EntryKind, detection: Detection, now: datetime, data: dict[str, Any], *distinct: object
) -> Entry:
    return Entry(entry_id(identity, kind, *distinct), kind, detection.start, now, ACTOR, data)


def _marking(detection: Detection) -> Tlp:
    """AMBER, unless the indicator behind the detection is marked stricter."""
    return strictest(Tlp.AMBER, parse_tlp(detection.tlp)) if detection.tlp else Tlp.AMBER
