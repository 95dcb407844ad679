from __future__ import annotations

from collections import defaultdict
from datetime import date, timedelta
from fractions import Fraction

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.unit.vonggac.domain.directories import CODES, DAYS, directories
from vonggac.domain.agency import Agency, Directory, Level, LineageKind, Predecessor
from vonggac.domain.lineage import Lineage, Part

FIRST, SECOND, THIRD = date(2025, 1, 1), date(2025, 3, 1), date(2025, 7, 1)
BEFORE, AFTER = date(2024, 6, 1), date(2025, 12, 1)


def unit(code: str, start: date | None, end: date | None, *olds: Predecessor | str) -> Agency:
    how = tuple(Predecessor(old) if isinstance(old, str) else old for old in olds)
    return Agency(code, code.title(), Level.PROVINCE, None, start or date(1900, 1, 1), end, predecessors=how)


def split(code: str, share: str | None) -> Predecessor:
    return Predecessor(code, LineageKind.SPLIT, None if share is None else Fraction(share))


def told(parts: tuple[Part, ...]) -> list[tuple[str, date | None, Fraction, bool]]:
    return [(part.code, part.unit.valid_from if part.unit else None, part.share, part.known) for part in parts]


def lineage(*units: Agency) -> Lineage:
    return Lineage(Directory(units))


MERGED = lineage(
    unit("17", None, THIRD), unit("25", None, THIRD), unit("26", None, THIRD), unit("25", THIRD, None, "26", "17", "25")
)


@pytest.mark.parametrize("code", ["17", "25", "26"])
def test_what_was_merged_is_found_in_the_new_unit_and_not_in_the_old_one_of_the_same_code(code: str) -> None:
    assert told(MERGED.in_units_of(code, BEFORE, AFTER)) == [("25", THIRD, Fraction(1), True)]


def test_a_merged_unit_cannot_be_parted_into_what_it_came_from() -> None:
    assert told(MERGED.in_units_of("25", AFTER, BEFORE)) == [("25", THIRD, Fraction(1), False)]


def test_a_unit_that_is_there_on_both_days_stays_itself() -> None:
    found = lineage(unit("01", None, None))
    assert told(found.in_units_of("01", BEFORE, AFTER)) == [("01", date(1900, 1, 1), Fraction(1), True)]


def test_a_code_that_the_directory_does_not_know_stays_itself() -> None:
    assert MERGED.in_units_of("H40", BEFORE, AFTER) == (Part(None, "H40"),)
    assert MERGED.unit_at("H40", BEFORE) is None


def test_successors_are_followed_over_every_reorganisation_and_shares_multiply() -> None:
    found = lineage(
        unit("a", None, FIRST),
        unit("b", FIRST, SECOND, Predecessor("a", LineageKind.RENAMED)),
        unit("c", SECOND, THIRD, split("b", "0.4")),
        unit("d", SECOND, None, split("b", "3/5")),
        unit("e", THIRD, None, split("c", "1/4")),
        unit("f", THIRD, None, split("c", "3/4")),
    )
    assert told(found.in_units_of("a", BEFORE, AFTER)) == [
        ("e", THIRD, Fraction(1, 10), True),
        ("f", THIRD, Fraction(3, 10), True),
        ("d", SECOND, Fraction(3, 5), True),
    ]


def test_what_was_parted_and_came_together_again_is_one() -> None:
    found = lineage(
        unit("a", None, FIRST),
        unit("b", FIRST, SECOND, split("a", "1/3")),
        unit("c", FIRST, SECOND, split("a", "2/3")),
        unit("d", SECOND, None, "b", "c"),
    )
    assert told(found.in_units_of("a", BEFORE, AFTER)) == [("d", SECOND, Fraction(1), True)]


@pytest.mark.parametrize("shares", [(None, None), ("1/2", "1/3"), ("1/2", None)])
def test_a_split_whose_shares_nobody_knows_stays_with_the_old_unit_and_says_so(shares: tuple[str | None, ...]) -> None:
    news = (unit(code, FIRST, None, split("a", share)) for code, share in zip("bc", shares, strict=True))
    assert told(lineage(unit("a", None, FIRST), *news).in_units_of("a", BEFORE, AFTER)) == [
        ("a", date(1900, 1, 1), Fraction(1), False)
    ]


def test_a_unit_that_ended_without_successor_stays_itself_and_says_so() -> None:
    found = lineage(unit("a", None, FIRST))
    assert told(found.in_units_of("a", BEFORE, AFTER)) == [("a", date(1900, 1, 1), Fraction(1), False)]


def test_what_was_only_renamed_is_found_before_too() -> None:
    found = lineage(unit("46", None, FIRST), unit("46", FIRST, None, Predecessor("46", LineageKind.RENAMED)))
    assert told(found.in_units_of("46", AFTER, BEFORE)) == [("46", date(1900, 1, 1), Fraction(1), True)]


def test_a_part_of_a_unit_is_not_found_before() -> None:
    found = lineage(
        unit("a", None, FIRST), unit("b", FIRST, None, split("a", "1/2")), unit("c", FIRST, None, split("a", "1/2"))
    )
    assert told(found.in_units_of("b", AFTER, BEFORE)) == [("b", FIRST, Fraction(1), False)]


def test_a_predecessor_that_does_not_end_on_the_day_is_not_followed() -> None:
    found = lineage(unit("a", None, FIRST), unit("b", SECOND, None, "a"))
    assert told(found.in_units_of("a", BEFORE, AFTER)) == [("a", date(1900, 1, 1), Fraction(1), False)]
    assert told(found.in_units_of("b", AFTER, BEFORE)) == [("b", SECOND, Fraction(1), False)]


def test_a_code_used_after_its_unit_ended_means_that_unit_and_before_its_first_day_the_first() -> None:
    assert told(MERGED.in_units_of("26", AFTER, AFTER)) == [("25", THIRD, Fraction(1), True)]
    later = unit("b", SECOND, None)
    assert lineage(later).unit_at("b", BEFORE) is later


@given(directories, st.sampled_from([*CODES, "?"]), st.sampled_from(DAYS), st.sampled_from(DAYS))
def test_shares_sum_to_1_and_what_is_known_is_there_on_that_day(
    directory: Directory, code: str, day: date, target: date
) -> None:
    parts = Lineage(directory).in_units_of(code, day, target)
    assert sum(part.share for part in parts) == 1
    for part in parts:
        assert part.unit is None or part.unit.valid_on(target) is part.known


cases = st.lists(st.tuples(st.sampled_from([*CODES, "?"]), st.sampled_from(DAYS), st.integers(1, 9)), max_size=20)


@given(directories, cases, st.sampled_from(DAYS), st.integers(-400, 400))
def test_totals_under_lineage_are_preserved(
    directory: Directory, counted: list[tuple[str, date, int]], target: date, days: int
) -> None:
    found = Lineage(directory)
    rows: defaultdict[str, Fraction] = defaultdict(Fraction)
    for code, day, count in counted:
        shifted = max(date(1901, 1, 1), day + timedelta(days=days))
        for part in found.in_units_of(code, shifted, target):
            rows[part.code] += part.share * count
    assert sum(rows.values()) == sum(count for *_, count in counted)
