from typing import Any

import pytest

from sharing.exchange import Exchange
from sharing.markings import TLP2_IDS
from sharing.taxii import TaxiiServer
from sharing.taxii_query import page_request, version_matches
from tests.unit.sharing.conftest import DIRECTORY
from vonggac.domain.access import OPERATOR, Principal, UserRole
from vonggac.domain.incident import Incident
from vonggac.domain.marking import Tlp
from vonggac.errors import InvalidRecord, NotFound, SharingRefused, UsageRefused
from vonggac.ports import Clock, Ids, Store

OWN = Principal("tinh-a", UserRole.SUBSCRIBER, "H40")
FOREIGN = Principal("bo", UserRole.SUBSCRIBER, "G01")
PEER = Principal("peer", UserRole.PEER, "H40")


@pytest.fixture
def taxii(store: Store, exchange: Exchange, clock: Clock, ids: Ids) -> TaxiiServer:
    return TaxiiServer(store, exchange, clock, ids, "Trung tâm Mẫu")


def indicator(number: int, **more: Any) -> dict[str, Any]:
    return {
        "type": "indicator",
        "spec_version": "2.1",
        "id": f"indicator--00000000-0000-4000-8000-{number:012}",
        "created": "2026-01-01T00:00:00.000Z",
        "modified": "2026-01-01T00:00:00.000Z",
        "pattern": f"[ipv4-addr:value = '192.0.2.{number}']",
        "pattern_type": "stix",
        "valid_from": "2026-01-01T00:00:00Z",
        "object_marking_refs": [TLP2_IDS[Tlp.GREEN]],
        **more,
    }


def every(taxii: TaxiiServer, who: Principal, collection: str, limit: int = 2, **more: str) -> list[dict[str, Any]]:
    """All pages, by `next` (§3.5)."""
    found: list[dict[str, Any]] = []
    asked = {"limit": str(limit), **more}
    while True:
        answer = taxii.objects(who, DIRECTORY, collection, page_request(asked.items()))
        found += answer.body.get("objects", [])
        if not answer.body.get("more"):
            return found
        asked["next"] = answer.body["next"]


def test_collections_show_what_each_may_do_and_hide_the_rest(taxii: TaxiiServer) -> None:
    """§5.1: no collection that can be neither read nor written."""
    rights = {
        each["alias"]: (each["can_read"], each["can_write"]) for each in taxii.collections(PEER).body["collections"]
    }
    assert rights == {"incidents": (True, False), "submissions": (True, True)}
    assert taxii.collections(Principal("s", UserRole.SENSOR)).body == {}


def test_a_page_walk_by_next_gives_every_object_once(
    taxii: TaxiiServer, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    whole = every(taxii, OWN, "incidents", 1000)
    assert len(whole) > 5
    for limit in (1, 2, 3, 7):
        assert every(taxii, OWN, "incidents", limit) == whole


def test_amber_reaches_the_involved_agency_and_nobody_else(
    taxii: TaxiiServer, exchange: Exchange, incident: Incident
) -> None:
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    assert "incident" in {obj["type"] for obj in every(taxii, OWN, "incidents")}
    assert {obj["type"] for obj in every(taxii, FOREIGN, "incidents")} <= {
        "identity",
        "marking-definition",
        "extension-definition",
    }


def test_added_after_the_last_of_a_page_gives_what_follows(
    taxii: TaxiiServer, exchange: Exchange, incident: Incident
) -> None:
    """§3.4: strictly greater than X-TAXII-Date-Added-Last."""
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    whole = every(taxii, OWN, "incidents", 1000)
    first = taxii.objects(OWN, DIRECTORY, "incidents", page_request([("limit", "3")]))
    assert first.last is not None
    assert every(taxii, OWN, "incidents", 1000, added_after=first.last) == whole[3:]


def test_filters_narrow_and_an_empty_answer_is_empty(
    taxii: TaxiiServer, exchange: Exchange, incident: Incident
) -> None:
    """§3.4.1; an empty envelope has no list (§3.7)."""
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    kinds = {obj["type"] for obj in every(taxii, OWN, "incidents", **{"match[type]": "indicator,sighting"})}
    assert kinds == {"indicator", "sighting"}
    nothing = taxii.objects(OWN, DIRECTORY, "incidents", page_request([("match[type]", "malware")]))
    assert (nothing.body, nothing.first) == ({}, None)


def test_the_manifest_lists_the_same_objects(taxii: TaxiiServer, exchange: Exchange, incident: Incident) -> None:
    """§5.3."""
    exchange.share(incident.id, OPERATOR, DIRECTORY)
    asked = page_request([("limit", "1000")])
    records = taxii.manifest(OWN, DIRECTORY, "incidents", asked).body["objects"]
    objects = taxii.objects(OWN, DIRECTORY, "incidents", asked).body["objects"]
    assert [record["id"] for record in records] == [obj["id"] for obj in objects]
    assert {record["media_type"] for record in records} == {"application/stix+json;version=2.1"}


def test_an_object_that_is_not_there_is_not_found(taxii: TaxiiServer) -> None:
    """§5.6."""
    with pytest.raises(NotFound):
        taxii.objects(OWN, DIRECTORY, "incidents", page_request([], object_id="indicator--x"))
    with pytest.raises(NotFound):
        taxii.objects(OWN, DIRECTORY, "no-such-collection", page_request([]))


def test_one_bad_object_does_not_sink_the_batch(taxii: TaxiiServer) -> None:
    """§4.3, §5.5: the status tells each object's fate, and the good ones are there."""
    bad = {**indicator(2), "modified": "never"}
    body = taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1), bad, "text", indicator(3)]}).body
    counts = {name: body[name] for name in ("total_count", "success_count", "failure_count", "pending_count")}
    assert counts == {"total_count": 4, "success_count": 2, "failure_count": 2, "pending_count": 0}
    assert {each["id"] for each in body["successes"]} == {indicator(1)["id"], indicator(3)["id"]}
    assert {obj["id"] for obj in every(taxii, PEER, "submissions")} == {indicator(1)["id"], indicator(3)["id"]}


def test_the_same_object_again_is_a_success_and_other_content_a_failure(taxii: TaxiiServer) -> None:
    taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1)]})
    same = taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1)]}).body
    assert (same["success_count"], same["failure_count"]) == (1, 0)
    other = taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1, name="other")]}).body
    assert (other["success_count"], other["failure_count"]) == (0, 1)


def test_red_is_not_taken_into_a_feed(taxii: TaxiiServer) -> None:
    red = indicator(1, object_marking_refs=[TLP2_IDS[Tlp.RED]])
    body = taxii.add(PEER, DIRECTORY, "submissions", {"objects": [red]}).body
    assert body["failure_count"] == 1
    assert every(taxii, OPERATOR, "submissions") == []


def test_a_status_is_its_submitters_only(taxii: TaxiiServer) -> None:
    """§4.3."""
    body = taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1)]}).body
    assert taxii.status(PEER, body["id"]).body == body
    with pytest.raises(NotFound):
        taxii.status(FOREIGN, body["id"])


def test_who_may_not_write_is_refused(taxii: TaxiiServer) -> None:
    with pytest.raises(SharingRefused):
        taxii.add(OWN, DIRECTORY, "submissions", {"objects": [indicator(1)]})
    with pytest.raises(SharingRefused):
        taxii.add(PEER, DIRECTORY, "incidents", {"objects": [indicator(1)]})


@pytest.mark.parametrize("envelope", [None, [], {}, {"objects": []}, {"objects": "x"}])
def test_what_is_no_envelope_is_refused(taxii: TaxiiServer, envelope: object) -> None:
    with pytest.raises(InvalidRecord):
        taxii.add(PEER, DIRECTORY, "submissions", envelope)


def test_versions_of_an_object_are_told_oldest_first(taxii: TaxiiServer) -> None:
    """§5.8, §3.4.1."""
    newer = indicator(1, modified="2026-02-01T00:00:00.000Z")
    taxii.add(PEER, DIRECTORY, "submissions", {"objects": [indicator(1)]})
    taxii.add(PEER, DIRECTORY, "submissions", {"objects": [newer]})
    asked = page_request([], object_id=indicator(1)["id"], every_version=True)
    versions = taxii.versions(PEER, DIRECTORY, "submissions", asked).body["versions"]
    assert versions == ["2026-01-01T00:00:00.000Z", "2026-02-01T00:00:00.000Z"]
    assert every(taxii, PEER, "submissions") == [newer]
    taxii.delete(PEER, DIRECTORY, "submissions", indicator(1)["id"], ["all"])
    assert every(taxii, PEER, "submissions") == []


@pytest.mark.parametrize(
    "parameters",
    [[("limit", "0")], [("limit", "x")], [("added_after", "yesterday")], [("match[version]", "newest")]],
)
def test_a_parameter_that_cannot_be_understood_is_refused(parameters: list[tuple[str, str]]) -> None:
    with pytest.raises(UsageRefused):
        page_request(parameters)


def test_a_repeated_parameter_adds_its_values_and_unknown_ones_are_ignored() -> None:
    asked = page_request([("match[type]", "a,b"), ("match[type]", "c"), ("match[colour]", "red"), ("limit", "99999")])
    assert asked.types == {"a", "b", "c"}
    assert asked.limit == 1000
    assert version_matches("first,last") == ("first", "last")
