"""What a detection means: whose machine was hit, which system, who did it and who saw it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, date, datetime
from ipaddress import ip_network

import pytest

from correlator.judging import judge
from tests.unit.correlator.judged import terms
from vonggac.domain.agency import Agency, Directory, Level, System
from vonggac.domain.detection import Detection, RuleInfo, Ruleset
from vonggac.domain.incident import Involvement, Role

T0 = datetime(2026, 3, 2, tzinfo=UTC)
RULE = RuleInfo("r", "R", "R", Ruleset.SIGMA, "high", kind="k")
DIRECTORY = Directory(
    tuple(
        Agency(code, code, Level.PROVINCE, networks=(ip_network(network),))
        for code, network in (("A", "10.1.0.0/16"), ("B", "2001:db8:b::/48"), ("B", "10.2.0.0/16"))
    ),
    (
        System("portal", "Portal", 4, "B", networks=(ip_network("10.2.0.80"),), domains=("portal.example",)),
        System("office", "Office", 2, "A", networks=(ip_network("10.1.0.0/16"),)),
    ),
)
ATTACK = replace(RULE, category="unauthorized-access", rsit="intrusions")
MALWARE = replace(RULE, category="malware")
DEFACE = replace(RULE, category="deface")


def detection(
    rule: RuleInfo, source: str | None, destination: str | None, agency: str | None = "A", **more: str
) -> Detection:
    entities = {"source.ip": source, "destination.ip": destination, "organization.id": agency} | more
    known = {path: value for path, value in entities.items() if value is not None}
    return Detection("d", rule, T0, T0, T0, ("e",), known)


def involved(
    rule: RuleInfo, source: str | None, destination: str | None, agency: str | None = "A"
) -> set[tuple[str, str]]:
    judged = judge(detection(rule, source, destination, agency), terms(DIRECTORY))
    assert all(isinstance(each, Involvement) for each in judged.involved)
    return {(each.agency, str(each.role)) for each in judged.involved}


V, S, D = str(Role.VICTIM), str(Role.SOURCE), str(Role.DETECTOR)
OUTSIDE = "203.0.113.9"


@pytest.mark.parametrize(
    ("rule", "source", "destination", "wanted"),
    [
        (ATTACK, OUTSIDE, "10.1.0.5", {("A", V), ("A", D)}),
        (ATTACK, "10.1.0.5", "10.2.0.80", {("A", S), ("B", V), ("A", D)}),
        (ATTACK, "10.2.0.7", "10.1.0.5", {("B", S), ("A", V), ("A", D)}),
        (ATTACK, "10.1.0.5", OUTSIDE, {("A", S), ("A", D)}),
        (ATTACK, "10.1.0.5", "10.1.0.6", {("A", S), ("A", V), ("A", D)}),
        (ATTACK, OUTSIDE, "2001:db8:b::80", {("B", V), ("A", D)}),
        (ATTACK, OUTSIDE, "::ffff:10.2.0.80", {("B", V), ("A", D)}),
        (MALWARE, "10.1.0.5", OUTSIDE, {("A", V), ("A", D)}),
        (MALWARE, "10.1.0.5", "10.2.0.80", {("A", V), ("B", V), ("A", D)}),  # the direction does not tell
        (DEFACE, "10.1.0.5", "10.2.0.80", {("B", V), ("A", D)}),  # who only looked at the page did nothing
        (ATTACK, OUTSIDE, "198.51.100.1", {("A", V), ("A", D)}),  # nobody's addresses: where it was seen
        (ATTACK, None, None, {("A", V), ("A", D)}),
        (ATTACK, OUTSIDE, "192.168.7.7", {("A", V), ("A", D)}),  # private: of the network in which it was seen
    ],
)  # fmt: skip
def test_who_was_hit_who_did_it_and_who_saw_it(
    rule: RuleInfo, source: str | None, destination: str | None, wanted: set[tuple[str, str]]
) -> None:
    assert involved(rule, source, destination) == wanted


def test_where_no_agency_is_known_nobody_is_involved() -> None:
    assert involved(ATTACK, OUTSIDE, "192.168.7.7", None) == set()
    assert involved(ATTACK, OUTSIDE, "10.1.0.5", None) == {("A", V)}


def test_an_address_is_whose_it_was_on_the_day_in_vietnam() -> None:
    change = date(2026, 3, 2)
    directory = Directory(
        (
            Agency("OLD", "OLD", Level.PROVINCE, networks=(ip_network("10.5.0.0/16"),), valid_to=change),
            Agency("NEW", "NEW", Level.PROVINCE, networks=(ip_network("10.5.0.0/16"),), valid_from=change),
        )
    )
    one = detection(ATTACK, OUTSIDE, "10.5.0.1", None)
    for day, owner in ((date(2026, 3, 1), "OLD"), (change, "NEW")):
        assert judge(one, terms(directory, day)).involved == (Involvement(owner, Role.VICTIM),)


@pytest.mark.parametrize(
    ("rule", "source", "destination", "machines"),
    [
        (ATTACK, OUTSIDE, "10.1.0.5", ("10.1.0.5",)),
        (ATTACK, "10.1.0.5", OUTSIDE, (OUTSIDE,)),
        (MALWARE, "10.1.0.5", OUTSIDE, ("10.1.0.5",)),
        (MALWARE, "10.1.0.5", "10.2.0.9", ("10.1.0.5", "10.2.0.9")),
        (MALWARE, OUTSIDE, None, ()),
    ],
)
def test_machines_are_those_that_were_hit(
    rule: RuleInfo, source: str | None, destination: str | None, machines: tuple[str, ...]
) -> None:
    assert judge(detection(rule, source, destination), terms(DIRECTORY)).part.machines == machines


@pytest.mark.parametrize(
    ("one", "system", "level"),
    [
        (detection(ATTACK, OUTSIDE, "10.2.0.80"), "Portal", 4),
        (detection(ATTACK, OUTSIDE, "198.51.100.1", **{"url.domain": "www.portal.example"}), "Portal", 4),
        (detection(ATTACK, OUTSIDE, None, **{"tls.client.server_name": "portal.example"}), "Portal", 4),
        (detection(MALWARE, "10.1.0.5", "10.2.0.80"), "Portal", 4),  # of two, the higher level
        (detection(ATTACK, "10.1.0.5", OUTSIDE), "", 0),  # its machine attacked; it was not hit
        (detection(ATTACK, OUTSIDE, "10.2.0.81"), "", 0),
    ],
)
def test_the_system_that_was_hit_is_in_evidence_with_its_level(one: Detection, system: str, level: int) -> None:
    part = judge(one, terms(DIRECTORY)).part
    assert (part.system, part.system_level) == (system, level)
