"""Correlation documents: all of the specification is read, and what cannot run is named with its line."""

from __future__ import annotations

from datetime import timedelta
from itertools import pairwise
from pathlib import Path

import pytest
from sigma.correlations import SigmaCorrelationTimespan

from correlator.rule import Correlation, MatchRule
from correlator.sigma.load import LoadedRules, load_rules
from tests.unit.correlator.samples import load_text, rule_text

BASE = rule_text("  s:\n    f: 1\n  condition: s", title="Base", name="base")
OTHER = rule_text("  s:\n    f: 2\n  condition: s", title="Other", name="other")
#: Line 1 of a correlation that stands after BASE and OTHER.
FIRST = (BASE + "---\n" + OTHER + "---\n").count("\n") + 1
BLOCK = {
    "type": "event_count",
    "rules": "[base]",
    "group-by": "[source.ip]",
    "timespan": "5m",
    "condition": "{gte: 2}",
}
KEYS = list(BLOCK)


def load(folder: Path, changes: dict[str, str | None]) -> LoadedRules:
    """Two rules, and a correlation with these keys of its block; None leaves a key out, more follow at the end."""
    block = {key: value for key, value in {**BLOCK, **changes}.items() if value is not None}
    lines = "".join(f"  {key}: {value}\n" for key, value in block.items())
    return load_text(folder, f"{BASE}---\n{OTHER}---\ntitle: Many\ncorrelation:\n{lines}")


def correlation(loaded: LoadedRules, title: str = "Many") -> Correlation:
    assert not loaded.faults, [fault.facts for fault in loaded.faults]
    return next(rule for rule in loaded.rules if isinstance(rule, Correlation) and rule.info.name == title)


def line_of(key: str) -> int:
    """The line of a key of the block, behind `title` and `correlation`."""
    return FIRST + 2 + KEYS.index(key)


@pytest.mark.parametrize(
    ("changes", "shown"),
    [
        ({}, "event_count >= 2"),
        ({"condition": "{gt: 100, lte: 200}"}, "event_count > 100 and <= 200"),
        ({"condition": "{neq: 3}"}, "event_count != 3"),
        ({"type": "value_count", "condition": "{field: user.name, eq: 1}"}, "value_count(user.name) = 1"),
        ({"type": "value_count", "condition": "{field: [a, b], gte: 1}"}, "value_count(a, b) >= 1"),
        ({"type": "value_sum", "condition": "{field: network.bytes, gt: 0.5}"}, "value_sum(network.bytes) > 0.5"),
        ({"type": "value_avg", "condition": "{field: n, lt: -3}"}, "value_avg(n) < -3"),
        ({"type": "value_median", "condition": "{field: n, gte: 3}"}, "value_median(n) >= 3"),
        (
            {"type": "value_percentile", "condition": "{field: n, gte: 3, percentile: 99.5}"},
            "value_percentile(n) p99.5 >= 3",
        ),
        ({"type": "temporal", "rules": "[base, other]", "condition": None}, "temporal >= 2"),
        (
            {"type": "temporal_ordered", "rules": "[base, other]", "condition": "base AND other"},
            "temporal_ordered >= 2",
        ),
    ],
)
def test_every_type_and_operator_is_read(changes: dict[str, str | None], shown: str, tmp_path: Path):
    assert correlation(load(tmp_path, changes)).condition == shown


def test_a_condition_over_rules_may_name_them_instead_of_rules(tmp_path: Path):
    loaded = load(tmp_path, {"type": "temporal", "rules": None, "condition": "base and not other"})
    made = correlation(loaded)
    base, other = (rule.info.id for rule in loaded.rules if isinstance(rule, MatchRule))
    assert made.rules == (base, other)
    assert made.expression is not None
    assert made.expression.holds({base}) and not made.expression.holds({base, other})


@pytest.mark.parametrize("spec", ["1s", "90m", "24h", "7d", "2w", "12M", "1y", "015m"])
def test_timespans_last_as_pysigma_says(spec: str, tmp_path: Path):
    made = correlation(load(tmp_path, {"timespan": spec}))
    assert made.timespan == timedelta(seconds=SigmaCorrelationTimespan(spec).seconds)


@pytest.mark.parametrize(
    ("changes", "status", "key"),
    [
        ({"type": "odd"}, "invalid", "type"),
        ({"type": "[event_count]"}, "invalid", "type"),
        ({"rules": "nobody"}, "invalid", "rules"),
        ({"rules": "[]"}, "invalid", "rules"),
        ({"rules": "{a: b}"}, "invalid", "rules"),
        ({"rules": "[base, 5]"}, "invalid", "rules"),
        ({"rules": "[base, base]"}, "invalid", "rules"),
        ({"group-by": "5"}, "invalid", "group-by"),
        ({"group-by": "[a, a]"}, "invalid", "group-by"),
        ({"group-by": f"[{', '.join(f'f{n}' for n in range(17))}]"}, "unsupported", "group-by"),
        ({"timespan": "5x"}, "invalid", "timespan"),
        ({"timespan": "0m"}, "invalid", "timespan"),
        ({"timespan": "5"}, "invalid", "timespan"),
        ({"timespan": "5 m"}, "invalid", "timespan"),
        ({"timespan": "2y"}, "unsupported", "timespan"),
        ({"condition": "{gte: x}"}, "invalid", "condition"),
        ({"condition": "{gte: true}"}, "invalid", "condition"),
        ({"condition": "{gte: 2.5}"}, "invalid", "condition"),
        ({"condition": "{gte: '2'}"}, "invalid", "condition"),
        ({"condition": "{gte: 999999999}"}, "unsupported", "condition"),
        ({"condition": "{lt: 1}"}, "unsupported", "condition"),
        ({"condition": "{eq: 0}"}, "unsupported", "condition"),
        ({"condition": "{gte: 5, lt: 5}"}, "invalid", "condition"),
        ({"condition": "{gt: 5, lte: 4}"}, "invalid", "condition"),
        ({"condition": "{more: 5}"}, "invalid", "condition"),
        ({"condition": "{}"}, "invalid", "condition"),
        ({"condition": "[gte]"}, "invalid", "condition"),
        ({"condition": "{gte: 2, field: f}"}, "invalid", "condition"),
        ({"condition": "{gte: 2, percentile: 5}"}, "invalid", "condition"),
        ({"condition": "base and other"}, "invalid", "condition"),
        ({"type": "value_count"}, "invalid", "condition"),
        ({"type": "value_count", "condition": "{gte: 2, field: 7}"}, "invalid", "condition"),
        ({"type": "value_sum", "condition": "{gte: 2, field: [a, b]}"}, "unsupported", "condition"),
        ({"type": "value_percentile", "condition": "{gte: 2, field: a}"}, "invalid", "condition"),
        ({"type": "value_percentile", "condition": "{gte: 2, field: a, percentile: 101}"}, "invalid", "condition"),
        ({"type": "temporal", "condition": "base and"}, "invalid", "condition"),
        ({"type": "temporal", "condition": "base and other"}, "invalid", "condition"),
        ({"type": "temporal", "rules": "[base, other]", "condition": "base"}, "invalid", "rules"),
        ({"type": "temporal_ordered", "rules": "[base]", "condition": "not base"}, "unsupported", "condition"),
    ],
)
def test_what_cannot_run_is_named_with_its_line(changes: dict[str, str | None], status: str, key: str, tmp_path: Path):
    loaded = load(tmp_path, changes)
    assert [rule.info.name for rule in loaded.rules] == ["Base", "Other"]
    found = loaded.statuses[-1]
    assert (found.status, found.line) == (status, line_of(key)), found.reason


@pytest.mark.parametrize(
    ("changes", "line"),
    [
        ({"colour": "red"}, FIRST + 7),
        ({"aliases": "5"}, FIRST + 7),
        ({"aliases": "{ip: source.ip}"}, FIRST + 7),
        ({"aliases": "\n    ip:\n      base: source.ip\n      other: destination.ip"}, FIRST + 10),
        ({"aliases": "\n    ip:\n      base: 5"}, FIRST + 9),
        ({"generate": "often"}, FIRST + 7),
        ({"generate": "true\ngenerate: true"}, FIRST + 7),
        ({"timespan": None}, FIRST + 1),
        ({"generate": "true\nlogsource: {category: dns}"}, FIRST + 8),
    ],
)
def test_unknown_and_wrong_keys_are_named_with_their_line(changes: dict[str, str | None], line: int, tmp_path: Path):
    found = load(tmp_path, changes).statuses[-1]
    assert (found.status, found.line) == ("invalid", line), found.reason


def test_a_correlation_finds_its_rules_by_name_and_id_in_other_files_and_silences_them(tmp_path: Path):
    identity = "6d3c1a2e-1111-4222-8333-444455556666"
    (tmp_path / "b.yml").write_text(BASE, "utf-8")
    (tmp_path / "c.yml").write_text(OTHER.replace("title: Other", f"title: Other\nid: {identity}"), "utf-8")
    text = f"title: A\ncorrelation:\n  type: temporal\n  rules: [{identity.upper()}, base]\n  timespan: 5m\n"
    (tmp_path / "a.yml").write_text(text, "utf-8")
    loaded = load_rules([tmp_path])
    match_rules = {rule.name: rule for rule in loaded.rules if isinstance(rule, MatchRule)}
    assert [rule.alerts for rule in match_rules.values()] == [False, False]
    assert correlation(loaded, "A").rules == (identity, match_rules["base"].info.id)


@pytest.mark.parametrize("where", ["  generate: true\n", "generate: true\n"])
def test_generate_may_stand_in_the_block_or_beside_it(where: str, tmp_path: Path):
    text = f"title: A\ncorrelation:\n  type: temporal\n  rules: [base]\n  timespan: 5m\n{where}"
    loaded = load_text(tmp_path, f"{BASE}---\n{text}")
    assert [rule.alerts for rule in loaded.rules] == [True, True]


def chained(name: str, over: str) -> str:
    return (
        f"---\ntitle: {name}\nname: {name}\ncorrelation:\n  type: event_count\n  rules:\n    - {over}\n"
        f"  timespan: 5m\n  condition: {{gte: 1}}\n"
    )


def test_correlations_of_correlations_may_stand_in_any_order_and_silence_those_below(tmp_path: Path):
    text = chained("top", "middle") + chained("middle", "low") + "---\n" + BASE + chained("low", "base")
    loaded = load_text(tmp_path, text)
    made = [rule for rule in loaded.rules if isinstance(rule, Correlation)]
    assert [rule.name for rule in made] == ["low", "middle", "top"]
    assert [rule.alerts for rule in loaded.rules] == [False, False, False, True]


def test_a_circle_of_correlations_is_refused_with_its_line_and_so_is_what_stands_on_it(tmp_path: Path):
    text = chained("one", "two") + chained("two", "one") + chained("over", "one") + chained("self", "self")
    loaded = load_text(tmp_path, f"{BASE}{text}{chained('good', 'base')}")
    assert [rule.name for rule in loaded.rules] == ["base", "good"]
    first = BASE.count("\n") + 1
    refused = {status.line: status.reason for status in loaded.statuses if status.status == "invalid"}
    assert sorted(refused) == [first + 6 + 9 * at for at in range(4)]
    assert "leads back" in refused[first + 6 + 9]
    assert "no usable rule" in refused[first + 6]
    assert "leads back" in refused[first + 6 + 27]


def test_a_chain_that_is_too_long_is_refused_with_its_line(tmp_path: Path):
    names = ["base", *(f"c{number}" for number in range(40))]
    text = "".join(chained(name, below) for below, name in pairwise(names))
    loaded = load_text(tmp_path, BASE + text)
    assert len(loaded.rules) == 1 + 32
    assert "more than 32" in loaded.faults[0].facts["reason"]


def test_aliases_lead_to_each_rules_field_and_what_a_chain_needs_is_carried(tmp_path: Path):
    text = f"""{BASE}---
title: Low
name: low
correlation:
  type: event_count
  rules: [base]
  group-by: [ComputerName]
  timespan: 5m
  condition: {{gte: 2}}
---
title: Many
correlation:
  type: temporal_ordered
  rules: [low, base]
  group-by: [who, ComputerName]
  aliases:
    who:
      low: TargetUserName
      base: user.name
  timespan: 1h
"""
    loaded = load_text(tmp_path, text)
    low, many = correlation(loaded, "Low"), correlation(loaded)
    base = loaded.rules[0].info.id
    assert (low.carry, low.carry_paths) == (("TargetUserName",), {base: (("TargetUserName",),)})
    assert many.group_by == ("who", "ComputerName")
    assert many.group_paths == {
        low.info.id: (("TargetUserName",), ("ComputerName",)),
        base: (("user.name",), ("ComputerName",)),
    }
