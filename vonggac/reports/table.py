"""One comparison in each of the forms that people and programs ask for."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from vonggac.domain.times import parse_instant
from vonggac.reports.comparison import document
from vonggac.reports.pages import as_html, as_pdf
from vonggac.reports.sheets import as_csv, as_xlsx

FORMS = ("json", "csv", "xlsx", "html", "pdf")


def render(body: Mapping[str, Any], form: str, lang: str, *, at: datetime | None = None) -> bytes:
    """The body in one of FORMS; the same arguments give the same bytes.

    `at` is the time of making that XLSX and PDF files keep, by default the end of the period."""
    made = at or parse_instant(body["period"]["end"])
    if form == "json":
        return as_json(body)
    if form == "csv":
        return as_csv(body, lang)
    if form == "xlsx":
        return as_xlsx(body, lang, made)
    return as_html(document(body, lang)) if form == "html" else as_pdf(document(body, lang), made)


def as_json(body: Mapping[str, Any]) -> bytes:
    """One line of JSON, keys in the body's own order."""
    import orjson

    return orjson.dumps(body) + b"\n"
