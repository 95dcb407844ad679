"""Indicator files: STIX 2.1 bundles, MISP events, CSV and plain lists. A bad record is named and left out."""

from __future__ import annotations

import csv
import io
import re
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from correlator.indicators import canonical
from correlator.stix_patterns import UnsupportedPattern, values_of
from vonggac.domain.incident import entry_id
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp, parse_tlp, strictest
from vonggac.domain.times import parse_instant, parse_record_time
from vonggac.errors import InvalidRecord, UnknownInput

MAX_FILE_BYTES = 256 << 20

#: TLP marking definitions: TLP 2.0 (extension-definition--60a3c5c5…) and TLP 1 (STIX 2.1 §7.2.1.4).
TLP_MARKINGS: Mapping[str, Tlp] = {
    "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487": Tlp.CLEAR,
    "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb": Tlp.GREEN,
    "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421": Tlp.AMBER,
    "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003": Tlp.AMBER_STRICT,
    "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1": Tlp.RED,
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}

#: MISP attribute type -> kind of each part of its value (parts stand apart by `|`; None is not an observable).
_MISP_TYPES: Mapping[str, tuple[IndicatorKind | None, ...]] = {
    "ip-src": (IndicatorKind.IP,),
    "ip-dst": (IndicatorKind.IP,),
    "ip-src|port": (IndicatorKind.IP, None),
    "ip-dst|port": (IndicatorKind.IP, None),
    "domain": (IndicatorKind.DOMAIN,),
    "hostname": (IndicatorKind.DOMAIN,),
    "hostname|port": (IndicatorKind.DOMAIN, None),
    "domain|ip": (IndicatorKind.DOMAIN, IndicatorKind.IP),
    "url": (IndicatorKind.URL,),
    "uri": (IndicatorKind.URL,),
    "md5": (IndicatorKind.HASH,),
    "sha1": (IndicatorKind.HASH,),
    "sha256": (IndicatorKind.HASH,),
    "filename|md5": (None, IndicatorKind.HASH),
    "filename|sha1": (None, IndicatorKind.HASH),
    "filename|sha256": (None, IndicatorKind.HASH),
    "ja3-fingerprint-md5": (IndicatorKind.HASH,),
}
_CSV_TYPES: Mapping[str, IndicatorKind] = {
    "ip": IndicatorKind.IP,
    "ipv4": IndicatorKind.IP,
    "ipv6": IndicatorKind.IP,
    "cidr": IndicatorKind.CIDR,
    "domain": IndicatorKind.DOMAIN,
    "hostname": IndicatorKind.DOMAIN,
    "url": IndicatorKind.URL,
    "hash": IndicatorKind.HASH,
    "md5": IndicatorKind.HASH,
    "sha1": IndicatorKind.HASH,
    "sha256": IndicatorKind.HASH,
}

_HEX = re.compile(r"[0-9a-fA-F]{32}(?:[0-9a-fA-F]{8}|[0-9a-fA-F]{32})?")
_DOMAIN = re.compile(r"(?:[\w-]{1,63}\.)+[\w-]{2,63}\.?")


@dataclass(frozen=True, slots=True)
class LoadedIndicators:
    """What a file gave. `skipped` counts, by reason, what is not meant for detection: no fault, but not silent."""

    indicators: tuple[Indicator, ...] = ()
    faults: tuple[InvalidRecord, ...] = ()
    skipped: Mapping[str, int] = field(default_factory=dict)


def read_indicators(path: Path) -> LoadedIndicators:
    """The indicators of a file, recognised by content, or of a folder's files in order of name.

    Raises UnknownInput where there is no such file, or it cannot be read or holds nothing of a known kind.
    """
    if path.is_dir():
        parts = [read_indicators(inner) for inner in sorted(path.iterdir()) if inner.is_file()]
        return _merged(parts)
    try:
        size = path.stat().st_size
        content = path.read_bytes() if size <= MAX_FILE_BYTES else b""
    except OSError as error:
        raise UnknownInput("indicators_unreadable", path=path, reason=error.strerror) from error
    if size > MAX_FILE_BYTES:
        raise UnknownInput("indicators_unreadable", path=path, reason=f"larger than {MAX_FILE_BYTES} bytes")
    return parse_indicators(content, str(path))


def parse_indicators(content: bytes, location: str) -> LoadedIndicators:
    """As `read_indicators`, from bytes that were read already."""
    reading = _Reading(location)
    stripped = content.lstrip(b"\xef\xbb\xbf \t\r\n")
    if stripped[:1] in (b"{", b"["):
        try:
            data = orjson.loads(stripped)
        except orjson.JSONDecodeError as error:
            line = content.count(b"\n", 0, len(content) - len(stripped)) + error.lineno
            reading.refuse(line, f"not valid JSON: {error.msg}")
            return reading.result()
        _json(reading, data)
    else:
        _text(reading, content)
    return reading.result()


class _Reading:
    """Collects indicators and faults of one file."""

    def __init__(self, location: str) -> None:
        self.location = location
        self.indicators: list[Indicator] = []
        self.faults: list[InvalidRecord] = []
        self.skipped: Counter[str] = Counter()

    def add(self, place: int, indicator: Indicator) -> None:
        """Take the indicator if its value is of its kind."""
        try:
            canonical(indicator.kind, indicator.value)
        except ValueError as error:
            self.refuse(place, str(error))
            return
        self.indicators.append(indicator)

    def refuse(self, place: int, reason: str) -> None:
        self.faults.append(InvalidRecord("bad_indicator", location=self.location, line=place, reason=reason))

    def result(self) -> LoadedIndicators:
        return LoadedIndicators(tuple(self.indicators), tuple(self.faults), dict(self.skipped))


def _merged(parts: Iterable[LoadedIndicators]) -> LoadedIndicators:
    indicators: list[Indicator] = []
    faults: list[InvalidRecord] = []
    skipped: Counter[str] = Counter()
    for part in parts:
        indicators += part.indicators
        faults += part.faults
        skipped.update(part.skipped)
    return LoadedIndicators(tuple(indicators), tuple(faults), dict(skipped))


# --- JSON ----------------------------------------------------------------------------------------------------------


def _json(reading: _Reading, data: Any) -> None:
    if isinstance(data, dict) and data.get("type") == "bundle":
        _stix(reading, data.get("objects", []))
    elif isinstance(data, dict) and isinstance(data.get("objects"), list):  # a TAXII envelope
        _stix(reading, data["objects"])
    elif isinstance(data, dict) and str(data.get("type")) == "indicator":
        _stix(reading, [data])
    elif isinstance(data, list) and any(isinstance(item, dict) and "pattern" in item for item in data):
        _stix(reading, data)
    else:
        events = data if isinstance(data, list) else data.get("response", [data])
        found = [event.get("Event") for event in events if isinstance(event, dict)] if isinstance(events, list) else []
        maps = [event for event in found if isinstance(event, dict)]
        if not maps:
            reading.refuse(1, "neither a STIX bundle nor a MISP event")
        for event in maps:
            _misp(reading, event)


def _stix(reading: _Reading, objects: Any) -> None:
    """Indicator objects (STIX 2.1 §4.7); `line` of a fault is the object's number in the bundle, from 1."""
    if not isinstance(objects, list):
        reading.refuse(1, "objects is not a list")
        return
    for number, item in enumerate(objects, 1):
        if not isinstance(item, dict):
            reading.refuse(number, "not an object")
        elif item.get("type") == "indicator":
            _stix_indicator(reading, number, item)


def _stix_indicator(reading: _Reading, number: int, item: Mapping[str, Any]) -> None:
    if item.get("revoked"):
        reading.skipped["revoked"] += 1
        return
    identity, pattern = item.get("id"), item.get("pattern")
    if not isinstance(identity, str) or not isinstance(pattern, str):
        reading.refuse(number, "id or pattern is missing")
        return
    if item.get("pattern_type", "stix") != "stix":
        reading.refuse(number, f"unsupported: patterns of type {item['pattern_type']} are not evaluated")
        return
    try:
        values = values_of(pattern)
        since, until = _instant(item.get("valid_from")), _instant(item.get("valid_until"))
    except UnsupportedPattern as error:
        reading.refuse(number, f"unsupported: {error}")
        return
    except ValueError as error:
        reading.refuse(number, str(error))
        return
    confidence = item.get("confidence")
    labels = [*_strings(item.get("indicator_types")), *_strings(item.get("labels"))]
    for kind, value in values:
        indicator = Indicator(
            id=identity,
            kind=kind,
            value=value,
            name=str(item.get("name") or ""),
            valid_from=since,
            valid_until=until,
            tlp=_stix_tlp(_strings(item.get("object_marking_refs"))),
            confidence=confidence if isinstance(confidence, int) else None,
            labels=tuple(labels),
            source=str(item.get("created_by_ref") or ""),
        )
        reading.add(number, indicator)


def _stix_tlp(references: list[str]) -> Tlp:
    """The strictest of the markings. None at all is AMBER; one that is not a TLP marking we know is taken as RED."""
    if not references:
        return Tlp.AMBER
    return strictest(*(TLP_MARKINGS.get(reference, Tlp.RED) for reference in references))


def _misp(reading: _Reading, event: Mapping[str, Any]) -> None:
    """Attributes of a MISP event and of its objects (MISP core format §2.4)."""
    event_tlp = _misp_tlp(event, Tlp.AMBER)
    info = str(event.get("info") or "")
    objects = [item for item in event.get("Object") or () if isinstance(item, dict)]
    attributes = [
        *(event.get("Attribute") or ()),
        *(inner for item in objects for inner in item.get("Attribute") or ()),
    ]
    for number, attribute in enumerate(attributes, 1):
        if not isinstance(attribute, dict):
            reading.refuse(number, "not an attribute")
            continue
        kinds = _MISP_TYPES.get(str(attribute.get("type")))
        if kinds is None:
            reading.skipped[f"MISP type {attribute.get('type')}"] += 1
        elif attribute.get("to_ids") in (False, 0, "0") or attribute.get("deleted"):
            reading.skipped["not for detection (to_ids is off)"] += 1
        else:
            _misp_attribute(reading, number, attribute, kinds, info, _misp_tlp(attribute, event_tlp))


def _misp_attribute(
    reading: _Reading,
    number: int,
    attribute: Mapping[str, Any],
    kinds: tuple[IndicatorKind | None, ...],
    name: str,
    tlp: Tlp,
) -> None:
    value = str(attribute.get("value") or "")
    identity = str(attribute.get("uuid") or "") or entry_id("misp", attribute.get("type"), value)
    parts = value.split("|") if len(kinds) > 1 else [value]
    for kind, part in zip(kinds, parts, strict=False):
        if kind is not None:
            actual = IndicatorKind.CIDR if kind is IndicatorKind.IP and "/" in part else kind
            reading.add(number, Indicator(identity, actual, part, name=name, tlp=tlp, source=reading.location))


def _misp_tlp(holder: Mapping[str, Any], default: Tlp) -> Tlp:
    names = [str(tag.get("name", "")) for tag in holder.get("Tag") or () if isinstance(tag, dict)]
    markings = [parse_tlp(name) for name in names if name.lower().startswith("tlp:")]
    return strictest(*markings) if markings else default


# --- text ----------------------------------------------------------------------------------------------------------


def _text(reading: _Reading, content: bytes) -> None:
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        reading.refuse(content.count(b"\n", 0, error.start) + 1, "not UTF-8 text")
        return
    first = next((line for line in text.splitlines() if line.strip() and not line.startswith("#")), "")
    columns = [column.strip().lower() for column in first.split(",")]
    if "type" in columns and "value" in columns:
        _csv(reading, text)
    else:
        _plain(reading, text)


def _csv(reading: _Reading, text: str) -> None:
    """`type,value[,name,tlp,valid_until]` with a header row (RFC 4180); columns in any order."""
    rows = csv.DictReader(io.StringIO(text, newline=""), skipinitialspace=True)
    rows.fieldnames = [name.strip().lower() for name in rows.fieldnames or ()]
    while True:
        try:
            row = next(rows, None)
        except csv.Error as error:
            reading.refuse(rows.line_num, str(error))
            continue
        if row is None:
            return
        cells = {name: value.strip() for name, value in row.items() if isinstance(name, str) and isinstance(value, str)}
        _csv_row(reading, rows.line_num, cells)


def _csv_row(reading: _Reading, line: int, row: Mapping[str, str]) -> None:
    value = refang(row.get("value", ""))
    kind = _CSV_TYPES.get(row.get("type", "").lower())
    if kind is None:
        reading.refuse(line, f"unknown type {row.get('type', '')!r}; known: {', '.join(_CSV_TYPES)}")
        return
    if kind is IndicatorKind.IP and "/" in value:
        kind = IndicatorKind.CIDR
    try:
        until = parse_record_time(row["valid_until"]) if row.get("valid_until") else None
    except ValueError as error:
        reading.refuse(line, f"valid_until: {error}")
        return
    if kind is IndicatorKind.DOMAIN and not _DOMAIN.fullmatch(value):
        reading.refuse(line, f"not a domain name: {value!r}")
        return
    if kind is IndicatorKind.HASH and not _HEX.fullmatch(value):
        reading.refuse(line, f"not an MD5, SHA-1 or SHA-256 hash: {value!r}")
        return
    tlp = parse_tlp(row["tlp"]) if row.get("tlp") else Tlp.AMBER
    reading.add(line, _simple(kind, value, reading.location, name=row.get("name", ""), until=until, tlp=tlp))


def _plain(reading: _Reading, text: str) -> None:
    """One value a line; what follows `#` at the beginning or after a blank is a remark."""
    for number, line in enumerate(text.splitlines(), 1):
        value = refang(re.split(r"(?:^|\s)#", line, maxsplit=1)[0].strip())
        if not value:
            continue
        kind = kind_of(value)
        if kind is None:
            reading.refuse(number, f"neither address, domain, URL nor hash: {value[:80]!r}")
        else:
            reading.add(number, _simple(kind, value, reading.location))


def _simple(
    kind: IndicatorKind, value: str, source: str, *, name: str = "", until: datetime | None = None, tlp: Tlp = Tlp.AMBER
) -> Indicator:
    identity = entry_id("indicator", kind, value.lower() if kind is not IndicatorKind.URL else value)
    return Indicator(identity, kind, value, name=name, valid_until=until, tlp=tlp, source=source)


def refang(value: str) -> str:
    """The value as it was before somebody made it safe to click: hxxp, [.], (dot), [:], [@]."""
    value = re.sub(r"^hxxp", "http", value.strip(), flags=re.IGNORECASE)
    value = re.sub(r"[\[({]\s*(?:\.|dot)\s*[\])}]", ".", value, flags=re.IGNORECASE)
    return value.replace("[:]", ":").replace("[://]", "://").replace("[@]", "@").replace("[/]", "/")


def kind_of(value: str) -> IndicatorKind | None:
    """What a bare value is."""
    if "://" in value:
        return IndicatorKind.URL
    if _HEX.fullmatch(value):
        return IndicatorKind.HASH
    for kind in (IndicatorKind.IP, IndicatorKind.CIDR):
        try:
            canonical(kind, value)
        except ValueError:
            continue
        return kind
    if _DOMAIN.fullmatch(value):
        return IndicatorKind.DOMAIN
    return IndicatorKind.URL if "/" in value and _DOMAIN.fullmatch(value.partition("/")[0]) else None


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []


def _instant(text: object) -> datetime | None:
    return parse_instant(str(text)) if text else None
