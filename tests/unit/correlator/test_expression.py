"""Conditions over rules."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st
from sigma.correlations import (
    CorrelationConditionAND,
    CorrelationConditionNOT,
    CorrelationConditionOR,
    SigmaExtendedCorrelationCondition,
)

from correlator.expression import parse
from correlator.logic import Malformed

_texts = st.recursive(
    st.sampled_from(["rule_a", "rule_b", "rule_c", "rule_d"]),
    lambda inner: st.one_of(
        inner.map(lambda text: f"not ({text})"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(" ".join),
        inner.map(lambda text: f"({text})"),
    ),
    max_leaves=6,
)


def _oracle(node: object, seen: set[str]) -> bool:
    if isinstance(node, CorrelationConditionNOT):
        return not _oracle(node.args[0], seen)
    if isinstance(node, CorrelationConditionAND):
        return all(_oracle(part, seen) for part in node.args)
    if isinstance(node, CorrelationConditionOR):
        return any(_oracle(part, seen) for part in node.args)
    return node.reference in seen  # type: ignore[attr-defined]


@given(_texts, st.sets(st.sampled_from(["rule_a", "rule_b", "rule_c", "rule_d"])))
def test_a_condition_is_true_where_pysigma_reads_it_so(text: str, seen: set[str]):
    theirs = SigmaExtendedCorrelationCondition(text)
    ours = parse(text)
    assert ours.holds(seen) == _oracle(theirs.parsed, seen)
    assert list(ours.names) == theirs.get_referenced_rules()
    assert parse(str(ours)).holds(seen) == ours.holds(seen)


def test_words_may_be_written_large_and_names_may_be_ids():
    one = parse("rule_a AND NOT 5638f7c0-ac70-491d-8465-2a65075e0d86")
    assert one.names == ("rule_a", "5638f7c0-ac70-491d-8465-2a65075e0d86")
    assert one.denies and not one.only_and
    assert parse("a and (b and c)").only_and


@pytest.mark.parametrize(
    "text",
    [
        "",
        "and",
        "a and",
        "a b",
        "(a",
        "a)",
        "()",
        "not",
        "a or or b",
        "(" * 99 + "a",
        "a" * 5_000,
    ],
)
def test_what_is_no_condition_is_refused(text: str):
    with pytest.raises(Malformed):
        parse(text)
