"""`/api/v1/stats`: comparisons, what they count, and what was published of them, for programs."""

from __future__ import annotations

from collections.abc import Collection
from itertools import islice
from typing import Annotated, Any, Literal

from fastapi import APIRouter, Depends, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from api.security import Caller, ServicesOf, may, may_publish
from api.services import Services
from sharing.outbox import sent_form
from sharing.subscribe import agencies_of_feeds
from vonggac.cells import incident_row
from vonggac.comparison import answer_data
from vonggac.domain.access import Action, Scope
from vonggac.domain.agency import Level
from vonggac.domain.stats import By
from vonggac.domain.times import Period, format_instant, parse_instant
from vonggac.publishing import intact, publications
from vonggac.reports.table import MEDIA_TYPES, render
from vonggac.revision import revision
from vonggac.statistics import AS_THEN, PREVIOUS_YEAR, TOTAL, Question, answer, ask, cell
from vonggac.watched_units import LEVELS, UnitWatched, period_asked, units_asked, units_watched

Reader = Annotated[Caller, Depends(may(Action.READ_STATISTICS))]
PublisherCaller = Annotated[Caller, Depends(may_publish)]
Lang = Annotated[Literal["vi", "en"], Query()]
router = APIRouter(prefix="/api/v1/stats", tags=["statistics"])


class NewPublication(BaseModel):
    """The question, as `vonggac stats compare` takes it."""

    model_config = ConfigDict(extra="forbid")
    period: str = Field(max_length=100)
    against: str = Field(PREVIOUS_YEAR, max_length=100)
    by: By = By.CATEGORY
    known_at: str | None = Field(None, max_length=100)
    definitions: str | None = Field(None, max_length=100)
    units: str = Field(AS_THEN, max_length=100)


def question_of(
    period: str,
    against: str = PREVIOUS_YEAR,
    by: By = By.CATEGORY,
    known_at: str | None = None,
    definitions: str | None = None,
    units: str = AS_THEN,
) -> Question:
    return ask(period, against, str(by), known_at, definitions, units)


Asked = Annotated[Question, Depends(question_of)]


@router.get("/compare")
def compare(
    services: ServicesOf,
    found: Reader,
    question: Asked,
    lang: Lang = "vi",
    format: Literal["json", "csv", "xlsx", "html", "pdf"] = "json",
) -> Response:
    """One period's incidents against another's, within what the caller may see (contract: `stats compare`)."""
    counted = answer(services.store, services.directory(), question, now=services.clock(), scope=found.scope)
    body = answer_data(counted, lang)
    return Response(render(body, format, lang, at=counted.now), media_type=MEDIA_TYPES[format])


@router.get("/cell")
def open_cell(
    services: ServicesOf,
    found: Reader,
    question: Asked,
    key: str = TOTAL,
    of: Literal["current", "previous"] = "current",
    limit: Annotated[int, Query(ge=1, le=1_000)] = 100,
    offset: Annotated[int, Query(ge=0, le=10_000_000)] = 0,
) -> dict[str, Any]:
    """The incidents that a cell of the comparison counts, the oldest first, within what the caller may see; `next` is
    the offset of the page after it."""
    period = question.period if of == "current" else question.against
    counted = cell(services.store, services.directory(), question, key, period, scope=found.scope)
    page = list(islice(counted, offset, offset + limit + 1))
    return {
        "incidents": [incident_row(services.store, each, question) for each in page[:limit]],
        "next": offset + limit if len(page) > limit else None,
    }


@router.get("/coverage")
def coverage(
    services: ServicesOf,
    found: Reader,
    period: Annotated[str | None, Query(max_length=100)] = None,
    level: Level | None = None,
    code: Annotated[list[str] | None, Query(max_length=100)] = None,
) -> dict[str, Any]:
    """Who was watched, when, of the caller's own units (contract: `coverage`)."""
    asked = period_asked(period, services.clock())
    watched = watched_by(services, found.scope, asked, code or (), LEVELS if level is None else (level,))
    return {
        "period": {"start": format_instant(asked.start), "end": format_instant(asked.end), "text": asked.text},
        "units": [each.data() for each in watched],
    }


def watched_by(
    services: Services, scope: Scope, period: Period, codes: Collection[str] = (), levels: Collection[Level] = LEVELS
) -> list[UnitWatched]:
    """The units that somebody asks for, of those that are his own."""
    records, directory = services.store.records, services.directory()
    units = units_asked(directory, codes, levels)
    own = [unit for unit in units if scope.agencies is None or unit.code in scope.agencies]
    return list(units_watched(records, directory, agencies_of_feeds(records), own, period))


@router.post("/publications", status_code=201)
def publish(body: NewPublication, services: ServicesOf, found: PublisherCaller) -> dict[str, Any]:
    """The comparison of all incidents is frozen and signed under a new id."""
    question = question_of(**body.model_dump())
    by = found.principal.name
    table = services.publisher().publish(services.directory(), question, now=services.clock(), by=by)
    return {"id": table["id"], "digest": table["digest"]}


@router.get("/publications")
def list_publications(services: ServicesOf, found: Reader) -> dict[str, Any]:
    """What was published, the oldest first, without the tables."""
    return {"publications": publications(services.store)}


@router.get("/publications/{identity}")
def get_publication(
    identity: str,
    services: ServicesOf,
    found: Reader,
    lang: Lang = "vi",
    format: Literal["signed", "json", "csv", "xlsx", "html", "pdf"] = "signed",
) -> Response:
    """What was published, the same bytes each time: whole with its signature, or its table in one of the forms."""
    body = intact(services.store, identity)
    if format == "signed":
        return Response(sent_form(body), media_type=MEDIA_TYPES["json"])
    made = render(body["table"][lang], format, lang, at=parse_instant(body["published_at"]))
    return Response(made, media_type=MEDIA_TYPES[format])


@router.get("/publications/{identity}/revision")
def get_revision(identity: str, services: ServicesOf, found: Reader, lang: Lang = "vi") -> dict[str, Any]:
    """The published table beside what the records say now, and why it differs; of the incidents that changed, those
    that the caller may see."""
    return revision(services.store, services.directory(), identity, now=services.clock(), lang=lang, scope=found.scope)
