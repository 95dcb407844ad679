"""The HTTP application: routers, headers that every answer carries, errors in their forms."""

from __future__ import annotations

import hashlib
from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from pathlib import Path

from fastapi import FastAPI, Request
from fastapi.responses import Response
from starlette.staticfiles import StaticFiles

from api import problems
from api.routes import (
    acts,
    console,
    docs,
    duties,
    health,
    incidents,
    login,
    outbox,
    packets,
    programs,
    published,
    reporting,
    statistics,
    subscribers,
    suppressing,
    suppressions,
    taxii,
)
from api.security import Attempts, BasicMemory
from api.services import Services
from vonggac import __version__

STATIC = Path(__file__).parent / "static"

#: Every route there is; tests/unit/api/test_routes.py says who may use each.
ROUTERS = tuple(
    module.router
    for module in (
        health,
        login,
        console,
        acts,
        suppressing,
        published,
        outbox,
        reporting,
        subscribers,
        incidents,
        suppressions,
        duties,
        packets,
        statistics,
        programs,
        docs,
        taxii,
    )
)

Lifespan = Callable[[FastAPI], AbstractAsyncContextManager[None]]

#: Everything comes from this host; nothing is framed, sniffed or told to others.
CSP = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; "
    "connect-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {
    "Content-Security-Policy": CSP,
    "X-Content-Type-Options": "nosniff",
    "Referrer-Policy": "same-origin",
    "X-Frame-Options": "DENY",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Permissions-Policy": "camera=(), geolocation=(), microphone=()",
}


def create_app(services: Services, lifespan: Lifespan | None = None) -> FastAPI:
    """The application over these services; `lifespan` starts and stops what runs beside it."""
    app = FastAPI(
        title="Vọng Gác",
        version=__version__,
        summary="Incidents, statistics and sharing of one node",
        docs_url=None,
        redoc_url=None,
        lifespan=lifespan,
    )
    app.state.services = services
    app.state.basic_memory = BasicMemory()
    app.state.attempts = Attempts()
    app.state.asset_version = asset_version()
    for router in ROUTERS:
        app.include_router(router)
    app.mount("/static", StaticFiles(directory=STATIC), name="static")
    problems.install(app, console.error_page, HEADERS)

    @app.middleware("http")
    async def headers(request: Request, call: Callable[[Request], Awaitable[Response]]) -> Response:
        response = await call(request)
        for name, value in HEADERS.items():
            response.headers.setdefault(name, value)
        if services.secure:
            response.headers.setdefault("Strict-Transport-Security", "max-age=31536000")
        if request.url.path.startswith("/static/"):
            response.headers.setdefault("Cache-Control", "public, max-age=31536000, immutable")
        else:
            response.headers.setdefault("Cache-Control", "no-store")
        return response

    return app


def asset_version() -> str:
    """Changes when any asset does, so that assets may be cached for good."""
    digest = hashlib.sha256()
    for path in sorted(STATIC.rglob("*")):
        if path.is_file():
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]
