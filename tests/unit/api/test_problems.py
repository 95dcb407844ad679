"""Errors in the form of their place: problem objects, TAXII's own, pages."""

from __future__ import annotations

from pathlib import Path

import pytest

from sharing.taxii import TAXII_MEDIA
from tests.unit.api.conftest import Node
from vonggac.domain.access import UserRole
from vonggac.errors import StoreUnavailable
from vonggac.messages import LANGUAGES, catalogue

API = Path(__file__).resolve().parents[3] / "api"


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        ("GET", "/api/v1/nothing", 404),
        ("GET", "/api/v1/incidents/none", 404),
        ("DELETE", "/api/v1/incidents", 405),
        ("GET", "/api/v1/stats/compare", 422),
        ("GET", "/api/v1/stats/compare?period=2020-Q9", 400),
        ("POST", "/api/v1/incidents/none/note", 422),
        ("GET", "/nothing", 404),
    ],
)
def test_programs_get_problem_objects(node: Node, method: str, path: str, status: int) -> None:
    answer = node.program(UserRole.ADMIN).request(method, path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    problem = answer.json()
    assert problem["status"] == status and problem["title"] and problem["detail"] and problem["type"] == "about:blank"


@pytest.mark.parametrize(
    ("method", "path", "headers", "status"),
    [
        ("GET", "/taxii2/nothing", {}, 404),
        ("GET", "/taxii2/root/collections/none/", {}, 404),
        ("PUT", "/taxii2/", {}, 405),
        ("GET", "/taxii2/", {"Authorization": ""}, 401),
        ("GET", "/taxii2/", {"Accept": "text/html"}, 406),
        ("POST", "/taxii2/root/collections/submissions/objects/", {"Content-Type": "text/plain"}, 415),
    ],
)
def test_taxii_gets_its_own_error_object(
    node: Node, method: str, path: str, headers: dict[str, str], status: int
) -> None:
    """TAXII 2.1 §3.6.1."""
    answer = node.program(UserRole.PEER).request(method, path, headers=headers)
    assert answer.status_code == status
    assert answer.headers["content-type"] == TAXII_MEDIA
    assert answer.json()["http_status"] == str(status) and answer.json()["title"]
    assert ("www-authenticate" in answer.headers) == (status == 401)


@pytest.mark.parametrize("path", ["/nothing", "/incidents/none", "/events/none", "/incidents/none?page=0"])
def test_browsers_get_a_page_in_their_language(node: Node, path: str) -> None:
    browser = node.browser(UserRole.VIEWER)
    answer = browser.get(path)
    assert answer.status_code in (404, 422)
    assert '<html lang="vi">' in answer.text and 'role="alert"' in answer.text
    browser.client.cookies.set("vg_lang", "en")
    assert '<html lang="en">' in browser.get(path).text


def test_a_store_that_does_not_answer_is_503_and_keeps_its_secrets(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    browser = node.browser(UserRole.VIEWER)

    def fails(query: object) -> object:
        raise StoreUnavailable("store_unreachable", where="kho", detail="password=hunter2")

    monkeypatch.setattr(node.store.incidents, "find", fails)
    answer = browser.get("/")
    assert answer.status_code == 503
    assert "hunter2" not in answer.text


def test_a_fault_of_ours_is_500_without_its_trace(node: Node, monkeypatch: pytest.MonkeyPatch) -> None:
    def fails(query: object) -> object:
        raise RuntimeError("hunter2")

    monkeypatch.setattr(node.store.incidents, "find", fails)
    answer = node.program(UserRole.VIEWER).get("/api/v1/incidents")
    assert answer.status_code == 500
    assert answer.json()["title"] == "Internal Server Error" and "hunter2" not in answer.text
    page = node.browser(UserRole.VIEWER).get("/")
    assert page.status_code == 500 and "hunter2" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_both_languages_have_the_same_sentences_with_the_same_facts() -> None:
    from string import Formatter

    vietnamese, english = (catalogue(lang) for lang in LANGUAGES)
    assert vietnamese.keys() == english.keys()
    for key, text in vietnamese.items():
        if not key.startswith(("console.", "error.")):
            continue
        facts = [{name for _, name, _, _ in Formatter().parse(each) if name} for each in (text, english[key])]
        assert facts[0] == facts[1], key


def test_every_key_that_a_template_names_is_in_the_catalogue() -> None:
    import re

    named = {
        key
        for path in (API / "templates").glob("*.html")
        for key in re.findall(r"""\bt\(["']([a-z0-9_.-]+)["'][,)]""", path.read_text("utf-8"))
    }
    assert len(named) > 80
    assert not [key for key in named if f"console.{key}" not in catalogue("vi")]
