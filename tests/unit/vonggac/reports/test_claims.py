from __future__ import annotations

import pytest

from tests.unit.vonggac.reports.bodies import comparison
from vonggac.reports import claims


def test_a_reduction_is_said_with_both_counts_the_base_and_the_coverage() -> None:
    body = comparison(coverage=(0.932, 0.91))
    assert claims.headline(body, "vi") == (
        "4 tháng đầu năm 2020: 1.056 sự cố, giảm 51,4 % so với cùng kỳ năm 2019 "
        "(1.056 so với 2.173 sự cố; độ phủ giám sát 93,2 % so với 91,0 %)."
    )
    assert "down 51.4 % on the same period of 2019" in claims.headline(body, "en")


@pytest.mark.parametrize("verdict", ["no-significant-change", "not-comparable"])
def test_a_fall_that_the_verdict_does_not_allow_is_not_called_one(verdict: str) -> None:
    body = comparison(verdict=verdict, reason="coverage-fell")
    said = claims.claim(body, "vi")
    assert "giảm" not in said
    assert "1.056 so với 2.173" in said
    assert "down" not in claims.claim(body, "en")


def test_what_cannot_be_compared_says_why() -> None:
    body = comparison(verdict="not-comparable", reason="coverage-fell")
    assert claims.claim(body, "vi").endswith("vì kỳ này được giám sát ít hơn kỳ trước")


def test_a_reason_without_a_sentence_is_named_by_its_key() -> None:
    assert claims.reason("moon-was-full", "vi") == "moon-was-full"
    assert claims.reason(None, "vi") == "không có lý do được ghi"


def test_a_rate_that_falls_while_the_count_rises_is_neither_up_nor_down() -> None:
    body = comparison(310, 300, verdict="reduction", asked="2020-M3", against="2020-M2")
    assert claims.claim(body, "en").startswith("neither up nor down on February 2020")


def test_an_increase_from_nothing_has_no_percentage() -> None:
    said = claims.claim(comparison(40, 0, verdict="increase"), "vi")
    assert said.startswith("tăng so với cùng kỳ năm 2019 (từ 0 lên 40 sự cố")
    assert "%" not in said


def test_another_period_is_called_by_its_name() -> None:
    body = comparison(asked="2020-M4", against="2020-M3")
    assert "so với tháng 3/2020 " in claims.claim(body, "vi")
    assert "so với năm 2019 " in claims.claim(comparison(asked="2020"), "vi")


def test_the_bodys_own_sentences_are_what_is_said() -> None:
    body = comparison(by="agency", overlap=(77, 165), sentences={"vi": ["Một câu.", "Hai câu."], "en": ["One."]})
    assert claims.notes(body, "vi") == ("Một câu.", "Hai câu.")


def test_a_body_without_sentences_says_its_verdict_and_its_overlap() -> None:
    verdict, overlap = claims.notes(comparison(by="agency", overlap=(77, 1650)), "vi")
    assert verdict.startswith("Giảm: ")
    assert "77 lượt" in overlap
    assert "1.650 lượt" in overlap
    assert claims.notes(comparison(), "en") == (claims.verdict(comparison(), "en"),)
