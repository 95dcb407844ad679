"""A probe's answer as an ECS event (docs/ecs-fields.md, `probe`)."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import date, datetime, timedelta

from sensors.base import fingerprint
from sensors.decode.fault import Undecodable
from sensors.decode.x509 import decode_certificate
from sensors.probing.answer import Answer, Result, Step
from sensors.talks.tls_event import certificate_fields
from vonggac import __version__
from vonggac.domain.agency import System
from vonggac.domain.event import ECS_VERSION, PROBE, Document, event_id
from vonggac.domain.times import format_instant, to_epoch_us


@dataclass(frozen=True, slots=True)
class Target:
    """One domain of an information system, and the agency whose system it is."""

    system: str
    agency: str
    domain: str


def targets_on(day: date, systems: Iterable[System]) -> list[Target]:
    """Each domain of each system that is valid on the day, by system. A wildcard names no server and is left out."""
    return [
        Target(system.code, system.agency, domain)
        for system in sorted(systems, key=lambda system: system.code)
        if system.valid_on(day)
        for domain in dict.fromkeys(system.domains)
        if domain.strip(". ") and "*" not in domain
    ]


def probe_event(answer: Answer, target: Target, observer: str, began: datetime) -> Document:
    """The event of an answer to a probe that this observer began then. Its source is the domain of a system, its
    position there the microsecond since 1970, so the same probe has the same id."""
    source, position = fingerprint(f"{target.system}\x1f{target.domain}".encode()), to_epoch_us(began)
    begin = format_instant(began)
    answered, server = answer.result is Result.ANSWERED, _certificate(answer.certificate)
    event: Document = {
        "@timestamp": begin,
        "ecs": {"version": ECS_VERSION},
        "event": {
            "id": event_id(observer, source, position, PROBE),
            "dataset": PROBE,
            "kind": "event",
            "category": ["network"],
            "type": ["info"],
            "outcome": "success" if answered else "failure",
            "start": begin,
            "end": format_instant(began + timedelta(microseconds=answer.took_ns // 1000)),
            "duration": answer.took_ns,
        },
        "observer": {"name": observer, "type": "probe", "version": __version__},
        "organization": {"id": target.agency},
        "destination": _destination(answer),
        "url": _url(answer),
        **_talk(answer, server),
        "related": _related(answer, server),
        "vonggac": {
            "source": {"fingerprint": source, "position": position},
            "probe": {"system": target.system, "step": str(answer.step), "result": str(answer.result)},
        },
    }
    if not answered:
        event["error"] = {"message": answer.error}
    return event


def _destination(answer: Answer) -> Document:
    destination: Document = {"domain": answer.name, "port": answer.door.port}
    return {**destination, "ip": answer.ip} if answer.ip else destination


def _url(answer: Answer) -> Document:
    scheme, port = answer.door.scheme, answer.door.port
    full = f"{scheme}://{answer.authority}/"
    return {"scheme": scheme, "domain": answer.name, "port": port, "path": "/", "full": full}


def _talk(answer: Answer, server: Document) -> Document:
    """`tls` and `http` as far as the probe came."""
    talk: Document = {}
    if answer.step in (Step.TLS, Step.HTTP) and answer.door.scheme == "https":
        talk["tls"] = {"client": {"server_name": answer.name}, "established": answer.step is Step.HTTP}
        if answer.tls_version:
            talk["tls"]["version"] = answer.tls_version
        if server:
            talk["tls"]["server"] = server
    if answer.step is Step.HTTP:
        talk["http"] = {"request": {"method": "GET"}}
        if answer.status:
            talk["http"] |= {"version": answer.http_version, "response": {"status_code": answer.status}}
    return talk


def _related(answer: Answer, server: Document) -> Document:
    related: Document = {"hosts": [answer.name]}
    if answer.addresses:
        related["ip"] = list(answer.addresses)
    if server:
        related["hash"] = [server["hash"]["sha256"].lower()]
    return related


def _certificate(der: bytes) -> Document:
    """`tls.server`; empty where there is no certificate, or none that can be read."""
    try:
        return certificate_fields(decode_certificate(der)) if der else {}
    except Undecodable:
        return {}
