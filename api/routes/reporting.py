"""The console's page of duties to report, and what its forms do."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.forms import FormOf, own_path, read_form
from api.pages import duties as view
from api.routes.duties import owed_by
from api.security import Caller, ServicesOf, may
from api.views import draw, see, words_of
from vonggac.as_known import instant_of
from vonggac.domain.access import Action
from vonggac.duties.look import usual_window

router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])
Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]


@router.get("/duties")
def duties_page(request: Request, services: ServicesOf, found: Reader, tab: str = "", done: int = 0) -> Response:
    """What the reader's agencies have to report, the next due first."""
    listed = view.listed(owed_by(services, found), tab, words_of(request))
    since, until = usual_window(services.store, services.clock())
    works = found.principal.may(Action.WORK_INCIDENTS)
    return draw(request, "duties.html", found, listed=listed, since=since, until=until, works=works, done=done)


@router.post("/duties/filings")
def file(services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """A report was sent, at the given time or now."""
    services.reporting(found.principal, found.scope).file(
        form.one("duty"),
        form.one("subject"),
        agency=form.one("agency"),
        at=instant_of(form.one("at")),
        note=form.one("note"),
    )
    return see(own_path(form.one("back"), "/duties?done=1"))


@router.post("/duties/marks")
def mark(services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """The incident begins the clock of a duty that no record shows by itself."""
    incident = form.one("incident")
    acts = services.reporting(found.principal, found.scope)
    acts.open(form.one("duty"), incident, form.one("reason"), agency=form.one("agency"), at=instant_of(form.one("at")))
    return see(f"/incidents/{incident}")
