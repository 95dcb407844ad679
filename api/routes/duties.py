"""`/api/v1/duties`: what the law has to be told, for programs."""

from __future__ import annotations

from datetime import datetime
from hashlib import sha256
from typing import Annotated, Any

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import AwareDatetime, BaseModel, ConfigDict, Field

from api.security import Caller, ServicesOf, may
from api.services import Services
from vonggac.domain.access import Action
from vonggac.domain.duty import Obligation, State
from vonggac.domain.lateness import Per, lateness
from vonggac.duties.acts import MAX_TEXT
from vonggac.duties.kept import filing_data, mark_data
from vonggac.duties.law import all_duties
from vonggac.duties.look import duty_data, lateness_data, notices, obligation_data, period_asked, reckoned, usual_window
from vonggac.forms.make import make_form

Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Counter = Annotated[Caller, Depends(may(Action.READ_STATISTICS))]
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]
router = APIRouter(prefix="/api/v1/duties", tags=["duties"])

DOCX = "application/vnd.openxmlformats-officedocument.wordprocessingml.document"


class NewFiling(BaseModel):
    """`subject` is an incident's id or a period's name; `at` is now when left out."""

    model_config = ConfigDict(extra="forbid")
    duty: str = Field(max_length=100)
    subject: str = Field(max_length=100)
    agency: str = Field("", max_length=100)
    at: AwareDatetime | None = None
    by: str = Field("", max_length=MAX_TEXT)
    digest: str = Field("", max_length=64)
    note: str = Field("", max_length=MAX_TEXT)
    corrects: str = Field("", max_length=100)


class NewMark(BaseModel):
    """`at` is when the clock began; left out, when we learned of the incident."""

    model_config = ConfigDict(extra="forbid")
    duty: str = Field(max_length=100)
    incident: str = Field(max_length=100)
    agency: str = Field("", max_length=100)
    reason: str = Field(min_length=1, max_length=MAX_TEXT)
    at: AwareDatetime | None = None
    withdraw: bool = False


@router.get("")
def list_duties(
    services: ServicesOf,
    found: Reader,
    state: Annotated[list[State] | None, Query()] = None,
    agency: str | None = None,
    since: AwareDatetime | None = None,
    until: AwareDatetime | None = None,
    limit: Annotated[int, Query(ge=1, le=10_000)] = 1_000,
) -> dict[str, Any]:
    """What the caller's agencies owe, the next due first; `count` is how many there are beyond the limit too."""
    owed = owed_by(services, found, since=since, until=until, agency=agency)
    shown = [each for each in owed if not state or each.state in state]
    return {"duties": [obligation_data(each) for each in shown[:limit]], "count": len(shown)}


@router.get("/laws")
def laws(found: Reader) -> dict[str, Any]:
    """Every version of every duty, with its source."""
    return {"duties": [duty_data(each) for each in all_duties()]}


@router.get("/notices")
def told(services: ServicesOf, found: Reader, since: AwareDatetime | None = None) -> dict[str, Any]:
    """The warnings and missed limits of the caller's agencies that were told since the instant, the oldest first."""
    return {"notices": notices(services.store.records, scope=found.scope, since=since)}


@router.get("/lateness")
def late(services: ServicesOf, found: Counter, period: str, by: Per = Per.AGENCY) -> dict[str, Any]:
    """How many were due in the period, on time, late, not filed, and how late, within what the caller may see."""
    asked = period_asked(period)
    owed = owed_by(services, found, since=asked.start, until=asked.end)
    total, rows = lateness(owed, services.clock(), by)
    return {"total": lateness_data([total])[0], "rows": lateness_data(rows)}


@router.get("/form", response_class=Response)
def form(services: ServicesOf, found: Reader, duty: str, subject: str, agency: str = "") -> Response:
    """The duty's official form as DOCX, filled in from the records."""
    content = make_form(
        services.store, services.directory(), duty, subject, services.clock(), agency=agency, scope=found.scope
    )
    name = f"{duty}-{sha256(content).hexdigest()[:12]}.docx"
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return Response(content, media_type=DOCX, headers=headers)


@router.post("/filings", status_code=201)
def file(body: NewFiling, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """A report was sent; a correction is another filing that names the one it stands for."""
    acts = services.reporting(found.principal, found.scope)
    filing = acts.file(
        body.duty,
        body.subject,
        agency=body.agency,
        at=body.at,
        by=body.by,
        digest=body.digest,
        note=body.note,
        corrects=body.corrects,
    )
    return {"id": filing.id, **filing_data(filing)}


@router.post("/marks", status_code=201)
def mark(body: NewMark, services: ServicesOf, found: Worker) -> dict[str, Any]:
    """A duty that no record shows by itself applies to an incident, or does not after all."""
    acts = services.reporting(found.principal, found.scope)
    made = acts.open(body.duty, body.incident, body.reason, agency=body.agency, at=body.at, stands=not body.withdraw)
    return {"id": made.id, **mark_data(made)}


def owed_by(
    services: Services,
    found: Caller,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    agency: str | None = None,
) -> list[Obligation]:
    """What the caller's agencies owe in the window, by default the usual one."""
    now = services.clock()
    first, after = usual_window(services.store, now)
    return reckoned(
        services.store, services.directory(), since or first, until or after, now, scope=found.scope, agency=agency
    )
