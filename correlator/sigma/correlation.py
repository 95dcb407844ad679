"""Sigma correlation documents as drafts: all that the document says, before its rules are looked up.

Sigma Correlation Rules Specification 2.1.0. What it leaves open and we refuse: `not` and `or` in temporal_ordered, and
conditions that only an empty window could fulfil.
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from correlator.expression import Expression, parse
from correlator.logic import Malformed
from correlator.numbers import Number, number_of
from correlator.rule import Bound, CorrelationType
from correlator.sigma.document import Source
from correlator.sigma.info import Refused, rule_info, text
from vonggac.domain.detection import RuleInfo

#: Windows longer than this would need more state than one process should hold.
MAX_TIMESPAN = timedelta(days=366)
MAX_THRESHOLD = 100_000
MAX_RULES = 256
MAX_FIELDS = 16

_KEYS = frozenset({"type", "rules", "aliases", "group-by", "timespan", "condition", "generate"})
_OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
_TIMESPAN = re.compile(r"(\d{1,9})([smhdwMy])", re.ASCII)
#: Seconds of each unit; a month is a twelfth of a year of 365.2425 days.
_SECONDS: Mapping[str, int] = {
    "s": 1,
    "m": 60,
    "h": 3_600,
    "d": 86_400,
    "w": 604_800,
    "M": 2_629_746,
    "y": 31_556_952,
}


@dataclass(frozen=True, slots=True)
class Draft:
    """A correlation whose `rules`, and those in `aliases` and `expression`, are still as written: ids or names."""

    path: str
    source: Source
    info: RuleInfo
    name: str
    type: CorrelationType
    rules: tuple[str, ...]
    timespan: timedelta
    bounds: tuple[Bound, ...]
    expression: Expression | None
    group_by: tuple[str, ...]
    aliases: Mapping[str, Mapping[str, str]]  # alias -> rule as written -> field
    fields: tuple[str, ...]
    percentile: Number
    generate: bool

    def refuse(self, reason: str, *key: str | int) -> Refused:
        """That the correlation cannot be used, for something under that key of its block."""
        return Refused("rule_invalid", self.source.line_of("correlation", *key), reason)


def draft(path: str, source: Source) -> Draft:
    """What the document says. Raises Refused."""
    block = _block(source)
    kind = _type(source, block)
    condition = block.get("condition")
    expression = _expression(source, condition, kind) if isinstance(condition, str) else None
    rules = _rules(source, block, expression)
    fields = _fields(source, condition, kind)
    return Draft(
        path=path,
        source=source,
        info=rule_info(source),
        name=text(source.data.get("name")),
        type=kind,
        rules=rules,
        timespan=_timespan(source, block),
        bounds=_bounds(source, condition, kind, len(rules)),
        expression=None if kind is CorrelationType.TEMPORAL_ORDERED else expression,
        group_by=_texts(source, block, "group-by", MAX_FIELDS),
        aliases=_aliases(source, block),
        fields=fields,
        percentile=_percentile(source, condition, kind),
        generate=_generate(source, block),
    )


def _invalid(source: Source, reason: str, *key: str | int) -> Refused:
    return Refused("rule_invalid", source.line_of("correlation", *key), reason)


def _unsupported(source: Source, reason: str, *key: str | int) -> Refused:
    return Refused("rule_unsupported", source.line_of("correlation", *key), reason)


def _block(source: Source) -> Mapping[str, Any]:
    block = source.data.get("correlation")
    if not isinstance(block, Mapping):
        raise _invalid(source, "correlation must be a map")
    for key in ("detection", "logsource"):
        if key in source.data:
            raise Refused("rule_invalid", source.line_of(key), f"a correlation has no {key}")
    for key in block:
        if key not in _KEYS:
            raise _invalid(source, f"correlation.{key} is not known; there are {', '.join(sorted(_KEYS))}", str(key))
    return block


def _type(source: Source, block: Mapping[str, Any]) -> CorrelationType:
    word = block.get("type")
    if not isinstance(word, str) or word not in list(CorrelationType):
        raise _invalid(source, f"correlation type must be one of {', '.join(CorrelationType)}", "type")
    return CorrelationType(word)


def _texts(source: Source, block: Mapping[str, Any], key: str, limit: int) -> tuple[str, ...]:
    """A list of texts, or one text for a list of one; none may stand twice."""
    given = block.get(key, [])
    items = [given] if isinstance(given, str) else given
    if not isinstance(items, list):
        raise _invalid(source, f"{key} must be a list of texts", key)
    if len(items) > limit:
        raise _unsupported(source, f"{key} holds more than {limit}", key, limit)
    for at, item in enumerate(items):
        if not isinstance(item, str) or not item:
            raise _invalid(source, f"{key} must be a list of texts", key, at)
        if item in items[:at]:
            raise _invalid(source, f"{item} stands twice in {key}", key, at)
    return tuple(items)


def _rules(source: Source, block: Mapping[str, Any], expression: Expression | None) -> tuple[str, ...]:
    rules = _texts(source, block, "rules", MAX_RULES)
    if expression is None:
        if not rules:
            raise _invalid(source, "the correlation names no rule", "rules")
        return rules
    if not rules:
        return expression.names
    for at, rule in enumerate(rules):
        if rule not in expression.names:
            raise _invalid(source, f"the condition does not use the rule {rule}", "rules", at)
    for name in expression.names:
        if name not in rules:
            raise _invalid(source, f"the condition names {name}, which is not among rules", "condition")
    return rules


def _timespan(source: Source, block: Mapping[str, Any]) -> timedelta:
    given = block.get("timespan")
    match = _TIMESPAN.fullmatch(given) if isinstance(given, str) else None
    if match is None or int(match[1]) == 0:
        raise _invalid(source, "timespan must be a number above 0 and one of s m h d w M y, as 15m", "timespan")
    seconds = int(match[1]) * _SECONDS[match[2]]
    if seconds > MAX_TIMESPAN.total_seconds():
        raise _unsupported(source, f"timespan longer than {MAX_TIMESPAN.days} days", "timespan")
    return timedelta(seconds=seconds)


def _expression(source: Source, condition: str, kind: CorrelationType) -> Expression:
    if not kind.counts_rules:
        raise _invalid(source, f"a condition over rules belongs to temporal, not to {kind}", "condition")
    try:
        expression = parse(condition)
    except Malformed as error:
        raise _invalid(source, str(error), "condition") from error
    if kind is CorrelationType.TEMPORAL_ORDERED and not expression.only_and:
        reason = "the order of rules that may be absent is not defined; use only 'and' with temporal_ordered"
        raise _unsupported(source, reason, "condition")
    return expression


def _bounds(source: Source, condition: Any, kind: CorrelationType, rules: int) -> tuple[Bound, ...]:
    if kind.counts_rules and (condition is None or isinstance(condition, str)):
        return (Bound("gte", rules),)
    if not isinstance(condition, Mapping):
        raise _invalid(source, "condition must be a map, as {gte: 10}", "condition")
    for key in condition:
        if key not in (*_OPERATORS, "field", "percentile"):
            reason = f"condition.{key} is not known; there are {', '.join(_OPERATORS)}, field, percentile"
            raise _invalid(source, reason, "condition", str(key))
    bounds = tuple(_bound(source, op, condition[op], kind) for op in _OPERATORS if op in condition)
    if not bounds:
        raise _invalid(source, f"the condition lacks a comparison: {', '.join(_OPERATORS)}", "condition")
    _refuse_empty_range(source, bounds)
    return bounds


def _bound(source: Source, op: str, value: Any, kind: CorrelationType) -> Bound:
    number = None if isinstance(value, str) else number_of(value)
    if number is None or not (kind.takes_numbers or isinstance(value, int)):
        wanted = "a number" if kind.takes_numbers else "a whole number"
        raise _invalid(source, f"condition.{op} must be {wanted}", "condition", op)
    if kind.takes_numbers:
        return Bound(op, number)
    if not 0 <= number <= MAX_THRESHOLD:
        raise _unsupported(source, f"condition.{op} must be 0 to {MAX_THRESHOLD}", "condition", op)
    if (op in ("lte", "eq") and number < 1) or (op == "lt" and number <= 1):
        reason = "only windows in which something happened are asked, so a count of 0 is never seen"
        raise _unsupported(source, reason, "condition", op)
    return Bound(op, number)


def _refuse_empty_range(source: Source, bounds: Collection[Bound]) -> None:
    for low in (bound for bound in bounds if bound.op in ("gt", "gte", "eq")):
        for high in (bound for bound in bounds if bound.op in ("lt", "lte", "eq")):
            touching = low.op != "gt" and high.op != "lt"
            if low.value > high.value or (low.value == high.value and not touching):
                raise _invalid(source, f"nothing is {low} and {high}", "condition", high.op)


def _fields(source: Source, condition: Any, kind: CorrelationType) -> tuple[str, ...]:
    given = condition if isinstance(condition, Mapping) else {}
    if kind.counts_rules or kind is CorrelationType.EVENT_COUNT:
        if "field" in given:
            raise _invalid(source, f"{kind} counts no field", "condition", "field")
        return ()
    if "field" not in given:
        raise _invalid(source, f"{kind} needs condition.field", "condition")
    names = [given["field"]] if isinstance(given["field"], str) else given["field"]
    if not isinstance(names, list) or not names or not all(isinstance(name, str) and name for name in names):
        raise _invalid(source, "condition.field must be a text or a list of texts", "condition", "field")
    if len(names) > (1 if kind.takes_numbers else MAX_FIELDS):
        raise _unsupported(source, f"too many fields for {kind}", "condition", "field")
    return tuple(names)


def _percentile(source: Source, condition: Any, kind: CorrelationType) -> Number:
    given = condition.get("percentile") if isinstance(condition, Mapping) else None
    if kind is not CorrelationType.VALUE_PERCENTILE:
        if given is not None:
            raise _invalid(source, f"{kind} has no percentile", "condition", "percentile")
        return 50
    number = None if isinstance(given, str) else number_of(given)
    if number is None or not 0 <= number <= 100:
        reason = "value_percentile needs condition.percentile, a number from 0 to 100"
        raise _invalid(source, reason, "condition", "percentile")
    return number


def _aliases(source: Source, block: Mapping[str, Any]) -> Mapping[str, Mapping[str, str]]:
    given = block.get("aliases", {})
    if not isinstance(given, Mapping):
        raise _invalid(source, "aliases must be a map", "aliases")
    for alias, fields in given.items():
        if not isinstance(alias, str) or not isinstance(fields, Mapping):
            raise _invalid(source, "an alias must be a map of rules to fields", "aliases", str(alias))
        for rule, name in fields.items():
            if not isinstance(rule, str) or not isinstance(name, str) or not name:
                raise _invalid(source, "an alias must be a map of rules to fields", "aliases", alias, str(rule))
    return given


def _generate(source: Source, block: Mapping[str, Any]) -> bool:
    """The specification lists it beside `correlation`, pySigma reads it inside; it may stand in either."""
    if "generate" in block and "generate" in source.data:
        raise _invalid(source, "generate stands twice", "generate")
    given = block.get("generate", source.data.get("generate", False))
    if not isinstance(given, bool):
        line = source.line_of(*(("correlation", "generate") if "generate" in block else ("generate",)))
        raise Refused("rule_invalid", line, "generate must be true or false")
    return given
