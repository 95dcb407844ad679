"""pySigma's own reading of a Windows rule, evaluated word by word on a flat record: slow, and sure to be plain.

The rule goes through pySigma's pipelines for Sysmon and for Windows channels, which add the conditions on `EventID` and
`Channel` that its log source stands for.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from ipaddress import ip_address
from pathlib import Path
from typing import Any

from sigma import conditions, types
from sigma.collection import SigmaCollection
from sigma.pipelines.sysmon import sysmon_pipeline
from sigma.pipelines.windows import windows_logsource_pipeline
from sigma.rule import SigmaRule


def read_rules(file: Path) -> Iterator[Any]:
    """The rules of a file that are not correlations, with the conditions of their log source."""
    for rule in SigmaCollection.from_yaml(file.read_text("utf-8")).rules:
        if isinstance(rule, SigmaRule):
            (sysmon_pipeline() + windows_logsource_pipeline()).apply(rule)
            yield rule


def naive_hit(rule: Any, record: Mapping[str, Any]) -> bool:
    return any(_true(condition.parsed, record) for condition in rule.detection.parsed_condition)


def _true(node: Any, record: Mapping[str, Any]) -> bool:
    match node:
        case conditions.ConditionAND():
            return all(_true(each, record) for each in node.args)
        case conditions.ConditionOR():
            return any(_true(each, record) for each in node.args)
        case conditions.ConditionNOT():
            return not _true(node.args[0], record)
        case conditions.ConditionValueExpression():
            return any(_equal(value, node.value) for value in record.values())
        case conditions.ConditionFieldEqualsValueExpression():
            return _equal(record.get(node.field), node.value)
    raise AssertionError(node)


def _equal(held: Any, wanted: Any) -> bool:
    if isinstance(wanted, types.SigmaNull):
        return held is None
    if isinstance(wanted, types.SigmaExpansion):
        return any(_equal(held, each) for each in wanted.values)
    if held is None:
        return False
    text = str(held).lower() if isinstance(held, bool) else str(held)
    match wanted:
        case types.SigmaString():
            return _pattern(wanted).fullmatch(text) is not None
        case types.SigmaNumber():
            return text == str(wanted.number)
        case types.SigmaBool():
            return text == str(wanted.boolean).lower()
        case types.SigmaRegularExpression():
            flags = re.IGNORECASE if types.SigmaRegularExpressionFlag.IGNORECASE in wanted.flags else 0
            return re.search(str(wanted.regexp), text, flags) is not None
        case types.SigmaCIDRExpression():
            try:
                return ip_address(text) in wanted.network
            except ValueError:
                return False
    raise AssertionError(wanted)


def _pattern(wanted: Any) -> re.Pattern[str]:
    special = {types.SpecialChars.WILDCARD_MULTI: ".*", types.SpecialChars.WILDCARD_SINGLE: "."}
    parts = (special[part] if isinstance(part, types.SpecialChars) else re.escape(part) for part in wanted.s)
    flags = re.DOTALL if isinstance(wanted, types.SigmaCasedString) else re.DOTALL | re.IGNORECASE
    return re.compile("".join(parts), flags)
