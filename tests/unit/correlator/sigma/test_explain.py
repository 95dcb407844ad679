"""What `rules explain` tells of a rule is what the matcher does with it."""

from __future__ import annotations

from pathlib import Path

from correlator.sigma.explain import explained
from tests.unit.correlator.samples import load_text, rule_text

DETECTION = """
  s:
    a|contains: ['/x?y', plain]
    b: 5
  other:
    a|re: 'evil\\d+'
    c|cidr: 10.0.0.0/8
  f1: {b|lt: 3}
  f2: {a: null, d|exists: true}
  condition: (s or other) and not f1 and not f2"""


def test_the_guards_are_the_clauses_of_each_way_to_match(tmp_path: Path):
    (rule,) = load_text(tmp_path, rule_text(DETECTION)).rules
    told = explained(rule)
    assert told["logsource"] == {"product": "vonggac"}
    first, second = told["guards"]
    assert ["b equals 5"] in first["clauses"]
    assert any("a contains 'plain'" in clause for clause in first["clauses"])
    assert ["a matches 'evil\\\\d+' (after finding 'evil')"] in second["clauses"]
    assert second["vetoes"] == ["b < 3"]
    assert second["asks_whole_condition"]


def test_a_correlation_tells_its_parts(tmp_path: Path):
    base = rule_text("  s: {f: 1}\n  condition: s", title="Base", name="base")
    text = "title: Many\ncorrelation:\n  type: event_count\n  rules: base\n  group-by: [f]\n  timespan: 5m\n"
    text += "  condition: {gte: 3}\n"
    loaded = load_text(tmp_path, f"{base}---\n{text}")
    told = explained(loaded.rules[-1])
    assert (told["type"], told["timespan_seconds"], told["group_by"]) == ("event_count", 300.0, ["f"])
