"""Incidents and duties for the tests of duties."""

from __future__ import annotations

from dataclasses import replace
from datetime import date, datetime
from typing import Any

from vonggac.domain.detection import Severity
from vonggac.domain.duty import Certainty, Duration, Duty, Filing, Round, Trigger
from vonggac.domain.incident import Incident, Involvement, Role, Status
from vonggac.domain.times import parse_record_time


def at(text: str) -> datetime:
    """`dd/mm/yyyy hh:mm[:ss]` in Vietnam."""
    return parse_record_time(text)


def incident(identity: str, opened: datetime, *victims: str, **changed: Any) -> Incident:
    made = Incident(
        id=identity,
        version=1,
        key="",
        title="Phishing",
        title_vi="Lừa đảo",
        kind="",
        entity="",
        category="phishing",
        severity=Severity.HIGH,
        status=Status.NEW,
        opened_at=opened,
        first_at=opened,
        last_at=opened,
        changed_at=opened,
        involvements=tuple(Involvement(code, Role.VICTIM) for code in victims),
    )
    return replace(made, **changed)


REPORT = Duty(
    id="report",
    title={"vi": "Báo cáo", "en": "Report"},
    trigger=Trigger.INCIDENT_DETECTED,
    roles=frozenset({Role.VICTIM}),
    levels=frozenset(),
    addressee={"vi": "Cơ quan điều phối", "en": "Coordinator"},
    deadline=Duration(5, 0),
    rounds=(),
    warn_before=(Duration(1, 0), Duration(2, 0)),
    form="",
    basis="QĐ 05/2017/QĐ-TTg",
    valid_from=date(2017, 3, 16),
    valid_to=None,
    certainty=Certainty.SEEN,
)


def periodic(*rounds: Round, **changed: Any) -> Duty:
    from vonggac.domain.agency import Level

    made = replace(
        REPORT,
        id="half-year",
        trigger=Trigger.HALF_YEAR,
        roles=frozenset(),
        levels=frozenset({Level.PROVINCE}),
        deadline=None,
        rounds=rounds or (Round("H1", (-1, 12, 15), (0, 6, 20)),),
    )
    return replace(made, **changed)


def filing(subject: str, agency: str, instant: datetime, duty: str = "report", **changed: Any) -> Filing:
    made = Filing(f"f-{instant.isoformat()}", duty, subject, agency, instant, instant, "an")
    return replace(made, **changed)
