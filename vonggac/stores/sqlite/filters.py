"""Conditions that several queries share: SQL made of our own fragments, the caller's values as parameters."""

from __future__ import annotations

from collections.abc import Collection

import orjson

from vonggac.domain.access import Scope
from vonggac.domain.marking import Tlp


def in_list(values: Collection[str]) -> tuple[str, str]:
    """What stands inside `IN (…)` for any number of values, and its one parameter."""
    return "SELECT value FROM json_each(?)", orjson.dumps([str(value) for value in values]).decode()


def within_scope(scope: Scope, tlp: str, agencies: str) -> tuple[str, list[object]]:
    """`Scope.allows` in SQL: `tlp` is the column of the marking's rank, `agencies` a condition with `{}` for the list
    of the agencies that are the reader's own."""
    own, parameters = f"{tlp} <= ?", [_rank(scope.open_to), _rank(scope.own_to)]
    values: list[object] = list(parameters)
    if scope.agencies is not None:
        names, asked = in_list(scope.agencies)
        own += f" AND {agencies.format(names)}"
        values.append(asked)
    return f"({tlp} <= ? OR ({own}))", values


def _rank(marking: Tlp | None) -> int:
    return -1 if marking is None else marking.rank
