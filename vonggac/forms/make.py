"""The form that a duty asks for, made from the store's records."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from typing import TypeVar

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.duty import PERIODIC, Duty, standing_filings, standing_marks
from vonggac.duties.acts import agency_owing, known_agency, period_of
from vonggac.duties.kept import load_filings, load_marks
from vonggac.duties.law import versions_of
from vonggac.errors import SharingRefused, UsageRefused
from vonggac.forms.draw import draw
from vonggac.forms.of_breach import notice_of_2023, notice_of_2025
from vonggac.forms.of_incident import Case, end_report, initial_report
from vonggac.forms.of_period import monitoring_report, periodic_report, report_on
from vonggac.forms.sheet import Sheet
from vonggac.ports import Store

T = TypeVar("T")

_OF_INCIDENT = {
    "tt20-2017-3": initial_report,
    "tt20-2017-4": end_report,
    "nd13-2023-3": notice_of_2023,
    "nd356-2025-8": notice_of_2025,
}
_OF_PERIOD = {"tt20-2017-5": periodic_report, "tt31-2017-2": monitoring_report}


def make_form(
    store: Store,
    directory: Directory,
    duty: str,
    subject: str,
    now: datetime,
    *,
    agency: str = "",
    scope: Scope = EVERYTHING,
) -> bytes:
    """The DOCX of the duty's form for an incident's id or a period's name; same records and instant, same bytes.

    Raises UsageRefused where the duty has no form, or the subject is none of its own; NotFound; SharingRefused.
    """
    versions = versions_of(duty)
    if versions[-1].trigger in PERIODIC:
        return draw(_of_period(store, directory, versions, subject, now, agency, scope))
    return draw(_of_incident(store, directory, versions, subject, now, agency, scope))


def _of_period(
    store: Store, directory: Directory, versions: Sequence[Duty], name: str, now: datetime, agency: str, scope: Scope
) -> Sheet:
    agency = _own(known_agency(directory, agency), scope)
    asked, span = period_of(versions, name)
    return _form(_OF_PERIOD, asked)(report_on(store, directory, agency, asked, span, now))


def _of_incident(
    store: Store, directory: Directory, versions: Sequence[Duty], subject: str, now: datetime, agency: str, scope: Scope
) -> Sheet:
    """By the version that was in force when the clock began."""
    incident = store.incidents.get(subject, scope=scope)
    agency = _own(agency_owing(versions, incident, agency), scope)
    history = store.incidents.history(subject, scope=scope)
    first = standing_filings(load_filings(store.records)).get(f"incident-report/{subject}/{agency}")
    mark = standing_marks(load_marks(store.records)).get((versions[-1].id, subject, agency))
    begun = mark.at if mark else incident.opened_at
    asked = next((each for each in versions if each.holds_at(begun)), versions[-1])
    return _form(_OF_INCIDENT, asked)(Case(incident, history, directory, agency, asked, now, first, mark))


def _form(forms: Mapping[str, Callable[[T], Sheet]], duty: Duty) -> Callable[[T], Sheet]:
    found = forms.get(duty.form)
    if found is None:
        raise UsageRefused("duty_without_form", id=duty.id)
    return found


def _own(agency: str, scope: Scope) -> str:
    if scope.agencies is not None and agency not in scope.agencies:
        raise SharingRefused("duty_of_others", agency=agency, own=", ".join(sorted(scope.agencies)))
    return agency
