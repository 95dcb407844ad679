"""The console's pages, drawn here and whole without any script."""

from __future__ import annotations

from typing import Annotated
from urllib.parse import quote

import orjson
from fastapi import APIRouter, Depends, Query, Request
from fastapi.responses import Response

from api.forms import posted
from api.pages import duplicates, duties, evidence, history, inbox, judgement, stats
from api.pages.words import Words
from api.problems import HttpRefused, language, status_of
from api.routes.docs import caller_or_nobody
from api.security import Caller, Named, ServicesOf, may, publishes, services_of
from api.views import draw, see, words_of
from vonggac.casework import last_undoable
from vonggac.dated import severity_table
from vonggac.definitions import definitions
from vonggac.domain.access import Action
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Severity
from vonggac.domain.duty import owing
from vonggac.domain.event import Document, field
from vonggac.domain.incident import Cause, Status
from vonggac.domain.lifecycle import moves, taking_back
from vonggac.domain.marking import Tlp
from vonggac.domain.times import day_in_vietnam
from vonggac.duties.look import owed_for
from vonggac.errors import NotFound, VonggacError
from vonggac.messages import explain
from vonggac.ports import Store

Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Counter = Annotated[Caller, Depends(may(Action.READ_STATISTICS))]
router = APIRouter(include_in_schema=False)

#: Where a bulk act may send incidents: everywhere but back to the beginning and into another.
BULK_TARGETS = tuple(status for status in Status if status not in (Status.NEW, Status.MERGED))


@router.get("/")
def inbox_page(request: Request, services: ServicesOf, found: Reader, done: int = 0) -> Response:
    """What waits, the newest first; every filter is in the address."""
    asked = inbox.asked_by(request.query_params)
    view = inbox.inbox(
        services.store.incidents, found.scope, asked, words_of(request), day_in_vietnam(services.clock())
    )
    works = found.principal.may(Action.WORK_INCIDENTS)
    return draw(request, "inbox.html", found, view=view, asked=asked, works=works, done=done, targets=BULK_TARGETS)


@router.get("/incidents/{identity}")
def incident_page(
    request: Request, identity: Named, services: ServicesOf, found: Reader, page: Annotated[int, Query(ge=1)] = 1
) -> Response:
    """One incident: what it is, what happened, what it rests on, what may be done."""
    incident = services.store.incidents.get(identity, scope=found.scope)
    told = services.store.incidents.history(identity, scope=found.scope)
    titles = {collection.id: collection.title for collection in services.store.feeds.collections()}
    words, last = words_of(request), last_undoable(told)
    by_hand = duties.opened_by_hand(services.clock())
    return draw(
        request,
        "incident.html",
        found,
        incident=incident,
        lines=list(history.lines(told, words, titles)),
        why_class=judgement.class_line(incident, words),
        why_severity=judgement.severity_line(incident, words),
        question=judgement.question_line(incident, words),
        findings=evidence.findings(services.store.events, incident, page),
        grading=judgement.grading_line(incident, words),
        conditions=severity_table(incident).conditions,
        whole=duplicates.whole_of(services.store.incidents, incident, found.scope),
        candidates=duplicates.lines(services.store.incidents, incident, found.scope, words),
        moves=moves(incident, found.principal.role),
        causes=tuple(Cause),
        categories=definitions().categories,
        severities=tuple(Severity),
        markings=tuple(Tlp),
        collections=[each for each in services.store.feeds.collections() if each.can_read],
        shared_to=[titles.get(each, each) for each in incident.shared_to],
        works=found.principal.may(Action.WORK_INCIDENTS),
        undoable=last is not None and found.principal.role in taking_back(str(last.data.get("role", ""))),
        shares=found.principal.may(Action.SHARE),
        duties=duties.lines(owed_for(services.store, incident, services.clock(), scope=found.scope), words),
        duty_forms=duties.forms_without_limit(incident, services.clock(), found.scope, words),
        by_hand=by_hand,
        victims=owing(by_hand, incident),
    )


@router.get("/events/{identity}")
def event_page(request: Request, identity: str, services: ServicesOf, found: Reader, incident: str = "") -> Response:
    """A whole event, and where in which capture it was read."""
    event = visible_event(services.store, found, identity, incident)
    return draw(
        request,
        "event.html",
        found,
        event=event,
        incident=incident,
        rows=list(evidence.table(event)),
        line=evidence.event_line(event),
        fingerprint=field(event, "vonggac.source.fingerprint"),
        position=field(event, "vonggac.source.position"),
        own=field(event, "vonggac.source.segment") is not None and is_own(found, event),
        raw=orjson.dumps(event, option=orjson.OPT_INDENT_2).decode(),
    )


def is_own(found: Caller, event: Document) -> bool:
    """Whether the event is about the caller's agency, or one below it."""
    agency = field(event, "organization.id")
    return found.scope.allows(Tlp.RED, [str(agency)] if agency else [])


def visible_event(store: Store, found: Caller, identity: str, incident: str) -> Document:
    """The event, to those whose agency it is about, and to those who see an incident that rests on it. Else NotFound:
    an event has no marking of its own, so it is as closed as can be."""
    events = store.events.events([identity])
    if not events:
        raise NotFound("unknown_event", id=identity)
    if is_own(found, events[0]):
        return events[0]
    if incident:
        parts = store.incidents.get(incident, scope=found.scope).evidence
        if any(identity in part.events for part in parts):
            return events[0]
    raise NotFound("unknown_event", id=identity)


@router.get("/stats")
def stats_page(request: Request, services: ServicesOf, found: Counter) -> Response:
    """A period against another: table, picture, and what may be said of it."""
    asked = stats.asked_by(request.query_params, services.clock())
    words, now = words_of(request), services.clock()
    status, view, fault = 200, None, ""
    try:
        view = stats.statistics(services.store, found.scope, asked, words, now)
    except VonggacError as error:
        status, fault = status_of(error), explain(error, words.lang)
    return draw(
        request,
        "stats.html",
        found,
        status,
        view=view,
        asked=asked,
        today=asked.units or day_in_vietnam(now).isoformat(),
        fault=fault,
        publishes=publishes(found),
        now=now,
    )


@router.get("/help")
def help_page(request: Request, found: Annotated[Caller | None, Depends(caller_or_nobody)]) -> Response:
    """The keys, for readers without scripts too."""
    return draw(request, "help.html", found)


def error_page(request: Request, status: int, sentence: str) -> Response:
    """The sentence as a page, with the way back and any text its author would lose; the way in for strangers."""
    if status == 401:
        place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        return see(f"/login?next={quote(place if request.method == 'GET' else '/', safe='/')}")
    try:
        found = caller_or_nobody(request, services_of(request))
    except (VonggacError, HttpRefused):
        found = None  # the store does not answer, or the form was foreign; the page is drawn without a menu
    form = posted(request)
    kept = form.one("text") or form.one("reason")
    parts = request.url.path.split("/")
    back = f"/incidents/{parts[2]}" if request.method == "POST" and parts[1] == "incidents" and len(parts) == 4 else "/"
    # Without the directory, which is in the store that may be what failed.
    words = Words(language(request), Directory())
    return draw(request, "error.html", found, status, words, sentence=sentence, kept=kept, back=back)
