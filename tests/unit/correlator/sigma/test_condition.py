"""Conditions: what they say, and what is not one."""

from __future__ import annotations

import pytest

from correlator.logic import MAX_DEPTH, MAX_LENGTH
from correlator.sigma.condition import parse_condition
from correlator.sigma.field_tests import Present
from correlator.sigma.strings import BadValue
from correlator.sigma.tree import All, Either, Leaf, Node, Not

A, B, C, HIDDEN = (Leaf((name,), Present(True)) for name in ("a", "b", "c", "h"))
SELECTIONS = {"sel_a": A, "sel_b": B, "other-c": C, "_hidden": HIDDEN}


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("sel_a", A),
        ("sel_a and sel_b or other-c", Either((All((A, B)), C))),
        ("sel_a or sel_b and other-c", Either((A, All((B, C))))),
        ("not sel_a and sel_b", All((Not(A), B))),
        ("not not sel_a", A),
        ("NOT (sel_a OR sel_b)", Not(Either((A, B)))),
        ("(((sel_a)))", A),
        ("1 of sel_*", Either((A, B))),
        ("any of sel_*", Either((A, B))),
        ("all of *_b", B),
        ("all of them", All((A, B, C))),
        ("1 of sel_* and not 1 of other*", All((Either((A, B)), Not(C)))),
        ("1 of _hid*", HIDDEN),
        ("sel_a and not 1 of sel_b", All((A, Not(B)))),
    ],
)
def test_a_condition_is_read_by_its_binding_strengths(text: str, tree: Node):
    assert parse_condition(text, SELECTIONS) == tree


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "empty"),
        ("sel_a and", "ends where"),
        ("and sel_a", "'and' stands where"),
        ("sel_a sel_b", "'sel_b' is not expected"),
        ("(sel_a", "not closed"),
        ("sel_a)", "')' is not expected"),
        ("nobody", "'nobody'"),
        ("1 of nobody*", "names no selection"),
        ("1 of", "needs 'them'"),
        ("1 of and", "needs 'them'"),
        ("2 of sel_*", "'2', which is no selection"),
        ("sel_a | count() > 5", "correlation rule"),
        ("sel_a & sel_b", "'&' is not expected"),
        ("(" * (MAX_DEPTH + 1) + "sel_a" + ")" * (MAX_DEPTH + 1), "nested deeper"),
        ("sel_a and " * MAX_LENGTH + "sel_a", "longer than"),
    ],
)
def test_what_is_no_condition_is_told(text: str, reason: str):
    with pytest.raises(BadValue) as fault:
        parse_condition(text, SELECTIONS)
    assert reason in str(fault.value)
