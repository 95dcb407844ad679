"""How a rule was understood and what guards it: what `rules explain` tells."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from correlator.rule import Correlation, MatchRule, Rule
from correlator.sigma.clauses import Clause, rows_of
from correlator.sigma.field_tests import Compare, Inside, Missing, Number, Pattern, Present, SameAs, Test, Text
from correlator.sigma.tree import All, Either, Leaf, Node, Not


def explained(rule: Rule) -> dict[str, Any]:
    """`logsource` and `condition` as they are evaluated, and `guards`: for each way in which the rule can match, the
    clauses of which one test each must pass before the whole condition is asked. Of a correlation, its parts."""
    if isinstance(rule, Correlation):
        return _of_correlation(rule)
    return _of_match_rule(rule)


def _of_match_rule(rule: MatchRule) -> dict[str, Any]:
    source = rule.source
    parts = {"category": source.category, "product": source.product, "service": source.service}
    return {
        "logsource": {key: value for key, value in parts.items() if value},
        "condition": shown(rule.tree),
        "guards": [
            {
                "clauses": [_clause(clause) for clause in row.clauses],
                "vetoes": _clause(row.vetoes),
                "asks_whole_condition": not row.exact or bool(row.doubts),
            }
            for row in rows_of(rule.tree)
        ],
        "alerts": rule.alerts,
    }


def _of_correlation(rule: Correlation) -> dict[str, Any]:
    return {
        "type": str(rule.type),
        "rules": list(rule.rules),
        "group_by": list(rule.group_by),
        "timespan_seconds": rule.timespan.total_seconds(),
        "condition": rule.condition,
        "alerts": rule.alerts,
    }


def _clause(clause: Clause) -> list[str]:
    return [shown(leaf) for leaf in clause]


def shown(node: Node) -> str:
    """The tree as a line of text; `a | b` are the places where a field is looked for."""
    match node:
        case All(items):
            return "(" + " and ".join(shown(item) for item in items) + ")"
        case Either(items):
            return "(" + " or ".join(shown(item) for item in items) + ")"
        case Not(item):
            return f"not {shown(item)}"
        case Leaf(paths, test):
            return f"{' | '.join(paths) or 'any field'} {_test(test)}"


_COMPARISONS: Mapping[str, str] = {"lt": "<", "lte": "<=", "gt": ">", "gte": ">=", "eq": "="}


def _test(test: Test) -> str:
    match test:
        case Text(op, value, cased):
            return f"{op} {value!r}{' (case matters)' if cased else ''}"
        case Pattern(regex, literal):
            return f"matches {regex!r}" + (f" (after finding {literal!r})" if literal else "")
        case Number(value):
            return f"equals {value}"
        case Compare(op, number, part):
            return f"{f'{part} ' if part else ''}{_COMPARISONS[op]} {number}"
        case Inside(network):
            return f"is inside {network}"
        case Missing():
            return "is absent"
        case Present(wanted):
            return "is there" if wanted else "is absent"
        case SameAs(field, op, cased):
            return f"{op} the value of {field}{' (case matters)' if cased else ''}"
