"""Whose address it is: the longest prefix, in either way of writing, on that day."""

from __future__ import annotations

from datetime import date
from ipaddress import IPv4Address, IPv4Network, IPv6Network, ip_address, ip_network

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.agency import Agency, Directory, Level, System
from vonggac.domain.prefixes import Prefixes, address_of

TODAY = date(2026, 3, 2)
NETWORKS = st.builds(
    lambda number, length: IPv4Network(((number >> (32 - length)) << (32 - length) if length else 0, length)),
    st.integers(0, 2**32 - 1),
    st.integers(0, 32),
)


def unit(code: str, *networks: str, **more: date) -> Agency:
    return Agency(code, code, Level.PROVINCE, networks=tuple(map(ip_network, networks)), **more)  # type: ignore[arg-type]


@given(st.lists(NETWORKS, max_size=20), st.integers(0, 2**32 - 1))
def test_all_that_hold_an_address_come_the_longest_prefix_first(networks: list[IPv4Network], number: int) -> None:
    address = IPv4Address(number)
    found = list(Prefixes((network, network) for network in networks).holding(address))
    assert sorted(found, key=lambda each: -each.prefixlen) == found
    assert sorted(found) == sorted(network for network in networks if address in network)


@pytest.mark.parametrize("written", ["10.1.2.3", "::ffff:10.1.2.3", "::ffff:a01:203", "::FFFF:10.1.2.3"])
@pytest.mark.parametrize("network", ["10.1.0.0/16", "::ffff:10.1.0.0/112", "10.1.2.3/32"])
def test_an_address_of_version_4_is_found_however_version_6_writes_it(written: str, network: str) -> None:
    found = Directory((unit("A", network),)).owner_of(written, TODAY)
    assert found is not None
    assert found.code == "A"


def test_versions_do_not_answer_for_each_other() -> None:
    directory = Directory((unit("SIX", "::/0"), unit("FOUR", "10.0.0.0/8")))
    assert [
        getattr(directory.owner_of(each, TODAY), "code", None) for each in ("2001:db8::1", "10.0.0.1", "11.0.0.1")
    ] == [
        "SIX",
        "FOUR",
        None,
    ]


def test_what_is_no_address_has_no_owner() -> None:
    assert address_of("not-an-address") is None
    assert Directory((unit("A", "0.0.0.0/0"),)).owner_of("10.0.0.1/8", TODAY) is None
    assert address_of("fe80::1") == ip_address("fe80::1")
    assert IPv6Network("::ffff:0:0/96").network_address in IPv6Network("::/0")


def test_an_address_that_changed_hands_is_whose_it_was_on_that_day() -> None:
    change = date(2025, 7, 1)
    directory = Directory(
        (
            unit("OLD", "10.5.0.0/16", valid_to=change),
            unit("NEW", "10.5.0.0/16", valid_from=change),
            unit("ABOVE", "10.0.0.0/8"),
        )
    )
    days = (date(2025, 6, 30), change, date(2026, 1, 1))
    assert [getattr(directory.owner_of("10.5.1.1", day), "code", None) for day in days] == ["OLD", "NEW", "NEW"]
    ended = Directory((unit("OLD", "10.5.0.0/16", valid_to=change), unit("ABOVE", "10.0.0.0/8")))
    assert getattr(ended.owner_of("10.5.1.1", change), "code", None) == "ABOVE"


# --- systems


def system(code: str, level: int, *networks: str, domains: tuple[str, ...] = (), **more: date) -> System:
    return System(code, code, level, "A", networks=tuple(map(ip_network, networks)), domains=domains, **more)  # type: ignore[arg-type]


def test_a_machine_belongs_to_the_nearest_system_and_of_two_to_that_of_the_higher_level() -> None:
    directory = Directory(
        systems=(
            system("wide", 5, "10.1.0.0/16"),
            system("near", 2, "10.1.7.0/24"),
            system("near-too", 3, "10.1.7.0/24"),
        )
    )
    found = [directory.system_at(each, TODAY) for each in ("10.1.7.9", "10.1.8.9", "10.2.0.1", "x")]
    assert [each.code if each else None for each in found] == ["near-too", "wide", None, None]


def test_a_name_belongs_to_the_system_of_the_nearest_name_above_it_on_that_day() -> None:
    directory = Directory(
        systems=(
            system("portal", 4, domains=("Portal.Example.",)),
            system("mail", 3, domains=("mail.portal.example",), valid_to=TODAY),
        )
    )
    named = [directory.system_named(each, TODAY) for each in ("www.PORTAL.example", "mail.portal.example", "example")]
    assert [each.code if each else None for each in named] == ["portal", "portal", None]
    before = directory.system_named("mail.portal.example", date(2026, 3, 1))
    assert before is not None
    assert before.code == "mail"


def test_a_directory_knows_whether_any_unit_has_a_network() -> None:
    assert not Directory((Agency("A", "A", Level.UNIT),)).has_networks
    assert Directory((unit("A", "2001:db8::/32"),)).has_networks
