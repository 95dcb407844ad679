from __future__ import annotations

from datetime import date
from fractions import Fraction
from ipaddress import ip_network

import pytest
from hypothesis import given

from tests.unit.vonggac.domain.directories import directories
from vonggac.domain.agency import Agency, Directory, Level, LineageKind, Predecessor
from vonggac.domain.faults import Fault, Reason, faults
from vonggac.messages import LANGUAGES, catalogue

FIRST, SECOND = date(2025, 1, 1), date(2025, 7, 1)


def unit(
    code: str, parent: str | None = None, start: date = date(1900, 1, 1), end: date | None = None, *olds: Predecessor
) -> Agency:
    return Agency(code, code, Level.UNIT, parent, start, end, predecessors=olds)


def found(*units: Agency) -> list[Fault]:
    return list(faults(Directory(units)))


def reasons(*units: Agency) -> list[tuple[str, Reason]]:
    return [(fault.unit.code, fault.reason) for fault in found(*units)]


def half(code: str, share: str | None = "1/2") -> Predecessor:
    return Predecessor(code, LineageKind.SPLIT, None if share is None else Fraction(share))


def test_a_sound_directory_has_none() -> None:
    assert (
        reasons(
            unit("VN"),
            unit("26", "VN", end=SECOND),
            unit("25", "VN", end=SECOND),
            unit("25", "VN", SECOND, None, Predecessor("26"), Predecessor("25")),
            unit("dept", "25"),
            unit("a", "VN", FIRST, SECOND),
            unit("b", "VN", SECOND, None, half("a")),
            unit("c", "VN", SECOND, None, half("a")),
            unit("d", "VN", FIRST, SECOND),
            unit("e", "VN", SECOND, None, half("d", None)),
        )
        == []
    )


def test_two_lives_of_one_code_may_not_overlap() -> None:
    (fault,) = found(unit("a", end=SECOND), unit("a", None, FIRST))
    assert (fault.reason, fault.facts["start"], fault.facts["end"]) == (Reason.OVERLAP, "2025-01-01", "2025-07-01")
    assert reasons(unit("a"), unit("a", None, FIRST)) == [("a", Reason.OVERLAP)]


def test_lives_that_meet_are_sound_and_a_gap_needs_predecessors() -> None:
    assert reasons(unit("a", end=FIRST), unit("a", None, FIRST)) == []
    assert reasons(unit("a", end=FIRST), unit("a", None, SECOND)) == [("a", Reason.GAP)]
    anew = unit("a", None, SECOND, None, Predecessor("b"))
    assert reasons(unit("a", end=FIRST), unit("b", end=SECOND), anew) == []


def test_a_parent_must_be_known() -> None:
    assert reasons(unit("a", "x")) == [("a", Reason.PARENT_UNKNOWN)]


@pytest.mark.parametrize(
    ("child", "away"),
    [
        (unit("c", "p", date(2024, 1, 1), FIRST), ("2024-01-01", "2025-01-01")),
        (unit("c", "p", FIRST), ("2025-07-01", "…")),
        (unit("c", "p", FIRST, date(2025, 9, 1)), ("2025-07-01", "2025-09-01")),
    ],
)
def test_a_parent_must_be_there_on_every_day_and_the_fault_names_the_days(child: Agency, away: tuple[str, str]) -> None:
    (fault,) = found(unit("p", None, FIRST, SECOND), child)
    assert fault.reason is Reason.PARENT_AWAY
    assert (fault.facts["start"], fault.facts["end"]) == away


def test_a_parent_may_have_several_lives_and_a_child_without_a_first_day_begins_with_it() -> None:
    assert reasons(unit("p", None, FIRST, SECOND), unit("p", None, SECOND), unit("c", "p")) == []


def test_no_code_stands_below_itself() -> None:
    assert reasons(unit("a", "a")) == [("a", Reason.CYCLE)]
    assert set(reasons(unit("a", "b"), unit("b", "c"), unit("c", "a"), unit("d", "a"))) == {
        ("a", Reason.CYCLE),
        ("b", Reason.CYCLE),
        ("c", Reason.CYCLE),
    }


def test_a_predecessor_must_be_known_and_end_on_the_successors_first_day() -> None:
    assert reasons(unit("a", None, FIRST, None, Predecessor("x"))) == [("a", Reason.PREDECESSOR_UNKNOWN)]
    for old in (unit("x"), unit("x", end=SECOND)):
        assert reasons(old, unit("a", None, FIRST, None, Predecessor("x"))) == [("a", Reason.PREDECESSOR_DAY)]


@pytest.mark.parametrize("shares", [("1/2", "1/3"), ("1", "1"), ("1/2", None)])
def test_the_shares_of_all_successors_are_all_unknown_or_sum_to_1(shares: tuple[str | None, str | None]) -> None:
    news = [unit(code, None, FIRST, None, half("x", share)) for code, share in zip("ab", shares, strict=True)]
    assert reasons(unit("x", end=FIRST), *news) == [("a", Reason.SHARES), ("b", Reason.SHARES)]


def test_two_units_do_not_have_one_network_at_the_same_time() -> None:
    wide, same = ip_network("10.1.0.0/16"), ip_network("::ffff:10.1.0.0/112")
    one = Agency("a", "a", Level.UNIT, networks=(wide,), valid_to=SECOND)
    other = Agency("b", "b", Level.UNIT, networks=(same,), valid_from=FIRST)
    (fault,) = found(one, other)
    assert (fault.reason, fault.facts["network"], fault.facts["other"]) == (Reason.NETWORK, "10.1.0.0/16", "a")
    assert found(one, Agency("b", "b", Level.UNIT, networks=(same,), valid_from=SECOND)) == []
    assert found(one, Agency("b", "b", Level.UNIT, networks=(ip_network("10.1.2.0/24"),))) == []


@given(directories)
def test_no_directory_is_too_broken_to_be_looked_at(directory: Directory) -> None:
    for fault in faults(directory):
        assert fault.among[0] == fault.unit
        for lang in LANGUAGES:
            said = catalogue(lang)[f"error.row_{fault.reason}"]
            assert said.format_map({**fault.facts, "location": "x.csv", "line": 2})


@pytest.mark.parametrize("reason", Reason)
def test_every_reason_has_its_sentence(reason: Reason) -> None:
    assert all(f"error.row_{reason}" in catalogue(lang) for lang in LANGUAGES)
