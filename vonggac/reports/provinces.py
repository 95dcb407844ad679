"""Which province-level unit of one day an agency is, stands under, or went into; and how many incidents there are for
the information systems that it has."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import date, timedelta
from typing import Any

from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.lineage import Lineage
from vonggac.domain.stats import FEW_CASES

#: A row of a comparison by agency.
Row = Mapping[str, Any]
#: Rates are told for so many information systems.
PER = 100


class Provinces:
    """The provinces that there were on `day`."""

    def __init__(self, directory: Directory, day: date) -> None:
        self.day = day
        self._directory = directory
        self._lineage = Lineage(directory)

    def of_row(self, key: str, *, in_scope: bool = False) -> str | None:
        """The code of the province that has the matters of a row by agency; `key` is a code, or for an earlier life of
        it the code, `@` and the life's first day. None where no province has them, or several do; with `in_scope` also
        where the unit, or one above it, is outside the scope."""
        unit = self._unit_of(key)
        return self._of(unit, self.day, in_scope=in_scope) if unit else None

    def systems(self, day: date) -> Mapping[str, int]:
        """How many information systems there were on a day, by the code of the province that has them; those of units
        outside the scope, and of units that no province has, are left out."""
        owners = (self._lineage.unit_at(each.agency, day) for each in self._directory.systems if each.valid_on(day))
        found = Counter(self._of(owner, day, in_scope=True) for owner in owners if owner)
        return {code: count for code, count in found.items() if code is not None}

    def _of(self, unit: Agency, day: date, *, in_scope: bool) -> str | None:
        there = min(max(day, unit.valid_from), unit.end - timedelta(days=1))
        line = self._line_up(unit, there)
        if line[-1].level is not Level.PROVINCE or (in_scope and any(each.outside_scope for each in line)):
            return None
        parts = self._lineage.parts(line[-1], self.day)
        return parts[0].code if len(parts) == 1 and parts[0].known else None

    def _line_up(self, unit: Agency, day: date) -> list[Agency]:
        """The unit and those above it on that day, up to its province or as far as they go."""
        line = [unit]
        while (last := line[-1]).level is not Level.PROVINCE and last.parent is not None:
            above = self._lineage.unit_at(last.parent, day)
            if above is None or above in line:
                break
            line.append(above)
        return line

    def _unit_of(self, key: str) -> Agency | None:
        code, _, first = key.rpartition("@")
        earlier = (life for life in self._directory.lives(code) if life.valid_from.isoformat() == first)
        return self._directory.latest(key) or next(earlier, None)


@dataclass(frozen=True, slots=True)
class Rate:
    """The involvements of a province's units in scope in both periods, None where none is on record, and how many
    information systems they have."""

    code: str
    current: float | None
    previous: float | None
    systems: int

    @property
    def value(self) -> float | None:
        """Involvements for each PER systems; None where nothing, or no system, is on record."""
        return PER * self.current / self.systems if self.current is not None and self.systems else None

    @property
    def few(self) -> bool:
        """Whether the cases are too few to be set against those of another province or period."""
        return self.value is not None and (self.current or 0) + (self.previous or 0) < FEW_CASES

    def data(self) -> dict[str, Any]:
        """As the JSON of a report has it."""
        return {
            "key": self.code,
            "current": self.current,
            "previous": self.previous,
            "systems": self.systems,
            "rate": self.value,
            "few": self.few,
        }


def rates(rows: Iterable[Row], provinces: Provinces, codes: Iterable[str], day: date) -> list[Rate]:
    """The rate of each of these provinces, with the systems of that day; `rows` are by agency, in the units of the
    provinces' day."""
    nothing: tuple[float | None, float | None] = (None, None)
    counted: dict[str | None, tuple[float, float]] = {}
    for row in rows:
        code = provinces.of_row(row["key"], in_scope=True)
        current, previous = counted.get(code, (0, 0))
        counted[code] = current + row["current"], previous + row["previous"]
    systems = provinces.systems(day)
    return [Rate(code, *(counted.get(code) or nothing), systems.get(code, 0)) for code in codes]
