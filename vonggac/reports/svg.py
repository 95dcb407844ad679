"""The few SVG shapes the charts are made of. Text is set in Libertinus Serif, the face that typst embeds; a page's own
style sheet may set another."""

from __future__ import annotations

import textwrap
from collections.abc import Iterable
from html import escape

INK = "#10243a"
RULE = "#c3ccd6"

_FACE = "Libertinus Serif, Times New Roman, serif"


def drawing(width: float, height: float, title: str, alt: str, parts: Iterable[str]) -> str:
    """A whole SVG that scales to the width it is given; screen readers read the title and the alternative."""
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_n(width)} {_n(height)}" role="img" '
        f'font-family="{_FACE}" fill="{INK}"><title>{_told(title)}</title><desc>{_told(alt)}</desc>'
        f"{''.join(parts)}</svg>"
    )


def box(x: float, y: float, width: float, height: float, fill: str, stroke: str = "none", radius: float = 0) -> str:
    rounded = f' rx="{_n(radius)}"' if radius else ""
    return (
        f'<rect x="{_n(x)}" y="{_n(y)}" width="{_n(width)}" height="{_n(height)}"{rounded} '
        f'fill="{fill}" stroke="{stroke}"/>'
    )


def line(x1: float, y1: float, x2: float, y2: float, stroke: str = RULE) -> str:
    return f'<line x1="{_n(x1)}" y1="{_n(y1)}" x2="{_n(x2)}" y2="{_n(y2)}" stroke="{stroke}"/>'


def disc(x: float, y: float, radius: float, fill: str, stroke: str) -> str:
    return f'<circle cx="{_n(x)}" cy="{_n(y)}" r="{_n(radius)}" fill="{fill}" stroke="{stroke}"/>'


def words(
    x: float,
    y: float,
    text: str,
    *,
    size: float = 12,
    anchor: str = "start",
    fill: str = INK,
    bold: bool = False,
    italic: bool = False,
) -> str:
    """One line of text whose baseline is y; `anchor` is start, middle or end."""
    style = (' font-weight="bold"' if bold else "") + (' font-style="italic"' if italic else "")
    return (
        f'<text x="{_n(x)}" y="{_n(y)}" font-size="{_n(size)}" text-anchor="{anchor}" fill="{fill}"{style}>'
        f"{_told(text)}</text>"
    )


def folded(text: str, width: int) -> list[str]:
    """The text in lines of at most so many letters; no word is lost, a long one is broken."""
    return textwrap.wrap(text, width) or [""]


def hatch(name: str) -> str:
    """A pattern of slanted lines, used as `url(#name)`."""
    return (
        f'<defs><pattern id="{name}" width="6" height="6" patternUnits="userSpaceOnUse" '
        'patternTransform="rotate(45)"><rect width="6" height="6" fill="#ffffff"/>'
        f'<rect width="1.6" height="6" fill="#8a94a0"/></pattern></defs>'
    )


def dots(name: str) -> str:
    """A pattern of small dots, used as `url(#name)`."""
    return (
        f'<defs><pattern id="{name}" width="5" height="5" patternUnits="userSpaceOnUse">'
        '<rect width="5" height="5" fill="#ffffff"/><circle cx="2.5" cy="2.5" r="0.9" fill="#8a94a0"/></pattern></defs>'
    )


def _told(text: str) -> str:
    """The text as XML takes it; characters that XML does not know (XML 1.0 §2.2) are shown as missing."""
    return escape("".join(char if char.isprintable() else "\ufffd" for char in text))


def _n(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")
