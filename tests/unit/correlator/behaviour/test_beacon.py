from __future__ import annotations

from random import Random

import pytest

from tests.unit.correlator.behaviour.made import (
    DAY,
    HOST,
    HOUR,
    MINUTE,
    MONDAY,
    OUTSIDE,
    correlator,
    dns,
    event,
    flow,
    found_in,
    tls,
    told,
)


def sleeps(random: Random, period: float, count: int, jitter: float = 0.2, missed: float = 0.08) -> list[float]:
    """Times of a program that sleeps a period with jitter after each call; some calls fail."""
    at, times = MONDAY, []
    for _ in range(count):
        at += period * random.uniform(1 - jitter, 1 + jitter)
        if random.random() > missed:
            times.append(at)
    return times


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("period", [30.0, 300.0, HOUR])
def test_a_beacon_with_jitter_and_missed_beats_is_found(seed, period):
    found = found_in(tls(at, HOST, "dich.example") for at in sleeps(Random(seed), period, 60))
    assert "beacon" in told(found)
    assert found[0].entities["tls.client.server_name"] == "dich.example"
    assert found[0].explanation["numbers"]["median_seconds"] == pytest.approx(period, rel=0.15)


def test_a_beacon_of_a_protocol_without_a_name_is_found_by_its_flows():
    found = found_in(flow(at, HOST, OUTSIDE, 4444) for at in sleeps(Random(1), 60, 60))
    assert told(found) == ["beacon"]
    assert found[0].group_by["target"] == f"{OUTSIDE}:4444"


def test_a_beacon_in_ever_new_names_of_one_domain_is_found():
    made = [dns(at, HOST, f"{n:x}.dich.example", "dich.example") for n, at in enumerate(sleeps(Random(2), 60, 60))]
    assert told(found_in(made)) == ["beacon"]


def browsing(random: Random, hours: int) -> list[float]:
    """A person: visits some minutes to hours apart, a burst of pages in each."""
    at, times = MONDAY, []
    while at < MONDAY + hours * HOUR:
        at += random.expovariate(1 / (20 * MINUTE))
        for _ in range(random.randint(1, 12)):
            at += random.lognormvariate(3, 1.2)
            times.append(at)
    return times


@pytest.mark.parametrize("seed", range(40))
def test_a_person_browsing_is_no_beacon(seed):
    random = Random(seed)
    at_random = [MONDAY + random.uniform(0, 8 * HOUR) for _ in range(random.randint(16, 200))]
    between = sleeps(random, 7 * MINUTE, 60, jitter=0.7)  # two to twelve minutes apart
    for times in (browsing(random, 9), sorted(at_random), between):
        assert found_in(tls(at, HOST, "bao.example") for at in times) == []


def test_clocks_updates_monitoring_and_cached_names_are_no_beacons():
    times = sleeps(Random(3), 64, 100, jitter=0.02, missed=0)
    made = []
    for at in times:
        made += [
            flow(at, HOST, OUTSIDE, 123, transport="udp", protocol="ntp"),
            tls(at + 1, HOST, "sls.update.microsoft.com", "microsoft.com"),
            flow(at + 2, HOST, OUTSIDE, 443, protocol=""),  # the same service, in a protocol that was not recognised
            flow(at + 3, HOST, "10.1.0.9", 10050),
            dns(at + 4, HOST, "www.example.com", "example.com"),
            event(at + 5, "ntp", HOST, OUTSIDE, 123),
        ]
    assert found_in(made) == []


def test_an_outside_monitor_that_asks_our_portal_is_no_beacon():
    assert found_in(flow(at, OUTSIDE, "10.1.0.80", 8443) for at in sleeps(Random(4), 60, 60)) == []


def test_a_beacon_that_goes_on_is_told_once_a_day():
    times = [MONDAY + n * 10 * MINUTE for n in range(3 * 144)]
    found = found_in(tls(at, HOST, "dich.example") for at in times)
    assert told(found) == ["beacon"] * 3
    assert {int((detection.time.timestamp() - MONDAY) // DAY) for detection in found} == {0, 1, 2}


def test_few_beats_are_not_enough():
    watching = correlator()
    assert watching.feed([tls(MONDAY + n * 120, HOST, "dich.example") for n in range(23)]) == []
    assert watching.finish() == []
