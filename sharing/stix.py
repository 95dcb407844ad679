"""An incident as STIX 2.1 objects, and back.

Incident with the Incident Core extension (extension-definition--ef765651-680c-498d-9894-99799f2fa126, OASIS common
objects, draft 2023-10-10) and an extension of ours for what the statistics need (category, severity, involvements) and,
on what was observed, for where it was captured (the capture's fingerprint, the packet, the hash of its segment).
Ids are UUIDv5 of what the object stands for, so the same incident shared twice is the same object.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import TYPE_CHECKING, Any
from uuid import UUID, uuid5

from sharing.markings import TLP2_IDS, marking_object
from vonggac.domain.agency import Agency, Directory, Level
from vonggac.domain.detection import Detection
from vonggac.domain.event import Document
from vonggac.domain.incident import Incident, Status
from vonggac.domain.marking import Tlp
from vonggac.domain.times import format_instant

if TYPE_CHECKING:
    import stix2

INCIDENT_CORE = "extension-definition--ef765651-680c-498d-9894-99799f2fa126"
OUR_EXTENSION = "extension-definition--6f0a1e0c-5d3a-5b43-9d57-0a3a8f6c2b11"
#: `source_name` of the external reference that holds a readable number.
NUMBERED = "vonggac"
DUPLICATE_OF = "duplicate-of"
NAMESPACE = UUID("3c6d8a54-6f0e-5a0b-8f5e-6c1f6f2f7a10")
_EXTENSION_BORN = datetime(2026, 11, 22, tzinfo=UTC)
_EXTENSION_REVISED = datetime(2026, 11, 27, 10, tzinfo=UTC)

#: Incident Core's investigation_status and determination, by our status.
_STATUS: Mapping[Status, tuple[str, str]] = {
    Status.NEW: ("new", "suspected"),
    Status.TRIAGED: ("open", "suspected"),
    Status.CONFIRMED: ("open", "successful-attempt"),
    Status.CONTAINED: ("open", "successful-attempt"),
    Status.ERADICATED: ("open", "successful-attempt"),
    Status.REOPENED: ("open", "suspected"),
    Status.CLOSED: ("closed", "successful-attempt"),
    Status.FALSE_POSITIVE: ("closed", "false-positive"),
    Status.EXERCISE: ("closed", "low-value"),
    Status.MERGED: ("closed", "low-value"),
}
_CRITICALITY = {"low": 25, "medium": 50, "high": 75, "critical": 100}
#: The most observations that one shared incident carries; the count in each says how many there were.
MAX_OBSERVATIONS = 50
#: The most events that one observation names.
MAX_EVENTS = 20

_SECTORS = {Level.NATIONAL: "government-national", Level.MINISTRY: "government-national"}


@dataclass(frozen=True, slots=True)
class NodeIdentity:
    """Who shares: the node's name and, where it has one, its agency's code."""

    name: str
    agency: str | None = None


def object_id(kind: str, *parts: object) -> str:
    """The STIX id that these parts always get."""
    return f"{kind}--{uuid5(NAMESPACE, chr(31).join((kind, *map(str, parts))))}"


def incident_stix_id(incident: Incident) -> str:
    """Its id on the wire; one that came from a peer keeps the peer's."""
    return incident.origin if incident.origin.startswith("incident--") else object_id("incident", incident.id)


def shared_events(detections: Sequence[Detection]) -> list[str]:
    """Ids of the events that the detections' observations name."""
    named = (event for detection in detections[:MAX_OBSERVATIONS] for event in detection.evidence[:MAX_EVENTS])
    return list(dict.fromkeys(named))


def incident_objects(
    incident: Incident,
    detections: Sequence[Detection],
    directory: Directory,
    node: NodeIdentity,
    events: Iterable[Document] = (),
    duplicates: Iterable[Incident] = (),
) -> list[dict[str, Any]]:
    """The incident, who is involved, what was seen and what it means, each marked with the incident's TLP; and that the
    `duplicates`, which others know, are the same.

    `events` are those of `shared_events` that are still there: they tell where they were captured. Definitions stand
    first, so that a reader that goes in order knows every reference.
    """
    build = _Builder(incident, directory, node)
    objects = [build.creator(), build.extension(), *build.agencies(), build.incident()]
    objects += [build.duplicate(part) for part in duplicates]
    captured = {event["event"]["id"]: event for event in events}
    for detection in detections[:MAX_OBSERVATIONS]:
        objects += build.observation(detection, captured)
    plain = [marking_object(incident.tlp), *(_plain(obj) for obj in objects)]
    return list({obj["id"]: obj for obj in plain}.values())


def bundle(objects: Iterable[Mapping[str, Any]], identity: str) -> dict[str, Any]:
    """A bundle of these objects (STIX 2.1 §8); `identity` is its UUID."""
    return {"type": "bundle", "id": f"bundle--{identity}", "objects": list(objects)}


class _Builder:
    """The objects of one incident share creator, times and marking."""

    def __init__(self, incident: Incident, directory: Directory, node: NodeIdentity) -> None:
        import stix2

        self._stix2 = stix2
        self._incident = incident
        self._directory = directory
        self._node = node
        self._creator = object_id("identity", "node", node.name)
        self._marked: dict[str, Any] = {"object_marking_refs": [TLP2_IDS[incident.tlp]]}
        self._common: dict[str, Any] = {
            **self._marked,
            "created_by_ref": self._creator,
            "created": incident.opened_at,
            "modified": incident.changed_at,
        }

    def creator(self) -> stix2.v21.Identity:
        return self._stix2.Identity(
            id=self._creator,
            created=_EXTENSION_BORN,
            modified=_EXTENSION_BORN,
            name=self._node.name,
            identity_class="system",
        )

    def extension(self) -> stix2.v21.ExtensionDefinition:
        return self._stix2.ExtensionDefinition(
            id=OUR_EXTENSION,
            created_by_ref=self._creator,
            created=_EXTENSION_BORN,
            modified=_EXTENSION_REVISED,
            name="Vong Gac incident statistics",
            description="Category, RSIT class, severity, kind, entity and involvements of an incident, as they are "
            "counted; of observed data, where each event was captured.",
            schema="https://vonggac.example/schemas/incident-statistics/1.2/schema.json",
            version="1.2.0",
            extension_types=["property-extension"],
        )

    def agencies(self) -> list[stix2.v21.Identity]:
        return [self._agency(code) for code in sorted(self._incident.agencies)]

    def _agency(self, code: str) -> stix2.v21.Identity:
        unit = self._directory.latest(code) or Agency(code, code, Level.UNIT)
        return self._stix2.Identity(
            id=self._agency_id(code),
            created_by_ref=self._creator,
            created=_EXTENSION_BORN,
            modified=_EXTENSION_BORN,
            name=unit.name,
            identity_class="organization",
            sectors=[_SECTORS.get(unit.level, "government-regional")],
            external_references=[{"source_name": "vonggac-agency", "external_id": code}],
        )

    def _agency_id(self, code: str) -> str:
        """A renamed unit is another identity, tied to the old one by its code."""
        unit = self._directory.latest(code)
        return object_id("identity", "agency", code, unit.name if unit else code)

    def incident(self) -> stix2.v21.Incident:
        found = self._incident
        status, determination = _STATUS[found.status]
        return self._stix2.Incident(
            id=incident_stix_id(found),
            name=found.title or found.title_vi or found.id,
            description=found.title_vi or None,
            labels=[found.category, *_rsit_label(found.rsit)],
            revoked=found.status in (Status.FALSE_POSITIVE, Status.MERGED),
            external_references=[*self._numbers(), *_techniques(found)],
            extensions={
                INCIDENT_CORE: {
                    "extension_type": "property-extension",
                    "investigation_status": status,
                    "determination": determination,
                    "criticality": _CRITICALITY[found.severity],
                    "incident_types": [found.category],
                    "detection_methods": ["automated-tool"] if found.evidence else ["human-review"],
                },
                OUR_EXTENSION: {
                    "extension_type": "property-extension",
                    "category": found.category,
                    "rsit": found.rsit,
                    "severity": str(found.severity),
                    "kind": found.kind,
                    "entity": found.entity,
                    "test": found.test,
                    "first_at": format_instant(found.first_at),
                    "last_at": format_instant(found.last_at),
                    "involvements": [{"agency": each.agency, "role": str(each.role)} for each in found.involvements],
                },
            },
            allow_custom=True,
            **self._common,
        )

    def _numbers(self) -> list[dict[str, str]]:
        """Its readable numbers: that of the node where it began first, then ours with our name."""
        ours = {"source_name": NUMBERED, "external_id": self._incident.number, "description": self._node.name}
        origin = self._incident.origin_number
        numbers = [{"source_name": NUMBERED, "external_id": origin}] if origin else []
        return [*numbers, ours] if self._incident.number else numbers

    def duplicate(self, part: Incident) -> stix2.v21.Relationship:
        """That a merged incident is the same as this one (STIX 2.1 §3.7, common relationships)."""
        return self._stix2.Relationship(
            id=object_id("relationship", incident_stix_id(part), DUPLICATE_OF, incident_stix_id(self._incident)),
            relationship_type=DUPLICATE_OF,
            source_ref=incident_stix_id(part),
            target_ref=incident_stix_id(self._incident),
            **self._common,
        )

    def observation(self, detection: Detection, captured: Mapping[str, Document]) -> list[Any]:
        """What was seen (observed-data and its observables), what tells of it (indicator), and that it was seen here
        (sighting, relationship)."""
        observables = self._observables(detection)
        if not observables:
            return []
        where = [self._agency_id(code) for code in [detection.agency] if code in self._incident.agencies]
        captures = _captures(captured[event] for event in detection.evidence[:MAX_EVENTS] if event in captured)
        observed = self._stix2.ObservedData(
            id=object_id("observed-data", self._incident.id, detection.id),
            first_observed=detection.start,
            last_observed=detection.end,
            number_observed=max(1, len(detection.evidence)),
            object_refs=[obj["id"] for obj in observables],
            external_references=[
                {"source_name": "vonggac-event", "external_id": event} for event in detection.evidence[:MAX_EVENTS]
            ],
            **captures,
            **self._common,
        )
        pattern = _pattern(detection)
        if pattern is None:
            return [*observables, observed]
        indicator = self._indicator(detection, pattern)
        relation = self._stix2.Relationship(
            id=object_id("relationship", indicator["id"], "detected", self._incident.id),
            source_ref=indicator["id"],
            relationship_type="detected",
            target_ref=incident_stix_id(self._incident),
            **self._common,
        )
        sighting = self._stix2.Sighting(
            id=object_id("sighting", self._incident.id, detection.id),
            sighting_of_ref=indicator["id"],
            observed_data_refs=[observed["id"]],
            where_sighted_refs=where or [self._creator],
            first_seen=detection.start,
            last_seen=detection.end,
            count=max(1, len(detection.evidence)),
            **self._common,
        )
        return [*observables, observed, indicator, relation, sighting]

    def _indicator(self, detection: Detection, pattern: str) -> stix2.v21.Indicator:
        return self._stix2.Indicator(
            id=object_id("indicator", self._incident.id, pattern),
            name=detection.rule.name,
            pattern=pattern,
            pattern_type="stix",
            valid_from=detection.start,
            indicator_types=["malicious-activity"],
            **self._common,
        )

    def _observables(self, detection: Detection) -> list[Any]:
        """The detection's addresses and names as observables, and the traffic between the addresses."""
        found = detection.entities
        ends = {side: self._address(found.get(f"{side}.ip")) for side in ("source", "destination")}
        objects: list[Any] = [end for end in ends.values() if end is not None]
        domain = found.get("url.domain") or found.get("dns.question.name") or found.get("tls.client.server_name")
        if domain and _address_type(str(domain)) is None:
            objects.append(self._stix2.DomainName(value=str(domain), **self._marked))
        if found.get("file.hash.sha256"):
            objects.append(self._stix2.File(hashes={"SHA-256": found["file.hash.sha256"]}, **self._marked))
        protocol = found.get("network.transport")
        if protocol and (ends["source"] is not None or ends["destination"] is not None):
            objects.append(self._traffic(ends, str(protocol), found))
        return objects

    def _traffic(self, ends: Mapping[str, Any], transport: str, found: Mapping[str, Any]) -> Any:
        properties: dict[str, Any] = {"protocols": [transport.lower()]}
        for side, prefix in (("source", "src"), ("destination", "dst")):
            if ends[side] is not None:
                properties[f"{prefix}_ref"] = ends[side]["id"]
            if isinstance(found.get(f"{side}.port"), int):
                properties[f"{prefix}_port"] = found[f"{side}.port"]
        return self._stix2.NetworkTraffic(**properties, **self._marked)

    def _address(self, value: object) -> Any:
        kind = _address_type(str(value)) if value else None
        if kind is None:
            return None
        return (self._stix2.IPv4Address if kind == "ipv4-addr" else self._stix2.IPv6Address)(
            value=str(value), **self._marked
        )


def _captures(events: Iterable[Document]) -> dict[str, Any]:
    """The extension that says of each event of a capture where it began: whoever keeps the packets can prove it."""
    captures = []
    for event in events:
        source = event.get("vonggac", {}).get("source", {})
        if segment := source.get("segment"):
            captures.append(
                {
                    "event": event["event"]["id"],
                    "capture": source["fingerprint"],
                    "packet": source["position"],
                    "segment_hashes": {"SHA-256": segment},
                }
            )
    if not captures:
        return {}
    extension = {"extension_type": "property-extension", "captures": captures}
    return {"extensions": {OUR_EXTENSION: extension}, "allow_custom": True}


def _pattern(detection: Detection) -> str | None:
    """What another network should look for: the file, else the name, else the attacker's address."""
    found = detection.entities
    if found.get("file.hash.sha256"):
        return f"[file:hashes.'SHA-256' = {_quoted(found['file.hash.sha256'])}]"
    if detection.rule.entity in ("url.domain", "dns.question.name", "dns.question.registered_domain"):
        name = found.get(detection.rule.entity)
        if name and _address_type(str(name)) is None:
            return f"[domain-name:value = {_quoted(name)}]"
    source = found.get("source.ip")
    kind = _address_type(str(source)) if source else None
    return f"[{kind}:value = {_quoted(source)}]" if kind else None


def _quoted(value: object) -> str:
    """A STIX pattern string literal (STIX 2.1 §9.2)."""
    return "'" + str(value).replace("\\", "\\\\").replace("'", "\\'") + "'"


def _address_type(value: str) -> str | None:
    try:
        return "ipv4-addr" if ip_address(value).version == 4 else "ipv6-addr"
    except ValueError:
        return None


def _rsit_label(rsit: str) -> list[str]:
    """The class as the machine tag that MISP's taxonomy `rsit` writes; nothing where none is known."""
    of, _, type_ = rsit.partition("/")
    return [f'rsit:{of}="{type_}"' if type_ else f"rsit:{of}"] if of else []


def _techniques(incident: Incident) -> list[dict[str, str]]:
    return [{"source_name": "mitre-attack", "external_id": technique} for technique in incident.techniques]


def _plain(obj: Any) -> dict[str, Any]:
    import orjson

    plain: dict[str, Any] = orjson.loads(obj.serialize())
    return plain


def default_tlp(obj: Mapping[str, Any]) -> Tlp:
    """What an unmarked object counts as: definitions and identities are open, anything else is for its community."""
    return Tlp.CLEAR if obj.get("type") in ("marking-definition", "extension-definition", "identity") else Tlp.AMBER
