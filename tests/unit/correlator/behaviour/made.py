"""Events made for these tests, as our sensors would write them, and what behaviours find in them."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from hashlib import sha256
from random import Random
from typing import Any

from correlator.behaviour.parameters import Parameters, make_behaviours
from correlator.behaviour.place import Place
from correlator.engine import Correlator
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document
from vonggac.domain.times import format_instant

#: 2026-11-02T00:00:00Z, a Monday; also the beginning of every window of hours.
MONDAY = 1_793_577_600.0
MINUTE, HOUR, DAY = 60.0, 3_600.0, 86_400.0
HOST, OUTSIDE = "10.1.2.3", "203.0.113.5"
PORTALS = ("dichvucong.gov.vn", "hanoi.gov.vn", "cong.bo-mau.example")


def event(at: float, dataset: str, source: str, target: str, port: int, **parts: Any) -> Document:
    identity = sha256(repr((at, dataset, source, target, port, parts)).encode()).hexdigest()[:32]
    told = {"id": identity, "dataset": dataset, "kind": "event", "category": ["network"], "type": ["info"]}
    return {
        "@timestamp": instant(at),
        "event": told | parts.pop("event", {}),
        "observer": {"name": parts.pop("sensor", "sensor-1")},
        "source": {"ip": source, "bytes": parts.pop("sent", 500)},
        "destination": {"ip": target, "port": port, "bytes": parts.pop("received", 500)},
        **parts,
    }


def flow(at: float, source: str, target: str, port: int, state: str = "SF", **parts: Any) -> Document:
    network = {"transport": parts.pop("transport", "tcp"), "protocol": parts.pop("protocol", "")}
    began = {"start": instant(at - parts.pop("lasted", 1.0))}
    return event(
        at, "flow", source, target, port, event=began, network=network, vonggac={"flow": {"state": state}}, **parts
    )


def dns(at: float, client: str, name: str, registered: str, kind: str = "A", code: str = "NOERROR") -> Document:
    question = {"name": name, "type": kind, "registered_domain": registered}
    return event(at, "dns", client, "10.1.0.53", 53, dns={"question": question, "response_code": code})


def tls(at: float, client: str, name: str, registered: str = "") -> Document:
    own = {"tls": {"registered_domain": registered or name}}
    return event(at, "tls", client, OUTSIDE, 443, tls={"client": {"server_name": name}}, vonggac=own)


def login(at: float, source: str, target: str, user: str, dataset: str = "smb", outcome: str = "failure") -> Document:
    told = {"category": ["network", "authentication"], "outcome": outcome}
    return event(at, dataset, source, target, 445, event=told, user={"name": user})


def instant(at: float) -> str:
    return format_instant(datetime.fromtimestamp(round(at, 6), UTC))


def correlator(parameters: Parameters | None = None) -> Correlator:
    return Correlator((), behaviours=make_behaviours(parameters or Parameters(), Place(names=PORTALS)))


def found_in(events: Iterable[Document], parameters: Parameters | None = None) -> list[Detection]:
    """All findings, to the end of the input."""
    watching = correlator(parameters)
    found = [*watching.feed(list(events)), *watching.finish()]
    assert not watching.faults
    return found


def told(found: Iterable[Detection]) -> list[str]:
    return [detection.rule.id.removeprefix("baseline:") for detection in found]


def mixed_day(random: Random) -> list[Document]:
    """Some hours in which most behaviours show, at random times, in order."""
    return sorted(_mixed(random), key=lambda made: str(made["@timestamp"]))


def _mixed(random: Random) -> Iterator[Document]:
    for number in range(40):
        yield tls(MONDAY + 5 * MINUTE * number + random.uniform(-40, 40), HOST, "dich.example")
    for number in range(60):
        label = "".join(random.choices("abcdefghijklmnopqrstuvwxyz234567", k=40))
        at = MONDAY + random.uniform(0, 3 * HOUR)
        yield dns(at, "10.1.2.9", f"{label}.kho.example", "kho.example", random.choice(("TXT", "A")))
        yield flow(at, "198.51.100.9", "10.1.0.80", 20 + number, random.choice(("REJ", "REJ", "S0", "SF")))
        yield login(at, "10.1.2.77", "10.1.0.45", f"user{number % 25}")
    for _ in range(30):
        name = "".join(random.choices("bcdfghjklmnpqrstvwxz", k=14)) + ".com"
        yield dns(MONDAY + random.uniform(0, HOUR), "10.1.2.8", name, name, code="NXDOMAIN")
    yield tls(MONDAY + random.uniform(0, HOUR), "10.1.2.4", "dichvucong-login.com")
