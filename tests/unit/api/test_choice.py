from __future__ import annotations

from datetime import date

from api.pages.choice import MAX_OFFERED, offered
from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.marking import Tlp
from vonggac.units import by_name, shipped_units

DAY = date(2026, 3, 1)
DIRECTORY = Directory(shipped_units())
LONG = Directory(
    (*shipped_units(), *(Agency(f"{number:05}", f"Xã {number}", Level.COMMUNE, parent="25") for number in range(3_321)))
)


def own(directory: Directory, code: str) -> Scope:
    return Scope(Tlp.GREEN, Tlp.RED, directory.below(code))


def test_the_units_of_the_day_are_offered_by_name() -> None:
    found = offered(DIRECTORY, EVERYTHING, DAY)
    assert len(found) == 1 + 17 + 34
    assert found == by_name(found)
    assert all(unit.valid_on(DAY) for unit in found)


def test_a_list_that_would_be_too_long_leaves_local_units_out() -> None:
    assert offered(LONG, EVERYTHING, DAY) == offered(DIRECTORY, EVERYTHING, DAY)
    assert [unit.code for unit in offered(LONG, own(LONG, "25"), DAY)] == ["25"]
    assert len(offered(LONG, own(LONG, "00007"), DAY)) == 1


def test_no_more_are_offered_than_can_be_read() -> None:
    many = Directory(tuple(Agency(f"u{number}", f"Sở {number}", Level.UNIT) for number in range(MAX_OFFERED + 50)))
    assert len(offered(many, EVERYTHING, DAY)) == MAX_OFFERED


def test_what_is_chosen_already_is_offered_whatever_its_days() -> None:
    assert "26" not in {unit.code for unit in offered(DIRECTORY, EVERYTHING, DAY)}
    assert "26" in {unit.code for unit in offered(DIRECTORY, EVERYTHING, DAY, "26")}
    assert "00007" in {unit.code for unit in offered(LONG, EVERYTHING, DAY, "00007")}
    assert offered(DIRECTORY, EVERYTHING, DAY, "nobody") == offered(DIRECTORY, EVERYTHING, DAY)
