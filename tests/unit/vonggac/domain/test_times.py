from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.times import (
    Period,
    format_instant,
    from_epoch_us,
    parse_instant,
    parse_period,
    parse_record_time,
    to_epoch_us,
)


@given(st.datetimes(min_value=datetime(1970, 1, 1), max_value=datetime(2200, 1, 1)))
def test_an_instant_written_and_read_is_the_same(naive: datetime) -> None:
    instant = naive.replace(tzinfo=UTC)
    assert parse_instant(format_instant(instant)) == instant
    assert from_epoch_us(to_epoch_us(instant)) == instant


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("2024-01-01T00:00:00Z", "2024-01-01T00:00:00.000000Z"),
        ("2024-01-01T00:00:00.1Z", "2024-01-01T00:00:00.100000Z"),
        ("2024-01-01T00:00:00.123456789Z", "2024-01-01T00:00:00.123456Z"),
        ("2024-01-01T07:00:00+07:00", "2024-01-01T00:00:00.000000Z"),
        ("2024-01-01t00:00:00z", "2024-01-01T00:00:00.000000Z"),
    ],
)
def test_any_fraction_and_offset_of_rfc_3339_is_read(text: str, expected: str) -> None:
    assert format_instant(parse_instant(text)) == expected


@pytest.mark.parametrize(
    "text",
    [
        "",
        "2024-01-01",
        "2024-01-01T00:00:00",
        "31/02/2024",
        "yesterday",
        "2024-W01-1T00:00:00.000000Z",
        "2024-01-01T24:00:00.000000Z",
        "2024-01-01T+1:00:00.000000Z",
        "2024-01-01T00:00:00,000000Z",
        "2024-01-01 00:00:00+000000Z",
    ],
)
def test_what_is_no_instant_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_instant(text)


def test_a_day_first_date_is_read_in_vietnams_time() -> None:
    assert format_instant(parse_record_time("01/02/2020")) == "2020-01-31T17:00:00.000000Z"
    assert format_instant(parse_record_time("01/02/2020 08:30")) == "2020-02-01T01:30:00.000000Z"


@pytest.mark.parametrize("text", ["29/02/2021", "32/01/2020", "01/13/2020", "01/01/2020 25:00"])
def test_a_day_that_does_not_exist_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_record_time(text)


@pytest.mark.parametrize(
    ("text", "start", "end"),
    [
        ("2020", "2019-12-31T17:00", "2020-12-31T17:00"),
        ("2020-Q1", "2019-12-31T17:00", "2020-03-31T17:00"),
        ("2020-Q4", "2020-09-30T17:00", "2020-12-31T17:00"),
        ("2020-M4", "2020-03-31T17:00", "2020-04-30T17:00"),
        ("2020-M1..M4", "2019-12-31T17:00", "2020-04-30T17:00"),
        ("2020-01-01/2020-05-01", "2019-12-31T17:00", "2020-04-30T17:00"),
    ],
)
def test_a_period_is_half_open_in_vietnams_time(text: str, start: str, end: str) -> None:
    period = parse_period(text)
    assert (format_instant(period.start)[:16], format_instant(period.end)[:16]) == (start, end)
    assert period.holds(period.start)
    assert not period.holds(period.end)


@pytest.mark.parametrize("text", ["2020-M13", "2020-Q5", "2020-M4..M1", "2020-05-01/2020-01-01", "soon", "2020-01-01"])
def test_a_period_that_is_none_is_refused(text: str) -> None:
    with pytest.raises(ValueError):
        parse_period(text)


def test_the_year_before_a_leap_day_ends_on_the_28th() -> None:
    before = parse_period("2020-02-29/2020-03-01").year_before()
    assert format_instant(before.start)[:10] == "2019-02-27"  # 28 February 00:00 in Vietnam
    assert before.text == "2019-02-28/2019-03-01"


@pytest.mark.parametrize(
    ("period", "before"),
    [
        ("2020-02-28/2020-02-29", "2019-02-28/2019-03-01"),
        ("2020-02-01/2020-02-29", "2019-02-01/2019-03-01"),
        ("2020-M2", "2019-02-01/2019-03-01"),
        ("2021-02-01/2021-02-28", "2020-02-01/2020-02-28"),
        ("2021-M2", "2020-02-01/2020-03-01"),
        ("2025-M1..M2", "2024-01-01/2024-03-01"),
        ("2021-02-28/2021-03-01", "2020-02-28/2020-03-01"),
    ],
)
def test_what_ends_with_the_28th_does_so_in_the_year_before_too(period: str, before: str) -> None:
    assert parse_period(period).year_before().text == before


@pytest.mark.parametrize(
    ("period", "reason"),
    [
        ("2020-02-28T18:00:00+07:00/2020-02-29T12:00:00+07:00", "period_backwards"),
        ("0001-01-02/0001-02-01", "no_year_before"),
        ("0002", "no_year_before"),
    ],
)
def test_a_year_before_that_is_not_there_is_refused(period: str, reason: str) -> None:
    with pytest.raises(ValueError, match=reason):
        parse_period(period).year_before()


@pytest.mark.parametrize("text", ["2020-02-30/2020-03-01", "01/02/2020", "9999", "0001", "0000-M1"])
def test_a_period_that_ends_on_no_day_says_so(text: str) -> None:
    with pytest.raises(ValueError, match="no_such_day"):
        parse_period(text)


def test_new_years_eve_belongs_to_the_old_year_in_vietnam() -> None:
    period = parse_period("2020")
    assert period.holds(parse_instant("2020-12-31T23:59:59+07:00"))
    assert not period.holds(parse_instant("2021-01-01T00:00:00+07:00"))


def test_a_period_knows_its_days() -> None:
    assert isinstance(parse_period("2020"), Period)
    assert parse_period("2020").days == 366
