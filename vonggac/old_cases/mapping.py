"""What cases of other registers are here, by the dated map in `data/exports.toml`."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import cache
from pathlib import Path

from vonggac.dated import in_force

_BETWEEN = re.compile(r"[:=/]")
_SPACES = re.compile(r"[\s_]+")


@dataclass(frozen=True, slots=True)
class ExportMap:
    """`severity`: program -> its own name of a severity -> ours; `rows`: a category and the signs of it, in order."""

    id: str
    valid_from: date
    severity: Mapping[str, Mapping[str, str]]
    tests: frozenset[str]
    rows: tuple[tuple[str, frozenset[str]], ...]

    def category_of(self, tags: Iterable[str]) -> str:
        """Of the first row that one of the tags fits; empty where none does."""
        parts = _parts(tags)
        return next((category for category, signs in self.rows if signs & parts), "")

    def is_test(self, tags: Iterable[str]) -> bool:
        return bool(self.tests & _parts(tags))


def export_map(day: date) -> ExportMap:
    """The map that holds for cases of a day."""
    return in_force(_maps(), day)


def _parts(tags: Iterable[str]) -> frozenset[str]:
    found = (part for tag in tags for part in _BETWEEN.split(tag.lower().replace('"', "")))
    return frozenset(_SPACES.sub("-", part.strip()) for part in found)


@cache
def _maps() -> tuple[ExportMap, ...]:
    path = Path(__file__).parents[1] / "data" / "exports.toml"
    found = (
        ExportMap(
            id=each["id"],
            valid_from=each["valid_from"],
            severity=each["severity"],
            tests=frozenset(each["tests"]),
            rows=tuple((row["category"], frozenset(row["signs"])) for row in each["rows"]),
        )
        for each in tomllib.loads(path.read_text("utf-8"))["exports"]
    )
    return tuple(sorted(found, key=lambda each: each.valid_from))
