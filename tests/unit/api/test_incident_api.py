"""Casework over `/api/v1/incidents`, and that an agency's people see their own."""

from __future__ import annotations

import pytest

from tests.unit.api.conftest import Node, add_incident
from vonggac.domain.access import UserRole

PLACE = "/api/v1/incidents"


def test_acts_change_the_incident_and_undo_takes_the_last_back(node: Node, ministry_incident: str) -> None:
    lead = node.program(UserRole.LEAD)
    acts = [
        ("assign", {"to": "lan"}, "assignee", "lan"),
        ("rate", {"severity": "critical"}, "severity", "critical"),
        ("categorise", {"category": "malware"}, "category", "malware"),
        ("mark", {"tlp": "red"}, "tlp", "red"),
        ("transition", {"to": "confirmed"}, "status", "confirmed"),
    ]
    for act, body, name, value in acts:
        answer = lead.post(f"{PLACE}/{ministry_incident}/{act}", json=body)
        assert answer.status_code == 200, answer.text
        assert answer.json()[name] == value
    assert lead.post(f"{PLACE}/{ministry_incident}/undo").json()["status"] == "new"
    kinds = [entry["kind"] for entry in lead.get(f"{PLACE}/{ministry_incident}/history").json()["history"]]
    assert kinds[-6:] == ["assigned", "rated", "categorised", "marked", "transitioned", "undone"]


def test_an_act_on_an_older_version_is_a_conflict_that_changes_nothing(node: Node, ministry_incident: str) -> None:
    analyst = node.program(UserRole.ANALYST)
    version = analyst.get(f"{PLACE}/{ministry_incident}").json()["version"]
    assert analyst.post(f"{PLACE}/{ministry_incident}/note", json={"text": "a", "version": version}).status_code == 200
    late = analyst.post(f"{PLACE}/{ministry_incident}/rate", json={"severity": "low", "version": version})
    assert late.status_code == 409
    assert analyst.get(f"{PLACE}/{ministry_incident}").json()["severity"] == "high"


@pytest.mark.parametrize(
    ("act", "body", "status"),
    [
        ("transition", {"to": "merged"}, 409),
        ("transition", {"to": "closed"}, 400),
        ("transition", {"to": "elsewhere"}, 422),
        ("categorise", {"category": "elsewhere"}, 400),
        ("note", {"text": "   "}, 400),
        ("note", {"text": ""}, 422),
        ("note", {"text": "a", "more": 1}, 422),
        ("merge", {"into": "none"}, 404),
        ("split", {"detections": ["none"]}, 400),
    ],
)
def test_an_act_that_cannot_be_is_refused_with_its_status(
    node: Node, ministry_incident: str, act: str, body: dict[str, object], status: int
) -> None:
    answer = node.program(UserRole.ANALYST).post(f"{PLACE}/{ministry_incident}/{act}", json=body)
    assert answer.status_code == status, answer.text


def test_an_agencys_people_see_their_own_and_what_is_open_to_all(node: Node, ministry_incident: str) -> None:
    own = add_incident(node.store, 2, agency="T98")
    green = add_incident(node.store, 3, agency="G99", tlp="green")
    province = node.program(UserRole.ANALYST, "T98")
    seen = {incident["id"] for incident in province.get(PLACE).json()["incidents"]}
    assert seen == {own, green}
    for path in ("", "/history", "/detections", "/events"):
        assert province.get(f"{PLACE}/{ministry_incident}{path}").status_code == 404
        assert province.get(f"{PLACE}/{own}{path}").status_code == 200
    assert province.post(f"{PLACE}/{ministry_incident}/note", json={"text": "a"}).status_code == 404
    assert province.post(f"{PLACE}/{own}/merge", json={"into": ministry_incident}).status_code == 404


def test_statistics_count_what_the_caller_may_see(node: Node, ministry_incident: str, province_incident: str) -> None:
    place = "/api/v1/stats/compare?period=2026&by=agency"
    national = node.program(UserRole.STATISTICIAN).get(place).json()
    province = node.program(UserRole.STATISTICIAN, "T98").get(place).json()
    assert (national["total"]["current"], province["total"]["current"]) == (2, 1)
    assert [row["key"] for row in province["rows"]] == ["T98"]


def test_the_comparison_comes_as_a_table_too(node: Node, ministry_incident: str) -> None:
    answer = node.program(UserRole.STATISTICIAN).get("/api/v1/stats/compare?period=2026&format=csv")
    assert answer.headers["content-type"] == "text/csv; charset=utf-8"
    assert answer.text.splitlines()[0] == "key,label,current,previous,change_percent,verdict"


def test_pages_follow_each_other_without_gap(node: Node) -> None:
    ids = {add_incident(node.store, number, detections=1) for number in range(7)}
    reader, seen, cursor = node.program(UserRole.VIEWER), [], ""
    while True:
        page = reader.get(f"{PLACE}?limit=3{cursor}").json()
        seen += [incident["id"] for incident in page["incidents"]]
        if page["next"] is None:
            break
        cursor = f"&cursor={page['next']}"
    assert len(seen) == 7 and set(seen) == ids


def test_what_is_closed_to_the_collection_is_not_shared(node: Node) -> None:
    red = add_incident(node.store, 9, tlp="red")
    amber = add_incident(node.store, 8, tlp="amber")
    lead = node.program(UserRole.LEAD)
    assert lead.post(f"{PLACE}/{red}/share", json={}).status_code == 403
    assert lead.post(f"{PLACE}/{amber}/share", json={}).json()["objects"] > 0
    assert lead.get(f"{PLACE}/{amber}").json()["shared_to"]


def test_a_feeds_password_is_taken_and_never_told(node: Node) -> None:
    admin = node.program(UserRole.ADMIN)
    feed = {"name": "bạn", "url": "https://taxii.example/c/", "user": "u", "password": "hunter2"}
    made = admin.post("/api/v1/feeds", json=feed)
    assert made.status_code == 201 and "hunter2" not in made.text
    assert admin.post("/api/v1/feeds", json=feed).status_code == 409
    assert admin.post("/api/v1/feeds", json={**feed, "name": "b", "url": "http://taxii.example/"}).status_code == 400
    assert "hunter2" not in admin.get("/api/v1/feeds").text
    assert admin.request("DELETE", "/api/v1/feeds/bạn").status_code == 204
    assert admin.get("/api/v1/feeds").json() == {"feeds": []}


def test_agencies_are_listed_by_day_and_level(node: Node) -> None:
    reader = node.program(UserRole.VIEWER)
    listed = reader.get("/api/v1/agencies?on=2025-06-30&level=province").json()["agencies"]
    assert len(listed) == 63 + 1  # one of the node's own
    assert {"T98", "26"} < {each["code"] for each in listed}
    assert reader.get("/api/v1/agencies?on=tomorrow").status_code == 422
