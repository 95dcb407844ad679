from __future__ import annotations

from correlator.behaviour.parameters import Parameters, read_parameters
from tests.unit.correlator.behaviour.made import DAY, HOST, HOUR, MONDAY, OUTSIDE, correlator, flow, found_in, tls, told

SERVER = "10.1.0.80"


def known(days: int = 9, port: int = 443):
    return [flow(MONDAY + day * DAY + 9 * HOUR, HOST, SERVER, port) for day in range(days)]


def test_a_new_service_of_a_known_server_is_found():
    (found,) = found_in([*known(), flow(MONDAY + 9 * DAY, HOST, SERVER, 4444)])
    assert (found.rule.kind, found.entity) == ("first-seen-service", SERVER)
    assert found.group_by["service"] == "tcp/4444"
    assert found.explanation["numbers"]["new_server"] is False
    assert found.explanation["baseline"] == {"watched_days": 9, "forgotten_days": 30}


def test_a_new_server_is_told_as_one():
    (found,) = found_in([*known(), flow(MONDAY + 9 * DAY, HOST, "10.1.0.81", 22)])
    assert found.explanation["numbers"]["new_server"] is True


def test_while_warming_up_everything_is_learnt_and_nothing_told():
    watching = correlator()
    events = [*known(3), flow(MONDAY + 3 * DAY, HOST, SERVER, 4444)]
    assert [*watching.feed(events), *watching.finish()] == []
    assert watching.warming_up["sensor-1", "first_seen"] == 4


def test_a_pause_of_years_is_no_warm_up():
    assert found_in([*known(1), flow(MONDAY + 3000 * DAY, HOST, SERVER, 4444)]) == []


def test_what_was_not_seen_for_a_month_is_new_again():
    events = [*known(), *(flow(MONDAY + (10 + n) * DAY, HOST, "10.1.0.90", 25) for n in range(40))]
    events.append(flow(MONDAY + 60 * DAY, HOST, SERVER, 443))
    assert [found.group_by["service"] for found in found_in(events)] == ["tcp/25", "tcp/443"]


def test_tries_without_an_answer_and_ports_given_out_for_a_while_are_no_services():
    refused = flow(MONDAY + 9 * DAY, HOST, SERVER, 22, "REJ")
    passive = flow(MONDAY + 9 * DAY, HOST, SERVER, 50_111)
    assert found_in([*known(), refused, passive]) == []


def test_an_outside_service_that_a_server_begins_to_use_is_found():
    used = [tls(MONDAY + day * DAY + 8 * HOUR, SERVER, "sao-luu.example") for day in range(9)]
    events = sorted([*known(), *used], key=lambda event: event["@timestamp"])
    events += [tls(MONDAY + 9 * DAY, SERVER, "la.example"), flow(MONDAY + 9 * DAY + 1, SERVER, OUTSIDE, 6667)]
    found = found_in(events)
    assert told(found) == ["first_seen_contact", "first_seen_contact"]
    assert [one.group_by["target"] for one in found] == ["la.example", f"{OUTSIDE}:6667"]


def test_what_a_desktop_visits_is_not_told():
    assert found_in([*known(), *(tls(MONDAY + 9 * DAY + n * n, HOST, f"n{n}.example") for n in range(20))]) == []


def test_a_host_is_told_of_a_few_times_a_day_and_the_rest_counted():
    watching = correlator()
    events = [*known(), *(flow(MONDAY + 9 * DAY + n, HOST, SERVER, 1000 + n) for n in range(20))]
    found = [*watching.feed(events), *watching.finish()]
    assert told(found) == ["first_seen_service"] * 5
    assert watching.behaviour_counts["behaviour_first_seen_not_told_over_most_a_day"] == 15


def test_days_of_warm_up_come_from_the_parameters():
    short = read_parameters({"first_seen": {"warm_up_days": 1}}, "x.toml")
    assert short != Parameters()
    assert told(found_in([*known(2), flow(MONDAY + 2 * DAY, HOST, SERVER, 4444)], short)) == ["first_seen_service"]
