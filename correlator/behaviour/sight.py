"""An event as analytics see it: the few values they need, so that many can be held until their turn comes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime
from typing import Any, NamedTuple

from vonggac.domain.event import Document
from vonggac.domain.event import field as value_at
from vonggac.domain.times import parse_instant

FLOW, DNS, NAMED, LOGIN = "flow", "dns", "named", "login"

#: States of a TCP flow (Zeek's words) in which nobody answered as a service does, and in which somebody did.
FAILED_STATES = frozenset({"S0", "REJ", "RSTOS0", "SH"})
ANSWERED_STATES = frozenset({"S1", "S2", "S3", "SF", "RSTO", "RSTR"})


class Sight(NamedTuple):
    """One thing seen. `at` and `start` are seconds since 1970; what is not known is empty, 0 or None.

    `answered` is True for a service that answered, False for a try without success, None where it cannot be told.
    """

    at: float
    id: str
    kind: str
    source: str
    destination: str
    port: int
    agency: str
    start: float = 0.0
    transport: str = ""
    protocol: str = ""
    out_bytes: int = 0
    in_bytes: int = 0
    answered: bool | None = None
    name: str = ""
    registered: str = ""
    question: str = ""
    response: str = ""
    user: str = ""


def seconds(text: str) -> float:
    """Seconds since 1970 of an RFC 3339 instant. ValueError otherwise."""
    try:
        found = datetime.fromisoformat(text)
    except ValueError:
        return parse_instant(text).timestamp()
    if found.tzinfo is None:
        raise ValueError(f"not an RFC 3339 time: {text!r}")
    return found.timestamp()


def sights(event: Document, at: float) -> Iterator[Sight]:
    """What there is to see in an event; nothing in one without the address of its source."""
    told = _part(event, "event")
    dataset, identity = _text(told.get("dataset")), _text(told.get("id"))
    source, destination = _text(_part(event, "source").get("ip")), _part(event, "destination")
    if not source:
        return
    target, port = _text(destination.get("ip")), _number(destination.get("port"))
    agency = _text(_part(event, "organization").get("id"))
    if dataset == "flow":
        yield _flow(event, Sight(at, identity, FLOW, source, target, port, agency), told)
    elif dataset == "dns":
        if _text(_part(event, "network").get("protocol")) in ("", "dns"):
            yield _question(event, Sight(at, identity, DNS, source, target, port, agency))
    elif dataset in ("tls", "quic", "http"):
        name, registered = _named(event, dataset)
        yield Sight(
            at, identity, NAMED, source, target, port, agency, at, "", dataset, name=name, registered=registered
        )
    if told.get("outcome") == "failure" and _is_login(event, told.get("category"), dataset):
        user = _text(_part(event, "user").get("name")).lower()
        yield Sight(at, identity, LOGIN, source, target, port, agency, at, "", dataset, user=user)


def _flow(event: Document, base: Sight, told: Document) -> Sight:
    network = _part(event, "network")
    transport = _text(network.get("transport"))
    in_bytes = _number(_part(event, "destination").get("bytes"))
    begun = told.get("start")
    answered: bool | None = None
    if transport == "tcp":
        state = value_at(event, "vonggac.flow.state")
        answered = True if state in ANSWERED_STATES else False if state in FAILED_STATES else None
    elif transport == "udp":
        answered = in_bytes > 0
    return Sight(
        *base[:7],
        start=seconds(begun) if isinstance(begun, str) else base.at,
        transport=transport,
        protocol=_text(network.get("protocol")),
        out_bytes=_number(_part(event, "source").get("bytes")),
        in_bytes=in_bytes,
        answered=answered,
    )


def _question(event: Document, base: Sight) -> Sight:
    dns = _part(event, "dns")
    question = _part(dns, "question")
    return Sight(
        *base[:7],
        start=base.at,
        protocol="dns",
        name=_name(question.get("name")),
        registered=_name(question.get("registered_domain")),
        question=_text(question.get("type")),
        response=_text(dns.get("response_code")),
    )


def _named(event: Document, dataset: str) -> tuple[str, str]:
    """The name that the client asked the server for, and its registered domain."""
    if dataset == "http":
        url = _part(event, "url")
        return _name(url.get("domain")), _name(url.get("registered_domain"))
    name = _name(value_at(event, "tls.client.server_name"))
    return name, _name(value_at(event, "vonggac.tls.registered_domain"))


def _is_login(event: Document, category: Any, dataset: Any) -> bool:
    if isinstance(category, list) and "authentication" in category:
        return True
    return bool(dataset == "http" and value_at(event, "http.response.status_code") == 401)


def _part(document: Document, name: str) -> Document:
    part = document.get(name)
    return part if isinstance(part, dict) else {}


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


def _name(value: Any) -> str:
    return value.lower().rstrip(".") if isinstance(value, str) else ""


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
