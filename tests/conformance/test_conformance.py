"""The sensor keeps to what Suricata, Zeek, nDPI and Arkime say of the same captures, and the page tells how far."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.checks import MISS, OK, Check, cases, sense
from tests.conformance.score import judged, page, run, shares, under_the_bar

pytestmark = pytest.mark.shared

PAGE = Path(__file__).resolve().parents[2] / "docs" / "conformance.md"


@pytest.fixture(scope="module")
def checks(shared_data: Path) -> list[Check]:
    return run(shared_data)


def test_nearly_all_expectations_are_met_and_those_of_each_protocol(checks: list[Check]) -> None:
    missed = [f"{check.case}: {check.what}: {check.reason}" for check in checks if check.verdict == MISS]
    assert not under_the_bar(checks), "\n".join(missed)


def test_every_source_is_asked_and_every_check_that_passes_compared_something(checks: list[Check]) -> None:
    for source, fewest in (("suricata", 30), ("zeek", 150), ("ndpi", 1_000), ("arkime", 30), ("community-id", 10)):
        assert shares(check for check in checks if check.source == source)[1] >= fewest
    assert all(check.compared for check in checks if check.verdict == OK)


@pytest.mark.parametrize("kind", ["eve_filters", "zeek_logs", "ndpi_flows", "arkime_sessions"])
def test_a_sensor_that_sees_nothing_or_mistakes_who_began_is_found_out(shared_data: Path, kind: str) -> None:
    met = {"as it is": 0, "blind": 0, "turned": 0}
    for case in cases(shared_data):
        if case["expect"]["type"] == kind:
            events = sense(shared_data / case["input"])
            met["as it is"] += shares(judged(case, events, shared_data))[0]
            met["blind"] += shares(judged(case, [], shared_data))[0]
            for event in events:
                event["source"], event["destination"] = event.get("destination", {}), event.get("source", {})
            met["turned"] += shares(judged(case, events, shared_data))[0]
    assert met["blind"] == 0
    assert met["turned"] < 0.7 * met["as it is"] or kind == "ndpi_flows"  # whose sides may be turned


def test_the_page_is_what_the_suite_says(checks: list[Check]) -> None:
    assert PAGE.read_text("utf-8") == page(checks), "run: python -m tests.conformance --write"
