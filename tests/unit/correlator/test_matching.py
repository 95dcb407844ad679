"""The matcher finds just the rules whose whole condition is true, whatever it has seen and remembered before."""

from __future__ import annotations

from collections.abc import Sequence
from ipaddress import ip_network
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.compiled import compiled_loops
from correlator.facts import Facts
from correlator.loops import sift
from correlator.loops.sift import DEPTH
from correlator.matching import WORTH, Matcher
from correlator.rule import MatchRule, Place
from correlator.sigma.compile import compile_tree
from correlator.sigma.field_tests import Compare, Inside, Missing, Number, Op, Pattern, Present, SameAs, Test, Text
from correlator.sigma.literals import required_literal
from correlator.sigma.taxonomy import LogSource
from correlator.sigma.tree import All, Either, Leaf, Node, Not
from tests.unit.correlator.samples import event
from vonggac.domain.detection import RuleInfo, Ruleset
from vonggac.domain.text import caseless

PATHS = (("f",), ("a.b", "g"), ("a.b.c",), ("f", "list.x"))
ALPHABET = 'aAbB.ưƯΣς"\\\n'
TEXTS = st.one_of(st.text(ALPHABET, max_size=3), st.text("aAb", min_size=4, max_size=7))
REGEXES = st.sampled_from(["a", "^a", "b$", "(a|b)a", "a.b", "(?i)AB+", "a{2}", r"\.", "ba?", "[ab]ư"])
SCALARS = st.one_of(
    st.text(ALPHABET, max_size=6),
    st.text("aAb", min_size=4, max_size=60),
    st.integers(-1, 3),
    st.sampled_from([0.0, 1.0, 2.5, 1e20, 10**17, 10**20, True, False, None, "1", "2.5", "-1", "1e+20", "1E+20"]),
    st.sampled_from(["10.0.0.1", "10.9.0.1", "10.0.0.01", "2001:db8::1", "::ffff:10.0.0.1", "\ud800a", " 2", "nan"]),
    st.sampled_from(["2026-11-24T07:03:00Z", 1764000000, "İİ"]),
)
VALUES = st.one_of(SCALARS, st.lists(st.one_of(SCALARS, st.lists(SCALARS, max_size=2)), max_size=3))


def _pattern(regex: str) -> Pattern:
    return Pattern(regex, required_literal(regex))


TESTS: st.SearchStrategy[Test] = st.one_of(
    st.builds(
        lambda op, value, cased: Text(op, value if cased else caseless(value), cased),
        st.sampled_from(list(Op)),
        TEXTS,
        st.booleans(),
    ),
    st.builds(_pattern, REGEXES),
    st.builds(Number, st.sampled_from([-1, 0, 1, 2, 2.5, 1.0, 1e20, 10**17, 10**20])),
    st.builds(Compare, st.sampled_from(["lt", "lte", "gt", "gte", "eq", "neq"]), st.sampled_from([0, 1, 2.5, 10**17])),
    st.builds(Compare, st.sampled_from(["lt", "gte"]), st.just(5), st.sampled_from(["minute", "hour", "week"])),
    st.builds(
        Inside, st.sampled_from([ip_network("10.0.0.0/16"), ip_network("10.0.0.0/8"), ip_network("2001:db8::/32")])
    ),
    st.just(Missing()),
    st.builds(Present, st.booleans()),
    st.builds(SameAs, st.just("g"), st.sampled_from(list(Op)), st.booleans(), st.just(("g",))),
)
KEYWORDS = st.one_of(
    st.builds(lambda value: Text(Op.CONTAINS, value), st.sampled_from(["a", "ab", "1", "ư"])),
    st.builds(_pattern, REGEXES),
)
LEAVES: st.SearchStrategy[Node] = st.one_of(
    st.builds(Leaf, st.sampled_from(PATHS), TESTS), st.builds(Leaf, st.just(()), KEYWORDS)
)
TREES = st.recursive(
    LEAVES,
    lambda inner: st.one_of(
        st.builds(All, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(Either, st.lists(inner, min_size=1, max_size=4).map(tuple)),
        st.builds(Not, inner),
    ),
    max_leaves=12,
)
DOCUMENTS = st.fixed_dictionaries(
    {},
    optional={
        "f": VALUES,
        "g": VALUES,
        "a": st.one_of(
            VALUES, st.fixed_dictionaries({}, optional={"b": st.one_of(VALUES, st.just({"c": "ab"})), "b.c": VALUES})
        ),
        "a.b": VALUES,
        "list": st.lists(st.one_of(SCALARS, st.fixed_dictionaries({"x": VALUES})), max_size=3),
    },
)


def _sifting(rules: Sequence[MatchRule], loops: Any) -> Matcher:
    """A matcher that begins with the sieve."""
    matcher = Matcher(rules, lambda: loops)
    matcher._asked = WORTH
    return matcher


def _rule(number: int, tree: Node) -> MatchRule:
    name = f"rule {number}"
    return MatchRule(
        RuleInfo(name, name, name, Ruleset.SIGMA, "low"), name, LogSource("", "vonggac", ""), tree, Place("r", 1)
    )


@settings(max_examples=400, deadline=None)
@given(st.lists(TREES, min_size=1, max_size=8), st.lists(DOCUMENTS, min_size=1, max_size=6))
def test_the_matcher_agrees_with_asking_every_rule(trees: list[Node], documents: list[dict[str, Any]]):
    rules = [_rule(number, tree) for number, tree in enumerate(trees)]
    events = [{**event(), **document} for document in documents]
    plainly = [[rule for rule in rules if compile_tree(rule.tree)(Facts(one))] for one in events]
    for loops in (sift, compiled_loops()):
        matcher = _sifting(rules, loops)
        assert matcher.hits(events) == plainly
        assert not matcher.faults


def test_a_matcher_changes_to_the_sieve_once_it_has_asked_much():
    loaded: list[bool] = []

    def loops() -> Any:
        loaded.append(True)
        return compiled_loops()

    matcher = Matcher([_rule(0, Leaf(("f",), Text(Op.CONTAINS, "a")))], loops)
    events = [event(f="xay"), event(f="x")] * 500
    expected = [1, 0] * 500
    for _ in range(WORTH // 1_000 + 1):
        assert list(map(len, matcher.hits(events))) == expected
    assert loaded == [True, True]  # the round in which it was worth it, and the one after


def test_more_hits_than_the_loops_have_room_for_are_all_told():
    rules = [_rule(number, Leaf(("f",), Text(Op.CONTAINS, "a"))) for number in range(5)]
    found = _sifting(rules, compiled_loops()).hits([event(f="a"), event(f="b")] * 3_000)
    assert [len(rules) for rules in found] == [5, 0] * 3_000


def test_an_event_nested_deeper_than_the_loops_go_is_matched_all_the_same():
    deep: Any = "a"
    for _ in range(DEPTH):
        deep = [deep]
    rules = [_rule(0, Leaf(("f",), Text(Op.EQUALS, "a"))), _rule(1, Leaf(("f",), Text(Op.EQUALS, "b")))]
    for loops in (sift, compiled_loops()):
        found = _sifting(rules, loops).hits([event(f=deep), event(f=[deep]), event(f="b")])
        assert [[rule.info.id for rule in each] for each in found] == [["rule 0"], ["rule 0"], ["rule 1"]]


def test_rules_of_other_log_sources_are_not_asked():
    tree = Leaf(("f",), Text(Op.EQUALS, "a"))
    dns = MatchRule(RuleInfo("d", "d", "d", Ruleset.SIGMA, "low"), "d", LogSource("dns", "", ""), tree, Place("r", 1))
    matcher = Matcher([dns, _rule(1, tree)])
    flow, answer = event(f="a"), event(dataset="dns", f="a")
    of_flow, of_answer = matcher.hits([flow, answer])
    assert [rule.info.id for rule in of_flow] == ["rule 1"]
    assert [rule.info.id for rule in of_answer] == ["d", "rule 1"]


def test_a_rule_with_more_alternatives_than_rows_is_still_found():
    pairs = tuple(
        All((Leaf(("f",), Text(Op.CONTAINS, f"w{number:02}")), Leaf(("g",), Text(Op.EQUALS, str(number)))))
        for number in range(40)
    )
    matcher = _sifting([_rule(0, Either(pairs))], compiled_loops())
    events = [event(f=f, g=g) for f, g in (("xw07x", "7"), ("xw07x", "8"), ("w39", "39"))]
    assert list(map(len, matcher.hits(events))) == [1, 0, 1]
