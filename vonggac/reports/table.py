"""One comparison in each of the forms that people and programs ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vonggac.domain.times import parse_instant
from vonggac.errors import UsageRefused
from vonggac.reports.comparison import document
from vonggac.reports.pages import as_html, as_pdf
from vonggac.reports.sheets import as_csv, as_xlsx

#: What a form is called where it is sent.
MEDIA_TYPES = {
    "json": "application/json",
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "html": "text/html; charset=utf-8",
    "pdf": "application/pdf",
}
FORMS = tuple(MEDIA_TYPES)


def render(body: Mapping[str, Any], form: str, lang: str, *, at: datetime | None = None) -> bytes:
    """The body in one of FORMS; the same arguments give the same bytes.

    `at` is when the figures were counted: pages and workbooks say it, and XLSX and PDF files keep it as their time of
    making, which without it is the end of the period. Raises UsageRefused for another form."""
    if form not in FORMS:
        raise UsageRefused("bad_choice", value=form, what="--format", known=", ".join(FORMS))
    made = at or parse_instant(body["period"]["end"])
    if form == "json":
        return as_json(body)
    if form == "csv":
        return as_csv(body, lang)
    if form == "xlsx":
        return as_xlsx(body, lang, at, made)
    page = document(body, lang, at)
    return as_html(page) if form == "html" else as_pdf(page, made)


def as_json(body: Mapping[str, Any]) -> bytes:
    """One line of JSON, keys in the body's own order."""
    import orjson

    return orjson.dumps(body) + b"\n"
