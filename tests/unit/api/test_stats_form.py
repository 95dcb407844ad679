from datetime import UTC, datetime

import pytest
from starlette.datastructures import QueryParams

from api.pages.stats import asked_by

NOW = datetime(2026, 11, 22, 5, tzinfo=UTC)


@pytest.mark.parametrize(
    ("period", "kind", "fields"),
    [
        ("2020", "year", {"year": 2020}),
        ("2020-Q2", "quarter", {"year": 2020, "quarter": 2}),
        ("2020-M1..M4", "months", {"year": 2020, "first_month": 1, "last_month": 4}),
        ("2020-M4", "months", {"first_month": 4, "last_month": 4}),
        ("2020-01-01/2020-05-01", "span", {"start": "2020-01-01", "last_day": "2020-04-30"}),
        ("2020-99-01/2020-99-02", "given", {}),
        ("soon", "given", {}),
    ],
)
def test_a_period_in_the_address_stands_in_the_form(period: str, kind: str, fields: dict[str, object]) -> None:
    asked = asked_by(QueryParams({"period": period}), NOW)
    assert (asked.kind, asked.period) == (kind, period)
    for name, value in fields.items():
        assert getattr(asked, name) == value, name


def test_the_form_asks_what_it_shows() -> None:
    asked = asked_by(QueryParams({"kind": "span", "from": "2020-01-01", "to": "2020-04-30"}), NOW)
    assert asked.period == "2020-01-01/2020-05-01"
    assert asked_by(QueryParams({}), NOW).period == "2026-01-01/2026-11-23"


def test_what_the_form_has_no_field_for_is_asked_as_the_address_says() -> None:
    rare = {"known_at": "2020-05-01", "definitions": "triad-2017", "units": "2025-07-01"}
    question = asked_by(QueryParams({"period": "2020", **rare}), NOW).question()
    assert question == {"period": "2020", "against": "previous-year", "by": "category", **rare}
