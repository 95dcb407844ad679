from dataclasses import replace
from datetime import UTC, datetime, timedelta

from hypothesis import given
from hypothesis import strategies as st

from vonggac.domain.detection import Severity
from vonggac.domain.fold import advance, fold
from vonggac.domain.incident import (
    CORRELATOR,
    Entry,
    EntryKind,
    Evidence,
    Incident,
    Involvement,
    Role,
    Status,
    entry_id,
    evidence_data,
)
from vonggac.domain.lifecycle import TRANSITIONS
from vonggac.domain.severity import Grounds, Rating, rating_data

START = datetime(2026, 3, 1, tzinfo=UTC)


def entry(number: int, kind: EntryKind, /, **data: object) -> Entry:
    at = START + timedelta(hours=number)
    return Entry(f"e{number}", kind, at, at, "tester", data)


OPENED = entry(0, EntryKind.OPENED, title="Port scan", title_vi="Quét cổng", kind="port-scan", severity="low")


def detected(number: int, level: str = "high") -> Entry:
    at = START + timedelta(hours=number)
    part = Evidence(f"d{number}", "rule", "t", "t", level, at, at, (f"event{number}",), ("T1046",))
    return entry(number, EntryKind.DETECTED, **evidence_data(part))


def must_fold(entries: list[Entry], **options: object) -> Incident:
    incident = fold("inc-1", entries, **options)  # type: ignore[arg-type]
    assert incident is not None
    return incident


def test_an_incident_is_what_its_entries_make_it() -> None:
    incident = must_fold(
        [
            OPENED,
            entry(1, EntryKind.INVOLVED, agency="A", role="victim"),
            detected(2),
            entry(3, EntryKind.TRANSITIONED, to="confirmed"),
            entry(4, EntryKind.ASSIGNED, to="lan"),
            entry(5, EntryKind.NOTED, text="đã gọi"),
            entry(6, EntryKind.CATEGORISED, category="malware"),
        ]
    )
    assert incident.status is Status.CONFIRMED
    assert incident.assignee == "lan"
    assert incident.notes[0].text == "đã gọi"
    assert incident.category == "malware"
    assert incident.involvements == (Involvement("A", Role.VICTIM),)
    assert incident.techniques == ("T1046",)
    assert incident.version == 7
    assert (incident.first_at, incident.last_at) == (START, START + timedelta(hours=2))


def rated(number: int, severity: str, actor: str = CORRELATOR) -> Entry:
    rating = Rating(Severity(severity), Grounds("high", machines=number), "table")
    return replace(entry(number, EntryKind.RATED, **rating_data(rating)), actor=actor)


def test_evidence_alone_does_not_change_the_severity_but_what_the_correlator_reckons_of_it_does() -> None:
    incident = must_fold([OPENED, detected(1, "critical"), rated(2, "high")])
    assert incident.severity is Severity.HIGH
    assert incident.rating == Rating(Severity.HIGH, Grounds("high", machines=2), "table")
    assert must_fold([OPENED, detected(1, "critical")]).severity is Severity.LOW


def test_what_a_person_rated_the_correlator_does_not_override_and_it_counts_again_when_that_is_undone() -> None:
    by_hand = rated(1, "medium", "lan")
    history = [OPENED, by_hand, rated(2, "critical")]
    incident = must_fold(history)
    assert (incident.severity, incident.rated_by) == (Severity.MEDIUM, "lan")
    assert incident.rating is not None
    assert incident.rating.severity is Severity.CRITICAL
    undone = must_fold([*history, entry(3, EntryKind.UNDONE, entry=by_hand.id)])
    assert (undone.severity, undone.rated_by) == (Severity.CRITICAL, "")


def classed(number: int, category: str, actor: str = CORRELATOR) -> Entry:
    said = {"category": category, "rsit": "other", "because": "rule", "map": "m"}
    return replace(entry(number, EntryKind.CATEGORISED, **said), actor=actor)


def test_what_a_person_categorised_the_correlator_does_not_override() -> None:
    by_hand = classed(1, "combined", "lan")
    history = [OPENED, by_hand, classed(2, "malware")]
    incident = must_fold(history)
    assert (incident.category, incident.classed_because, incident.classed_by) == ("combined", "person", "lan")
    undone = must_fold([*history, entry(3, EntryKind.UNDONE, entry=by_hand.id)])
    assert (undone.category, undone.classed_because, undone.classed_by) == ("malware", "rule", "m")


def test_an_incident_is_called_what_its_strongest_evidence_says() -> None:
    opened = replace(OPENED, data={**OPENED.data, "title": "first", "key": "k"})
    assert must_fold([opened, detected(1, "low")]).title == "first"
    assert must_fold([opened, detected(1, "low"), detected(2, "low")]).title == "first"
    assert must_fold([opened, detected(1, "low"), detected(2, "critical")]).title == "t"


def test_what_a_person_or_a_peer_named_keeps_its_name() -> None:
    opened = replace(OPENED, data={**OPENED.data, "title": "first"})
    assert must_fold([opened, detected(1, "low"), detected(2, "critical")]).title == "first"


def test_an_incident_is_closed_at_an_instant_until_it_is_opened_again() -> None:
    closed = entry(2, EntryKind.TRANSITIONED, to="closed")
    assert must_fold([OPENED, closed]).closed_at == closed.happened_at
    assert must_fold([OPENED, closed, entry(3, EntryKind.TRANSITIONED, to="reopened")]).closed_at is None


def test_a_whole_is_at_least_as_severe_as_what_it_took_in() -> None:
    absorbed = entry(1, EntryKind.ABSORBED, incident="inc-2", severity="high")
    assert must_fold([OPENED, absorbed]).severity is Severity.HIGH
    assert must_fold([OPENED, rated(0, "medium", "lan"), absorbed]).severity is Severity.MEDIUM
    assert must_fold([OPENED, absorbed, entry(2, EntryKind.UNDONE, entry=absorbed.id)]).severity is Severity.LOW


def test_the_same_detection_counts_once() -> None:
    again = replace(detected(1), id="other")
    assert len(must_fold([OPENED, detected(1), again]).evidence) == 1


def test_known_at_cuts_the_history_by_when_we_learned() -> None:
    late = replace(entry(5, EntryKind.CATEGORISED, category="malware"), happened_at=START)
    history = [OPENED, late]
    assert must_fold(history, known_at=START + timedelta(hours=4)).category == "other"
    assert must_fold(history, known_at=START + timedelta(hours=5)).category == "malware"
    assert fold("inc-1", history, known_at=START - timedelta(seconds=1)) is None


def test_an_undone_entry_leaves_the_fold_and_undoing_the_undo_brings_it_back() -> None:
    closed = entry(1, EntryKind.TRANSITIONED, to="closed")
    undo = entry(2, EntryKind.UNDONE, entry=closed.id)
    redo = entry(3, EntryKind.UNDONE, entry=undo.id)
    assert must_fold([OPENED, closed]).status is Status.CLOSED
    assert must_fold([OPENED, closed, undo]).status is Status.NEW
    assert must_fold([OPENED, closed, undo, redo]).status is Status.CLOSED


def test_merge_then_undo_is_identity_but_for_the_history() -> None:
    merged = entry(1, EntryKind.MERGED, into="inc-2")
    undone = must_fold([OPENED, merged, entry(2, EntryKind.UNDONE, entry=merged.id)])
    assert undone.wholes == ("inc-2",)
    before = must_fold([OPENED])
    assert replace(undone, version=0, changed_at=START, wholes=()) == replace(before, version=0, changed_at=START)


def test_tests_exercises_mistakes_and_parts_are_not_counted() -> None:
    assert must_fold([OPENED]).counted
    for status in (Status.FALSE_POSITIVE, Status.EXERCISE):
        assert not must_fold([OPENED, entry(1, EntryKind.TRANSITIONED, to=str(status))]).counted
    assert not must_fold([OPENED, entry(1, EntryKind.MERGED, into="inc-2")]).counted
    assert not must_fold([replace(OPENED, data={**OPENED.data, "test": True})]).counted


def test_every_status_has_its_row_of_transitions() -> None:
    assert set(TRANSITIONS) == set(Status)
    assert Status.MERGED not in {to for row in TRANSITIONS.values() for to in row}


def test_an_entry_id_tells_its_parts_apart() -> None:
    assert entry_id("a", "bc") != entry_id("ab", "c")


ACTS = st.sampled_from(
    [
        entry(1, EntryKind.CATEGORISED, category="malware"),
        entry(2, EntryKind.RATED, severity="high"),
        entry(3, EntryKind.TRANSITIONED, to="confirmed"),
        entry(4, EntryKind.ASSIGNED, to="lan"),
        entry(5, EntryKind.NOTED, text="x"),
        entry(6, EntryKind.INVOLVED, agency="A", role="handler"),
        entry(7, EntryKind.MARKED, tlp="green"),
        entry(8, EntryKind.SHARED, collection="c"),
        entry(9, EntryKind.RETRACTED, collection="c"),
        detected(10),
        detected(11, "critical"),
        rated(12, "critical"),
        classed(13, "dos"),
        entry(14, EntryKind.SPLIT, detections=["d11"], into="inc-3"),
        entry(15, EntryKind.MERGED, into="inc-2"),
        entry(16, EntryKind.TRANSITIONED, to="closed"),
        entry(19, EntryKind.GRADED, conditions=["control"], beyond_owner=True, table="t"),
        entry(20, EntryKind.LIKENED, incident="inc-5"),
        entry(17, EntryKind.ABSORBED, incident="inc-4", severity="high", evidence=[dict(detected(18).data)]),
    ]
)


@given(st.lists(ACTS, max_size=12), st.integers(min_value=0, max_value=12))
def test_advancing_is_folding_the_longer_history(acts: list[Entry], cut: int) -> None:
    opened = replace(OPENED, data={**OPENED.data, "key": "k"})
    history = [opened, *(replace(act, id=f"n{at}") for at, act in enumerate(acts))]
    head, tail = history[: cut + 1], history[cut + 1 :]
    assert advance("inc-1", fold("inc-1", head), tail) == fold("inc-1", history)


@given(st.lists(ACTS, max_size=8), st.integers(min_value=0, max_value=12))
def test_known_at_never_shows_more_than_later(acts: list[Entry], hours: int) -> None:
    history = [OPENED, *acts]
    early = fold("inc-1", history, known_at=START + timedelta(hours=hours))
    late = fold("inc-1", history, known_at=START + timedelta(hours=hours + 1))
    assert early is not None
    assert late is not None
    assert early.version <= late.version
    assert {part.detection for part in early.evidence} <= {part.detection for part in late.evidence}
