"""`/api/v1/suppressions`: for programs."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.security import Caller, ServicesOf, may
from api.services import Services
from vonggac.domain.access import Action
from vonggac.domain.detection import SUPPRESSED_BY, Detection, to_document
from vonggac.domain.suppression import Condition, Operator, Standing, Suppression
from vonggac.ports import EventQuery, Page
from vonggac.suppressions.acts import MAX_TEXT, Draft
from vonggac.suppressions.checks import MAX_CONDITIONS, MAX_VALUES
from vonggac.suppressions.look import DEFAULT_PERIOD, preview, preview_data, suppression_data

Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]
router = APIRouter(prefix="/api/v1/suppressions", tags=["suppressions"])


class OneCondition(BaseModel):
    """One of the values stands in the field."""

    model_config = ConfigDict(extra="forbid")
    field: str
    operator: Operator = Operator.IS
    values: list[str] = Field(min_length=1, max_length=MAX_VALUES)


class What(BaseModel):
    """Everything given must be so; rule, kind or one condition is needed."""

    model_config = ConfigDict(extra="forbid")
    rule: str | None = Field(None, min_length=1)
    kind: str | None = Field(None, min_length=1)
    agency: str | None = Field(None, min_length=1)
    conditions: list[OneCondition] = Field(default=[], max_length=MAX_CONDITIONS)

    def draft(self, until: datetime, reason: str, start: datetime | None = None, ticket: str = "") -> Draft:
        conditions = tuple(Condition(each.field, each.operator, tuple(each.values)) for each in self.conditions)
        return Draft(until, reason, self.rule, self.kind, self.agency, conditions, start, ticket)


class NewSuppression(What):
    """Without `valid_from` it holds from now on."""

    valid_from: AwareDatetime | None = None
    valid_until: AwareDatetime
    reason: str = Field(min_length=1, max_length=MAX_TEXT)
    ticket: str = Field("", max_length=MAX_TEXT)


class Previewed(What):
    """The detections of `[since, until)`, by default of the last 30 days."""

    since: AwareDatetime | None = None
    until: AwareDatetime | None = None


class End(BaseModel):
    """`version` is the one the author had read; left out, the act goes on top of whatever there is."""

    model_config = ConfigDict(extra="forbid")
    version: int | None = Field(None, ge=1)
    reason: str = Field(min_length=1, max_length=MAX_TEXT)


class Extend(End):
    valid_until: AwareDatetime


@router.get("")
def list_suppressions(
    services: ServicesOf,
    found: Reader,
    standing: Annotated[list[Standing] | None, Query()] = None,
    agency: str | None = None,
) -> dict[str, Any]:
    """Those that concern the caller's agencies, newest first, also what is over unless `standing` says otherwise."""
    now, hits, known = services.clock(), services.store.events.suppressed(), services.told()
    return {
        "suppressions": [
            suppression_data(each, hits.get(each.id), now, known)
            for each in services.suppressing(found.principal).all()
            if (not standing or each.standing(now) in standing) and agency in (None, each.agency)
        ]
    }


@router.post("", status_code=201)
def new_suppression(body: NewSuppression, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """What happens in its validity and is settled from now on opens no incident; incidents that exist stay."""
    draft = body.draft(body.valid_until, body.reason, body.valid_from, body.ticket)
    return _data(services, services.suppressing(found.principal).make(draft, services.told()))


@router.post("/preview")
def preview_suppression(body: Previewed, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """How many stored detections such a suppression would have held back, and the newest; nothing is made."""
    now = services.clock()
    made = services.suppressing(found.principal).example(body.draft(now, ""), services.told())
    since, until = body.since or now - DEFAULT_PERIOD, body.until or now
    return preview_data(preview(services.store.events, made, services.directory(), since, until))


@router.get("/{identity}")
def get_suppression(identity: str, services: ServicesOf, found: Reader) -> dict[str, Any]:
    """The suppression with its history and what it holds back."""
    return _data(services, services.suppressing(found.principal).get(identity))


@router.get("/{identity}/detections")
def get_held_back(
    identity: str,
    services: ServicesOf,
    found: Reader,
    limit: Annotated[int, Query(ge=1, le=500)] = 50,
    cursor: str | None = None,
) -> dict[str, Any]:
    """A page of the detections it holds back, oldest first, of the caller's agencies."""
    services.suppressing(found.principal).get(identity)
    page = held_back(services, found, identity, limit, cursor)
    return {"detections": [to_document(each) for each in page.items], "next": page.next}


@router.post("/{identity}/end")
def end(identity: str, body: End, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """What happens from now on is not held back."""
    return _data(services, services.suppressing(found.principal).end(identity, body.reason, version=body.version))


@router.post("/{identity}/extend")
def extend(identity: str, body: Extend, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """It holds longer; 409 where it is over."""
    acts = services.suppressing(found.principal)
    return _data(services, acts.extend(identity, body.valid_until, body.reason, version=body.version))


def held_back(services: Services, found: Caller, identity: str, limit: int, cursor: str | None) -> Page[Detection]:
    """A page of what the suppression holds back, oldest first, of the caller's agencies."""
    query = EventQuery(terms={SUPPRESSED_BY: identity}, agencies=found.scope.agencies, limit=limit, cursor=cursor)
    return services.store.events.search_detections(query)


def _data(services: Services, suppression: Suppression) -> dict[str, Any]:
    hits = services.store.events.suppressed().get(suppression.id)
    return suppression_data(suppression, hits, services.clock(), services.told())
