"""Golden cases: where they lie, and what the shipped rules find in a capture."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from types import ModuleType
from typing import Any

from correlator.engine import Correlator
from correlator.rule import Rule
from rules import SHIPPED
from sensors import open_source
from sensors.base import Origin
from vonggac.domain.detection import Detection

HERE = Path(__file__).parent
SIDES = ("fires", "quiet")


def rule_files() -> dict[str, Path]:
    """Stem -> rule file of every shipped rule file."""
    return {path.stem: path for path in sorted(SHIPPED.rglob("*.yml"))}


def builders(stem: str) -> dict[str, Callable[[Any], None]]:
    """What makes the captures of a case. Imports scapy."""
    from tests.golden import cases_exploits, cases_mail, cases_network, cases_outside, cases_web, cases_windows

    def find(name: str) -> Callable[[Any], None]:
        modules: tuple[ModuleType, ...] = (
            cases_exploits,
            cases_mail,
            cases_network,
            cases_outside,
            cases_web,
            cases_windows,
        )
        return next(getattr(module, name) for module in modules if hasattr(module, name))

    return {"fires": find(stem), "quiet": find(f"{stem}_quiet")}


def found_in(path: Path, rules: tuple[Rule, ...]) -> list[dict[str, Any]]:
    """What the rules detect in a capture, in short form and stable order."""
    correlator = Correlator(rules)
    detections: list[Detection] = []
    for batch in open_source(str(path), Origin("golden")):
        detections += correlator.feed(batch.events)
    detections += correlator.finish()
    assert not correlator.faults, dict(correlator.faults)
    return sorted((in_short(detection) for detection in detections), key=lambda short: (short["rule"], short["start"]))


def in_short(detection: Detection) -> dict[str, Any]:
    return {
        "rule": detection.rule.name,
        "id": detection.rule.id,
        "level": detection.rule.level,
        "kind": detection.rule.kind,
        "entity": detection.entity,
        "group_by": dict(detection.group_by),
        "events": detection.evidence_count or len(detection.evidence),
        "start": detection.start.isoformat(),
    }
