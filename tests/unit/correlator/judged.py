"""By what the tests' detections are judged: the shipped tables, and an empty directory unless one is given."""

from __future__ import annotations

from datetime import date

from correlator.judging import Terms
from vonggac.dated import in_force, kind_maps, severity_tables
from vonggac.domain.agency import Directory

DAY = date(2026, 3, 2)


def terms(directory: Directory | None = None, day: date = DAY) -> Terms:
    return Terms(day, in_force(kind_maps(), day), in_force(severity_tables(), day), directory or Directory())
