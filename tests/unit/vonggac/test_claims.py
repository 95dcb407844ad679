"""A published percentage is right, or wrong in a way that has a name."""

from __future__ import annotations

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.claims import explained


def explain(previous: str, current: str, claimed: str | None = None) -> dict[str, Any]:
    return explained(Decimal(current), Decimal(previous), None if claimed is None else Decimal(claimed))


def test_659_000_to_552_000_is_a_fall_of_16_24_percent_and_19_38_was_divided_by_the_later_number() -> None:
    told = explain("659000", "552000", "-19.38")
    assert round(told["change_percent"], 2) == -16.24
    assert (told["because"], told["numerator"], told["denominator"]) == ("divided-by-current", -107000, 659000)
    assert explain("659000", "552000", "-16.24")["because"] == "right"


@pytest.mark.parametrize(
    ("previous", "current", "claimed", "because"),
    [
        ("2173", "1056", "-51.4", "right"),
        ("2173", "1056", "51.4", "sign"),
        ("659000", "552000", "19.38", "reversed"),
        ("659000", "552000", "83.76", "remainder"),
        ("659000", "552000", "-83.76", "remainder"),
        ("659000", "552000", "-16.23", "cut-off"),
        ("3", "5", "66", "cut-off"),
        ("3", "5", "67", "right"),
        ("659000", "552000", "-12.5", "no-known-reckoning"),
        ("100", "0", "-100", "right"),
        ("100", "100", "0", "right"),
        ("8", "7", "-12.5", "right"),
        ("8", "7", "-13", "right"),
    ],
)
def test_a_claim_has_its_reckoning(previous: str, current: str, claimed: str, because: str) -> None:
    assert explain(previous, current, claimed)["because"] == because


def test_nothing_before_has_no_percentage() -> None:
    told = explain("0", "5", "500")
    assert (told["change_percent"], told["reason"]) == (None, "previous-is-zero")
    assert "because" not in told


def test_without_a_claim_it_is_the_change_alone() -> None:
    assert "because" not in explain("200", "150")
    assert explain("200", "150")["change_percent"] == -25


@given(st.integers(1, 10**7), st.integers(0, 10**7), st.integers(0, 4))
def test_a_claim_rounded_half_up_from_the_right_value_is_right(previous: int, current: int, places: int) -> None:
    exact = Fraction(100 * (current - previous), previous)
    scaled = exact * 10**places
    half_up = int(abs(scaled) + Fraction(1, 2)) * (1 if scaled >= 0 else -1)
    claimed = (Decimal(half_up) / 10**places).quantize(Decimal(1).scaleb(-places), ROUND_HALF_UP)
    assert explained(Decimal(current), Decimal(previous), claimed)["because"] == "right"
