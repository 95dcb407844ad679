"""What a table of severities makes of its grounds."""

from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.dated import severity_tables
from vonggac.domain.detection import Severity
from vonggac.domain.severity import Grounds, Rating, rating_data, rating_from

TABLE = severity_tables()[0]
GROUNDS = st.builds(
    Grounds,
    level=st.sampled_from(list(TABLE.levels)),
    system=st.just("x"),
    system_level=st.integers(0, 5),
    machines=st.integers(0, 300),
    agencies=st.integers(0, 5),
)


@pytest.mark.parametrize(
    ("grounds", "severity"),
    [
        (Grounds("high"), "high"),
        (Grounds("high", "Portal", 4), "critical"),
        (Grounds("medium", "Portal", 4), "high"),
        (Grounds("medium", "Portal", 3), "medium"),
        (Grounds("medium", machines=9), "medium"),
        (Grounds("medium", machines=10), "high"),
        (Grounds("medium", machines=100), "critical"),
        (Grounds("medium", agencies=2), "high"),
        (Grounds("medium", machines=12, agencies=2), "high"),
        (Grounds("low", machines=1000), "low"),
        (Grounds("low", "Portal", 5, 10), "high"),
        (Grounds("informational", "Portal", 5), "medium"),
        (Grounds("critical", "Portal", 5, 1000, 9), "critical"),
    ],
)
def test_the_shipped_table_gives(grounds: Grounds, severity: str) -> None:
    assert TABLE.rate(grounds) == Rating(Severity(severity), grounds, "vonggac-severity-1")


@given(GROUNDS, GROUNDS)
def test_more_of_any_ground_never_gives_less(one: Grounds, other: Grounds) -> None:
    levels = list(TABLE.levels)
    more = Grounds(
        max(one.level, other.level, key=levels.index),
        "x",
        max(one.system_level, other.system_level),
        max(one.machines, other.machines),
        max(one.agencies, other.agencies),
    )
    assert TABLE.rate(more).severity.rank >= max(TABLE.rate(each).severity.rank for each in (one, other))


@given(GROUNDS)
def test_a_rating_is_read_back_as_it_was_written(grounds: Grounds) -> None:
    rating = TABLE.rate(grounds)
    assert rating_from(rating_data(rating)) == rating
    assert rating_from({**rating_data(rating), "detection": "d"}) == rating
    assert replace(rating, table="other") != rating
