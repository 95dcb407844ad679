from datetime import date

import pytest

from vonggac.domain.access import ALLOWED, Action, Principal, UserRole, visible_to
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.marking import Tlp

DIRECTORY = Directory(
    (
        Agency("P1", "Tỉnh mẫu", Level.PROVINCE),
        Agency("P1-01", "Sở mẫu", Level.UNIT, parent="P1"),
        Agency("P2", "Tỉnh khác", Level.PROVINCE),
    )
)


def sees(principal: Principal, tlp: Tlp, *agencies: str) -> bool:
    return visible_to(principal, DIRECTORY).allows(tlp, agencies)


def test_the_national_centres_people_see_everything() -> None:
    assert sees(Principal("an", UserRole.ANALYST), Tlp.RED, "P2")


def test_an_agencys_people_see_their_own_and_below_and_what_is_open() -> None:
    person = Principal("an", UserRole.ANALYST, "P1")
    assert sees(person, Tlp.RED, "P1-01")
    assert sees(person, Tlp.GREEN, "P2")
    assert not sees(person, Tlp.AMBER, "P2")


@pytest.mark.parametrize("role", [UserRole.SUBSCRIBER, UserRole.PEER])
def test_programs_see_amber_of_their_own_and_never_red(role: UserRole) -> None:
    program = Principal("p", role, "P1")
    assert sees(program, Tlp.GREEN, "P2")
    assert sees(program, Tlp.AMBER, "P1")
    assert not sees(program, Tlp.AMBER, "P2")
    assert not sees(program, Tlp.AMBER_STRICT, "P1")
    assert not sees(program, Tlp.RED, "P1")


def test_a_subscriber_without_an_agency_sees_only_what_is_open() -> None:
    assert sees(Principal("p", UserRole.SUBSCRIBER), Tlp.GREEN, "P1")
    assert not sees(Principal("p", UserRole.SUBSCRIBER), Tlp.AMBER, "P1")


def test_a_sensor_sees_nothing() -> None:
    assert not sees(Principal("s", UserRole.SENSOR, "P1"), Tlp.CLEAR, "P1")


def test_every_role_has_its_row_and_only_administrators_administer() -> None:
    assert set(ALLOWED) == set(UserRole)
    assert [role for role in UserRole if Action.ADMINISTER in ALLOWED[role]] == [UserRole.ADMIN]


def test_a_unit_is_found_by_its_code_and_day_never_by_name() -> None:
    old = Agency("25", "Phú Thọ", Level.PROVINCE, valid_to=date(2025, 7, 1))
    new = Agency("25", "Phú Thọ", Level.PROVINCE, valid_from=date(2025, 7, 1), predecessors=("26", "17", "25"))
    directory = Directory((old, new))
    assert directory.on("25", date(2025, 6, 30)) is old
    assert directory.on("25", date(2025, 7, 1)) is new
    assert directory.latest("25") is new
