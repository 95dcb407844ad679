"""For every type and operator: any order within lateness, twice, cut anywhere: what fires is what the rule says."""

from __future__ import annotations

import random
from datetime import timedelta
from fractions import Fraction

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from correlator.expression import parse
from correlator.rule import Correlation, CorrelationType
from correlator.windows import Hit, Windows
from tests.unit.correlator.windows.naive import RULES, Group, by_hand, correlation, decided, hit, run, told

LATE = timedelta(seconds=90)
OPERATORS = ("gt", "gte", "lt", "lte", "eq", "neq")
NUMBERS = (Fraction(-3), Fraction(0), Fraction(1), Fraction(1, 10), Fraction(5), Fraction(10**20))

_drawn = st.lists(
    st.tuples(
        st.integers(0, 400),
        st.sampled_from([("192.0.2.1",), ("192.0.2.2",)]),
        st.sampled_from(RULES),
        st.sampled_from("xyz"),
        st.lists(st.sampled_from(NUMBERS), min_size=1, max_size=2),
    ),
    max_size=30,
)
_bounds = st.one_of(
    st.tuples(st.tuples(st.sampled_from(OPERATORS), st.integers(0, 5))),
    st.tuples(
        st.tuples(st.sampled_from(("gt", "gte")), st.integers(0, 3)),
        st.tuples(st.sampled_from(("lt", "lte", "neq")), st.integers(2, 5)),
    ),
)


def _hits(kind: CorrelationType, drawn: list[tuple[int, Group, str, str, list[Fraction]]]) -> list[tuple[Group, Hit]]:
    made = []
    for number, (second, group, rule, word, numbers) in enumerate(drawn):
        value = tuple(numbers) if kind.takes_numbers else ((word,),) if kind is CorrelationType.VALUE_COUNT else ()
        made.append((group, hit(second, f"e{number}", rule if kind.counts_rules else "", value)))
    return made


def _shuffled(hits: list[tuple[Group, Hit]], chance: random.Random) -> list[tuple[Group, Hit]]:
    """The hits as they come when each is late by less than LATE."""
    return [one for _, one in sorted((one[1].at + chance.randrange(90_000_000), one) for one in hits)]


def _agrees(rule: Correlation, hits: list[tuple[Group, Hit]], chance: random.Random) -> None:
    expected = by_hand(rule, hits)
    for order in (sorted(hits, key=lambda one: one[1]), _shuffled(hits, chance)):
        fired = run(Windows(rule, LATE), order)
        assert decided(fired) == expected
        assert told(fired) == [(one.group, one.stretch) for one in expected]


@pytest.mark.parametrize("kind", CorrelationType)
@settings(max_examples=60, deadline=None)
@given(_drawn, _bounds, st.sampled_from([0, 1, 50, 75, 99, 100]), st.randoms(use_true_random=False))
def test_shuffled_and_sorted_hits_fire_as_reckoned_by_hand(kind, drawn, bounds, percentile, chance):
    _agrees(correlation(kind, *bounds, percentile=percentile), _hits(kind, drawn), chance)


@pytest.mark.parametrize("text", ["a and b", "a and not b", "not a", "a or (b and c)", "not (a or b) or c"])
@settings(max_examples=60, deadline=None)
@given(_drawn, st.randoms(use_true_random=False))
def test_conditions_over_rules_fire_as_reckoned_by_hand(text, drawn, chance):
    rule = correlation(CorrelationType.TEMPORAL, expression=parse(text))
    _agrees(rule, _hits(CorrelationType.TEMPORAL, drawn), chance)


@pytest.mark.parametrize("kind", CorrelationType)
@settings(max_examples=40, deadline=None)
@given(_drawn, _bounds, st.randoms(use_true_random=False))
def test_hits_fed_twice_fire_as_once(kind, drawn, bounds, chance):
    rule, hits = correlation(kind, *bounds), _shuffled(_hits(kind, drawn), chance)
    windows = Windows(rule, LATE)
    once = run(windows, [one for one in hits for _ in range(2)])
    assert once == run(Windows(rule, LATE), hits)
    assert set(told(run(windows, hits))) <= set(told(once))


@pytest.mark.parametrize("kind", CorrelationType)
@settings(max_examples=40, deadline=None)
@given(_drawn, _bounds, st.integers(0, 30), st.randoms(use_true_random=False))
def test_a_state_put_away_and_taken_up_goes_on_as_if_undisturbed(kind, drawn, bounds, cut, chance):
    rule, hits = correlation(kind, *bounds), _shuffled(_hits(kind, drawn), chance)
    entities = {one.event: {"source.ip": "192.0.2.1", "source.port": one.at % 3} for _, one in hits}
    undisturbed = Windows(rule, LATE, "d")
    before = run(undisturbed, hits[:cut], entities, finish=False)
    data = undisturbed.dump()
    resumed = Windows(rule, LATE, "d")
    assert resumed.load(data)
    assert resumed.dump() == data
    assert run(resumed, hits[cut:], entities) == run(undisturbed, hits[cut:], entities)
    assert before + run(Windows(rule, LATE), []) == run(Windows(rule, LATE), hits[:cut], entities, finish=False)
    assert resumed.dump() == undisturbed.dump()
