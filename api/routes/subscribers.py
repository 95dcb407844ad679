"""Who reads this node's collections, which feeds it pulls itself, and how its jobs went."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any
from urllib.parse import urlencode

from fastapi import APIRouter, Depends, Request
from fastapi.responses import Response

from api.forms import FormOf, read_form
from api.security import Caller, ServicesOf, may
from api.services import Services
from api.views import draw, see
from sharing.subscribe import Feed, add_feed, feed_data, feeds
from vonggac.domain.access import Action, UserRole
from vonggac.errors import UsageRefused

router = APIRouter(include_in_schema=False, dependencies=[Depends(read_form)])
Reader = Annotated[Caller, Depends(may(Action.READ_CONSOLE))]
Administrator = Annotated[Caller, Depends(may(Action.ADMINISTER))]

PLACE = "/subscribers"
_READ_BY = (UserRole.SUBSCRIBER, UserRole.PEER)


@router.get(PLACE)
def page(request: Request, services: ServicesOf, found: Reader, done: str = "") -> Response:
    """Collections for everybody; who reads them, feeds and jobs for the national centre's people; an agency's people
    see the subscribers of their own."""
    national = found.principal.agency is None
    administers = found.principal.may(Action.ADMINISTER)
    return draw(
        request,
        "subscribers.html",
        found,
        address=f"{request.url.scheme}://{request.url.netloc}/taxii2/",
        collections=services.store.feeds.collections(),
        subscribers=[each for each in _subscribers(services) if _theirs(found, each["agency"])],
        feeds=[feed_data(feed) for feed in feeds(services.store.records)] if national else [],
        jobs=services.jobs() if national else [],
        national=national,
        administers=administers,
        roles=tuple(UserRole),
        done=done if done in ("user", "feed", "pull") else "",
        brought={name: _count(request, name) for name in ("taken", "known", "refused")},
    )


@router.post(f"{PLACE}/users")
def new_user(services: ServicesOf, form: FormOf, found: Administrator) -> Response:
    """Somebody more may come in."""
    password = next(iter(form.many("password")), "")
    agency = form.one("agency") or None
    if agency is not None and services.directory().latest(agency) is None:
        raise UsageRefused("unknown_agency", code=agency)
    if not password:
        raise UsageRefused("password_wanted")
    services.accounts.add_user(form.one("name"), form.choice("role", UserRole), agency, password)
    return see(f"{PLACE}?done=user")


@router.post(f"{PLACE}/feeds")
def new_feed(services: ServicesOf, form: FormOf, found: Administrator) -> Response:
    """A feed more is pulled."""
    name = form.one("name")
    if not 0 < len(name) <= 100:
        raise UsageRefused("text_length", what="name", most=100)
    password = next(iter(form.many("password")), "")
    add_feed(
        services.store.records,
        Feed(name, form.one("url"), form.one("user"), password, form.one("agency") or None),
    )
    return see(f"{PLACE}?done=feed")


@router.post(f"{PLACE}/pull")
def pull(services: ServicesOf, form: FormOf, found: Administrator) -> Response:
    """The feed is pulled now."""
    came = services.subscriber.pull(form.one("feed"), services.directory())
    counts = {"done": "pull", "taken": came.taken, "known": came.known, "refused": len(came.refused)}
    return see(f"{PLACE}?{urlencode(counts)}")


def _count(request: Request, name: str) -> int:
    text = request.query_params.get(name, "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 10 else 0


def _theirs(found: Caller, agency: str | None) -> bool:
    return found.scope.agencies is None or agency in found.scope.agencies


def _subscribers(services: Services) -> list[Mapping[str, Any]]:
    """Users and tokens that read collections; of a token only its label and first letters."""
    users = [
        {"name": user.name, "kind": "user", "role": str(user.role), "agency": user.agency, "since": ""}
        for user in services.accounts.users()
        if user.role in _READ_BY
    ]
    tokens = [
        {
            "name": f"{body['label']} ({body['shown']}…)" if body["label"] else f"{body['shown']}…",
            "kind": "token",
            "role": body["role"],
            "agency": body["agency"],
            "since": body["created_at"],
        }
        for body in (record.body for record in services.store.records.list("token"))
        if body["role"] in list(_READ_BY)
    ]
    return [*users, *tokens]
