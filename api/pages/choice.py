"""Which agencies a form offers to choose from."""

from __future__ import annotations

from datetime import date

from vonggac.domain.access import Scope
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.units import by_name

#: A list to choose from stays one that can be read.
MAX_OFFERED = 400
#: Of these there are thousands: they are left out where the list would be too long.
LOCAL = frozenset({Level.DISTRICT, Level.COMMUNE})
_ORDER = list(Level)


def offered(directory: Directory, scope: Scope, day: date, chosen: str = "") -> list[Agency]:
    """The units of that day that the scope holds, by name, at most MAX_OFFERED; what is chosen already always."""
    seen = [unit for unit in directory.agencies if unit.valid_on(day)]
    if scope.agencies is not None:
        seen = [unit for unit in seen if unit.code in scope.agencies]
    if len(seen) > MAX_OFFERED:
        wide = (unit for unit in seen if unit.level not in LOCAL)
        seen = sorted(wide, key=lambda unit: _ORDER.index(unit.level))[:MAX_OFFERED]
    latest = directory.latest(chosen)
    if latest is not None and chosen not in {unit.code for unit in seen}:
        seen.append(latest)
    return by_name(seen)
