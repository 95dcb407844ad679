"""The console's pages of published tables and of what a figure counts."""

from __future__ import annotations

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api.forms import FormOf, read_form
from api.pages import published as view
from api.routes.statistics import Asked, PublisherCaller, Reader
from api.security import ServicesOf, publishes
from api.views import draw, see, words_of
from vonggac.domain.stats import By
from vonggac.publishing import publications
from vonggac.statistics import AS_THEN, PREVIOUS_YEAR, TOTAL, ask

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
