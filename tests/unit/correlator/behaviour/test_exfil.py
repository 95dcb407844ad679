from __future__ import annotations

from random import Random

from tests.unit.correlator.behaviour.made import DAY, HOST, HOUR, MONDAY, OUTSIDE, correlator, flow, told

MB = 1_000_000


def usual(random: Random, days: int, most: int = 3 * MB):
    """A host that sends up to `most` bytes in each hour of eight in each day."""
    for day in range(days):
        for hour in range(8):
            at = MONDAY + day * DAY + (1 + hour) * HOUR + random.uniform(0, HOUR - 1)
            yield flow(
                at, HOST, f"203.0.113.{random.randint(1, 200)}", 443, protocol="tls", sent=random.randint(1, most)
            )


def found_after(days: int, *last, most: int = 3 * MB):
    watching = correlator()
    found = watching.feed([*usual(Random(1), days, most), *last])
    found += watching.finish()
    return [one for one in found if one.rule.kind == "exfiltration"], watching


def upload(day: int, size: int, parts: int = 4, source: str = HOST, target: str = OUTSIDE):
    return [
        flow(MONDAY + day * DAY + 2 * HOUR + n * 60, source, target, 443, protocol="tls", sent=size // parts)
        for n in range(parts)
    ]


def test_far_more_than_the_days_before_is_found_with_its_baseline():
    (found,), _ = found_after(6, *upload(6, 400 * MB))
    numbers, baseline = found.explanation["numbers"], found.explanation["baseline"]
    assert found.entity == HOST and found.entities["destination.ip"] == OUTSIDE
    assert numbers["bytes_out"] > baseline["most_bytes"] >= 50 * MB
    assert 1 * MB < baseline["median_bytes"] < 2 * MB
    assert baseline["hours"] == 48


def test_what_stays_under_the_floor_is_not_told():
    assert found_after(6, *upload(6, 40 * MB))[0] == []


def test_a_host_that_always_sends_much_has_a_baseline_of_its_own():
    assert found_after(6, *upload(6, 400 * MB), most=600 * MB)[0] == []


def test_nothing_is_told_while_warming_up_and_the_warm_up_is_told():
    found, watching = found_after(2, *upload(2, 400 * MB))
    assert found == []
    assert watching.behaviour_counts["behaviour_exfiltration_over_floor_while_warming_up"] > 0
    assert watching.warming_up["sensor-1", "exfiltration"] == 1
    assert ("sensor-1", "exfiltration") not in found_after(6)[1].warming_up


def test_days_without_traffic_are_no_warm_up():
    later = upload(300, 400 * MB)
    assert found_after(1, *later)[0] == []


def test_copies_within_the_network_and_downloads_are_none():
    inside = upload(6, 400 * MB, target="10.9.0.1")
    download = [flow(MONDAY + 6 * DAY + 5 * HOUR, HOST, OUTSIDE, 443, protocol="tls", received=900 * MB, sent=9_000)]
    assert found_after(6, *inside, *download)[0] == []


def test_what_a_server_answers_to_the_outside_counts_as_sent():
    served = [
        flow(MONDAY + day * DAY + hour * HOUR, OUTSIDE, "10.1.0.80", 443, protocol="tls", received=2 * MB)
        for day in range(6)
        for hour in range(9, 17)
    ]
    taken = flow(MONDAY + 6 * DAY, "198.51.100.9", "10.1.0.80", 443, protocol="tls", received=900 * MB)
    watching = correlator()
    found = [*watching.feed([*served, taken]), *watching.finish()]
    assert told(one for one in found if one.entities["source.ip"] == "10.1.0.80") == ["exfiltration"]
