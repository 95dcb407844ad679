from collections.abc import Hashable, Mapping, Sequence
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.covered import Coverage, Pair
from vonggac.domain.incident import Involvement, Role
from vonggac.domain.states import Facts, agencies_of
from vonggac.domain.stats import (
    UNKNOWN,
    Change,
    Count,
    Measures,
    Number,
    Slice,
    Verdict,
    compare,
    counted_by,
    counted_by_agencies,
    is_counted,
    measured,
    overlap_of,
    print_percent,
)

WHOLE = 1


def count(total: int, rows: Mapping[Hashable, int] | None = None) -> Count:
    return Count(total, rows or {}, 0, Measures())


def as_they_are(code: str, place: int) -> Sequence[tuple[Hashable, Number]]:
    return [(code, WHOLE)]


def test_january_to_april_2020_fell_by_51_4_percent() -> None:
    found = compare(count(1056, {"phishing": 553, "deface": 280, "malware": 223}), count(2173, {"other": 2173}), {})
    assert print_percent(found.total.change) == Decimal("-51.4")
    assert found.total.verdict is Verdict.REDUCTION
    assert [(row.key, row.current, row.previous) for row in found.rows] == [
        ("phishing", 553, 0),
        ("deface", 280, 0),
        ("malware", 223, 0),
        ("other", 0, 2173),
    ]


@pytest.mark.parametrize(
    ("change", "printed"),
    [(Fraction(1, 20), "0.1"), (Fraction(-1, 20), "-0.1"), (Fraction(-1, 25), "0.0"), (Fraction(649, 100), "6.5")],
)
def test_percentages_round_half_away_from_zero(change: Fraction, printed: str) -> None:
    assert print_percent(change) == Decimal(printed)


def test_552_000_against_659_000_is_a_fall_of_16_24_percent() -> None:
    change = Change("total", 552_000, 659_000).change
    assert change is not None
    assert round(float(change), 2) == -16.24


def test_nothing_before_gives_no_percentage_and_says_why() -> None:
    total = compare(count(12), count(0), {}).total
    assert (total.change, total.reason) == (None, "previous-is-zero")


def test_three_agencies_and_one_site_are_one_incident_and_three_involvements() -> None:
    rows = counted_by_agencies([Slice({}, {("A", "B", "C"): 1})], as_they_are)
    assert rows == {"A": 1, "B": 1, "C": 1}
    assert overlap_of(rows.values(), 1) == 2


def test_an_incident_involving_an_agency_in_two_roles_counts_once_in_its_row() -> None:
    twice = (Involvement("A", Role.DETECTOR), Involvement("A", Role.VICTIM))
    assert counted_by_agencies([Slice({}, {agencies_of(twice): 5})], as_they_are) == {"A": 5}


def test_an_incident_of_two_units_that_became_one_counts_once_in_its_row() -> None:
    rows = counted_by_agencies([Slice({}, {("A", "B"): 3})], lambda code, place: [("AB", WHOLE)])
    assert rows == {"AB": 3}


def test_shares_of_a_unit_that_was_parted_are_exact() -> None:
    thirds = [("B", Fraction(1, 3)), ("C", Fraction(2, 3))]
    rows = counted_by_agencies([Slice({}, {("A",): 1, ("A", "D"): 1})], lambda code, place: thirds)
    assert rows == {"B": Fraction(1, 3) + Fraction(2, 3), "C": Fraction(2, 3) + 1}


def test_nobody_involved_is_a_row_of_its_own() -> None:
    assert counted_by_agencies([Slice({}, {(): 2})], as_they_are) == {UNKNOWN: 2}


UNITS = "ABCD"


@given(
    st.lists(st.tuples(st.sets(st.sampled_from(UNITS), max_size=4), st.integers(1, 9)), max_size=30),
    st.fixed_dictionaries({unit: st.lists(st.integers(1, 4), min_size=1, max_size=3) for unit in UNITS}),
)
def test_rows_add_up_to_the_total_and_the_overlap(
    involved: list[tuple[set[str], int]], parted: dict[str, list[int]]
) -> None:
    def shares(code: str, place: int) -> Sequence[tuple[Hashable, Number]]:
        return [(f"{code}{at}", Fraction(part, sum(parted[code]))) for at, part in enumerate(parted[code])]

    slices = [Slice({}, {tuple(sorted(agencies)): number}) for agencies, number in involved]
    total = sum(number for _, number in involved)
    rows = counted_by_agencies(slices, shares)
    assert sum(rows.values()) == total + overlap_of(rows.values(), total)
    assert overlap_of(rows.values(), total) == sum(max(0, len(agencies) - 1) * number for agencies, number in involved)


def test_slices_count_in_rows_of_their_own() -> None:
    facts = Facts("dos", "low", "attack", counted=True)
    slices = [Slice({facts: 2}), Slice({facts: 3})]
    assert counted_by(slices, lambda each, place: f"{each.category}-{place}") == {"dos-0": 2, "dos-1": 3}


def test_what_is_not_counted_is_a_test_or_of_a_category_that_is_not() -> None:
    facts = Facts("dos", "low", "attack", counted=True)
    assert is_counted(facts, lambda category: True)
    assert not is_counted(facts, lambda category: False)
    assert not is_counted(Facts("dos", "low", "attack", counted=False), lambda category: True)


def test_other_measures_stand_beside_the_count() -> None:
    low = Facts("dos", "low", "attack", counted=True, found=True, systems=1, agencies=2)
    high = Facts("dos", "high", "attack", counted=True, agencies=1)
    found = measured([Slice({low: 3}), Slice({high: 2})], {"low": 1, "high": 5}, {})
    assert found == Measures(involvements=8, severity_weighted=13, harmed_systems=3, found=3)


@pytest.mark.parametrize(
    ("watched", "reason"), [("7/10", "coverage-fell"), ("89/100", "coverage-fell"), ("9/10", None)]
)
def test_a_fall_with_a_fall_in_coverage_is_not_comparable(watched: str, reason: str | None) -> None:
    total = compare(count(500), count(1000), {}, coverage=Coverage(Pair(Fraction(watched), Fraction(1)))).total
    assert total.reason == reason
    assert total.verdict is (Verdict.NOT_COMPARABLE if reason else Verdict.REDUCTION)


@pytest.mark.parametrize(
    ("now", "watched", "before", "verdict", "reason"),
    [
        (200, "1", "7/10", Verdict.NOT_COMPARABLE, "coverage-rose"),  # 120 * 10/7 = 171
        (300, "1", "7/10", Verdict.INCREASE, None),
        (200, "1", "1", Verdict.INCREASE, None),
        (200, "1", "0", Verdict.NOT_COMPARABLE, "coverage-rose"),
        (100, "1", "7/10", Verdict.NO_SIGNIFICANT_CHANGE, None),
        (60, "1", "7/10", Verdict.REDUCTION, None),
    ],
)
def test_a_rise_that_more_watching_explains_is_not_claimed(
    now: int, watched: str, before: str, verdict: Verdict, reason: str | None
) -> None:
    coverage = Coverage(Pair(Fraction(watched), Fraction(before)))
    total = compare(count(now), count(120), {}, coverage=coverage).total
    assert (total.verdict, total.reason) == (verdict, reason)


def test_a_rise_with_a_fall_in_coverage_is_an_increase() -> None:
    assert (
        compare(count(200), count(100), {}, coverage=Coverage(Pair(Fraction(1, 2), Fraction(1)))).total.verdict
        is Verdict.INCREASE
    )


def test_more_watching_makes_no_fall_of_a_count_that_stayed() -> None:
    found = compare(count(1000), count(1000), {}, coverage=Coverage(Pair(Fraction(1), Fraction(1, 2))))
    assert (found.total.verdict, found.rate_ratio) == (Verdict.NO_SIGNIFICANT_CHANGE, 1.0)


def test_less_watching_makes_a_fall_harder_to_claim() -> None:
    assert compare(count(930), count(1024), {}).total.verdict is Verdict.REDUCTION
    little = compare(count(930), count(1024), {}, coverage=Coverage(Pair(Fraction(92, 100), Fraction(1))))
    assert little.total.verdict is Verdict.NO_SIGNIFICANT_CHANGE


def test_a_longer_period_is_reckoned_by_its_length() -> None:
    found = compare(count(1210), count(1200), {}, time=Fraction(121, 120))
    assert found.rate_ratio == 1.0
    assert found.ci95 is not None
    assert found.ci95[0] < 1 < found.ci95[1]


def test_two_sets_of_definitions_are_not_comparable() -> None:
    total = compare(count(100), count(1000), {}, hindrance="definitions-changed").total
    assert (total.verdict, total.reason) == (Verdict.NOT_COMPARABLE, "definitions-changed")


def test_few_cases_carry_no_trend_in_any_row() -> None:
    found = compare(count(301, {"a": 300, "b": 1}), count(105, {"a": 100, "b": 5}), {})
    assert [(row.key, row.verdict) for row in found.rows] == [("a", Verdict.INCREASE), ("b", Verdict.NOT_COMPARABLE)]
    assert compare(count(1), count(5), {}).total.reason == "too-few-cases"


def test_a_small_difference_is_not_significant() -> None:
    assert compare(count(100), count(110), {}).total.verdict is Verdict.NO_SIGNIFICANT_CHANGE
