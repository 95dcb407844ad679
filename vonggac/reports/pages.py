"""A Document as one HTML file (nothing loaded, nothing run) or as PDF by Typst (tagged as PDF/UA-1 asks)."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from vonggac.messages import say
from vonggac.reports.document import Block, Document, Facts, Grid, Heading, Notes, Picture, Text

if TYPE_CHECKING:
    from jinja2 import Template

_HERE = Path(__file__).parent
_KINDS: Mapping[type, str] = {
    Heading: "heading",
    Text: "text",
    Notes: "notes",
    Facts: "facts",
    Grid: "grid",
    Picture: "picture",
}


def as_html(document: Document) -> bytes:
    """UTF-8, self-contained; tables have heads, pictures an alternative, and printing breaks no row."""
    blocks = [_block(block) for block in document.blocks]
    return (
        _template().render(document=document, blocks=blocks, figures=say(document.lang, "report.in_words"))
    ).encode()


def as_pdf(document: Document, at: datetime) -> bytes:
    """A4; `at` is the time of making that the file names. A name with a letter that the embedded faces lack is set with
    a box in its place, and then the file does not claim PDF/UA-1, which forbids that."""
    import typst

    body = {
        "lang": document.lang,
        "title": document.title,
        "subtitle": document.subtitle,
        "foot": document.foot,
        "page": say(document.lang, "report.page"),
        "blocks": [_block(block) for block in document.blocks],
    }
    text = json.dumps(body, ensure_ascii=False)
    try:
        return _compiled(text, at, accessible=True)
    except typst.TypstError:
        return _compiled(text, at, accessible=False)


def _compiled(text: str, at: datetime, *, accessible: bool) -> bytes:
    import typst

    made: bytes = typst.compile(
        (_HERE / "report.typ").read_bytes(),
        font_paths=[],
        ignore_system_fonts=True,
        sys_inputs={"document": text},
        format="pdf",
        pdf_standards="ua-1" if accessible else None,
        timestamp=at.replace(microsecond=0),
    )
    return made


def _block(block: Block) -> dict[str, Any]:
    """The block's fields and its kind, as both templates read it."""
    fields: dict[str, Any] = {name: getattr(block, name) for name in type(block).__slots__}
    if isinstance(block, Grid):
        fields["words"] = sorted(block.words)
    return {"kind": _KINDS[type(block)], **fields}


@cache
def _template() -> Template:
    from jinja2 import Environment, StrictUndefined

    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string((_HERE / "report.html").read_text("utf-8"))
