"""Every route, who may use it, and that docs/api.md tells of it. A route without a line in the table fails."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi.routing import APIRoute
from starlette.routing import Mount, Route

from api.app import ROUTERS
from tests.unit.api.conftest import Node
from vonggac.domain.access import UserRole

ROOT = Path(__file__).resolve().parents[3]

EVERYBODY = frozenset(UserRole)
READERS = frozenset({UserRole.VIEWER, UserRole.STATISTICIAN, UserRole.ANALYST, UserRole.LEAD, UserRole.ADMIN})
WORKERS = frozenset({UserRole.ANALYST, UserRole.LEAD, UserRole.ADMIN})
SHARERS = frozenset({UserRole.LEAD, UserRole.ADMIN})
PUBLISHERS = frozenset({UserRole.STATISTICIAN, UserRole.LEAD, UserRole.ADMIN})
SENSORS = frozenset({UserRole.SENSOR, UserRole.ADMIN})
ADMINS = frozenset({UserRole.ADMIN})
#: Nobody needs to say who they are; POST /login has its own token.
PUBLIC = None

INCIDENT = "/api/v1/incidents/{identity}"
COLLECTION = "/taxii2/root/collections/{collection_id}"
ALLOWED: dict[str, frozenset[UserRole] | None] = {
    "GET /healthz": PUBLIC,
    "GET /readyz": PUBLIC,
    "GET /metrics": EVERYBODY,
    "GET /login": PUBLIC,
    "POST /login": PUBLIC,
    "GET /login/link": PUBLIC,
    "POST /logout": EVERYBODY,
    "GET /lang/{lang}": PUBLIC,
    "POST /lang/{lang}": PUBLIC,
    "GET /": READERS,
    "GET /incidents/{identity}": READERS,
    "GET /events/{identity}": READERS,
    "GET /stats": READERS,
    "GET /stats/cell": READERS,
    "GET /stats/coverage": READERS,
    "GET /stats/published": READERS,
    "GET /stats/published/{identity}": READERS,
    "POST /stats/published": PUBLISHERS,
    "GET /outbox": READERS,
    "POST /outbox/{identity}/push": PUBLISHERS,
    "GET /help": PUBLIC,
    "GET /docs": PUBLIC,
    "GET /subscribers": READERS,
    "GET /duties": READERS,
    "POST /duties/filings": WORKERS,
    "POST /duties/marks": WORKERS,
    "GET /suppressions": READERS,
    "GET /suppressions/new": WORKERS,
    "GET /suppressions/{identity}": READERS,
    "POST /suppressions": WORKERS,
    "POST /suppressions/{identity}/end": WORKERS,
    "POST /suppressions/{identity}/extend": WORKERS,
    "POST /incidents/bulk": WORKERS,
    "POST /incidents/{identity}/share": SHARERS,
    "POST /incidents/{identity}/{act}": WORKERS,
    "POST /subscribers/users": ADMINS,
    "POST /subscribers/feeds": ADMINS,
    "POST /subscribers/pull": ADMINS,
    "GET /api/v1/incidents": READERS,
    f"GET {INCIDENT}": READERS,
    f"GET {INCIDENT}/history": READERS,
    f"GET {INCIDENT}/detections": READERS,
    f"GET {INCIDENT}/events": READERS,
    f"GET {INCIDENT}/duplicates": READERS,
    "GET /api/v1/events/{identity}/evidence": READERS,
    **{
        f"POST {INCIDENT}/{act}": WORKERS
        for act in (
            *("assign", "note", "transition", "categorise", "rate", "attribute", "grade", "mark"),
            *("merge", "split", "undo"),
        )
    },
    f"POST {INCIDENT}/share": SHARERS,
    "GET /api/v1/duties": READERS,
    "GET /api/v1/duties/laws": READERS,
    "GET /api/v1/duties/lateness": READERS,
    "GET /api/v1/duties/form": READERS,
    "GET /api/v1/duties/notices": READERS,
    "POST /api/v1/duties/filings": WORKERS,
    "POST /api/v1/duties/marks": WORKERS,
    "GET /api/v1/suppressions": READERS,
    "POST /api/v1/suppressions": WORKERS,
    "POST /api/v1/suppressions/preview": WORKERS,
    "GET /api/v1/suppressions/{identity}": READERS,
    "GET /api/v1/suppressions/{identity}/detections": READERS,
    "POST /api/v1/suppressions/{identity}/end": WORKERS,
    "POST /api/v1/suppressions/{identity}/extend": WORKERS,
    "GET /api/v1/stats/compare": READERS,
    "GET /api/v1/stats/cell": READERS,
    "GET /api/v1/stats/coverage": READERS,
    "POST /api/v1/stats/publications": PUBLISHERS,
    "GET /api/v1/stats/publications": READERS,
    "GET /api/v1/stats/publications/{identity}": READERS,
    "GET /api/v1/stats/publications/{identity}/revision": READERS,
    "GET /api/v1/agencies": READERS,
    "GET /api/v1/feeds": ADMINS,
    "POST /api/v1/feeds": ADMINS,
    "POST /api/v1/feeds/{name}/pull": ADMINS,
    "DELETE /api/v1/feeds/{name}": ADMINS,
    "GET /api/v1/jobs": ADMINS,
    "POST /api/v1/intake": SENSORS,
    # What a collection gives or takes is decided by sharing.taxii and tested there.
    "GET /taxii2/": EVERYBODY,
    "GET /taxii2/root/": EVERYBODY,
    "GET /taxii2/root/status/{status_id}/": EVERYBODY,
    "GET /taxii2/root/collections/": EVERYBODY,
    f"GET {COLLECTION}/": EVERYBODY,
    f"GET {COLLECTION}/manifest/": EVERYBODY,
    f"GET {COLLECTION}/objects/": EVERYBODY,
    f"POST {COLLECTION}/objects/": EVERYBODY,
    f"GET {COLLECTION}/objects/{{object_id}}/": EVERYBODY,
    f"DELETE {COLLECTION}/objects/{{object_id}}/": EVERYBODY,
    f"GET {COLLECTION}/objects/{{object_id}}/versions/": EVERYBODY,
}


def routes() -> Iterator[str]:
    for router in ROUTERS:
        for route in router.routes:
            assert isinstance(route, APIRoute)
            yield from (f"{method} {route.path}" for method in sorted(route.methods - {"HEAD"}))


def address(path: str) -> str:
    """The path with something in each place: a language there is, an act there is, else a thing there is not."""
    filled = path.replace("{lang}", "vi").replace("{act}", "note")
    return re.sub(r"\{\w+\}", "none", filled)


def test_every_route_stands_in_the_reviewed_table() -> None:
    assert sorted(routes()) == sorted(ALLOWED)


def test_the_application_has_these_routers_the_description_and_the_assets_only(node: Node) -> None:
    others = [route for route in node.app.routes if isinstance(route, (Route, Mount))]
    assert [getattr(route, "path", "") for route in others] == ["/openapi.json", "/static"]
    assert len(node.app.routes) == len(ROUTERS) + len(others)


def test_each_role_reaches_what_the_table_says_and_is_refused_elsewhere(node: Node) -> None:
    programs = {role: node.program(role) for role in UserRole}
    for line, allowed in ALLOWED.items():
        method, path = line.split()
        for role, program in programs.items():
            status = program.request(method, address(path)).status_code
            if allowed is PUBLIC:
                assert status in (200, 303) or line == "POST /login", (line, role, status)
            elif role in allowed:
                assert status not in (401, 403) and status < 500, (line, role, status)
            else:
                assert status == 403, (line, role, status)


def test_a_stranger_reaches_public_routes_only(node: Node) -> None:
    stranger = node.client()
    for line, allowed in ALLOWED.items():
        method, path = line.split()
        answer = stranger.request(method, address(path))
        if line == "POST /login":
            assert answer.status_code == 403
        elif allowed is PUBLIC:
            assert answer.status_code in (200, 303), line
        elif path.startswith(("/api/", "/taxii2", "/metrics")):
            assert answer.status_code == 401, line
        else:
            assert (answer.status_code, answer.headers["location"][:12]) == (303, "/login?next="), line


def test_a_scraper_on_this_machine_needs_no_credential(node: Node) -> None:
    assert node.client("127.0.0.1").get("/metrics").status_code == 200
    assert node.client("::1").get("/metrics").status_code == 200


@pytest.mark.parametrize("header", ["Bearer vgt_wrong", "Basic bm90OnJpZ2h0", "Basic !!!", "Bearer ", "Digest x"])
def test_a_wrong_credential_is_refused_like_none(node: Node, header: str) -> None:
    answer = node.client(Authorization=header).get("/api/v1/incidents")
    assert answer.status_code == 401
    assert "Basic" in answer.headers["www-authenticate"]


def test_the_api_page_tells_every_route_its_method_and_who_may() -> None:
    page = (ROOT / "docs" / "api.md").read_text("utf-8")
    told = set(re.findall(r"^\| `([A-Z]+ \S+)` \|", page, re.MULTILINE))
    assert told == set(ALLOWED) | {"GET /openapi.json", "GET /static/…"}
