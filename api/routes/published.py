"""The console's pages of published tables, of what a figure counts, and of who was watched."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api.forms import FormOf, read_form
from api.pages import coverage
from api.pages import published as view
from api.pages.coverage import MAX_DAYS, days_of
from api.routes.statistics import Asked, PublisherCaller, Reader, watched_by
from api.security import ServicesOf, publishes
from api.views import draw, see, words_of
from vonggac.domain.stats import By
from vonggac.errors import UsageRefused
from vonggac.publishing import publications
from vonggac.statistics import AS_THEN, PREVIOUS_YEAR, TOTAL, ask
from vonggac.watched_units import period_asked

router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])


@router.get("/stats/cell")
def cell_page(
    request: Request,
    services: ServicesOf,
    found: Reader,
    question: Asked,
    key: str = TOTAL,
    of: Literal["current", "previous"] = "current",
    page: Annotated[int, Query(ge=1, le=100_000)] = 1,
) -> Response:
    """The incidents that one figure counts, each with the way on to its evidence."""
    cell = view.opened(services.store, found.scope, question, key, of, page, words_of(request), services.clock())
    pages = [
        (name, str(request.url.include_query_params(page=number).query))
        for name, number, there in (("before", page - 1, page > 1), ("after", page + 1, cell.more))
        if there
    ]
    return draw(request, "cell.html", found, cell=cell, pages=pages)


@router.get("/stats/coverage")
def coverage_page(
    request: Request, services: ServicesOf, found: Reader, period: Annotated[str | None, Query(max_length=100)] = None
) -> Response:
    """Who was watched, when, in a month: each of the reader's units with its days."""
    now = services.clock()
    asked = period_asked(period, now)
    days = days_of(asked)
    if len(days) > MAX_DAYS:
        raise UsageRefused("coverage_long", text=asked.text, most=MAX_DAYS)
    watched, lang = watched_by(services, found.scope, asked), words_of(request).lang
    return draw(
        request,
        "coverage.html",
        found,
        period=asked,
        days=days,
        rows=coverage.rows(watched, days, lang),
        without=coverage.without(watched, lang),
        around=coverage.months_around(asked, now),
    )


@router.get("/stats/published")
def published_page(request: Request, services: ServicesOf, found: Reader) -> Response:
    """What was published, the newest first."""
    return draw(request, "published.html", found, listed=publications(services.store)[::-1])


@router.post("/stats/published")
def publish(services: ServicesOf, form: FormOf, found: PublisherCaller) -> Response:
    """The comparison that the page showed, counted anew and frozen."""
    by = form.choice("by", By) if form.one("by") else By.CATEGORY
    question = ask(
        form.one("period"),
        form.one("against") or PREVIOUS_YEAR,
        str(by),
        known_at=form.one("known_at") or None,
        definitions=form.one("definitions") or None,
        units=form.one("units") or AS_THEN,
    )
    table = services.publisher().publish(services.directory(), question, now=services.clock(), by=found.principal.name)
    return see(f"/stats/published/{table['id']}?done=1")


@router.get("/stats/published/{identity}")
def publication_page(
    request: Request, identity: str, services: ServicesOf, found: Reader, compare: int = 0, done: int = 0
) -> Response:
    """A table as it was published, or that it is no longer that; beside the records of today when asked."""
    words = words_of(request)
    table = view.shown(services.store, identity, words)
    revised = None
    if compare and table.intact:
        revised = view.beside_now(services.store, found.scope, identity, words, services.clock())
    sends = publishes(found) and bool(services.outbox().receiver.url)
    return draw(request, "publication.html", found, view=table, revised=revised, done=done, sends=sends)
