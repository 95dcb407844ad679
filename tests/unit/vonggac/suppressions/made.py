"""Somebody who makes suppressions, for tests."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from vonggac.domain.access import OPERATOR, Principal
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.suppression import Condition, Known, Operator, Told
from vonggac.ports import Clock, Ids, Store
from vonggac.suppressions.acts import Draft, Suppressing

#: A day after the clock of the tests begins.
TOMORROW = datetime(2026, 11, 23, tzinfo=UTC)
LONGEST = timedelta(days=366)
KNOWN: Known = {
    "r1": Told("Scan", "Quét", frozenset({"port-scan"})),
    "r2": Told("Flood", "Làm ngập", frozenset({"dos"})),
}
PLACES = Directory(
    (
        Agency("G99", "Bộ Mẫu", Level.MINISTRY),
        Agency("G99.1", "Cục Mẫu", Level.UNIT, parent="G99"),
        Agency("T98", "Tỉnh Mẫu", Level.PROVINCE),
    )
)


def suppressing(
    store: Store, clock: Clock, ids: Ids, principal: Principal = OPERATOR, directory: Directory = PLACES
) -> Suppressing:
    return Suppressing(store.records, clock, ids, directory, principal, LONGEST)


def condition(field: str, operator: str, *values: str) -> Condition:
    return Condition(field, Operator(operator), values)


def draft(*conditions: Condition, **given: object) -> Draft:
    fields: dict[str, object] = {"until": TOMORROW, "reason": "máy quét của ta", "conditions": conditions, **given}
    return Draft(**fields)  # type: ignore[arg-type]
