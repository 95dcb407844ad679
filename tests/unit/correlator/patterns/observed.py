"""Patterns over observations in STIX (observed-data with its objects), which is what the oracles take."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from correlator.patterns.bind import Binding, Seen, first_binding
from correlator.patterns.compare import Objects
from correlator.patterns.pattern import Pattern
from correlator.patterns.tree import MAX_OBSERVATIONS
from correlator.patterns.values import instant
from vonggac.domain.times import to_epoch_us


def match_observed(pattern: Pattern, given: Sequence[Mapping[str, Any]]) -> Binding | None:
    """The first binding of a pattern in STIX 2.1 bundles, or in observed-data that holds its objects (STIX 2.0).

    `id` of what is bound is that of the observed-data. Raises ValueError for observed-data that is not complete, and
    SearchGivenUp after MAX_STEPS steps.
    """
    pool = [seen for data, objects in _observed(given) for seen in _instances(pattern, data, objects)]
    return first_binding(pattern.plan, sorted(pool, key=lambda seen: seen.first))


def _observed(given: Sequence[Mapping[str, Any]]) -> Iterable[tuple[Mapping[str, Any], Objects]]:
    """Each observed-data with the objects it names, which may stand in any of the bundles."""
    items = [item for one in given for item in (one.get("objects", ()) if one.get("type") == "bundle" else (one,))]
    by_id = {item["id"]: item for item in items if "id" in item and item.get("type") != "observed-data"}
    for item in items:
        if item.get("type") == "observed-data":
            if "object_refs" in item:
                yield item, {name: by_id[name] for name in item["object_refs"] if name in by_id}
            else:
                yield item, item.get("objects", {})


def _instances(pattern: Pattern, data: Mapping[str, Any], objects: Objects) -> list[Seen]:
    """The observation as often as it was made, and no more often than any pattern can ask for."""
    try:
        first, last = (to_epoch_us(instant(data[name])) for name in ("first_observed", "last_observed"))
        count = int(data["number_observed"])
    except KeyError as error:
        raise ValueError(f"observed-data without {error}") from error
    if count < 1 or last < first:
        raise ValueError("observed-data with a number below 1, or that ends before it begins")
    bits = pattern.singles(objects)
    if not bits:
        return []
    return [Seen(str(data.get("id", "")), first, last, bits) for _ in range(min(count, MAX_OBSERVATIONS))]
