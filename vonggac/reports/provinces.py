"""Which province-level unit of one day an agency is, stands under, or went into."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, timedelta
from typing import Any

from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.lineage import Lineage

#: A row of a comparison by agency.
Row = Mapping[str, Any]


class Provinces:
    """The provinces that there were on `day`."""

    def __init__(self, directory: Directory, day: date) -> None:
        self.day = day
        self._directory = directory
        self._lineage = Lineage(directory)

    def of_row(self, key: str) -> str | None:
        """The code of the province that has the matters of a row by agency; `key` is a code, or for an earlier life of
        it the code, `@` and the life's first day. None where no province has them, or several do."""
        unit = self._unit_of(key)
        if unit is None:
            return None
        last_day = unit.end - timedelta(days=1)
        province = self.above(unit, min(max(self.day, unit.valid_from), last_day))
        parts = self._lineage.parts(province, self.day) if province else ()
        return parts[0].code if len(parts) == 1 and parts[0].known else None

    def above(self, unit: Agency, day: date) -> Agency | None:
        """The province that the unit was or stood under on that day; None where there was none."""
        seen: set[str] = set()
        at: Agency | None = unit
        while at is not None and at.level is not Level.PROVINCE:
            seen.add(at.code)
            at = self._lineage.unit_at(at.parent, day) if at.parent and at.parent not in seen else None
        return at

    def _unit_of(self, key: str) -> Agency | None:
        code, _, first = key.rpartition("@")
        earlier = (life for life in self._directory.lives(code) if life.valid_from.isoformat() == first)
        return self._directory.latest(key) or next(earlier, None)
