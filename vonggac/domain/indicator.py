"""An indicator: a value that is bad, since when, until when, how sure its source is, and how far word of it may go."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import log2

from vonggac.domain.marking import Tlp


class IndicatorKind(StrEnum):
    IP = "ip"
    CIDR = "cidr"
    DOMAIN = "domain"
    URL = "url"
    HASH = "hash"
    PATTERN = "pattern"  # a STIX pattern that says more than a list of values


#: In what time half of the confidence in an indicator is gone (declared November 2026): addresses change hands in
#: months, names in a year. The bytes behind a hash stay what they are, and a pattern is only what its source says.
HALF_LIFE = {
    IndicatorKind.IP: timedelta(days=180),
    IndicatorKind.CIDR: timedelta(days=365),
    IndicatorKind.DOMAIN: timedelta(days=365),
    IndicatorKind.URL: timedelta(days=180),
}
#: An indicator whose confidence has sunk below this (of 100) is no longer looked for.
LEAST_CONFIDENCE = 20


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
    seen: datetime | None = None  # when it was last seen or confirmed; decay counts from then, else from valid_from

    def valid_at(self, instant: datetime) -> bool:
        """True inside `[valid_from, valid_until)` (STIX 2.1 §4.7)."""
        return (self.valid_from is None or self.valid_from <= instant) and (
            self.valid_until is None or instant < self.valid_until
        )

    @property
    def fades_at(self) -> datetime | None:
        """When `confidence * 0.5 ** (age / HALF_LIFE)` reaches LEAST_CONFIDENCE; None: never.

        Without a confidence, or a day to count from, there is nothing that could be halved. A confidence that was below
        the least from the beginning fades at once.
        """
        since, half_life = self.seen or self.valid_from, HALF_LIFE.get(self.kind)
        if self.confidence is None or since is None or half_life is None:
            return None
        if self.confidence < LEAST_CONFIDENCE:
            return since
        return since + half_life * log2(self.confidence / LEAST_CONFIDENCE)
