"""Events, detections, histories and shared objects for the stores' tests."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from vonggac.domain.detection import Detection, RuleInfo, Ruleset, detection_id
from vonggac.domain.event import Document, put
from vonggac.domain.incident import Entry, EntryKind, Evidence, evidence_data
from vonggac.domain.marking import Tlp
from vonggac.domain.times import format_instant
from vonggac.ports import NewItem

NOVEMBER = datetime(2026, 11, 1, tzinfo=UTC)
DECEMBER = datetime(2026, 12, 1, tzinfo=UTC)
PAGE_SIZES = (1, 2, 3, 5, 7, 100)


def later(seconds: float, start: datetime = NOVEMBER) -> datetime:
    return start + timedelta(seconds=seconds)


def event(identity: str, at: datetime = NOVEMBER, **fields: Any) -> Document:
    """A flow; `source_ip="…"` sets `source.ip`."""
    document: Document = {
        "@timestamp": format_instant(at),
        "ecs": {"version": "9.0.0"},
        "event": {
            "id": identity,
            "dataset": "flow",
            "kind": "event",
            "category": ["network"],
            "type": ["connection"],
        },
        "observer": {"name": "cảm-biến-1"},
    }
    for name, value in fields.items():
        put(document, name.replace("_", ".", 1), value)
    return document


def detection(number: int, at: datetime = NOVEMBER, agency: str = "BTTTT") -> Detection:
    evidence = (f"event-{number}",)
    return Detection(
        id=detection_id("rule-1", evidence),
        rule=RuleInfo(
            id="rule-1",
            name="Port scan",
            name_vi="Quét cổng",
            ruleset=Ruleset.SIGMA,
            level="high",
            version="2",
            author="Vọng Gác",
            techniques=("T1046",),
            category="unauthorized-access",
            kind="port-scan",
        ),
        time=at,
        start=at,
        end=later(5, at),
        evidence=evidence,
        entities={"source.ip": f"198.51.100.{number}", "organization.id": agency},
        group_by={"source.ip": f"198.51.100.{number}"},
        indicator_id="indicator--1",
        tlp="amber",
    )


def entry(
    identity: str,
    kind: EntryKind,
    at: datetime = NOVEMBER,
    known: datetime | None = None,
    actor: str = "an",
    **data: Any,
) -> Entry:
    return Entry(identity, kind, at, known or at, actor, data)


def opened(at: datetime = NOVEMBER, known: datetime | None = None, **data: Any) -> Entry:
    return entry("opened", EntryKind.OPENED, at, known, **({"title": "Port scan", "category": "other"} | data))


def involved(agency: str, role: str = "victim", known: datetime = NOVEMBER) -> Entry:
    return entry(f"involved-{agency}-{role}", EntryKind.INVOLVED, known, agency=agency, role=role)


def detected(number: int, start: datetime, end: datetime, known: datetime | None = None) -> Entry:
    part = Evidence(f"detection-{number}", "rule-1", "Port scan", "Quét cổng", "high", start, end, (f"event-{number}",))
    return entry(f"detected-{number}", EntryKind.DETECTED, start, known or end, **evidence_data(part))


def noted(identity: str, text: str, known: datetime = NOVEMBER) -> Entry:
    return entry(identity, EntryKind.NOTED, known, text=text)


def item(
    identity: str,
    version: datetime = NOVEMBER,
    *,
    tlp: Tlp = Tlp.GREEN,
    agencies: Sequence[str] = (),
    spec_version: str = "2.1",
    **body: Any,
) -> NewItem:
    kind = identity.partition("--")[0]
    content = {"type": kind, "id": identity, "modified": format_instant(version), **body}
    return NewItem(identity, kind, version, content, tlp, tuple(agencies), spec_version)
