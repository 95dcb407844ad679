"""Who was watched, when, over HTTP and on the console's page."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from tests.contracts.store_samples import NOVEMBER
from tests.unit.api.conftest import Node
from vonggac.connected import HEARTBEAT
from vonggac.coverage import CoverageLog
from vonggac.domain.access import UserRole
from vonggac.domain.times import format_instant

API = "/api/v1/stats/coverage"
#: In Vietnam.
MIDNIGHT = NOVEMBER - timedelta(hours=7)


@pytest.fixture
def watched(node: Node) -> None:
    """A sensor of the ministry watched the first 30 hours of November in Vietnam, all but the third."""
    node.store.records.put(HEARTBEAT, "s", {"agency": "G99", "at": format_instant(NOVEMBER)})
    instants = (MIDNIGHT + timedelta(hours=hour) for hour in range(30) if hour != 2)
    CoverageLog(node.store.records).note(
        ({"@timestamp": format_instant(at), "observer": {"name": "s"}} for at in instants), 228
    )


def test_each_reader_is_told_of_his_own_units(node: Node, watched: None) -> None:
    asked = f"{API}?period=2026-11-01/2026-11-03&code=G99&code=T98"
    [ministry, province] = sorted(
        node.program(UserRole.VIEWER).get(asked).json()["units"], key=lambda unit: str(unit["code"])
    )
    assert (ministry["sensors"], ministry["watched"], ministry["parts"]["rules_loaded"]) == (1, 29, 228)
    assert [gap["start"] for gap in ministry["gaps"]][:1] == [format_instant(MIDNIGHT + timedelta(hours=2))]
    assert (province["sensors"], province["watched"], province["coverage"]) == (0, 0, None)
    narrow = node.program(UserRole.VIEWER, "T98").get(asked).json()["units"]
    assert [unit["code"] for unit in narrow] == ["T98"]


@pytest.mark.parametrize(
    ("query", "status"),
    [("period=2026-M13", 400), ("period=2999", 400), ("code=nobody", 404), ("level=hamlet", 422)],
)
def test_what_cannot_be_asked_is_a_problem(node: Node, query: str, status: int) -> None:
    answer = node.program(UserRole.VIEWER).get(f"{API}?{query}")
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_the_page_shows_each_day_of_who_has_sensors_and_names_who_has_none(node: Node, watched: None) -> None:
    page = node.browser(UserRole.STATISTICIAN).get("/stats/coverage?period=2026-11-01/2026-11-04").text
    [strip] = re.findall(r'<svg class="days" viewBox.*?</svg>', page)
    assert re.findall(r'class="(w\d|absent)"><title>(.*?)</title>', strip) == [
        ("w3", "01/11/2026: 23/24"),
        ("w1", "02/11/2026: 6/24"),
        ("w0", "03/11/2026: 0/24"),
    ]
    assert "Bộ Mẫu" in page and "An Giang" in page


def test_more_days_than_fit_are_refused(node: Node) -> None:
    answer = node.browser(UserRole.VIEWER).get("/stats/coverage?period=2025")
    assert answer.status_code == 400
    assert "62" in answer.text
