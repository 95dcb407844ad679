"""The form that a duty asks for, made from the store's records."""

from __future__ import annotations

from datetime import datetime

from vonggac.domain.access import EVERYTHING, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.duty import Duty, standing_filings
from vonggac.duties.acts import agency_owing, period_of
from vonggac.duties.kept import load_filings
from vonggac.duties.law import versions_of
from vonggac.errors import NotFound, SharingRefused, UsageRefused
from vonggac.forms.draw import draw
from vonggac.forms.of_incident import Case, end_report, initial_report
from vonggac.forms.of_period import monitoring_report, periodic_report, report_on
from vonggac.forms.sheet import Sheet
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
        sheet = _period_sheet(store, directory, versions, subject, agency, now)
    elif form in _OF_INCIDENT:
        sheet, agency = _incident_sheet(store, directory, versions, subject, agency, now, scope)
    else:
        raise UsageRefused("duty_without_form", id=duty)
    if scope.agencies is not None and agency not in scope.agencies:
        raise SharingRefused("duty_of_others", agency=agency, own=", ".join(sorted(scope.agencies)))
    return draw(sheet)


def _incident_sheet(
    store: Store,
    directory: Directory,
    versions: tuple[Duty, ...],
    identity: str,
    agency: str,
    now: datetime,
    scope: Scope,
) -> tuple[Sheet, str]:
    incident = store.incidents.get(identity, scope=scope)
    agency = agency_owing(versions, incident, agency)
    first = standing_filings(load_filings(store.records)).get(f"incident-report/{identity}/{agency}")
    history = store.incidents.history(identity, scope=scope)
    duty = _at(versions, incident.opened_at)
    return _OF_INCIDENT[duty.form](Case(incident, history, directory, agency, duty, now, first)), agency


def _period_sheet(
    store: Store, directory: Directory, versions: tuple[Duty, ...], name: str, agency: str, now: datetime
) -> Sheet:
    if directory.latest(agency) is None:
        raise NotFound("unknown_agency", code=agency)
    duty, span = period_of(versions, name)
    return _OF_PERIOD[duty.form](report_on(store, directory, agency, duty, span, now))


def _at(versions: tuple[Duty, ...], instant: datetime) -> Duty:
    """The version in force then, else the newest."""
    return next((duty for duty in versions if duty.holds_at(instant)), versions[-1])
