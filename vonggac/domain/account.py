"""Accounting: what a stage took in is what it passed on, plus what it had already, plus what it refused.

The sums are checked in tests and stand in `/metrics`; nothing is dropped without a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Refusal:
    """One thing that was not taken: where it stood (`location`, `offset`) and why."""

    location: str
    offset: int
    reason: str


@dataclass(frozen=True, slots=True)
class Tally:
    """One stage's account, in that stage's own unit (packets, records, events, detections)."""

    taken: int = 0
    passed: int = 0
    duplicates: int = 0
    refused: Mapping[str, int] = field(default_factory=dict)

    @property
    def balanced(self) -> bool:
        return self.taken == self.passed + self.duplicates + sum(self.refused.values())

    def __add__(self, other: Tally) -> Tally:
        reasons = dict(self.refused)
        for reason, count in other.refused.items():
            reasons[reason] = reasons.get(reason, 0) + count
        return Tally(
            self.taken + other.taken,
            self.passed + other.passed,
            self.duplicates + other.duplicates,
            reasons,
        )
