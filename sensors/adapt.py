"""What the adapters of other sensors' records share: their fields become the native sensor's vocabulary."""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address
from typing import Any

from sensors.base import Origin
from sensors.decode.address import ICMP, ICMPV6, SCTP, TCP, UDP, address_text, community_id
from sensors.document import Scribe
from sensors.talks.dns import domain_parts
from vonggac.domain.event import Document, event_id, put
from vonggac.domain.times import parse_instant, to_epoch_us

_NUMBERS = {"tcp": TCP, "udp": UDP, "sctp": SCTP, "icmp": ICMP, "ipv6-icmp": ICMPV6, "icmp6": ICMPV6}
_LAST_SECOND = 253_402_300_799


def time_ns(value: Any) -> int | None:
    """ns since 1970 of RFC 3339 text, or of seconds as a number or its text; None where it is neither."""
    if isinstance(value, bool) or value is None:
        return None
    if isinstance(value, str):
        try:
            return to_epoch_us(parse_instant(value)) * 1000
        except (ValueError, OverflowError):
            pass
    try:
        seconds = float(value)
    except (TypeError, ValueError):
        return None
    if not 0 <= seconds <= _LAST_SECOND:
        return None
    return round(seconds * 1_000_000) * 1000


def whole(value: Any) -> int | None:
    """A whole number in its own right or as text; None otherwise."""
    if isinstance(value, bool):
        return None
    try:
        return int(value)
    except (TypeError, ValueError, OverflowError):
        return None


def text(value: Any) -> str | None:
    """A non-empty text; None for everything else."""
    return value if isinstance(value, str) and value else None


@lru_cache(maxsize=65_536)
def packed(address: str) -> bytes | None:
    try:
        return ip_address(address).packed
    except ValueError:
        return None


@lru_cache(maxsize=65_536)
def spelt(address: str) -> str:
    """An address as the native sensor spells it: RFC 5952."""
    return address_text(ip_address(address).packed)


class Adapter:
    """Writes the events of one source of records."""

    def __init__(self, origin: Origin, fingerprint: str, module: str) -> None:
        self._scribe = Scribe(origin, fingerprint)
        self._module = module

    def event(self, dataset: str, ns: int, line: int) -> Document:
        """The fields of every event; its id comes from the line."""
        document = self._scribe.document(dataset, ns, line, self._scribe.id(ns, line, dataset, 0))
        document["event"]["module"] = self._module
        return document

    def flow_id(self, connection: str) -> str:
        """The id of the flow event of a connection, as every record that names the connection can derive it."""
        return event_id(self._scribe.origin.sensor, f"{self._module}:{connection}", 0, "flow")

    def endpoints(
        self, document: Document, source: tuple[Any, Any], destination: tuple[Any, Any], transport: str | None
    ) -> None:
        """Addresses, ports, transport, network type and (where it can be known) the Community ID."""
        for name, (address, port) in (("source", source), ("destination", destination)):
            end: Document = {}
            if isinstance(address, str) and packed(address) is not None:
                end["ip"] = spelt(address)
            elif text(address):
                end["address"] = address
            number = whole(port)
            if number is not None and transport not in ("icmp", "ipv6-icmp"):
                end["port"] = number
            if end:
                document[name] = end
        network = document.setdefault("network", {})
        put(network, "transport", transport)
        src, dst = packed(str(source[0])), packed(str(destination[0]))
        if src is None or dst is None or len(src) != len(dst):
            return
        network["type"] = "ipv4" if len(src) == 4 else "ipv6"
        sport, dport = whole(source[1]), whole(destination[1])
        if transport in ("tcp", "udp", "sctp") and _is_port(sport) and _is_port(dport):
            network["community_id"] = community_id(src, dst, _NUMBERS[transport], sport or 0, dport or 0)


def _is_port(number: int | None) -> bool:
    return number is not None and 0 <= number <= 0xFFFF


def dns_question(name: str | None, kind: str | None, class_: str | None = None) -> Document:
    """ECS `dns.question`."""
    question: Document = {}
    if name:
        lower = name.lower().rstrip(".")
        question |= {"name": lower, **domain_parts(lower)}
    put(question, "type", kind)
    put(question, "class", class_)
    return question


def relate(document: Document) -> None:
    """`related.*` from the fields that hold addresses, names and hashes."""
    dns, tls = document.get("dns", {}), document.get("tls", {})
    ips = [document[end].get("ip") for end in ("source", "destination") if end in document]
    ips += dns.get("resolved_ip", [])
    hosts = [dns.get("question", {}).get("name"), tls.get("client", {}).get("server_name")]
    domain = document.get("url", {}).get("domain")
    if domain:
        (ips if packed(domain) is not None else hosts).append(domain)
    hashes = list(document.get("file", {}).get("hash", {}).values())
    for side in ("client", "server"):
        end = tls.get(side, {})
        hashes += [end.get("ja3"), end.get("ja3s"), end.get("ja4"), *end.get("hash", {}).values()]
        hashes.append(document.get("ssh", {}).get(side, {}).get("hassh"))
    related = {
        "ip": list(dict.fromkeys(value for value in ips if value)),
        "hosts": list(dict.fromkeys(value for value in hosts if value)),
        "hash": list(dict.fromkeys(value.lower() for value in hashes if isinstance(value, str))),
    }
    found = {name: values for name, values in related.items() if values}
    if found:
        document["related"] = found


def url_parts(target: str, host: str | None, port: int | None = None) -> Document:
    """ECS `url.*` of a request target and its Host, as the native sensor writes it."""
    from sensors.decode.http import Head
    from sensors.talks.http_event import url_fields

    fields = {"host": f"{host}:{port}" if host and port and port != 80 and ":" not in host else host or ""}
    return url_fields(Head("GET", target, "", 0, fields, 0), [], [])
