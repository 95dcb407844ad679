"""Detections become incidents: the history a detection belongs to, and what it adds to it. No store, no clock.

docs/incidents.md says the same for people.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

from correlator.judging import Judged, Terms, judge, outranks, rate, would_rate
from vonggac.domain.detection import Detection
from vonggac.domain.incident import (
    CORRELATOR,
    PERSON,
    Entry,
    EntryKind,
    Incident,
    Involvement,
    Status,
    entry_id,
    evidence_data,
    incident_id,
)
from vonggac.domain.kinds import classified_data
from vonggac.domain.marking import Tlp, parse_tlp, strictest
from vonggac.domain.reach import grown, reach_of
from vonggac.domain.severity import rating_data

#: What was a mistake or an exercise is not added to: what comes after is a new incident.
NOT_JOINED = frozenset({Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED})
#: So many merges are followed from an incident to the one it is now part of.
MAX_MERGES = 16


def correlation_key(detection: Detection) -> str:
    """What detections of one incident share: agency, kind of incident, entity."""
    return "|".join((detection.agency or "", detection.rule.kind, detection.entity))


def plan(
    detection: Detection,
    candidates: Sequence[Incident],
    now: datetime,
    window: timedelta,
    terms: Terms,
    *,
    origin: str = "",
) -> tuple[str, tuple[Entry, ...]] | None:
    """The incident a detection goes to and the entries that take it there; None when one of them holds it already.

    `candidates` are the incidents with its key, and those that they are or were part of. It joins one that happened
    within `window` of it: the earliest that is open, else the earliest that was closed, which is opened again where it
    ended after the closing. What joins a merged one joins the whole. Else it opens an incident whose id comes from key
    and detection, so that a replay opens the same one.
    """
    if any(part.detection == detection.id for incident in candidates for part in incident.evidence):
        return None
    judged = judge(detection, terms)
    key = correlation_key(detection)
    incident = _home(detection, key, candidates, window)
    if incident is None:
        identity = incident_id(key, detection.id)
        return identity, tuple(_opening(identity, key, detection, judged, now, terms, origin))
    return incident.id, tuple(_joining(incident, detection, judged, now, terms))


def _home(detection: Detection, key: str, candidates: Sequence[Incident], window: timedelta) -> Incident | None:
    by_id = {incident.id: incident for incident in candidates}
    near: list[Incident] = []
    for incident in candidates:
        if incident.key != key:
            continue
        whole = _whole(incident, by_id)
        if whole.status not in NOT_JOINED and any(_near(each, detection, window) for each in (incident, whole)):
            near.append(whole)
    standing = [incident for incident in near if incident.status is not Status.CLOSED]
    return min(standing or near, key=lambda incident: (incident.first_at, incident.id), default=None)


def _whole(incident: Incident, by_id: Mapping[str, Incident]) -> Incident:
    """What the incident is part of, over however many merges; itself, still merged, where the way does not end."""
    for _ in range(MAX_MERGES):
        if incident.merged_into is None or incident.merged_into not in by_id:
            break
        incident = by_id[incident.merged_into]
    return incident


def _near(incident: Incident, detection: Detection, window: timedelta) -> bool:
    return incident.first_at - window <= detection.end and detection.start <= incident.last_at + window


def _opening(
    identity: str, key: str, detection: Detection, judged: Judged, now: datetime, terms: Terms, origin: str
) -> Iterator[Entry]:
    rule, classified = detection.rule, judged.classified
    rating = rate(reach_of((judged.part,)), judged.involved, terms.table)
    data = {
        "title": rule.name,
        "title_vi": rule.name_vi,
        "kind": rule.kind,
        "entity": detection.entity,
        **classified_data(classified),
        "severity": str(rating.severity),
        "rating": rating_data(rating),
        "tlp": str(_marking(detection)),
        "key": key,
        "origin": origin,
    }
    yield _entry(identity, EntryKind.OPENED, detection, now, data)
    yield from _involving(identity, judged.involved, detection, now)
    yield _detected(identity, detection, judged, now)


def _joining(incident: Incident, detection: Detection, judged: Judged, now: datetime, terms: Terms) -> Iterator[Entry]:
    fresh = [each for each in judged.involved if each not in incident.involvements]
    yield from _involving(incident.id, fresh, detection, now)
    yield _detected(incident.id, detection, judged, now)
    if incident.status is Status.CLOSED and (incident.closed_at is None or detection.end > incident.closed_at):
        yield _reopening(incident.id, detection, now)
    yield from _classing(incident, detection, judged, now, terms)
    rating = rate(grown(incident.reach, judged.part), (*incident.involvements, *fresh), terms.table)
    if would_rate(incident, rating):
        yield _because(incident.id, EntryKind.RATED, detection, now, rating_data(rating) | _kept(incident.rated_by))
    marking = _marking(detection)
    if marking.rank > incident.tlp.rank:
        yield _entry(incident.id, EntryKind.MARKED, detection, now, {"tlp": str(marking)}, marking)


def _classing(incident: Incident, detection: Detection, judged: Judged, now: datetime, terms: Terms) -> Iterator[Entry]:
    """The kind of an incident is that of its evidence which outranks all other; `combined` is for people to say."""
    found = judged.classified
    if (found.kind, found.rsit) == (incident.category, incident.rsit):
        return
    if outranks(judged.part, incident.reach, terms.kinds):
        kept = _kept(incident.classed_by if incident.classed_because == PERSON else "")
        yield _because(incident.id, EntryKind.CATEGORISED, detection, now, classified_data(found) | kept)


def _kept(person: str) -> dict[str, str]:
    """Says in the history that it is only told, since a person had decided."""
    return {"kept_by": person} if person else {}


def _reopening(identity: str, detection: Detection, now: datetime) -> Entry:
    data = {"to": str(Status.REOPENED), "title": detection.rule.name, "title_vi": detection.rule.name_vi}
    return _because(identity, EntryKind.TRANSITIONED, detection, now, data)


def _because(identity: str, kind: EntryKind, detection: Detection, now: datetime, data: Mapping[str, Any]) -> Entry:
    """What this detection, and no other, makes of the incident."""
    return _entry(identity, kind, detection, now, {**data, "detection": detection.id}, detection.id)


def _involving(identity: str, involved: Sequence[Involvement], detection: Detection, now: datetime) -> Iterator[Entry]:
    for each in involved:
        data = {"agency": each.agency, "role": str(each.role)}
        yield _entry(identity, EntryKind.INVOLVED, detection, now, data, each.agency, each.role)


def _detected(identity: str, detection: Detection, judged: Judged, now: datetime) -> Entry:
    return _entry(identity, EntryKind.DETECTED, detection, now, evidence_data(judged.part), detection.id)


def _entry(
    identity: str, kind: EntryKind, detection: Detection, now: datetime, data: Mapping[str, Any], *distinct: object
) -> Entry:
    return Entry(entry_id(identity, kind, *distinct), kind, detection.start, now, CORRELATOR, data)


def _marking(detection: Detection) -> Tlp:
    """AMBER, unless the indicator behind the detection is marked stricter."""
    return strictest(Tlp.AMBER, parse_tlp(detection.tlp)) if detection.tlp else Tlp.AMBER
