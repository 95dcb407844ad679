"""Small events and rules for the tests of the correlator."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from correlator.sigma.load import LoadedRules, load_rules
from vonggac.domain.event import Document, put

START = datetime(2026, 3, 2, 2, 0, tzinfo=UTC)


def event(identity: str = "e1", at: float = 0, dataset: str = "flow", **fields: Any) -> Document:
    """An event `at` seconds after START; `source__ip` stands for `source.ip`."""
    moment = START + timedelta(seconds=at)
    document: Document = {"@timestamp": moment.isoformat().replace("+00:00", "Z")}
    put(document, "event.id", identity)
    put(document, "event.dataset", dataset)
    for name, value in fields.items():
        put(document, name.replace("__", "."), value)
    return document


def rule_text(detection: str, *, title: str = "A rule", name: str = "", logsource: str = "{product: vonggac}") -> str:
    head = f"title: {title}\n" + (f"name: {name}\n" if name else "")
    return f"{head}logsource: {logsource}\nlevel: medium\ndetection:\n{detection}\n"


def load_text(folder: Path, text: str, name: str = "rule.yml") -> LoadedRules:
    path = folder / name
    path.write_text(text, "utf-8")
    return load_rules([path])
