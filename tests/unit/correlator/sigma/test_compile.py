"""The compiled predicate agrees with an evaluator that takes the rule's words one by one."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.facts import Facts
from correlator.rule import MatchRule
from correlator.sigma.compile import compile_tree
from tests.unit.correlator.samples import event, load_text

FIELDS = ("alpha", "beta", "gamma.delta")
WORDS = st.text(alphabet="abAB.*?", min_size=1, max_size=4)
VALUES = st.one_of(WORDS, st.integers(0, 3), st.booleans(), st.lists(WORDS, min_size=0, max_size=3), st.none())
MODIFIERS = st.sampled_from(["", "|contains", "|startswith", "|endswith", "|contains|all", "|cased"])


@st.composite
def selections(draw: st.DrawFn) -> dict[str, Any]:
    keys = draw(st.lists(st.sampled_from(FIELDS), min_size=1, max_size=3, unique=True))
    return {key + draw(MODIFIERS): draw(st.lists(WORDS, min_size=1, max_size=3)) for key in keys}


CONDITIONS = st.sampled_from(
    [
        "s1",
        "not s1",
        "s1 and s2",
        "s1 or s2",
        "s1 and not s2",
        "not (s1 or s2)",
        "not (s1 and s2) or s3",
        "1 of s*",
        "all of s*",
        "1 of them",
        "all of them",
        "s1 or not 1 of s*",
    ]
)


@settings(max_examples=250, deadline=None)
@given(st.lists(selections(), min_size=3, max_size=3), CONDITIONS, st.fixed_dictionaries(dict.fromkeys(FIELDS, VALUES)))
def test_a_compiled_rule_agrees_with_a_naive_evaluator(
    parts: list[dict[str, Any]], condition: str, values: dict[str, Any]
):
    detection: dict[str, Any] = {f"s{number}": part for number, part in enumerate(parts, 1)}
    text = yaml.safe_dump(
        {"title": "t", "logsource": {"product": "vonggac"}, "detection": {**detection, "condition": condition}}
    )
    with tempfile.TemporaryDirectory() as folder:
        loaded = load_text(Path(folder), text)
    assert not loaded.faults, loaded.faults
    rule = loaded.rules[0]
    assert isinstance(rule, MatchRule)
    document = event(**{name.replace(".", "__"): value for name, value in values.items()})
    truths = {name: _selection(part, values) for name, part in detection.items()}
    assert compile_tree(rule.tree)(Facts(document)) is _condition(condition, truths)


def _selection(part: dict[str, Any], values: dict[str, Any]) -> bool:
    for key, wanted in part.items():
        name, *modifiers = key.split("|")
        combine = all if "all" in modifiers else any
        if not combine(_item(values[name], word, modifiers) for word in wanted):
            return False
    return True


def _item(value: Any, word: str, modifiers: list[str]) -> bool:
    values = value if isinstance(value, list) else [] if value is None else [value]
    pattern = "".join({"*": ".*", "?": "."}.get(char, re.escape(char)) for char in word)
    before = ".*" if {"contains", "endswith"} & set(modifiers) else ""
    after = ".*" if {"contains", "startswith"} & set(modifiers) else ""
    flags = re.DOTALL | (0 if "cased" in modifiers else re.IGNORECASE)
    texts = [str(item).lower() if isinstance(item, bool) else str(item) for item in values]
    return any(re.fullmatch(before + pattern + after, text, flags) for text in texts)


def _condition(condition: str, truths: dict[str, bool]) -> bool:
    text = re.sub(r"1 of (s\*|them)", str(any(truths.values())), condition)
    text = re.sub(r"all of (s\*|them)", str(all(truths.values())), text)
    text = re.sub(r"\bs\d\b", lambda match: str(truths[match[0]]), text)
    return bool(eval(text, {"__builtins__": {}}))  # noqa: S307 - our own text of True, False, and, or, not


def test_the_same_path_in_a_lists_objects_is_looked_into():
    facts = Facts(event(dns__answers=[{"data": "192.0.2.1"}, {"data": ["192.0.2.2", None]}, "x"]))
    assert list(facts.get("dns.answers.data")) == ["192.0.2.1", "192.0.2.2"]


def test_a_key_that_holds_dots_is_found():
    facts = Facts({"@timestamp": "2026-03-02T02:00:00Z", "id.orig_h": "192.0.2.1"})
    assert list(facts.get("id.orig_h")) == ["192.0.2.1"]


def test_a_deep_event_does_no_harm():
    deep: Any = "x"
    for _ in range(500):
        deep = {"a": [deep]}
    facts = Facts(event(deep=deep))
    assert list(facts.said())
    assert list(facts.get("deep.a.a")) == []
