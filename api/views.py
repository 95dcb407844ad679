"""Pages: Jinja2 templates with autoescape, in the reader's language, with what every page needs."""

from __future__ import annotations

from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import quote, urlencode

from fastapi import Request
from fastapi.responses import HTMLResponse, RedirectResponse
from jinja2 import Environment, FileSystemLoader, StrictUndefined

from api.pages.words import Words, defang, visible, when
from api.problems import language
from api.security import Caller, services_of
from vonggac.domain.access import Action
from vonggac.domain.times import format_instant


@cache
def templates() -> Environment:
    """Every value is escaped and every name must be there; no template may say otherwise (a test looks)."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=visible,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(when=when, defang=defang, iso=_iso, query=_query)
    environment.globals["Action"] = Action
    return environment


def _iso(instant: datetime | str) -> str:
    return instant if isinstance(instant, str) else format_instant(instant)


def _query(pairs: list[tuple[str, str]]) -> str:
    return urlencode([(name, value) for name, value in pairs if value])


def words_of(request: Request) -> Words:
    return Words(language(request), services_of(request).directory())


def draw(
    request: Request,
    template: str,
    found: Caller | None = None,
    status: int = 200,
    words: Words | None = None,
    **context: Any,
) -> HTMLResponse:
    """The page. `found` is whoever is logged in; without one the page has no menu."""
    words = words or words_of(request)
    place = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    # The address a language link comes back to; a posted page has none of its own.
    here = place if request.method == "GET" else "/"
    text = (
        templates()
        .get_template(template)
        .render(
            words=words,
            status=status,
            t=words.say,
            lang=words.lang,
            here=quote(here, safe=""),
            place=request.url.path,
            asset_version=request.app.state.asset_version,
            node_name=services_of(request).node_name,
            principal=found.principal if found else None,
            form_token=found.form_token if found else "",
            **context,
        )
    )
    return HTMLResponse(text, status, {"Content-Language": words.lang, "Vary": "Cookie, Accept-Language"})


def see(path: str) -> RedirectResponse:
    """303: the browser gets that page next, and reloading it posts nothing again."""
    return RedirectResponse(path, 303)
