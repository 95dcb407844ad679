"""Tables on their way to the national reporting system, as lines of a page."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from sharing.outbox import Outbox, State
from vonggac.ports import Store
from vonggac.publishing import publications


@dataclass(frozen=True, slots=True)
class Line:
    """`question` is what the table answers; None where it is published no more. `receipt` is what the receiver gave for
    it, `fault` what it last said instead."""

    id: str
    question: Mapping[str, Any] | None
    state: State
    added_at: str
    tries: int
    tried_at: str
    tried_by: str
    next_try: str
    receipt: Mapping[str, Any] | None
    fault: str

    @property
    def may_be_sent(self) -> bool:
        return self.question is not None and self.state is not State.DELIVERED


def listed(outbox: Outbox, store: Store) -> list[Line]:
    """Every table that was added, the newest first."""
    questions = {each["id"]: each for each in publications(store)}
    return [_line(kept, questions.get(kept["id"])) for kept in reversed(outbox.listed())]


def _line(kept: Mapping[str, Any], question: Mapping[str, Any] | None) -> Line:
    return Line(
        id=kept["id"],
        question=question,
        state=State(kept["state"]),
        added_at=kept["added_at"],
        tries=kept["tries"],
        tried_at=kept.get("tried_at", ""),
        tried_by=kept.get("tried_by", ""),
        next_try=kept.get("next_try", ""),
        receipt=kept.get("receipt"),
        fault=kept.get("fault", ""),
    )
