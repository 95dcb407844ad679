"""Indicator objects of STIX 2.1 (§4.7). A pattern that only lists values gives values; any other is one to evaluate."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from correlator.indicators.reading import Reading, as_network, instant_or_none
from correlator.patterns.parse import parse, unquoted
from correlator.patterns.pattern import compile_tree
from correlator.patterns.tree import Comparison, Joint, Observation, Path, PatternError, Single, Test
from vonggac.domain.indicator import Indicator, IndicatorKind
from vonggac.domain.marking import Tlp, strictest

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
_KINDS: Mapping[tuple[str, str], IndicatorKind] = {
    ("ipv4-addr", "value"): IndicatorKind.IP,
    ("ipv6-addr", "value"): IndicatorKind.IP,
    ("domain-name", "value"): IndicatorKind.DOMAIN,
    ("url", "value"): IndicatorKind.URL,
}
_HASHES = frozenset({"MD5", "SHA-1", "SHA-256", "SHA-512"})


def read_objects(reading: Reading, objects: Any) -> Iterator[Indicator]:
    """The indicators among the objects; `line` of a fault is the object's number in the bundle, from 1."""
    if not isinstance(objects, list):
        reading.refuse(1, "objects is not a list")
        return
    for number, item in enumerate(objects, 1):
        if not isinstance(item, dict):
            reading.refuse(number, "not an object")
        elif item.get("type") == "indicator":
            yield from _indicators(reading, number, item)


def _indicators(reading: Reading, number: int, item: Mapping[str, Any]) -> Iterator[Indicator]:
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
        values = meant(pattern)
        plain = _without_value(identity, item)
    except PatternError as error:
        reading.refuse(number, f"the pattern: {error}")
        return
    except ValueError as error:
        reading.refuse(number, str(error))
        return
    for kind, value in values:
        if reading.checked(number, kind, value):
            yield replace(plain, kind=kind, value=value)


def meant(pattern: str) -> list[tuple[IndicatorKind, str]]:
    """Each value of a pattern that only lists values, any of which is enough; else the pattern itself, as one to
    evaluate. Raises PatternError."""
    tree = parse(pattern)
    values = _values_of(tree)
    if values is None:
        compile_tree(tree)  # so that what cannot be evaluated is told with the file, not later
        return [(IndicatorKind.PATTERN, pattern)]
    return values


def _values_of(tree: Observation | Comparison) -> list[tuple[IndicatorKind, str]] | None:
    match tree:
        case Single():
            return _values_of(tree.comparison)
        case Test():
            return _values_of_test(tree)
        case _ if getattr(tree, "joint", None) is Joint.OR:
            parts = [_values_of(part) for part in tree.parts]  # type: ignore[union-attr]
            if any(part is None for part in parts):
                return None
            return [pair for part in parts if part is not None for pair in part]
    return None


def _values_of_test(test: Test) -> list[tuple[IndicatorKind, str]] | None:
    kind = _kind(test.path)
    operators = ("=", "IN", "ISSUBSET") if kind is IndicatorKind.IP else ("=", "IN")
    if kind is None or test.negated or test.operator not in operators or not test.values:
        return None
    if any(value.kind != "text" for value in test.values):
        return None
    texts = [unquoted(value.text) for value in test.values]
    return [(as_network(kind, text), text) for text in texts]


def _kind(path: Path) -> IndicatorKind | None:
    if path.type in ("file", "x509-certificate") and len(path.steps) == 2 and path.steps[0] == "hashes":
        return IndicatorKind.HASH if str(path.steps[1]).upper() in _HASHES else None
    return _KINDS.get((path.type, str(path.steps[0]))) if len(path.steps) == 1 else None


def _without_value(identity: str, item: Mapping[str, Any]) -> Indicator:
    """All that an indicator object says but its pattern. ValueError for a time that is none."""
    confidence = item.get("confidence")
    return Indicator(
        id=identity,
        kind=IndicatorKind.PATTERN,
        value="",
        name=str(item.get("name") or ""),
        valid_from=instant_or_none(item.get("valid_from")),
        valid_until=instant_or_none(item.get("valid_until")),
        tlp=_tlp(_strings(item.get("object_marking_refs"))),
        confidence=confidence if isinstance(confidence, int) and 0 <= confidence <= 100 else None,
        labels=(*_strings(item.get("indicator_types")), *_strings(item.get("labels"))),
        source=str(item.get("created_by_ref") or ""),
    )


def _tlp(references: list[str]) -> Tlp:
    """The strictest of the markings. None at all is AMBER; one that is not a TLP marking we know is taken as RED."""
    if not references:
        return Tlp.AMBER
    return strictest(*(TLP_MARKINGS.get(reference, Tlp.RED) for reference in references))


def _strings(value: object) -> list[str]:
    return [item for item in value if isinstance(item, str)] if isinstance(value, list) else []
