"""Sigma correlation documents as Correlation objects, tied to the rules they name."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta
from typing import Any

from sigma.correlations import (
    SigmaCorrelationCondition,
    SigmaCorrelationRule,
    SigmaCorrelationType,
)
from sigma.exceptions import SigmaError

from correlator.rule import Correlation, CorrelationType, MatchRule, Place
from correlator.sigma.document import Source
from correlator.sigma.fields import Paths, paths_of
from correlator.sigma.info import Refused, rule_info, text

_TEMPORAL = (CorrelationType.TEMPORAL, CorrelationType.TEMPORAL_ORDERED)
#: Windows longer than this would need more state than one process should hold.
MAX_TIMESPAN = timedelta(days=31)
MAX_THRESHOLD = 100_000


def link(
    path: str, source: Source, rules: Mapping[str, MatchRule], names: Mapping[str, str]
) -> tuple[Correlation, bool]:
    """The correlation of a document, and whether its rules shall alert by themselves too. Raises Refused."""
    parsed = _parse(source)
    kind = _type(parsed, source)
    condition = _condition(parsed, source)
    used = tuple(dict.fromkeys(_rule(reference.reference, source, rules, names) for reference in parsed.rules or ()))
    if not used:
        raise Refused("rule_invalid", source.line_of("correlation", "rules"), "the correlation names no rule")
    if kind in _TEMPORAL and condition.fieldref is not None:
        raise Refused("rule_invalid", _line(source, "condition"), f"{kind} counts rules, not a field")
    timespan = timedelta(seconds=parsed.timespan.seconds)
    if timespan > MAX_TIMESPAN:
        raise Refused("rule_unsupported", _line(source, "timespan"), f"timespan longer than {MAX_TIMESPAN.days} days")
    if not 0 <= condition.count <= MAX_THRESHOLD:
        raise Refused("rule_unsupported", _line(source, "condition"), f"count must be 0 to {MAX_THRESHOLD}")
    aliases = _aliases(parsed, source, rules, names)
    group_by = tuple(parsed.group_by or ())
    counted = condition.fieldref if kind is CorrelationType.VALUE_COUNT else ()
    fields = (counted,) if isinstance(counted, str) else tuple(counted)
    made = Correlation(
        info=rule_info(source),
        name=text(parsed.name),
        type=kind,
        rules=used,
        timespan=timespan,
        op=condition.op.name.lower(),
        threshold=condition.count,
        place=Place(path, source.line),
        group_by=tuple(_shown(name, rules[used[0]], aliases) for name in group_by),
        group_paths={rule: tuple(_paths(name, rules[rule], aliases) for name in group_by) for rule in used},
        value_paths={rule: tuple(_paths(name, rules[rule], aliases) for name in fields) for rule in used},
    )
    return made, bool(parsed.generate)


def _parse(source: Source) -> Any:
    if not isinstance(source.data.get("id", ""), str):
        raise Refused("rule_invalid", source.line_of("id"), "id must be a UUID")
    try:
        parsed = SigmaCorrelationRule.from_dict(dict(source.data), collect_errors=True)
    except UnboundLocalError as error:  # pySigma, where neither type nor condition can be read
        raise Refused("rule_invalid", source.line_of("correlation"), "not a correlation rule") from error
    except (SigmaError, AttributeError, TypeError, ValueError) as error:
        raise _fault(error, source) from error
    if parsed.errors:
        raise _fault(parsed.errors[0], source)
    return parsed


def _fault(error: Exception, source: Source) -> Refused:
    """What pySigma said, with the line of the key that it is about."""
    name = type(error).__name__.lower()
    key = next((word for word in ("type", "timespan", "condition") if f"{word}error" in name), "rules")
    return Refused("rule_invalid", _line(source, key), _said(error))


def _type(parsed: Any, source: Source) -> CorrelationType:
    if not isinstance(parsed.type, SigmaCorrelationType) or parsed.type.name.lower() not in list(CorrelationType):
        reason = f"correlation type {text(getattr(parsed.type, 'name', parsed.type)).lower()} is not evaluated"
        raise Refused("rule_unsupported", _line(source, "type"), reason)
    return CorrelationType(parsed.type.name.lower())


def _condition(parsed: Any, source: Source) -> Any:
    if not isinstance(parsed.condition, SigmaCorrelationCondition):
        raise Refused("rule_unsupported", _line(source, "condition"), "conditions written as text are not evaluated")
    return parsed.condition


def _rule(reference: str, source: Source, rules: Mapping[str, MatchRule], names: Mapping[str, str]) -> str:
    """The id of the rule that a reference (id or name) means."""
    rule_id = names.get(reference, str(reference))
    if rule_id in rules:
        return rule_id
    if rule_id != reference:
        reason = f"{reference} is a correlation; correlations of correlations are not evaluated"
        raise Refused("rule_unsupported", _line(source, "rules"), reason)
    raise Refused("rule_invalid", _line(source, "rules"), f"there is no usable rule {reference}")


def _aliases(
    parsed: Any, source: Source, rules: Mapping[str, MatchRule], names: Mapping[str, str]
) -> Mapping[str, Mapping[str, str]]:
    """Alias -> rule id -> field."""
    return {
        alias.alias: {
            _rule(reference.reference, source, rules, names): text(field) for reference, field in alias.mapping.items()
        }
        for alias in parsed.aliases
    }


def _paths(name: str, rule: MatchRule, aliases: Mapping[str, Mapping[str, str]]) -> Paths:
    return paths_of(aliases.get(name, {}).get(rule.info.id, name), rule.source)


def _shown(name: str, rule: MatchRule, aliases: Mapping[str, Mapping[str, str]]) -> str:
    """The name a group is reported under: an alias as written, a field as its ECS path."""
    return name if name in aliases else paths_of(name, rule.source)[0]


def _line(source: Source, key: str) -> int:
    return source.line_of("correlation", key)


def _said(error: Exception) -> str:
    return " ".join(str(error.args[0] if error.args else error).split())[:300]
