"""Each modifier and form of value of the Sigma specification 2.1, on values that match and values that must not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sigma.compile import compile_tree
from tests.unit.correlator.samples import event, load_text, rule_text


def matches(folder: Path, detection: str, **fields: Any) -> bool:
    loaded = load_text(folder, rule_text(detection))
    assert not loaded.faults, loaded.faults
    rule = loaded.rules[0]
    assert isinstance(rule, MatchRule)
    return compile_tree(rule.tree)(Facts(event(**fields)))


@pytest.mark.parametrize(
    ("item", "yes", "no"),
    [
        ("f: Value", ["value", "VALUE"], ["values", "", None, "a value"]),
        ("f: 'va*e'", ["value", "vae", "VA\nE"], ["values", "avalue"]),
        ("f: 'va?ue'", ["value"], ["vaue", "vallue"]),
        (r"f: 'a\*b'", ["a*b"], ["axb", "ab"]),
        (r"f: 'C:\dir\x'", [r"c:\DIR\x"], ["c:dirx"]),
        (r"f: '\\\\host\\*'", [r"\\host\share"], ["host"]),
        ("f: '*'", ["x", 0, False, ""], [None, [], {}]),
        ("f: ''", [""], ["x", None]),
        ("f: null", [None, [], {}], ["", 0, "x"]),
        ("f: 445", [445, "445", 445.0], [4450, "x445", True, None]),
        ("f: true", [True, "true", "TRUE"], [False, 1, None]),
        ("f: [a, b]", ["A", "b", ["x", "B"]], ["ab", ["x", "y"]]),
        ("f|contains: eda", ["pedal", "EDA"], ["media"]),
        ("f|startswith: ab", ["ABc"], ["cab"]),
        ("f|endswith: ab", ["cAB"], ["abc"]),
        ("f|contains|all: [a, c]", ["xaxcx", ["abc", "x"]], ["xax", "c"]),
        ("f|cased: Value", ["Value"], ["value"]),
        ("f|contains|cased: Val", ["xValx"], ["xvalx"]),
        (r"f|re: '^a\d+$'", ["a1", "a123"], ["A1", "ba1", "a1 "]),
        (r"f|re|i: '^a\d+$'", ["a1", "A1"], ["b1"]),
        (r"f|re|m: '^b$'", ["a\nb\nc"], ["a\nbb"]),
        (r"f|re: '^b$'", ["b"], ["a\nb\nc"]),
        (r"f|re|s: 'a.b'", ["a\nb"], ["ab"]),
        (r"f|re: 'a.b'", ["axb"], ["a\nb"]),
        ("f|cidr: 10.0.0.0/8", ["10.1.2.3", ["192.0.2.1", "10.0.0.1"]], ["11.0.0.1", "x", "2001:db8::1", None]),
        ("f|cidr: '2001:db8::/32'", ["2001:DB8::1"], ["2001:db9::1", "10.0.0.1"]),
        ("f|cidr: [10.0.0.0/8, 192.0.2.0/24]", ["192.0.2.9"], ["192.0.3.9"]),
        ("f|base64|contains: hello", ["xx aGVsbG8= xx"], ["hello"]),
        (
            "f|base64offset|contains: hello world",
            ["AAaGVsbG8gd29ybGQAA", "xhlbGxvIHdvcmxkx", "oZWxsbyB3b3JsZ"],
            ["hello world"],
        ),
        ("f|wide|base64offset|contains: ping", ["cABpAG4AZw"], ["ping"]),
        ("f|wide|base64: a", ["YQA="], ["YQ=="]),
        ("f|utf16be|base64: a", ["AGE="], ["YQA="]),
        ("f|utf16|base64: a", ["//5hAA=="], ["YQA="]),
        ("f|utf16le|base64offset|contains: ping", ["cABpAG4AZw"], ["ping"]),
        ("f|base64offset|contains: đồng", ["xxxxEkeG7k25nxx", "xxSR4buTbm", "xMSR4buTbmc"], ["đồng"]),
        ("f|windash|contains: ' -f '", ["x -f y", "x /f y", "x –f y"], ["x f y", "x +f y"]),
        ("f|exists: true", ["", 0, "x"], [None, []]),
        ("f|exists: false", [None], ["x", ""]),
        ("f|lt: 10", [9, "9", -1.5], [10, "x", None, True]),
        ("f|lte: 10", [10], [10.5]),
        ("f|gt: 10", [11, "10.1"], [10]),
        ("f|gte: 10", [10, "10"], [9]),
        ("f|neq: a", ["b", None], ["a", "A", ["b", "a"]]),
        ("f|hour: 2", ["2026-03-02T02:59:59Z", "2026-03-02T09:30:00+07:00"], ["2026-03-02T09:30:00Z", "x"]),
        ("f|minute|gte: 30", ["2026-03-02T02:30:00Z"], ["2026-03-02T02:29:59Z"]),
        ("f|day: 2", ["2026-03-02T00:00:00Z"], ["2026-03-03T00:00:00Z"]),
        ("f|week: 10", ["2026-03-02T00:00:00Z"], ["2026-03-09T00:00:00Z"]),
        ("f|month: 3", ["2026-03-02T00:00:00Z"], ["2026-04-02T00:00:00Z"]),
        ("f|year: 2026", ["2026-03-02T00:00:00Z"], ["2025-03-02T00:00:00Z"]),
    ],
)
def test_a_value_matches_what_the_specification_says(item: str, yes: list[Any], no: list[Any], tmp_path: Path):
    detection = f"  s:\n    {item}\n  condition: s"
    assert [value for value in yes if not matches(tmp_path, detection, f=value)] == []
    assert [value for value in no if matches(tmp_path, detection, f=value)] == []


@pytest.mark.parametrize(
    ("modifiers", "mine", "theirs", "expected"),
    [
        ("fieldref", "Abc", "abC", True),
        ("fieldref", "abc", "abcd", False),
        ("fieldref", "abc", None, False),
        ("fieldref|startswith", "abcdef", "abc", True),
        ("fieldref|endswith", "abcdef", "def", True),
        ("fieldref|contains", "abcdef", "cd", True),
        ("fieldref|startswith", "abcdef", "def", False),
    ],
)
def test_a_field_can_be_compared_with_another(modifiers: str, mine: str, theirs: str, expected: bool, tmp_path: Path):
    assert matches(tmp_path, f"  s:\n    f|{modifiers}: g\n  condition: s", f=mine, g=theirs) is expected


@pytest.mark.parametrize(
    ("keywords", "message", "expected"),
    [
        ("[Failed, refused]", "login FAILED for root", True),
        ("[Failed, refused]", "login ok", False),
        ("['fail*root']", "login failed for root today", True),
        ("['f?iled']", "x failed x", True),
        ("[4625]", "code=4625;", True),
    ],
)
def test_a_keyword_is_looked_for_in_every_field(keywords: str, message: str, expected: bool, tmp_path: Path):
    assert matches(tmp_path, f"  keywords: {keywords}\n  condition: keywords", message=message) is expected


def test_all_keywords_can_be_demanded(tmp_path: Path):
    detection = "  keywords:\n    '|all': [one, two]\n  condition: keywords"
    assert matches(tmp_path, detection, message="one", log__original="two")
    assert not matches(tmp_path, detection, message="one")


def test_a_keyword_is_not_found_in_what_our_sensor_added(tmp_path: Path):
    assert not matches(
        tmp_path, "  keywords: [sensor-9]\n  condition: keywords", observer__name="sensor-9", message="x"
    )


@pytest.mark.parametrize(
    ("item", "reason"),
    [
        (r"f|re: '(?=a)b'", "RE2"),
        (r"f|re: '(a)\1'", "RE2"),
        ("f|expand: '%servers%'", "%servers%"),
    ],
)
def test_what_cannot_be_evaluated_is_unsupported_with_its_line(item: str, reason: str, tmp_path: Path):
    loaded = load_text(tmp_path, rule_text(f"  other:\n    g: 1\n  s:\n    {item}\n  condition: s and other"))
    assert not loaded.rules
    assert loaded.statuses[0].status == "unsupported"
    assert reason in loaded.statuses[0].reason
    assert loaded.statuses[0].line == 8


def test_a_pattern_with_many_wildcards_takes_no_time(tmp_path: Path):
    detection = f"  s:\n    f: '{'*a' * 30}*b'\n    g|re: '(a+)+$'\n  condition: s"
    assert not matches(tmp_path, detection, f="a" * 50_000, g="a" * 50_000 + "!")
