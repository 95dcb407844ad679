"""A compiled pattern, and whether observations in STIX (observed-data with its objects) match it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from correlator.patterns.bind import Binding, Plan, Seen, first_binding, needed, planned
from correlator.patterns.compare import Check, Objects, compiled, types_of
from correlator.patterns.parse import parse
from correlator.patterns.tree import MAX_OBSERVATIONS, Observation, PatternError, Single
from correlator.patterns.values import instant
from vonggac.domain.times import to_epoch_us

#: Domain objects of STIX 2.1 §4: a pattern is about what was observed, so a path to one selects nothing.
_DOMAIN_OBJECTS = frozenset(
    {
        "attack-pattern",
        "bundle",
        "campaign",
        "course-of-action",
        "extension-definition",
        "grouping",
        "identity",
        "incident",
        "indicator",
        "infrastructure",
        "intrusion-set",
        "language-content",
        "location",
        "malware",
        "malware-analysis",
        "marking-definition",
        "note",
        "observed-data",
        "opinion",
        "relationship",
        "report",
        "sighting",
        "threat-actor",
        "tool",
        "vulnerability",
    }
)


@dataclass(frozen=True, slots=True)
class Pattern:
    """`checks` are the singles of the plan in the order of their bits, each with the types of object it is about."""

    plan: Plan
    checks: tuple[Check, ...]
    types: tuple[frozenset[str], ...]

    def singles(self, objects: Objects) -> int:
        """The singles that these objects, seen together, can stand for, as bits. Raises ValueError where a text that is
        compared with a time is none."""
        roots = [each for each in objects.values() if each.get("type") not in _DOMAIN_OBJECTS]
        return sum(
            1 << number
            for number, check in enumerate(self.checks)
            if any(each.get("type") in self.types[number] and check(each, objects) for each in roots)
        )


def compile_pattern(text: str) -> Pattern:
    """The pattern of a text. Raises PatternError with the place of what is no pattern or cannot be evaluated."""
    return compile_tree(parse(text))


def compile_tree(tree: Observation) -> Pattern:
    singles: list[Single] = []
    plan = planned(tree, singles)
    if needed(plan) > MAX_OBSERVATIONS:
        raise PatternError(f"a pattern that needs more than {MAX_OBSERVATIONS} observations", singles[-1].at)
    return Pattern(
        plan,
        tuple(compiled(single.comparison) for single in singles),
        tuple(types_of(single.comparison) for single in singles),
    )


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
