"""A report before it is HTML or PDF: blocks in order, every text already in the reader's language."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TypeAlias


@dataclass(frozen=True, slots=True)
class Heading:
    text: str


@dataclass(frozen=True, slots=True)
class Text:
    """One paragraph; `lead` is the sentence that a reader takes away."""

    text: str
    lead: bool = False


@dataclass(frozen=True, slots=True)
class Notes:
    """Sentences that belong to the figures before them."""

    items: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Facts:
    """What is called what, one pair a line."""

    pairs: tuple[tuple[str, str], ...]


@dataclass(frozen=True, slots=True)
class Grid:
    """A table: the first cell of each row names the row; columns in `words` hold text, the others figures."""

    caption: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    foot: tuple[tuple[str, ...], ...] = ()
    words: frozenset[int] = frozenset({0})


@dataclass(frozen=True, slots=True)
class Picture:
    """An SVG drawing, and in `alt` the same figures in words."""

    caption: str
    svg: str
    alt: str


Block: TypeAlias = Heading | Text | Notes | Facts | Grid | Picture


@dataclass(frozen=True, slots=True)
class Document:
    """`foot` stands at the bottom of every page: what the figures can be followed back by."""

    lang: str
    title: str
    subtitle: str
    blocks: tuple[Block, ...]
    foot: str
