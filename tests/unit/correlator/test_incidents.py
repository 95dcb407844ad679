"""Which incident a detection goes to."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from correlator.incidents import correlation_key, plan
from tests.unit.correlator.judged import terms
from vonggac.domain.agency import Directory
from vonggac.domain.detection import Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.fold import advance, fold
from vonggac.domain.incident import Entry, EntryKind, Incident, Involvement, Role, Severity, Status, entry_id
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
    planned = plan(one, (), now, DAY, terms(), origin="node")
    assert planned is not None
    incident = fold(*planned)
    assert incident is not None
    return incident


def joined(incident: Incident, entries: tuple[Entry, ...]) -> Incident:
    grown = advance(incident.id, incident, entries)
    assert grown is not None
    return grown


def further(incident: Incident, *detections: Detection, directory: Directory | None = None) -> Incident:
    """The incident with these joined one after the other."""
    for each in detections:
        planned = plan(each, (incident,), NOW, DAY, terms(directory))
        assert planned is not None
        assert planned[0] == incident.id
        incident = joined(incident, planned[1])
    return incident


def acted(incident: Incident, kind: EntryKind, at: datetime = NOW, /, **data: object) -> Incident:
    """The incident after a person's act."""
    return joined(incident, (Entry(entry_id(kind, *data.values()), kind, at, at, "lan", data),))


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
    first, again = plan(detection(), (), NOW, DAY, terms()), plan(detection(), (), NOW + DAY, DAY, terms())
    assert first is not None
    assert again is not None
    assert first[0] == again[0]
    assert [entry.id for entry in first[1]] == [entry.id for entry in again[1]]
    assert len({entry.id for entry in first[1]}) == len(first[1])
    assert plan(detection(), (opened(detection()),), NOW, DAY, terms()) is None


def test_a_known_detection_opens_nothing_though_its_incident_has_ended():
    ended = replace(opened(detection()), status=Status.FALSE_POSITIVE)
    assert plan(detection(), (ended,), NOW, DAY, terms()) is None


@pytest.mark.parametrize("after", [timedelta(hours=-20), timedelta(hours=1), timedelta(hours=23)])
def test_a_later_or_earlier_detection_within_the_window_joins(after: timedelta):
    incident = opened(detection())
    planned = plan(detection("e2", T0 + after), (incident,), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] == incident.id
    assert [entry.kind for entry in planned[1]] == [EntryKind.DETECTED]
    assert len(joined(incident, planned[1]).evidence) == 2


def test_a_detection_after_the_window_is_a_new_incident():
    incident = opened(detection())
    planned = plan(detection("e2", T0 + timedelta(days=3)), (incident,), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] != incident.id


@pytest.mark.parametrize("status", [Status.FALSE_POSITIVE, Status.EXERCISE])
def test_a_mistake_or_an_exercise_is_not_added_to(status: Status):
    planned = plan(detection("e2"), (replace(opened(detection()), status=status),), NOW, DAY, terms())
    assert planned is not None
    assert planned[1][0].kind is EntryKind.OPENED


@pytest.mark.parametrize(
    "other",
    [detection("e2", agency="BYT"), detection("e2", ip="192.0.2.2"), detection("e2", rule=replace(RULE, kind="x"))],
)
def test_another_agency_kind_or_entity_is_another_incident(other: Detection):
    incident = opened(detection())
    assert correlation_key(other) != incident.key
    planned = plan(other, (incident,), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] != incident.id


def test_of_several_incidents_the_earliest_is_joined():
    early, late = opened(detection()), opened(detection("e2", T0 + timedelta(hours=2)))
    planned = plan(detection("e3", T0 + timedelta(hours=1)), (late, early), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] == early.id


def test_a_stricter_marking_of_an_indicator_closes_the_incident():
    incident = opened(detection())
    planned = plan(replace(detection("e2"), tlp="red"), (incident,), NOW, DAY, terms())
    assert planned is not None
    assert joined(incident, planned[1]).tlp is Tlp.RED
    assert opened(replace(detection(), tlp="clear")).tlp is Tlp.AMBER


# --- what was closed, and what is part of another


CLOSED_AT = T0 + timedelta(hours=2)


def closed(incident: Incident) -> Incident:
    return acted(incident, EntryKind.TRANSITIONED, CLOSED_AT, to="closed", reason="done")


def test_what_happened_after_the_closing_opens_the_incident_again_and_says_by_what():
    incident = closed(opened(detection()))
    again = detection("e2", CLOSED_AT + timedelta(hours=1))
    planned = plan(again, (incident,), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] == incident.id
    (reopening,) = [entry for entry in planned[1] if entry.kind is EntryKind.TRANSITIONED]
    assert reopening.actor == "correlator"
    assert reopening.data == {"to": "reopened", "detection": again.id, "title": "Port scan", "title_vi": "Quét cổng"}
    assert joined(incident, planned[1]).status is Status.REOPENED


def test_what_happened_before_the_closing_and_came_late_joins_what_stays_closed():
    incident = further(closed(opened(detection())), detection("e2", T0 + timedelta(hours=1)))
    assert (incident.status, len(incident.evidence)) == (Status.CLOSED, 2)


def test_a_window_that_was_still_running_when_it_was_closed_opens_it_again():
    incident = further(closed(opened(detection())), detection("e2", CLOSED_AT - timedelta(seconds=30)))
    assert incident.status is Status.REOPENED


def test_what_was_closed_long_ago_stays_closed():
    planned = plan(detection("e2", T0 + timedelta(days=3)), (closed(opened(detection())),), NOW, DAY, terms())
    assert planned is not None
    assert planned[1][0].kind is EntryKind.OPENED


def test_each_closing_may_be_followed_by_a_reopening_of_its_own():
    incident = further(closed(opened(detection())), detection("e2", CLOSED_AT + timedelta(hours=1)))
    incident = acted(incident, EntryKind.TRANSITIONED, CLOSED_AT + timedelta(hours=2), to="closed", reason="again")
    assert further(incident, detection("e3", CLOSED_AT + timedelta(hours=3))).status is Status.REOPENED


def test_an_open_incident_is_joined_before_a_closed_one():
    early, late = closed(opened(detection())), opened(detection("e2", T0 + timedelta(hours=5)))
    planned = plan(detection("e3", T0 + timedelta(hours=6)), (early, late), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] == late.id


OTHER_KIND = replace(RULE, kind="web-intrusion", id="r9")


def merged(part: Incident, whole: Incident) -> Incident:
    return acted(part, EntryKind.MERGED, into=whole.id)


def test_what_belongs_to_a_merged_incident_goes_to_the_whole_over_however_many_merges():
    whole = opened(detection("w", rule=OTHER_KIND))
    middle = merged(opened(detection("m", rule=OTHER_KIND)), whole)
    part = merged(opened(detection()), middle)
    planned = plan(detection("e2"), (part, middle, whole), NOW, DAY, terms())
    assert planned is not None
    assert planned[0] == whole.id
    assert plan(detection("e2"), (part, middle, joined(whole, planned[1])), NOW, DAY, terms()) is None


def test_what_belongs_to_a_part_of_a_closed_whole_opens_the_whole_again():
    whole = closed(opened(detection("w", rule=OTHER_KIND)))
    planned = plan(
        detection("e2", CLOSED_AT + timedelta(hours=1)), (merged(opened(detection()), whole), whole), NOW, DAY, terms()
    )
    assert planned is not None
    assert joined(whole, planned[1]).status is Status.REOPENED


@pytest.mark.parametrize("status", [Status.FALSE_POSITIVE, Status.EXERCISE])
def test_what_belongs_to_a_part_of_a_mistake_is_a_new_incident(status: Status):
    whole = replace(opened(detection("w", rule=OTHER_KIND)), status=status)
    planned = plan(detection("e2"), (merged(opened(detection()), whole), whole), NOW, DAY, terms())
    assert planned is not None
    assert planned[1][0].kind is EntryKind.OPENED


def test_merges_that_lead_nowhere_or_in_a_circle_end_in_a_new_incident():
    lost = merged(opened(detection()), opened(detection("gone", rule=OTHER_KIND)))
    a, b = opened(detection()), opened(detection("b", rule=OTHER_KIND))
    for candidates in ((lost,), (merged(a, b), merged(b, a))):
        planned = plan(detection("e2"), candidates, NOW, DAY, terms())
        assert planned is not None
        assert planned[1][0].kind is EntryKind.OPENED


# --- of which kind it is


def test_the_opening_says_which_map_gave_the_kind_and_why():
    planned = plan(detection(rule=replace(RULE, category="", tags=("attack.t1486",))), (), NOW, DAY, terms())
    assert planned is not None
    said = planned[1][0].data
    assert (said["category"], said["rsit"]) == ("ransomware", "malicious-code/infected-system")
    assert (said["because"], said["map"]) == ("technique T1486", "qd05-rsit-1")


def rule(level: str, category: str) -> RuleInfo:
    return replace(RULE, id=f"{level}-{category}", level=level, category=category)


@pytest.mark.parametrize(
    ("first", "second", "category"),
    [
        (rule("medium", "malware"), rule("high", "dos"), "dos"),  # stronger evidence
        (rule("high", "malware"), rule("medium", "ransomware"), "malware"),  # weaker
        (rule("high", "malware"), rule("high", "ransomware"), "ransomware"),  # as strong, of a kind that outranks
        (rule("high", "ransomware"), rule("high", "malware"), "ransomware"),
    ],
)
def test_an_incident_is_of_the_kind_that_outranks_and_never_combined_by_itself(
    first: RuleInfo, second: RuleInfo, category: str
):
    incident = further(opened(detection(rule=first)), detection("e2", rule=second))
    assert incident.category == category
    assert (incident.classed_because, incident.classed_by) == ("rule", "qd05-rsit-1")


def test_what_a_person_categorised_stays_and_the_history_says_what_was_found():
    incident = acted(opened(detection(rule=rule("medium", "malware"))), EntryKind.CATEGORISED, category="combined")
    planned = plan(detection("e2", rule=rule("high", "dos")), (incident,), NOW, DAY, terms())
    assert planned is not None
    (told,) = [entry for entry in planned[1] if entry.kind is EntryKind.CATEGORISED]
    assert (told.data["category"], told.data["kept_by"]) == ("dos", "lan")
    assert joined(incident, planned[1]).category == "combined"


# --- how severe it is


def hit(number: int, level: str = "medium", rsit: str = "intrusions") -> Detection:
    """A machine of its own is hit."""
    info = replace(RULE, id=level, level=level, rsit=rsit)
    one = detection(f"hit-{number}", T0 + timedelta(minutes=number), rule=info)
    return replace(one, entities={**one.entities, "destination.ip": f"10.0.0.{number}"})


def test_a_tenth_machine_raises_the_severity_and_the_history_says_why():
    incident = further(opened(hit(0)), *(hit(number) for number in range(1, 9)))
    assert incident.severity is Severity.MEDIUM
    planned = plan(hit(9), (incident,), NOW, DAY, terms())
    assert planned is not None
    (told,) = [entry for entry in planned[1] if entry.kind is EntryKind.RATED]
    assert told.data == {
        "severity": "high",
        "level": "medium",
        "system": "",
        "system_level": 0,
        "machines": 10,
        "agencies": 1,
        "table": "vonggac-severity-1",
        "detection": hit(9).id,
    }
    assert joined(incident, planned[1]).severity is Severity.HIGH


def test_machines_that_were_only_looked_at_do_not_spread():
    scans = [hit(number, rsit="information-gathering") for number in range(30)]
    assert further(opened(scans[0]), *scans[1:]).severity is Severity.MEDIUM


def test_what_a_person_rated_stays_and_the_history_says_once_what_was_reckoned():
    incident = acted(opened(hit(0)), EntryKind.RATED, severity="low")
    planned = plan(hit(1, "critical"), (incident,), NOW, DAY, terms())
    assert planned is not None
    (told,) = [entry for entry in planned[1] if entry.kind is EntryKind.RATED]
    assert (told.data["severity"], told.data["kept_by"]) == ("critical", "lan")
    grown = joined(incident, planned[1])
    assert (grown.severity, grown.rated_by) == (Severity.LOW, "lan")
    again = plan(hit(2, "critical"), (grown,), NOW, DAY, terms())
    assert again is not None
    assert EntryKind.RATED not in {entry.kind for entry in again[1]}


@given(st.permutations([hit(0, "low"), hit(1), hit(2, "high"), *(hit(number) for number in range(3, 12))]))
def test_within_one_window_the_order_of_evidence_changes_neither_kind_nor_severity_nor_name(order: list[Detection]):
    incident = further(opened(order[0]), *order[1:])
    straight = further(opened(hit(0)), *(each for each in sorted(order, key=lambda each: each.start)[1:]))
    same = ("category", "rsit", "severity", "title", "machines", "involvements", "first_at", "last_at")
    assert [getattr(incident, name) for name in same] == [getattr(straight, name) for name in same]
