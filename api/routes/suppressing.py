"""The console's pages of suppressions, and what their forms do."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType
from typing import Annotated

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.forms import FormOf, read_form
from api.pages import suppressions as view
from api.problems import language, status_of
from api.routes.suppressions import held_back
from api.security import Caller, ServicesOf, may
from api.services import Services
from api.views import draw, see, words_of
from vonggac.domain.access import Action
from vonggac.domain.suppression import Operator
from vonggac.domain.times import day_in_vietnam
from vonggac.errors import VonggacError
from vonggac.messages import explain
from vonggac.suppressions.acts import FOR_ALL
from vonggac.suppressions.look import DEFAULT_PERIOD, Preview, preview, suppression_data

router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])
Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]

PLACE = "/suppressions"
PAGE = 50


@router.get(PLACE)
def list_page(request: Request, services: ServicesOf, found: Reader, tab: str = "") -> Response:
    """What is held back now, or was, the newest first."""
    listed = view.listed(services, found.principal, tab)
    works = found.principal.may(Action.WORK_INCIDENTS)
    return draw(request, "suppressions.html", found, listed=listed, works=works)


@router.get(f"{PLACE}/new")
def new_page(request: Request, services: ServicesOf, found: Worker, incident: str = "") -> Response:
    """The form, empty or of what an incident is made of."""
    asked = view.begun(services.clock(), found.principal)
    if not incident:
        return _form(request, services, found, asked)
    shown = services.store.incidents.get(incident, scope=found.scope)
    parts = services.store.events.detections([part.detection for part in shown.evidence[-PAGE:]])
    title = words_of(request).title
    rules = {part.rule: title(part) for part in shown.evidence}
    return _form(request, services, found, view.from_incident(asked, shown, parts), rules=rules)


@router.post(PLACE)
def make(request: Request, services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """The suppression is made, or only what it would cover is shown; a fault gives the form back."""
    asked = view.asked_by(form)
    try:
        if form.one("act") == "preview":
            return _form(request, services, found, asked, shown=_preview(services, found, asked))
        made = services.suppressing(found.principal).make(asked.draft(), services.told())
    except VonggacError as error:
        return _form(request, services, found, asked, status_of(error), explain(error, language(request)))
    return see(f"{PLACE}/{made.id}?done=1")


@router.get(f"{PLACE}/{{identity}}")
def one_page(
    request: Request, identity: str, services: ServicesOf, found: Reader, done: int = 0, cursor: str = ""
) -> Response:
    """One suppression: what it covers, what was done to it, what it holds back."""
    acts = services.suppressing(found.principal)
    suppression = acts.get(identity)
    hits = services.store.events.suppressed().get(identity)
    return draw(
        request,
        "suppression.html",
        found,
        data=suppression_data(suppression, hits, services.clock(), services.told()),
        acts=suppression.acts,
        changes=acts.may_change(suppression),
        held=held_back(services, found, identity, PAGE, cursor or None),
        done=done,
    )


@router.post(f"{PLACE}/{{identity}}/end")
def end(identity: str, services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """What happens from now on is not held back."""
    services.suppressing(found.principal).end(identity, form.one("reason"), version=_version(form.one("version")))
    return see(f"{PLACE}/{identity}")


@router.post(f"{PLACE}/{{identity}}/extend")
def extend(identity: str, services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """It holds until the end of that day."""
    until = view.end_of_day(form.one("until"))
    acts = services.suppressing(found.principal)
    acts.extend(identity, until, form.one("reason"), version=_version(form.one("version")))
    return see(f"{PLACE}/{identity}")


def _form(
    request: Request,
    services: Services,
    found: Caller,
    asked: view.Asked,
    status: int = 200,
    fault: str = "",
    shown: Preview | None = None,
    rules: Mapping[str, str] = MappingProxyType({}),
) -> Response:
    """`rules`: ids to choose from, with their titles."""
    words = words_of(request)
    return draw(
        request,
        "suppression_new.html",
        found,
        status,
        words,
        asked=asked,
        fault=fault,
        shown=shown,
        rules=list(rules.items()),
        fields=view.fields(asked),
        operators=tuple(Operator),
        agencies=list(view.agencies(words, found.scope, day_in_vietnam(services.clock()), asked)),
        for_all=found.principal.agency is None and found.principal.role in FOR_ALL,
    )


def _preview(services: Services, found: Caller, asked: view.Asked) -> Preview:
    """Of the last 30 days, and of all that has happened since the incident began that it is about."""
    now = services.clock()
    since = now - DEFAULT_PERIOD
    if asked.incident:
        since = min(since, services.store.incidents.get(asked.incident, scope=found.scope).first_at)
    made = services.suppressing(found.principal).example(asked.draft(), services.told())
    return preview(services.store.events, made, services.directory(), since, now)


def _version(text: str) -> int:
    """0, which no suppression has, for what is no number."""
    return int(text) if text.isascii() and text.isdigit() else 0
