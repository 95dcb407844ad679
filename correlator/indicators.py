"""Indicators laid out so that an event's observables find them in a few look-ups, however many there are."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from ipaddress import ip_address, ip_network
from typing import Any
from urllib.parse import urlsplit

from vonggac.domain.event import field, observables
from vonggac.domain.indicator import Indicator, IndicatorKind


@dataclass(frozen=True, slots=True)
class IndicatorHit:
    """An indicator and the value of the event that it names."""

    indicator: Indicator
    kind: str  # the observable's kind: ip domain url hash
    value: str


class IndicatorSet:
    """An immutable set of indicators. Values are compared in canonical form: see `canonical`."""

    def __init__(self, indicators: Iterable[Indicator] = ()) -> None:
        self._exact: dict[tuple[str, str], list[Indicator]] = {}
        self._networks: dict[tuple[int, int], dict[int, list[Indicator]]] = {}
        self.size = 0
        self.refused: list[tuple[Indicator, str]] = []
        for indicator in indicators:
            try:
                self._add(indicator)
            except ValueError as error:
                self.refused.append((indicator, str(error)))

    def __len__(self) -> int:
        return self.size

    def _add(self, indicator: Indicator) -> None:
        if indicator.kind is IndicatorKind.CIDR:
            network = ip_network(indicator.value, strict=False)
            shift = network.max_prefixlen - network.prefixlen
            table = self._networks.setdefault((network.version, shift), {})
            table.setdefault(int(network.network_address) >> shift, []).append(indicator)
        else:
            value = canonical(indicator.kind, indicator.value)
            self._exact.setdefault((indicator.kind, value), []).append(indicator)
        self.size += 1

    def match(self, event: Mapping[str, Any], at: datetime) -> list[IndicatorHit]:
        """Every indicator valid at that instant that names one of the event's observables, each once."""
        if not self.size:
            return []
        found: dict[str, IndicatorHit] = {}
        for kind, value in observables(event):
            if kind == "url" and value.startswith("/"):  # a request line names no host; its Host header does
                value = f"{field(event, 'url.domain') or field(event, 'destination.ip') or ''}{value}"
            for indicator in self.look_up(kind, value):
                if indicator.id not in found and indicator.valid_at(at):
                    found[indicator.id] = IndicatorHit(indicator, kind, value)
        return list(found.values())

    def look_up(self, kind: str, value: str) -> Iterator[Indicator]:
        """The indicators that name an observable: by itself, by a parent domain, by a network it is in."""
        exact = self._exact
        if kind == "domain":
            for name in _with_parents(value):
                yield from exact.get((IndicatorKind.DOMAIN, name), ())
            return
        try:
            form = canonical(IndicatorKind(kind), value)
        except ValueError:
            return
        yield from exact.get((kind, form), ())
        if kind == "ip" and self._networks:
            address = ip_address(form)
            number = int(address)
            for (version, shift), table in self._networks.items():
                if version == address.version:
                    yield from table.get(number >> shift, ())


def canonical(kind: IndicatorKind, value: str) -> str:
    """The one form in which values of a kind are compared. Raises ValueError for what is not of the kind.

    Addresses as RFC 5952 writes them; names in lower case without the last dot; hashes in lower case; a URL without
    scheme, user, default port and fragment, its host in lower case, so that a request line with its Host header equals
    the URL.
    """
    value = value.strip()
    if not value:
        raise ValueError("empty value")
    match kind:
        case IndicatorKind.IP:
            return str(ip_address(value))
        case IndicatorKind.CIDR:
            return str(ip_network(value, strict=False))
        case IndicatorKind.DOMAIN:
            return value.lower().rstrip(".")
        case IndicatorKind.HASH:
            return value.lower()
        case IndicatorKind.URL:
            return _url(value)


def _url(value: str) -> str:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    host, port = (parts.hostname or "").rstrip("."), parts.port
    if not host:
        raise ValueError(f"a URL without a host: {value}")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    place = host if port in (None, default) else f"{host}:{port}"
    return place + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")


def _with_parents(name: str) -> Iterator[str]:
    """The name and each name above it, down to two labels: an indicator for `com` would name half the world."""
    yield name
    while name.count(".") >= 2:
        name = name.partition(".")[2]
        yield name
