from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from sharing.exchange import Exchange, Sender
from sharing.incoming import fault
from sharing.markings import TLP2_IDS
from sharing.stix import NodeIdentity, incident_stix_id
from tests.unit.sharing.conftest import DIRECTORY, SEEN
from vonggac.casework import Casework
from vonggac.domain.access import OPERATOR, Principal, UserRole
from vonggac.domain.detection import Severity
from vonggac.domain.duplicates import Shared, Sign
from vonggac.domain.incident import Entry, EntryKind, Incident, Status, entry_id
from vonggac.domain.marking import Tlp
from vonggac.duplicates import duplicates_of
from vonggac.errors import SharingRefused
from vonggac.ports import Clock, FeedQuery, Store
from vonggac.settings import Settings
from vonggac.stores import open_store

INDICATOR = {
    "type": "indicator",
    "spec_version": "2.1",
    "id": "indicator--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061",
    "created": "2026-01-01T00:00:00.000Z",
    "modified": "2026-01-01T00:00:00.000Z",
    "pattern": "[ipv4-addr:value = '192.0.2.9']",
    "pattern_type": "stix",
    "valid_from": "2026-01-01T00:00:00Z",
}


def shared_objects(store: Store, exchange: Exchange) -> list[dict[str, Any]]:
    collection = exchange.collection("incidents").id
    return [dict(item.body) for item in store.feeds.items(FeedQuery(collection, limit=1000)).items]


def test_sharing_puts_the_objects_out_and_the_history_says_so(
    store: Store, exchange: Exchange, incident: Incident
) -> None:
    results = exchange.share(incident.id, OPERATOR, DIRECTORY)
    assert {result.outcome for result in results} == {"created"}
    assert exchange.collection("incidents").id in store.incidents.get(incident.id).shared_to


def test_sharing_twice_adds_nothing(store: Store, exchange: Exchange, incident: Incident) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    before = shared_objects(store, exchange)
    again = exchange.share(incident.id, OPERATOR, DIRECTORY)
    assert {result.outcome for result in again} == {"duplicate"}
    assert shared_objects(store, exchange) == before


def test_what_is_too_strict_or_not_allowed_is_not_shared(store: Store, exchange: Exchange, incident: Incident) -> None:
    with pytest.raises(SharingRefused):
        exchange.share(incident.id, Principal("v", UserRole.ANALYST), DIRECTORY)
    Casework(store.incidents, lambda: incident.changed_at, OPERATOR).mark(incident.id, Tlp.RED)
    with pytest.raises(SharingRefused):
        exchange.share(incident.id, OPERATOR, DIRECTORY)
    assert shared_objects(store, exchange) == []


def test_another_node_has_the_same_incident_afterwards(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    objects = shared_objects(store, exchange)
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        came = there.accept(objects, Sender("trung tâm"), DIRECTORY)
        assert (came.incidents, came.indicators, came.refused) == (1, 1, ())
        [found] = other.incidents.find(_every()).items
        mine = store.incidents.get(incident.id)
        for name in (
            "title", "title_vi", "category", "rsit", "severity", "kind", "entity", "tlp", "involvements",
            "first_at", "last_at",
        ):  # fmt: skip
            assert getattr(found, name) == getattr(mine, name), name
        again = there.accept(objects, Sender("trung tâm"), DIRECTORY)
        assert (again.incidents, again.indicators, again.known) == (0, 0, 2)
        assert other.incidents.get(found.id).version == found.version
    finally:
        other.close()


def test_what_comes_back_is_known_as_our_own(store: Store, exchange: Exchange, incident: Incident) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    came = exchange.accept(shared_objects(store, exchange), Sender("tỉnh"), DIRECTORY)
    assert came.incidents == 0
    assert store.incidents.count(_every()) == 1


def test_a_peer_may_speak_for_its_own_agencies_only(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    objects = shared_objects(store, exchange)
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        refused = there.accept(objects, Sender("bộ", "G01"), DIRECTORY)
        assert refused.incidents == 0
        assert "H40" in refused.refused[0].reason
        assert there.accept(objects, Sender("tỉnh", "H40"), DIRECTORY).incidents == 1
    finally:
        other.close()


def test_a_peers_withdrawal_makes_it_a_false_positive_here(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    objects = shared_objects(store, exchange)
    withdrawn = [
        {**obj, "revoked": True, "modified": "2027-01-01T00:00:00.000Z"} if obj["type"] == "incident" else obj
        for obj in objects
    ]
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        there.accept(objects, Sender("trung tâm"), DIRECTORY)
        there.accept(withdrawn, Sender("trung tâm"), DIRECTORY)
        [found] = other.incidents.find(_every()).items
        assert found.status is Status.FALSE_POSITIVE
    finally:
        other.close()


def test_a_peer_that_goes_on_with_what_it_had_closed_opens_it_again_here(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    work = Casework(store.incidents, clock, OPERATOR)
    versions = []
    for to in (None, Status.CLOSED, Status.REOPENED):
        if to is not None:
            work.transition(incident.id, to, "a reason")
        exchange.share(incident.id, OPERATOR, DIRECTORY)
        versions.append(shared_objects(store, exchange))
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there, here = Exchange(other, clock, NodeIdentity("Tỉnh")), Casework(other.incidents, clock, OPERATOR)
        told = []
        for objects in (*versions, versions[-1]):
            there.accept(objects, Sender("trung tâm"), DIRECTORY)
            [found] = other.incidents.find(_every()).items
            told.append(found.status)
        assert told == [Status.NEW, Status.CLOSED, Status.REOPENED, Status.REOPENED]
        here.transition(found.id, Status.CLOSED, "our own reason")
        work.note(incident.id, "more")
        exchange.share(incident.id, OPERATOR, DIRECTORY)
        there.accept(shared_objects(store, exchange), Sender("trung tâm"), DIRECTORY)
        assert other.incidents.get(found.id).status is Status.CLOSED
    finally:
        other.close()


def test_a_newer_version_adds_what_it_changes_and_the_same_one_undoes_nothing_decided_here(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    first = shared_objects(store, exchange)
    Casework(store.incidents, clock, OPERATOR).rate(incident.id, Severity.CRITICAL)
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    second = shared_objects(store, exchange)
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        there.accept(first, Sender("trung tâm"), DIRECTORY)
        [found] = other.incidents.find(_every()).items
        Casework(other.incidents, clock, OPERATOR).categorise(found.id, "malware")
        there.accept(first, Sender("trung tâm"), DIRECTORY)
        assert other.incidents.get(found.id).category == "malware"
        there.accept(second, Sender("trung tâm"), DIRECTORY)
        after = other.incidents.get(found.id)
        assert (after.severity, after.category) == (Severity.CRITICAL, "malware")
        there.accept(second, Sender("trung tâm"), DIRECTORY)
        assert other.incidents.get(found.id).version == after.version
    finally:
        other.close()


def test_an_older_version_of_an_indicator_does_not_replace_the_newer(store: Store, exchange: Exchange) -> None:
    newer = {**INDICATOR, "modified": "2026-02-01T00:00:00.000Z", "revoked": True}
    assert exchange.accept([newer], Sender("x"), DIRECTORY).indicators == 1
    assert exchange.accept([INDICATOR], Sender("x"), DIRECTORY).known == 1
    record = store.records.get("indicator", str(INDICATOR["id"]))
    assert record is not None
    assert record.body["object"]["revoked"] is True


@pytest.mark.parametrize(
    ("obj", "why"),
    [
        ("text", "not a JSON object"),
        ({"type": "indicator"}, "type or id"),
        ({**INDICATOR, "id": "malware--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061"}, "id does not begin"),
        ({**INDICATOR, "spec_version": "2.0"}, "spec_version"),
        ({**INDICATOR, "modified": "yesterday"}, "modified"),
        ({**INDICATOR, "pattern": ""}, "pattern"),
        ({"type": "incident", "id": "incident--1"}, "name"),
    ],
)
def test_a_bad_object_is_named_and_the_others_are_taken(exchange: Exchange, obj: object, why: str) -> None:
    assert why in str(fault(obj))
    good = {**INDICATOR, "id": "indicator--aaaaaaaa-8ff7-4a4d-aa9d-feb398cd0061"}
    came = exchange.accept([obj, good], Sender("x"), DIRECTORY)
    assert (came.indicators, len(came.refused)) == (1, 1)
    assert came.taken == came.incidents + came.indicators + came.others + came.known + len(came.refused)


def test_a_deeply_nested_object_is_refused_without_recursion(exchange: Exchange) -> None:
    deep: dict[str, Any] = {}
    here = deep
    for _ in range(100_000):
        here["x"] = {}
        here = here["x"]
    assert "nested" in str(fault({**INDICATOR, "deep": deep}))


def test_every_marking_of_the_store_is_the_objects_own(store: Store, exchange: Exchange, incident: Incident) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    collection = exchange.collection("incidents").id
    for item in store.feeds.items(FeedQuery(collection, limit=1000)).items:
        marked = TLP2_IDS[Tlp.AMBER] in item.body.get("object_marking_refs", ())
        assert item.tlp is (Tlp.AMBER if marked else Tlp.CLEAR), item.type


def _every() -> Any:
    from vonggac.ports import IncidentQuery

    return IncidentQuery()


def _phishing(store: Store, identity: str, agency: str) -> Incident:
    opened = {"title": "Fake page", "title_vi": "Trang giả", "category": "phishing", "entity": "vcb.example"}
    entries = [
        Entry(entry_id(identity, "o"), EntryKind.OPENED, SEEN, SEEN, "c", opened),
        Entry(entry_id(identity, "i"), EntryKind.INVOLVED, SEEN, SEEN, "c", {"agency": agency, "role": "victim"}),
    ]
    return store.incidents.append(identity, entries)


def test_numbers_travel_and_the_first_nodes_own_is_kept_beside_ours(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    objects = exchange.objects_of(incident, DIRECTORY)
    [told] = [obj for obj in objects if obj["type"] == "incident"]
    ours = {"source_name": "vonggac", "external_id": incident.number, "description": "Trung tâm Mẫu"}
    assert ours in told["external_references"]
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        _phishing(other, "inc-there", "G01")
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        there.accept(objects, Sender("trung tâm"), DIRECTORY)
        found = next(each for each in other.incidents.find(_every()).items if each.origin)
        assert (found.origin_number, found.number) == (incident.number, "VN-2026-000002")
        [again] = [obj for obj in there.objects_of(found, DIRECTORY) if obj["type"] == "incident"]
        numbers = [each["external_id"] for each in again["external_references"] if each["source_name"] == "vonggac"]
        assert numbers == [incident.number, found.number]
        assert exchange.accept([again], Sender("tỉnh"), DIRECTORY).known == 1
    finally:
        other.close()


def test_a_peers_update_is_taken_though_both_nodes_gave_it_the_same_number(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange, incident: Incident
) -> None:
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        there.accept(exchange.objects_of(incident, DIRECTORY), Sender("trung tâm"), DIRECTORY)
        [found] = other.incidents.find(_every()).items
        assert found.number == found.origin_number
        later = Casework(store.incidents, lambda: clock() + timedelta(days=400), OPERATOR)
        worse = later.rate(incident.id, Severity.CRITICAL)
        there.accept(exchange.objects_of(worse, DIRECTORY), Sender("trung tâm"), DIRECTORY)
        assert other.incidents.get(found.id).severity is Severity.CRITICAL
    finally:
        other.close()


def test_a_merged_part_that_others_know_is_told_of_as_a_duplicate_and_offered_there(
    tmp_path: Path, clock: Clock, store: Store, exchange: Exchange
) -> None:
    one, two, unknown = (
        _phishing(store, f"inc-{name}", agency) for name, agency in (("1", "H40"), ("2", "G01"), ("3", "G01"))
    )
    other = open_store(Settings(data_dir=tmp_path / "other"), clock=clock)
    try:
        there = Exchange(other, clock, NodeIdentity("Tỉnh"))
        for each in (one, two):
            exchange.share(each.id, OPERATOR, DIRECTORY)
            there.accept(exchange.objects_of(store.incidents.get(each.id), DIRECTORY), Sender("a"), DIRECTORY)
        work = Casework(store.incidents, clock, OPERATOR)
        work.merge(unknown.id, one.id)
        objects = exchange.objects_of(work.merge(two.id, one.id), DIRECTORY)
        [relation] = [obj for obj in objects if obj.get("relationship_type") == "duplicate-of"]
        named = {each.id: incident_stix_id(each) for each in (one, two)}
        assert (relation["source_ref"], relation["target_ref"]) == (named[two.id], named[one.id])

        there.accept(objects, Sender("a"), DIRECTORY)
        there.accept(objects, Sender("a"), DIRECTORY)
        first, second = sorted(other.incidents.find(_every()).items, key=lambda each: each.number)
        assert (first.likened, second.likened) == ((second.id,), (first.id,))
        assert (first.status, second.status) == (Status.NEW, Status.NEW)
        [found] = duplicates_of(other.incidents, first)
        assert Sign(Shared.PEER, "") in found.signs
    finally:
        other.close()


def test_a_peers_word_that_two_of_our_shared_incidents_are_the_same_is_kept_on_both(
    store: Store, exchange: Exchange
) -> None:
    one, two = _phishing(store, "inc-1", "H40"), _phishing(store, "inc-2", "G01")
    for each in (one, two):
        exchange.share(each.id, OPERATOR, DIRECTORY)
    said = {
        "type": "relationship",
        "spec_version": "2.1",
        "id": "relationship--0c7b5b88-8ff7-4a4d-aa9d-feb398cd0061",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "relationship_type": "duplicate-of",
        "source_ref": incident_stix_id(one),
        "target_ref": incident_stix_id(two),
    }
    exchange.accept([{**said, "revoked": True}, {**said, "target_ref": "incident--x"}], Sender("tỉnh"), DIRECTORY)
    assert store.incidents.get("inc-1").likened == ()
    exchange.accept([said], Sender("tỉnh"), DIRECTORY)
    assert store.incidents.get("inc-1").likened == ("inc-2",)
    assert store.incidents.history("inc-2")[-1].actor == "peer:tỉnh"
