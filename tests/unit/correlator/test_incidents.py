"""Which incident a detection goes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest

from correlator.incidents import correlation_key, plan
from vonggac.domain.detection import Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.fold import fold
from vonggac.domain.incident import Entry, EntryKind, Incident, Involvement, Role, Severity, Status
from vonggac.domain.marking import Tlp

NOW = datetime(2026, 3, 3, tzinfo=UTC)
T0 = datetime(2026, 3, 2, tzinfo=UTC)
DAY = timedelta(days=1)
RULE = RuleInfo(
    "r1",
    "Port scan",
    "Quét cổng",
    Ruleset.CORRELATION,
    "medium",
    kind="port-scan",
    category="unauthorized-access",
    techniques=("T1046",),
)


def detection(
    event: str = "e1", at: datetime = T0, agency: str | None = "BTC", ip: str = "192.0.2.1", rule: RuleInfo = RULE
) -> Detection:
    entities = {"source.ip": ip} | ({"organization.id": agency} if agency else {})
    return Detection(detection_id(rule.id, (event,)), rule, at, at, at + timedelta(minutes=1), (event,), entities)


def opened(one: Detection, now: datetime = NOW) -> Incident:
    planned = plan(one, (), now, DAY, origin="node")
    assert planned is not None
    incident = fold(*planned)
    assert incident is not None
    return incident


def joined(incident: Incident, entries: tuple[Entry, ...], one: Detection) -> Incident:
    first = plan(one, (), NOW, DAY)
    assert first is not None
    grown = fold(incident.id, (*first[1], *entries))
    assert grown is not None
    return grown


def test_a_first_detection_opens_an_incident_that_says_what_whom_and_when():
    incident = opened(detection())
    assert (incident.title, incident.title_vi, incident.kind, incident.entity) == (
        "Port scan",
        "Quét cổng",
        "port-scan",
        "192.0.2.1",
    )
    assert (incident.category, incident.severity, incident.tlp) == ("unauthorized-access", Severity.MEDIUM, Tlp.AMBER)
    assert (incident.status, incident.origin, incident.key) == (Status.NEW, "node", "BTC|port-scan|192.0.2.1")
    assert (incident.first_at, incident.last_at, incident.opened_at) == (T0, T0 + timedelta(minutes=1), NOW)
    assert incident.involvements == (Involvement("BTC", Role.DETECTOR), Involvement("BTC", Role.VICTIM))
    assert incident.techniques == ("T1046",)
    assert incident.version == 4


def test_without_an_agency_nobody_is_involved():
    assert opened(detection(agency=None)).involvements == ()


def test_a_replay_gives_the_same_ids_and_a_known_detection_nothing():
    first, again = plan(detection(), (), NOW, DAY), plan(detection(), (), NOW + DAY, DAY)
    assert first is not None
    assert again is not None
    assert first[0] == again[0]
    assert [entry.id for entry in first[1]] == [entry.id for entry in again[1]]
    assert len({entry.id for entry in first[1]}) == len(first[1])
    assert plan(detection(), (opened(detection()),), NOW, DAY) is None


def test_a_known_detection_opens_nothing_though_its_incident_has_ended():
    ended = replace(opened(detection()), status=Status.FALSE_POSITIVE)
    assert plan(detection(), (ended,), NOW, DAY) is None


@pytest.mark.parametrize("after", [timedelta(hours=-20), timedelta(hours=1), timedelta(hours=23)])
def test_a_later_or_earlier_detection_within_the_window_joins(after: timedelta):
    incident = opened(detection())
    planned = plan(detection("e2", T0 + after), (incident,), NOW, DAY)
    assert planned is not None
    assert planned[0] == incident.id
    assert [entry.kind for entry in planned[1]] == [EntryKind.DETECTED]
    assert len(joined(incident, planned[1], detection()).evidence) == 2


def test_a_detection_after_the_window_is_a_new_incident():
    incident = opened(detection())
    planned = plan(detection("e2", T0 + timedelta(days=3)), (incident,), NOW, DAY)
    assert planned is not None
    assert planned[0] != incident.id


@pytest.mark.parametrize("status", [Status.CLOSED, Status.FALSE_POSITIVE, Status.EXERCISE, Status.MERGED])
def test_what_has_ended_is_not_added_to(status: Status):
    planned = plan(detection("e2"), (replace(opened(detection()), status=status),), NOW, DAY)
    assert planned is not None
    assert planned[1][0].kind is EntryKind.OPENED


@pytest.mark.parametrize(
    "other",
    [detection("e2", agency="BYT"), detection("e2", ip="192.0.2.2"), detection("e2", rule=replace(RULE, kind="x"))],
)
def test_another_agency_kind_or_entity_is_another_incident(other: Detection):
    incident = opened(detection())
    assert correlation_key(other) != incident.key
    planned = plan(other, (incident,), NOW, DAY)
    assert planned is not None
    assert planned[0] != incident.id


def test_of_several_incidents_the_earliest_is_joined():
    early, late = opened(detection()), opened(detection("e2", T0 + timedelta(hours=2)))
    planned = plan(detection("e3", T0 + timedelta(hours=1)), (late, early), NOW, DAY)
    assert planned is not None
    assert planned[0] == early.id


def test_a_stricter_marking_of_an_indicator_closes_the_incident():
    incident = opened(detection())
    planned = plan(replace(detection("e2"), tlp="red"), (incident,), NOW, DAY)
    assert planned is not None
    assert joined(incident, planned[1], detection()).tlp is Tlp.RED
    assert opened(replace(detection(), tlp="clear")).tlp is Tlp.AMBER
