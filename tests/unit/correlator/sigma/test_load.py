"""Rule files: what is wrong is named with its line, and never stops the others."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from correlator.sigma.load import load_rules
from rules import SHIPPED
from tests.unit.correlator.samples import load_text, rule_text
from vonggac.errors import RuleError, UnknownInput
from vonggac.messages import explain

GOOD = rule_text("  s:\n    f: 1\n  condition: s", title="Good")


@pytest.mark.parametrize(
    ("text", "line", "reason"),
    [
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n", 3, "condition"),
        ("title: x\ndetection:\n  s: {f: 1}\n  condition: s\n", 1, "log source"),
        ("logsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s\n", 1, "title"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s:\n    f|no: 1\n  condition: s\n", 5, "no"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s and t\n", 5, "t"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s and\n", 5, "ends where"),
        ("title: x\nlevel: huge\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s\n", 2, "level"),
        ("title: x\nstatus: odd\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s\n", 2, "status"),
        ("title: x\nid: 7\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s\n", 2, ""),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {'f|re': '(a'}\n  condition: s\n", 4, "regular"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {'f|cidr': 'x/8'}\n  condition: s\n", 4, "CIDR"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  s: {f: 2}\n  condition: s\n", 5, "twice"),
        ("title: x\nlogsource: &a {category: dns}\ndetection:\n  s: {f: 1}\n  condition: s\n", 2, "anchors"),
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: [*a]\n  condition: s\n", 4, "a"),
        ("title: !!python/name:os.system x\n", 1, "tag"),
        ("title: x\n  bad: [\n", 2, "YAML"),
        ("- a\n- b\n", 1, "map"),
        (
            "title: x\nvonggac: {category: war}\nlogsource: {category: dns}\ndetection: {s: {f: 1}, condition: s}\n",
            2,
            "category",
        ),
        (
            "title: x\nvonggac:\n  kind: Bad Kind\nlogsource: {category: dns}\ndetection: {s: {f: 1}, condition: s}\n",
            3,
            "kind",
        ),
        (
            "title: x\nvonggac:\n  entity: host.name\nlogsource: {category: dns}\ndetection: {s: 1, condition: s}\n",
            3,
            "entity",
        ),
        (
            "title: x\nvonggac:\n  colour: red\nlogsource: {category: dns}\ndetection: {s: {f: 1}, condition: s}\n",
            3,
            "colour",
        ),
    ],
)
def test_a_broken_rule_is_named_with_its_line_and_the_others_load(text: str, line: int, reason: str, tmp_path: Path):
    loaded = load_text(tmp_path, f"{text}---\n{GOOD}")
    assert [rule.info.name for rule in loaded.rules] == ["Good"]
    (fault,) = loaded.faults
    assert isinstance(fault, RuleError)
    assert (fault.facts["line"], fault.facts["status"]) == (line, "invalid")
    assert reason in str(fault.facts["reason"])
    assert [status.status for status in loaded.statuses] == ["invalid", "ok"]
    for lang in ("vi", "en"):
        said = explain(fault, lang)
        assert str(line) in said
        assert "rule.yml" in said


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("title: x\nlogsource: {category: dns}\ndetection:\n  s: {f: 1}\n  timeframe: 5m\n  condition: s\n", 5),
    ],
)
def test_what_is_not_evaluated_is_unsupported_not_ignored(text: str, line: int, tmp_path: Path):
    loaded = load_text(tmp_path, text)
    assert not loaded.rules
    assert [(status.status, status.line) for status in loaded.statuses] == [("unsupported", line)]


def test_the_second_rule_with_an_id_is_refused(tmp_path: Path):
    loaded = load_text(tmp_path, f"{GOOD}---\n{GOOD}")
    assert [status.status for status in loaded.statuses] == ["ok", "invalid"]
    assert "line 1" in loaded.statuses[1].reason


def test_a_file_that_is_too_large_or_not_text_is_refused(tmp_path: Path):
    (tmp_path / "large.yml").write_text("# " + "x" * 70_000, "utf-8")
    (tmp_path / "bytes.yml").write_bytes(b"title: x\nauthor: \xff\n")
    (tmp_path / "good.yml").write_text(GOOD, "utf-8")
    loaded = load_rules([tmp_path])
    assert len(loaded.rules) == 1
    assert {Path(str(fault.facts["path"])).name: fault.facts["line"] for fault in loaded.faults} == {
        "large.yml": 1,
        "bytes.yml": 2,
    }


def test_yaml_nested_to_the_limit_of_the_parser_is_refused(tmp_path: Path):
    loaded = load_text(tmp_path, f"title: x\ndetection: {'[' * 20_000}")
    assert [status.status for status in loaded.statuses] == ["invalid"]


def test_a_path_that_does_not_exist_is_an_unknown_input(tmp_path: Path):
    with pytest.raises(UnknownInput):
        load_rules([tmp_path / "nowhere"])


def test_a_rule_says_who_wrote_it_and_what_it_is_about(tmp_path: Path):
    text = GOOD.replace(
        "level: medium",
        "level: high\nauthor: Somebody\ndate: 2026-01-02\ntitle_vi: Tốt\ntags: [attack.t1046, attack.t1110.001]",
    )
    (rule,) = load_text(tmp_path, text).rules
    info = rule.info
    assert (info.author, info.name_vi, info.level, info.version) == ("Somebody", "Tốt", "high", "2026-01-02")
    assert info.techniques == ("T1046", "T1110.001")
    assert (info.kind, info.category, info.rsit) == ("good", "", "")
    assert info.tags[:2] == ("attack.t1046", "attack.t1110.001")


def test_tags_and_the_log_sources_category_are_kept_as_signs_of_the_rules_kind(tmp_path: Path):
    text = GOOD.replace("level: medium", "level: high\ntags: [attack.Command_And_Control, cve.2021-44228]")
    (rule,) = load_text(tmp_path, re.sub(r"logsource: .*", "logsource: {category: Antivirus}", text)).rules
    assert rule.info.tags == ("attack.command-and-control", "cve.2021-44228", "logsource.antivirus")


def test_that_kinds_were_combined_is_not_for_a_rule_to_say(tmp_path: Path):
    (status,) = load_text(tmp_path, GOOD + "vonggac: {category: combined}\n").statuses
    assert status.status == "invalid"
    assert "vonggac.category" in status.reason


def test_every_shipped_rule_loads():
    loaded = load_rules([SHIPPED])
    assert loaded.faults == ()
    assert sum(1 for rule in loaded.rules if getattr(rule, "alerts", True)) >= 40


@pytest.mark.shared
def test_every_sigmahq_rule_of_the_shared_data_loads_with_its_id_level_and_author(shared_data: Path):
    folder = shared_data / "sigma"
    loaded = load_rules([folder / "rules"])
    assert [(fault.facts["path"], fault.facts["line"], fault.facts["reason"]) for fault in loaded.faults] == []
    listed = {entry["id"]: entry for entry in json.loads((folder / "index.json").read_text("utf-8"))}
    found = {rule.info.id: rule for rule in loaded.rules}
    assert len(found) == 196
    for identity, entry in listed.items():
        if identity in found:
            assert found[identity].info.author == (entry["author"] or "")
