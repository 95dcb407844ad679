"""What the console's forms do to incidents. Each form says which version its author had read."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response
from starlette.exceptions import HTTPException

from api.forms import Form, FormOf, own_path, read_form
from api.problems import language
from api.routes.incidents import casework
from api.security import Caller, Named, ServicesOf, may
from api.services import Services
from api.views import draw, see
from vonggac.casework import Casework
from vonggac.definitions import definitions
from vonggac.domain.access import Action
from vonggac.domain.detection import Severity
from vonggac.domain.incident import Cause, Entry, EntryKind, Incident, Status
from vonggac.domain.marking import Tlp
from vonggac.errors import Conflict, UsageRefused, VonggacError
from vonggac.messages import explain

#: The form is read before the caller is asked for, since the caller's token stands in it.
router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])
Worker = Annotated[Caller, Depends(may(Action.WORK_INCIDENTS))]
Sharer = Annotated[Caller, Depends(may(Action.SHARE))]

#: What arrives by itself does not make a reader's decision stale.
_BY_ITSELF = frozenset({EntryKind.DETECTED, EntryKind.INVOLVED, EntryKind.LIKENED})
MAX_PICKED = 200

Act = Callable[[Casework, str, Form, int], Incident]


def _take(work: Casework, identity: str, form: Form, version: int) -> Incident:
    return work.assign(identity, form.one("to") or None, version=version)


def _categorise(work: Casework, identity: str, form: Form, version: int) -> Incident:
    category, known = form.one("category"), definitions().categories
    if category not in known:
        raise UsageRefused("bad_choice", value=category, what="category", known=", ".join(known))
    return work.categorise(identity, category, version=version)


def _grade(work: Casework, identity: str, form: Form, version: int) -> Incident:
    return work.grade(identity, form.many("condition"), form.one("beyond_owner") == "1", version=version)


ACTS: Mapping[str, Act] = {
    "assign": _take,
    # A note adds to whatever there is, so it needs no version.
    "note": lambda work, identity, form, version: work.note(identity, form.one("text")),
    "transition": lambda work, identity, form, version: work.transition(
        identity, form.choice("to", Status), form.one("reason"), version=version
    ),
    "categorise": _categorise,
    "rate": lambda work, identity, form, version: work.rate(
        identity, form.choice("severity", Severity), version=version
    ),
    "mark": lambda work, identity, form, version: work.mark(identity, form.choice("tlp", Tlp), version=version),
    "attribute": lambda work, identity, form, version: work.attribute(
        identity, form.choice("cause", Cause), version=version
    ),
    "grade": _grade,
    "merge": lambda work, identity, form, version: work.merge(identity, form.one("into"), form.one("reason")),
    "split": lambda work, identity, form, version: work.split(identity, form.many("detection"), form.one("reason")),
    "undo": lambda work, identity, form, version: work.undo(identity),
}


def current_version(history: Sequence[Entry], read: int, identity: str) -> int:
    """The version to write against: today's, unless a person changed something since the one that was read.

    An attack that goes on adds detections all the time; those alone must not refuse an analyst's decision.
    """
    if not 0 < read <= len(history) or any(entry.kind not in _BY_ITSELF for entry in history[read:]):
        raise Conflict("incident_changed", incident=identity, expected=read, found=len(history))
    return len(history)


@dataclass(frozen=True, slots=True)
class Refused:
    """One incident of a bulk act that stayed as it was, and why."""

    id: str
    reason: str


@router.post("/incidents/bulk")
def bulk(request: Request, services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """Each picked incident is taken or moved by itself; what could not be is told, the rest is done."""
    picked = form.many("pick")
    if not picked or len(picked) > MAX_PICKED:
        raise UsageRefused("pick_some", most=MAX_PICKED)
    refused: list[Refused] = []
    for each in picked:
        identity, _, version = each.partition("@")
        try:
            _bulk_act(services, found, form, identity, version)
        except VonggacError as error:
            refused.append(Refused(identity, explain(error, language(request))))
    back = own_path(form.one("back"))
    if not refused:
        joined = "&" if "?" in back else "?"
        return see(f"{back}{joined}{urlencode({'done': len(picked)})}")
    return draw(request, "bulk.html", found, 409, refused=refused, done=len(picked) - len(refused), back=back)


def _bulk_act(services: Services, found: Caller, form: Form, identity: str, version: str) -> None:
    work = casework(services, found)
    against = current_version(services.store.incidents.history(identity, scope=found.scope), _number(version), identity)
    if form.one("act") == "take":
        work.assign(identity, found.principal.name, version=against)
    else:
        work.transition(identity, form.choice("to", Status), form.one("reason"), version=against)


@router.post("/incidents/{identity}/share")
def share(identity: Named, services: ServicesOf, form: FormOf, found: Sharer) -> Response:
    """Its objects stand in the collection."""
    current_version(
        services.store.incidents.history(identity, scope=found.scope), _number(form.one("version")), identity
    )
    services.exchange.share(identity, found.principal, services.directory(), form.one("collection") or "incidents")
    return see(f"/incidents/{identity}")


@router.post("/incidents/{identity}/{act}")
def do(identity: Named, act: str, services: ServicesOf, form: FormOf, found: Worker) -> Response:
    """One of ACTS; then the incident that it left (the whole after a merge, the new one after a split)."""
    if act not in ACTS:
        raise HTTPException(404)
    history = services.store.incidents.history(identity, scope=found.scope)
    against = len(history) if act == "note" else current_version(history, _number(form.one("version")), identity)
    left = ACTS[act](casework(services, found), identity, form, against)
    return see(f"/incidents/{left.id}")


def _number(text: str) -> int:
    return int(text) if text.isascii() and text.isdigit() else 0
