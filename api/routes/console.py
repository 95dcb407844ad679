"""The console's pages, drawn here and whole without any script."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.forms import posted
from api.routes.docs import caller_or_nobody
from api.security import Caller, ServicesOf, may, services_of
from api.views import draw, see
from vonggac.domain.access import Action
from vonggac.errors import VonggacError
from vonggac.ports import IncidentQuery

Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
router = APIRouter(include_in_schema=False)


@router.get("/")
def inbox(request: Request, services: ServicesOf, found: Reader) -> Response:
    page = services.store.incidents.find(IncidentQuery(scope=found.scope))
    return draw(request, "inbox.html", found, incidents=page.items)


def error_page(request: Request, status: int, sentence: str) -> Response:
    """The sentence as a page, with the way back and any text its author would lose; the way in for strangers."""
    if status == 401:
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see_login(place if request.method == "GET" else "/")
    return draw(request, "error.html", None, status, sentence=sentence, kept="", back="/")


def see_login(place: str) -> Response:
    from urllib.parse import quote

    return see(f"/login?next={quote(place, safe='/')}")
