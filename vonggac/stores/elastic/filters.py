"""Conditions that several queries share."""

from __future__ import annotations

from vonggac.domain.access import Scope
from vonggac.domain.marking import Tlp
from vonggac.stores.elastic.server import Query


def within_scope(scope: Scope) -> Query:
    """`Scope.allows` as a filter over the fields `tlp` (the marking's rank) and `agencies`."""
    own = [_up_to(scope.own_to)]
    if scope.agencies is not None:
        own.append({"terms": {"agencies": sorted(scope.agencies)}})
    return {"bool": {"should": [_up_to(scope.open_to), {"bool": {"filter": own}}], "minimum_should_match": 1}}


def _up_to(marking: Tlp | None) -> Query:
    return {"range": {"tlp": {"lte": -1 if marking is None else marking.rank}}}


def containing(field: str, word: str) -> Query:
    """The field holds the word somewhere within one of its keywords."""
    escaped = "".join(f"\\{char}" if char in "\\*?" else char for char in word)
    return {"wildcard": {field: {"value": f"*{escaped}*"}}}
