"""Published tables and opened cells, over HTTP and on the console's pages."""

from __future__ import annotations

import re
from datetime import timedelta
from html import unescape

import pytest

from tests.contracts.store_samples import NOVEMBER
from tests.unit.api.conftest import Node, add_incident
from vonggac.casework import Casework
from vonggac.domain.access import OPERATOR, UserRole
from vonggac.domain.incident import Status
from vonggac.publishing import PUBLICATION

API = "/api/v1/stats"
QUESTION = {"period": "2026", "by": "agency"}


@pytest.fixture
def incidents(node: Node) -> list[str]:
    """Two of the ministry, one of the province that is marked RED."""
    return [
        add_incident(node.store, 1),
        add_incident(node.store, 2, title="Cổng <b>giả</b>"),
        add_incident(node.store, 3, agency="T98", tlp="red"),
    ]


def publish(node: Node) -> str:
    answer = node.program(UserRole.STATISTICIAN).post(f"{API}/publications", json=QUESTION)
    assert answer.status_code == 201
    assert set(answer.json()) == {"id", "digest"}
    return str(answer.json()["id"])


def mend(node: Node, identity: str) -> None:
    at = NOVEMBER + timedelta(days=40)
    Casework(node.store.incidents, lambda: at, OPERATOR).transition(identity, Status.FALSE_POSITIVE, "máy quét")


def test_a_published_table_is_given_out_in_every_form_the_same_each_time(node: Node, incidents: list[str]) -> None:
    identity = publish(node)
    reader = node.program(UserRole.VIEWER)
    place = f"{API}/publications/{identity}"
    for form, media in {
        "signed": "application/json",
        "json": "application/json",
        "csv": "text/csv",
        "html": "text/html",
        "pdf": "application/pdf",
        "xlsx": "application/vnd.openxml",
    }.items():
        first = reader.get(f"{place}?format={form}&lang=en")
        assert first.status_code == 200 and first.headers["content-type"].startswith(media)
        assert reader.get(f"{place}?format={form}&lang=en").content == first.content
    assert reader.get(place).json()["signed"]["signature"]
    [listed] = reader.get(f"{API}/publications").json()["publications"]
    assert (listed["id"], listed["current"], listed["published_by"]) == (identity, 3, "statistician program")


def test_the_revision_tells_what_changed(node: Node, incidents: list[str]) -> None:
    identity = publish(node)
    mend(node, incidents[2])
    place = f"{API}/publications/{identity}/revision"
    found = node.program(UserRole.VIEWER).get(place).json()
    assert found["total"]["current"] == {"published": 3, "now": 2, "difference": -1}
    assert [each["incident"] for each in found["changes"]["listed"]] == [incidents[2]]
    narrow = node.program(UserRole.VIEWER, "G99").get(place).json()
    assert narrow["changes"] == {"counts": {"no-longer-counts": 1}, "listed": [], "more": 1}


@pytest.mark.parametrize("role", [UserRole.STATISTICIAN, UserRole.LEAD, UserRole.ADMIN])
def test_an_agency_does_not_publish(node: Node, role: UserRole) -> None:
    answer = node.program(role, "G99").post(f"{API}/publications", json=QUESTION)
    assert (answer.status_code, answer.headers["content-type"]) == (403, "application/problem+json")
    assert node.browser(role, "G99").post("/stats/published", period="2026").status_code == 403
    assert 'action="/stats/published"' not in node.browser(role, "G99").get("/stats").text
    assert node.store.records.list(PUBLICATION) == []


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ({}, 422),
        ({"period": "soon"}, 400),
        ({"period": "2026", "by": "x"}, 422),
        ({"period": "2026", "definitions": "x"}, 404),
    ],
)
def test_a_question_that_cannot_be_asked_is_a_problem(node: Node, body: dict[str, str], status: int) -> None:
    answer = node.program(UserRole.LEAD).post(f"{API}/publications", json=body)
    assert (answer.status_code, answer.headers["content-type"]) == (status, "application/problem+json")


def test_a_cell_is_read_page_by_page_within_the_readers_scope(node: Node, incidents: list[str]) -> None:
    program = node.program(UserRole.VIEWER)
    asked = f"{API}/cell?period=2026&by=agency&key=G99&limit=1"
    first = program.get(asked).json()
    second = program.get(f"{asked}&offset={first['next']}").json()
    assert {each["id"] for page in (first, second) for each in page["incidents"]} == set(incidents[:2])
    assert second["next"] is None
    assert first["incidents"][0]["events"] and first["incidents"][0]["detections"]
    assert program.get(f"{API}/cell?period=2026&of=previous").json() == {"incidents": [], "next": None}
    narrow = node.program(UserRole.VIEWER, "G99").get(f"{API}/cell?period=2026").json()
    assert {each["id"] for each in narrow["incidents"]} == set(incidents[:2])


def links(page: str, begin: str) -> list[str]:
    return [unescape(each) for each in re.findall(rf'href="({begin}[^"]*)"', page)]


def test_a_figure_on_the_page_leads_to_its_incidents_and_they_to_their_pages(node: Node, incidents: list[str]) -> None:
    browser = node.browser(UserRole.STATISTICIAN)
    page = browser.get("/stats?kind=year&year=2026&by=agency").text
    opened = [browser.get(link).text for link in links(page, "/stats/cell")]
    assert [set(links(each, "/incidents/")) for each in opened] == [
        {f"/incidents/{each}" for each in incidents[:2]},
        {f"/incidents/{incidents[2]}"},
        {f"/incidents/{each}" for each in incidents},
    ]
    assert "Cổng &lt;b&gt;giả" in opened[0] and "Bộ Mẫu" in opened[0] and "Truy cập trái phép" in opened[0]
    assert browser.get(f"/incidents/{incidents[0]}").status_code == 200
    for form in ("xlsx", "pdf", "html", "csv", "json"):
        [link] = [each for each in links(page, "/api/v1/stats/compare") if each.endswith(form)]
        assert browser.get(link).status_code == 200


def test_a_long_cell_has_pages(node: Node) -> None:
    for number in range(51):
        add_incident(node.store, number, detections=0)
    browser = node.browser(UserRole.VIEWER)
    first = browser.get("/stats/cell?period=2026").text
    [after] = links(first, r"/stats/cell\?")
    second = browser.get(after).text
    assert len(set(links(first, "/incidents/"))) == 50
    assert len(set(links(second, "/incidents/"))) == 1
    assert browser.get("/stats/cell?period=2026&key=none").text.count("empty") == 1
    assert browser.get("/stats/cell?period=soon").status_code == 400


def test_what_an_address_asks_beyond_the_form_is_shown_and_published(node: Node, incidents: list[str]) -> None:
    browser = node.browser(UserRole.STATISTICIAN)
    page = browser.get("/stats?period=2026&known_at=01/02/2026&definitions=rsit-2017").text
    assert "như đã biết lúc 01/02/2026 00:00:00" in page and "rsit-2017" in page
    form = page.split('action="/stats/published"')[1].split("</form>")[0]
    fields = dict(re.findall(r'name="(?!form_token)(\w+)" value="([^"]*)"', form))
    place = browser.post("/stats/published", **fields).headers["location"].partition("?")[0]
    [listed] = node.program(UserRole.VIEWER).get(f"{API}/publications").json()["publications"]
    assert place.endswith(listed["id"])
    assert (listed["known_at"], listed["definitions"]) == ("2026-01-31T17:00:00.000000Z", "rsit-2017")


def test_a_statistician_publishes_from_the_page_and_compares_with_today(node: Node, incidents: list[str]) -> None:
    browser = node.browser(UserRole.STATISTICIAN)
    page = browser.get("/stats?kind=year&year=2026&by=agency").text
    form = page.split('action="/stats/published"')[1].split("</form>")[0]
    fields = dict(re.findall(r'name="(period|against|by|units)" value="([^"]*)"', form))
    assert fields == {"period": "2026", "against": "previous-year", "by": "agency"}
    answer = browser.post("/stats/published", **fields)
    assert answer.status_code == 303
    table = browser.get(answer.headers["location"]).text
    assert "chị statistician công bố" in table and "đúng như khi ký" in table and "Bộ Mẫu" in table
    mend(node, incidents[0])
    place = answer.headers["location"].partition("?")[0]
    assert place in links(browser.get("/stats/published").text, "/stats/published/")
    for lang, why in (("vi", "không còn được tính"), ("en", "no longer counts")):
        browser.client.cookies.set("vg_lang", lang)
        revised = browser.get(f"{place}?compare=1").text
        assert why in revised and f"/incidents/{incidents[0]}" in revised and "−1" in revised
    opened = browser.get(links(table, "/stats/cell")[0]).text
    assert f"/incidents/{incidents[0]}" in opened, "as it was known then"
    for link in links(table, f"{API}/publications"):
        assert browser.get(link).status_code == 200


def test_a_table_that_was_changed_is_not_shown(node: Node, incidents: list[str]) -> None:
    identity = publish(node)
    record = node.store.records.get(PUBLICATION, identity)
    assert record is not None
    node.store.records.put(PUBLICATION, identity, {**record.body, "published_by": "ai đó"})
    page = node.browser(UserRole.VIEWER).get(f"/stats/published/{identity}?compare=1")
    assert page.status_code == 200 and 'role="alert"' in page.text and "/stats/cell" not in page.text
    for place in (f"{API}/publications/{identity}", f"{API}/publications/{identity}/revision"):
        answer = node.program(UserRole.VIEWER).get(place)
        assert (answer.status_code, answer.headers["content-type"]) == (400, "application/problem+json")


def test_a_table_that_is_not_there_is_404(node: Node) -> None:
    assert node.browser(UserRole.VIEWER).get("/stats/published/TK-1").status_code == 404
    assert node.program(UserRole.VIEWER).get(f"{API}/publications/TK-1").status_code == 404
    assert "Chưa công bố" in node.browser(UserRole.VIEWER).get("/stats/published").text
