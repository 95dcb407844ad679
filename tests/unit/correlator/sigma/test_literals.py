"""The literal of a regular expression stands in every text in which it is found."""

from __future__ import annotations

import pytest
import re2
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.sigma.field_tests import compile_regex
from correlator.sigma.literals import required_literal


@pytest.mark.parametrize(
    ("regex", "literal"),
    [
        ("cmd\\.exe", "cmd.exe"),
        ("^Ab+cde$", "cde"),
        ("ab?cd*", "a"),
        ("a{2,3}xyz", "xyz"),
        ("a{0}b", "b"),
        ("(foo|bar)-baz", "-baz"),
        ("[abc\\]]tail", "tail"),
        ("[]x]tail", "tail"),
        ("foo|bar", ""),
        ("\\x41bc", ""),
        ("(?i)POST\\s+/x", "post"),
        ("a{x", "x"),
        (".*", ""),
    ],
)
def test_the_longest_text_that_must_stand_there_is_found(regex: str, literal: str):
    assert required_literal(regex) == literal


@settings(max_examples=600, deadline=None)
@given(
    st.lists(
        st.sampled_from(
            ["a", "B", "ab", "\\.", ".", "[ab]", "(a|b)", "(?:ab)", "*", "+", "?", "{2}", "^", "$", "\\w", "|"]
        ),
        min_size=1,
        max_size=7,
    ).map("".join),
    st.text(alphabet="aAbB.", max_size=8),
)
def test_no_text_without_the_literal_is_matched(regex: str, text: str):
    try:
        found = compile_regex(regex).search(text)
    except re2.error:
        return
    if found is not None:
        assert required_literal(regex) in text.lower()
