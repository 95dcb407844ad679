"""What people say of duties: that a report was sent, that an incident begins a clock, that it does not after all."""

from __future__ import annotations

import re
from collections.abc import Sequence
from datetime import datetime

from vonggac.domain.access import EVERYTHING, Action, Principal, Scope
from vonggac.domain.agency import Directory
from vonggac.domain.duty import MARKED, PERIODIC, Duty, Filing, Mark, Span, owing, span_named
from vonggac.domain.incident import Incident
from vonggac.domain.text import nfc
from vonggac.domain.times import format_instant
from vonggac.duties.kept import add_filing, add_mark, load_filings
from vonggac.duties.law import versions_of
from vonggac.errors import NotFound, SharingRefused, UsageRefused
from vonggac.ports import Clock, Ids, Store

#: The longest reason, note or name, in characters.
MAX_TEXT = 2_000
_DIGEST = re.compile(r"[0-9a-f]{64}")


class Reporting:
    """The acts of one principal, for the agencies of its scope."""

    def __init__(
        self,
        store: Store,
        clock: Clock,
        ids: Ids,
        directory: Directory,
        principal: Principal,
        scope: Scope = EVERYTHING,
    ) -> None:
        self._store = store
        self._clock = clock
        self._ids = ids
        self._directory = directory
        self._principal = principal
        self._scope = scope

    def file(
        self,
        duty: str,
        subject: str,
        *,
        agency: str = "",
        at: datetime | None = None,
        by: str = "",
        digest: str = "",
        note: str = "",
        corrects: str = "",
    ) -> Filing:
        """The report on the subject (an incident's id, a period's name) was sent at that instant, by default now.

        An incident with one agency that owes it needs no `agency`. Raises UsageRefused, NotFound and SharingRefused.
        """
        self._require()
        versions = versions_of(duty)
        now = self._clock()
        agency, begun = self._meant(versions, subject, agency)
        sent = self._past(at, now)
        if sent < begun:
            raise UsageRefused("duty_early", subject=subject, at=format_instant(sent), begun=format_instant(begun))
        filing = Filing(
            id=self._ids(),
            duty=duty,
            subject=subject,
            agency=self._own(agency),
            at=sent,
            recorded_at=now,
            by=_text(by) or self._principal.name,
            digest=_digest(digest),
            note=_text(note),
            corrects=corrects,
        )
        if corrects:
            self._check_correction(filing)
        add_filing(self._store.records, filing)
        return filing

    def open(
        self,
        duty: str,
        incident: str,
        reason: str,
        *,
        agency: str = "",
        at: datetime | None = None,
        stands: bool = True,
    ) -> Mark:
        """The incident begins the agency's clock at the instant, by default when we learned of the incident; or, where
        it does not stand, begins it no more. An incident with one agency that would owe it needs no `agency`."""
        self._require()
        versions = versions_of(duty)
        if versions[-1].trigger not in MARKED:
            raise UsageRefused("duty_opens_itself", id=duty)
        if not _text(reason):
            raise UsageRefused("duty_reason", id=duty)
        found = self._store.incidents.get(incident, scope=self._scope)
        agency = self._own(agency_owing(versions, found, agency))
        now = self._clock()
        begun = found.opened_at if at is None else self._past(at, now)
        mark = Mark(self._ids(), duty, incident, agency, begun, now, self._principal.name, _text(reason), stands)
        add_mark(self._store.records, mark)
        return mark

    def _meant(self, versions: Sequence[Duty], subject: str, agency: str) -> tuple[str, datetime]:
        """The agency that owes a report on the subject, and when that began: nothing can be told of it earlier."""
        if versions[-1].trigger in PERIODIC:
            return known_agency(self._directory, agency), period_of(versions, subject)[1].start
        incident = self._store.incidents.get(subject, scope=self._scope)
        return agency_owing(versions, incident, agency), incident.first_at

    def _own(self, agency: str) -> str:
        if self._scope.agencies is not None and agency not in self._scope.agencies:
            raise SharingRefused("duty_of_others", agency=agency, own=self._principal.agency)
        return agency

    def _past(self, at: datetime | None, now: datetime) -> datetime:
        if at is not None and at > now:
            raise UsageRefused("duty_future", at=format_instant(at))
        return at or now

    def _check_correction(self, filing: Filing) -> None:
        """Of the same thing, and not corrected before."""
        every = load_filings(self._store.records)
        same = (filing.duty, filing.subject, filing.agency)
        known = any(each.id == filing.corrects and (each.duty, each.subject, each.agency) == same for each in every)
        if not known or any(each.corrects == filing.corrects for each in every):
            raise UsageRefused("duty_correction", filing=filing.corrects, subject=filing.subject)

    def _require(self) -> None:
        if not self._principal.may(Action.WORK_INCIDENTS):
            raise SharingRefused("role_may_not", role=self._principal.role, action=Action.WORK_INCIDENTS)


def agency_owing(versions: Sequence[Duty], incident: Incident, agency: str) -> str:
    """The agency, if it owes some version of the duty in the incident; without one named, the only one that does.

    Raises UsageRefused that lists those that do.
    """
    codes = owing(versions, incident)
    found = agency or (codes[0] if len(codes) == 1 else "")
    if found not in codes:
        facts = {"incident": incident.id, "agency": agency or "-", "known": ", ".join(codes) or "-"}
        raise UsageRefused("duty_agency", id=versions[-1].id, **facts)
    return found


def known_agency(directory: Directory, code: str) -> str:
    """Raises NotFound for a code that the directory does not have."""
    if directory.latest(code) is None:
        raise NotFound("unknown_agency", code=code)
    return code


def period_of(versions: Sequence[Duty], name: str) -> tuple[Duty, Span]:
    """The period of that name with the version that asks for it. Raises UsageRefused that gives an example."""
    for duty in versions:
        span = span_named(duty, name)
        if span is not None:
            return duty, span
    examples = ", ".join(each.of(2026).name for each in versions[-1].rounds)
    raise UsageRefused("duty_period", id=versions[-1].id, period=name, example=examples)


def _digest(text: str) -> str:
    if text and not _DIGEST.fullmatch(text):
        raise UsageRefused("duty_digest", digest=text)
    return text


def _text(text: str) -> str:
    cleaned = nfc(text.strip())
    if len(cleaned) > MAX_TEXT:
        raise UsageRefused("text_length", what="duty", most=MAX_TEXT)
    return cleaned
