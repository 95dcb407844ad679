"""Suppressions over HTTP: programs make, look at and end them; pages fill in, show beforehand and give back."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import timedelta
from html import unescape
from typing import Any

import pytest

from tests.conftest import SteppingClock
from tests.contracts.store_samples import later
from tests.unit.api.conftest import Client, Node, add_incident
from tests.unit.api.test_console import HOSTILE
from vonggac.domain.access import UserRole
from vonggac.domain.detection import Detection, RuleInfo, Ruleset
from vonggac.domain.incident import Entry, EntryKind, Evidence, entry_id, evidence_data
from vonggac.ports import EventQuery
from vonggac.suppressions.kept import load_suppressions

API = "/api/v1/suppressions"
SCANNER: dict[str, Any] = {
    "rule": "rule-1",
    "agency": "G99",
    "conditions": [{"field": "source.ip", "operator": "cidr", "values": ["203.0.113.0/24"]}],
    "valid_until": "2026-12-01T00:00:00+07:00",
    "reason": "máy quét của ta",
}


def made_by(client: Client, **changed: Any) -> dict[str, Any]:
    answer = client.post(API, json={**SCANNER, **changed})
    assert answer.status_code == 201, answer.text
    told: dict[str, Any] = answer.json()
    return told


def detections(node: Node) -> list[Detection]:
    return list(node.store.events.search_detections(EventQuery()).items)


# --- for programs


def test_a_program_makes_extends_and_ends_one(node: Node) -> None:
    lead = node.program(UserRole.LEAD)
    made = made_by(lead, ticket="CV-117")
    assert made["standing"] == "in-force"
    assert (made["author"], made["reason"], made["ticket"]) == ("lead program", "máy quét của ta", "CV-117")
    assert made["valid_until"] == "2026-11-30T17:00:00.000000Z"
    place = f"{API}/{made['id']}"
    extended = lead.post(
        f"{place}/extend", json={"valid_until": "2026-12-09T00:00:00Z", "reason": "còn quét", "version": 1}
    )
    assert extended.json()["valid_until"] == "2026-12-09T00:00:00.000000Z"
    stale = lead.post(f"{place}/end", json={"reason": "xong", "version": 1})
    assert stale.status_code == 409
    assert lead.post(f"{place}/end", json={"reason": "xong"}).json()["standing"] == "ended"
    assert lead.post(f"{place}/end", json={"reason": "xong"}).status_code == 409
    history = lead.get(place).json()["history"]
    assert [act["kind"] for act in history] == ["made", "extended", "ended"]


@pytest.mark.parametrize(
    ("changed", "status"),
    [
        ({"rule": None, "conditions": []}, 400),
        ({"rule": "rule-9"}, 400),
        ({"rule": ""}, 422),
        ({"valid_until": "2026-12-01"}, 422),
        ({"valid_until": "2026-12-01T00:00:00"}, 422),
        ({"valid_until": "2036-12-01T00:00:00Z"}, 400),
        ({"reason": ""}, 422),
        ({"agency": "nowhere"}, 400),
        ({"conditions": [{"field": "source.ip", "operator": "cidr", "values": ["0.0.0.0/0"]}]}, 400),
        ({"conditions": [{"field": "source.ip", "operator": "regex", "values": ["a"]}]}, 422),
        ({"conditions": [{"field": "source.ip", "values": []}]}, 422),
        ({"conditions": [{"field": "source.ip", "values": ["a"] * 201}]}, 422),
        ({"surprise": 1}, 422),
    ],
)
def test_what_cannot_be_is_a_problem_that_says_why(node: Node, changed: dict[str, Any], status: int) -> None:
    answer = node.program(UserRole.LEAD).post(API, json={**SCANNER, **changed})
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert len(answer.json()["detail"]) > 20
    assert load_suppressions(node.store.records) == []


def test_an_agencys_program_suppresses_for_its_own_and_sees_no_other(node: Node) -> None:
    lead, province = node.program(UserRole.LEAD), node.program(UserRole.ANALYST, "T98")
    ministry, everybody = made_by(lead), made_by(lead, agency=None)
    own = made_by(province, agency="T98")
    for agency in ("G99", None):
        refused = province.post(API, json={**SCANNER, "agency": agency})
        assert refused.status_code == 403
    listed = [each["id"] for each in province.get(API).json()["suppressions"]]
    assert listed == [own["id"], everybody["id"]]
    assert province.get(f"{API}/{ministry['id']}").status_code == 404
    assert province.post(f"{API}/{ministry['id']}/end", json={"reason": "x"}).status_code == 404
    assert province.post(f"{API}/{everybody['id']}/end", json={"reason": "x"}).status_code == 403
    assert province.post(f"{API}/preview", json={"kind": "dos"}).status_code == 403


def test_the_list_can_be_narrowed(node: Node) -> None:
    lead = node.program(UserRole.LEAD)
    one, other = made_by(lead), made_by(lead, agency="T98", valid_from="2026-11-25T00:00:00Z")
    lead.post(f"{API}/{one['id']}/end", json={"reason": "xong"})

    def listed(query: str) -> list[str]:
        return [each["id"] for each in lead.get(f"{API}?{query}").json()["suppressions"]]

    assert listed("") == [other["id"], one["id"]]
    assert listed("standing=ended") == [one["id"]]
    assert listed("standing=in-force&standing=waiting") == listed("agency=T98") == [other["id"]]
    assert lead.get(f"{API}?standing=elsewhere").status_code == 422


def test_a_preview_tells_what_would_be_held_back_and_makes_nothing(node: Node) -> None:
    add_incident(node.store, 1, agency="G99", detections=12)
    add_incident(node.store, 2, agency="T98", detections=1)
    lead = node.program(UserRole.LEAD)
    wanted = {"rule": "rule-1", "agency": "G99"}
    told = lead.post(f"{API}/preview", json=wanted).json()
    assert (told["count"], told["looked_at"], told["complete"]) == (12, 12, True)
    times = [each["@timestamp"] for each in told["newest"]]
    assert len(times) == 10
    assert times == sorted(times, reverse=True)
    assert times[0] == "2026-11-01T00:11:00.000000Z"
    half = lead.post(
        f"{API}/preview", json={**wanted, "since": "2026-11-01T00:06:00Z", "until": "2026-11-01T00:08:00Z"}
    )
    assert half.json()["count"] == 2
    none = lead.post(f"{API}/preview", json={"conditions": [{"field": "source.ip", "values": ["192.0.2.1"]}]}).json()
    assert (none["count"], none["looked_at"], none["newest"]) == (0, 13, [])
    assert load_suppressions(node.store.records) == []


def test_what_is_held_back_is_shown_to_those_who_see_its_agency(node: Node) -> None:
    lead, province = node.program(UserRole.LEAD), node.program(UserRole.VIEWER, "T98")
    made = made_by(lead, agency=None)
    add_incident(node.store, 1, detections=1)
    (known,) = detections(node)
    held = [
        replace(
            known,
            id=f"held-{number}",
            time=later(number),
            entities={"organization.id": code},
            suppressed_by=made["id"],
        )
        for number, code in enumerate(["G99", "G99", "T98"])
    ]
    node.store.events.add_detections(held)
    assert lead.get(f"{API}/{made['id']}").json()["hits"] == 3
    place = f"{API}/{made['id']}/detections"
    first = lead.get(f"{place}?limit=2").json()
    second = lead.get(f"{place}?limit=2&cursor={first['next']}").json()
    shown = [each["event"]["id"] for each in first["detections"] + second["detections"]]
    assert shown == ["held-0", "held-1", "held-2"]
    assert [each["event"]["id"] for each in province.get(place).json()["detections"]] == ["held-2"]


def test_the_metrics_tell_how_many_stand_and_what_they_hold_back(node: Node) -> None:
    lead = node.program(UserRole.LEAD)
    made, ended = made_by(lead), made_by(lead)
    lead.post(f"{API}/{ended['id']}/end", json={"reason": "xong"})
    add_incident(node.store, 1, detections=1)
    (known,) = detections(node)
    node.store.events.add_detections([replace(known, id="held", suppressed_by=made["id"])])
    told = node.client("127.0.0.1").get("/metrics").text
    for line in (
        'vonggac_suppressions{standing="in-force"} 1.0',
        'vonggac_suppressions{standing="ended"} 1.0',
        f'vonggac_suppressed_total{{suppression="{made["id"]}"}} 1.0',
    ):
        assert line in told
    assert ended["id"] not in told


# --- pages


def fields_of(page: str) -> dict[str, Any]:
    """What the form holds, as a browser would send it."""
    form = page[page.index('id="suppression"') :]
    found: dict[str, Any] = {"field": [], "operator": [], "values": []}
    for name, value in re.findall(r'<input[^>]*name="(\w+)"[^>]*?value="([^"]*)"', form):
        found[name] = unescape(value)
    for name, options in re.findall(r'<select name="(\w+)">(.*?)</select>', form, re.DOTALL):
        chosen = re.search(r'<option(?: value="([^"]*)")? selected>([^<]*)', options)
        first = re.search(r'<option(?: value="([^"]*)")?>([^<]*)', options)
        option = chosen or first
        value = unescape((option[1] if option[1] is not None else option[2]) if option else "")
        if name in ("field", "operator"):
            found[name].append(value)
        else:
            found[name] = value
    for name, value in re.findall(r'<textarea name="(\w+)"[^>]*>([^<]*)</textarea>', form):
        if name == "values":
            found[name].append(unescape(value))
        else:
            found[name] = unescape(value)
    found.pop("form_token", None)
    return found


def test_an_incident_leads_to_a_form_that_is_filled_in(node: Node) -> None:
    incident = add_incident(node.store, 1)
    (known, *_) = detections(node)
    browser = node.browser(UserRole.ANALYST)
    assert f"/suppressions/new?incident={incident}" in browser.get(f"/incidents/{incident}").text
    page = browser.get(f"/suppressions/new?incident={incident}").text
    filled = fields_of(page)
    assert (filled["rule"], filled["agency"], filled["incident"]) == (known.rule.id, "G99", incident)
    assert filled["until"] == "2026-12-22", "thirty days from the clock's"


def test_a_form_from_an_incident_of_several_rules_names_its_kind_and_what_it_is_about(node: Node) -> None:
    incident = add_incident(node.store, 1, detections=0)
    for number, rule in enumerate(("rule-1", "rule-2")):
        info = RuleInfo(rule, f"EN {rule}", rule, Ruleset.SIGMA, "low", kind="port-scan")
        fields = {"source.ip": "203.0.113.66", "organization.id": "G99"}
        at = later(number)
        found = Detection(f"d{number}", info, at, at, at, (f"e{number}",), fields)
        node.store.events.add_detections([found])
        part = Evidence(found.id, rule, info.name, info.name_vi, "low", at, at, found.evidence)
        entry = Entry(entry_id(incident, found.id), EntryKind.DETECTED, at, at, "correlator", evidence_data(part))
        node.store.incidents.append(incident, [entry])
    page = node.browser(UserRole.ANALYST).get(f"/suppressions/new?incident={incident}").text
    filled = fields_of(page)
    assert (filled["rule"], filled["kind"], filled["agency"]) == ("", "port-scan", "G99")
    assert (filled["field"][0], filled["operator"][0], filled["values"][0]) == (
        "incident.entity",
        "is",
        "203.0.113.66",
    )
    assert re.findall(r'<option value="(rule-\d)">', page) == ["rule-1", "rule-2"], "to choose from"


def test_a_preview_keeps_the_form_and_making_it_leads_to_its_page(node: Node) -> None:
    add_incident(node.store, 1, agency="G99", detections=3)
    browser = node.browser(UserRole.ANALYST)
    form: dict[str, Any] = {
        "kind": "",
        "rule": "rule-1",
        "agency": "G99",
        "field": ["observer.name", "", "url.domain"],
        "operator": ["is", "is", "below"],
        "values": ["cảm-biến-1\r\ncảm-biến-2\r\n", "", ""],
        "start": "01/11/2026 07:00",
        "until": "2026-12-22",
        "reason": "máy quét <b>của ta</b>",
        "ticket": "",
    }
    refused = browser.post("/suppressions", act="make", **form)
    assert refused.status_code == 400
    assert "url.domain" in refused.text, "a field without a value is told, not left out"
    form |= {"field": form["field"][:2], "operator": form["operator"][:2], "values": form["values"][:2]}
    shown = browser.post("/suppressions", act="preview", **form)
    assert shown.status_code == 200
    kept = fields_of(shown.text)
    assert (kept["rule"], kept["reason"], kept["start"]) == ("rule-1", form["reason"], "01/11/2026 07:00")
    assert kept["field"][0] == "observer.name"
    assert "0 phát hiện" in shown.text
    assert load_suppressions(node.store.records) == []
    made = browser.post("/suppressions", act="make", **form)
    assert made.status_code == 303
    (known,) = load_suppressions(node.store.records)
    assert made.headers["location"] == f"/suppressions/{known.id}?done=1"
    assert known.conditions[0].values == ("cảm-biến-1", "cảm-biến-2")
    assert known.until.isoformat() == "2026-12-22T17:00:00+00:00", "to the end of that day in Vietnam"
    page = browser.get(f"/suppressions/{known.id}").text
    assert "máy quét &lt;b&gt;của ta&lt;/b&gt;" in page and "chị analyst" in page


def test_a_preview_from_an_old_incident_looks_back_to_its_beginning(node: Node, clock: SteppingClock) -> None:
    incident = add_incident(node.store, 1, detections=3)
    clock.now += timedelta(days=90)
    browser = node.browser(UserRole.ANALYST)
    form = {"rule": "rule-1", "agency": "G99", "until": "2027-03-01", "reason": ""}
    assert "bỏ qua 0 phát hiện (đã xem 0)" in browser.post("/suppressions", act="preview", **form).text
    page = browser.post("/suppressions", act="preview", incident=incident, **form).text
    assert "Từ 01/11/2026 07:00 đến nay" in page and "bỏ qua 3 phát hiện (đã xem 3)" in page


def test_a_fault_gives_the_form_back_with_its_sentence(node: Node) -> None:
    browser = node.browser(UserRole.ANALYST)
    for form in (
        {"kind": "dos", "agency": "", "until": "2026-12-22", "reason": "x"},
        {"kind": "dos", "agency": "G99", "until": "22/12/2026", "reason": "x"},
        {"kind": "dos", "agency": "G99", "until": "2026-12-22", "reason": ""},
        {"kind": "dos", "agency": "G99", "until": "2026-12-22", "reason": "x", "start": "lúc nào"},
        {"kind": "", "agency": "G99", "until": "2026-12-22", "reason": "x"},
        {"kind": "dos", "until": "2026-12-22", "reason": "x", "field": "a", "operator": "x", "values": "1"},
    ):
        answer = browser.post("/suppressions", act="make", **form)
        assert answer.status_code in (400, 403), form
        assert 'class="alert"' in answer.text
        assert fields_of(answer.text)["kind"] == form["kind"]


def test_the_list_has_what_is_current_and_what_is_over(node: Node) -> None:
    lead, browser = node.program(UserRole.LEAD), node.browser(UserRole.VIEWER)
    assert "Không có ngoại lệ nào" in browser.get("/suppressions").text
    made, ended = made_by(lead), made_by(lead, agency=None, reason="diễn tập")
    lead.post(f"{API}/{ended['id']}/end", json={"reason": "xong"})
    current, over = browser.get("/suppressions").text, browser.get("/suppressions?tab=over").text
    assert made["id"] in current and ended["id"] not in current
    assert ended["id"] in over and "Mọi cơ quan" in over and "diễn tập" in over
    assert "hết hạn trong một tuần" not in current
    assert "/suppressions/new" not in current, "a viewer makes none"
    page = browser.get(f"/suppressions/{made['id']}").text
    assert '<form method="post" action="/suppressions' not in page


def test_one_is_extended_and_ended_on_its_page(node: Node) -> None:
    made = made_by(node.program(UserRole.LEAD))
    browser = node.browser(UserRole.ANALYST)
    place = f"/suppressions/{made['id']}"
    assert "Gia hạn" in browser.get(place).text
    extended = browser.post(f"{place}/extend", until="2026-12-30", reason="còn quét", version="1")
    assert (extended.status_code, extended.headers["location"]) == (303, place)
    assert browser.post(f"{place}/end", reason="xong", version="1").status_code == 409
    assert browser.post(f"{place}/end", reason="xong", version="").status_code == 409
    assert browser.post(f"{place}/end", reason="xong", version="2").status_code == 303
    page = browser.get(place).text
    for text in ("Đã kết thúc", "gia hạn đến 31/12/2026 00:00", "còn quét", "kết thúc lúc"):
        assert text in page
    assert "Gia hạn" not in page


def test_planted_markup_in_a_suppression_stays_text(node: Node) -> None:
    made = made_by(
        node.program(UserRole.LEAD),
        reason=HOSTILE,
        ticket=HOSTILE,
        conditions=[{"field": "url.original", "values": [HOSTILE]}],
    )
    browser = node.browser(UserRole.ANALYST)
    form = {"kind": HOSTILE, "reason": HOSTILE, "until": HOSTILE, "field": HOSTILE, "operator": "is", "values": HOSTILE}
    pages = [
        browser.get("/suppressions").text,
        browser.get(f"/suppressions/{made['id']}").text,
        browser.post("/suppressions", act="make", **form).text,
    ]
    for page in pages:
        assert "<img" not in page and "<script>" not in page and "\u202e" not in page
        assert "&lt;img src=x" in page
