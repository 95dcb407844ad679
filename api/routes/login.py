"""Coming in and going out: a password form, one-time links, the language of the pages."""

from __future__ import annotations

import secrets
from typing import Literal
from urllib.parse import urlsplit

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from api.forms import FormOf, own_path
from api.problems import language
from api.security import SESSION_COOKIE, CallerOf, ServicesOf, check_same_site, guarded_password
from api.services import Services
from api.views import draw, see
from vonggac.accounts import SESSION_HOURS
from vonggac.domain.access import Principal
from vonggac.errors import NotAuthenticated
from vonggac.messages import explain

#: Ties the login form to the browser that asked for it, before there is a session.
FORM_COOKIE = "vg_form"
LANGUAGE_COOKIE = "vg_lang"
_YEAR = 365 * 24 * 3600

router = APIRouter(include_in_schema=False)


@router.get("/login")
def login_page(request: Request, services: ServicesOf, next: str = "/") -> Response:
    """The form."""
    return _form(request, services, own_path(next))


@router.post("/login")
def log_in(request: Request, services: ServicesOf, form: FormOf) -> Response:
    """A session for a right name and password; the form again, with 401, for others."""
    # Without the cookie nothing matches.
    check_same_site(request, request.cookies.get(FORM_COOKIE, secrets.token_hex(16)))
    name, target = form.one("name"), own_path(form.one("next"))
    try:
        principal = guarded_password(request, services.accounts, name, next(iter(form.many("password")), ""))
    except NotAuthenticated as error:
        return _form(request, services, target, status=401, name=name, error=error)
    answer = _enter(request, services, principal, target)
    answer.delete_cookie(FORM_COOKIE, path="/login")
    return answer


@router.get("/login/link")
def use_link(request: Request, services: ServicesOf, code: str = "") -> Response:
    """A one-time link of `vonggac user link` or the demo: a session, once."""
    return _enter(request, services, services.accounts.use_link(code), "/")


@router.post("/logout")
def log_out(request: Request, services: ServicesOf, form: FormOf, found: CallerOf) -> Response:
    """The session is over here and in the store."""
    services.accounts.close_session(request.cookies.get(SESSION_COOKIE, ""))
    answer = see("/login")
    answer.delete_cookie(SESSION_COOKIE, path="/")
    return answer


@router.api_route("/lang/{lang}", methods=["GET", "POST"])
def choose_language(request: Request, services: ServicesOf, lang: Literal["vi", "en"], back: str = "") -> Response:
    """Pages come in that language from now on; back to the page the reader was on."""
    came_from = urlsplit(request.headers.get("referer", ""))
    ours = came_from.netloc == request.url.netloc
    fallback = own_path(came_from.path + (f"?{came_from.query}" if came_from.query else "")) if ours else "/"
    answer = see(own_path(back, fallback) if back else fallback)
    answer.set_cookie(
        LANGUAGE_COOKIE, lang, max_age=_YEAR, path="/", secure=services.secure, httponly=True, samesite="lax"
    )
    return answer


def _form(
    request: Request,
    services: Services,
    target: str,
    *,
    status: int = 200,
    name: str = "",
    error: NotAuthenticated | None = None,
) -> Response:
    token = secrets.token_urlsafe(24)
    message = explain(error, language(request)) if error else ""
    answer = draw(request, "login.html", status=status, token=token, next=target, name=name, message=message)
    answer.set_cookie(FORM_COOKIE, token, path="/login", secure=services.secure, httponly=True, samesite="strict")
    return answer


def _enter(request: Request, services: Services, principal: Principal, target: str) -> RedirectResponse:
    """A new session in the cookie; the one this browser had before ends, so that no old cookie lives on."""
    if SESSION_COOKIE in request.cookies:
        services.accounts.close_session(request.cookies[SESSION_COOKIE])
    secret, _ = services.accounts.open_session(principal)
    answer = see(target)
    answer.set_cookie(
        SESSION_COOKIE,
        secret,
        max_age=SESSION_HOURS * 3600,
        path="/",
        secure=services.secure,
        httponly=True,
        samesite="strict",
    )
    return answer
