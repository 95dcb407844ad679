"""Directories by chance: any at all, and one unit."""

from __future__ import annotations

from datetime import date
from fractions import Fraction

from hypothesis import strategies as st

from vonggac.domain.agency import SINCE_EVER, Agency, Directory, Level, LineageKind, Predecessor

DAYS = (SINCE_EVER, date(2025, 1, 1), date(2025, 3, 1), date(2025, 7, 1), date(2026, 1, 1))
CODES = "ABCDE"

shares = st.none() | st.sampled_from([Fraction(1), Fraction(1, 2), Fraction(1, 3), Fraction(2, 3), Fraction(2, 5)])
predecessors = st.builds(Predecessor, st.sampled_from(CODES), st.sampled_from(LineageKind), shares)


@st.composite
def units(draw: st.DrawFn) -> Agency:
    """A unit of one of CODES between two of DAYS, with whatever parent and predecessors."""
    first = draw(st.integers(0, len(DAYS) - 1))
    last = draw(st.integers(first + 1, len(DAYS)))
    return Agency(
        code=draw(st.sampled_from(CODES)),
        name="x",
        level=Level.PROVINCE,
        parent=draw(st.none() | st.sampled_from(CODES)),
        valid_from=DAYS[first],
        valid_to=DAYS[last] if last < len(DAYS) else None,
        predecessors=tuple(draw(st.lists(predecessors, max_size=3))),
    )


#: Most of these are out of joint; no question to them may fail for that.
directories = st.lists(units(), max_size=8, unique_by=lambda unit: unit.key).map(lambda found: Directory(tuple(found)))
