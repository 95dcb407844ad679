"""A detection: a rule, or an indicator, and the events that made it true."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from vonggac.domain.event import ECS_VERSION, Document, put
from vonggac.domain.event import field as value_at
from vonggac.domain.times import format_instant, parse_instant


class Ruleset(StrEnum):
    SIGMA = "sigma"
    CORRELATION = "sigma-correlation"
    INDICATOR = "indicator"
    BASELINE = "baseline"


class Severity(StrEnum):
    LOW = "low"
    MEDIUM = "medium"
    HIGH = "high"
    CRITICAL = "critical"

    @property
    def rank(self) -> int:
        return _RANKS[self]


_RANKS: Mapping[Severity, int] = {severity: rank for rank, severity in enumerate(Severity)}


#: What a detection copies from its evidence, so that it can be read and searched without opening it.
ENTITY_FIELDS = (
    "source.ip",
    "source.port",
    "destination.ip",
    "destination.port",
    "network.transport",
    "network.protocol",
    "network.community_id",
    "url.domain",
    "url.original",
    "dns.question.name",
    "dns.question.registered_domain",
    "tls.client.server_name",
    "file.name",
    "file.hash.sha256",
    "user_agent.original",
    "observer.name",
    "organization.id",
    "organization.name",
)

SUPPRESSED_BY = "vonggac.detection.suppressed_by"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """What a detection says of its rule. `kind` groups rules that tell of the same incident (`port-scan`).

    `category` (QĐ 05) and `rsit` (class) are what the rule itself states; empty where it does not. `tags`, in lower
    case, are what else `domain.kinds` goes by: the rule's own, `logsource.CATEGORY`, `label.LABEL`, `indicator.KIND`.
    """

    id: str
    name: str
    name_vi: str
    ruleset: Ruleset
    level: str
    version: str = ""
    author: str = ""
    techniques: tuple[str, ...] = ()
    category: str = ""
    rsit: str = ""
    tags: tuple[str, ...] = ()
    kind: str = ""
    entity: str = "source.ip"


@dataclass(frozen=True, slots=True)
class Detection:
    """`evidence` are event ids in event-time order, spanned by `start` and `end`; `group_by` is the correlation's."""

    id: str
    rule: RuleInfo
    time: datetime
    start: datetime
    end: datetime
    evidence: tuple[str, ...]
    entities: Mapping[str, Any] = field(default_factory=dict)
    group_by: Mapping[str, Any] = field(default_factory=dict)
    indicator_id: str | None = None
    tlp: str | None = None
    evidence_count: int | None = None  # how many events there were, where `evidence` names only the first of them
    measured: int | float | None = None  # what the correlation's window came to
    condition: str = ""  # what it had to come to, as `value_sum(network.bytes) >= 1000000`
    explanation: Mapping[str, Any] = field(default_factory=dict)  # of a behaviour: which numbers, against what
    suppressed_by: str | None = None  # the suppression that keeps it out of every incident

    @property
    def agency(self) -> str | None:
        return self.entities.get("organization.id")

    @property
    def entity(self) -> str:
        """What the incident is about: the group's value where the rule groups, else the rule's entity field."""
        value = self.entities.get(self.rule.entity)
        return "" if value is None else str(value)


def detection_id(rule_id: str, evidence: Sequence[str], extra: str = "") -> str:
    """The id that rule and evidence give, 32 hexadecimal digits; `extra` tells indicators of one event apart."""
    return sha256("\x1f".join((rule_id, extra, *evidence)).encode()).hexdigest()[:32]


def to_document(detection: Detection) -> Document:
    """The detection as an ECS alert (docs/ecs-fields.md)."""
    rule = detection.rule
    document: Document = {
        "@timestamp": format_instant(detection.time),
        "ecs": {"version": ECS_VERSION},
        "event": {"id": detection.id, "kind": "alert", "category": ["intrusion_detection"], "type": ["info"]},
        "rule": {"id": rule.id, "name": rule.name, "ruleset": str(rule.ruleset)},
        "vonggac": {
            "detection": {
                "level": rule.level,
                "evidence": list(detection.evidence),
                "group_by": dict(detection.group_by),
                "window": {"start": format_instant(detection.start), "end": format_instant(detection.end)},
                "kind": rule.kind,
                "entity": rule.entity,
                "name_vi": rule.name_vi,
            }
        },
        "threat": {"technique": {"id": list(rule.techniques)}},
    }
    put(document, "rule.version", rule.version or None)
    put(document, "rule.author", [rule.author] if rule.author else None)
    put(document, "vonggac.detection.category", rule.category or None)
    put(document, "vonggac.detection.rsit", rule.rsit or None)
    put(document, "vonggac.detection.tags", list(rule.tags) or None)
    put(document, "vonggac.detection.indicator_id", detection.indicator_id)
    put(document, "vonggac.detection.tlp", detection.tlp)
    put(document, "vonggac.detection.evidence_count", detection.evidence_count)
    put(document, "vonggac.detection.measured", detection.measured)
    put(document, "vonggac.detection.condition", detection.condition or None)
    put(document, "vonggac.detection.explanation", dict(detection.explanation) or None)
    put(document, SUPPRESSED_BY, detection.suppressed_by)
    for path, value in detection.entities.items():
        put(document, path, value)
    return document


def from_document(document: Document) -> Detection:
    """The detection that `to_document` wrote."""
    own = document["vonggac"]["detection"]
    rule = document["rule"]
    entities = {path: value_at(document, path) for path in ENTITY_FIELDS}
    return Detection(
        id=document["event"]["id"],
        rule=RuleInfo(
            id=rule["id"],
            name=rule["name"],
            name_vi=own["name_vi"],
            ruleset=Ruleset(rule["ruleset"]),
            level=own["level"],
            version=rule.get("version", ""),
            author=next(iter(rule.get("author", [])), ""),
            techniques=tuple(document["threat"]["technique"]["id"]),
            category=own.get("category", ""),
            rsit=own.get("rsit", ""),
            tags=tuple(own.get("tags", ())),
            kind=own["kind"],
            entity=own["entity"],
        ),
        time=parse_instant(document["@timestamp"]),
        start=parse_instant(own["window"]["start"]),
        end=parse_instant(own["window"]["end"]),
        evidence=tuple(own["evidence"]),
        entities={path: value for path, value in entities.items() if value is not None},
        group_by=own["group_by"],
        indicator_id=own.get("indicator_id"),
        tlp=own.get("tlp"),
        explanation=own.get("explanation", {}),
        evidence_count=own.get("evidence_count"),
        measured=own.get("measured"),
        condition=own.get("condition", ""),
        suppressed_by=own.get("suppressed_by"),
    )
