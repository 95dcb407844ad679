"""Numbers as events write them."""

from __future__ import annotations

from decimal import Decimal
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.numbers import number_of, plain


@given(st.decimals(allow_nan=False, allow_infinity=False, min_value=-(10**30), max_value=10**30, places=6))
def test_a_decimal_in_text_is_exactly_itself(value: Decimal):
    assert number_of(str(value)) == Fraction(value)


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_float_is_the_decimal_that_it_is_written_as(value: float):
    number = number_of(value)
    assert number == Fraction(repr(value))
    assert number is not None
    assert float(plain(number)) == value


def test_tenths_add_up():
    numbers = [number_of(0.1) for _ in range(10)]
    assert sum(number for number in numbers if number is not None) == 1


@pytest.mark.parametrize(
    "value", [True, None, "", "many", "0x10", "1_000", "nan", "inf", "1e999", float("nan"), float("inf"), "9" * 65, [1]]
)
def test_what_is_no_number_is_none(value: object):
    assert number_of(value) is None


def test_a_number_too_large_for_any_field_is_none():
    assert number_of(1 << 1024) is None
    assert number_of((1 << 1024) - 1) is not None
