"""`/api/v1/incidents`: the inbox and casework for programs."""

from __future__ import annotations

from collections.abc import Callable
from itertools import islice
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field

from api.security import Caller, Named, ServicesOf, may
from api.services import Services
from vonggac.as_known import incidents_known, instant_of
from vonggac.casework import MAX_TEXT, Casework, history_data, incident_data
from vonggac.definitions import definitions
from vonggac.domain.access import Action
from vonggac.domain.detection import Severity, to_document
from vonggac.domain.incident import Cause, Incident, Status
from vonggac.domain.marking import Tlp
from vonggac.duplicates import duplicates_of
from vonggac.errors import UsageRefused
from vonggac.ports import IncidentQuery

Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]
Sharer = Annotated[Caller, Depends(may(Action.SHARE))]
router = APIRouter(prefix="/api/v1/incidents", tags=["incidents"], dependencies=[Depends(may(Action.READ_CONSOLE))])


class Act(BaseModel):
    """`version` is the one the author had read; left out, the act goes on top of whatever there is."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(None, ge=1)


class Assign(Act):
    to: str | None = Field(None, max_length=100)


class NewNote(Act):
    text: str = Field(min_length=1, max_length=MAX_TEXT)


class Transition(Act):
    to: Status
    reason: str = Field("", max_length=MAX_TEXT)


class Categorise(Act):
    category: str


class Rate(Act):
    severity: Severity


class Mark(Act):
    tlp: Tlp


class Attribute(Act):
    cause: Cause


class Judge(Act):
    """`conditions` are those of (a) of QĐ 05/2017/QĐ-TTg, Article 9, that hold; `beyond_owner` is (b)."""

    conditions: list[str] = Field(max_length=20)
    beyond_owner: bool


class Merge(BaseModel):
    model_config = ConfigDict(extra="forbid")
    into: str
    reason: str = Field("", max_length=MAX_TEXT)


class Split(BaseModel):
    model_config = ConfigDict(extra="forbid")
    detections: list[str] = Field(min_length=1, max_length=10_000)
    reason: str = Field("", max_length=MAX_TEXT)


class Share(BaseModel):
    model_config = ConfigDict(extra="forbid")
    collection: str = "incidents"


@router.get("")
def list_incidents(
    services: ServicesOf,
    found: Reader,
    status: Annotated[list[Status] | None, Query()] = None,
    category: Annotated[list[str] | None, Query()] = None,
    agency: str | None = None,
    assignee: str | None = None,
    q: Annotated[str | None, Query(max_length=200)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
    known_at: str | None = None,
) -> dict[str, Any]:
    """A page of incidents, the newest first; `next` is the cursor of the page after it. With `known_at` the first of
    those that were known at the instant, as they were known then."""
    query = IncidentQuery(
        scope=found.scope,
        statuses=frozenset(status) if status else None,
        categories=frozenset(category) if category else None,
        agency=agency,
        assignee=assignee,
        text=q,
        limit=limit,
        cursor=cursor,
    )
    store, instant = services.store.incidents, instant_of(known_at)
    if instant is not None:
        then = islice(incidents_known(store, query, instant), limit)
        return {"incidents": [incident_data(each) for each in then], "next": None}
    page = store.find(query)
    return {"incidents": [incident_data(each) for each in page.items], "next": page.next}


@router.get("/{identity}")
def get_incident(identity: Named, services: ServicesOf, found: Reader, known_at: str | None = None) -> dict[str, Any]:
    """The incident as its history makes it, now or as it was known at the instant."""
    instant = instant_of(known_at)
    return incident_data(services.store.incidents.get(identity, scope=found.scope, known_at=instant))


@router.get("/{identity}/history")
def get_history(identity: Named, services: ServicesOf, found: Reader) -> dict[str, Any]:
    """Every entry, the oldest first."""
    return {"history": history_data(services.store.incidents.history(identity, scope=found.scope))}


@router.get("/{identity}/detections")
def get_detections(identity: Named, services: ServicesOf, found: Reader) -> dict[str, Any]:
    """The detections it is made of."""
    incident = services.store.incidents.get(identity, scope=found.scope)
    ids = [part.detection for part in incident.evidence]
    return {"detections": [to_document(each) for each in services.store.events.detections(ids)]}


@router.get("/{identity}/events")
def get_events(
    identity: Named, services: ServicesOf, found: Reader, limit: Annotated[int, Query(ge=1, le=5_000)] = 500
) -> dict[str, Any]:
    """The events that its detections rest on, as far as they are retained; `missing` counts the others."""
    incident = services.store.incidents.get(identity, scope=found.scope)
    ids = list(dict.fromkeys(event for part in incident.evidence for event in part.events))
    events = services.store.events.events(ids[:limit])
    return {"events": events, "missing": min(len(ids), limit) - len(events), "more": len(ids) > limit}


@router.post("/{identity}/assign")
def assign(identity: Named, body: Assign, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Somebody's, or nobody's."""
    return _acted(services, found, lambda work: work.assign(identity, body.to, version=body.version))


@router.post("/{identity}/note")
def note(identity: Named, body: NewNote, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """A note in its history."""
    return _acted(services, found, lambda work: work.note(identity, body.text, version=body.version))


@router.post("/{identity}/transition")
def transition(identity: Named, body: Transition, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """To another status; 409 where the table of transitions says no, 403 where it is not for this role."""
    return _acted(services, found, lambda work: work.transition(identity, body.to, body.reason, version=body.version))


@router.post("/{identity}/categorise")
def categorise(identity: Named, body: Categorise, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Another category of the definitions in force."""
    known = definitions().categories
    if body.category not in known:
        raise UsageRefused("bad_choice", value=body.category, what="category", known=", ".join(known))
    return _acted(services, found, lambda work: work.categorise(identity, body.category, version=body.version))


@router.post("/{identity}/rate")
def rate(identity: Named, body: Rate, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Another severity."""
    return _acted(services, found, lambda work: work.rate(identity, body.severity, version=body.version))


@router.post("/{identity}/attribute")
def attribute(identity: Named, body: Attribute, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """What brought it about."""
    return _acted(services, found, lambda work: work.attribute(identity, body.cause, version=body.version))


@router.post("/{identity}/grade")
def grade(identity: Named, body: Judge, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """What a person says to the question of the law; serious or ordinary follows from it."""
    return _acted(
        services,
        found,
        lambda work: work.grade(identity, body.conditions, body.beyond_owner, version=body.version),
    )


@router.get("/{identity}/duplicates")
def get_duplicates(identity: Named, services: ServicesOf, found: Reader) -> dict[str, Any]:
    """Incidents that may be the same, and by which signs."""
    incident = services.store.incidents.get(identity, scope=found.scope)
    return {
        "duplicates": [
            {
                "id": each.incident.id,
                "number": each.incident.number,
                "signs": [{"what": str(sign.what), "value": sign.value} for sign in each.signs],
            }
            for each in duplicates_of(services.store.incidents, incident, found.scope)
        ]
    }


@router.post("/{identity}/mark")
def mark(identity: Named, body: Mark, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Another TLP marking."""
    return _acted(services, found, lambda work: work.mark(identity, body.tlp, version=body.version))


@router.post("/{identity}/merge")
def merge(identity: Named, body: Merge, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Part of another, by its id or number, from now on; the answer is that other."""
    return _acted(services, found, lambda work: work.merge(identity, body.into, body.reason))


@router.post("/{identity}/split")
def split(identity: Named, body: Split, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """Some detections leave; the answer is the new incident."""
    return _acted(services, found, lambda work: work.split(identity, body.detections, body.reason))


@router.post("/{identity}/undo")
def undo(identity: Named, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """The last act on it no longer counts."""
    return _acted(services, found, lambda work: work.undo(identity))


@router.post("/{identity}/share")
def share(identity: Named, body: Share, services: ServicesOf, found: Sharer) -> dict[str, Any]:
    """Its objects stand in the collection."""
    results = services.exchange.share(identity, found.principal, services.directory(), body.collection)
    return {"objects": len(results), "refused": [each.reason for each in results if each.outcome == "refused"]}


def casework(services: Services, found: Caller) -> Casework:
    """The acts that this caller may do on what it sees."""
    return Casework(services.store.incidents, services.clock, found.principal, found.scope)


def _acted(services: Services, found: Caller, act: Callable[[Casework], Incident]) -> dict[str, Any]:
    return incident_data(act(casework(services, found)))
