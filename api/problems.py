"""Errors over HTTP: one table from our errors to statuses, and three forms of saying them.

Problem objects (RFC 9457) under `/api` and elsewhere, TAXII's own error message (TAXII 2.1 §3.6.1) under `/taxii2/`, a
page for browsers.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from http import HTTPStatus

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException

from sharing.taxii import TAXII_MEDIA
from vonggac import errors
from vonggac.messages import explain, say

STATUSES: Mapping[type[errors.VonggacError], int] = {
    errors.UsageRefused: 400,
    errors.InvalidRecord: 422,
    errors.ReadError: 422,
    errors.RuleError: 422,
    errors.UnknownInput: 422,
    errors.NotFound: 404,
    errors.Conflict: 409,
    errors.TransitionNotAllowed: 409,
    errors.StoreUnavailable: 503,
    errors.PeerUnavailable: 502,
    errors.NotAuthenticated: 401,
    errors.SharingRefused: 403,
}

#: Draws an error page; given by the console.
ErrorPage = Callable[[Request, int, str], Response]


class HttpRefused(Exception):
    """An HTTP matter that is no error of ours: `status`, the key of the sentence, and headers it needs."""

    def __init__(self, status: int, key: str, *, headers: Mapping[str, str] | None = None, **facts: object) -> None:
        super().__init__(key)
        self.status = status
        self.key = key
        self.headers = headers
        self.facts = facts


def status_of(error: errors.VonggacError) -> int:
    return next((STATUSES[kind] for kind in type(error).__mro__ if kind in STATUSES), 500)


def install(app: FastAPI, page: ErrorPage, everywhere: Mapping[str, str]) -> None:
    """Every error of this app is answered in its place's form, framework-made ones too.

    `everywhere` are the headers of every answer; only the last resort adds them here, as no middleware sees its answer.
    """

    def answer(request: Request, status: int, sentence: str, headers: Mapping[str, str] | None = None) -> Response:
        extra = dict(headers or {})
        if status == 401:
            extra.setdefault("WWW-Authenticate", 'Basic realm="vonggac", charset="UTF-8", Bearer')
        path = request.url.path
        if path.startswith("/taxii2"):
            body = {"title": sentence, "http_status": str(status)}
            return JSONResponse(body, status, extra, media_type=TAXII_MEDIA)
        if wants_page(request) or (status == 401 and is_page(request)):
            answered = page(request, status, sentence)
            answered.headers.update(headers or {})
            return answered
        problem = {"type": "about:blank", "title": HTTPStatus(status).phrase, "status": status, "detail": sentence}
        return JSONResponse(problem, status, extra, media_type="application/problem+json")

    @app.exception_handler(errors.VonggacError)
    async def ours(request: Request, error: errors.VonggacError) -> Response:
        return answer(request, status_of(error), explain(error, language(request)))

    @app.exception_handler(HttpRefused)
    async def refused(request: Request, error: HttpRefused) -> Response:
        return answer(request, error.status, say(language(request), f"error.{error.key}", **error.facts), error.headers)

    @app.exception_handler(RequestValidationError)
    async def invalid(request: Request, error: RequestValidationError) -> Response:
        places = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors()[:5])
        status = 400 if request.url.path.startswith("/taxii2") else 422
        return answer(request, status, say(language(request), "error.request_invalid", places=places))

    @app.exception_handler(HTTPException)
    async def framework(request: Request, error: HTTPException) -> Response:
        sentence = say(language(request), f"error.http_{error.status_code}", path=request.url.path)
        if sentence == f"error.http_{error.status_code}":
            sentence = str(error.detail)
        return answer(request, error.status_code, sentence, error.headers)

    @app.exception_handler(Exception)
    async def unexpected(request: Request, error: Exception) -> Response:
        sentence = say(language(request), "error.http_500", path=request.url.path)
        return answer(request, 500, sentence, {**everywhere, "Cache-Control": "no-store"})


#: What programs read; everything else is for people.
PROGRAMS = ("/api/", "/taxii2", "/static/", "/healthz", "/readyz", "/metrics", "/openapi.json")


def is_page(request: Request) -> bool:
    """Whether the address is one of the console's; who asks one without a session is shown the way in."""
    return not request.url.path.startswith(PROGRAMS)


def wants_page(request: Request) -> bool:
    """Whether an error is to be drawn for a browser."""
    return is_page(request) and "text/html" in request.headers.get("accept", "")


def language(request: Request) -> str:
    """The reader's language: chosen (cookie), else English for those who ask for it first, else Vietnamese."""
    chosen = request.cookies.get("vg_lang")
    if chosen in ("vi", "en"):
        return chosen
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    programs = request.url.path.startswith(("/api/", "/taxii2"))
    return "en" if programs and not first.startswith("vi") else "vi"
