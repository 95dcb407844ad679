"""An indicator: a value that is bad, since when, until when, and how far word of it may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum

from vonggac.domain.marking import Tlp


class IndicatorKind(StrEnum):
    IP = "ip"
    CIDR = "cidr"
    DOMAIN = "domain"
    URL = "url"
    HASH = "hash"


@dataclass(frozen=True, slots=True)
class Indicator:
    """One value of one indicator object; a pattern with several values gives several of these with the same id."""

    id: str
    kind: IndicatorKind
    value: str
    name: str = ""
    valid_from: datetime | None = None
    valid_until: datetime | None = None
    tlp: Tlp = Tlp.AMBER
    confidence: int | None = None
    labels: tuple[str, ...] = ()
    source: str = ""

    def valid_at(self, instant: datetime) -> bool:
        """True inside `[valid_from, valid_until)` (STIX 2.1 §4.7)."""
        return (self.valid_from is None or self.valid_from <= instant) and (
            self.valid_until is None or instant < self.valid_until
        )
