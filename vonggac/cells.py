"""One incident in a cell of a comparison, for those who follow the number down to what it counts."""

from __future__ import annotations

from typing import Any

from vonggac.domain.times import format_instant
from vonggac.ports import Counted, Store
from vonggac.statistics import Question


def incident_row(store: Store, counted: Counted, question: Question) -> dict[str, Any]:
    """The incident as it counted, with the evidence that leads to its events and packets."""
    incident = store.incidents.get(counted.incident, known_at=question.known_at)
    return {
        "id": counted.incident,
        "number": incident.number,
        "occurred_at": format_instant(counted.occurred_at),
        "category": counted.facts.category,
        "severity": counted.facts.severity,
        "cause": counted.facts.cause,
        "agencies": sorted(incident.agencies),
        "title": incident.title,
        "title_vi": incident.title_vi,
        "origin": incident.origin,
        "detections": [part.detection for part in incident.evidence],
        "events": [event for part in incident.evidence for event in part.events],
    }
