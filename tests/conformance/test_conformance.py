"""The sensor keeps to what Suricata, Zeek, nDPI and Arkime say of the same captures, and the page tells how far."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.conformance.checks import MISS, OK, Check
from tests.conformance.score import page, run, shares, under_the_bar

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


def test_the_page_is_what_the_suite_says(checks: list[Check]) -> None:
    assert PAGE.read_text("utf-8") == page(checks), "run: python -m tests.conformance --write"
