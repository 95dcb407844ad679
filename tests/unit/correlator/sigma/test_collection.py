"""Collections, filters and placeholders: what one document gives to others."""

from __future__ import annotations

from pathlib import Path

import pytest

from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sigma.compile import compile_tree
from correlator.sigma.load import LoadedRules, load_rules
from tests.unit.correlator.samples import event, load_text, rule_text

UUID = "6d3c1a2e-1111-4222-8333-44445555666{}"


def _matched(loaded: LoadedRules, **fields: object) -> list[str]:
    assert not loaded.faults, loaded.faults
    one = Facts(event(dataset="dns", **fields))
    return [rule.info.name for rule in loaded.rules if isinstance(rule, MatchRule) and compile_tree(rule.tree)(one)]


def test_global_gives_its_keys_to_the_rules_after_it_until_reset(tmp_path: Path):
    loaded = load_text(
        tmp_path,
        "action: global\nauthor: An\nlogsource: {category: dns}\ndetection:\n  g: {all: x}\n---\n"
        "title: One\ndetection:\n  s: {f: 1}\n  condition: s and g\n---\n"
        "title: Two\ndetection:\n  s: {f: 2}\n  condition: s\n---\n"
        "action: reset\n---\n"
        "title: Three\nlogsource: {category: proxy}\ndetection:\n  s: {f: 3}\n  condition: s\n",
    )
    assert [rule.info.author for rule in loaded.rules] == ["An", "An", ""]
    assert _matched(loaded, f=1, all="x") == ["One"]
    assert _matched(loaded, f=1) == []
    assert _matched(loaded, f=2) == ["Two"]


def test_repeat_is_the_rule_before_with_what_it_names_itself(tmp_path: Path):
    first = rule_text("  s: {f: 1}\n  condition: s", title="One")
    loaded = load_text(tmp_path, f"{first}---\naction: repeat\ntitle: Two\ndetection:\n  s: {{g: 2}}\n")
    assert _matched(loaded, f=1) == ["One"]
    assert _matched(loaded, f=1, g=2) == ["One", "Two"]


def test_a_fault_in_what_a_collection_gives_is_named_where_it_stands(tmp_path: Path):
    loaded = load_text(
        tmp_path,
        "action: global\ndetection:\n  s: {f|nothing: 1}\n  condition: s\n---\n"
        "title: One\nlogsource: {category: dns}\n---\naction: odd\n",
    )
    assert [(status.status, status.line) for status in loaded.statuses] == [("invalid", 3), ("invalid", 9)]


@pytest.mark.parametrize("reference", [UUID.format(1), UUID.format(1).upper(), "one"])
def test_a_filter_lets_off_what_its_condition_excludes(reference: str, tmp_path: Path):
    rule = rule_text("  s: {f: 1}\n  condition: s", title="One", name="one")
    (tmp_path / "rule.yml").write_text(f"id: {UUID.format(1)}\n{rule}", "utf-8")
    text = (
        f"title: Not ours\nlogsource: {{product: vonggac}}\nfilter:\n  rules: [{reference}]\n"
        "  own: {user: 'adm_*'}\n  condition: not own\n"
    )
    (tmp_path / "a_filter.yml").write_text(text, "utf-8")
    loaded = load_rules([tmp_path])
    assert [status.status for status in loaded.statuses] == ["ok", "ok"]
    assert _matched(loaded, f=1, user="an") == ["One"]
    assert _matched(loaded, f=1, user="adm_an") == []


def test_a_filter_of_any_rules_is_for_those_of_its_log_source(tmp_path: Path):
    rules = "---\n".join(
        f"title: {name}\nlogsource: {source}\ndetection:\n  s: {{query: a}}\n  condition: s\n"
        for name, source in (
            ("One", "{category: dns}"),
            ("Two", "{category: dns, product: x}"),
            ("Three", "{product: x}"),
        )
    )
    rule_filter = (
        "title: F\nlogsource: {category: dns}\nfilter:\n  rules: any\n  s: {src_ip: 10.0.0.1}\n  condition: not s\n"
    )
    loaded = load_text(tmp_path, f"{rules}---\n{rule_filter}")
    assert _matched(loaded, dns__question__name="a", source__ip="10.0.0.1", query="a") == ["Three"]
    assert _matched(loaded, dns__question__name="a", source__ip="10.0.0.2", query="a") == ["One", "Two", "Three"]


@pytest.mark.parametrize(
    ("filter_text", "line", "reason"),
    [
        (
            "title: F\nlogsource: {category: dns}\nfilter:\n  rules: [nobody]\n  s: {f: 1}\n  condition: not s\n",
            4,
            "nobody",
        ),
        ("title: F\nlogsource: {category: x}\nfilter:\n  rules: [one]\n  s: {f: 1}\n  condition: not s\n", 4, "one"),
        ("title: F\nlogsource: {category: dns}\nfilter:\n  s: {f: 1}\n  condition: not s\n", 3, "rules"),
        ("title: F\nlogsource: {category: dns}\nfilter:\n  rules: [one]\n  s: {f: 1}\n  condition: not t\n", 6, "'t'"),
        ("title: F\nfilter:\n  rules: [one]\n  s: {f: 1}\n  condition: not s\n", 1, "log source"),
        ("title: F\nlogsource: {category: dns}\nfilter: x\n", 3, "map"),
    ],
)
def test_a_filter_that_would_change_nothing_or_cannot_be_read_is_named(
    filter_text: str, line: int, reason: str, tmp_path: Path
):
    rule = rule_text("  s: {f: 1}\n  condition: s", title="One", name="one", logsource="{category: dns}")
    (tmp_path / "b.yml").write_text(rule, "utf-8")
    (tmp_path / "a.yml").write_text(filter_text, "utf-8")
    loaded = load_rules([tmp_path])
    found = loaded.statuses[0]
    assert (found.status, found.line) == ("invalid", line)
    assert reason in found.reason
    assert [rule.info.name for rule in loaded.rules] == ["One"]


def test_placeholders_stand_for_each_of_their_values(tmp_path: Path):
    text = rule_text("  s:\n    'user|expand': ['%Administrators%', 'x-%A%-\\%B%']\n  condition: s", title="One")
    (tmp_path / "rule.yml").write_text(text, "utf-8")
    loaded = load_rules([tmp_path / "rule.yml"], {"Administrators": ["root", "adm_*"], "A": ["1", "2"]})
    for user in ("root", "adm_x", "x-2-%B%"):
        assert _matched(loaded, user=user) == ["One"]
    assert _matched(loaded, user="rooty") == []


def test_a_placeholder_without_values_makes_the_rule_unsupported(tmp_path: Path):
    loaded = load_text(tmp_path, rule_text("  s:\n    'user|expand': '%Nobody%'\n  condition: s"))
    assert [(status.status, status.line) for status in loaded.statuses] == [("unsupported", 6)]
    assert "%Nobody%" in loaded.statuses[0].reason
