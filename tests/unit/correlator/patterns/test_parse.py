"""What is a pattern and what is none, against the recorded verdicts and against OASIS's own parser."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from stix2patterns.exceptions import ParseException
from stix2patterns.v21.pattern import Pattern as ReferencePattern

from correlator.patterns.parse import parse
from correlator.patterns.tree import PatternError


def valid(pattern: str) -> bool:
    try:
        parse(pattern)
    except PatternError:
        return False
    return True


@pytest.mark.shared
def test_every_recorded_verdict_on_validity_is_repeated(shared_data: Path):
    cases = json.loads((shared_data / "stix/oracle/pattern-validity.json").read_text("utf-8"))["cases"]
    assert len(cases) == 30
    for case in cases:
        assert valid(case["pattern"]) is case["expected_valid"], case["pattern"]


PIECES = st.sampled_from(
    [
        "[",
        "]",
        "(",
        ")",
        "a:b",
        "x-y:z",
        "a-b",
        "'text'",
        "'it\\'s'",
        "'a\\b'",
        "=",
        "!=",
        "==",
        "<>",
        ">=",
        "<",
        "AND",
        "OR",
        "NOT",
        "IN",
        "LIKE",
        "EXISTS",
        "FOLLOWEDBY",
        "and",
        "true",
        "false",
        "null",
        "1",
        "-1",
        "+1",
        "01",
        "1.5",
        ".5",
        "-.5",
        "b'AAE='",
        "b'A'",
        "b''",
        "h'00'",
        "h'0'",
        "t'2026-01-01T00:00:00Z'",
        "t'2026-13-01T00:00:00Z'",
        ".c",
        ".'d-e'",
        "[*]",
        "[0]",
        "[-1]",
        ",",
        "WITHIN",
        "SECONDS",
        "REPEATS",
        "TIMES",
        "START",
        "STOP",
        "LAST",
        "/**/",
        "?",
        '"',
        "\\",
    ]
)
SOUND = "[ a:b .c = 'text' AND NOT EXISTS x-y:z OR a:b [*] IN ( 1 , 1.5 ) ] WITHIN 1.5 SECONDS"


@settings(max_examples=300, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 24), PIECES), max_size=2), st.integers(0, 30))
@example([], 30)
def test_changed_patterns_are_taken_or_refused_as_the_reference_does(changes: list[tuple[int, str]], cut: int):
    pieces = SOUND.split(" ")
    for place, piece in changes:
        pieces[place : place + 1] = [piece]
    pattern = " ".join(pieces[:cut])
    try:
        ReferencePattern(pattern)
    except ParseException:
        assert not valid(pattern)
    else:
        assert valid(pattern)


@pytest.mark.parametrize(
    ("pattern", "said"),
    [
        ("", "the end where [ is needed at character 1"),
        ("[a:b = ]", "']' where text or int or float or hex or binary or time or bool is needed at character 8"),
        ("[a:b-c = 1]", "b-c needs quotes, as it holds a hyphen, at character 4"),
        ("[a:b = 1] WITHIN 5", "the end where SECONDS is needed at character 19"),
        ("[a:b = 1]]", "']' where end is needed at character 10"),
        ("[a:b ? 1]", "nothing that can be read at character 6"),
    ],
)
def test_an_error_says_what_is_wrong_and_where(pattern: str, said: str):
    with pytest.raises(PatternError) as refused:
        parse(pattern)
    assert str(refused.value) == said
