"""Duties to report over HTTP: programs list and file them, pages show what is due, each reader its own agencies'."""

from __future__ import annotations

import io
import re
from html import unescape
from typing import Any

import docx
import httpx
import pytest

from tests.unit.api.conftest import Node, add_incident
from tests.unit.api.test_console import HOSTILE
from vonggac.domain.access import UserRole
from vonggac.duties.watch import watch

API = "/api/v1/duties"
#: The samples' incidents are opened on 01/11/2026 07:00; five days end at 24:00 of the sixth.
DUE = "2026-11-06T17:00:00.000000Z"


def owed(
    node: Node, role: UserRole = UserRole.LEAD, agency: str | None = None, query: str = ""
) -> list[dict[str, Any]]:
    answer = node.program(role, agency).get(f"{API}?{query}")
    assert answer.status_code == 200, answer.text
    found: list[dict[str, Any]] = answer.json()["duties"]
    return found


def of_incidents(found: list[dict[str, Any]]) -> list[dict[str, Any]]:
    return [each for each in found if each["subject"].startswith("inc-")]


def test_a_program_sees_what_is_owed_and_files_it(node: Node) -> None:
    incident = add_incident(node.store, 1)
    (before,) = of_incidents(owed(node))
    assert (before["duty"], before["agency"], before["due"]) == ("incident-report", "G99", DUE)
    assert (before["state"], before["late_by_seconds"] // 86_400) == ("overdue", 15)
    filing = {"duty": "incident-report", "subject": incident, "at": "2026-11-05T00:00:00Z", "by": "Phòng CNTT"}
    made = node.program(UserRole.ANALYST).post(f"{API}/filings", json=filing)
    assert made.status_code == 201 and made.json()["agency"] == "G99"
    (after,) = of_incidents(owed(node))
    assert (after["state"], after["filed_by"], after["filing"]) == ("met", "Phòng CNTT", made.json()["id"])
    assert of_incidents(owed(node, query="state=overdue&state=warned&state=pending")) == []


def test_the_next_half_years_reports_are_in_the_list(node: Node) -> None:
    found = owed(node, query="agency=T98&state=pending&state=warned")
    assert [(each["duty"], each["subject"]) for each in found] == [
        ("network-year", "2026"),
        ("monitoring-half-year", "2026-H2"),
    ]
    later = owed(node, query="agency=T98&since=2027-01-02T00:00:00Z&until=2027-06-30T00:00:00Z")
    assert [each["subject"] for each in later] == ["2027-H1"]


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({"duty": "nothing"}, 404),
        ({"subject": "inc-none"}, 404),
        ({"agency": "T98"}, 400),
        ({"at": "2030-01-01T00:00:00Z"}, 400),
        ({"at": "2026-11-05T00:00:00"}, 422),
        ({"digest": "xyz"}, 400),
        ({"corrects": "none"}, 400),
        ({"surprise": 1}, 422),
    ],
)
def test_a_filing_that_cannot_be_is_a_problem_that_says_why(node: Node, body: dict[str, Any], status: int) -> None:
    good = {"duty": "incident-report", "subject": add_incident(node.store, 1)}
    answer = node.program(UserRole.LEAD).post(f"{API}/filings", json=good | body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")
    assert of_incidents(owed(node))[0]["state"] == "overdue"


@pytest.mark.parametrize(
    "query",
    [
        "since=2026-11-01T00:00:00Z&until=2026-10-01T00:00:00Z",
        "since=2026-11-01",
        "state=asleep",
        "limit=0",
    ],
)
def test_a_list_that_cannot_be_is_refused(node: Node, query: str) -> None:
    assert node.program(UserRole.LEAD).get(f"{API}?{query}").status_code in (400, 422)


def test_a_list_from_the_first_year_to_the_last_is_answered(node: Node) -> None:
    owed(node, query="since=0001-01-02T00:00:00Z&until=9999-12-30T00:00:00Z&limit=1")
    for period in ("0001", "9999", "x"):
        assert node.program(UserRole.LEAD).get(f"{API}/lateness?period={period}").status_code in (200, 400)


def test_an_agency_sees_and_files_its_own_only(node: Node) -> None:
    own, other = add_incident(node.store, 1, agency="T98"), add_incident(node.store, 2, agency="G99", tlp="green")
    assert {each["agency"] for each in owed(node, UserRole.ANALYST, "T98")} == {"T98"}
    program = node.program(UserRole.ANALYST, "T98")
    assert program.post(f"{API}/filings", json={"duty": "incident-report", "subject": own}).status_code == 201
    assert program.post(f"{API}/filings", json={"duty": "incident-report", "subject": other}).status_code == 403
    assert program.get(f"{API}/form?duty=incident-report&subject={own}").status_code == 200
    assert program.get(f"{API}/form?duty=incident-report&subject={other}").status_code == 403
    assert program.get(f"{API}/form?duty=network-year&subject=2026&agency=G99").status_code == 403
    rows = program.get(f"{API}/lateness?period=2026-Q4").json()["rows"]
    assert [row["key"] for row in rows] == ["T98"]


def test_a_breach_is_opened_with_a_reason_and_taken_back(node: Node) -> None:
    incident = add_incident(node.store, 1)
    lead = node.program(UserRole.LEAD)
    mark = {"duty": "personal-data-notice", "incident": incident, "reason": "lộ danh sách"}
    assert lead.post(f"{API}/marks", json={**mark, "at": "2026-11-21T00:00:00Z"}).status_code == 201
    notice = {each["duty"]: each for each in of_incidents(owed(node))}["personal-data-notice"]
    assert (notice["due"], notice["state"]) == ("2026-11-24T00:00:00.000000Z", "pending")
    assert lead.post(f"{API}/marks", json={**mark, "withdraw": True}).status_code == 201
    assert {each["duty"] for each in of_incidents(owed(node))} == {"incident-report"}
    assert lead.post(f"{API}/marks", json={**mark, "duty": "incident-report"}).status_code == 400


def test_lateness_is_told_by_agency_and_by_duty(node: Node) -> None:
    lead = node.program(UserRole.LEAD)
    for number, filed in ((1, "2026-11-05"), (2, "2026-11-07"), (3, "2026-11-09")):
        body = {"duty": "incident-report", "subject": add_incident(node.store, number), "at": f"{filed}T17:00:00Z"}
        assert lead.post(f"{API}/filings", json=body).status_code == 201
    add_incident(node.store, 4, agency="T98")
    told = lead.get(f"{API}/lateness?period=2026-M11").json()
    assert told["total"] == {
        "key": "",
        "due": 4,
        "on_time": 1,
        "late": 2,
        "not_filed": 1,
        "median_late_seconds": 2 * 86_400.0,
        "p90_late_seconds": 3 * 86_400.0,
    }
    assert [(row["key"], row["due"], row["not_filed"]) for row in told["rows"]] == [("G99", 3, 0), ("T98", 1, 1)]
    by_duty = lead.get(f"{API}/lateness?period=2026-M11&by=duty").json()["rows"]
    assert [row["key"] for row in by_duty] == ["incident-report"]


def test_notices_are_told_to_each_reader_of_its_own_agencies(node: Node) -> None:
    add_incident(node.store, 1, agency="G99")
    add_incident(node.store, 2, agency="T98")
    watch(node.store, node.services.directory(), node.services.clock())
    every = node.program(UserRole.LEAD).get(f"{API}/notices").json()["notices"]
    assert {each["kind"] for each in every} == {"warning", "overdue"}
    own = node.program(UserRole.VIEWER, "T98").get(f"{API}/notices").json()["notices"]
    assert {each["agency"] for each in own} == {"T98"} and len(own) == 3
    later = node.program(UserRole.LEAD).get(f"{API}/notices?since=2026-11-23T00:00:00Z").json()["notices"]
    assert later == []


def test_the_law_is_told_with_its_source_and_how_sure_it_is(node: Node) -> None:
    told = {
        (each["id"], each["valid_from"]): each
        for each in node.program(UserRole.VIEWER).get(f"{API}/laws").json()["duties"]
    }
    assert told["personal-data-notice", "2026-01-01"]["deadline"] == "PT72H"
    assert told["network-half-year", "2017-11-01"]["deadline"] == "before 20/6"
    assert all(each["basis"] and each["certainty"] for each in told.values())


# --- pages


def test_the_page_shows_what_is_due_with_the_overdue_first(node: Node) -> None:
    incident = add_incident(node.store, 1)
    page = unescape(node.browser(UserRole.VIEWER).get("/duties").text)
    assert "Quá hạn: 1" in page and "Báo cáo ban đầu sự cố" in page and "trễ 15 ngày" in page
    assert page.index(incident) < page.index("2026-H2")
    assert "hết ngày 06/11/2026" in page and "cần đối chiếu văn bản" in page
    assert "/duties/filings" not in page, "a viewer files nothing"
    english = node.browser(UserRole.VIEWER)
    english.client.cookies.set("vg_lang", "en")
    assert "Initial incident report" in english.get("/duties").text


def test_the_page_of_an_incident_gives_the_form_that_no_limit_asks_for(node: Node) -> None:
    incident = add_incident(node.store, 1, tlp="green")
    page = unescape(node.browser(UserRole.VIEWER).get(f"/incidents/{incident}").text)
    (place,) = re.findall(r'href="(/api/v1/duties/form\?duty=end-of-response-report[^"]*)"', page)
    assert node.program(UserRole.VIEWER).get(place).content[:2] == b"PK"
    others = node.browser(UserRole.VIEWER, "T98").get(f"/incidents/{incident}").text
    assert "/duties/form" not in others


def test_a_click_files_a_report_and_leads_back(node: Node) -> None:
    incident = add_incident(node.store, 1)
    browser = node.browser(UserRole.ANALYST)
    page = browser.get(f"/incidents/{incident}").text
    assert "Nghĩa vụ báo cáo của sự cố này" in page and "Quá hạn" in page
    form = dict(re.findall(r'name="(duty|subject|agency|back)" value="([^"]*)"', page.split('id="duties"')[1]))
    answer = browser.post("/duties/filings", **form)
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    after = unescape(browser.get(f"/incidents/{incident}").text)
    assert "Trễ hạn" in after and "chị analyst" in after
    assert incident in browser.get("/duties?tab=done").text
    assert incident not in browser.get("/duties?tab=open").text


def test_a_breach_is_opened_on_the_incidents_page(node: Node) -> None:
    incident = add_incident(node.store, 1)
    browser = node.browser(UserRole.ANALYST)
    assert 'value="personal-data-notice"' in browser.get(f"/incidents/{incident}").text

    def opened(at: str) -> httpx.Response:
        return browser.post("/duties/marks", duty="personal-data-notice", incident=incident, reason="lộ hồ sơ", at=at)

    assert opened("hôm qua").status_code == 400
    answer = opened("20/11/2026 08:00")
    assert (answer.status_code, answer.headers["location"]) == (303, f"/incidents/{incident}")
    assert "23/11/2026 08:00" in browser.get(f"/incidents/{incident}").text


def test_a_false_positive_owes_nothing_and_says_why(node: Node) -> None:
    incident = add_incident(node.store, 1)
    browser = node.browser(UserRole.ANALYST)
    version = str(node.store.incidents.get(incident).version)
    browser.post(f"/incidents/{incident}/transition", to="false-positive", reason="nhầm", version=version)
    assert "thôi vì: Báo nhầm" in unescape(browser.get("/duties?tab=void").text)


def test_a_long_list_says_that_it_is_cut(node: Node) -> None:
    for number in range(205):
        add_incident(node.store, number, detections=0)
    page = node.browser(UserRole.VIEWER).get("/duties").text
    assert "Chỉ hiện 200 trên" in page and page.count('<td class="time">') == 200


def test_the_form_is_a_file_that_opens(node: Node) -> None:
    incident = add_incident(node.store, 1, title=HOSTILE)
    answer = node.program(UserRole.VIEWER).get(f"{API}/form?duty=incident-report&subject={incident}")
    assert answer.headers["content-disposition"].startswith('attachment; filename="incident-report-')
    text = "\n".join(each.text for each in docx.Document(io.BytesIO(answer.content)).paragraphs)
    assert "Bộ Mẫu" in text and "<img src=x" in text and "\u202e" not in text
    notice = node.program(UserRole.VIEWER).get(f"{API}/form?duty=personal-data-notice&subject={incident}")
    assert notice.headers["content-disposition"].startswith('attachment; filename="personal-data-notice-')
    refused = node.program(UserRole.VIEWER).get(f"{API}/form?duty=network-year&subject={incident}")
    assert (refused.status_code, refused.headers["content-type"]) == (404, "application/problem+json")


def test_planted_markup_in_a_filing_stays_text(node: Node) -> None:
    incident = add_incident(node.store, 1)
    body = {"duty": "incident-report", "subject": incident, "by": HOSTILE}
    assert node.program(UserRole.LEAD).post(f"{API}/filings", json=body).status_code == 201
    for place in ("/duties?tab=done", f"/incidents/{incident}", "/duties?tab=%3Cscript%3E"):
        page = node.browser(UserRole.ANALYST).get(place).text
        assert "<img" not in page and "<script>" not in page and "\u202e" not in page
