"""The console's page of the tables that go to the national reporting system."""

from __future__ import annotations

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.forms import read_form
from api.pages import outbox as view
from api.routes.statistics import PublisherCaller, Reader
from api.security import ServicesOf, publishes
from api.views import draw, see
from sharing.outbox import State

router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])

PLACE = "/outbox"


@router.get(PLACE)
def page(request: Request, services: ServicesOf, found: Reader, done: str = "") -> Response:
    """Every table that was added and how far it has come, the newest first."""
    return draw(
        request,
        "outbox.html",
        found,
        listed=view.listed(services.outbox(), services.store),
        receiver=services.outbox().receiver.url,
        sends=publishes(found),
        done=done if done in list(State) else "",
    )


@router.post(f"{PLACE}/{{identity}}/push")
def push(identity: str, services: ServicesOf, found: PublisherCaller) -> Response:
    """The table is sent now; the page says what became of it."""
    sent = services.outbox().push(identity, found.principal.name)
    return see(f"{PLACE}?done={sent['state']}")
