from __future__ import annotations

from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.reports.bodies import period
from vonggac.domain.times import parse_period
from vonggac.reports import figures


def test_vietnamese_writes_a_decimal_comma_and_dotted_thousands() -> None:
    assert figures.decimal(1234567.25, 1, "vi") == "1.234.567,3"
    assert figures.decimal(1234567.25, 1, "en") == "1,234,567.3"
    assert figures.count(2173, "vi") == "2.173"


def test_a_sum_of_shares_keeps_one_decimal_and_a_whole_count_none() -> None:
    assert figures.count(0.1 + 0.2, "vi") == "0,3"
    assert figures.count(3.0, "vi") == "3"
    assert figures.count(None, "vi") == "–"


@pytest.mark.parametrize(
    ("current", "previous", "printed"),
    [
        (1056, 2173, "−51,4 %"),
        (552_000, 659_000, "−16,2 %"),
        (1065, 1000, "+6,5 %"),
        (10005, 10000, "+0,1 %"),  # 0.05 goes away from zero
        (9995, 10000, "−0,1 %"),
        (100001, 100000, "0,0 %"),
        (5, 5, "0,0 %"),
        (5, 0, "–"),
    ],
)
def test_a_percentage_is_reckoned_from_the_counts_and_rounded_half_up(
    current: int, previous: int, printed: str
) -> None:
    assert figures.change(current, previous, "vi") == printed


@given(st.integers(0, 10**7), st.integers(1, 10**7))
def test_a_printed_percentage_is_within_half_a_tenth_of_the_exact_one(current: int, previous: int) -> None:
    printed = figures.change(current, previous, "en").removesuffix(" %").replace("−", "-").replace(",", "")
    assert abs(Fraction(printed) - Fraction(100 * (current - previous), previous)) <= Fraction(1, 20)


@pytest.mark.parametrize(
    ("asked", "vi", "en"),
    [
        ("2020", "năm 2020", "2020"),
        ("2020-M4", "tháng 4/2020", "April 2020"),
        ("2020-Q1", "quý I/2020", "quarter 1 of 2020"),
        ("2020-M1..M4", "4 tháng đầu năm 2020", "the first 4 months of 2020"),
        ("2020-M3..M6", "tháng 3 đến tháng 6/2020", "March to June 2020"),
        ("2019-12-15/2020-12-15", "15/12/2019 – 14/12/2020", "15/12/2019 – 14/12/2020"),
        ("2020-02-29/2020-03-01", "29/02/2020", "29/02/2020"),
    ],
)
def test_a_period_is_called_as_people_call_it(asked: str, vi: str, en: str) -> None:
    body = period(parse_period(asked))
    assert figures.period_name(body, "vi") == vi
    assert figures.period_name(body, "en") == en


def test_a_period_that_ends_within_a_day_names_its_minutes() -> None:
    asked = parse_period("2020-01-01T00:00:00+07:00/2020-01-01T12:30:00+07:00")
    assert figures.span(period(asked)) == "01/01/2020 00:00 – 01/01/2020 12:30"


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(None, "–"), (29, "0 phút"), (59 * 60, "59 phút"), (7200, "2 giờ"), (90061, "1 ngày 1 giờ"), (86400, "1 ngày")],
)
def test_a_duration_is_said_in_its_two_largest_units(seconds: float | None, said: str) -> None:
    assert figures.duration(seconds, "vi") == said


def test_months_of_several_years_are_told_apart() -> None:
    within = [period(parse_period(f"2020-M{month}")) for month in (1, 2)]
    across = [period(parse_period("2019-M12")), *within]
    assert figures.month_labels(within, "vi") == ["Tháng 1", "Tháng 2"]
    assert figures.month_labels(across, "vi") == ["12/2019", "01/2020", "02/2020"]


@pytest.mark.parametrize(
    ("value", "vi"), [(0, "0,0"), (0.04, "< 0,1"), (0.05, "0,1"), (12, "12,0"), (1234.56, "1.234,6")]
)
def test_a_rate_has_one_decimal_and_never_rounds_to_nothing(value: float, vi: str) -> None:
    assert figures.rate(value, "vi") == vi
    assert figures.rate(value, "en") == vi.translate(str.maketrans(",.", ".,"))
