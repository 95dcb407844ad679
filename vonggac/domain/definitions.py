"""Definitions are dated data: which categories there are, what they are called, and what each series makes of them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date


@dataclass(frozen=True, slots=True)
class Category:
    """`triad` is the Vietnamese monthly series' class (phishing, deface, malware) or None; `counted` is False for
    RSIT's `test`."""

    key: str
    name_vi: str
    name_en: str
    scheme: str
    triad: str | None = None
    counted: bool = True


@dataclass(frozen=True, slots=True)
class Definitions:
    id: str
    valid_from: date
    source: str
    categories: Mapping[str, Category]

    def label(self, key: str, lang: str) -> str:
        category = self.categories.get(key)
        if category is None:
            return key
        return category.name_en if lang == "en" else category.name_vi
