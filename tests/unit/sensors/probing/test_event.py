"""What stands in the event of a probe."""

from __future__ import annotations

import re
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from ssl import PEM_cert_to_DER_cert
from typing import Any

import pytest

from sensors.probing.answer import Answer, Door, Result, Step
from sensors.probing.event import Target, probe_event, targets_on
from tests.unit.sensors.test_ecs_fields import PAGE, paths
from vonggac.domain.agency import System
from vonggac.domain.event import fault, observables
from vonggac.domain.event import field as value_at

BEGAN = datetime(2026, 11, 27, 1, 2, 3, 456789, tzinfo=UTC)
TARGET = Target("dvc", "H40", "Cong.example")
HTTPS, HTTP = Door("https", 443), Door("http", 80)


def whole(keys: Path) -> Answer:
    """An answer over TLS."""
    der = PEM_cert_to_DER_cert((keys / "good.pem").read_text("ascii"))
    return Answer(
        name="cong.example",
        door=HTTPS,
        step=Step.HTTP,
        addresses=("192.0.2.7", "2001:db8::7"),
        ip="192.0.2.7",
        tls_version="1.3",
        certificate=der,
        http_version="1.1",
        status=200,
        took_ns=1_234_567_890,
    )


def every(keys: Path) -> list[Answer]:
    """An answer of each way to end."""
    good = whole(keys)
    short: dict[str, Any] = {"tls_version": "", "certificate": b"", "http_version": "", "status": 0, "error": "x"}
    return [
        good,
        replace(good, door=HTTP, tls_version="", certificate=b""),
        replace(good, result=Result.SERVER_ERROR, status=503, error="HTTP status 503"),
        replace(good, step=Step.TLS, result=Result.CERTIFICATE, **(short | {"certificate": good.certificate})),
        replace(good, step=Step.TLS, result=Result.CERTIFICATE, **(short | {"certificate": b"\x30\x80nonsense"})),
        replace(good, step=Step.CONNECT, result=Result.TIMEOUT, **short),
        Answer("cong.example", HTTPS, result=Result.NO_SUCH_NAME, error="x"),
    ]


def test_an_answer_is_told_with_all_that_is_known(keys: Path) -> None:
    event = probe_event(whole(keys), TARGET, "nút", BEGAN)
    until = value_at(event, "tls.server.not_after")
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT.*Z", until)
    assert {path: value_at(event, path) for path in (
        "@timestamp", "event.dataset", "event.kind", "event.category", "event.type", "event.outcome", "event.start",
        "event.end", "event.duration", "observer.name", "organization.id", "destination.domain", "destination.ip",
        "destination.port", "url.full", "url.domain", "http.response.status_code", "http.version", "tls.version",
        "tls.established", "related.hosts", "related.ip", "vonggac.probe", "error",
    )} == {
        "@timestamp": "2026-11-27T01:02:03.456789Z",
        "event.dataset": "probe",
        "event.kind": "event",
        "event.category": ["network"],
        "event.type": ["info"],
        "event.outcome": "success",
        "event.start": "2026-11-27T01:02:03.456789Z",
        "event.end": "2026-11-27T01:02:04.691356Z",
        "event.duration": 1_234_567_890,
        "observer.name": "nút",
        "organization.id": "H40",
        "destination.domain": "cong.example",
        "destination.ip": "192.0.2.7",
        "destination.port": 443,
        "url.full": "https://cong.example/",
        "url.domain": "cong.example",
        "http.response.status_code": 200,
        "http.version": "1.1",
        "tls.version": "1.3",
        "tls.established": True,
        "related.hosts": ["cong.example"],
        "related.ip": ["192.0.2.7", "2001:db8::7"],
        "vonggac.probe": {"system": "dvc", "step": "http", "result": "answered"},
        "error": None,
    }  # fmt: skip


def test_a_port_of_its_own_stands_in_the_address(keys: Path) -> None:
    event = probe_event(replace(whole(keys), door=Door("https", 8443)), TARGET, "nút", BEGAN)
    assert (value_at(event, "url.full"), value_at(event, "url.port")) == ("https://cong.example:8443/", 8443)


def test_every_way_to_end_is_an_event_of_fields_on_the_page(keys: Path) -> None:
    known = set(re.findall(r"`([@a-z][\w.@]*)`", PAGE.read_text("utf-8")))
    for answer in every(keys):
        event = probe_event(answer, TARGET, "nút", BEGAN)
        assert fault(event) is None
        assert set(paths(event)) - known == set()
        assert (value_at(event, "event.outcome") == "success") is (answer.result is Result.ANSWERED)
        assert (value_at(event, "error.message") or "") == answer.error


def test_every_word_for_a_result_stands_on_the_page() -> None:
    page = PAGE.read_text("utf-8")
    assert [word for word in (*Result, *Step) if f"`{word}`" not in page] == []


def test_a_certificate_that_was_not_accepted_says_until_when_it_was_good(keys: Path) -> None:
    event = probe_event(every(keys)[3], TARGET, "nút", BEGAN)
    assert value_at(event, "tls.server.not_after")
    assert (value_at(event, "tls.established"), value_at(event, "tls.version")) == (False, None)


def test_nothing_is_said_of_what_was_not_reached(keys: Path) -> None:
    connecting, unknown = (probe_event(answer, TARGET, "nút", BEGAN) for answer in every(keys)[-2:])
    assert {"tls", "http"}.isdisjoint(connecting)
    assert {"tls", "http"}.isdisjoint(unknown)
    assert unknown["destination"] == {"domain": "cong.example", "port": 443}
    assert unknown["related"] == {"hosts": ["cong.example"]}


def test_a_probe_can_be_hunted_by_name_address_and_certificate(keys: Path) -> None:
    found = set(observables(probe_event(whole(keys), TARGET, "nút", BEGAN)))
    assert {("domain", "cong.example"), ("ip", "2001:db8::7"), ("url", "https://cong.example/")} <= found
    assert "hash" in {kind for kind, _ in found}


def test_the_same_probe_has_the_same_id_and_another_one_another(keys: Path) -> None:
    def identity(target: Target = TARGET, observer: str = "nút", began: datetime = BEGAN) -> str:
        return str(value_at(probe_event(whole(keys), target, observer, began), "event.id"))

    failed = replace(whole(keys), result=Result.TIMEOUT, took_ns=5)
    assert identity() == identity() == probe_event(failed, TARGET, "nút", BEGAN)["event"]["id"]
    others = {
        identity(replace(TARGET, system="dvc2")),
        identity(replace(TARGET, domain="b.example")),
        identity(observer="nút 2"),
        identity(began=BEGAN + timedelta(microseconds=1)),
    }
    assert len(others | {identity()}) == 5


# --- what is asked


def system(code: str, *domains: str, since: date = date(2020, 1, 1), until: date | None = None) -> System:
    return System(code, code, 3, "H40", since, until, domains=domains)


def test_the_domains_of_the_systems_of_the_day_are_asked_once_each() -> None:
    day = date(2026, 11, 27)
    systems = [
        system("b", "b1.example", "b2.example", "b1.example"),
        system("a", "a.example", since=day),
        system("old", "old.example", until=day),
        system("new", "new.example", since=day + timedelta(days=1)),
        system("none"),
    ]
    found = targets_on(day, systems)
    assert [(each.system, each.domain) for each in found] == [
        ("a", "a.example"),
        ("b", "b1.example"),
        ("b", "b2.example"),
    ]
    assert {each.agency for each in found} == {"H40"}


@pytest.mark.parametrize("domain", ["*.example", "*", "", " ", "."])
def test_what_names_no_server_is_passed_over(domain: str) -> None:
    assert targets_on(date(2026, 11, 27), [system("a", domain)]) == []
