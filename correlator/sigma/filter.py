"""Sigma filters: a condition of one's own added to rules that others wrote (Sigma Filters specification 2.1)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from correlator.sigma.document import Source
from correlator.sigma.info import Refused
from correlator.sigma.logsource import read_logsource
from correlator.sigma.taxonomy import LogSource

_ANY = "any"


@dataclass(frozen=True, slots=True)
class Filter:
    """A filter's document. `rules` are ids or names, empty for all rules of its log source.

    Its condition must be true, beside the rule's own, for the rule to match: what is to be let off stands after `not`.
    """

    source: Source
    logsource: LogSource
    rules: tuple[str, ...]

    def concerns(self, logsource: LogSource) -> bool:
        """Whether rules of that log source are of the filter's: what the filter does not give is any."""
        mine = (self.logsource.category, self.logsource.product, self.logsource.service)
        theirs = (logsource.category, logsource.product, logsource.service)
        return all(not part or part == other for part, other in zip(mine, theirs, strict=True))


def read_filter(source: Source) -> Filter:
    """The filter of a document. Raises Refused."""
    block = source.data["filter"]
    if not isinstance(block, Mapping):
        raise Refused("rule_invalid", source.line_of("filter"), "filter must be a map with rules and a condition")
    return Filter(source, read_logsource(source), tuple(_rules(block, source)))


def _rules(block: Mapping[str, Any], source: Source) -> list[str]:
    if "rules" not in block:
        raise Refused("rule_invalid", source.line_of("filter"), "the filter names no rules; write 'rules: any' for all")
    rules = block["rules"]
    names = rules if isinstance(rules, list) else [rules]
    if not all(isinstance(name, str) for name in names):
        raise Refused("rule_invalid", source.line_of("filter", "rules"), "rules are ids or names")
    return [] if [name.lower() for name in names] == [_ANY] else names
