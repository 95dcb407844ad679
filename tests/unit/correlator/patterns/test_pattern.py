"""STIX patterns against the recorded verdicts of OASIS's tests and against its reference matcher."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from stix2matcher.matcher import Pattern as ReferencePattern

from correlator.patterns.bind import SearchGivenUp, Seen, first_binding
from correlator.patterns.pattern import compile_pattern
from correlator.patterns.tree import PatternError
from tests.unit.correlator.patterns.observed import match_observed


@pytest.mark.shared
def test_every_recorded_match_of_the_oracle_is_repeated(shared_data: Path):
    cases = json.loads((shared_data / "stix/oracle/pattern-match-cases.json").read_text("utf-8"))["cases"]
    assert len(cases) == 113
    for case in cases:
        assert verdict(case["pattern"], case["observations"]) is case.get("matches"), case["pattern"]


def verdict(pattern: str, observations: list[dict[str, Any]]) -> bool | None:
    """Whether it matches; None where pattern or data are refused."""
    try:
        return match_observed(compile_pattern(pattern), observations) is not None
    except (PatternError, ValueError):
        return None


def observed(*objects: dict[str, Any], first: int = 0, last: int | None = None, count: int = 1) -> dict[str, Any]:
    return {
        "type": "observed-data",
        "first_observed": f"2026-01-01T00:00:{first:02}Z",
        "last_observed": f"2026-01-01T00:00:{first if last is None else last:02}Z",
        "number_observed": count,
        "objects": {str(number): each for number, each in enumerate(objects)},
    }


def bundle(number: int, *objects: dict[str, Any], first: int, last: int, count: int) -> dict[str, Any]:
    data = observed(first=first, last=last, count=count)
    del data["objects"]
    named = [{**each, "id": f"{each['type']}--{number}-{place}"} for place, each in enumerate(objects)]
    data |= {"id": f"observed-data--{number}", "object_refs": [each["id"] for each in named]}
    return {"type": "bundle", "id": f"bundle--{number}", "objects": [data, *named]}


NUMBERS, WORDS = st.integers(0, 3), st.sampled_from(["a", "b", "ab", "ba", "1.2.3.4", "1.2.3.0/24"])
OBJECTS = st.fixed_dictionaries(
    {"type": st.sampled_from(["x", "y"])},
    optional={"n": NUMBERS | st.booleans(), "s": WORDS, "l": st.lists(NUMBERS, max_size=2), "f": st.floats(0, 3)},
)
OBSERVATIONS = st.lists(
    st.tuples(st.lists(OBJECTS, min_size=1, max_size=2), st.integers(0, 9), st.integers(0, 4), st.integers(1, 2)),
    max_size=5,
).map(
    lambda made: [
        bundle(number, *objects, first=first, last=first + more, count=count)
        for number, (objects, first, more, count) in enumerate(made)
    ]
)


def quoted(text: str) -> str:
    return f"'{text}'"


COMPARED = st.one_of(
    st.builds(" {} {}".format, st.sampled_from(["=", "!=", ">", "<=", "NOT =", "NOT <"]), NUMBERS | WORDS.map(quoted)),
    st.builds(" {}IN ({}, {})".format, st.sampled_from(["", "NOT "]), WORDS.map(quoted), WORDS.map(quoted)),
    st.builds(" {}IN (4, {})".format, st.sampled_from(["", "NOT "]), st.integers(2, 5)),
    st.builds(" {}LIKE '{}'".format, st.sampled_from(["", "NOT "]), st.sampled_from(["a%", "_", "%b", ""])),
    st.builds(" {}MATCHES '{}'".format, st.sampled_from(["", "NOT "]), st.sampled_from(["^a", "b$", "[ab]{2}", ""])),
)
TESTS = st.builds(
    "{}:{}{}".format, st.sampled_from("xy"), st.sampled_from(["n", "s", "l[0]", "l[*]", "f", "'s'"]), COMPARED
)
COMPARISONS = st.recursive(
    TESTS, lambda inner: st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR"]), inner), max_leaves=3
)


def qualified(inner: str, qualifier: str) -> str:
    return f"({inner}) {qualifier}"


QUALIFIERS = st.one_of(
    st.integers(1, 3).map("REPEATS {} TIMES".format),
    st.sampled_from([1, 2, 0.5, 5]).map("WITHIN {} SECONDS".format),
    st.tuples(st.integers(0, 9), st.integers(0, 9)).map(
        lambda edges: "START t'2026-01-01T00:00:0{}Z' STOP t'2026-01-01T00:00:0{}.5Z'".format(*edges)
    ),
)
PATTERNS = st.recursive(
    COMPARISONS.map("[{}]".format),
    lambda inner: (
        st.builds("({} {} {})".format, inner, st.sampled_from(["AND", "OR", "FOLLOWEDBY"]), inner)
        | st.builds(qualified, inner, QUALIFIERS)
    ),
    max_leaves=3,
)


@settings(max_examples=300, deadline=None)
@given(pattern=PATTERNS, observations=OBSERVATIONS.filter(bool))
def test_generated_patterns_match_as_the_reference_does(pattern: str, observations: list[dict[str, Any]]):
    reference = ReferencePattern(pattern, "2.1").match(observations)
    assert verdict(pattern, observations) is bool(reference)


REFERRING = observed(
    {"type": "network-traffic", "src_ref": "1", "dst_ref": "9", "seen_refs": ["1", "2"]},
    {"type": "ipv6-addr", "value": "2001:db8::7"},
    {"type": "ipv4-addr", "value": "192.0.2.1"},
    {"type": "file", "hashes": {"SHA-256": "aa"}, "names": [], "odd_hex": "zz", "data_bin": "AAE="},
)


@pytest.mark.parametrize(
    ("pattern", "matches"),
    [
        ("[EXISTS network-traffic:src_ref]", True),
        ("[NOT EXISTS network-traffic:src_ref]", False),
        ("[NOT EXISTS network-traffic:src_port]", True),
        ("[EXISTS url:value]", False),
        ("[NOT EXISTS url:value]", False),
        ("[network-traffic:src_ref.value ISSUBSET '2001:db8::/32']", True),
        ("[network-traffic:src_ref.value ISSUBSET '0.0.0.0/0']", False),
        ("[ipv4-addr:value ISSUBSET '0.0.0.0/0']", True),
        ("[ipv4-addr:value ISSUPERSET '192.0.2.1']", True),
        ("[network-traffic:dst_ref.value = '192.0.2.1']", False),
        ("[network-traffic:seen_refs[1].value = '192.0.2.1']", True),
        ("[network-traffic:seen_refs[-1].value = '192.0.2.1']", False),
        ("[network-traffic:seen_refs[*].type = 'ipv4-addr']", True),
        ("[file:hashes.'SHA-256' = 'aa' AND file:data_bin = h'0001']", True),
        ("[file:odd_hex = h'00' OR file:odd_hex != h'00']", False),
        ("[file:hashes = 'aa']", False),
        ("[file:hashes.'SHA-256' = 'aa' AND ipv4-addr:value = '192.0.2.1']", False),
        (r"[file:hashes.'SHA-256' != 'it\'s \\ here']", True),
        ("[file:hashes.'SHA-256' /* a remark */ = 'aa'] // and more", True),
    ],
)
def test_what_the_specification_says_and_the_reference_lacks_is_matched(pattern: str, matches: bool):
    assert verdict(pattern, [REFERRING]) is matches


@pytest.mark.parametrize(
    ("pattern", "at"),
    [
        ("[" + " OR ".join(["a:b = 1"] * 10_000) + "]", 32_769),
        ("[" + " OR ".join(["a:b=1"] * 1_500) + "]", 9_002),
        ("(" * 400 + "[a:b = 1]" + ")" * 400, 33),
        ("[" + "(" * 400 + "a:b = 1" + ")" * 400 + "]", 34),
        ("[a:b = 1] REPEATS 1000000000 TIMES", 19),
        ("(([a:b = 1] REPEATS 40 TIMES) REPEATS 26 TIMES)", 39),
        (r"[a:b MATCHES '(a{1000}){1000}']", 14),
        (r"[a:b MATCHES '(?=x)']", 14),
        ("[a:b = 1] WITHIN 0 SECONDS", 11),
        (" AND ".join(["[a:b=1]"] * 900), 10_796),
        (" FOLLOWEDBY ".join(["[a:b=1]"] * 900), 1_920),
        ("[a:b=1]" + " WITHIN 1 SECONDS" * 900, 1_726),
        ("[a:b = t'2026-02-30T00:00:00Z']", 8),
        ("[a:b ISSUBSET 'here']", 15),
        ("[a:b IN (1, 'a')]", 10),
        (" " * 30_000 + "?", 30_001),
    ],
)
def test_bombs_and_what_cannot_be_evaluated_are_refused_with_their_place(pattern: str, at: int):
    with pytest.raises(PatternError) as refused:
        compile_pattern(pattern)
    assert refused.value.at == at


def test_a_search_without_end_is_given_up_and_not_answered():
    pattern = compile_pattern(
        "(([a:b = 1] OR [a:b = 2]) REPEATS 20 TIMES) AND (([a:b = 1] OR [a:b = 2]) REPEATS 20 TIMES)"
    )
    with pytest.raises(SearchGivenUp):
        first_binding(pattern.plan, [Seen(str(number), number, number, 15) for number in range(39)])


def test_observed_data_without_its_times_is_refused():
    broken = observed({"type": "a"})
    del broken["first_observed"]
    assert verdict("[a:b = 1]", [broken]) is None
