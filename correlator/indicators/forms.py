"""The one form in which values of a kind are compared, and the names above a name."""

from __future__ import annotations

from collections.abc import Iterator
from ipaddress import ip_address, ip_network
from socket import AF_INET, inet_pton
from urllib.parse import urlsplit

from vonggac.domain.indicator import IndicatorKind


def canonical(kind: IndicatorKind, value: str) -> str:
    """The form in which values of a kind are compared. Raises ValueError for what is not of the kind.

    Addresses as RFC 5952 writes them; names in lower case without the last dot; hashes in lower case; a URL without
    scheme, user, default port and fragment, its host in lower case, so that a request line with its Host header equals
    the URL. A pattern stays as it is.
    """
    value = value.strip()
    if not value:
        raise ValueError("empty value")
    match kind:
        case IndicatorKind.IP:
            return value if _is_ipv4(value) else str(ip_address(value))
        case IndicatorKind.CIDR:
            return str(ip_network(value, strict=False))
        case IndicatorKind.DOMAIN:
            return value.lower().rstrip(".")
        case IndicatorKind.HASH:
            return value.lower()
        case IndicatorKind.URL:
            return _url(value)
        case IndicatorKind.PATTERN:
            return value


def _is_ipv4(value: str) -> bool:
    """True for an IPv4 address, of which there is one form only; ten times faster than making an object of it."""
    try:
        inet_pton(AF_INET, value)
    except (OSError, ValueError):
        return False
    return True


def with_parents(name: str) -> Iterator[str]:
    """The name and each name above it, down to two labels: an indicator for `com` would name half the world."""
    yield name
    while name.count(".") >= 2:
        name = name.partition(".")[2]
        yield name


def host_of(url: str) -> str:
    """The host of a URL in canonical form."""
    return url.partition("/")[0].partition(":")[0]


def _url(value: str) -> str:
    parts = urlsplit(value if "://" in value else f"http://{value}")
    host, port = (parts.hostname or "").rstrip("."), parts.port
    if not host:
        raise ValueError(f"a URL without a host: {value}")
    default = {"http": 80, "https": 443}.get(parts.scheme)
    place = host if port in (None, default) else f"{host}:{port}"
    return place + (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
