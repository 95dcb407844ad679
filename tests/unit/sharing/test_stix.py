import json
from dataclasses import replace

import pytest
import stix2
from stix2validator import ValidationOptions, validate_string

from sharing.markings import TLP2_IDS, marking_object, tlp_of
from sharing.stix import INCIDENT_CORE, OUR_EXTENSION, NodeIdentity, bundle, incident_objects
from tests.unit.sharing.conftest import DETECTION, DIRECTORY
from vonggac.domain.incident import Incident, Status
from vonggac.domain.marking import Tlp

NODE = NodeIdentity("Trung tâm Mẫu")
UUID = "11111111-1111-4111-8111-111111111111"


def errors_of(objects: list[dict[str, object]]) -> list[str]:
    text = json.dumps(bundle(objects, UUID))
    results = validate_string(text, ValidationOptions(version="2.1"))
    return [str(error) for error in results.errors]


def test_an_incident_becomes_a_bundle_that_the_validator_accepts(incident: Incident) -> None:
    objects = incident_objects(incident, [DETECTION], DIRECTORY, NODE)
    assert errors_of(objects) == []
    kinds = {obj["type"] for obj in objects}
    assert kinds >= {"incident", "identity", "marking-definition", "indicator", "sighting", "observed-data"}
    stix2.parse(bundle(objects, UUID), allow_custom=True)


@pytest.mark.parametrize("status", list(Status))
def test_every_status_gives_a_valid_incident(incident: Incident, status: Status) -> None:
    objects = incident_objects(replace(incident, status=status), [DETECTION], DIRECTORY, NODE)
    assert errors_of(objects) == []


@pytest.mark.parametrize("tlp", list(Tlp))
def test_everything_but_definitions_carries_the_incidents_marking(incident: Incident, tlp: Tlp) -> None:
    objects = incident_objects(replace(incident, tlp=tlp), [DETECTION], DIRECTORY, NODE)
    assert marking_object(tlp) in objects
    open_kinds = {"marking-definition", "identity", "extension-definition"}
    for obj in objects:
        if obj["type"] not in open_kinds:
            assert obj["object_marking_refs"] == [TLP2_IDS[tlp]], obj["type"]


def test_the_same_incident_is_the_same_objects(incident: Incident) -> None:
    once = incident_objects(incident, [DETECTION], DIRECTORY, NODE)
    assert once == incident_objects(incident, [DETECTION], DIRECTORY, NODE)


def test_the_incident_core_extension_and_ours_are_there(incident: Incident) -> None:
    [found] = [obj for obj in incident_objects(incident, [], DIRECTORY, NODE) if obj["type"] == "incident"]
    assert found["extensions"][INCIDENT_CORE]["investigation_status"] == "new"
    assert found["extensions"][INCIDENT_CORE]["determination"] == "suspected"
    assert found["extensions"][OUR_EXTENSION]["involvements"] == [{"agency": "H40", "role": "victim"}]


def test_the_class_travels_as_a_machine_tag_and_in_our_extension(incident: Incident) -> None:
    for rsit, tag in (("fraud/phishing", ['rsit:fraud="phishing"']), ("fraud", ["rsit:fraud"]), ("", [])):
        objects = incident_objects(replace(incident, rsit=rsit), [], DIRECTORY, NODE)
        [found] = [obj for obj in objects if obj["type"] == "incident"]
        assert found["labels"] == ["other", *tag]
        assert found["extensions"][OUR_EXTENSION]["rsit"] == rsit
        assert errors_of(objects) == []


def test_a_reopened_incident_is_open_again(incident: Incident) -> None:
    [found] = [
        obj
        for obj in incident_objects(replace(incident, status=Status.REOPENED), [], DIRECTORY, NODE)
        if obj["type"] == "incident"
    ]
    assert found["extensions"][INCIDENT_CORE]["investigation_status"] == "open"
    assert not found.get("revoked", False)


def test_what_was_observed_says_where_it_was_captured(incident: Incident) -> None:
    source = {"fingerprint": "0011223344556677", "position": 41}
    events = [
        {"event": {"id": "event-1"}, "vonggac": {"source": source | {"segment": "ab" * 32}}},
        {"event": {"id": "event-2"}, "vonggac": {"source": source}},  # of a log, which has no segments
    ]
    objects = incident_objects(incident, [DETECTION], DIRECTORY, NODE, events)
    assert errors_of(objects) == []
    [observed] = [obj for obj in objects if obj["type"] == "observed-data"]
    assert observed["extensions"][OUR_EXTENSION]["captures"] == [
        {"event": "event-1", "capture": "0011223344556677", "packet": 41, "segment_hashes": {"SHA-256": "ab" * 32}}
    ]
    [without] = [
        obj for obj in incident_objects(incident, [DETECTION], DIRECTORY, NODE) if obj["type"] == "observed-data"
    ]
    assert "extensions" not in without


def test_a_withdrawn_incident_is_revoked(incident: Incident) -> None:
    withdrawn = replace(incident, status=Status.FALSE_POSITIVE)
    [found] = [obj for obj in incident_objects(withdrawn, [], DIRECTORY, NODE) if obj["type"] == "incident"]
    assert found["revoked"] is True


def test_a_quote_in_a_name_cannot_break_out_of_the_pattern(incident: Incident) -> None:
    evil = replace(
        DETECTION,
        rule=replace(DETECTION.rule, entity="url.domain"),
        entities={"url.domain": "x' OR domain-name:value = 'y", "source.ip": "192.0.2.7"},
    )
    objects = incident_objects(incident, [evil], DIRECTORY, NODE)
    [indicator] = [obj for obj in objects if obj["type"] == "indicator"]
    assert indicator["pattern"] == "[domain-name:value = 'x\\' OR domain-name:value = \\'y']"


@pytest.mark.parametrize(
    ("obj", "expected"),
    [
        ({"object_marking_refs": ["marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9"]}, Tlp.CLEAR),
        ({"object_marking_refs": [TLP2_IDS[Tlp.GREEN], TLP2_IDS[Tlp.AMBER_STRICT]]}, Tlp.AMBER_STRICT),
        ({"object_marking_refs": ["marking-definition--00000000-0000-4000-8000-000000000000"]}, Tlp.RED),
        ({"granular_markings": [{"marking_ref": TLP2_IDS[Tlp.RED], "selectors": ["name"]}]}, Tlp.RED),
        ({}, Tlp.GREEN),
    ],
)
def test_the_strictest_marking_counts_and_an_unknown_one_closes(obj: dict[str, object], expected: Tlp) -> None:
    assert tlp_of(obj, {}, Tlp.GREEN) is expected
