"""How late reports are: a statistic over obligations whose time is up."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from math import ceil

from vonggac.domain.duty import Obligation, State


class Per(StrEnum):
    """What the rows of the table are."""

    AGENCY = "agency"
    DUTY = "duty"


@dataclass(frozen=True, slots=True)
class Lateness:
    """`due` = `on_time` + `late` + `not_filed`. `median` and `p90` (nearest rank) are of `late`; None without one."""

    key: str
    due: int
    on_time: int
    late: int
    not_filed: int
    median: timedelta | None
    p90: timedelta | None


def lateness(found: Iterable[Obligation], now: datetime, per: Per) -> tuple[Lateness, list[Lateness]]:
    """The total and the rows by key. What is void, or not filed and not yet due, does not count."""
    counted = [each for each in found if each.state is not State.VOID and (each.filing or now > each.owed.due)]
    rows: dict[str, list[Obligation]] = {}
    for each in counted:
        rows.setdefault(each.owed.agency if per is Per.AGENCY else each.owed.duty.id, []).append(each)
    return _row("", counted), [_row(key, rows[key]) for key in sorted(rows)]


def _row(key: str, found: list[Obligation]) -> Lateness:
    late = sorted(each.late_by for each in found if each.state is State.LATE)
    return Lateness(
        key=key,
        due=len(found),
        on_time=sum(each.state is State.MET for each in found),
        late=len(late),
        not_filed=sum(each.state is State.OVERDUE for each in found),
        median=_median(late) if late else None,
        p90=late[ceil(len(late) * 0.9) - 1] if late else None,
    )


def _median(ordered: list[timedelta]) -> timedelta:
    middle = len(ordered) // 2
    return ordered[middle] if len(ordered) % 2 else (ordered[middle - 1] + ordered[middle]) / 2
