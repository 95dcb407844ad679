"""A load from the cache is the load without it, also where rules are wrong or change."""

from __future__ import annotations

from pathlib import Path

from correlator.sigma.load import LoadedRules, load_rules
from rules import SHIPPED
from tests.unit.correlator.samples import rule_text
from vonggac.rule_cache import RuleCache

GOOD = rule_text("  s:\n    f: 1\n  condition: s", title="Good")
WRONG = rule_text("  s:\n    f|nothing: 1\n  condition: s", title="Wrong")


def _load(cache: Path, *paths: Path) -> LoadedRules:
    kept = RuleCache(cache)
    loaded = load_rules(paths, read=kept.documents)
    kept.save()
    return loaded


def _same(one: LoadedRules, other: LoadedRules) -> bool:
    return (one.rules, one.statuses) == (other.rules, other.statuses)


def test_the_shipped_rules_load_alike(tmp_path: Path):
    cache = tmp_path / "cache" / "rules.json"
    plain, first, second = load_rules([SHIPPED]), _load(cache, SHIPPED), _load(cache, SHIPPED)
    assert _same(plain, first)
    assert _same(plain, second)


def test_faults_are_told_with_their_lines_from_the_cache(tmp_path: Path):
    cache, rule = tmp_path / "rules.json", tmp_path / "rule.yml"
    rule.write_text(f"{GOOD}---\n{WRONG}", "utf-8")
    first = _load(cache, rule)
    assert [(each.status, each.line) for each in first.statuses] == [("ok", 1), ("invalid", 14)]
    assert _same(first, _load(cache, rule))


def test_a_changed_file_is_read_again_and_what_is_gone_leaves_the_cache(tmp_path: Path):
    cache, rule = tmp_path / "rules.json", tmp_path / "rule.yml"
    rule.write_text(GOOD, "utf-8")
    _load(cache, rule)
    size = cache.stat().st_size
    rule.write_text(GOOD.replace("Good", "Else"), "utf-8")
    assert [each.info.name for each in _load(cache, rule).rules] == ["Else"]
    assert cache.stat().st_size == size


def test_a_broken_cache_is_made_again(tmp_path: Path):
    cache, rule = tmp_path / "rules.json", tmp_path / "rule.yml"
    rule.write_text(GOOD, "utf-8")
    for content in (b"{", b"[]", b'{"files": {}}', b'{"reader": "another", "files": {}}'):
        cache.write_bytes(content)
        assert len(_load(cache, rule).rules) == 1
        assert b"Good" in cache.read_bytes()
