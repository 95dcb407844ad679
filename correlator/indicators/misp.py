"""MISP events (core format §2.4): attributes that are meant for detection, alone and in objects."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from correlator.indicators.reading import Reading, as_network, instant_or_none
from vonggac.domain.incident import entry_id
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp, parse_tlp, strictest

_IP, _DOMAIN, _HASH = IndicatorKind.IP, IndicatorKind.DOMAIN, IndicatorKind.HASH
_HASH_TYPES = ("md5", "sha1", "sha256", "sha512")

#: Attribute type -> kind of each part of its value (parts stand apart by `|`; None is not an observable).
_PARTS: Mapping[str, tuple[IndicatorKind | None, ...]] = {
    "ip-src": (_IP,),
    "ip-dst": (_IP,),
    "ip-src|port": (_IP, None),
    "ip-dst|port": (_IP, None),
    "domain": (_DOMAIN,),
    "hostname": (_DOMAIN,),
    "hostname|port": (_DOMAIN, None),
    "domain|ip": (_DOMAIN, _IP),
    "url": (IndicatorKind.URL,),
    "uri": (IndicatorKind.URL,),
    **dict.fromkeys(_HASH_TYPES, (_HASH,)),
    **dict.fromkeys([f"filename|{name}" for name in _HASH_TYPES], (None, _HASH)),
    **dict.fromkeys([f"x509-fingerprint-{name}" for name in _HASH_TYPES[:3]], (_HASH,)),
    "ja3-fingerprint-md5": (_HASH,),
    "ja4-plus": (_HASH,),
}
#: The taxonomy misp:confidence-level -> confidence as STIX counts it (MISP taxonomies, misp, version 14).
_CONFIDENCE = {
    "completely-confident": 100,
    "usually-confident": 75,
    "fairly-confident": 50,
    "rarely-confident": 25,
    "unconfident": 0,
}


def read_event(reading: Reading, event: Mapping[str, Any]) -> Iterator[Indicator]:
    """The indicators of an event; `line` of a fault is the attribute's number, those of objects after the others."""
    tags = _tags(event)
    base = Indicator("", IndicatorKind.IP, "", name=str(event.get("info") or ""), tlp=_tlp(tags, Tlp.AMBER))
    base = replace(base, source=reading.location, confidence=_confidence(tags, None))
    for number, attribute in enumerate(_attributes(event), 1):
        if not isinstance(attribute, dict):
            reading.refuse(number, "not an attribute")
            continue
        kinds = _PARTS.get(str(attribute.get("type")))
        reason = _not_for_detection(attribute)
        if kinds is None:
            reading.skipped[f"MISP type {attribute.get('type')}"] += 1
        elif reason:
            reading.skipped[reason] += 1
        else:
            yield from _values(reading, number, attribute, kinds, base)


def _attributes(event: Mapping[str, Any]) -> list[Any]:
    held = list(_list(event.get("Attribute")))
    for item in _list(event.get("Object")):
        if isinstance(item, dict) and not item.get("deleted"):
            held += _list(item.get("Attribute"))
    return held


def _not_for_detection(attribute: Mapping[str, Any]) -> str:
    if attribute.get("deleted"):
        return "deleted"
    if attribute.get("to_ids") in (False, 0, "0"):
        return "not for detection (to_ids is off)"
    scores = [score for score in _list(attribute.get("decay_score")) if isinstance(score, dict)]
    return "decayed by the sender's model" if scores and all(score.get("decayed") for score in scores) else ""


def _values(
    reading: Reading,
    number: int,
    attribute: Mapping[str, Any],
    kinds: tuple[IndicatorKind | None, ...],
    base: Indicator,
) -> Iterator[Indicator]:
    value = str(attribute.get("value") or "")
    tags = _tags(attribute)
    try:
        seen = _seen(attribute)
    except ValueError as error:
        reading.refuse(number, str(error))
        return
    common = replace(
        base,
        id=str(attribute.get("uuid") or "") or entry_id("misp", attribute.get("type"), value),
        tlp=_tlp(tags, base.tlp),
        confidence=_confidence(tags, base.confidence),
        seen=seen,
    )
    for kind, part in zip(kinds, value.split("|") if len(kinds) > 1 else [value], strict=False):
        if kind is not None:
            actual = as_network(kind, part)
            if reading.checked(number, actual, part):
                yield replace(common, kind=actual, value=part)


def _seen(attribute: Mapping[str, Any]) -> datetime | None:
    """When it was last seen, or else first seen, or else when the attribute was last changed."""
    stated = attribute.get("last_seen") or attribute.get("first_seen")
    if stated:
        return instant_or_none(stated)
    changed = str(attribute.get("timestamp") or "")
    if not (changed.isascii() and changed.isdigit() and len(changed) < 12) or not int(changed):
        return None
    return datetime.fromtimestamp(int(changed), UTC)


def _tags(holder: Mapping[str, Any]) -> list[str]:
    return [str(tag.get("name", "")) for tag in _list(holder.get("Tag")) if isinstance(tag, dict)]


def _tlp(tags: list[str], default: Tlp) -> Tlp:
    markings = [parse_tlp(name) for name in tags if name.lower().startswith("tlp:")]
    return strictest(*markings) if markings else default


def _confidence(tags: list[str], default: int | None) -> int | None:
    for name in tags:
        taxonomy, _, value = name.partition("=")
        if taxonomy == "misp:confidence-level" and value.strip('"') in _CONFIDENCE:
            return _CONFIDENCE[value.strip('"')]
    return default


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []
