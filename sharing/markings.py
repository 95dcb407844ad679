"""TLP on the wire: the five TLP 2.0 marking objects, TLP 1's taken up to them, anything else closed.

TLP 2.0's objects are not predefined in STIX 2.1, so each bundle ships those that it uses
(extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d, property `tlp_2_0`, OASIS, 2022-10-01).
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

from vonggac.domain.marking import Tlp, parse_tlp, strictest

TLP2_EXTENSION = "extension-definition--60a3c5c5-0d10-413e-aab3-9e08dde9e88d"

TLP2_IDS: Mapping[Tlp, str] = {
    Tlp.CLEAR: "marking-definition--94868c89-83c2-464b-929b-a1a8aa3c8487",
    Tlp.GREEN: "marking-definition--bab4a63c-aed9-4cf5-a766-dfca5abac2bb",
    Tlp.AMBER: "marking-definition--55d920b0-5e8b-4f79-9ee9-91f868d9b421",
    Tlp.AMBER_STRICT: "marking-definition--939a9414-2ddd-4d32-a0cd-375ea402b003",
    Tlp.RED: "marking-definition--e828b379-4e03-4974-9ac4-e53a884c97c1",
}

#: STIX 2.1 §7.2.1.4's own TLP 1 objects.
TLP1_IDS: Mapping[str, Tlp] = {
    "marking-definition--613f2e26-407d-48c7-9eca-b8e91df99dc9": Tlp.CLEAR,
    "marking-definition--34098fce-860f-48ae-8e50-ebd3cc5e41da": Tlp.GREEN,
    "marking-definition--f88d31f6-486f-44da-b317-01333bde0b82": Tlp.AMBER,
    "marking-definition--5e57c739-391a-4eb3-b6be-7d15ca92d5ed": Tlp.RED,
}

_BY_ID: Mapping[str, Tlp] = {**{identity: tlp for tlp, identity in TLP2_IDS.items()}, **TLP1_IDS}


def marking_object(tlp: Tlp) -> dict[str, Any]:
    """The TLP 2.0 marking-definition object of a level."""
    return {
        "type": "marking-definition",
        "spec_version": "2.1",
        "id": TLP2_IDS[tlp],
        "created": "2022-10-01T00:00:00.000Z",
        "name": tlp.label,
        "extensions": {TLP2_EXTENSION: {"extension_type": "property-extension", "tlp_2_0": str(tlp)}},
    }


def tlp_of(obj: Mapping[str, Any], known: Mapping[str, Mapping[str, Any]], default: Tlp) -> Tlp:
    """The strictest TLP among an object's markings, granular ones too (STIX 2.1 §7.2.3).

    `known` are the objects it came with, for marking definitions that are not TLP's own ids. A reference that nothing
    explains closes the object to RED; an object without any marking has the `default`.
    """
    refs = [*obj.get("object_marking_refs", ()), *_granular(obj.get("granular_markings", ()))]
    return strictest(*(_resolve(ref, known) for ref in refs)) if refs else default


def _granular(markings: Iterable[Mapping[str, Any]]) -> list[str]:
    return [str(marking["marking_ref"]) for marking in markings if "marking_ref" in marking]


def _resolve(ref: str, known: Mapping[str, Mapping[str, Any]]) -> Tlp:
    if ref in _BY_ID:
        return _BY_ID[ref]
    definition = known.get(ref, {})
    extension = definition.get("extensions", {}).get(TLP2_EXTENSION, {})
    if "tlp_2_0" in extension:
        return parse_tlp(str(extension["tlp_2_0"]))
    if definition.get("definition_type") == "statement":
        return Tlp.CLEAR  # a copyright line or terms of use restrict how, not to whom
    return Tlp.RED
