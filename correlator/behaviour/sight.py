"""An event as analytics see it: the few values they need, so that many can be held until their turn comes."""

from __future__ import annotations

from datetime import datetime
from typing import Any, NamedTuple

from vonggac.domain.event import Document

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
    source: str
    destination: str
    port: int
    agency: str
    kind: str
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


#: Datasets with something to see, besides logins that failed.
_SHOWN = frozenset({"flow", "dns", "tls", "quic", "http"})


def sights(event: Document, at: float) -> list[Sight]:
    """What there is to see in an event; nothing in one without the address of its source."""
    told = event.get("event")
    if type(told) is not dict:
        return []
    dataset, failed = _text(told.get("dataset")), told.get("outcome") == "failure"
    if dataset not in _SHOWN and not failed:
        return []
    client, server = _part(event, "source"), _part(event, "destination")
    source = _text(client.get("ip"))
    if not source:
        return []
    agency = _text(_part(event, "organization").get("id"))
    base = (at, _text(told.get("id")), source, _text(server.get("ip")), _number(server.get("port")), agency)
    found: list[Sight] = []
    if dataset == "flow":
        found.append(_flow(event, base, told.get("start"), _number(client.get("bytes")), _number(server.get("bytes"))))
    elif dataset == "dns":
        if _text(_part(event, "network").get("protocol")) in ("", "dns"):
            found.append(_question(event, base))
    elif dataset in _SHOWN:
        found.append(_named(event, base, dataset))
    if failed and _is_login(event, told.get("category"), dataset):
        user = _text(_part(event, "user").get("name")).lower()
        found.append(Sight(*base, LOGIN, at, protocol=dataset, user=user))
    return found


_Base = tuple[float, str, str, str, int, str]


def _flow(event: Document, base: _Base, begun: Any, out_bytes: int, in_bytes: int) -> Sight:
    network = _part(event, "network")
    transport = _text(network.get("transport"))
    answered: bool | None = None
    if transport == "tcp":
        state = _part(_part(event, "vonggac"), "flow").get("state")
        answered = True if state in ANSWERED_STATES else False if state in FAILED_STATES else None
    elif transport == "udp":
        answered = in_bytes > 0
    protocol = _text(network.get("protocol"))
    return Sight(*base, FLOW, _seconds(begun, base[0]), transport, protocol, out_bytes, in_bytes, answered)


def _question(event: Document, base: _Base) -> Sight:
    dns = _part(event, "dns")
    question = _part(dns, "question")
    return Sight(
        *base,
        DNS,
        base[0],
        protocol="dns",
        name=_name(question.get("name")),
        registered=_name(question.get("registered_domain")),
        question=_text(question.get("type")),
        response=_text(dns.get("response_code")),
    )


def _named(event: Document, base: _Base, dataset: str) -> Sight:
    """A connection with the name that the client asked the server for, and its registered domain."""
    if dataset == "http":
        url = _part(event, "url")
        name, registered = _name(url.get("domain")), _name(url.get("registered_domain"))
    else:
        name = _name(_part(_part(event, "tls"), "client").get("server_name"))
        registered = _name(_part(_part(event, "vonggac"), "tls").get("registered_domain"))
    return Sight(*base, NAMED, base[0], protocol=dataset, name=name, registered=registered)


def _is_login(event: Document, category: Any, dataset: str) -> bool:
    if type(category) is list and "authentication" in category:
        return True
    return bool(dataset == "http" and _part(_part(event, "http"), "response").get("status_code") == 401)


def _seconds(text: Any, otherwise: float) -> float:
    """Seconds since 1970 of an RFC 3339 instant in UTC; the other time where it is none."""
    try:
        return datetime.fromisoformat(text).timestamp() if type(text) is str and text.endswith("Z") else otherwise
    except ValueError:
        return otherwise


def _part(document: Document, name: str) -> Document:
    part = document.get(name)
    return part if type(part) is dict else {}


def _text(value: Any) -> str:
    return value if type(value) is str else ""


def _name(value: Any) -> str:
    return value.lower().rstrip(".") if type(value) is str else ""


def _number(value: Any) -> int:
    return value if type(value) is int and value > 0 else 0
