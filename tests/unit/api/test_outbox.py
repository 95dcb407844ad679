"""The page of tables that go to the national reporting system, against one on a real socket."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import pytest

from sharing.outbox import Outbox, Receiver
from tests.unit.api.conftest import Node, add_incident
from tests.unit.sharing.office import Office, open_office
from vonggac.domain.access import UserRole
from vonggac.publishing import PUBLICATION


@pytest.fixture
def office(node: Node) -> Iterator[Office]:
    """The one that the node's tables go to."""
    with open_office() as made:
        receiver = Receiver(made.url, "khóa-bí-mật", day=5, hour=8)
        outbox = Outbox(node.store, receiver, node.services.clock)
        node.app.state.services = replace(node.services, outbox=lambda: outbox)
        yield made


@pytest.fixture
def table(node: Node) -> str:
    add_incident(node.store, 1)
    made = node.program(UserRole.STATISTICIAN).post("/api/v1/stats/publications", json={"period": "2026"})
    return str(made.json()["id"])


def rows(page: str) -> list[str]:
    return re.findall(r"<tr>(.*?)</tr>", page.partition("<tbody>")[2].partition("</tbody>")[0], re.DOTALL)


def test_a_table_is_sent_from_the_page_and_its_receipt_is_shown(node: Node, office: Office, table: str) -> None:
    node.app.state.services.outbox().add(table)
    browser = node.browser(UserRole.STATISTICIAN)
    [waiting] = rows(browser.get("/outbox").text)
    assert "đang chờ" in waiting and f'action="/outbox/{table}/push"' in waiting
    answer = browser.post(f"/outbox/{table}/push")
    assert (answer.status_code, answer.headers["location"]) == (303, "/outbox?done=delivered")
    page = browser.get("/outbox?done=delivered").text
    [taken] = rows(page)
    for said in ("đã nhận", "BC-1", "HTTP 201", "chị statistician", f"/stats/published/{table}"):
        assert said in taken
    assert "Bảng đã được nhận." in page
    assert "/push" not in taken, "one that was taken is not sent again"
    assert office.ids() == [table]


def test_a_table_is_sent_from_its_own_page_by_those_who_may(node: Node, office: Office, table: str) -> None:
    place, form = f"/stats/published/{table}", f'action="/outbox/{table}/push"'
    assert form in node.browser(UserRole.STATISTICIAN).get(place).text
    for reader in (node.browser(UserRole.VIEWER), node.browser(UserRole.LEAD, "G99")):
        assert form not in reader.get(place).text
    closed = Outbox(node.store, Receiver("", "", day=0, hour=8), node.services.clock)
    node.app.state.services = replace(node.services, outbox=lambda: closed)
    assert form not in node.browser(UserRole.STATISTICIAN).get(place).text


def test_what_the_receiver_said_stands_on_the_page_for_those_who_may_send(
    node: Node, office: Office, table: str
) -> None:
    office.statuses = (400,)
    browser = node.browser(UserRole.LEAD)
    assert browser.post(f"/outbox/{table}/push").headers["location"] == "/outbox?done=refused"
    page = browser.get("/outbox?done=refused").text
    [refused] = rows(page)
    assert "bị từ chối" in refused and "HTTP 400: " in refused and "/push" in refused
    assert office.url in page
    assert "khóa-bí-mật" not in page
    for reader in (node.browser(UserRole.VIEWER), node.browser(UserRole.LEAD, "G99")):
        shown = reader.get("/outbox").text
        assert "bị từ chối" in shown
        for hidden in ("HTTP 400", "/push", office.url):
            assert hidden not in shown


def test_one_that_was_not_taken_says_when_it_is_sent_again(node: Node, office: Office, table: str) -> None:
    office.statuses = (503,)
    browser = node.browser(UserRole.ADMIN)
    assert browser.post(f"/outbox/{table}/push").headers["location"] == "/outbox?done=pending"
    [line] = rows(browser.get("/outbox").text)
    assert "HTTP 503" in line
    assert len(re.findall(r"\d\d/\d\d/\d{4} \d\d:\d\d", line)) == 3, "added, last try, next try"


def test_a_form_of_another_site_and_an_agency_send_nothing(node: Node, office: Office, table: str) -> None:
    browser = node.browser(UserRole.LEAD)
    place = f"/outbox/{table}/push"
    assert browser.client.post(place, data={"form_token": "đoán"}).status_code == 403
    assert browser.client.post(place).status_code == 403
    for narrow in (node.browser(UserRole.LEAD, "G99"), node.browser(UserRole.ANALYST)):
        assert narrow.post(place).status_code == 403
    assert office.came == []
    assert node.app.state.services.outbox().listed() == []


def test_a_table_that_was_not_published_is_not_found(node: Node, office: Office) -> None:
    assert node.browser(UserRole.LEAD).post("/outbox/TK-1/push").status_code == 404


def test_a_table_that_is_published_no_more_is_listed_without_its_question(
    node: Node, office: Office, table: str
) -> None:
    node.app.state.services.outbox().add(table)
    node.store.records.delete(PUBLICATION, table)
    [line] = rows(node.browser(UserRole.LEAD).get("/outbox").text)
    assert table in line and "/stats/published/" not in line and "/push" not in line


def test_without_an_address_the_page_says_so_and_sends_nothing(node: Node, table: str) -> None:
    closed = Outbox(node.store, Receiver("", "", day=0, hour=8), node.services.clock)
    node.app.state.services = replace(node.services, outbox=lambda: closed)
    closed.add(table)
    browser = node.browser(UserRole.LEAD)
    page = browser.get("/outbox").text
    assert "Chưa đặt địa chỉ nhận" in page and "/push" not in page
    assert browser.post(f"/outbox/{table}/push").status_code == 400


def test_the_page_stands_with_those_of_statistics_in_both_languages(node: Node) -> None:
    browser = node.browser(UserRole.VIEWER)
    for place in ("/stats", "/stats/published"):
        assert 'href="/outbox"' in browser.get(place).text
    page = browser.get("/outbox").text
    assert re.search(r'href="/stats"[^>]*aria-current="page"', page)
    assert "Chưa có bảng nào cần gửi." in page
    browser.client.cookies.set("vg_lang", "en")
    assert "No table has been added yet." in browser.get("/outbox").text
