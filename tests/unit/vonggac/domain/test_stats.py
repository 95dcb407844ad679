import math
from datetime import UTC, datetime
from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.incident import Involvement, Role
from vonggac.domain.stats import By, Change, CountRow, Coverage, Verdict, compare, print_percent, ratio_interval

WHEN = datetime(2020, 2, 1, tzinfo=UTC)


def rows(count: int, category: str = "phishing", *agencies: str, counted: bool = True) -> list[CountRow]:
    involved = tuple(Involvement(agency, Role.VICTIM) for agency in agencies)
    return [CountRow(f"i{at}", WHEN, WHEN, category, "medium", counted, involved) for at in range(count)]


def test_january_to_april_2020_fell_by_51_4_percent() -> None:
    now = [*rows(553, "phishing"), *rows(280, "deface"), *rows(223, "malware")]
    found = compare(now, rows(2173, "other"), By.CATEGORY)
    assert (found.total.current, found.total.previous) == (1056, 2173)
    assert print_percent(found.total.change) == Decimal("-51.4")
    assert found.verdict is Verdict.REDUCTION
    assert {row.key: row.current for row in found.rows} == {"phishing": 553, "deface": 280, "malware": 223, "other": 0}


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
    found = compare(rows(12), [], By.CATEGORY)
    assert found.total.change is None
    assert found.total.reason == "previous-is-zero"


def test_three_agencies_and_one_site_are_one_incident_and_three_involvements() -> None:
    found = compare(rows(1, "phishing", "A", "B", "C"), [], By.AGENCY)
    assert found.total.current == 1
    assert [(row.key, row.current) for row in found.rows] == [("A", 1), ("B", 1), ("C", 1)]
    assert found.overlap["current"] == 2


@given(st.lists(st.sets(st.sampled_from("ABCD"), max_size=4), max_size=30))
def test_rows_add_up_to_the_total_and_the_overlap(involved: list[set[str]]) -> None:
    now = [rows(1, "phishing", *agencies)[0] for agencies in involved]
    found = compare(now, [], By.AGENCY)
    assert sum(row.current for row in found.rows) == found.total.current + found.overlap["current"]


def test_an_incident_involving_an_agency_in_two_roles_counts_once_in_its_row() -> None:
    twice = CountRow(
        "i", WHEN, WHEN, "phishing", "low", True, (Involvement("A", Role.VICTIM), Involvement("A", Role.DETECTOR))
    )
    found = compare([twice], [], By.AGENCY)
    assert [(row.key, row.current) for row in found.rows] == [("A", 1)]
    assert found.overlap["current"] == 0


def test_what_is_not_counted_is_in_no_row() -> None:
    found = compare(rows(5, counted=False), rows(3), By.CATEGORY)
    assert (found.total.current, found.total.previous) == (0, 3)


def test_a_fall_with_a_fall_in_coverage_is_not_comparable() -> None:
    found = compare(rows(500), rows(1000), By.NONE, coverage=Coverage(0.7, 1.0))
    assert found.verdict is Verdict.NOT_COMPARABLE
    assert found.total.reason == "coverage-fell"


def test_few_cases_carry_no_trend() -> None:
    assert compare(rows(1), rows(5), By.NONE).verdict is Verdict.NOT_COMPARABLE


def test_a_small_difference_is_not_significant() -> None:
    assert compare(rows(100), rows(110), By.NONE).verdict is Verdict.NO_SIGNIFICANT_CHANGE


def test_a_rise_is_an_increase() -> None:
    assert compare(rows(300), rows(100), By.NONE).verdict is Verdict.INCREASE


@pytest.mark.parametrize(
    ("current", "previous", "low", "high"),
    [
        # share interval of 0 in 5 and of 10 in 20 (Clopper and Pearson 1934), as odds
        (0, 5, 0.0, 0.5218 / (1 - 0.5218)),
        (10, 10, 0.2720 / (1 - 0.2720), 0.7280 / (1 - 0.7280)),
        (5, 0, (1 - 0.5218) / 0.5218, math.inf),
    ],
)
def test_the_interval_is_the_exact_conditional_one(current: int, previous: int, low: float, high: float) -> None:
    found = ratio_interval(current, previous)
    assert found is not None
    assert found[0] == pytest.approx(low, rel=1e-3)
    assert found[1] == pytest.approx(high, rel=1e-3)


def test_no_case_at_all_has_no_interval() -> None:
    assert ratio_interval(0, 0) is None


@given(st.integers(0, 3000), st.integers(1, 3000))
def test_the_interval_holds_the_ratio(current: int, previous: int) -> None:
    found = ratio_interval(current, previous)
    assert found is not None
    assert found[0] <= current / previous <= found[1]
