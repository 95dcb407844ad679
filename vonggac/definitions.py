"""The dated definitions that ship with us: what is counted, under what, where a series breaks, and named years."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import asdict, replace
from datetime import date, datetime
from functools import cache
from pathlib import Path
from typing import Any

from vonggac.domain.definitions import Break, Category, Definitions
from vonggac.domain.times import VIETNAM, Period, parse_period
from vonggac.errors import NotFound

_NAMED_YEAR = re.compile(r"(?P<id>[a-z][a-z0-9]*)-(?P<year>\d{4})(?:-H(?P<half>[12]))?")


@cache
def all_definitions() -> tuple[Definitions, ...]:
    """Every set of definitions that counts by its own categories, oldest first."""
    return tuple(sorted(map(_definitions, _table()["definitions"]), key=lambda found: found.valid_from))


@cache
def all_series() -> tuple[Definitions, ...]:
    """These, and the other series over them."""
    known = {found.id: found for found in all_definitions()}
    others = (
        replace(known[each["of"]], id=each["id"], rows=each["rows"], source=each["source"])
        for each in _table()["series"]
    )
    return (*known.values(), *others)


def definitions(identity: str | None = None) -> Definitions:
    """The named definitions, by default the newest. Raises NotFound that lists the ids there are."""
    if identity is None:
        return all_definitions()[-1]
    for found in all_series():
        if found.id == identity:
            return found
    raise NotFound("unknown_definitions", id=identity, known=", ".join(found.id for found in all_series()))


def definitions_data(terms: Definitions) -> dict[str, Any]:
    """All of it as JSON, so that a published table keeps what it was counted by."""
    return {
        "id": terms.id,
        "valid_from": terms.valid_from.isoformat(),
        "source": terms.source,
        "rows": terms.rows,
        "weights": dict(terms.weights),
        "categories": {key: asdict(category) for key, category in terms.categories.items()},
    }


@cache
def breaks() -> tuple[Break, ...]:
    """Where series break, oldest first."""
    found = (Break(each["at"], each["of"], each["vi"], each["en"], each["basis"]) for each in _table()["breaks"])
    return tuple(sorted(found, key=lambda each: each.at))


def period_of(text: str) -> Period:
    """A period as `parse_period` reads it, or a named reporting year or half of one: `tt20-2025`, `tt20-2025-H1`.

    Raises ValueError with the key of the reason.
    """
    match = _NAMED_YEAR.fullmatch(text.strip())
    year = next((each for each in _table()["years"] if match and each["id"] == match["id"]), None)
    if match is None or year is None:
        return parse_period(text)
    number = int(match["year"])
    try:
        begin, half, end = _on(number - 1, year["begins"]), _on(number, year["half"]), _on(number, year["begins"])
    except ValueError as error:
        raise ValueError("no_such_day") from error
    start, stop = {None: (begin, end), "1": (begin, half), "2": (half, end)}[match["half"]]
    return Period(start, stop, text.strip())


def _on(year: int, day: str) -> datetime:
    month, of_month = map(int, day.split("-"))
    return datetime.combine(date(year, month, of_month), datetime.min.time(), VIETNAM)


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((Path(__file__).parent / "data" / "definitions.toml").read_text("utf-8"))


def _definitions(table: Mapping[str, Any]) -> Definitions:
    categories = {
        key: Category(
            key=key,
            name_vi=value["vi"],
            name_en=value["en"],
            scheme=value["scheme"],
            rsit=value.get("rsit", key),
            triad=value.get("triad"),
            counted=value.get("counted", True),
        )
        for key, value in table["categories"].items()
    }
    return Definitions(table["id"], table["valid_from"], table["source"], categories, weights=table["weights"])
