"""`/docs`: the API's page, drawn by a Swagger UI that this host serves itself."""

from __future__ import annotations

from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.security import SESSION_COOKIE, Caller, ServicesOf, caller
from api.views import draw
from vonggac.errors import NotAuthenticated

router = APIRouter(include_in_schema=False)


def caller_or_nobody(request: Request, services: ServicesOf) -> Caller | None:
    """Whoever is logged in; the description of the API is no secret, so nobody is welcome too."""
    if SESSION_COOKIE not in request.cookies:
        return None
    try:
        return caller(request, services)
    except NotAuthenticated:
        return None


@router.get("/docs")
def docs(request: Request, found: Annotated[Caller | None, Depends(caller_or_nobody)]) -> Response:
    """The operations of `/openapi.json`, which a logged-in reader can also try."""
    return draw(request, "docs.html", found)
