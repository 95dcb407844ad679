"""Coming in: form, link, cookies, and who is kept out."""

from __future__ import annotations

import re
from collections.abc import Iterator

import httpx
import pytest

from api.app import create_app
from api.forms import own_path
from api.security import FAILURE_SECONDS, FAILURES, Attempts
from tests.unit.api.conftest import Client, Node
from vonggac.domain.access import Principal, UserRole

PASSWORD = "mật khẩu đủ dài 12"


@pytest.fixture
def lan(node: Node) -> Node:
    node.services.accounts.add_user("lan", UserRole.ANALYST, None, PASSWORD)
    return node


def log_in(client: Client, name: str, password: str, target: str = "/", **headers: str) -> httpx.Response:
    token = form_token(client.get("/login").text)
    fields = {"form_token": token, "name": name, "password": password, "next": target}
    return client.post("/login", data=fields, headers=headers)


def form_token(page: str) -> str:
    found = re.search(r'name="form_token" value="([^"]+)"', page)
    assert found
    return found[1]


def cookies_of(answer: httpx.Response) -> Iterator[str]:
    return iter(answer.headers.get_list("set-cookie"))


def test_a_right_password_opens_a_session_in_a_closed_cookie(lan: Node) -> None:
    client = lan.client(Accept="text/html")
    answer = log_in(client, "Lan", PASSWORD, "/stats?by=agency")
    assert (answer.status_code, answer.headers["location"]) == (303, "/stats?by=agency")
    cookie = next(each for each in cookies_of(answer) if each.startswith("vg_session="))
    for flag in ("HttpOnly", "SameSite=strict", "Path=/", "Max-Age=43200"):
        assert flag in cookie
    assert "Secure" not in cookie
    assert client.get("/").status_code == 200


def test_under_tls_cookies_are_secure_and_the_browser_stays_on_tls(lan: Node) -> None:
    from dataclasses import replace

    app = create_app(replace(lan.services, secure=True))
    answer = Client(app, "192.0.2.9", {"Accept": "text/html"}).get("/login")
    assert all("Secure" in cookie for cookie in cookies_of(answer))
    assert "max-age=" in answer.headers["strict-transport-security"]


def test_a_wrong_password_and_an_unknown_name_are_told_the_same(lan: Node) -> None:
    answers = [log_in(lan.client(Accept="text/html"), name, "sai mật khẩu rồi") for name in ("lan", "minh")]
    assert [answer.status_code for answer in answers] == [401, 401]
    messages = [re.search(r'role="alert">([^<]+)', answer.text) for answer in answers]
    assert messages[0] and messages[1] and messages[0][1] == messages[1][1]
    assert "sai mật khẩu rồi" not in answers[0].text


def test_a_login_form_of_another_site_is_refused(lan: Node) -> None:
    fields = {"name": "lan", "password": PASSWORD, "form_token": "x"}
    assert lan.client().post("/login", data=fields).status_code == 403
    client = lan.client()
    assert log_in(client, "lan", PASSWORD, **{"Sec-Fetch-Site": "cross-site"}).status_code == 403
    assert client.get("/").status_code == 303


def test_ten_failures_close_the_name_to_that_client_for_a_while() -> None:
    now = [1_000.0]
    attempts = Attempts(lambda: now[0])
    for _ in range(FAILURES):
        assert attempts.wait("lan", "192.0.2.9") == 0
        attempts.failed("lan", "192.0.2.9")
        now[0] += 1
    assert attempts.wait("lan", "192.0.2.9") == FAILURE_SECONDS - FAILURES
    assert attempts.wait("lan", "192.0.2.10") == 0, "others are not locked out by it"
    now[0] += FAILURE_SECONDS - FAILURES
    assert attempts.wait("lan", "192.0.2.9") == 0


def test_a_closed_name_gets_429_with_a_time_even_with_the_right_password(lan: Node) -> None:
    for _ in range(FAILURES):
        lan.app.state.attempts.failed("lan", "192.0.2.9")
    answer = log_in(lan.client(Accept="text/html"), "lan", PASSWORD)
    assert answer.status_code == 429
    assert 0 < int(answer.headers["retry-after"]) <= FAILURE_SECONDS
    basic = lan.client().get("/api/v1/incidents", auth=("lan", PASSWORD))
    assert basic.status_code == 429


def test_a_program_comes_in_with_basic(lan: Node) -> None:
    client = lan.client()
    assert client.get("/api/v1/incidents", auth=("lan", PASSWORD)).status_code == 200
    assert client.get("/api/v1/incidents", auth=("lan", "wrong")).status_code == 401


@pytest.mark.parametrize(
    "target", ["//evil.example/", "https://evil.example/", "/\\evil.example", "\\\\evil", "/a\nb", ""]
)
def test_after_login_nobody_is_sent_elsewhere(target: str) -> None:
    assert own_path(target) == "/"


def test_a_one_time_link_opens_one_session(node: Node) -> None:
    code = node.services.accounts.one_time_link(Principal("lan", UserRole.ANALYST))
    first, second = node.client(Accept="text/html"), node.client(Accept="text/html")
    assert first.get(f"/login/link?code={code}").headers["location"] == "/"
    assert first.get("/").status_code == 200
    assert second.get(f"/login/link?code={code}").headers["location"].startswith("/login")
    assert second.get("/").status_code == 303


def test_logging_in_again_ends_the_session_before(node: Node) -> None:
    browser = node.browser(UserRole.VIEWER)
    old = browser.client.cookies["vg_session"]
    code = node.services.accounts.one_time_link(Principal("lan", UserRole.ANALYST))
    browser.get(f"/login/link?code={code}")
    stale = node.client()
    stale.cookies.set("vg_session", old)
    assert stale.get("/api/v1/incidents").status_code == 401


def test_logging_out_needs_the_form_token_and_ends_the_session_in_the_store(node: Node) -> None:
    browser = node.browser(UserRole.VIEWER)
    assert browser.client.post("/logout", data={"form_token": "x"}).status_code == 403
    assert browser.get("/").status_code == 200
    secret = browser.client.cookies["vg_session"]
    assert browser.post("/logout").headers["location"] == "/login"
    stale = node.client()
    stale.cookies.set("vg_session", secret)
    assert stale.get("/").status_code == 303


def test_a_sessions_unsafe_request_needs_its_token_also_under_the_api(node: Node, ministry_incident: str) -> None:
    browser = node.browser(UserRole.ANALYST)
    place = f"/api/v1/incidents/{ministry_incident}/note"
    assert browser.client.post(place, json={"text": "a"}).status_code == 403
    right = {"X-Form-Token": browser.token}
    assert browser.client.post(place, json={"text": "a"}, headers=right).status_code == 200
    foreign = {**right, "Sec-Fetch-Site": "same-site"}
    assert browser.client.post(place, json={"text": "b"}, headers=foreign).status_code == 403


def test_the_language_stays_and_leads_back_to_our_pages_only(node: Node) -> None:
    client = node.client(Accept="text/html")
    assert 'lang="vi"' in client.get("/login").text
    answer = client.get("/lang/en?back=/login", headers={"Referer": "http://nut.example/stats"})
    assert answer.headers["location"] == "/login"
    assert '<html lang="en">' in client.get("/login").text
    referred = client.get("/lang/vi", headers={"Referer": "http://nut.example/stats?by=level"})
    assert referred.headers["location"] == "/stats?by=level"
    foreign = client.get("/lang/vi?back=//evil.example", headers={"Referer": "http://evil.example/stats"})
    assert foreign.headers["location"] == "/"
    assert client.get("/lang/fr").status_code == 422


@pytest.mark.parametrize(
    ("body", "media", "status"),
    [
        (b"form_token=" + b"a" * 600_000, "application/x-www-form-urlencoded", 413),
        (b"{}", "application/json", 415),
        (b"a=\xff\xfe", "application/x-www-form-urlencoded", 422),
        (b"&".join(b"a=1" for _ in range(2_000)), "application/x-www-form-urlencoded", 422),
    ],
)
def test_what_is_no_form_of_ours_is_refused(node: Node, body: bytes, media: str, status: int) -> None:
    browser = node.browser(UserRole.ANALYST)
    answer = browser.client.post("/incidents/bulk", content=body, headers={"Content-Type": media})
    assert answer.status_code == status
