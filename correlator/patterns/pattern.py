"""A compiled pattern: which of its single tests objects that were seen together can stand for."""

from __future__ import annotations

from dataclasses import dataclass

from correlator.patterns.bind import Plan, needed, planned
from correlator.patterns.compare import Check, Objects, compiled, types_of
from correlator.patterns.parse import parse
from correlator.patterns.tree import MAX_OBSERVATIONS, Observation, PatternError, Single

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
