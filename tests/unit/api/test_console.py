"""The pages: what they show, what their forms do, and that nothing planted in a record becomes markup."""

from __future__ import annotations

import re
from html import unescape

import pytest

from tests.unit.api.conftest import AGENCIES, Node, add_detection, add_incident
from vonggac.domain.access import UserRole

HOSTILE = "<img src=x onerror=alert(1)>\"'><script>alert(1)</script>{{7*7}}\u202egpj.exe"


def test_the_inbox_shows_incidents_in_the_readers_words(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)
    page = browser.get("/").text
    for text in ("Quét cổng", "Bộ Mẫu", "Mới", "Cao", "Truy cập trái phép", "01/11/2026 07:01", "203.0.113.66"):
        assert text in page
    browser.client.cookies.set("vg_lang", "en")
    page = browser.get("/").text
    for text in ("EN Quét cổng", "Model Ministry", "New", "High", "Unauthorised access"):
        assert text in page


def test_every_filter_is_in_the_address(node: Node, ministry_incident: str, province_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)

    def shown(query: str) -> set[str]:
        return set(re.findall(r'href="/incidents/(inc-\w+)"', browser.get(f"/{query}").text))

    assert shown("") == {ministry_incident, province_incident}
    assert shown("?agency=T98") == {province_incident}
    assert shown("?category=malware") == set()
    assert shown("?q=quet+cong&agency=G99") == {ministry_incident}
    assert shown("?status=closed") == set()
    assert shown("?status=all") == {ministry_incident, province_incident}
    assert browser.get("/?status=elsewhere").status_code == 400
    assert browser.get("/?cursor=broken").status_code in (200, 400)


def test_an_empty_inbox_says_what_to_do(node: Node) -> None:
    page = node.browser(UserRole.ANALYST).get("/").text
    assert "vonggac ingest" in page
    filtered = node.browser(UserRole.ANALYST).get("/?q=x").text
    assert "vonggac ingest" not in filtered and 'href="/"' in filtered


def test_pages_of_the_inbox_follow_by_cursor(node: Node) -> None:
    for number in range(51):
        add_incident(node.store, number, detections=0)
    browser = node.browser(UserRole.VIEWER)
    first = browser.get("/").text
    address = re.search(r'rel="next" href="([^"]+)"', first)
    assert address
    second = browser.get(unescape(address[1])).text
    assert len(re.findall(r'class="title"', first)) == 50
    assert len(re.findall(r'class="title"', second)) == 1


def test_an_incident_leads_to_its_packets(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.VIEWER)
    page = browser.get(f"/incidents/{ministry_incident}").text
    assert "T1046" in page and "luật của Vọng Gác" in page and "TLP:AMBER" in page
    event = re.search(r'href="(/events/[^"]+)"', page)
    assert event
    shown = browser.get(unescape(event[1])).text
    assert "cfe5f9fb91a64648" in shown and "destination.ip" in shown and "10.10.0.80" in shown
    assert '<form method="post" action="/incidents' not in page, "a viewer has no forms"


def test_an_event_is_shown_to_those_who_see_its_agency_or_an_incident_that_rests_on_it(node: Node) -> None:
    own, hidden = add_incident(node.store, 2, agency="T98"), add_incident(node.store, 1, agency="G99")
    green = add_incident(node.store, 3, agency="G99", tlp="green")
    province = node.browser(UserRole.VIEWER, "T98")
    assert province.get("/events/event-2-0").status_code == 200
    assert province.get("/events/event-1-0").status_code == 404
    assert province.get(f"/events/event-1-0?incident={hidden}").status_code == 404
    assert province.get(f"/events/event-1-0?incident={own}").status_code == 404
    assert province.get("/events/event-3-0").status_code == 404
    assert province.get(f"/events/event-3-0?incident={green}").status_code == 200
    assert province.get(f"/incidents/{hidden}").status_code == 404


@pytest.mark.parametrize(
    "path", ["/?status=all", "/incidents/{id}", "/events/event-5-0?incident={id}", "/stats?by=agency"]
)
def test_planted_markup_stays_text(node: Node, path: str) -> None:
    identity = add_incident(node.store, 5, title=HOSTILE, entity=HOSTILE, agency=HOSTILE)
    browser = node.browser(UserRole.ANALYST)
    browser.post(f"/incidents/{identity}/note", text=HOSTILE)
    browser.post(f"/incidents/{identity}/assign", to=HOSTILE[:100], version="6")
    page = browser.get(path.replace("{id}", identity))
    assert page.status_code == 200
    assert (
        "<img" not in page.text
        and "<script>" not in page.text
        and "49" not in re.findall(r"alert\(1\)(\d+)", page.text)
    )
    assert "\u202e" not in page.text, "what turns the writing around is written out"
    assert "&lt;img src=x" in page.text


def test_markup_in_an_address_stays_text(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)
    for path in (
        "/?q=",
        "/?assignee=",
        "/?agency=",
        "/stats?kind=span&from=",
        "/stats?against=",
        "/nothing",
        "/login?next=",
    ):
        page = browser.client.get(path + "%22%3E%3Cscript%3Ealert(1)%3C/script%3E")
        assert "<script>" not in page.text, path


def test_a_domain_is_defanged_and_never_a_link(node: Node) -> None:
    identity = add_incident(node.store, 5, entity="dichvucong-gov.example")
    page = node.browser(UserRole.VIEWER).get(f"/incidents/{identity}").text
    assert "dichvucong-gov[.]example" in page
    assert "dichvucong-gov.example" not in page
    assert not re.findall(r'href="https?:', page)


def test_forms_do_what_they_say_and_come_back_to_the_incident(node: Node, ministry_incident: str) -> None:
    lead = node.browser(UserRole.LEAD)
    place = f"/incidents/{ministry_incident}"
    assert f"{place}/undo" not in lead.get(place).text, "there is nothing to undo yet"
    steps: list[tuple[str, dict[str, str]]] = [
        ("assign", {"to": "lan"}),
        ("note", {"text": "đã gọi cho quản trị"}),
        ("transition", {"to": "confirmed"}),
        ("categorise", {"category": "malware"}),
        ("rate", {"severity": "critical"}),
        ("mark", {"tlp": "green"}),
        ("share", {"collection": "incidents"}),
        ("undo", {}),
    ]
    for act, fields in steps:
        version = re.search(r'name="version" value="(\d+)"', lead.get(place).text)
        assert version
        answer = lead.post(f"{place}/{act}", version=version[1], **fields)
        assert (answer.status_code, answer.headers.get("location")) == (303, place), (act, answer.text)
    incident = node.store.incidents.get(ministry_incident)
    assert (incident.assignee, incident.status, incident.category) == ("lan", "confirmed", "malware")
    assert (incident.severity, incident.tlp) == ("critical", "amber")
    page = lead.get(place).text
    for told in ("giao cho lan", "đã gọi cho quản trị", "chuyển sang: Đã xác nhận", "hoàn tác: đánh dấu TLP"):
        assert told in page


def test_a_colleagues_change_is_a_conflict_that_gives_the_text_back(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)
    place = f"/incidents/{ministry_incident}"
    read = str(node.store.incidents.get(ministry_incident).version)
    browser.post(f"{place}/rate", version=read, severity="low")
    late = browser.post(f"{place}/transition", version=read, to="closed", reason="máy quét của chúng ta")
    assert late.status_code == 409
    assert "máy quét của chúng ta" in late.text and f'href="{place}"' in late.text
    assert node.store.incidents.get(ministry_incident).status == "new"


def test_an_attack_that_goes_on_does_not_refuse_a_decision(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)
    read = str(node.store.incidents.get(ministry_incident).version)
    node.store.incidents.append(ministry_incident, [add_detection(node.store, ministry_incident, 1, 7, "G99")])
    answer = browser.post(f"/incidents/{ministry_incident}/transition", version=read, to="confirmed")
    assert answer.status_code == 303
    assert node.store.incidents.get(ministry_incident).status == "confirmed"


@pytest.mark.parametrize("version", ["", "0", "999", "-1", "²", "x"])
def test_a_form_without_a_version_that_was_there_is_a_conflict(
    node: Node, ministry_incident: str, version: str
) -> None:
    answer = node.browser(UserRole.ANALYST).post(
        f"/incidents/{ministry_incident}/rate", version=version, severity="low"
    )
    assert answer.status_code == 409


def test_merging_takes_an_address_and_leads_to_the_whole(node: Node, ministry_incident: str) -> None:
    part = add_incident(node.store, 8)
    browser = node.browser(UserRole.ANALYST)
    version = str(node.store.incidents.get(part).version)
    answer = browser.post(
        f"/incidents/{part}/merge", version=version, into=f"https://nut.example/incidents/{ministry_incident}?page=1"
    )
    assert answer.headers["location"] == f"/incidents/{ministry_incident}"
    assert f"/incidents/{node.store.incidents.get(ministry_incident).number}" in browser.get(f"/incidents/{part}").text


def test_an_address_may_name_an_incident_by_its_number(node: Node, ministry_incident: str) -> None:
    number = node.store.incidents.get(ministry_incident).number
    lead = node.browser(UserRole.LEAD)
    page = lead.get(f"/incidents/{number}")
    assert (page.status_code, number in page.text, number in lead.get("/").text) == (200, True, True)
    version = str(node.store.incidents.get(ministry_incident).version)
    assert lead.post(f"/incidents/{number}/assign", version=version, to="lan").status_code == 303
    assert node.store.incidents.get(ministry_incident).assignee == "lan"
    assert lead.get("/incidents/VN-2026-999999").status_code == 404
    assert node.browser(UserRole.ANALYST, "T98").get(f"/incidents/{number}").status_code == 404


def test_an_answer_to_article_9_and_a_cause_stand_on_the_page_in_both_languages(
    node: Node, ministry_incident: str
) -> None:
    lead = node.browser(UserRole.LEAD)
    place = f"/incidents/{ministry_incident}"
    for act, fields in (("grade", {"condition": "control", "beyond_owner": "1"}), ("attribute", {"cause": "disaster"})):
        version = str(node.store.incidents.get(ministry_incident).version)
        assert lead.post(f"{place}/{act}", version=version, **fields).status_code == 303
    vi, inbox = lead.get(place).text, lead.get("/").text
    lead.client.cookies.set("vg_lang", "en")
    en = lead.get(place).text
    assert "QĐ 05/2017/QĐ-TTg, Điều 9: Nghiêm trọng ((a) mất quyền điều khiển hệ thống; (b)" in vi
    assert "QĐ 05/2017/QĐ-TTg, Điều 9: Serious (nghiêm trọng) ((a) control of the system is lost; (b)" in en
    assert "nguyên nhân: thảm họa tự nhiên" in vi
    assert "cause: natural disaster" in en
    assert "Nghiêm trọng" in inbox


def test_only_moves_and_undos_that_would_be_taken_have_a_button(node: Node, ministry_incident: str) -> None:
    lead, analyst = node.browser(UserRole.LEAD), node.browser(UserRole.ANALYST)
    place = f"/incidents/{ministry_incident}"
    version = str(node.store.incidents.get(ministry_incident).version)
    lead.post(f"{place}/transition", version=version, to="closed", reason="xong")
    for browser, shown in ((lead, True), (analyst, False)):
        page = browser.get(place).text
        assert ((f"{place}/transition" in page), (f"{place}/undo" in page)) == (shown, shown)
    version = str(node.store.incidents.get(ministry_incident).version)
    answer = analyst.post(f"{place}/transition", version=version, to="reopened", reason="còn")
    assert (answer.status_code, "admin, lead" in answer.text) == (403, True)


def test_a_likely_duplicate_is_offered_with_its_reason_and_a_button_that_merges(
    node: Node, ministry_incident: str, province_incident: str
) -> None:
    lead = node.browser(UserRole.LEAD)
    page = lead.get(f"/incidents/{province_incident}").text
    number = node.store.incidents.get(ministry_incident).number
    assert "Có thể trùng với" in page
    assert f'href="/incidents/{number}"' in page
    assert "cùng địa chỉ 203.0.113.66" in page
    assert "Có thể trùng với" not in node.browser(UserRole.ANALYST, "T98").get(f"/incidents/{province_incident}").text
    version = str(node.store.incidents.get(province_incident).version)
    lead.post(f"/incidents/{province_incident}/merge", version=version, into=number, reason="cùng một máy")
    whole = lead.get(f"/incidents/{number}").text
    assert "cùng một máy" in whole
    assert "Có thể trùng với" not in whole


def test_splitting_leads_to_the_new_incident(node: Node, ministry_incident: str) -> None:
    incident = node.store.incidents.get(ministry_incident)
    answer = node.browser(UserRole.ANALYST).post(
        f"/incidents/{ministry_incident}/split",
        version=str(incident.version),
        detection=[incident.evidence[0].detection],
    )
    assert answer.status_code == 303
    assert answer.headers["location"] != f"/incidents/{ministry_incident}"


def test_picked_incidents_move_together_and_refusals_are_told_one_by_one(node: Node) -> None:
    picked = [add_incident(node.store, number) for number in range(3)]
    browser = node.browser(UserRole.ANALYST)
    values = [f"{each}@{node.store.incidents.get(each).version}" for each in picked]
    done = browser.post("/incidents/bulk", pick=values[:2], act="move", to="triaged", back="/?q=cong")
    assert (done.status_code, done.headers["location"]) == (303, "/?q=cong&done=2")
    assert [node.store.incidents.get(each).status for each in picked] == ["triaged", "triaged", "new"]
    partly = browser.post("/incidents/bulk", pick=values, act="take", back="//evil.example")
    assert partly.status_code == 409
    assert picked[0] in partly.text and "evil" not in partly.text
    assert [node.store.incidents.get(each).assignee for each in picked] == [None, None, "chị analyst"]
    assert browser.post("/incidents/bulk", act="take").status_code == 400


def test_a_closing_without_reason_is_refused_with_a_sentence(node: Node, ministry_incident: str) -> None:
    version = str(node.store.incidents.get(ministry_incident).version)
    answer = node.browser(UserRole.ANALYST).post(
        f"/incidents/{ministry_incident}/transition", version=version, to="closed", reason=" "
    )
    assert answer.status_code == 400
    assert "lý do" in answer.text


def test_an_unknown_act_is_404(node: Node, ministry_incident: str) -> None:
    assert node.browser(UserRole.ANALYST).post(f"/incidents/{ministry_incident}/explode").status_code == 404


def test_statistics_say_what_the_command_says(node: Node) -> None:
    for number in range(12):
        add_incident(node.store, number)
    browser = node.browser(UserRole.STATISTICIAN)
    page = browser.get("/stats").text
    assert "Giả mạo" not in page and "Truy cập trái phép" in page
    assert "<svg" in page and "<desc" in page and "12" in page
    assert "/api/v1/stats/compare?period=2026-01-01%2F2026-11-23&amp;against=previous-year" in page
    download = re.search(r'href="(/api/v1/stats/compare[^"]+format=csv)"', page)
    assert download and "total,Tổng (sự cố),12,0,,increase" in browser.get(unescape(download[1])).text


@pytest.mark.parametrize(
    ("query", "status"),
    [
        ("kind=year&year=2026", 200),
        ("kind=quarter&year=2026&quarter=4", 200),
        ("kind=months&year=2026&m1=1&m2=4", 200),
        ("kind=span&from=2026-01-01&to=2026-11-30", 200),
        ("period=2026-Q4&against=2025-Q4&by=level", 200),
        ("by=none", 200),
        ("kind=span&from=2026-02-01&to=2026-01-01", 400),
        ("kind=span&from=x&to=2026-01-01", 400),
        ("kind=months&year=2026&m1=5&m2=4", 400),
        ("kind=quarter&year=26", 400),
        ("kind=year&year=0000", 400),
        ("kind=year&year=9999", 400),
        ("kind=elsewhere", 400),
        ("by=elsewhere", 400),
        ("against=x", 400),
        ("known_at=x", 400),
        ("definitions=x", 404),
    ],
)
def test_each_form_of_a_period_is_counted_or_refused(node: Node, query: str, status: int) -> None:
    assert node.browser(UserRole.STATISTICIAN).get(f"/stats?{query}").status_code == status


def test_the_sharing_page_shows_collections_to_all_and_the_node_to_its_own(node: Node) -> None:
    node.services.accounts.create_token(UserRole.SUBSCRIBER, "G99", "máy của Bộ")
    node.services.accounts.create_token(UserRole.SUBSCRIBER, "T98", "máy của Tỉnh")
    national, province = node.browser(UserRole.VIEWER).get("/subscribers").text, node.browser(UserRole.VIEWER, "T98")
    seen = province.get("/subscribers").text
    assert "http://nut.example/taxii2/" in seen and "Sự cố đã chia sẻ" in seen
    assert "máy của Tỉnh" in seen and "máy của Bộ" not in seen and "retention" not in seen
    assert "máy của Bộ" in national and "retention" in national
    assert "/subscribers/users" not in national


def test_an_administrator_adds_users_and_feeds(node: Node) -> None:
    admin = node.browser(UserRole.ADMIN)
    user = {"name": "minh", "role": "subscriber", "agency": AGENCIES[1].code, "password": "mật khẩu đủ dài 12"}
    assert admin.post("/subscribers/users", **{**user, "password": "ngắn"}).status_code == 400
    assert admin.post("/subscribers/users", **{**user, "password": ""}).status_code == 400
    assert admin.post("/subscribers/users", **{**user, "agency": "XX"}).status_code == 400
    assert admin.post("/subscribers/users", **user).headers["location"] == "/subscribers?done=user"
    feed = {"name": "bạn", "url": "https://taxii.example/c/", "user": "u", "password": "hunter2"}
    assert admin.post("/subscribers/feeds", **feed).status_code == 303
    page = admin.get("/subscribers?done=feed").text
    assert "minh" in page and "https://taxii.example/c/" in page and "hunter2" not in page
    assert admin.post("/subscribers/pull", feed="none").status_code == 404
