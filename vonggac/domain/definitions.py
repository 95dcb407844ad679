"""Definitions are dated data: which categories there are, what they are called, and what each series makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date


@dataclass(frozen=True, slots=True)
class Category:
    """`triad` is the Vietnamese monthly series' class (phishing, deface, malware) or None; `rsit` its class of RSIT;
    `counted` is False for RSIT's `test`."""

    key: str
    name_vi: str
    name_en: str
    scheme: str
    rsit: str
    triad: str | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Definitions:
    """`rows` is what of a category is counted under: `category` (itself), `triad` or `rsit`. `weights` are those of the
    severities."""

    id: str
    valid_from: date
    source: str
    categories: Mapping[str, Category]
    rows: str = "category"
    weights: Mapping[str, int] = field(default_factory=dict)

    def row_of(self, category: str) -> str | None:
        """What a category is counted under; None where it is not. One that is not defined stands for itself, in the
        series by categories only."""
        known = self.categories.get(category)
        if known is None:
            return category if self.rows == "category" else None
        row = {"category": known.key, "triad": known.triad, "rsit": known.rsit}[self.rows]
        return row if known.counted else None

    def label(self, key: str, lang: str) -> str:
        category = self.categories.get(key)
        if category is None:
            return key
        return category.name_en if lang == "en" else category.name_vi


@dataclass(frozen=True, slots=True)
class Break:
    """From this day on something else is counted: in `all` counts, or in those by `units`."""

    at: date
    of: str
    vi: str
    en: str
    basis: str
