"""The form that a duty asks for, made from the store's records."""

from __future__ import annotations

from datetime import datetime

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.duty import standing_filings
from vonggac.duties.acts import agency_owing, known_agency, period_of
from vonggac.duties.kept import load_filings
from vonggac.duties.law import versions_of
from vonggac.errors import SharingRefused, UsageRefused
from vonggac.forms.draw import draw
from vonggac.forms.of_incident import Case, end_report, initial_report
from vonggac.forms.of_period import monitoring_report, periodic_report, report_on
from vonggac.ports import Store

_OF_INCIDENT = {"tt20-2017-3": initial_report, "tt20-2017-4": end_report}
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
    form = versions[-1].form
    if form in _OF_PERIOD:
        agency = _own(known_agency(directory, agency), scope)
        asked, span = period_of(versions, subject)
        return draw(_OF_PERIOD[form](report_on(store, directory, agency, asked, span, now)))
    if form not in _OF_INCIDENT:
        raise UsageRefused("duty_without_form", id=duty)
    incident = store.incidents.get(subject, scope=scope)
    agency = _own(agency_owing(versions, incident, agency), scope)
    history = store.incidents.history(subject, scope=scope)
    first = standing_filings(load_filings(store.records)).get(f"incident-report/{subject}/{agency}")
    asked = next((each for each in versions if each.holds_at(incident.opened_at)), versions[-1])
    return draw(_OF_INCIDENT[form](Case(incident, history, directory, agency, asked, now, first)))


def _own(agency: str, scope: Scope) -> str:
    if scope.agencies is not None and agency not in scope.agencies:
        raise SharingRefused("duty_of_others", agency=agency, own=", ".join(sorted(scope.agencies)))
    return agency
