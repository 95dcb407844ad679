from __future__ import annotations

from random import Random

import pytest

from tests.unit.correlator.behaviour.made import HOST, HOUR, MINUTE, MONDAY, flow, found_in, told

SCANNER = "198.51.100.9"


@pytest.mark.parametrize("minutes", [0.01, 1, 20, 40])
def test_a_scan_of_ports_is_found_fast_or_over_a_day(minutes):
    random = Random(minutes)
    states = random.choices(("REJ", "S0", "SF"), (6, 3, 1), k=34)
    made = [flow(MONDAY + n * minutes * MINUTE, SCANNER, "10.1.0.80", 20 + n, s) for n, s in enumerate(states)]
    (found,) = found_in(made)
    assert (found.rule.kind, found.entity) == ("port-scan", SCANNER)
    assert found.explanation["numbers"]["failed"] == 20
    assert found.explanation["numbers"]["walk"] > found.explanation["baseline"]["least_walk"]


def test_a_scan_of_hosts_is_found_with_its_port():
    made = [flow(MONDAY + n * MINUTE, HOST, f"10.1.7.{n}", 445, "S0") for n in range(1, 40)]
    (found,) = found_in(made)
    assert (found.rule.kind, found.group_by["port"], found.entities["destination.port"]) == (
        "network-scan",
        "tcp/445",
        445,
    )


def test_unanswered_udp_is_a_scan_and_one_way_logging_is_none():
    made = [
        flow(MONDAY + n, SCANNER, "10.1.0.80", 1000 + n, "", transport="udp", received=0, sent=60) for n in range(40)
    ]
    assert told(found_in(made)) == ["port_scan"]
    logging = [flow(MONDAY + n, HOST, "10.1.0.9", 514, "", transport="udp", received=0) for n in range(500)]
    assert found_in(logging) == []


@pytest.mark.parametrize("seed", range(10))
def test_a_host_most_of_whose_tries_are_answered_is_no_scanner(seed):
    random = Random(seed)
    made = [
        flow(MONDAY + n * 20, HOST, f"203.0.113.{random.randint(1, 250)}", 443, random.choices(("SF", "S0"), (8, 2))[0])
        for n in range(2000)
    ]
    assert not {"host_scan", "port_scan"} & set(told(found_in(made)))


def test_the_same_dead_target_again_and_again_is_no_scan():
    assert found_in(flow(MONDAY + n * 60, HOST, "10.1.0.99", 8080, "S0") for n in range(900)) == []


def test_group_addresses_are_no_targets():
    made = [flow(MONDAY + n, HOST, f"239.1.2.{n}", 5000, "", transport="udp", received=0) for n in range(60)]
    assert found_in(made) == []


def test_a_scan_that_goes_on_is_told_once_a_day_for_each_group():
    made = [flow(MONDAY + n * HOUR / 10, SCANNER, "10.1.0.80", 20 + n, "REJ") for n in range(480)]
    assert told(found_in(made)) == ["port_scan", "port_scan"]
