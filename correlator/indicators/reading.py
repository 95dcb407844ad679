"""What every form of indicator file is read with: kinds of values, defanged writing, and the collecting of faults."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Mapping
from datetime import datetime

from correlator.indicators.forms import canonical
from vonggac.domain.incident import entry_id
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp
from vonggac.domain.times import parse_instant
from vonggac.errors import InvalidRecord

#: Faults are named up to this many of one call; `Reading.refused` counts them all.
MAX_FAULTS = 10_000

#: MD5, SHA-1, SHA-256, SHA-512 (and JA3, which is an MD5), or JA4.
HASH = re.compile(r"(?:[0-9a-fA-F]{32}|[0-9a-fA-F]{40}|[0-9a-fA-F]{64}|[0-9a-fA-F]{128})")
JA4 = re.compile(r"[tqd](?:\d\d|s[23]|d[1-3])[di]\d{4}[0-9a-z]{2}_[0-9a-f]{12}_[0-9a-f]{12}")
DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{2,63}\.?")

#: Words for a type in CSV and MISP -> the kind they mean.
TYPES: Mapping[str, IndicatorKind] = {
    "ip": IndicatorKind.IP,
    "ipv4": IndicatorKind.IP,
    "ipv6": IndicatorKind.IP,
    "cidr": IndicatorKind.CIDR,
    "domain": IndicatorKind.DOMAIN,
    "hostname": IndicatorKind.DOMAIN,
    "url": IndicatorKind.URL,
    **dict.fromkeys(("hash", "md5", "sha1", "sha256", "sha512", "ja3", "ja3s", "ja4"), IndicatorKind.HASH),
    "pattern": IndicatorKind.PATTERN,
}

#: What nothing that is written plainly holds.
_UNUSUAL = re.compile(r"[\[\](){}<>\\\s\"'`]|^(?:hxxp|h\*\*p|fxp)", re.IGNORECASE)
_SCHEME = re.compile(r"^(h(?:xx|tt|\*\*)p|fxp|ftp)(s?)(?:\[:\]//|\[://\]|\[:/\]/|://|:\\\\)", re.IGNORECASE)
_DOT = re.compile(r"\s*[\[({<]\s*(?:\.|dot|d0t|punkt)\s*[\])}>]\s*|\\\.", re.IGNORECASE)
_SPOKEN_DOT = re.compile(r"\s+dot\s+", re.IGNORECASE)
_AT = re.compile(r"\s*[\[({<]\s*(?:@|at)\s*[\])}>]\s*", re.IGNORECASE)


class Reading:
    """Collects what is wrong in one file, and what is left out on purpose."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.faults: list[InvalidRecord] = []
        self.refused = 0
        self.skipped: Counter[str] = Counter()

    def refuse(self, place: int, reason: str) -> None:
        self.refused += 1
        if len(self.faults) < MAX_FAULTS:
            self.faults.append(InvalidRecord("bad_indicator", location=self.location, line=place, reason=reason))

    def checked(self, place: int, kind: IndicatorKind, value: str) -> bool:
        """Whether the value is of its kind; refused where it is not."""
        try:
            canonical(kind, value)
        except ValueError as error:
            self.refuse(place, str(error))
            return False
        return True


def refang(value: str) -> str:
    """The value as it was before somebody made it safe to click: hxxp, [.], (dot), {.}, [:]//, [at], ` dot `, `"…"`."""
    value = value.strip()
    if _UNUSUAL.search(value) is None:
        return value
    value = value.strip("\"'<>`").strip()
    value = _SPOKEN_DOT.sub(".", _DOT.sub(".", value))
    value = _AT.sub("@", value).replace("[:]", ":").replace("[/]", "/").replace("[//]", "//")
    match = _SCHEME.match(value)
    if match:
        scheme = "ftp" if match[1].lower().startswith("f") else "http"
        value = f"{scheme}{match[2].lower()}://{value[match.end() :]}"
    return value


def kind_of(value: str) -> IndicatorKind | None:
    """What a bare value is."""
    if "://" in value:
        return IndicatorKind.URL
    if HASH.fullmatch(value) or JA4.fullmatch(value):
        return IndicatorKind.HASH
    if value[:1].isdigit() or ":" in value:  # only then is it worth asking
        for kind in (IndicatorKind.IP, IndicatorKind.CIDR):
            try:
                canonical(kind, value)
            except ValueError:
                continue
            return kind
    if DOMAIN.fullmatch(value):
        return IndicatorKind.DOMAIN
    return IndicatorKind.URL if "/" in value and DOMAIN.fullmatch(value.partition("/")[0].partition(":")[0]) else None


def as_network(kind: IndicatorKind, value: str) -> IndicatorKind:
    """CIDR for an address with a prefix, else the kind."""
    return IndicatorKind.CIDR if kind is IndicatorKind.IP and "/" in value else kind


def named_by_value(kind: IndicatorKind, value: str, source: str, tlp: Tlp = Tlp.AMBER) -> Indicator:
    """An indicator without an id of its own: kind and value give it one, the same in every file."""
    identity = entry_id(
        "indicator", kind, value if kind in (IndicatorKind.URL, IndicatorKind.PATTERN) else value.lower()
    )
    return Indicator(identity, kind, value, tlp=tlp, source=source)


def instant_or_none(text: object) -> datetime | None:
    """The instant of an RFC 3339 text; None for nothing. ValueError otherwise."""
    return parse_instant(str(text)) if text else None
